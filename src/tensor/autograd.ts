// Gradients of tensors, PyTorch's face: `backward` fills the `grad` of leaves; `gradients` is the pure
// form beneath it, which optimizers use. Both build graphs, so gradients can be differentiated again.
// Not here: the rule of an op (autodiff/), or functions of functions (transforms.ts).

import { grad as gradNodes } from "../autodiff/backward.ts";
import { binary, detach as detachNode, full, sameShape, show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { type Node, sizeOf, topological } from "../ir/node.ts";
import { ArgumentError, DtypeError, ShapeError, StateError } from "../util/errors.ts";
import { assignAll, leafOf, limitPending, nodeOf, valueNode, withGrad, wrap } from "./core.ts";
import { movedTo } from "./place.ts";
import { Tensor } from "./tensor.ts";
import { activeTrace } from "./trace.ts";

/** The value of a tensor, cut from the gradient. */
export function detach(x: Tensor): Tensor {
  return wrap(detachNode(valueNode(x)));
}

/** The node of an output that is about to be differentiated, and the gradient to begin with. */
function start(op: string, output: Tensor, gradient: Tensor | undefined): [Node, Node] {
  const node = withGrad(true, () => nodeOf(output));
  if (!isFloat(node.dtype)) {
    throw new DtypeError(op, `only float tensors have gradients, got ${node.dtype}`);
  }
  if (gradient === undefined) {
    if (sizeOf(node.shape) === 1) return [node, full(1, node.shape, node.dtype)];
    throw new ShapeError(op, `needs a tensor of one element, got ${show(node.shape)}`, {
      hint: "use y.mean() or y.sum(), or give the gradient of y: y.backward(gradient)",
    });
  }
  const from = nodeOf(gradient); // refuses what is no tensor
  if (!sameShape(gradient.shape, node.shape) || gradient.dtype !== node.dtype) {
    const got = `got ${gradient.dtype} ${show(gradient.shape)}`;
    throw new ShapeError(op, `the gradient of ${node.dtype} ${show(node.shape)} is needed, ${got}`);
  }
  return [node, from];
}

/**
 * The gradients of the outputs for each owner: the sum over the nodes that `ownerOf` gives it, among those
 * that the outputs depend on. The history of values that were read on the way is followed, back to nodes
 * older than `oldest`.
 */
export function reverse<T extends object>(
  outputs: readonly Node[],
  cotangents: readonly Node[],
  ownerOf: (node: Node) => T | null,
  oldest = 0,
): Map<T, Node> {
  const found = new Map<T, Node>();
  // Values with history, whose gradients are complete once all younger ones have been followed.
  const waiting = new Map<Node, Node>();
  let [from, seeds] = [outputs, cotangents];
  for (;;) {
    const targets = topological(from).filter((n) => ownerOf(n) !== null || hasHistory(n, oldest));
    const gradients = gradNodes(from, seeds, targets);
    targets.forEach((node, i) => {
      const g = gradients[i];
      if (!g) return;
      const owner = ownerOf(node);
      const follow = hasHistory(node, oldest);
      if (follow) add(waiting, node, g);
      // Where a value and what computed it have one owner, the latter gets all of the gradient.
      const later = follow && ownerOf(historyOf(node)) === owner;
      if (owner !== null && !later) add(found, owner, g);
    });
    const next = youngest(waiting);
    if (next === null) return found;
    const before = historyOf(next);
    [from, seeds] = [[before], [gradientAt(before, waiting.get(next)!)]];
    waiting.delete(next);
  }
}

function hasHistory(node: Node, oldest: number): boolean {
  return node.origin !== null && node.id > oldest;
}

function historyOf(node: Node): Node {
  if (node.origin !== null && node.origin !== node) return node.origin;
  throw new StateError(
    "backward",
    "goes through a chain of more than 10000 ops that nothing read",
    {
      hint: "compile the function that builds it, or cut it with x.detach()",
    },
  );
}

/** A gradient where the value lies that it is of: it has come back through a move. */
function gradientAt({ placed }: Node, g: Node): Node {
  const stays = placed === null || g.placed === null || g.placed === placed;
  return stays ? g : movedTo(g, placed);
}

function add<T>(sums: Map<T, Node>, owner: T, g: Node): void {
  const known = sums.get(owner);
  sums.set(owner, known === undefined ? g : binary("add", known, g));
}

function youngest(nodes: ReadonlyMap<Node, Node>): Node | null {
  let best: Node | null = null;
  for (const node of nodes.keys()) if (best === null || node.id > best.id) best = node;
  return best;
}

/**
 * Adds the gradient of `loss` to the `grad` of every tensor with requiresGrad that it depends on, as
 * PyTorch's Tensor.backward. `gradient` (of the loss's shape) is needed unless the loss has one element.
 * May be called after the loss was read.
 *
 * @throws ShapeError, DtypeError for a loss that cannot be differentiated so; StateError if it depends
 * on no tensor with requiresGrad.
 */
export function backward(loss: Tensor, gradient?: Tensor): void {
  const [root, seed] = start("backward", loss, gradient);
  const found = root.tracked ? reverse([root], [seed], leafOf) : new Map<Tensor, Node>();
  if (found.size === 0) {
    throw new StateError("backward", "the tensor depends on no tensor with requiresGrad", {
      hint:
        "set x.requiresGrad = true before computing; results of noGrad, detach, optimizer.step and " +
        "compiled functions carry no gradient",
    });
  }
  for (const [leaf, g] of found) accumulate(leaf, detachNode(g));
}

/** Adds to `leaf.grad`, which stays the same tensor if there was one. */
function accumulate(leaf: Tensor, g: Node): void {
  const known = gradOf(leaf);
  if (known === null) {
    setGrad(leaf, wrap(g));
    return;
  }
  if (!sameShape(known.shape, g.shape)) {
    throw new ShapeError("backward", `grad ${show(known.shape)} does not fit ${show(g.shape)}`);
  }
  const sum = binary("add", valueNode(known), g);
  if (known.trace === activeTrace()) {
    known.current = sum;
    if (known.trace === null) limitPending(known);
  } else {
    assignAll([known], [sum]);
  }
}

/** A tensor's `grad`. Inside a compiled function, whoever decides by it must read it so: then the
 *  function is traced again when another gradient, or none, is there. */
export function gradOf(tensor: Tensor): Tensor | null {
  const trace = activeTrace();
  if (trace !== null && !trace.gradReads.has(tensor)) trace.gradReads.set(tensor, tensor.grad);
  return tensor.grad;
}

/** Sets a tensor's `grad`; inside a compiled function each call then does the same. */
export function setGrad(tensor: Tensor, grad: Tensor | null): void {
  const trace = activeTrace();
  const before = tensor.grad;
  if (trace !== null) {
    trace.refuseEffect("backward");
    if (!trace.gradReads.has(tensor)) trace.gradReads.set(tensor, undefined);
    trace.gradWrites.add(tensor);
    trace.undo.push(() => {
      tensor.grad = before;
    });
  }
  tensor.grad = grad;
}

/**
 * The gradients of `loss` with respect to tensors: leaves, arguments, or values on the way. Nothing is
 * stored. null for a tensor that the loss does not depend on.
 *
 * @throws ShapeError, DtypeError for a loss that is not one float.
 */
export function gradients(
  loss: Tensor,
  wrt: readonly Tensor[],
  gradient?: Tensor,
): (Tensor | null)[] {
  for (const t of wrt) {
    if (t instanceof Tensor) continue;
    throw new ArgumentError("gradients", "the second argument must be an array of tensors");
  }
  const [root, seed] = start("gradients", loss, gradient);
  const owner = new Map<Node, Tensor>();
  for (const t of wrt) {
    // A tensor that was read on the way: its users before that hold the node that computed it.
    for (let node: Node | null = nodeNow(t); node !== null; node = originOf(node))
      owner.set(node, t);
  }
  const wanted = new Set(wrt);
  const ownerOf = (n: Node) => {
    const leaf = n.leaf as Tensor | null;
    return leaf !== null && wanted.has(leaf) ? leaf : (owner.get(n) ?? null);
  };
  const sums = reverse([root], [seed], ownerOf);
  return wrt.map((t) => {
    const g = sums.get(t);
    return g === undefined ? null : wrap(g);
  });
}

// Not `valueNode`: asking for a gradient reads no elements, and an assigned tensor means its old value.
function nodeNow(t: Tensor): Node {
  const trace = activeTrace();
  return trace !== null && t.trace === null ? trace.placeholder(t) : t.current;
}

function originOf(node: Node): Node | null {
  return node.origin === node ? null : node.origin;
}
