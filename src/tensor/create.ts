// Tensors from data, numbers and chance. Data becomes a buffer at once; the rest are nodes that cost
// nothing until they are used. Not here: the generator itself (random.ts).

import { Buffer } from "../ir/buffer.ts";
import * as b from "../ir/build.ts";
import { type DType, isFloat, makeArray, roundTo, type TypedArray } from "../ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { StateError } from "../util/errors.ts";
import { Rng } from "../util/rng.ts";
import { nodeOf, wrap } from "./core.ts";
import { bufferOf, type DeviceLike } from "./device.ts";
import {
  argumentError,
  checkDtype,
  checkSizes,
  describe,
  dtypeError,
  listOf,
  maxSize,
  needOptions,
  shapeError,
} from "./ops/common.ts";
import * as n from "./ops/nodes.ts";
import { placeOn } from "./place.ts";
import { nextBase, nextRandom } from "./random.ts";
import type { NestedArray, TensorData } from "./shape-types.ts";
import type { Tensor } from "./tensor.ts";
import { activeTrace } from "./trace.ts";

export interface TensorOptions {
  dtype?: DType | undefined;
  /** Whether `backward` gives it a gradient. */
  requiresGrad?: boolean | undefined;
  /** The device that it is placed on: see `Tensor.to`. */
  device?: DeviceLike | undefined;
}

/** `zeros(2, 3)`, `zeros([2, 3])`, each with options at the end. */
export type SizesAndOptions = (number | readonly number[] | TensorOptions)[];

function parse(op: string, args: SizesAndOptions): [Shape, TensorOptions] {
  const last = args.at(-1);
  const hasOptions = typeof last === "object" && last !== null && !Array.isArray(last);
  const options = hasOptions ? (last as TensorOptions) : {};
  const sizes = listOf((hasOptions ? args.slice(0, -1) : args) as (number | readonly number[])[]);
  if (options.dtype !== undefined) checkDtype(op, options.dtype);
  return [checkTotal(op, checkSizes(op, sizes)), options];
}

/** Elements are counted in int32: no backend could hold more. */
function checkTotal(op: string, shape: Shape): Shape {
  const size = sizeOf(shape);
  if (size <= maxSize) return shape;
  throw shapeError(op, `${b.show(shape)} has ${size} elements, a tensor at most ${maxSize}`);
}

const asOptions = 'options come last, as in { dtype: "int32" }';

/** The options of a call that has a place for them alone. */
function checkOptions(op: string, options: TensorOptions): void {
  needOptions(op, options, asOptions);
  if (options.dtype !== undefined) checkDtype(op, options.dtype);
}

function finish(node: Node, options: TensorOptions): Tensor {
  const out = options.device === undefined ? wrap(node) : placeOn(wrap(node), options.device);
  if (options.requiresGrad) {
    if (!isFloat(node.dtype)) {
      throw dtypeError("requiresGrad", `only float tensors have gradients, got ${node.dtype}`);
    }
    out.requiresGrad = true;
  }
  return out;
}

// --- from data --------------------------------------------------------------------------------------

function typeOfArray(data: TypedArray): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Float64Array) return "float64";
  return data instanceof Int32Array ? "int32" : "uint8";
}

function isTyped(data: unknown): data is TypedArray {
  return (
    data instanceof Float32Array ||
    data instanceof Float64Array ||
    data instanceof Int32Array ||
    data instanceof Uint8Array
  );
}

function convert(data: ArrayLike<number>, dtype: DType): TypedArray {
  const out = makeArray(dtype, data.length);
  const round = roundTo[dtype];
  // A typed array rounds by itself, but for ints of large floats and for bools.
  if (isFloat(dtype)) out.set(data);
  else for (let i = 0; i < data.length; i++) out[i] = round(data[i]);
  if (dtype === "int32" || dtype === "uint8") checkRange(data, out, dtype);
  return out;
}

