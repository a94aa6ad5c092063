// Initial values: PyTorch's torch.nn.init, drawn on the host from the seeded generator, so that they
// are the same on every device and cost no program. Each function fills its tensor and returns it.
// Not here: random tensors inside computations (tensor/random.ts).

import { show } from "../ir/build.ts";
import { makeArray, type TypedArray } from "../ir/dtype.ts";
import { type Shape, sizeOf } from "../ir/node.ts";
import { nextBase } from "../tensor/random.ts";
import { stateNode, stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError, StateError } from "../util/errors.ts";
import { Rng } from "../util/rng.ts";
import { Parameter } from "./parameter.ts";

// What a 32-bit memory holds.
const mostElements = 2 ** 30;

/** A new parameter of zeros, to be filled by one of the functions below. `op` is what errors name. */
export function emptyParameter<S extends Shape>(shape: S, op = "parameter"): Parameter<S> {
  if (sizeOf(shape) > mostElements) {
    const size = `${(sizeOf(shape) / 2 ** 28).toPrecision(3)} GiB`;
    throw new ShapeError(op, `weights ${show(shape)} take ${size}, at most 4 GiB fit`);
  }
  return new Parameter<S>(stateNode(new Float32Array(sizeOf(shape)), shape));
}

function fill<T extends Tensor>(tensor: T, f: (out: TypedArray) => void): T {
  const out = makeArray(tensor.dtype, sizeOf(tensor.shape));
  f(out);
  tensor.current = stateNode(out, tensor.shape, tensor.dtype);
  return tensor;
}

/** A stream of random numbers that belongs to this one tensor. */
function stream(): Rng {
  const { seed, base } = nextBase();
  return new Rng(seed, base);
}

function each<T extends Tensor>(tensor: T, draw: (rng: Rng) => number): T {
  const rng = stream();
  return fill(tensor, (out) => {
    for (let i = 0; i < out.length; i++) out[i] = draw(rng);
  });
}

/** Numbers from [low, high). */
export function uniform<T extends Tensor>(tensor: T, low = 0, high = 1): T {
  return each(tensor, (rng) => rng.uniform(low, high));
}

export function normal<T extends Tensor>(tensor: T, mean = 0, std = 1): T {
  return each(tensor, (rng) => mean + std * rng.normal());
}

export interface TruncNormalOptions {
  mean?: number | undefined;
  std?: number | undefined;
  low?: number | undefined;
  high?: number | undefined;
}

/** Normal numbers, drawn again until they lie within [low, high]. */
export function truncNormal<T extends Tensor>(tensor: T, options: TruncNormalOptions = {}): T {
  const { mean = 0, std = 1, low = -2, high = 2 } = options;
  // Rejection would draw for ever from a tail; beyond 4 deviations nothing is worth waiting for.
  if (!(low < high && low <= mean + 4 * std && high >= mean - 4 * std)) {
    const range = `[${low},${high}]`;
    throw new ArgumentError("truncNormal", `${range} is too far from mean ${mean} and std ${std}`);
  }
  return each(tensor, (rng) => {
    for (;;) {
      const value = mean + std * rng.normal();
      if (value >= low && value <= high) return value;
    }
  });
}

export function constant<T extends Tensor>(tensor: T, value: number): T {
  return fill(tensor, (out) => out.fill(value));
}

export function zeros<T extends Tensor>(tensor: T): T {
  return constant(tensor, 0);
}

export function ones<T extends Tensor>(tensor: T): T {
  return constant(tensor, 1);
}

/** The identity matrix. */
export function eye<T extends Tensor>(tensor: T): T {
  if (tensor.shape.length !== 2) {
    throw new ShapeError("eye", `takes a matrix, got ${show(tensor.shape)}`);
  }
  const [rows, columns] = tensor.shape as [number, number];
  return fill(tensor, (out) => {
    for (let i = 0; i < Math.min(rows, columns); i++) out[i * columns + i] = 1;
  });
}

// --- by the number of connections ---------------------------------------------------------------------

export type Nonlinearity = "linear" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

/** By how much a nonlinearity shrinks a signal: the factor that makes up for it. */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  const gains: { [K in Nonlinearity]: number } = {
    linear: 1,
    sigmoid: 1,
    tanh: 5 / 3,
    relu: Math.SQRT2,
    leakyRelu: Math.sqrt(2 / (1 + slope * slope)),
    selu: 3 / 4,
  };
  return gains[nonlinearity];
}

