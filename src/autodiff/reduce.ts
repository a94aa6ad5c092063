// Gradients of the reductions. x: source; y: the value (reduced axes have size 1); g: its gradient.

import {
  broadcastTo,
  cast,
  expand,
  flip,
  iota,
  pad,
  permute,
  reduce,
  reshape,
  slice,
} from "../ir/build.ts";
import { type Node, sizeOf } from "../ir/node.ts";
import { div, eq, type FnOf, grow, keep, mul } from "./terms.ts";

type ReduceRule = (g: Node, x: Node, y: Node, axes: readonly number[]) => Node | null;

export const reduceVjp: { [K in FnOf<"reduce">]: ReduceRule } = {
  sum: (g, x) => grow(g, x),
  // ∂(Π xⱼ)/∂xᵢ = Π of the others, which needs no division and is right at zeros
  prod: (g, x, _, axes) => mul(grow(g, x), productOfOthers(x, axes)),
  max: extremeVjp,
  min: extremeVjp,
  argmax: () => null,
  argmin: () => null,
};

// Evenly among the elements that are equal to the extreme, as PyTorch's amax.
function extremeVjp(g: Node, x: Node, y: Node, axes: readonly number[]): Node {
  const winners = eq(x, grow(y, x));
  const count = reduce("sum", cast(winners, x.dtype), axes);
  return keep(winners, grow(div(g, count), x));
}

/** The gradients of a reduction's source, whichever of the elements the rule gives them to. */
export function reduceRule(node: Node<"reduce">, g: Node): Node | null {
  const { fn, axes, first } = node.attrs;
  const x = node.src[0]!;
  return first ? firstWinner(fn, g, x, axes[0]!) : reduceVjp[fn](g, x, node, axes);
}

// To the first of the winners alone: PyTorch's max over an axis, and max pooling.
function firstWinner(fn: FnOf<"reduce">, g: Node, x: Node, axis: number): Node {
  const winner = reduce(fn === "min" ? "argmin" : "argmax", x, [axis]);
  const shape = x.shape.map((d, i) => (i === axis ? d : 1));
  const position = broadcastTo(reshape(iota(x.shape[axis]!), shape), x.shape);
  return keep(eq(position, expand(winner, x.shape)), grow(g, x));
}

/** For each element the product of all others of its group: those before it times those after it. */
function productOfOthers(x: Node, axes: readonly number[]): Node {
  const rest = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...rest, ...axes];
  const moved = permute(x, order);
  const R = sizeOf(rest.map((i) => x.shape[i]!));
  const N = sizeOf(axes.map((i) => x.shape[i]!));
  const flat = reshape(moved, [R, N]);
  const after = flip(productBefore(flip(flat, [1])), [1]);
  const others = reshape(mul(productBefore(flat), after), moved.shape); // (R, N) to (…rest, …axes)
  return permute(
    others,
    order.map((_, i) => order.indexOf(i)),
  );
}

// y[i] = x[0]·…·x[i-1], by doubling: after a step of `reach`, y[i] holds the `2·reach` before i.
function productBefore(x: Node): Node {
  const N = x.shape[1]!;
  let y = shift(x, Math.min(1, N));
  for (let reach = 1; reach < N - 1; reach *= 2) y = mul(y, shift(y, reach));
  return y;
}

// x[i - by], and 1 before the start.
function shift(x: Node, by: number): Node {
  const [R, N] = x.shape as [number, number];
  return pad(slice(x, [0, 0], [R, N - by]), [0, by], [0, 0], 1);
}