/** Refuses what would become another number than a rounded one. */
function checkRange(data: ArrayLike<number>, out: TypedArray, dtype: DType): void {
  for (let i = 0; i < data.length; i++) {
    if (Math.abs(data[i] - out[i]) < 1) continue;
    throw argumentError("tensor", `${data[i]} does not fit ${dtype}`, "use float32, or x.to(…)");
  }
}

/** A tensor of a typed array, which is copied, in a shape that fits it. */
export function fromArray(data: TypedArray, shape?: Shape, options: TensorOptions = {}): Tensor {
  if (!isTyped(data)) {
    const kinds = "Float32Array, Float64Array, Int32Array or Uint8Array";
    throw argumentError("Tensor.from", `takes a ${kinds}, got ${describe(data)}`);
  }
  checkOptions("Tensor.from", options);
  const dims = checkSizes("Tensor.from", shape ?? [data.length]);
  if (sizeOf(dims) !== data.length) {
    throw shapeError("Tensor.from", `${data.length} elements do not fit ${b.show(dims)}`);
  }
  const own = typeOfArray(data);
  const dtype = options.dtype ?? own;
  const buffer =
    dtype === own ? bufferOf(data, dtype) : new Buffer(dtype, data.length, convert(data, dtype));
  return finish(b.bufferNode(buffer, [...dims]), options);
}

/** A tensor of nested arrays (numbers: float32, booleans: bool), of a typed array, or of one number. */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  needOptions("tensor", options, `${asOptions}; for a shape use Tensor.from(data, shape)`);
  if (isTyped(data)) return fromArray(data, undefined, options);
  checkOptions("tensor", options);
  const shape = shapeOfNested(data);
  const flat: number[] = [];
  const bools = collect(data, shape, 0, flat);
  const dtype = options.dtype ?? (bools ? "bool" : "float32");
  const values = convert(flat, dtype);
  return finish(b.bufferNode(new Buffer(dtype, values.length, values), shape), options);
}

function shapeOfNested(data: NestedArray): number[] {
  const shape: number[] = [];
  let level: NestedArray = data;
  while (Array.isArray(level)) {
    shape.push(level.length);
    if (level.length === 0) break;
    level = level[0];
  }
  return shape;
}

/** Flattens; true where the elements are booleans. */
function collect(data: NestedArray, shape: Shape, depth: number, into: number[]): boolean {
  if (depth === shape.length) {
    if (typeof data !== "number" && typeof data !== "boolean") {
      throw argumentError("tensor", `takes numbers and booleans, found ${describe(data)}`);
    }
    into.push(Number(data));
    return typeof data === "boolean";
  }
  if (!Array.isArray(data) || data.length !== shape[depth]) {
    const found = Array.isArray(data) ? `a row of ${data.length}` : describe(data);
    throw shapeError("tensor", `rows of ${shape[depth]} and ${found} are mixed on axis ${depth}`);
  }
  let bools = data.length > 0;
  for (const row of data) bools = collect(row, shape, depth + 1, into) && bools;
  return bools;
}

// --- constants --------------------------------------------------------------------------------------

export function zeros(...args: SizesAndOptions): Tensor {
  const [shape, options] = parse("zeros", args);
  return finish(b.full(0, shape, options.dtype ?? "float32"), options);
}

export function ones(...args: SizesAndOptions): Tensor {
  const [shape, options] = parse("ones", args);
  return finish(b.full(1, shape, options.dtype ?? "float32"), options);
}

/** As zeros: memory is never handed out uncleared. */
export function empty(...args: SizesAndOptions): Tensor {
  const [shape, options] = parse("empty", args);
  return finish(b.full(0, shape, options.dtype ?? "float32"), options);
}

/** One number everywhere; a boolean gives bool. */
export function full(shape: Shape, value: number | boolean, options: TensorOptions = {}): Tensor {
  checkOptions("full", options);
  if (typeof value !== "number" && typeof value !== "boolean") {
    throw argumentError("full", `takes a number, got ${describe(value)}`);
  }
  const dtype = options.dtype ?? (typeof value === "boolean" ? "bool" : "float32");
  const spread = b.broadcastTo(
    b.scalar(Number(value), dtype),
    checkTotal("full", checkSizes("full", shape)),
  );
  return finish(spread, options);
}

