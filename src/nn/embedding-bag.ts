// EmbeddingBag: sums, means or maxima of rows of a table, bag by bag.
// Not here: one row an index (linear.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { arange, full, ones, zeros } from "../tensor/create.ts";
import { needOptions, needTensor } from "../tensor/ops/common.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import { paddingOf } from "./embedding.ts";
import * as init from "./init.ts";
import { checkCount } from "./linear.ts";
import { inScope, Module } from "./module.ts";

const modes = ["sum", "mean", "max"] as const;

export interface EmbeddingBagOptions {
  /** "mean" by default. */
  mode?: (typeof modes)[number] | undefined;
  /** Multiplies each row that is looked up; needs "sum". Of the shape of the indices. */
  perSampleWeights?: Tensor | undefined;
  /** Indices of this row do not count. Negative ones count from the end. */
  paddingIdx?: number | undefined;
  /** Whether the last offset is the end of the last bag, not the start of one more. */
  includeLastOffset?: boolean | undefined;
}

/**
 * One vector a bag of indices, as torch.nn.functional.embedding_bag. index (B, N), a bag a row; or (N)
 * with `offsets` (B), where the bags begin. weight (V, D) → (B, D). An empty bag gives zeros.
 *
 * @example
 * nn.embeddingBag(tokens, table, tensor([0, 4], { dtype: "int32" })); // (7) → two bags, (2, D)
 */
export function embeddingBag(
  index: Tensor,
  weight: Tensor,
  offsets: Tensor | null = null,
  options: EmbeddingBagOptions = {},
): Tensor {
  const { mode = "mean", perSampleWeights, includeLastOffset = false } = options;
  checkBags(index, weight, offsets, options);
  const [V, D] = weight.shape as [number, number];
  const flat = index.int().flatten(); // (N)
  const N = flat.shape[0]!;
  const padding = paddingOf("embeddingBag", options.paddingIdx, V);
  const counts = padding === undefined ? ones(N).bool() : flat.ne(padding); // (N)
  const rows = weight.indexSelect(0, flat); // (N, D)
  if (offsets === null) {
    const [B, L] = index.shape as [number, number];
    const bags = (x: Tensor) => x.reshape([B, L, ...x.shape.slice(1)]);
    const factors = perSampleWeights && bags(perSampleWeights.flatten());
    return pooled(mode, bags(rows), bags(counts), factors);
  }
  const B = offsets.shape[0]! - (includeLastOffset ? 1 : 0);
  const bag = offsets.int().unsqueeze(0).le(arange(N).unsqueeze(1)).int().sum(1).sub(1); // (N)
  if (mode === "max") {
    const own = bag.eq(arange(B).unsqueeze(1)).logicalAnd(counts); // (B, N)
    return pooled(mode, rows.unsqueeze(0).expand(B, N, D), own);
  }
  // What lies behind the end that `includeLastOffset` gives falls into a bag that is left out.
  const kept = where(counts, 1, 0).to(rows.dtype); // (N)
  const factors = perSampleWeights ? kept.mul(perSampleWeights.flatten()) : kept;
  const sums = zeros([B + 1, D], { dtype: rows.dtype })
    .indexAdd(0, bag, where(counts.unsqueeze(1), rows.mul(factors.unsqueeze(1)), 0))
    .narrow(0, 0, B); // (B, D)
  if (mode === "sum") return sums;
  const sizes = zeros([B + 1], { dtype: rows.dtype })
    .indexAdd(0, bag, kept)
    .narrow(0, 0, B);
  return sums.div(sizes.maximum(1).unsqueeze(1));
}

