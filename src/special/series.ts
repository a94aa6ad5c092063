// What approximations are made of: Chebyshev and power series of a node, cut to the digits of its dtype,
// pieces over intervals, and the few exact tricks of argument reduction. Nodes of one dtype in and out.
// Not here: any special function, or its coefficients (tables.ts).

import { full, unary } from "../ir/build.ts";
import type { DType } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import { wrap } from "../tensor/core.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { apply, floatType, needTensor, pairOf, resultType } from "../tensor/ops/common.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Operand } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * A function of a float node as one of a tensor (ints become float32 first), with a derivative of its own
 * where that of the approximation would be worse: from x and y = f(x) to f'(x).
 */
export function ofTensor(
  op: string,
  f: (x: Node) => Node,
  slope?: (x: Tensor, y: Tensor) => Tensor,
): (x: Tensor) => Tensor {
  const value = (x: Tensor) => apply(x, f);
  const whole =
    slope === undefined
      ? value
      : customVjp(value, (g: Tensor, [x], y: Tensor) => [g.mul(slope(x, y))]);
  return (x) => {
    needTensor(op, x);
    return whole(x.to(floatType(x.dtype)));
  };
}

/** The operands as float tensors of one shape and dtype. */
export function floatPair(op: string, x: Operand, y: Operand): [Tensor, Tensor] {
  const [a, c] = pairOf(op, x, y, floatType(resultType(x, y)));
  return [wrap(a), wrap(c)];
}

/** A function of two float nodes as one of tensors and numbers, which broadcast. */
export function ofPair(
  op: string,
  f: (x: Node, y: Node) => Node,
): (x: Operand, y: Operand) => Tensor {
  return (x, y) => wrap(f(...pairOf(op, x, y, floatType(resultType(x, y)))));
}

/** How small a term may be before it is left out, beside the largest. */
const least: Partial<Record<DType, number>> = { float32: 1.5e-8, float64: 1e-18 };

/** The coefficients that a dtype can tell apart. */
function kept(c: readonly number[], dtype: DType): readonly number[] {
  const limit = (least[dtype] ?? 0) * c.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  let count = c.length;
  while (count > 1 && Math.abs(c[count - 1]!) < limit) count--;
  return c.slice(0, count);
}

/** Σ c[k] T_k(t) with t = x mapped from [low, high] to [-1, 1], by Clenshaw's recurrence. */
export function chebyshev(x: Node, c: readonly number[], low: number, high: number): Node {
  const half = (high - low) / 2;
  const t = n.div(n.sub(x, (low + high) / 2), half);
  const terms = kept(c, x.dtype);
  const twice = n.add(t, t);
  let later: Node | number = 0;
  let sum: Node | number = 0;
  for (let k = terms.length - 1; k >= 1; k--) {
    const next: Node = n.add(n.sub(n.mul(twice, sum), later), terms[k]!);
    later = sum;
    sum = next;
  }
  return n.add(n.sub(n.mul(t, sum), later), terms[0]!);
}

/** Σ c[k] x^k, by Horner's rule. */
export function power(x: Node, c: readonly number[]): Node {
  const last = c.length - 1;
  let sum = same(x, c[last]!);
  for (let k = last - 1; k >= 0; k--) sum = n.add(n.mul(sum, x), c[k]!);
  return sum;
}

/** One function up to each edge, the last beyond them. Each sees its own interval only, so that
 *  none of them makes a NaN or an infinity where another is chosen. */
export function pieces(
  x: Node,
  edges: readonly number[],
  parts: readonly ((x: Node) => Node)[],
): Node {
  let out: Node | null = null;
  for (let i = parts.length - 1; i >= 0; i--) {
    const [low, high] = [edges[i - 1], edges[i]];
    let own = x;
    if (low !== undefined) own = n.max(own, low);
    if (high !== undefined) own = n.min(own, high);
    const value = parts[i]!(own);
    out = out === null ? value : n.where(n.gt(x, high!), out, value);
  }
  return out!;
}

/** exp(factor · x²). The square is taken in two parts, the first without a rounding. */
export function gauss(x: Node, factor: number): Node {
  const y = n.min(n.abs(x), 45); // beyond it all is 0 or infinite
  const head = n.mul(unary("round", n.mul(y, 16)), 1 / 16);
  const rest = n.mul(n.sub(y, head), n.add(y, head));
  return n.mul(n.exp(n.mul(n.mul(head, head), factor)), n.exp(n.mul(rest, factor)));
}

/** x to the nearest whole number: in [-½, ½], without a rounding. */
export function toNearest(x: Node): Node {
  return n.sub(x, unary("round", x));
}

/** A number in the shape and dtype of x. */
export function same(x: Node, value: number): Node {
  return full(value, x.shape, x.dtype);
}