export function zerosLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return zeros(x.shape, { dtype: x.dtype, ...options });
}

export function onesLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return ones(x.shape, { dtype: x.dtype, ...options });
}

export function emptyLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return empty(x.shape, { dtype: x.dtype, ...options });
}

export function fullLike(x: Tensor, value: number, options: TensorOptions = {}): Tensor {
  return full(x.shape, value, { dtype: x.dtype, ...options });
}

/** arange(end), arange(start, end), arange(start, end, step): int32 if all are whole, else float32. */
export function arange(
  start: number,
  end?: number | TensorOptions,
  step?: number | TensorOptions,
  options?: TensorOptions,
): Tensor {
  const numbers = [start, end, step].filter((v) => typeof v === "number");
  const given = [end, step, options].find((v) => typeof v === "object") as
    | TensorOptions
    | undefined;
  const [from, to, by] =
    numbers.length === 1 ? [0, numbers[0], 1] : [numbers[0], numbers[1], numbers[2] ?? 1];
  if (given?.dtype !== undefined) checkDtype("arange", given.dtype);
  if (by === 0 || !Number.isFinite(from + to + by) || (to - from) / by < 0) {
    throw argumentError("arange", `a step of ${by} does not lead from ${from} to ${to}`);
  }
  const whole = numbers.every(Number.isInteger);
  const dtype = given?.dtype ?? (whole ? "int32" : "float32");
  checkTotal("arange", [Math.ceil((to - from) / by)]);
  if (dtype === "int32" && Math.max(Math.abs(from), Math.abs(to)) > 2 ** 31) {
    throw argumentError("arange", `${from} to ${to} does not fit int32`, '{ dtype: "float64" }');
  }
  return finish(ramp(Math.ceil((to - from) / by), from, by, dtype, whole), given ?? {});
}

/** start + i · step for i below n. */
function ramp(size: number, start: number, step: number, dtype: DType, whole: boolean): Node {
  const kind = whole && !isFloat(dtype) ? "int32" : dtype === "float64" ? "float64" : "float32";
  const steps = b.cast(b.iota(size), kind);
  const scaled = step === 1 ? steps : n.mul(steps, b.scalar(step, kind));
  return b.cast(start === 0 ? scaled : n.add(scaled, b.scalar(start, kind)), dtype);
}

/** `steps` numbers from start to end, both included. */
export function linspace(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions = {},
): Tensor {
  checkOptions("linspace", options);
  checkSizes("linspace", [steps]);
  const dtype = options.dtype ?? "float32";
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  const kind = isFloat(dtype) ? dtype : "float32";
  // From both ends, so that the last is the end itself.
  const up = ramp(steps, start, step, kind, false);
  const down = n.add(
    n.mul(b.cast(n.sub(steps - 1, b.iota(steps)), kind), b.scalar(-step, kind)),
    b.scalar(end, kind),
  );
  const half = b.constant(Math.floor(steps / 2), "int32");
  return finish(
    b.cast(n.where(n.lt(b.iota(steps), half), up, steps > 1 ? down : up), dtype),
    options,
  );
}

/** `steps` powers of `base` (10), whose exponents go from start to end, both included. */
export function logspace(
  start: number,
  end: number,
  steps: number,
  options: TensorOptions & { base?: number | undefined } = {},
): Tensor {
  const { base = 10, ...rest } = options;
  checkOptions("logspace", rest);
  const dtype = rest.dtype ?? "float32";
  const kind = isFloat(dtype) ? dtype : "float32";
  const exponents = nodeOf(linspace(start, end, steps, { dtype: kind }));
  return finish(b.cast(n.pow(b.full(base, [steps], kind), exponents), dtype), rest);
}

/** 1 on the diagonal, 0 elsewhere. */
export function eye(rows: number, columns: number = rows, options: TensorOptions = {}): Tensor {
  checkSizes("eye", [rows, columns]);
  checkOptions("eye", options);
  const same = n.eq(n.positions(rows, 0, 2), n.positions(columns, 1, 2));
  return finish(b.cast(same, options.dtype ?? "float32"), options);
}

