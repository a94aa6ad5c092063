// Arithmetic on nodes of one dtype that broadcasts, for the compositions in this folder. A plain number
// here is a constant of the library's (0, 1, a size); numbers of the user's come as `given(x, value)`.
// Not here: promotion (common.ts), or what users call.

import * as b from "../../ir/build.ts";
import type { Node, Shape } from "../../ir/node.ts";
import type { BinaryOp, CompareOp, ReduceOp, UnaryOp } from "../../ir/op.ts";

type Value = Node | number;

function both(x: Value, y: Value): [Node, Node] {
  const p = typeof x === "number" ? b.constant(x, (y as Node).dtype) : x;
  const q = typeof y === "number" ? b.constant(y, p.dtype) : y;
  const shape = b.broadcastShape(p.shape, q.shape) as Shape;
  return [b.broadcastTo(p, shape), b.broadcastTo(q, shape)];
}

function binary(fn: BinaryOp, x: Value, y: Value): Node {
  const [p, q] = both(x, y);
  return b.binary(fn, p, q);
}

function compare(fn: CompareOp, x: Value, y: Value): Node {
  const [p, q] = both(x, y);
  return b.compare(fn, p, q);
}

export const add = (x: Value, y: Value): Node => binary("add", x, y);
export const sub = (x: Value, y: Value): Node => binary("sub", x, y);
export const mul = (x: Value, y: Value): Node => binary("mul", x, y);
export const div = (x: Value, y: Value): Node => binary("div", x, y);
export const mod = (x: Value, y: Value): Node => binary("mod", x, y);
export const pow = (x: Value, y: Value): Node => binary("pow", x, y);
export const max = (x: Value, y: Value): Node => binary("max", x, y);
export const min = (x: Value, y: Value): Node => binary("min", x, y);
export const and = (x: Value, y: Value): Node => binary("and", x, y);
export const or = (x: Value, y: Value): Node => binary("or", x, y);
export const xor = (x: Value, y: Value): Node => binary("xor", x, y);

export const eq = (x: Value, y: Value): Node => compare("eq", x, y);
export const ne = (x: Value, y: Value): Node => compare("ne", x, y);
export const lt = (x: Value, y: Value): Node => compare("lt", x, y);
export const le = (x: Value, y: Value): Node => compare("le", x, y);
export const gt = (x: Value, y: Value): Node => compare("lt", y, x);
export const ge = (x: Value, y: Value): Node => compare("le", y, x);

export const unary = (fn: UnaryOp, x: Node): Node => b.unary(fn, x);
export const neg = (x: Node): Node => b.unary("neg", x);
export const exp = (x: Node): Node => b.unary("exp", x);
export const log = (x: Node): Node => b.unary("log", x);
export const log1p = (x: Node): Node => b.unary("log1p", x);
export const expm1 = (x: Node): Node => b.unary("expm1", x);
export const sqrt = (x: Node): Node => b.unary("sqrt", x);
export const abs = (x: Node): Node => b.unary("abs", x);
export const not = (x: Node): Node => b.unary("not", x);

export function where(cond: Node, yes: Value, no: Value): Node {
  const [p, q] = both(yes, no);
  const shape = b.broadcastShape(cond.shape, p.shape) as Shape;
  const spread = (x: Node) => b.broadcastTo(x, shape);
  return b.where(spread(cond), spread(p), spread(q));
}

/** A reduction that drops its axes, or keeps them with size 1. */
export function reduce(fn: ReduceOp, x: Node, axes: readonly number[], keepdim: boolean): Node {
  const out = axes.length === 0 ? x : b.reduce(fn, x, axes);
  return keepdim ? out : drop(out, axes);
}

/** Takes axes of size 1 away. */
export function drop(x: Node, axes: readonly number[]): Node {
  if (axes.length === 0) return x;
  return b.reshape(
    x,
    x.shape.filter((_, i) => !axes.includes(i)),
  );
}

/** 0 … n-1 along one axis of a tensor of `rank` axes, the others of size 1. */
export function positions(n: number, axis: number, rank: number): Node {
  const shape = Array<number>(rank).fill(1);
  shape[axis] = n;
  return b.reshape(b.iota(n), shape);
}

/** Elements start … stop of one axis. */
export function narrow(x: Node, axis: number, start: number, stop: number, step = 1): Node {
  const starts = x.shape.map((_, i) => (i === axis ? start : 0));
  const stops = x.shape.map((d, i) => (i === axis ? stop : d));
  const steps = x.shape.map((_, i) => (i === axis ? step : 1));
  return b.slice(x, starts, stops, steps);
}

/** Adds elements before and after one axis. */
export function padAxis(x: Node, axis: number, lo: number, hi: number, value = 0): Node {
  const at = (n: number) => x.shape.map((_, i) => (i === axis ? n : 0));
  return b.pad(x, at(lo), at(hi), value);
}

/** Exchanges two axes. */
export function swap(x: Node, i: number, j: number): Node {
  const order = x.shape.map((_, k) => k);
  order[i] = j;
  order[j] = i;
  return b.permute(x, order);
}
