// Reductions: over all axes, one axis or a list; PyTorch's dtypes and options.
// Not here: matmul and its kin (linear.ts), losses (nn/).

import * as b from "../../ir/build.ts";
import { type DType, isFloat } from "../../ir/dtype.ts";
import { type Node, sizeOf } from "../../ir/node.ts";
import type { ReduceOp } from "../../ir/op.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Axes, ReduceOptions, ValuesAndIndices } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import {
  apply,
  axesOf,
  axisOf,
  dtypeError,
  given,
  shapeError,
  sumType,
  toFloat,
} from "./common.ts";
import * as n from "./nodes.ts";

export interface SumOptions extends ReduceOptions {
  /** The dtype to add in, and of the result. */
  dtype?: DType | undefined;
}

function total(
  op: string,
  fn: ReduceOp,
  x: Tensor,
  axes: Axes | undefined,
  options: SumOptions,
): Tensor {
  const at = axesOf(op, axes, x.shape, options);
  const dtype = options.dtype ?? sumType(x.dtype);
  return apply(x, (v) => n.reduce(fn, b.cast(v, dtype), at, options.keepdim ?? false));
}

/** The sum; of ints and bools in int32. */
export function sum(x: Tensor, axes?: Axes, options: SumOptions = {}): Tensor {
  return total("sum", "sum", x, axes, options);
}

export function prod(x: Tensor, axes?: Axes, options: SumOptions = {}): Tensor {
  return total("prod", "prod", x, axes, options);
}

export function mean(x: Tensor, axes?: Axes, options: SumOptions = {}): Tensor {
  const dtype = options.dtype ?? x.dtype;
  requireFloat("mean", dtype);
  const at = axesOf("mean", axes, x.shape, options);
  return apply(x, (v) => meanOf(b.cast(v, dtype), at, options.keepdim ?? false));
}

function requireFloat(op: string, dtype: DType): void {
  if (!isFloat(dtype)) {
    throw dtypeError(op, `needs a float tensor, got ${dtype}`, `use x.float().${op}()`);
  }
}

function countOf(x: Node, axes: readonly number[]): number {
  return axes.reduce((p, a) => p * x.shape[a], 1);
}

export function meanOf(x: Node, axes: readonly number[], keepdim: boolean): Node {
  return n.div(n.reduce("sum", x, axes, keepdim), countOf(x, axes));
}

// --- extremes ---------------------------------------------------------------------------------------

/** The largest values; where several are equal, the gradient is shared among them. */
export function amax(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return apply(x, (v) =>
    n.reduce("max", v, axesOf("amax", axes, x.shape, options), options.keepdim ?? false),
  );
}

/** The smallest values; where several are equal, the gradient is shared among them. */
export function amin(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return apply(x, (v) =>
    n.reduce("min", v, axesOf("amin", axes, x.shape, options), options.keepdim ?? false),
  );
}

function extremeAlong(
  op: "max" | "min",
  x: Tensor,
  axis: number,
  options: ReduceOptions,
): ValuesAndIndices {
  const node = nodeOf(x);
  const [at] = axesOf(op, axis, x.shape);
  if (at === undefined) return { values: x, indices: wrap(b.constant(0, "int32")) };
  const finish = (v: Node) => wrap(options.keepdim ? v : n.drop(v, [at]));
  const values = b.reduce(op, node, [at], true);
  const comparable = x.dtype === "bool" ? b.cast(node, "uint8") : node;
  const indices = b.reduce(op === "max" ? "argmax" : "argmin", comparable, [at]);
  return { values: finish(values), indices: finish(indices) };
}

/** The largest value of all; or, along an axis, the largest values and where the first of each is. */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function max(x: Tensor, axis?: number, options: ReduceOptions = {}) {
  return axis === undefined ? amax(x) : extremeAlong("max", x, axis, options);
}

/** The smallest value of all; or, along an axis, the smallest values and where the first of each is. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function min(x: Tensor, axis?: number, options: ReduceOptions = {}) {
  return axis === undefined ? amin(x) : extremeAlong("min", x, axis, options);
}

function place(
  op: "argmax" | "argmin",
  x: Tensor,
  axis: number | undefined,
  options: ReduceOptions,
): Tensor {
  const keepdim = options.keepdim ?? false;
  return apply(x, (v) => {
    const comparable = v.dtype === "bool" ? b.cast(v, "uint8") : v;
    if (axis === undefined || v.shape.length === 0) {
      if (axis !== undefined) axesOf(op, axis, v.shape);
      const flat = b.reduce(op, b.reshape(comparable, [sizeOf(v.shape)]), [0]);
      return b.reshape(flat, keepdim ? v.shape.map(() => 1) : []);
    }
    return n.reduce(op, comparable, [axisOf(op, axis, v.shape)], keepdim);
  });
}

/** Where the largest value is (the first of equal ones); without an axis, in the flattened tensor. */
export function argmax(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  return place("argmax", x, axis, options);
}

