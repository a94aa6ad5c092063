// Running sums, products, extremes and log-sums along an axis. Blocks of 8 are one reduction each, over
// the elements up to each place; what comes before a block is the same of the blocks' totals. So n
// elements take two kernels for each factor of 8, and some 10 steps of arithmetic an element.
// Not here: loops of any kind (../scan.ts).

import * as b from "../../ir/build.ts";
import { type DType, isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import type { ValuesAndIndices } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { axesOf, checkDtype, dtypeError, edge, sumType } from "./common.ts";
import * as n from "./nodes.ts";

/** Short, because the gradient of a product multiplies all others for each element, and a log-sum takes an
 *  exponential for each two. */
const block = 8;

/** A way to put elements together. */
interface Fold {
  /** Of nothing. */
  readonly none: (dtype: DType) => number;
  readonly two: (before: Node, x: Node) => Node;
  /** Over the last axis of x, where `seen`; the axis goes away. */
  readonly all: (x: Node, seen: Node) => Node;
}

const masked = (
  fn: "sum" | "prod" | "max" | "min",
  none: (dtype: DType) => number,
): Fold["all"] => {
  return (x, seen) => {
    const last = x.shape.length - 1;
    return n.reduce(fn, n.where(seen, x, none(x.dtype)), [last], false);
  };
};

const lowest = (dtype: DType) => edge(dtype, -1);
const highest = (dtype: DType) => edge(dtype, 1);

const sums: Fold = { none: () => 0, two: n.add, all: masked("sum", () => 0) };
const products: Fold = { none: () => 1, two: n.mul, all: masked("prod", () => 1) };
const maxima: Fold = { none: lowest, two: n.max, all: masked("max", lowest) };
const minima: Fold = { none: highest, two: n.min, all: masked("min", highest) };

// log Σ exp(xⱼ) = m + log Σ exp(xⱼ - m), m the largest; where that is infinite, it is the result.
const logSums: Fold = {
  none: lowest,
  two: (p, q) => {
    const largest = b.detach(n.max(p, q));
    const base = finite(largest);
    const sum = n.add(n.exp(n.sub(p, base)), n.exp(n.sub(q, base)));
    return n.add(n.log(sum), base);
  },
  all: (x, seen) => {
    const last = x.shape.length - 1;
    const shown = n.where(seen, x, -Infinity);
    const base = finite(b.detach(n.reduce("max", shown, [last], true)));
    const sum = n.reduce("sum", n.exp(n.sub(shown, base)), [last], true);
    return n.drop(n.add(n.log(sum), base), [last]);
  },
};

/** 0 in place of an infinity. */
function finite(x: Node): Node {
  return n.where(n.eq(n.abs(x), Infinity), 0, x);
}

/** y[i] is x[0] … x[i] put together, along the last axis. */
function prefix(x: Node, fold: Fold): Node {
  const lead = x.shape.slice(0, -1);
  const N = x.shape.at(-1)!;
  if (N <= 1) return x;
  const size = Math.min(block, N);
  const count = Math.ceil(N / size);
  const none = fold.none(x.dtype);
  const whole = n.padAxis(x, lead.length, 0, count * size - N, none);
  const blocks = b.reshape(whole, [...lead, count, 1, size]); // (…, blocks, 1, j)
  const seen = n.le(n.positions(size, 1, 2), n.positions(size, 0, 2)); // (i, j): j ≤ i
  const inside = fold.all(b.expand(blocks, [...lead, count, size, size]), seen); // (…, blocks, i)
  if (count === 1) return b.reshape(inside, x.shape);
  const totals = b.reshape(n.narrow(inside, lead.length + 1, size - 1, size), [...lead, count]);
  const upTo = prefix(totals, fold); // (…, blocks)
  const before = n.padAxis(n.narrow(upTo, lead.length, 0, count - 1), lead.length, 1, 0, none);
  const all = fold.two(b.reshape(before, [...lead, count, 1]), inside);
  return n.narrow(b.reshape(all, [...lead, count * size]), lead.length, 0, N);
}

/** A function of the last axis, on another one. */
function along(x: Node, axis: number, f: (x: Node) => Node): Node {
  const last = x.shape.length - 1;
  return n.swap(f(n.swap(x, axis, last)), axis, last);
}

function cumulative(
  op: string,
  x: Tensor,
  axis: number,
  dtype: DType,
  f: (x: Node) => Node,
): Tensor {
  const [at] = axesOf(op, axis, x.shape);
  const node = b.cast(nodeOf(x), dtype);
  return wrap(at === undefined ? node : along(node, at, f));
}

export interface CumulativeOptions {
  /** The dtype to add or multiply in, and of the result. */
  dtype?: DType | undefined;
}

function dtypeOf(op: string, x: Tensor, { dtype }: CumulativeOptions): DType {
  if (dtype !== undefined) checkDtype(op, dtype);
  return dtype ?? sumType(x.dtype);
}

/** The sums of all elements up to each, along an axis; of ints and bools in int32. */
export function cumsum(x: Tensor, axis: number, options: CumulativeOptions = {}): Tensor {
  const dtype = dtypeOf("cumsum", x, options);
  return cumulative("cumsum", x, axis, dtype, (v) => prefix(v, sums));
}

/** The products of all elements up to each, along an axis. The gradient is right at zeros. */
export function cumprod(x: Tensor, axis: number, options: CumulativeOptions = {}): Tensor {
  const dtype = dtypeOf("cumprod", x, options);
  return cumulative("cumprod", x, axis, dtype, (v) => prefix(v, products));
}

/** log Σ exp of all elements up to each, along an axis. */
export function logcumsumexp(x: Tensor, axis: number): Tensor {
  if (!isFloat(x.dtype)) {
    const detail = `needs a float tensor, got ${x.dtype}`;
    throw dtypeError("logcumsumexp", detail, "use x.float()");
  }
  return cumulative("logcumsumexp", x, axis, x.dtype, (v) => prefix(v, logSums));
}

function extremes(op: string, x: Tensor, axis: number, fold: Fold): ValuesAndIndices {
  const [at] = axesOf(op, axis, x.shape);
  const node = nodeOf(x);
  if (at === undefined) return { values: wrap(node), indices: wrap(b.constant(0, "int32")) };
  const comparable = x.dtype === "bool" ? b.cast(node, "uint8") : node;
  const best = along(comparable, at, (v) => prefix(b.detach(v), fold));
  const here = n.positions(x.shape[at]!, at, x.shape.length);
  const nan = n.and(n.ne(comparable, comparable), n.ne(best, best));
  const found = n.or(n.eq(comparable, best), nan);
  const indices = along(n.where(found, b.broadcastTo(here, x.shape), 0), at, (v) =>
    prefix(v, maxima),
  );
  return { values: wrap(b.gather(node, indices, at)), indices: wrap(indices) };
}

/** The largest element up to each place along an axis, and where the last of its kind is. NaN is the
 *  largest. */
export function cummax(x: Tensor, axis: number): ValuesAndIndices {
  return extremes("cummax", x, axis, maxima);
}

/** The smallest element up to each place along an axis, and where the last of its kind is. NaN is the
 *  smallest. */
export function cummin(x: Tensor, axis: number): ValuesAndIndices {
  return extremes("cummin", x, axis, minima);
}
