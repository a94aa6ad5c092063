// Short words for the terms that gradient rules are written in.
// Not here: rules.

import {
  binary,
  broadcastTo,
  compare,
  expand,
  full,
  iota,
  pad,
  reshape,
  unary,
  where,
} from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { Attrs, Op } from "../ir/op.ts";

/**
 * The rule of an op: from a node and the gradient of its value (same shape and dtype) to the gradients
 * of its sources, in their order. null: no gradient flows there (zero everywhere, or not defined).
 */
export type VjpRule<K extends Op> = (node: Node<K>, g: Node) => readonly (Node | null)[];

/** The functions of a section, to type its table by. */
export type FnOf<K extends "unary" | "binary" | "reduce"> = Attrs[K]["fn"];

export const add = (a: Node, b: Node): Node => binary("add", a, b);
export const sub = (a: Node, b: Node): Node => binary("sub", a, b);
export const mul = (a: Node, b: Node): Node => binary("mul", a, b);
export const div = (a: Node, b: Node): Node => binary("div", a, b);
export const neg = (a: Node): Node => unary("neg", a);

/** The number, in the shape and dtype of x. */
export const like = (value: number, x: Node): Node => full(value, x.shape, x.dtype);
export const scale = (a: Node, value: number): Node => mul(a, like(value, a));
export const zeros = (x: Node): Node => like(0, x);

export const eq = (a: Node, b: Node): Node => compare("eq", a, b);
export const lt = (a: Node, b: Node): Node => compare("lt", a, b);
export const le = (a: Node, b: Node): Node => compare("le", a, b);

/** `value` where the condition holds, else 0. */
export const keep = (cond: Node, value: Node): Node => where(cond, value, zeros(value));
/** `value` where the condition does not hold, else 0. */
export const drop = (cond: Node, value: Node): Node => where(cond, zeros(value), value);

/** One after the other along the first axis. */
export function concat(a: Node, b: Node): Node {
  const none = a.shape.slice(1).map(() => 0);
  const [m, n] = [a.shape[0]!, b.shape[0]!];
  if (m === 0) return b;
  if (n === 0) return a;
  const whole = [m + n, ...a.shape.slice(1)];
  const inFront = broadcastTo(
    compare(
      "lt",
      reshape(iota(m + n), [m + n, ...none.map(() => 1)]),
      full(m, [m + n, ...none.map(() => 1)], "int32"),
    ),
    whole,
  );
  const zero = [0, ...none];
  return where(inFront, pad(a, zero, [n, ...none]), pad(b, [m, ...none], zero));
}

export const grow = (x: Node, to: Node): Node => expand(x, to.shape);