/** Where the smallest value is (the first of equal ones); without an axis, in the flattened tensor. */
export function argmin(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  return place("argmin", x, axis, options);
}

// --- spread -----------------------------------------------------------------------------------------

export interface VarOptions extends ReduceOptions {
  /** Subtracted from the number of elements: 1 for a sample (the default), 0 for a population. */
  correction?: number | undefined;
}

function spread(op: string, x: Tensor, axes: Axes | undefined, options: VarOptions): [Node, Node] {
  requireFloat(op, x.dtype);
  const { keepdim = false, correction = 1 } = options;
  const v = nodeOf(x);
  const at = axesOf(op, axes, x.shape, options);
  const center = meanOf(v, at, true);
  const off = n.sub(v, center);
  const squares = n.reduce("sum", n.mul(off, off), at, keepdim);
  const freedom = Math.max(0, countOf(v, at) - correction);
  // 0/0 is NaN where nothing is left to divide by.
  return [n.div(squares, freedom), keepdim ? center : n.drop(center, at)];
}

/** The variance, by default of a sample (divided by n - 1). */
export function variance(x: Tensor, axes?: Axes, options: VarOptions = {}): Tensor {
  return wrap(spread("var", x, axes, options)[0]);
}

/** The standard deviation, by default of a sample. */
export function std(x: Tensor, axes?: Axes, options: VarOptions = {}): Tensor {
  return wrap(n.sqrt(spread("std", x, axes, options)[0]));
}

export function varMean(x: Tensor, axes?: Axes, options: VarOptions = {}): [Tensor, Tensor] {
  const [squares, center] = spread("varMean", x, axes, options);
  return [wrap(squares), wrap(center)];
}

export function stdMean(x: Tensor, axes?: Axes, options: VarOptions = {}): [Tensor, Tensor] {
  const [squares, center] = spread("stdMean", x, axes, options);
  return [wrap(n.sqrt(squares)), wrap(center)];
}

/** The p-norm (Σ|x|^p)^(1/p); p may be Infinity, -Infinity or 0 (how many are not 0). */
export function norm(x: Tensor, p = 2, axes?: Axes, options: ReduceOptions = {}): Tensor {
  requireFloat("norm", x.dtype);
  const at = axesOf("norm", axes, x.shape, options);
  const keepdim = options.keepdim ?? false;
  return apply(x, (v) => {
    const size = n.abs(v);
    if (p === Number.POSITIVE_INFINITY) return n.reduce("max", size, at, keepdim);
    if (p === Number.NEGATIVE_INFINITY) return n.reduce("min", size, at, keepdim);
    if (p === 0) return n.reduce("sum", b.cast(n.ne(v, 0), v.dtype), at, keepdim);
    if (p === 1) return n.reduce("sum", size, at, keepdim);
    const square = p === 2;
    // Where the slope of a power is infinite, at 0 for p < 1, PyTorch says 0 too.
    const flat = p < 1 ? n.eq(v, 0) : null;
    const bent = n.pow(flat ? n.where(flat, 1, size) : size, given(v, p));
    const masked = flat ? n.where(flat, p > 0 ? 0 : Number.POSITIVE_INFINITY, bent) : bent;
    const power = square ? n.mul(v, v) : masked;
    const s = n.reduce("sum", power, at, keepdim);
    // The gradient at 0 is 0, as in PyTorch: the root is taken of 1 there.
    const zero = n.eq(s, 0);
    const safe = n.where(zero, 1, s);
    return n.where(zero, 0, square ? n.sqrt(safe) : n.pow(safe, given(v, 1 / p)));
  });
}

// --- exponentials -----------------------------------------------------------------------------------

/** The largest value along axes, cut from the gradient; 0 where it is infinite. */
function shiftOf(x: Node, axes: readonly number[]): Node {
  const high = b.detach(axes.length === 0 ? x : b.reduce("max", x, axes));
  return n.where(n.eq(n.sub(high, high), 0), high, 0);
}

