// The meeting point of tensors and graphs: every op takes its operands through `nodeOf` and gives its
// result through `wrap`; reading and assigning go through `realize` and `assignAll`.
// Not here: the ops (ops/), the class (tensor.ts), tracing (trace.ts), gradients (autograd.ts).

import type { Buffer } from "../ir/buffer.ts";
import { bufferNode, detach } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { Evaluation } from "../schedule/engine.ts";
import { engine } from "./device.ts";
import { Tensor } from "./tensor.ts";
import { activeTrace, checkEscape, untraced } from "./trace.ts";

/** Nodes that a gradient may be asked for, with the tensor that `backward` gives it to. */
const leaves = new WeakMap<Node, Tensor>();
let gradEnabled = true;
/** A chain of unread values is computed when it grows beyond this many ops. */
const pendingLimit = 2000;
const depth = new WeakMap<Node, number>();

export function leafOf(node: Node): Tensor | undefined {
  return leaves.get(node);
}

/** The node of an operand, as an op is about to use it. */
export function nodeOf(tensor: Tensor): Node {
  checkEscape(tensor.trace);
  const trace = activeTrace();
  const node = trace && tensor.trace !== trace ? trace.enter(tensor) : tensor.current;
  if (!trace && node.op === "buffer" && node.buffer!.state) node.buffer!.shared = true;
  if (!gradEnabled) return detach(node);
  if (tensor.requiresGrad && !leaves.has(node)) leaves.set(node, tensor);
  return node;
}

/** The tensor of an op's result. */
export function wrap(node: Node): Tensor {
  const tensor = new Tensor(node, activeTrace());
  if (tensor.trace === null && node.src.length > 0) limitPending(tensor, node);
  return tensor;
}

/** Realises an endless chain (an average that is updated and never read). */
function limitPending(tensor: Tensor, node: Node): void {
  let deepest = 0;
  for (const s of node.src) deepest = Math.max(deepest, depth.get(s) ?? 0);
  if (deepest + 1 < pendingLimit) depth.set(node, deepest + 1);
  else realize([tensor]);
}

/** Runs `f` with results cut from the gradient, as PyTorch's no_grad. */
export function noGrad<T>(f: () => T): T {
  const before = gradEnabled;
  gradEnabled = false;
  try {
    return f();
  } finally {
    gradEnabled = before;
  }
}

function settle(tensors: readonly Tensor[], result: Evaluation): void {
  tensors.forEach((t, i) => {
    t.current = bufferNode(result.buffers[i], t.current.shape);
  });
}

/** Computes tensors in one program; their nodes become data. */
export function realize(tensors: readonly Tensor[]): Promise<void> | null {
  for (const t of tensors) checkEscape(t.trace);
  const pending = tensors.filter((t) => t.current.op !== "buffer");
  if (pending.length === 0) return null;
  const before = pending.map((t) => t.current);
  const result = untraced(() => engine().evaluate(before));
  settle(pending, result);
  return guard(result.done, () => pending.forEach((t, i) => void (t.current = before[i])));
}

/** Gives tensors new values, all computed in one program that also computes `readers`, so that what was
 *  built on the old values keeps its meaning. Inside a trace it is recorded instead. */
export function assignAll(
  targets: readonly Tensor[],
  values: readonly Node[],
  readers: readonly Tensor[] = [],
): Promise<void> | null {
  const trace = activeTrace();
  if (trace) {
    targets.forEach((t, i) => trace.assigned.set(t, values[i]));
    return null;
  }
  const waiting = readers.filter((t) => t.current.op !== "buffer");
  realize(targets.filter((t) => t.current.op !== "buffer"));
  const into: (Buffer | null)[] = targets.map((t) => t.current.buffer);
  const nodes = [...values, ...waiting.map((t) => t.current)];
  const all = [...targets, ...waiting];
  const before = all.map((t) => t.current);
  const result = engine().evaluate(nodes, [...into, ...waiting.map(() => null)]);
  settle(all, result);
  return guard(result.done, () => all.forEach((t, i) => void (t.current = before[i])));
}

/** A failed run leaves everything as it was. */
function guard(done: Promise<void> | null, restore: () => void): Promise<void> | null {
  if (done === null) return null;
  const guarded = done.catch((error) => {
    restore();
    throw error;
  });
  guarded.catch(() => {});
  return guarded;
}
