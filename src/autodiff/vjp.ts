// The gradient of every op, backwards: given the gradient g of a node's value, those of its sources.
// Typed over the ops, so that a new op does not compile without its rule; the sections are in
// elementwise.ts, reduce.ts, movement.ts and conv.ts. Forward mode is in jvp.ts, vmap in vmap.ts.
// Not here: the walk over a graph (backward.ts), or loops, which have several results (scan.ts).

import {
  cast,
  compare,
  contract,
  expand,
  full,
  gather,
  iota,
  reshape,
  scatter,
  scatterAdd,
} from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Op, SingleOp } from "../ir/op.ts";
import { softmaxSlope } from "./composite.ts";
import { convVjp, convWeightsVjp } from "./conv.ts";
import { binaryVjp, unaryVjp } from "./elementwise.ts";
import { movementVjp } from "./movement.ts";
import { reduceRule } from "./reduce.ts";
import { drop, keep, type VjpRule } from "./terms.ts";

const leaf = () => [];

/** One rule for each op; see {@link VjpRule}. */
export const vjp: { [K in SingleOp]: VjpRule<K> } = {
  unary: (node, g) => [unaryVjp[node.attrs.fn](g, node.src[0]!, node)],
  binary: (node, g) => binaryVjp[node.attrs.fn](g, node.src[0]!, node.src[1]!, node),
  compare: () => [null, null],
  where: ({ src: [cond] }, g) => [null, keep(cond!, g), drop(cond!, g)],
  cast: ({ src: [x] }, g) => [isFloat(x!.dtype) ? cast(g, x!.dtype) : null],
  detach: () => [null],
  custom: (node, g) => node.attrs.rule.pull(node, g),
  reduce: (node, g) => [reduceRule(node, g)],
  ...movementVjp,
  // Each element read gives its gradient to where it was read from.
  gather: ({ src: [table, index], attrs }, g) => [
    scatterAdd(full(0, table!.shape, g.dtype), index!, g, attrs.axis),
    null,
  ],
  scatterAdd: ({ src: [, index], attrs }, g) => [g, null, gather(g, index!, attrs.axis)],
  scatter: scatterVjp,
  // Multilinear: each operand's gradient is an einsum of g with the other, the labels exchanged.
  contract: ({ src: [a, b], attrs: l }, g) => [
    contract(g, b!, { a: l.out, b: l.b, out: l.a }),
    contract(a!, g, { a: l.a, b: l.out, out: l.b }),
  ],
  softmax: (node, g) => [softmaxSlope(node, g)],
  conv: convVjp,
  convWeights: convWeightsVjp,
  const: leaf,
  scalar: leaf,
  iota: leaf,
  random: () => [null, null],
  buffer: leaf,
  param: leaf,
};

// What is overwritten gets none, and of equal indices only the last, whose update is there to be read.
function scatterVjp({ src: [, index], attrs }: Node<"scatter">, g: Node): [Node, null, Node] {
  const { axis } = attrs;
  const { shape } = index!;
  const column = shape.map((_, i) => (i === axis ? shape[axis]! : 1));
  const place = expand(reshape(iota(shape[axis]!), column), shape);
  const last = gather(scatter(full(0, g.shape, "int32"), index!, place, axis), index!, axis);
  const kept = scatter(g, index!, full(0, shape, g.dtype), axis);
  return [kept, null, keep(compare("eq", last, place), gather(g, index!, axis))];
}

/** The gradients of a node's sources; see {@link VjpRule}. */
export function vjpOf(node: Node<SingleOp>, g: Node): readonly (Node | null)[] {
  return (vjp[node.op as SingleOp] as VjpRule<Op>)(node, g);
}