/** rows (B, L, D), counts (B, L) → (B, D). */
function pooled(
  mode: (typeof modes)[number],
  rows: Tensor,
  counts: Tensor,
  factors?: Tensor,
): Tensor {
  const [B, L, D] = rows.shape as [number, number, number];
  if (L === 0) return zeros([B, D], { dtype: rows.dtype });
  const here = counts.unsqueeze(-1); // (B, L, 1)
  if (mode === "max") {
    const most = where(here, rows, full([1], -Infinity, { dtype: rows.dtype })).max(1).values;
    return where(counts.any(1, { keepdim: true }), most, 0);
  }
  const sum = where(here, factors ? rows.mul(factors.unsqueeze(-1)) : rows, 0).sum(1);
  return mode === "sum" ? sum : sum.div(counts.int().sum(1, { keepdim: true }).maximum(1));
}

function checkBags(
  index: Tensor,
  weight: Tensor,
  offsets: Tensor | null,
  options: EmbeddingBagOptions,
): void {
  const op = "embeddingBag";
  needTensor(op, index, "the index");
  needTensor(op, weight, "the weight");
  needOptions(op, options, 'use { mode: "sum" }');
  for (const t of [index, offsets]) {
    if (t === null || t.dtype === "int32" || t.dtype === "uint8") continue;
    throw new DtypeError(op, `indices and offsets must be int32, got ${t.dtype}`, {
      hint: "use index.int()",
      in: currentScope(),
    });
  }
  const shapes = `index ${show(index.shape)}, offsets ${offsets ? show(offsets.shape) : "none"}`;
  const fits = offsets === null ? index.shape.length === 2 : index.shape.length === 1;
  if (!fits || (offsets !== null && offsets.shape.length !== 1)) {
    const detail = `${shapes}: takes (B, N) without offsets, or (N) with offsets (B)`;
    throw new ShapeError(op, detail, { in: currentScope() });
  }
  const { mode = "mean", perSampleWeights: factors } = options;
  if (!modes.includes(mode)) {
    throw new ArgumentError(op, `no mode "${String(mode)}"`, { hint: `use ${modes.join(", ")}` });
  }
  if (factors === undefined) return;
  if (mode !== "sum")
    throw new ArgumentError(op, `perSampleWeights need mode "sum", not "${mode}"`);
  if (show(factors.shape) === show(index.shape)) return;
  const detail = `${shapes}: perSampleWeights ${show(factors.shape)} must have the index's shape`;
  throw new ShapeError(op, detail, { in: currentScope() });
}

/** A table of vectors of which bags are summed or averaged, as torch.nn.EmbeddingBag. */
export class EmbeddingBag extends Module {
  readonly options: Omit<EmbeddingBagOptions, "perSampleWeights">;
  weight: Tensor; // (V, D)

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    options: Omit<EmbeddingBagOptions, "perSampleWeights"> = {},
  ) {
    super();
    checkCount("EmbeddingBag", "numEmbeddings", numEmbeddings);
    checkCount("EmbeddingBag", "embeddingDim", embeddingDim);
    needOptions("EmbeddingBag", options, 'use { mode: "sum" }');
    const { mode = "mean" } = options;
    if (!modes.includes(mode)) throw new ArgumentError("EmbeddingBag", `no mode "${String(mode)}"`);
    const padding = paddingOf("EmbeddingBag", options.paddingIdx, numEmbeddings);
    this.options = options;
    this.weight = init.normal(init.emptyParameter([numEmbeddings, embeddingDim], "EmbeddingBag"));
    if (padding === undefined) return;
    const start = padding * embeddingDim;
    this.weight.current.buffer?.host?.fill(0, start, start + embeddingDim);
  }

  /** index (B, N), or (N) with offsets (B) → (B, D). */
  forward(
    index: Tensor,
    offsets: Tensor | null = null,
    perSampleWeights: Tensor | null = null,
  ): Tensor {
    const options = { ...this.options, perSampleWeights: perSampleWeights ?? undefined };
    return inScope(this, () => embeddingBag(index, this.weight, offsets, options));
  }

  override describe(): string {
    return `${this.weight.shape[0]} -> ${this.weight.shape[1]}, ${this.options.mode ?? "mean"}`;
  }
}
