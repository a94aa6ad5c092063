// Reverse-mode differentiation: one walk from the outputs back to what was asked for, building the
// gradient as another graph. An op with several results has its rule run once, when the gradients of its
// parts are there. Not here: the rule of an op (vjp.ts, scan.ts), or `.backward()` (tensor/).

import { binary, sameShape, show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { isOp, type Node, topological, withScopeOf } from "../ir/node.ts";
import type { SingleOp } from "../ir/op.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import { scanVjp } from "./scan.ts";
import { vjpOf } from "./vjp.ts";

/**
 * The gradients of Σᵢ ⟨outputs[i], cotangents[i]⟩ with respect to each node of `wrt`; null for one that
 * no output depends on through differentiable ops. Gradients have the shape and dtype of their node, and
 * may be differentiated again.
 *
 * @throws ShapeError, DtypeError where a cotangent does not fit its output.
 *
 * @example
 * const y = binary("mul", x, x);
 * const [dx] = grad([y], [full(1, y.shape, y.dtype)], [x]); // 2x
 */
export function grad(
  outputs: readonly Node[],
  cotangents: readonly Node[],
  wrt: readonly Node[],
): (Node | null)[] {
  checkCotangents(outputs, cotangents);
  const order = topological(outputs);
  const relevant = dependents(outputs, wrt, order);
  const gradients = new Map<Node, Node>();
  const parts = new Map<Node, (Node | null)[]>();
  const sum = (known: Node | null | undefined, g: Node) => (known ? binary("add", known, g) : g);
  const accumulate = (node: Node, g: Node) => void gradients.set(node, sum(gradients.get(node), g));
  outputs.forEach((node, i) => {
    if (relevant.has(node)) accumulate(node, cotangents[i]!);
  });
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i]!;
    const g = gradients.get(node);
    const ofParts = parts.get(node);
    if (!(g ?? ofParts) || !node.src.some((s) => relevant.has(s))) continue;
    if (isOp(node, "part")) {
      const [loop] = node.src as [Node<"scan">];
      const all = parts.get(loop) ?? loop.attrs.body.outputs.map(() => null);
      all[node.attrs.index] = sum(all[node.attrs.index], g!);
      parts.set(loop, all);
      continue;
    }
    const found = withScopeOf(node, () => {
      if (!isOp(node, "scan")) return vjpOf(node as Node<SingleOp>, g!);
      const wanted = node.src.map((s) => relevant.has(s));
      return scanVjp(node, ofParts!, wanted);
    });
    node.src.forEach((s, at) => {
      const part = found[at];
      if (part && relevant.has(s)) accumulate(s, part);
    });
  }
  return wrt.map((node) => gradients.get(node) ?? null);
}

/** The nodes through which a change of `wrt` can reach the outputs. Only floats carry gradients. */
export function dependents(
  outputs: readonly Node[],
  wrt: readonly Node[],
  order: readonly Node[] = topological(outputs),
): Set<Node> {
  const relevant = new Set<Node>(wrt.filter((node) => isFloat(node.dtype)));
  for (const node of order) {
    if (!isFloat(node.dtype) || node.op === "detach") continue;
    if (node.src.some((s) => relevant.has(s))) relevant.add(node);
  }
  return relevant;
}

function checkCotangents(outputs: readonly Node[], cotangents: readonly Node[]): void {
  if (outputs.length !== cotangents.length) {
    const counts = `${outputs.length} outputs and ${cotangents.length} cotangents`;
    throw new ArgumentError("grad", `needs one cotangent for each output, got ${counts}`);
  }
  outputs.forEach((node, i) => {
    const g = cotangents[i]!;
    if (!sameShape(node.shape, g.shape)) {
      const shapes = `output ${show(node.shape)} and cotangent ${show(g.shape)}`;
      throw new ShapeError("grad", `${shapes} differ`);
    }
    if (node.dtype !== g.dtype) {
      throw new DtypeError("grad", `output ${node.dtype} and cotangent ${g.dtype} differ`);
    }
  });
}
