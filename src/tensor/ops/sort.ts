// Sorting along an axis: always stable, NaN as the largest, as PyTorch has it. Values are gathered by the
// sorted positions, so gradients go back to where values came from. Short axes are ranked by counting,
// n² comparisons in one kernel; long ones go through a bitonic network, a scan over its log²n/2 stages;
// and the first few of many are found one after another. Not here: `unique` (../index.ts).

import { makeLoop, standFor, stepOf } from "../../autodiff/loop.ts";
import { Buffer } from "../../ir/buffer.ts";
import * as b from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import type { ValuesAndIndices } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { argumentError, axesOf, edge, needOptions } from "./common.ts";
import * as n from "./nodes.ts";

export interface SortOptions {
  descending?: boolean | undefined;
}

export interface TopkOptions {
  /** The largest (the default) or the smallest. */
  largest?: boolean | undefined;
}

/** What an element costs, in comparisons: of an exchange through gathers, and to find the best one. */
const exchange = 24;
const oneStep = 6;

function networkCost(N: number): number {
  const stages = Math.ceil(Math.log2(Math.max(2, N)));
  return (exchange * stages * (stages + 1)) / 2;
}

function sortCost(N: number): number {
  return Math.min(N, networkCost(N));
}

/** Whether p comes before q for certain: by value alone, NaN after all others. */
type Before = (p: Node, q: Node) => Node;

function orderOf(x: Node, descending: boolean): Before {
  const plain = (p: Node, q: Node) => {
    const less = n.lt(p, q);
    return isFloat(x.dtype) ? n.or(less, n.and(n.eq(p, p), n.ne(q, q))) : less;
  };
  return descending ? (p, q) => plain(q, p) : plain;
}

/** The positions along the last axis in sorted order, int32. */
function sortedPositions(x: Node, descending: boolean): Node {
  const N = x.shape.at(-1)!;
  const keys = b.detach(x.dtype === "bool" ? b.cast(x, "uint8") : x);
  const before = orderOf(keys, descending);
  return networkCost(N) < N ? throughNetwork(keys, before) : byCounting(keys, before);
}

// The rank of an element is the number of those before it: by value, or equal and earlier.
function byCounting(x: Node, before: Before): Node {
  const [lead, N] = [x.shape.slice(0, -1), x.shape.at(-1)!];
  const spread = (shape: readonly number[]) => {
    return b.expand(b.reshape(x, [...lead, ...shape]), [...lead, N, N]);
  };
  const [mine, other] = [spread([N, 1]), spread([1, N])]; // (…, i, j)
  const earlier = n.lt(n.positions(N, 1, 2), n.positions(N, 0, 2)); // j < i
  const first = n.where(earlier, n.not(before(mine, other)), before(other, mine));
  const rank = n.reduce("sum", b.cast(first, "int32"), [lead.length + 1], false); // (…, i)
  const place = b.broadcastTo(n.positions(N, lead.length, lead.length + 1), rank.shape);
  return b.scatter(b.full(0, rank.shape, "int32"), rank, place, lead.length);
}

// Batcher's bitonic network over a power of two. In each stage an element at i meets the one at i ^ j,
// and they go up or down by the bit k of i. Places beyond the end come last; equal elements go by their
// positions, which makes it stable.
function throughNetwork(x: Node, before: Before): Node {
  const [lead, N] = [x.shape.slice(0, -1), x.shape.at(-1)!];
  const axis = lead.length;
  const stages: [number, number][] = [];
  let size = 1;
  for (; size < N; size *= 2) {
    for (let j = size; j >= 1; j /= 2) stages.push([j, 2 * size]);
  }
  const shape = [...lead, size];
  const here = b.broadcastTo(n.positions(size, axis, axis + 1), shape);
  const sequence = (which: 0 | 1) => {
    const data = Int32Array.from(stages, (s) => s[which]);
    return b.bufferNode(new Buffer("int32", data.length, data), [data.length]);
  };
  const bind = (outside: Node, inside: Node) => ({ outside, inside });
  const state = [n.padAxis(x, axis, 0, size - N), here].map((v) => bind(v, standFor(v)));
  const steps = [sequence(0), sequence(1)].map((v) => bind(v, stepOf(v)));
  const [key, place] = state.map((s) => s.inside) as [Node, Node];
  const [j, k] = steps.map((s) => s.inside) as [Node, Node];
  const partner = n.xor(here, j);
  const [otherKey, otherPlace] = [b.gather(key, partner, axis), b.gather(place, partner, axis)];
  const up = n.eq(n.and(here, k), 0);
  const first = n.eq(n.and(here, j), 0); // of the pair
  const [beyond, otherBeyond] = [n.ge(place, N), n.ge(otherPlace, N)];
  const tie = n.and(n.not(before(key, otherKey)), n.not(before(otherKey, key)));
  const real = n.or(before(key, otherKey), n.and(tie, n.lt(place, otherPlace)));
  const anyBeyond = n.or(beyond, otherBeyond);
  const ends = n.and(n.not(beyond), otherBeyond);
  const bothEnds = n.and(n.and(beyond, otherBeyond), n.lt(place, otherPlace));
  const less = n.or(n.and(n.not(anyBeyond), real), n.or(ends, bothEnds));
  const stays = n.eq(less, n.eq(up, first));
  const { carries } = makeLoop({
    t: standFor({ dtype: "int32", shape: [] }),
    length: stages.length,
    reverse: false,
    carries: state,
    xs: steps,
    next: [n.where(stays, key, otherKey), n.where(stays, place, otherPlace)],
    ys: [],
  });
  return n.narrow(carries[1]!, axis, 0, N);
}

