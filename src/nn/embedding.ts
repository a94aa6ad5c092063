// Embedding: a table of vectors, looked up by index. Not here: bags of them (embedding-bag.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { noGrad } from "../tensor/core.ts";
import { onesLike, zeros } from "../tensor/create.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { needTensor } from "../tensor/ops/common.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import * as init from "./init.ts";
import { checkCount, checkOptions } from "./linear.ts";
import { inScope, Module } from "./module.ts";

export interface EmbeddingOptions {
  /** A row that starts at 0 and gets no gradient. Negative ones count from the end. */
  paddingIdx?: number | undefined;
  /** Rows that are looked up and whose norm is larger are first scaled down to it, in the table. */
  maxNorm?: number | undefined;
  /** The p of that norm (2). */
  normType?: number | undefined;
  /** Gradients of a row are divided by how often it was looked up. */
  scaleGradByFreq?: boolean | undefined;
}

/** How often each row of a table is looked up, (V) float. */
function timesUsed(flat: Tensor, rows: number): Tensor {
  return zeros(rows).scatterAdd(0, flat, onesLike(flat, { dtype: "float32" }));
}

/** Scales rows that are looked up and are too long down, in the table itself. */
function renormalize(weight: Tensor, flat: Tensor, most: number, p: number): void {
  noGrad(() => {
    const length = weight.norm(p, 1, { keepdim: true }); // (V, 1)
    const long = timesUsed(flat, weight.shape[0]!).gt(0).unsqueeze(1).logicalAnd(length.gt(most));
    weight.assign(where(long, weight.mul(length.add(1e-7).reciprocal().mul(most)), weight));
  });
}

/** x; its gradient is multiplied by `factor`. */
const withGradientTimes = /* @__PURE__ */ customVjp(
  (x: Tensor, _: Tensor): Tensor => x.clone(),
  (g, [, factor]) => [g.mul(factor), null],
);

/** Rows of a table. index (…) int32, weight (V, D) → (…, D). As torch.nn.functional.embedding. */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  needTensor("embedding", index, "the index");
  if (index.dtype !== "int32" && index.dtype !== "uint8") {
    throw new DtypeError("embedding", `indices must be int32, got ${index.dtype}`, {
      hint: "use index.int()",
      in: currentScope(),
    });
  }
  const flat = index.int().flatten(); // (N)
  const { maxNorm, normType = 2, scaleGradByFreq = false } = options;
  if (maxNorm !== undefined) renormalize(weight, flat, maxNorm, normType);
  let rows = weight.indexSelect(0, flat); // (N, D)
  if (scaleGradByFreq) {
    const times = timesUsed(flat, weight.shape[0]!).indexSelect(0, flat); // (N)
    rows = withGradientTimes(rows, times.reciprocal().unsqueeze(1));
  }
  if (options.paddingIdx !== undefined) {
    rows = where(flat.eq(options.paddingIdx).unsqueeze(-1), rows.detach(), rows);
  }
  return rows.reshape([...index.shape, weight.shape[1]!]);
}

/** A table of vectors, looked up by index, as torch.nn.Embedding. */
export class Embedding extends Module {
  readonly paddingIdx: number | undefined;
  readonly options: EmbeddingOptions;
  weight: Tensor; // (V, D)

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    checkCount("Embedding", "numEmbeddings", numEmbeddings);
    checkCount("Embedding", "embeddingDim", embeddingDim);
    checkOptions(this, options, "use { paddingIdx: 0 }");
    this.paddingIdx = paddingOf("Embedding", options.paddingIdx, numEmbeddings);
    const { maxNorm, normType } = options;
    for (const [name, value] of Object.entries({ maxNorm, normType })) {
      if (value === undefined || value > 0) continue;
      throw new ArgumentError("Embedding", `${name} must be above 0, got ${value}`);
    }
    this.options = { ...options, paddingIdx: this.paddingIdx };
    this.weight = init.normal(init.emptyParameter([numEmbeddings, embeddingDim], "Embedding"));
    const { buffer } = this.weight.current;
    const start = (this.paddingIdx ?? 0) * embeddingDim;
    if (this.paddingIdx !== undefined) buffer?.host?.fill(0, start, start + embeddingDim);
  }

  /**
   * A table with the given rows (V, D), frozen unless told otherwise, as torch.nn.Embedding.from_pretrained.
   *
   * @example
   * const embed = nn.Embedding.fromPretrained(vectors, { freeze: false });
   */
  static fromPretrained(
    rows: Tensor,
    options: EmbeddingOptions & { freeze?: boolean | undefined } = {},
  ): Embedding {
    const { freeze = true, ...others } = options;
    needTensor("fromPretrained", rows, "the rows");
    if (rows.shape.length !== 2) {
      throw new ShapeError("fromPretrained", `the rows must be (V, D), got ${show(rows.shape)}`);
    }
    const layer = new Embedding(rows.shape[0]!, rows.shape[1]!, others);
    layer.loadStateDict({ weight: rows });
    return freeze ? layer.freeze() : layer;
  }

  forward(index: Tensor): Tensor {
    return inScope(this, () => embedding(index, this.weight, this.options));
  }

  override describe(): string {
    const padding = this.paddingIdx === undefined ? "" : `, padding ${this.paddingIdx}`;
    return `${this.weight.shape[0]} -> ${this.weight.shape[1]}${padding}`;
  }
}

/** A row by its index, negative ones from the end. */
export function paddingOf(
  op: string,
  index: number | undefined,
  count: number,
): number | undefined {
  if (index === undefined) return undefined;
  const at = index < 0 ? index + count : index;
  if (Number.isInteger(at) && at >= 0 && at < count) return at;
  throw new ArgumentError(op, `paddingIdx ${index} is outside of ${count} rows`);
}