/** How many inputs an output of a weight (O, I, …) has, and how many outputs an input has. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    throw new ShapeError("fans", `needs at least two axes, got ${show(shape)}`);
  }
  const field = sizeOf(shape.slice(2));
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field };
}

/** Glorot and Bengio 2010, uniform. */
export function xavierUniform<T extends Tensor>(tensor: T, gain = 1): T {
  const { fanIn, fanOut } = fans(tensor.shape);
  const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform(tensor, -bound, bound);
}

/** Glorot and Bengio 2010, normal. */
export function xavierNormal<T extends Tensor>(tensor: T, gain = 1): T {
  const { fanIn, fanOut } = fans(tensor.shape);
  return normal(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)));
}

export interface KaimingOptions {
  /** The slope of a leaky relu. */
  a?: number | undefined;
  mode?: "fanIn" | "fanOut" | undefined;
  nonlinearity?: Nonlinearity | undefined;
}

function kaimingStd(shape: Shape, options: KaimingOptions): number {
  const { a = 0, mode = "fanIn", nonlinearity = "leakyRelu" } = options;
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(shape)[mode]);
}

/** He et al. 2015, uniform. PyTorch's layers use it with a = √5: bounds of 1/√fanIn. */
export function kaimingUniform<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  const bound = Math.sqrt(3) * kaimingStd(tensor.shape, options);
  return uniform(tensor, -bound, bound);
}

/** He et al. 2015, normal. */
export function kaimingNormal<T extends Tensor>(tensor: T, options: KaimingOptions = {}): T {
  return normal(tensor, 0, kaimingStd(tensor.shape, options));
}

export interface VarianceScalingOptions {
  scale?: number | undefined;
  mode?: "fanIn" | "fanOut" | "fanAvg" | undefined;
  distribution?: "truncatedNormal" | "normal" | "uniform" | undefined;
}

/** Numbers of variance scale / fan, as Keras's VarianceScaling. A normal distribution that is cut off at two
 *  deviations is made wider by what that takes away. */
export function varianceScaling<T extends Tensor>(
  tensor: T,
  options: VarianceScalingOptions = {},
): T {
  const { scale = 1, mode = "fanIn", distribution = "truncatedNormal" } = options;
  const { fanIn, fanOut } = fans(tensor.shape);
  const all = { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 };
  if (!(scale > 0)) {
    throw new ArgumentError("varianceScaling", `scale must be positive, got ${scale}`);
  }
  const std = Math.sqrt(scale / all[mode]);
  if (distribution === "uniform") return uniform(tensor, -Math.sqrt(3) * std, Math.sqrt(3) * std);
  if (distribution === "normal") return normal(tensor, 0, std);
  const wide = std / 0.87962566103423978; // the deviation of what is left of a normal variable
  return truncNormal(tensor, { std: wide, low: -2 * wide, high: 2 * wide });
}

/** LeCun et al. 1998, uniform: variance 1 / fanIn. */
export function lecunUniform<T extends Tensor>(tensor: T): T {
  return varianceScaling(tensor, { distribution: "uniform" });
}

/** LeCun et al. 1998, normal and cut off at two deviations: variance 1 / fanIn. */
export function lecunNormal<T extends Tensor>(tensor: T): T {
  return varianceScaling(tensor);
}

// --- with a structure ---------------------------------------------------------------------------------

/** A convolution's weight (O, C, …) that hands as many channels on as it can: ones in the middle. Each of
 *  `groups` groups of outputs does so by itself. */
export function dirac<T extends Tensor>(tensor: T, groups = 1): T {
  const [out, inner, ...field] = tensor.shape;
  if (field.length < 1 || field.length > 3) {
    throw new ShapeError("dirac", `takes 3, 4 or 5 axes, got ${show(tensor.shape)}`);
  }
  if (!Number.isInteger(groups) || groups < 1 || out! % groups !== 0) {
    throw new ArgumentError("dirac", `${out} channels do not divide into ${groups} groups`);
  }
  const middle = field.reduce((at, size) => at * size + Math.floor(size / 2), 0);
  const size = sizeOf(field);
  return fill(tensor, (values) => {
    for (let group = 0; group < groups; group++) {
      for (let i = 0; i < Math.min(out! / groups, inner!); i++) {
        values[(((group * out!) / groups + i) * inner! + i) * size + middle] = 1;
      }
    }
  });
}

