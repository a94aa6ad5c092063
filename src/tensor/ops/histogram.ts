// Finding places among sorted edges, and counting what falls between them: searchsorted, bucketize,
// bincount and histograms. Functions, not methods, so that they shake off.

import * as b from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import { type Node, sizeOf } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import { tensor } from "../create.ts";
import { Tensor } from "../tensor.ts";
import { argumentError, dtypeError, given, needTensor, shapeError, toFloat } from "./common.ts";
import * as n from "./nodes.ts";
import { indexNode } from "./scatter.ts";

export interface SearchOptions {
  /** Where a value goes that equals an edge: before it (the default) or behind it. */
  side?: "left" | "right" | undefined;
  /** The positions that sort the edges, if they are not sorted. */
  sorter?: Tensor | undefined;
}

/** Up to so many edges are all compared; more are searched, halving what is left. */
const allCompared = 32;

/**
 * Where values would go among sorted edges (…, M): how many edges lie before each, int32. Edges are one
 * vector for all values, or have the values' leading axes.
 *
 * @example
 * await searchsorted(tensor([1, 3, 5]), tensor([0, 3, 9])).data(); // [0, 1, 3]
 */
export function searchsorted(
  edges: Tensor,
  values: Tensor | number,
  options: SearchOptions = {},
): Tensor {
  const op = "searchsorted";
  needTensor(op, edges, "the edges");
  const { side = "left", sorter } = options;
  if (side !== "left" && side !== "right") {
    throw argumentError(op, `side must be "left" or "right", got "${side}"`);
  }
  const sorted = sorter === undefined ? edges : edges.takeAlongDim(sorter, -1);
  const wanted = values instanceof Tensor ? values : tensor(values, { dtype: edges.dtype });
  const lead = sorted.shape.slice(0, -1);
  const fits = sorted.shape.length === 1 || b.sameShape(lead, wanted.shape.slice(0, -1));
  if (sorted.shape.length === 0 || !fits) {
    const shapes = `edges ${b.show(edges.shape)}, values ${b.show(wanted.shape)}`;
    throw shapeError(op, `${shapes}: all axes but the last must be equal`);
  }
  const dtype = isFloat(edges.dtype) ? edges.dtype : wanted.dtype;
  const table = b.cast(b.detach(nodeOf(sorted)), dtype); // (…, M)
  const sizes = sorted.shape.length === 1 ? [sizeOf(wanted.shape)] : wanted.shape;
  const keys = b.reshape(b.cast(b.detach(nodeOf(wanted)), dtype), sizes); // (…, N)
  // NaN comes behind all edges.
  const before =
    side === "left"
      ? (edge: Node, key: Node) => n.not(n.ge(edge, key))
      : (edge: Node, key: Node) => n.not(n.gt(edge, key));
  const count = sorted.shape.at(-1)!;
  const found = count <= allCompared ? compared(table, keys, before) : halved(table, keys, before);
  return wrap(b.reshape(found, wanted.shape));
}

type Before = (edge: Node, key: Node) => Node;

function compared(table: Node, keys: Node, before: Before): Node {
  const last = keys.shape.length;
  if (table.shape.at(-1) === 0) return b.full(0, keys.shape, "int32");
  const edges = b.reshape(table, [...table.shape.slice(0, -1), 1, table.shape.at(-1)!]);
  const all = before(edges, b.reshape(keys, [...keys.shape, 1])); // (…, N, M)
  return n.reduce("sum", b.cast(all, "int32"), [last], false);
}

// The answer's binary digits, the highest first: a digit is 1 where the edge before that place still lies
// before the key.
function halved(table: Node, keys: Node, before: Before): Node {
  const last = keys.shape.length - 1;
  const count = table.shape.at(-1)!;
  let place = b.full(0, keys.shape, "int32");
  for (let step = 2 ** Math.floor(Math.log2(count)); step >= 1; step /= 2) {
    const next = n.add(place, step);
    const edge = b.gather(table, n.min(n.sub(next, 1), count - 1), last);
    place = n.where(n.and(n.le(next, count), before(edge, keys)), next, place);
  }
  return place;
}

/**
 * The bucket of each value between edges, int32: i where edges[i-1] < value ≤ edges[i]; with `right`
 * where edges[i-1] ≤ value < edges[i].
 */
export function bucketize(
  values: Tensor | number,
  edges: Tensor,
  options: { right?: boolean | undefined } = {},
): Tensor {
  if (edges.shape.length !== 1) {
    throw shapeError("bucketize", `the edges must be a vector, got ${b.show(edges.shape)}`);
  }
  return searchsorted(edges, values, { side: options.right ? "right" : "left" });
}

/** Sums of weights (or counts) of each of `bins` bins; what `counts` is false for counts nowhere. */
function tally(bin: Node, bins: number, counts: Node, weights: Node): Node {
  const safe = n.where(counts, bin, 0);
  const added = n.where(counts, weights, 0);
  return b.scatterAdd(b.full(0, [bins], added.dtype), safe, added, 0);
}

