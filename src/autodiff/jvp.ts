// Forward-mode differentiation: tangents run along with the values. A rule gives the tangent of a
// node from those of its sources; null is a tangent of zero.
// Elementwise ops have a diagonal derivative, so forwards is the same product as backwards and their
// rules are those of elementwise.ts. Linear ops are applied to the tangent itself.

import { cast, contract, conv, convWeights, full, reduce, sameShape, where } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { isOp, Node, topological } from "../ir/node.ts";
import type { Attrs, MovementOp, Op, SingleOp } from "../ir/op.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { softmaxSlope } from "./composite.ts";
import { customJvp } from "./custom.ts";
import { binaryVjp, unaryVjp } from "./elementwise.ts";
import { reduceRule } from "./reduce.ts";
import { scanJvp } from "./scan.ts";
import { add, mul, zeros } from "./terms.ts";

type Tangent = Node | null;

/** The tangent of a node's value, given those of its sources in their order. */
export type JvpRule<K extends Op> = (node: Node<K>, tangents: readonly Tangent[]) => Tangent;

const none = () => null;

// Linear in all its sources together: the op itself, of the tangents.
const linear = <K extends Op>(node: Node<K>, tangents: readonly Tangent[]): Tangent =>
  again(
    node,
    tangents.map((t, i) => t ?? zeros(node.src[i]!)),
    node.attrs,
  );

const movementJvp: { [K in MovementOp]: JvpRule<K> } = {
  reshape: linear,
  permute: linear,
  expand: linear,
  pad: (node, [t]) => again(node, [t!], { ...node.attrs, value: 0 }), // the padding does not move
  slice: linear,
  flip: linear,
  window: linear,
};

// Linear in base and update.
function scattered(node: Node<"scatter" | "scatterAdd">, [tb, , tu]: readonly Tangent[]): Node {
  const [base, index, update] = node.src as [Node, Node, Node];
  return again(node, [tb ?? zeros(base), index, tu ?? zeros(update)], node.attrs);
}

/** One rule for each op; see {@link JvpRule}. Only called where some tangent is not null. */
export const jvpRules: { [K in SingleOp]: JvpRule<K> } = {
  unary: (node, [t]) => unaryVjp[node.attrs.fn](t!, node.src[0]!, node),
  binary: (node, [ta, tb]) => {
    const [a, b] = node.src as [Node, Node];
    const rule = binaryVjp[node.attrs.fn];
    return sum(ta ? rule(ta, a, b, node)[0] : null, tb ? rule(tb, a, b, node)[1] : null);
  },
  compare: none,
  where: ({ src: [cond, yes, no] }, [, ty, tn]) => {
    return where(cond!, ty ?? zeros(yes!), tn ?? zeros(no!));
  },
  cast: (node, [t]) => (isFloat(node.dtype) ? cast(t!, node.dtype) : null),
  detach: none,
  custom: customJvp,
  // Σ over the group of ∂y/∂x · t. With a gradient of 1, the backward rule is that derivative.
  reduce: (node, [t]) => {
    if (node.attrs.fn === "sum") return reduce("sum", t!, node.attrs.axes);
    const slope = reduceRule(node, full(1, node.shape, node.dtype));
    return slope && reduce("sum", mul(slope, t!), node.attrs.axes);
  },
  ...movementJvp,
  gather: (node, [t]) => t && again(node, [t, node.src[1]!], node.attrs),
  scatterAdd: scattered,
  scatter: scattered,
  // Its Jacobian is symmetric.
  softmax: (node, [t]) => softmaxSlope(node, t!),
  contract: bilinear((a, b, attrs: Attrs["contract"]) => contract(a, b, attrs)),
  conv: bilinear((x, w, attrs: Attrs["conv"]) => conv(x, w, attrs)),
  convWeights: bilinear((x, g, attrs: Attrs["convWeights"]) => convWeights(x, g, attrs)),
  const: none,
  scalar: none,
  iota: none,
  random: none,
  buffer: none,
  param: none,
};

/**
 * The tangents of the outputs where each node of `wrt` moves along its tangent: the Jacobian times a
 * vector, without the Jacobian. null: an output that does not move.
 *
 * @throws ShapeError where a tangent does not fit its node.
 *
 * @example
 * const y = unary("sin", x);
 * const [dy] = jvp([y], [x], [full(1, x.shape, x.dtype)]); // cos(x)
 */
export function jvp(
  outputs: readonly Node[],
  wrt: readonly Node[],
  tangents: readonly Node[],
): (Node | null)[] {
  checkTangents(wrt, tangents);
  const given = new Map(wrt.map((node, i) => [node, tangents[i]!]));
  const moving = new Map<Node, Node>();
  const loops = new Map<Node, readonly Tangent[]>();
  for (const node of topological(outputs)) {
    if (isOp(node, "scan")) {
      const along = node.src.map((s) => moving.get(s) ?? null);
      if (along.some((t) => t !== null)) loops.set(node, scanJvp(node, along));
      continue;
    }
    const made = isOp(node, "part")
      ? (loops.get(node.src[0]!)?.[node.attrs.index] ?? null)
      : tangentOf(node as Node<SingleOp>, moving);
    const total = sum(given.get(node), made);
    if (total !== null) moving.set(node, total);
  }
  return outputs.map((node) => moving.get(node) ?? null);
}

function tangentOf(node: Node<SingleOp>, moving: ReadonlyMap<Node, Node>): Tangent {
  if (!isFloat(node.dtype) || !node.src.some((s) => moving.has(s))) return null;
  const rule = jvpRules[node.op] as JvpRule<Op>;
  return rule(
    node,
    node.src.map((s) => moving.get(s) ?? null),
  );
}

function checkTangents(wrt: readonly Node[], tangents: readonly Node[]): void {
  if (wrt.length !== tangents.length) {
    const counts = `${wrt.length} nodes and ${tangents.length} tangents`;
    throw new ArgumentError("jvp", `needs one tangent for each node, got ${counts}`);
  }
  wrt.forEach((node, i) => {
    const t = tangents[i]!;
    if (sameShape(node.shape, t.shape) && node.dtype === t.dtype) return;
    const kinds = `${node.dtype} [${node.shape}] and ${t.dtype} [${t.shape}]`;
    throw new ShapeError("jvp", `a node and its tangent differ: ${kinds}`);
  });
}

// (ab)' = a'b + ab', for every product that is linear in each factor.
function bilinear<K extends "contract" | "conv" | "convWeights">(
  product: (a: Node, b: Node, attrs: Attrs[K]) => Node,
): JvpRule<K> {
  return (node, [ta, tb]) => {
    const [a, b] = node.src as [Node, Node];
    return sum(ta && product(ta, b, node.attrs), tb && product(a, tb, node.attrs));
  };
}

function sum(a: Tangent | undefined, b: Tangent | undefined): Tangent {
  if (a && b) return add(a, b);
  return a ?? b ?? null;
}

function again<K extends Op>(node: Node<K>, src: readonly Node[], attrs: Attrs[K]): Node {
  return new Node(node.op, node.dtype, node.shape, src, attrs);
}