// The first k, one after another: the best of what is left, the earliest of equals. NaN is a class of its
// own, before or after all numbers.
function oneByOne(x: Node, k: number, largest: boolean): Node {
  const [lead, N] = [x.shape.slice(0, -1), x.shape.at(-1)!];
  const axis = lead.length;
  const taken = standFor({ dtype: "bool", shape: x.shape });
  const nan = n.ne(x, x);
  const kind = n.where(
    taken,
    2,
    n.where(nan, b.constant(largest ? 0 : 1, "int32"), largest ? 1 : 0),
  );
  const best = b.reduce("min", kind, [axis]);
  const left = isFloat(x.dtype) ? n.eq(kind, best) : n.not(taken);
  const keys = n.where(left, n.where(nan, 0, x), edge(x.dtype, largest ? -1 : 1));
  const found = b.reduce(largest ? "argmax" : "argmin", keys, [axis]);
  // Where only the worst numbers are left, the first of them may be one that was taken.
  const first = b.reduce("argmax", b.cast(left, "uint8"), [axis]);
  const next = n.where(b.gather(left, found, axis), found, first);
  const here = n.positions(N, axis, axis + 1);
  const { ys } = makeLoop({
    t: standFor({ dtype: "int32", shape: [] }),
    length: k,
    reverse: false,
    carries: [{ inside: taken, outside: b.full(0, x.shape, "bool") }],
    xs: [],
    next: [n.or(taken, n.eq(here, next))],
    ys: [n.drop(next, [axis])],
  });
  return b.permute(ys[0]!, [...lead.map((_, i) => i + 1), 0]); // (…, k)
}

// --- what users call --------------------------------------------------------------------------------

/** Positions found along the last axis, as those along `axis`, with the values there. */
function picked(x: Node, axis: number, find: (x: Node) => Node): ValuesAndIndices {
  const last = x.shape.length - 1;
  const indices = n.swap(find(n.swap(x, axis, last)), axis, last);
  return { values: wrap(b.gather(x, indices, axis)), indices: wrap(indices) };
}

function only(x: Tensor): ValuesAndIndices {
  return { values: wrap(nodeOf(x)), indices: wrap(b.constant(0, "int32")) };
}

/** The elements along an axis (by default the last) in order, and where each was. Equal elements keep
 *  their order; NaN is the largest. */
export function sort(x: Tensor, axis = -1, options: SortOptions = {}): ValuesAndIndices {
  needOptions("sort", options, "use { descending: true }");
  const [at] = axesOf("sort", axis, x.shape);
  if (at === undefined) return only(x);
  return picked(nodeOf(x), at, (v) => sortedPositions(v, options.descending === true));
}

/** The positions that would sort an axis. */
export function argsort(x: Tensor, axis = -1, options: SortOptions = {}): Tensor {
  needOptions("argsort", options, "use { descending: true }");
  return sort(x, axis, options).indices;
}

/** The k largest (or smallest) elements along an axis, best first, and where they are. */
export function topk(x: Tensor, k: number, axis = -1, options: TopkOptions = {}): ValuesAndIndices {
  needOptions("topk", options, "use { largest: false }");
  const [at] = axesOf("topk", axis, x.shape);
  const N = at === undefined ? 1 : x.shape[at]!;
  if (!Number.isInteger(k) || k < 0 || k > N) {
    throw argumentError("topk", `k must be a whole number from 0 to ${N}, got ${k}`);
  }
  if (at === undefined) return only(x);
  const largest = options.largest !== false;
  return picked(nodeOf(x), at, (v) => {
    const keys = b.detach(x.dtype === "bool" ? b.cast(v, "uint8") : v);
    if (k > 0 && k * oneStep < sortCost(N)) return oneByOne(keys, k, largest);
    return n.narrow(sortedPositions(v, largest), v.shape.length - 1, 0, k);
  });
}
