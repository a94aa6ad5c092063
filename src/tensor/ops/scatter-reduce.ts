// Reductions into places: what an index sends to the same place is added, multiplied, averaged, or the
// largest or smallest of it kept. Sums are `scatterAdd`; the others sort the places, fold the runs of
// equal ones in log n steps of arithmetic, and scatter the last of each run.
// Functions, not methods, so that they shake off. Not here: scatterAdd itself (scatter.ts).

import * as b from "../../ir/build.ts";
import { type DType, isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import { arange } from "../create.ts";
import type { Tensor } from "../tensor.ts";
import { argumentError, axisOf, edge, given, needTensor, shapeError } from "./common.ts";
import { floorDivide } from "./elementwise.ts";
import { searchsorted } from "./histogram.ts";
import * as n from "./nodes.ts";
import {
  alongAxis,
  atLeastVector,
  checkReach,
  indexNode,
  sameType,
  sourceNode,
  spreadIndex,
  updated,
} from "./scatter.ts";
import { argsort } from "./sort.ts";

export type ScatterReduction = "sum" | "prod" | "mean" | "amax" | "amin";

export interface ScatterReduceOptions {
  /** Whether what was there counts too (true by default); places that no index names keep it always. */
  includeSelf?: boolean | undefined;
}

/** What the folded ones start from, and how two are put together. */
const folds: {
  [K in "prod" | "amax" | "amin"]: { none: (d: DType) => number; two: (p: Node, q: Node) => Node };
} = {
  prod: { none: () => 1, two: n.mul },
  amax: { none: (d) => edge(d, -1), two: n.max },
  amin: { none: (d) => edge(d, 1), two: n.min },
};

const known: readonly string[] = ["sum", "mean", ...Object.keys(folds)];

interface Into {
  readonly base: Node;
  readonly index: Node;
  readonly source: Node;
  readonly axis: number;
}

/** Of all that goes to one place the fold, elsewhere `none`: of base's shape. */
function folded({ base, index, source, axis }: Into, how: keyof typeof folds): Node {
  const { none, two } = folds[how];
  const start = none(base.dtype);
  const order = nodeOf(argsort(wrap(index), axis)); // stable, so the order of sums is that of the source
  const place = b.gather(index, order, axis);
  let value = b.gather(source, order, axis);
  const size = place.shape[axis];
  // After the step with distance d, each has what the 2d up to it make, as far as they share its place.
  for (let d = 1; d < size; d *= 2) {
    const shifted = (v: Node, fill: number) =>
      n.padAxis(n.narrow(v, axis, 0, size - d), axis, d, 0, fill);
    const same = n.eq(place, shifted(place, -1));
    value = n.where(same, two(shifted(value, start), value), value);
  }
  return b.scatter(b.full(start, base.shape, base.dtype), place, value, axis);
}

function countsOf({ base, index, axis }: Into): Node {
  return b.scatterAdd(b.full(0, base.shape, "int32"), index, b.full(1, index.shape, "int32"), axis);
}

// The gradient of an extreme goes in equal parts to all that equal it: the value is as well their mean.
function shared(into: Into, best: Node, selfCounts: Node): Node {
  const { base, index, source, axis } = into;
  if (!isFloat(base.dtype)) return best;
  const result = b.detach(best);
  const own = n.and(selfCounts, n.eq(base, result));
  const theirs = n.eq(source, b.gather(result, index, axis));
  const ones = (v: Node) => b.cast(v, base.dtype);
  const count = b.scatterAdd(ones(own), index, ones(theirs), axis);
  const sum = b.scatterAdd(n.where(own, base, 0), index, n.where(theirs, source, 0), axis);
  const mean = n.div(sum, count);
  const exact = n.add(result, n.sub(mean, b.detach(mean)));
  return n.where(n.eq(n.sub(mean, mean), 0), exact, result);
}

function reducedInto(into: Into, how: ScatterReduction, includeSelf: boolean): Node {
  const { base, index, source, axis } = into;
  const counts = countsOf(into);
  const named = n.gt(counts, 0);
  if (how === "sum" || how === "mean") {
    const start = includeSelf ? base : n.where(named, 0, base);
    const sum = b.scatterAdd(start, index, source, axis);
    if (how === "sum") return sum;
    const parts = b.cast(n.max(includeSelf ? n.add(counts, 1) : counts, 1), base.dtype);
    return isFloat(base.dtype) ? n.div(sum, parts) : nodeOf(floorDivide(wrap(sum), wrap(parts)));
  }
  if (how === "prod") {
    const product = folded(into, how);
    return n.where(named, includeSelf ? n.mul(base, product) : product, base);
  }
  const found = b.detach(folded(into, how));
  const best = includeSelf ? folds[how].two(b.detach(base), found) : found;
  const selfCounts = includeSelf ? b.full(1, base.shape, "bool") : n.not(named);
  return shared(into, n.where(named, best, b.detach(base)), selfCounts);
}

function checkKnown(op: string, how: string, names: readonly string[]): void {
  if (names.includes(how)) return;
  throw argumentError(op, `there is no reduction "${how}"`, `use one of ${names.join(", ")}`);
}

/**
 * x with x[index[i][j]][j] reduced with source[i][j] for axis 0, and so on. The gradient of an extreme goes
 * in equal parts to all that equal it.
 *
 * @example
 * scatterReduce(zeros(3), 0, tensor([0, 0, 2], { dtype: "int32" }), tensor([1, 5, 2]), "amax"); // [5, 0, 2]
 */
export function scatterReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  reduction: ScatterReduction,
  options: ScatterReduceOptions = {},
): Tensor {
  const op = "scatterReduce";
  checkKnown(op, reduction, known);
  sameType(op, x, source.dtype);
  const [base, idx] = [atLeastVector(nodeOf(x)), atLeastVector(indexNode(op, index))];
  const at = axisOf(op, axis, base.shape);
  checkReach(op, idx.shape, base.shape, at);
  const values = sourceNode(op, source, idx.shape);
  const out = updated(base, idx.shape, at, (part) =>
    reducedInto(
      { base: part, index: idx, source: values, axis: at },
      reduction,
      options.includeSelf ?? true,
    ),
  );
  return wrap(b.reshape(out, x.shape));
}

