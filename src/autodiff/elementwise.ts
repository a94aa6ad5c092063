// Gradients of the unary and binary ops. x, a, b: sources; y: the value; g: the gradient of y.
// Where PyTorch chooses a convention (ties, kinks, 0⁰), it is PyTorch's.

import { binary, unary, where } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { add, div, drop, eq, type FnOf, le, like, lt, mul, neg, scale, sub } from "./terms.ts";

type UnaryRule = (g: Node, x: Node, y: Node) => Node | null;
type BinaryRule = (g: Node, a: Node, b: Node, y: Node) => readonly [Node | null, Node | null];

const nothing = () => null;
const neither = () => [null, null] as const;

export const unaryVjp: { [K in FnOf<"unary">]: UnaryRule } = {
  neg: (g) => neg(g),
  abs: (g, x) => mul(g, unary("sign", x)),
  // (1/x)' = -1/x² = -y²
  reciprocal: (g, _, y) => neg(mul(g, mul(y, y))),
  // (√x)' = 1/(2√x)
  sqrt: (g, _, y) => div(g, scale(y, 2)),
  // (x^-½)' = -½ x^-³⁄₂ = -½ y³
  rsqrt: (g, _, y) => mul(scale(g, -0.5), mul(y, mul(y, y))),
  exp: (g, _, y) => mul(g, y),
  // (eˣ-1)' = eˣ = y + 1
  expm1: (g, _, y) => mul(g, add(y, like(1, y))),
  log: (g, x) => div(g, x),
  // ln(1+x)' = 1/(1+x)
  log1p: (g, x) => div(g, add(x, like(1, x))),
  sin: (g, x) => mul(g, unary("cos", x)),
  cos: (g, x) => neg(mul(g, unary("sin", x))),
  // arctan' = 1/(1+x²)
  atan: (g, x) => div(g, add(mul(x, x), like(1, x))),
  // tanh' = 1-y²
  tanh: (g, _, y) => mul(g, sub(like(1, y), mul(y, y))),
  // σ' = σ(1-σ)
  sigmoid: (g, _, y) => mul(g, mul(y, sub(like(1, y), y))),
  // erf' = 2/√π · exp(-x²)
  erf: (g, x) => mul(g, scale(unary("exp", neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
  // 0 at 0; by the value, so that x itself need not be kept
  relu: (g, _, y) => drop(le(y, like(0, y)), g),
  // Flat wherever they have a slope at all.
  sign: nothing,
  floor: nothing,
  ceil: nothing,
  round: nothing,
  trunc: nothing,
  not: nothing,
};

export const binaryVjp: { [K in FnOf<"binary">]: BinaryRule } = {
  add: (g) => [g, g],
  sub: (g) => [g, neg(g)],
  mul: (g, a, b) => [mul(g, b), mul(g, a)],
  // (a/b)' = (1/b, -a/b² = -y/b)
  div: (g, _, b, y) => [div(g, b), neg(mul(g, div(y, b)))],
  // a mod b = a - b·⌊a/b⌋
  mod: (g, a, b) => [g, neg(mul(g, unary("floor", div(a, b))))],
  pow: powVjp,
  max: (g, a, b) => [share(g, a, b, lt(a, b)), share(g, a, b, lt(b, a))],
  min: (g, a, b) => [share(g, a, b, lt(b, a)), share(g, a, b, lt(a, b))],
  and: neither,
  or: neither,
  xor: neither,
  shl: neither,
  shr: neither,
};

// (aᵇ)' = (b·aᵇ⁻¹, aᵇ·ln a). The first is 0 for b = 0, also at a = 0 (where aᵇ⁻¹ is infinite);
// the second is 0 for a = 0 and b ≥ 0 (where ln a is).
function powVjp(g: Node, a: Node, b: Node, y: Node): readonly [Node, Node] {
  const zero = like(0, a);
  const da = mul(b, binary("pow", a, sub(b, like(1, b))));
  const db = mul(y, unary("log", a));
  const flat = binary("and", eq(a, zero), le(zero, b));
  return [drop(eq(b, zero), mul(g, da)), drop(flat, mul(g, db))];
}

// Of max or min: all of g to the winner, half to each of equals, nothing to the loser.
function share(g: Node, a: Node, b: Node, lost: Node): Node {
  return where(eq(a, b), scale(g, 0.5), drop(lost, g));
}
