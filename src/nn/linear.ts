// Linear, bilinear and embedding layers, and those that only move axes.
// Not here: convolutions (conv.ts), attention.

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { needOptions, needTensor } from "../tensor/ops/common.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import * as init from "./init.ts";
import { inScope, Module } from "./module.ts";

/** A whole number of at least `least`, or an error that names the layer's argument. */
export function checkCount(op: string, name: string, value: number, least = 1): number {
  if (Number.isInteger(value) && value >= least) return value;
  const what = least === 0 ? "a whole number" : `a whole number of at least ${least}`;
  throw new ArgumentError(op, `${name} must be ${what}, got ${value}`, { in: currentScope() });
}

/** Refuses a layer's options where a flag or a number stands in their place. */
export function checkOptions(module: object, options: unknown, hint = "use { bias: false }"): void {
  needOptions(module.constructor.name, options, hint);
}

export interface BiasOption {
  /** False leaves the bias out. */
  bias?: boolean | undefined;
}

/** x · weightᵀ + bias. x (…, I), weight (O, I), bias (O) → (…, O). */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  needTensor("linear", x, "the input");
  needTensor("linear", weight, "the weight");
  if (bias !== null) needTensor("linear", bias, "the bias");
  const inner = x.shape.at(-1);
  if (inner !== weight.shape[1]) {
    const shapes = `input ${show(x.shape)}, weight ${show(weight.shape)}`;
    const detail = `${shapes}: the last axis is ${inner ?? "missing"}, not ${weight.shape[1]}`;
    throw new ShapeError("linear", detail, { in: currentScope() });
  }
  const product = x.matmul(weight.T); // (…, O)
  return bias === null ? product : product.add(bias);
}

/**
 * `x · weightᵀ + bias`, as torch.nn.Linear.
 *
 * @example
 * new nn.Linear(784, 128).forward(x); // (B, 784) → (B, 128)
 */
export class Linear extends Module {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Tensor; // (O, I)
  bias: Tensor | null; // (O)

  constructor(inFeatures: number, outFeatures: number, options: BiasOption = {}) {
    super();
    this.inFeatures = checkCount("Linear", "inFeatures", inFeatures, 0);
    this.outFeatures = checkCount("Linear", "outFeatures", outFeatures, 0);
    checkOptions(this, options);
    const shape = [outFeatures, inFeatures];
    this.weight = init.kaimingUniform(init.emptyParameter(shape, "Linear"), { a: Math.sqrt(5) });
    this.bias =
      options.bias === false ? null : init.biasLike(init.emptyParameter([outFeatures]), shape);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => linear(x, this.weight, this.bias));
  }

  override describe(): string {
    const bias = this.bias === null ? ", no bias" : "";
    return `${this.inFeatures} -> ${this.outFeatures}${bias}`;
  }
}

/** y[o] = aᵀ · weight[o] · b + bias[o], as torch.nn.Bilinear. */
export class Bilinear extends Module {
  weight: Tensor; // (O, I, J)
  bias: Tensor | null; // (O)

  constructor(inFirst: number, inSecond: number, outFeatures: number, options: BiasOption = {}) {
    super();
    const bound = 1 / Math.sqrt(checkCount("Bilinear", "inFirst", inFirst));
    const shape = [outFeatures, inFirst, checkCount("Bilinear", "inSecond", inSecond)];
    this.weight = init.uniform(init.emptyParameter(shape), -bound, bound);
    const bias = () => init.uniform(init.emptyParameter([outFeatures]), -bound, bound);
    this.bias = options.bias === false ? null : bias();
  }

  /** a (…, I), b (…, J) → (…, O). */
  forward(a: Tensor, b: Tensor): Tensor {
    return inScope(this, () => {
      const [O, I, J] = this.weight.shape as [number, number, number];
      const lead = a.shape.slice(0, -1);
      const left = a.reshape(-1, I).matmul(this.weight.permute(1, 0, 2).reshape(I, O * J)); // (N, O·J)
      const product = left
        .reshape(-1, O, J)
        .mul(b.reshape(-1, 1, J))
        .sum(-1); // (N, O)
      const out = product.reshape([...lead, O]);
      return this.bias === null ? out : out.add(this.bias);
    });
  }

  override describe(): string {
    const [O, I, J] = this.weight.shape;
    return `${I} x ${J} -> ${O}`;
  }
}

export interface EmbeddingOptions {
  /** A row that starts at 0 and gets no gradient. Negative ones count from the end. */
  paddingIdx?: number | undefined;
}

/** Rows of a table. index (…) int32, weight (V, D) → (…, D). */
export function embedding(index: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  needTensor("embedding", index, "the index");
  if (index.dtype !== "int32" && index.dtype !== "uint8") {
    throw new DtypeError("embedding", `indices must be int32, got ${index.dtype}`, {
      hint: "use index.int()",
      in: currentScope(),
    });
  }
  const flat = index.int().flatten(); // (N)
  let rows = weight.indexSelect(0, flat); // (N, D)
  if (options.paddingIdx !== undefined) {
    rows = where(flat.eq(options.paddingIdx).unsqueeze(-1), rows.detach(), rows);
  }
  return rows.reshape([...index.shape, weight.shape[1]!]);
}

/** A table of vectors, looked up by index, as torch.nn.Embedding. */
export class Embedding extends Module {
  readonly paddingIdx: number | undefined;
  weight: Tensor; // (V, D)

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    checkCount("Embedding", "numEmbeddings", numEmbeddings);
    checkCount("Embedding", "embeddingDim", embeddingDim);
    checkOptions(this, options, "use { paddingIdx: 0 }");
    this.paddingIdx = paddingOf("Embedding", options.paddingIdx, numEmbeddings);
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
    return inScope(this, () => embedding(index, this.weight, { paddingIdx: this.paddingIdx }));
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

// --- axes only ----------------------------------------------------------------------------------------

/** Gives its input back. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Axes from `start` to `end` become one; by default all but the batch. */
export class Flatten extends Module {
  readonly start: number;
  readonly end: number;

  constructor(start = 1, end = -1) {
    super();
    this.start = start;
    this.end = end;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => x.flatten(this.start, this.end));
  }
}

/** One axis becomes several. */
export class Unflatten extends Module {
  readonly axis: number;
  readonly sizes: readonly number[];

  constructor(axis: number, sizes: readonly number[]) {
    super();
    this.axis = axis;
    this.sizes = sizes;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => x.unflatten(this.axis, this.sizes));
  }

  override describe(): string {
    return `axis ${this.axis} to ${show(this.sizes)}`;
  }
}
