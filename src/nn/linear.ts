// Linear and bilinear layers, and those that only move axes.
// Not here: tables of vectors (embedding.ts), convolutions (conv.ts), attention.

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { needOptions, needTensor } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
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