export interface BincountOptions {
  /** What each element counts; 1 by default. */
  weights?: Tensor | null | undefined;
  /** At least so many bins. */
  minlength?: number | undefined;
}

/**
 * How often each whole number from 0 occurs in a vector, int32, or the sums of weights. How many bins there
 * are depends on the values, so they are read first; with `size` there are as many bins as it says, nothing
 * is read, and it works in compiled functions (a larger number is then a fault of the run).
 *
 * @example
 * await (await bincount(tensor([0, 2, 2], { dtype: "int32" }))).data(); // [1, 0, 2]
 */
export function bincount(x: Tensor, options: BincountOptions & { size: number }): Tensor;
export function bincount(x: Tensor, options?: BincountOptions): Promise<Tensor>;
export function bincount(
  x: Tensor,
  options: BincountOptions & { size?: number } = {},
): Tensor | Promise<Tensor> {
  const index = indexNode("bincount", x);
  if (x.shape.length !== 1) {
    throw shapeError("bincount", `takes a vector, got ${b.show(x.shape)}`);
  }
  const { weights, minlength = 0, size } = options;
  if (!Number.isInteger(minlength) || minlength < 0) {
    throw argumentError("bincount", `minlength must be a whole number, got ${minlength}`);
  }
  if (weights && !b.sameShape(weights.shape, x.shape)) {
    const shapes = `${b.show(weights.shape)} and ${b.show(x.shape)}`;
    throw shapeError("bincount", `weights and values differ: ${shapes}`);
  }
  const counted = (bins: number) => {
    const each = weights ? nodeOf(weights) : b.full(1, x.shape, "int32");
    // PyTorch adds whole weights in float64.
    const added = weights && !isFloat(each.dtype) ? b.cast(each, "float64") : each;
    return wrap(b.scatterAdd(b.full(0, [bins], added.dtype), index, added, 0));
  };
  if (size !== undefined) return counted(Math.max(size, minlength));
  return x.data().then((data) => {
    let bins = minlength;
    for (const v of data) {
      if (v < 0) throw argumentError("bincount", `values must not be negative, got ${v}`);
      bins = Math.max(bins, v + 1);
    }
    return counted(bins);
  });
}

/** Both ends of a range, as nodes: as given, or those of the data, a little apart where they are equal. */
function endsOf(x: Node, range: readonly [number, number] | null, apart: number): [Node, Node] {
  if (range !== null && range[0] !== range[1]) return [given(x, range[0]), given(x, range[1])];
  const empty = sizeOf(x.shape) === 0;
  const all = x.shape.map((_, i) => i);
  const low = range ? given(x, range[0]) : empty ? given(x, 0) : n.reduce("min", x, all, false);
  const high = range ? given(x, range[1]) : empty ? given(x, 0) : n.reduce("max", x, all, false);
  const flat = n.eq(low, high);
  return [n.where(flat, n.sub(low, apart), low), n.where(flat, n.add(high, apart), high)];
}

function checkBins(op: string, bins: number): void {
  if (Number.isInteger(bins) && bins >= 1) return;
  throw argumentError(op, `the number of bins must be a whole number above 0, got ${bins}`);
}

function checkRange(op: string, range: readonly [number, number] | undefined): void {
  if (range === undefined || (range[0] <= range[1] && range.every(Number.isFinite))) return;
  throw argumentError(op, `a range must go from a number to a larger one, got [${range}]`);
}

/**
 * Counts of elements in `bins` equal bins from `min` to `max` (both 0, as by default: from the smallest
 * element to the largest), of x's dtype. What lies outside counts nowhere.
 */
export function histc(
  x: Tensor,
  bins = 100,
  options: { min?: number | undefined; max?: number | undefined } = {},
): Tensor {
  needTensor("histc", x);
  const { min = 0, max = 0 } = options;
  checkBins("histc", bins);
  checkRange("histc", [min, max]);
  if (!isFloat(x.dtype)) throw dtypeError("histc", `needs a float tensor, got ${x.dtype}`);
  const v = b.reshape(b.detach(nodeOf(x)), [sizeOf(x.shape)]);
  const [low, high] = endsOf(v, min === 0 && max === 0 ? null : [min, max], 1);
  const inside = n.and(n.ge(v, low), n.le(v, high));
  const place = n.div(n.mul(n.sub(v, low), bins), n.sub(high, low));
  const bin = n.min(b.cast(n.where(inside, place, 0), "int32"), bins - 1);
  return wrap(tally(bin, bins, inside, b.full(1, v.shape, v.dtype)));
}

