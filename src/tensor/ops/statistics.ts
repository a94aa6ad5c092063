// Order statistics and moments of several variables: medians, quantiles, the k-th value, the mode,
// covariances. All of them sort and gather, or sum. Functions, not methods, so that they shake off.
// Not here: mean, var and std (reduce.ts), histograms (histogram.ts).

import * as b from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import { type Node, sizeOf } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import { tensor } from "../create.ts";
import type { Axes, ReduceOptions, ValuesAndIndices } from "../shape-types.ts";
import { Tensor } from "../tensor.ts";
import { argumentError, axesOf, dtypeError, given, needTensor, shapeError } from "./common.ts";
import * as n from "./nodes.ts";
import { amax, amin } from "./reduce.ts";
import { argsort } from "./sort.ts";

function requireFloat(op: string, x: Tensor): void {
  needTensor(op, x);
  if (!isFloat(x.dtype)) throw dtypeError(op, `needs a float tensor, got ${x.dtype}`, "x.float()");
}

/** What is at a place of each sorted line along an axis. places: of x's shape, but 1 along the axis. */
function atPlaces(x: Tensor, axis: number, places: Node, keepdim = false): ValuesAndIndices {
  const order = nodeOf(argsort(x, axis));
  const indices = b.gather(order, places, axis);
  const values = b.gather(nodeOf(x), indices, axis);
  const finish = (v: Node) => wrap(keepdim ? v : n.drop(v, [axis]));
  return { values: finish(values), indices: finish(indices) };
}

/** The size along an axis: null for a scalar, which is a line of its own. */
function lineOf(op: string, x: Tensor, axis: number, options: ReduceOptions): [number, number] {
  needTensor(op, x);
  const [at = -1] = axesOf(op, axis, x.shape, options);
  const size = at < 0 ? 1 : x.shape[at];
  if (size === 0) throw shapeError(op, `axis ${axis} of ${b.show(x.shape)} has no elements`);
  return [at, size];
}

const only = (x: Tensor): ValuesAndIndices => ({
  values: x,
  indices: wrap(b.constant(0, "int32")),
});

const lines = (x: Tensor, axis: number) => x.shape.map((d, i) => (i === axis ? 1 : d));

/**
 * The k-th smallest element along an axis (k from 1; by default the last axis), and where it is.
 *
 * @example
 * const { values } = kthvalue(tensor([[3, 1, 2]]), 2); // [2]
 */
export function kthvalue(
  x: Tensor,
  k: number,
  axis = -1,
  options: ReduceOptions = {},
): ValuesAndIndices {
  const [at, size] = lineOf("kthvalue", x, axis, options);
  if (!Number.isInteger(k) || k < 1 || k > size) {
    throw argumentError("kthvalue", `k must be a whole number from 1 to ${size}, got ${k}`);
  }
  if (at < 0) return only(x);
  return atPlaces(x, at, b.full(k - 1, lines(x, at), "int32"), options.keepdim);
}

/** How many numbers each line has, int32. */
function numbersAlong(x: Node, axis: number): Node {
  if (!isFloat(x.dtype)) return b.full(x.shape[axis], lines(wrap(x), axis), "int32");
  return b.reduce("sum", b.cast(n.eq(x, x), "int32"), [axis]);
}

function middle(
  op: string,
  x: Tensor,
  axis: number | undefined,
  options: ReduceOptions,
  skipNan: boolean,
): Tensor | ValuesAndIndices {
  needTensor(op, x);
  if (axis === undefined) {
    const flat = x.reshape(-1);
    if (sizeOf(x.shape) === 0 && isFloat(x.dtype)) return tensor(Number.NaN, { dtype: x.dtype });
    return (middle(op, flat, 0, {}, skipNan) as ValuesAndIndices).values;
  }
  const [at, size] = lineOf(op, x, axis, options);
  if (at < 0) return only(x);
  const count = numbersAlong(nodeOf(x), at);
  const half = n.div(n.max(n.sub(count, 1), 0), 2);
  // The first NaN lies behind all numbers.
  const places = skipNan ? half : n.where(n.lt(count, size), count, half);
  return atPlaces(x, at, places, options.keepdim);
}

/**
 * The median of all elements; or, along an axis, the medians and where they are. Of an even number the
 * lower one of the two in the middle, as PyTorch has it; NaN if there is one among them.
 *
 * @example
 * await median(tensor([3, 1, 2, 9])).item(); // 2
 */