/** 1 where the last axis' position equals the class, else 0; int32. Classes must be known: give their
 *  number. */
export function oneHot(classes: Tensor, numClasses: number): Tensor {
  if (isFloat(classes.dtype) || classes.dtype === "bool") {
    throw dtypeError("oneHot", `classes must be ints, got ${classes.dtype}`, "use x.int()");
  }
  checkSizes("oneHot", [numClasses]);
  const given = b.cast(nodeOf(classes), "int32");
  // Looking the classes up among themselves changes none of them and faults beyond the last.
  const index = b.gather(b.iota(numClasses), b.reshape(given, [sizeOf(given.shape)]), 0);
  const column = b.reshape(index, [...given.shape, 1]);
  return wrap(
    b.cast(
      n.eq(column, n.positions(numClasses, given.shape.length, given.shape.length + 1)),
      "int32",
    ),
  );
}

// --- chance -----------------------------------------------------------------------------------------

/** Numbers from 0 (included) to 1 (not included): 24 random bits each, 53 in float64. */
function uniformNode(shape: Shape, dtype: DType): Node {
  const bits = (drop: number) => b.cast(upper(nextRandom(shape), drop), dtype);
  if (dtype !== "float64") return n.mul(bits(8), 2 ** -24);
  return n.mul(n.add(n.mul(bits(5), 2 ** 26), bits(6)), 2 ** -53);
}

/** All but the lowest bits, as a number that is not negative. */
function upper(node: Node, count: number): Node {
  return b.binary("shr", node, b.full(count, node.shape, "int32"));
}

function randomType(op: string, options: TensorOptions): DType {
  const dtype = options.dtype ?? "float32";
  if (!isFloat(dtype)) throw dtypeError(op, `gives float tensors, not ${dtype}`, "use randint");
  return dtype;
}

/** Uniform in [0, 1). */
export function rand(...args: SizesAndOptions): Tensor {
  const [shape, options] = parse("rand", args);
  return finish(uniformNode(shape, randomType("rand", options)), options);
}

/** Box and Muller: √(-2 log u) · cos 2πv, with u in (0, 1]. */
function normalNode(shape: Shape, dtype: DType): Node {
  const radius = n.sqrt(n.mul(n.log(n.sub(1, uniformNode(shape, dtype))), -2));
  return n.mul(radius, n.unary("cos", n.mul(uniformNode(shape, dtype), 2 * Math.PI)));
}

/** Normal with mean 0 and deviation 1. */
export function randn(...args: SizesAndOptions): Tensor {
  const [shape, options] = parse("randn", args);
  return finish(normalNode(shape, randomType("randn", options)), options);
}

/** Normal with the given mean and deviation. */
export function normal(
  mean: number,
  std: number,
  shape: Shape,
  options: TensorOptions = {},
): Tensor {
  checkSizes("normal", shape);
  if (!(std >= 0)) throw argumentError("normal", `the deviation must not be negative, got ${std}`);
  const dtype = randomType("normal", options);
  const z = normalNode(shape, dtype);
  return finish(n.add(n.mul(z, b.scalar(std, dtype)), b.scalar(mean, dtype)), options);
}

/** Uniform in [low, high). */
export function uniform(
  low: number,
  high: number,
  shape: Shape,
  options: TensorOptions = {},
): Tensor {
  checkSizes("uniform", shape);
  if (!(low <= high)) throw argumentError("uniform", `${low} to ${high} is no range`);
  const dtype = randomType("uniform", options);
  const u = uniformNode(shape, dtype);
  return finish(n.add(n.mul(u, b.scalar(high - low, dtype)), b.scalar(low, dtype)), options);
}

export function randLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return rand(x.shape, { dtype: x.dtype, ...options });
}

export function randnLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return randn(x.shape, { dtype: x.dtype, ...options });
}