export interface HistogramOptions {
  /** From where to where the bins go, if their number is given: by default over all elements. */
  range?: readonly [number, number] | undefined;
  /** What each element counts. */
  weight?: Tensor | null | undefined;
  /** Divides by the sum and the bins' sizes, so that the integral is 1. */
  density?: boolean | undefined;
}

/** The edges of one coordinate's bins, (bins + 1). */
function edgesOf(
  op: string,
  x: Node,
  bins: number | Tensor,
  range: readonly [number, number] | undefined,
): Node {
  if (bins instanceof Tensor) {
    if (bins.shape.length === 1 && bins.shape[0] >= 2) return b.cast(nodeOf(bins), x.dtype);
    throw shapeError(op, `edges must be a vector of at least two, got ${b.show(bins.shape)}`);
  }
  checkBins(op, bins);
  checkRange(op, range);
  const [low, high] = endsOf(x, range ?? null, 0.5);
  const at = b.cast(b.iota(bins + 1), x.dtype);
  const step = n.div(n.sub(high, low), bins);
  // From both ends, as linspace goes, so that both are exact.
  const up = n.add(low, n.mul(step, at));
  const down = n.sub(high, n.mul(step, n.sub(bins, at)));
  return n.where(n.lt(at, (bins + 1) / 2), up, down);
}

/** The bin of each element, and whether there is one; the last edge belongs to the last bin. */
function binsOf(x: Node, edges: Node): [Node, Node] {
  const [count] = edges.shape;
  const end = n.narrow(edges, 0, count - 1, count);
  const behind = nodeOf(searchsorted(wrap(edges), wrap(x), { side: "right" }));
  const bin = n.min(n.sub(behind, 1), count - 2);
  return [bin, n.and(n.ge(bin, 0), n.le(x, end))];
}

/**
 * Counts of all elements in bins (a number of equal ones, or a vector of their edges), and the edges.
 * A bin holds its left edge, the last bin both.
 */
export function histogram(
  x: Tensor,
  bins: number | Tensor,
  options: HistogramOptions = {},
): { hist: Tensor; edges: Tensor } {
  needTensor("histogram", x);
  const { range, weight, density } = options;
  const parts = { range: range === undefined ? undefined : [range], weight, density };
  const samples = x.reshape(-1, 1);
  const flat = weight ? { ...parts, weight: weight.reshape(-1) } : parts;
  const { hist, edges } = histogramdd(samples, [bins], flat, "histogram");
  return { hist, edges: edges[0] };
}

/**
 * {@link histogram} of points (N, D) over a grid of bins: one number or vector of edges a coordinate.
 */
export function histogramdd(
  x: Tensor,
  bins: readonly (number | Tensor)[],
  options: Omit<HistogramOptions, "range"> & {
    range?: readonly (readonly [number, number])[] | undefined;
  } = {},
  op = "histogramdd",
): { hist: Tensor; edges: Tensor[] } {
  needTensor(op, x);
  const { range, weight, density = false } = options;
  const D = bins.length;
  if (x.shape.length < 2 || x.shape.at(-1) !== D || (range && range.length !== D)) {
    throw shapeError(op, `${D} lists of bins do not fit points ${b.show(x.shape)}`);
  }
  const count = sizeOf(x.shape.slice(0, -1));
  if (weight && sizeOf(weight.shape) !== count) {
    throw shapeError(op, `weights ${b.show(weight.shape)} do not fit ${b.show(x.shape)}`);
  }
  const points = b.reshape(b.detach(toFloat(nodeOf(x))), [count, D]);
  const axes = bins.map((own, i) => {
    const v = b.reshape(n.narrow(points, 1, i, i + 1), [count]);
    const edges = edgesOf(op, v, own, range?.[i]);
    const [bin, inside] = binsOf(v, edges);
    return { edges, bin, inside, size: edges.shape[0] - 1 };
  });
  const sizes = axes.map((axis) => axis.size);
  const bin = axes.reduce((sum, axis) => n.add(n.mul(sum, axis.size), axis.bin), zero(count));
  const inside = axes.map((axis) => axis.inside).reduce((p, q) => n.and(p, q));
  const each = weight
    ? b.reshape(b.cast(nodeOf(weight), points.dtype), [count])
    : b.full(1, [count], points.dtype);
  let hist = b.reshape(tally(bin, sizeOf(sizes), inside, each), sizes);
  if (density) {
    const all = sizes.map((_, i) => i);
    hist = n.div(hist, n.reduce("sum", hist, all, true));
    for (const [i, { edges, size }] of axes.entries()) {
      const width = n.sub(n.narrow(edges, 0, 1, size + 1), n.narrow(edges, 0, 0, size));
      const shape = sizes.map((_, k) => (k === i ? size : 1));
      hist = n.div(hist, b.reshape(width, shape));
    }
  }
  return { hist: wrap(hist), edges: axes.map(({ edges }) => wrap(edges)) };
}

const zero = (count: number) => b.full(0, [count], "int32");