/** x with slices along an axis reduced with the source's, at the places that a vector names. */
export function indexReduce(
  x: Tensor,
  axis: number,
  index: Tensor,
  source: Tensor,
  reduction: Exclude<ScatterReduction, "sum">,
  options: ScatterReduceOptions = {},
): Tensor {
  const op = "indexReduce";
  checkKnown(op, reduction, known.slice(1));
  sameType(op, x, source.dtype);
  const base = atLeastVector(nodeOf(x));
  const at = axisOf(op, axis, base.shape);
  const idx = alongAxis(op, index, base.shape, at);
  const values = sourceNode(op, source, idx.shape);
  const into = { base, index: idx, source: values, axis: at };
  return wrap(b.reshape(reducedInto(into, reduction, options.includeSelf ?? true), x.shape));
}

export type SegmentReduction = "sum" | "mean" | "max" | "min" | "prod";

export interface SegmentOptions {
  /** How many elements each segment has, (S): they must add up to the axis. */
  lengths?: Tensor | undefined;
  /** Instead: where each segment begins, and the end of the last, (S + 1). */
  offsets?: Tensor | undefined;
  axis?: number | undefined;
  /** What each segment starts from: by default 0, 1, or what is below or above all numbers. */
  initial?: number | undefined;
}

const segmentHow: { [K in SegmentReduction]: [ScatterReduction, (d: DType) => number] } = {
  sum: ["sum", () => 0],
  mean: ["sum", () => 0],
  prod: ["prod", () => 1],
  max: ["amax", (d) => edge(d, -1)],
  min: ["amin", (d) => edge(d, 1)],
};

/**
 * Reduces runs of elements along an axis, one after another: (…, N, …) to (…, S, …). The mean of none is
 * NaN.
 *
 * @example
 * segmentReduce(tensor([1, 2, 3]), "sum", { lengths: tensor([1, 2], { dtype: "int32" }) }); // [1, 5]
 */
export function segmentReduce(
  x: Tensor,
  reduction: SegmentReduction,
  options: SegmentOptions,
): Tensor {
  const op = "segmentReduce";
  needTensor(op, x);
  checkKnown(op, reduction, Object.keys(segmentHow));
  const { lengths, offsets, initial } = options;
  const at = axisOf(op, options.axis ?? 0, x.shape);
  const marks = lengths ?? offsets;
  if (marks === undefined || (lengths !== undefined && offsets !== undefined)) {
    throw argumentError(op, "needs either lengths or offsets");
  }
  indexNode(op, marks);
  if (marks.shape.length !== 1 || (offsets && marks.shape[0] === 0)) {
    throw shapeError(op, `lengths and offsets are vectors, got ${b.show(marks.shape)}`);
  }
  const S = marks.shape[0] - (offsets ? 1 : 0);
  const ends = lengths ? lengths.cumsum(0) : marks.narrow(0, 1, S); // (S)
  const counts = lengths ?? ends.sub(marks.narrow(0, 0, S));
  const place = searchsorted(ends, arange(x.shape[at]), { side: "right" }); // (N)
  const [how, none] = segmentHow[reduction];
  const v = nodeOf(x);
  const shape = x.shape.map((d, i) => (i === at ? S : d));
  const start = initial === undefined ? b.constant(none(v.dtype), v.dtype) : given(v, initial);
  const base = b.broadcastTo(start, shape);
  const index = spreadIndex(nodeOf(place), x.shape, at);
  const out = reducedInto({ base, index, source: v, axis: at }, how, true);
  if (reduction !== "mean") return wrap(out);
  const sizes = b.cast(nodeOf(counts), v.dtype);
  const column = b.reshape(
    sizes,
    shape.map((_, i) => (i === at ? S : 1)),
  );
  const mean = n.div(out, n.max(column, 1));
  return wrap(initial === undefined ? n.where(n.eq(column, 0), Number.NaN, mean) : mean);
}