/** Whole numbers from low (included) to high (not included), int32. */
export function randint(
  low: number,
  high: number,
  shape: Shape,
  options: TensorOptions = {},
): Tensor {
  checkSizes("randint", shape);
  checkOptions("randint", options);
  const range = high - low;
  if (!Number.isInteger(low) || !Number.isInteger(high) || range < 1 || range > 2 ** 31) {
    throw argumentError("randint", `there is no whole number from ${low} to below ${high}`);
  }
  if (low < -(2 ** 31) || high > 2 ** 31) {
    throw argumentError("randint", `${low} to ${high} is beyond int32`);
  }
  const whole = n.add(scaledBits(shape, range), b.scalar(low, "int32"));
  return finish(b.cast(whole, options.dtype ?? "int32"), options);
}

/** 53 random bits scaled to 0 … range-1: no value is likelier than another by more than 2^-22. The upper
 *  word of their 64-bit fraction times the range, in int32 that wraps, for not all devices have float64. */
function scaledBits(shape: Shape, range: number): Node {
  const first = nextRandom(shape);
  const second = nextRandom(shape);
  const high = n.add(n.mul(upper(first, 5), int(32)), upper(second, 27));
  const below = upperProduct(n.mul(upper(second, 6), int(2 ** 11)), range);
  // `below` is less than 2^31: the sum carries where it has lost the highest bit.
  const low = n.mul(high, int(range | 0));
  const carry = n.mul(upper(low, 31), n.sub(int(1), upper(n.add(low, below), 31)));
  return n.add(upperProduct(high, range), carry);
}

/** The upper word of a 64-bit product, from products of halves; all words without a sign. */
function upperProduct(word: Node, factor: number): Node {
  const [over, under] = [int(Math.floor(factor / 2 ** 16)), int(factor % 2 ** 16)];
  const top = upper(word, 16);
  const bottom = lowerHalf(word);
  const middle = n.add(n.mul(top, under), upper(n.mul(bottom, under), 16));
  const rest = n.add(n.mul(bottom, over), lowerHalf(middle));
  return n.add(n.add(n.mul(top, over), upper(middle, 16)), upper(rest, 16));
}

function lowerHalf(word: Node): Node {
  return n.sub(word, n.mul(upper(word, 16), int(2 ** 16)));
}

function int(value: number): Node {
  return b.scalar(value, "int32");
}

/** The numbers 0 … n-1 in random order, int32. */
export function randperm(size: number): Tensor {
  checkSizes("randperm", [size]);
  if (activeTrace()) {
    throw new StateError("randperm", "its order would be fixed in a compiled function", {
      hint: "make it outside and give it as an argument",
    });
  }
  const { seed, base } = nextBase();
  const order = new Rng(seed, base).permutation(size);
  return fromArray(Int32Array.from(order));
}

/** 1 with the probability that each element gives, else 0. */
export function bernoulli(probabilities: Tensor): Tensor {
  const p = nodeOf(probabilities);
  if (!isFloat(p.dtype)) {
    throw dtypeError("bernoulli", `probabilities must be float, got ${p.dtype}`, "use p.float()");
  }
  return wrap(b.cast(n.lt(uniformNode(p.shape, p.dtype), b.detach(p)), p.dtype));
}

function triangleIndices(rows: number, columns: number, inside: (r: number, c: number) => boolean) {
  checkSizes("triIndices", [rows, columns]);
  const [first, second]: number[][] = [[], []];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      if (!inside(r, c)) continue;
      first.push(r);
      second.push(c);
    }
  }
  return fromArray(Int32Array.from([...first, ...second]), [2, first.length]);
}

/** Rows and columns of a lower triangle, (2, N), int32. */
export function trilIndices(rows: number, columns = rows, offset = 0): Tensor {
  return triangleIndices(rows, columns, (r, c) => c <= r + offset);
}

/** Rows and columns of an upper triangle, (2, N), int32. */
export function triuIndices(rows: number, columns = rows, offset = 0): Tensor {
  return triangleIndices(rows, columns, (r, c) => c >= r + offset);
}