/** A matrix of normal numbers of which a share of each column is 0 (Martens 2010). */
export function sparse<T extends Tensor>(tensor: T, sparsity: number, std = 0.01): T {
  if (tensor.shape.length !== 2) {
    throw new ShapeError("sparse", `takes a matrix, got ${show(tensor.shape)}`);
  }
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new ArgumentError("sparse", `sparsity must be in [0,1], got ${sparsity}`);
  }
  const [rows, columns] = tensor.shape as [number, number];
  const rng = stream();
  return fill(tensor, (out) => {
    for (let i = 0; i < out.length; i++) out[i] = std * rng.normal();
    for (let c = 0; c < columns; c++) {
      const none = rng.permutation(rows).slice(0, Math.ceil(sparsity * rows));
      for (const r of none) out[r * columns + c] = 0;
    }
  });
}

/** Rows (or columns, whichever are fewer) that are orthogonal and of length `gain`. Saxe et al. 2013. */
export function orthogonal<T extends Tensor>(tensor: T, gain = 1): T {
  if (tensor.shape.length < 2) {
    throw new ShapeError("orthogonal", `needs at least two axes, got ${show(tensor.shape)}`);
  }
  const rows = tensor.shape[0]!;
  const columns = sizeOf(tensor.shape.slice(1));
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  const rng = stream();
  const vectors: Float64Array[] = [];
  while (vectors.length < count) {
    const v = Float64Array.from({ length }, () => rng.normal());
    if (makeOrthonormal(v, vectors)) vectors.push(v);
  }
  return fill(tensor, (out) => {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        out[r * columns + c] = gain * (rows <= columns ? vectors[r]![c]! : vectors[c]![r]!);
      }
    }
  });
}

// Gram and Schmidt, twice: once is not exact when v is nearly within what the others span.
function makeOrthonormal(v: Float64Array, others: readonly Float64Array[]): boolean {
  for (let pass = 0; pass < 2; pass++) {
    for (const other of others) {
      let dot = 0;
      for (let i = 0; i < v.length; i++) dot += v[i]! * other[i]!;
      for (let i = 0; i < v.length; i++) v[i] = v[i]! - dot * other[i]!;
    }
  }
  let squares = 0;
  for (let i = 0; i < v.length; i++) squares += v[i]! ** 2;
  const norm = Math.sqrt(squares);
  if (norm < 1e-10) return false;
  for (let i = 0; i < v.length; i++) v[i] = v[i]! / norm;
  return true;
}

/**
 * Fills each of `count` equal blocks of rows by itself: recurrent weights have a block for each gate.
 * Blocks that `f` leaves alone keep their values.
 *
 * @example
 * nn.init.inBlocks(lstm.weight_hh_l0, 4, (gate) => nn.init.orthogonal(gate));
 */
export function inBlocks<T extends Tensor>(
  tensor: T,
  count: number,
  f: (block: Tensor, index: number) => void,
): T {
  const { shape, dtype } = tensor;
  const host = tensor.current.op === "buffer" ? tensor.current.buffer?.host : null;
  if (!host) throw new StateError("inBlocks", "the values are no longer on the host");
  if (!Number.isInteger(count) || count < 1 || (shape[0] ?? 0) % count !== 0) {
    throw new ShapeError("inBlocks", `${show(shape)} has no ${count} equal blocks of rows`);
  }
  const size = host.length / count;
  return fill(tensor, (out) => {
    for (let i = 0; i < count; i++) {
      const values = host.slice(i * size, (i + 1) * size);
      const block = stateTensor(values, [shape[0]! / count, ...shape.slice(1)], dtype);
      f(block, i);
      out.set(block.current.buffer?.host ?? values, i * size);
    }
  });
}

/** PyTorch's default for a layer's bias: uniform within 1/√fanIn of the layer's weight. */
export function biasLike<T extends Tensor>(bias: T, weight: Shape): T {
  const { fanIn } = fans(weight);
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  return uniform(bias, -bound, bound);
}