export function median(x: Tensor): Tensor;
export function median(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function median(x: Tensor, axis?: number, options: ReduceOptions = {}) {
  return middle("median", x, axis, options, false);
}

/** {@link median} of the elements that are not NaN. */
export function nanmedian(x: Tensor): Tensor;
export function nanmedian(x: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
export function nanmedian(x: Tensor, axis?: number, options: ReduceOptions = {}) {
  return middle("nanmedian", x, axis, options, true);
}

/**
 * The most frequent element along an axis (by default the last), of equally frequent ones the smallest,
 * and where one of it is.
 *
 * @example
 * const { values } = mode(tensor([1, 2, 2, 3, 3])); // 2
 */
export function mode(x: Tensor, axis = -1, options: ReduceOptions = {}): ValuesAndIndices {
  const [at, size] = lineOf("mode", x, axis, options);
  if (at < 0) return only(x);
  const sorted = nodeOf(x.takeAlongDim(argsort(x, at), at));
  const comparable = sorted.dtype === "bool" ? b.cast(sorted, "uint8") : sorted;
  const here = b.broadcastTo(n.positions(size, at, x.shape.length), x.shape);
  // Where a run of equal elements begins; an element's distance from there, plus 1, is its count.
  const before = n.padAxis(n.narrow(comparable, at, 0, size - 1), at, 1, 0);
  const begins = n.or(n.eq(here, 0), n.ne(comparable, before));
  const start = nodeOf(wrap(n.where(begins, here, 0)).cummax(at).values);
  const longest = b.reduce("argmax", n.sub(here, start), [at]);
  return atPlaces(x, at, longest, options.keepdim);
}

export type Interpolation = "linear" | "lower" | "higher" | "midpoint" | "nearest";

export interface QuantileOptions extends ReduceOptions {
  /** What lies between two elements: a mixture of both (the default), one of them, or their mean. */
  interpolation?: Interpolation | undefined;
}

/** The place below a rank, the one above, and how much the one above weighs. */
const between: { [K in Interpolation]: (rank: Node) => [Node, Node, Node | number] } = {
  linear: (r) => [b.unary("floor", r), b.unary("ceil", r), n.sub(r, b.unary("floor", r))],
  midpoint: (r) => [b.unary("floor", r), b.unary("ceil", r), 0.5],
  lower: (r) => [b.unary("floor", r), b.unary("floor", r), 0],
  higher: (r) => [b.unary("ceil", r), b.unary("ceil", r), 0],
  nearest: (r) => [b.unary("round", r), b.unary("round", r), 0],
};

function ranksOf(op: string, q: number | readonly number[] | Tensor, x: Tensor): Node {
  if (q instanceof Tensor) {
    if (q.shape.length > 1) {
      throw shapeError(op, `q must be a number or a vector, got ${b.show(q.shape)}`);
    }
    return b.reshape(b.cast(nodeOf(q), x.dtype), [sizeOf(q.shape)]);
  }
  const list = typeof q === "number" ? [q] : q;
  for (const value of list) {
    if (value >= 0 && value <= 1) continue;
    throw argumentError(op, `q must be from 0 to 1, got ${value}`);
  }
  return nodeOf(tensor(list, { dtype: x.dtype }));
}

function quantileOf(
  op: string,
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis: number | undefined,
  options: QuantileOptions,
  skipNan: boolean,
): Tensor {
  requireFloat(op, x);
  const { interpolation = "linear", keepdim = false } = options;
  const find = between[interpolation];
  if (find === undefined) {
    const known = Object.keys(between).join(", ");
    throw argumentError(op, `there is no interpolation "${interpolation}"`, `use one of ${known}`);
  }
  const [at, size] = lineOf(op, axis === undefined ? x.reshape(-1) : x, axis ?? 0, options);
  const line = axis === undefined || at < 0 ? x.reshape(-1) : x.movedim(at, -1); // (…, N)
  const sorted = nodeOf(line.takeAlongDim(argsort(line, -1), -1));
  const last = sorted.shape.length - 1;
  const count = numbersAlong(nodeOf(line), last); // (…, 1)
  const highest = b.cast(n.max(n.sub(count, 1), 0), x.dtype);
  const shares = ranksOf(op, q, x); // (Q)
  let rank = n.mul(highest, shares); // (…, Q)
  // A NaN lies at the end of its line.
  if (!skipNan) rank = n.where(n.lt(count, size), size - 1, rank);
  const [below, above, weight] = find(rank);
  const value = (place: Node) => b.gather(sorted, b.cast(b.detach(place), "int32"), last);
  const low = value(below);
  const mixed = weight === 0 ? low : n.add(low, n.mul(n.sub(value(above), low), weight));
  const first = wrap(mixed).movedim(-1, 0); // (Q, …)
  const rest = axis === undefined || at < 0 ? x.shape.map(() => 1) : lines(x, at);
  const shape = keepdim ? rest : first.shape.slice(1);
  const single = typeof q === "number" || (q instanceof Tensor && q.shape.length === 0);
  return first.reshape(single ? shape : [shares.shape[0], ...shape]);
}

/**
 * The q-quantiles of all elements, or along an axis: q is a number from 0 to 1, or several, which become
 * the first axis of the result. NaN where there is one among the elements.
 *
 * @example
 * await quantile(tensor([0, 1, 2, 3]), [0.25, 0.5]).data(); // [0.75, 1.5]
 */
export function quantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number,
  options: QuantileOptions = {},
): Tensor {
  return quantileOf("quantile", x, q, axis, options, false);
}

/** {@link quantile} of the elements that are not NaN; NaN where there are none. */
export function nanquantile(
  x: Tensor,
  q: number | readonly number[] | Tensor,
  axis?: number,
  options: QuantileOptions = {},
): Tensor {
  return quantileOf("nanquantile", x, q, axis, options, true);
}

/** The smallest and the largest elements. */
export function aminmax(
  x: Tensor,
  axes?: Axes,
  options: ReduceOptions = {},
): { min: Tensor; max: Tensor } {
  return { min: amin(x, axes, options), max: amax(x, axes, options) };
}

export interface CovOptions {
  /** Subtracted from the number of observations: 1 by default. */
  correction?: number | undefined;
  /** How often each observation was made: ints. */
  fweights?: Tensor | null | undefined;
  /** How much each observation counts. */
  aweights?: Tensor | null | undefined;
}

/**
 * The covariances of variables, whose observations are the rows of x (V, N): (V, V). Of one variable, a
 * vector, the variance. With too few observations for the correction it is infinite or NaN.
 */
export function cov(x: Tensor, options: CovOptions = {}): Tensor {
  requireFloat("cov", x);
  if (x.shape.length > 2) {
    throw shapeError("cov", `takes a vector or a matrix, got ${b.show(x.shape)}`);
  }
  const { correction = 1, fweights, aweights } = options;
  const rows = x.shape.length < 2 ? x.reshape(1, -1) : x; // (V, N)
  const given = [fweights, aweights].filter((w) => w instanceof Tensor) as Tensor[];
  for (const w of given) {
    if (w.shape.length === 1 && w.shape[0] === rows.shape[1]) continue;
    throw shapeError("cov", `weights ${b.show(w.shape)} do not fit ${b.show(x.shape)}`);
  }
  const weights = given.length === 0 ? null : given.map((w) => w.to(x.dtype)).reduce(times); // (N)
  const total = weights === null ? tensor(rows.shape[1], { dtype: x.dtype }) : weights.sum();
  const weighed = (v: Tensor) => (weights === null ? v : v.mul(weights));
  const center = rows.sub(weighed(rows).sum(1, { keepdim: true }).div(total));
  const lost =
    weights !== null && aweights instanceof Tensor
      ? weights.mul(aweights).sum().div(total).mul(correction)
      : correction;
  const freedom = total.sub(lost).clamp(0);
  return weighed(center).matmul(center.T).div(freedom).squeeze(); // (V, V)
}

const times = (p: Tensor, q: Tensor) => p.mul(q);

/** Pearson's correlations of variables, whose observations are the rows of x (V, N): (V, V). */
export function corrcoef(x: Tensor): Tensor {
  const c = cov(x);
  if (c.shape.length === 0) return c.div(c);
  const deviation = c.diagonal().sqrt(); // (V)
  return c.div(deviation.unsqueeze(1)).div(deviation).clamp(-1, 1);
}

/**
 * Slices along an axis whose p-norm is above a limit, scaled down to it (torch.renorm): every slice
 * x[…, i, …] is measured over all other axes.
 */
export function renorm(x: Tensor, p: number, axis: number, maxnorm: number): Tensor {
  requireFloat("renorm", x);
  const [at] = axesOf("renorm", axis, x.shape);
  if (at === undefined || x.shape.length < 2) {
    throw shapeError("renorm", `needs at least two axes, got ${b.show(x.shape)}`);
  }
  const others = x.shape.map((_, i) => i).filter((i) => i !== at);
  const size = x.norm(p, others, { keepdim: true });
  const node = nodeOf(size);
  const limit = given(node, maxnorm);
  // PyTorch's guard against a division by 0.
  const scale = n.where(n.gt(node, limit), n.div(limit, n.add(node, 1e-7)), 1);
  return x.mul(wrap(scale));
}