/** log Σ exp x, without overflow. */
export function logsumexp(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const at = axesOf("logsumexp", axes, x.shape, options);
  return apply(x, (v) => {
    const y = toFloat(v);
    const empty = at.some((a) => y.shape[a] === 0);
    const shift = empty ? null : shiftOf(y, at);
    const powers = n.exp(shift ? n.sub(y, shift) : y);
    const all = n.log(at.length === 0 ? powers : b.reduce("sum", powers, at));
    const out = shift ? n.add(all, shift) : all;
    return options.keepdim ? out : n.drop(out, at);
  });
}

function along(op: string, axis: number, x: Tensor, f: (v: Node, at: number[]) => Node): Tensor {
  const at = axesOf(op, axis, x.shape);
  if (sizeOf(x.shape) === 0) return apply(x, toFloat);
  return apply(x, (v) => f(toFloat(v), at));
}

function sumKeep(x: Node, at: readonly number[]): Node {
  return at.length === 0 ? x : b.reduce("sum", x, at);
}

/** exp x / Σ exp x along an axis. */
export function softmax(x: Tensor, axis: number): Tensor {
  return along("softmax", axis, x, (v, at) => {
    return b.softmax(v, at);
  });
}

/** log softmax, computed without the softmax. */
export function logSoftmax(x: Tensor, axis: number): Tensor {
  return along("logSoftmax", axis, x, (v, at) => {
    const high = b.detach(at.length === 0 ? v : b.reduce("max", v, at));
    const shifted = n.sub(v, high);
    return n.sub(shifted, n.log(sumKeep(n.exp(shifted), at)));
  });
}

/** softmax of -x. */
export function softmin(x: Tensor, axis: number): Tensor {
  return softmax(
    apply(x, (v) => n.neg(toFloat(v))),
    axis,
  );
}

// --- truth ------------------------------------------------------------------------------------------

function truth(
  op: "all" | "any",
  x: Tensor,
  axes: Axes | undefined,
  options: ReduceOptions,
): Tensor {
  const at = axesOf(op, axes, x.shape, options);
  return apply(x, (v) => {
    const kept = v.shape.map((d, i) => (at.includes(i) ? 1 : d));
    const empty = at.some((a) => v.shape[a] === 0);
    const out = empty
      ? b.full(op === "all" ? 1 : 0, kept, "bool")
      : n.reduce(op === "all" ? "min" : "max", b.cast(v, "bool"), at, true);
    return options.keepdim ? out : n.drop(out, at);
  });
}

/** Whether every element is true (not 0). */
export function all(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return truth("all", x, axes, options);
}

/** Whether some element is true (not 0). */
export function any(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return truth("any", x, axes, options);
}

/** How many elements are not 0. */
export function countNonzero(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const at = axesOf("countNonzero", axes, x.shape, options);
  return apply(x, (v) =>
    n.reduce("sum", b.cast(b.cast(v, "bool"), "int32"), at, options.keepdim ?? false),
  );
}

/** The sum without NaNs. */
export function nansum(x: Tensor, axes?: Axes, options: SumOptions = {}): Tensor {
  const numbers = apply(x, (v) => (isFloat(v.dtype) ? n.where(n.ne(v, v), 0, v) : v));
  return sum(numbers, axes, options);
}

/** The mean of the elements that are not NaN. */
export function nanmean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  requireFloat("nanmean", x.dtype);
  const at = axesOf("nanmean", axes, x.shape, options);
  const keepdim = options.keepdim ?? false;
  return apply(x, (v) => {
    const sums = n.reduce("sum", n.where(n.ne(v, v), 0, v), at, keepdim);
    return n.div(sums, n.reduce("sum", b.cast(n.eq(v, v), v.dtype), at, keepdim));
  });
}

/** The sum of the diagonal of a matrix. */
export function trace(x: Tensor): Tensor {
  if (x.shape.length !== 2) throw shapeError("trace", `takes a matrix, got ${b.show(x.shape)}`);
  return apply(x, (v) => {
    const [rows, columns] = v.shape;
    const here = n.eq(n.positions(rows, 0, 2), n.positions(columns, 1, 2));
    const typed = b.cast(v, sumType(v.dtype));
    return n.reduce("sum", n.where(here, typed, 0), [0, 1], false);
  });
}
