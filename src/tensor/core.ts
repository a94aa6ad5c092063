// The meeting point of tensors and graphs: every op takes its operands through `nodeOf` and gives its
// result through `wrap`; reading and assigning go through `realize`, `readTensor` and `assignAll`.
// Not here: the ops (ops/), the class (tensor.ts), tracing (trace.ts), gradients (autograd.ts), or how a
// program runs and fails (run.ts).

import type { Buffer } from "../ir/buffer.ts";
import { bufferNode, detach, sameShape, show } from "../ir/build.ts";
import type { TypedArray } from "../ir/dtype.ts";
import { Node, type Place } from "../ir/node.ts";
import { ArgumentError, DtypeError, ShapeError, StateError } from "../util/errors.ts";
import { engineAt, engineOf, placeOf } from "./device.ts";
import { arrivalOf, elementsOf } from "./moves.ts";
import { type Change, evaluate, settled } from "./run.ts";
import { Tensor } from "./tensor.ts";
import { activeTrace, checkEscape, disposed, refuseInTrace, untraced } from "./trace.ts";

let gradEnabled = true;

/** A chain of unread values is computed when it is this many ops long: an average that is updated and
 *  never read would else grow without end. */
const pendingLimit = 2000;
/** The same where a gradient may still be asked for: deep recurrent networks reach further, and their
 *  history must be kept until then. Beyond, the history is let go, and asking for it throws. */
const trackedLimit = 10_000;

/** The tensor that wants the gradient of this node. */
export function leafOf(node: Node): Tensor | null {
  const tensor = node.leaf as Tensor | null;
  return tensor?.requiresGrad ? tensor : null;
}

/** The node of a tensor's value now, as whoever will read it needs it: outside a trace its version of
 *  the data is kept from then on; inside, tensors from outside are placeholders. */
export function valueNode(tensor: Tensor): Node {
  if (!(tensor instanceof Tensor)) {
    throw new ArgumentError("tensor", `a tensor is needed here, got ${typeof tensor}`, {
      hint: "make it one: tensor(x)",
    });
  }
  checkEscape(tensor.trace);
  const trace = activeTrace();
  if (trace !== null && tensor.trace === null) return trace.enter(tensor);
  const node = tensor.current;
  if (node.buffer !== null) node.buffer.shared = true;
  return node;
}

/** The node of an operand, as an op is about to use it. */
export function nodeOf(tensor: Tensor): Node {
  let node = valueNode(tensor);
  if (tensor.requiresGrad && !activeTrace()?.gives(tensor)) {
    if (node.leaf !== tensor) node = asLeaf(tensor, node);
  } else if (node.leaf === tensor) {
    // It was a leaf until its requiresGrad was set to false.
    node = node.buffer === null ? detach(node) : bufferNode(node.buffer, node.shape, node.placed);
    if (tensor.trace === activeTrace()) tensor.current = node;
  }
  return gradEnabled || !node.tracked ? node : detach(node);
}

function asLeaf(tensor: Tensor, node: Node): Node {
  // Where two tensors that want gradients share one node, this one takes a node of its own.
  const own = node.leaf === null ? node : twin(node);
  own.leaf = tensor;
  own.tracked = true;
  if (own !== node && tensor.trace === activeTrace()) tensor.current = own;
  return own;
}

/** The same value as another node. */
function twin(node: Node): Node {
  const { buffer, shape, placed } = node;
  if (buffer !== null && node.origin === null) return bufferNode(buffer, shape, placed);
  return new Node("reshape", node.dtype, node.shape, [node], null);
}

/** The tensor of an op's result. */
export function wrap(node: Node): Tensor {
  const trace = activeTrace();
  const tensor = new Tensor(node, trace);
  if (trace === null) limitPending(tensor);
  return tensor;
}

/** Realises a tensor if it is the end of an endless chain. */
export function limitPending(tensor: Tensor): void {
  const { depth, tracked, op } = tensor.current;
  if (depth < (tracked ? trackedLimit : pendingLimit) || op === "buffer") return;
  compute([tensor], "cut");
}

/** Runs `f` with results cut from the gradient, as PyTorch's no_grad. */
export function noGrad<T>(f: () => T): T {
  return withGrad(false, f);
}

/** Runs `f` with gradients recorded, or not. Always restores what was. */
export function withGrad<T>(enabled: boolean, f: () => T): T {
  const before = gradEnabled;
  gradEnabled = enabled;
  try {
    return f();
  } finally {
    gradEnabled = before;
  }
}

export function isGradEnabled(): boolean {
  return gradEnabled;
}

// --- computing --------------------------------------------------------------------------------------

/** What becomes of the history of a value that a gradient may be asked for: kept; or let go, and then
 *  asking throws; or let go because the value counts as data from now on. */
type History = "keep" | "cut" | "drop";

/** Whether a gradient asked through this node would reach a tensor that wants one. */
function reachesLeaf(root: Node): boolean {
  if (!root.tracked) return false;
  const seen = new Set<Node>([root]);
  const stack = [root];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (leafOf(node) !== null || node.origin !== null) return true;
    for (const s of node.src) {
      if (!s.tracked || seen.has(s)) continue;
      seen.add(s);
      stack.push(s);
    }
  }
  return false;
}

/** The node of a computed value. */
function dataNode(buffer: Buffer, before: Node, history: History): Node {
  const node = bufferNode(buffer, before.shape, before.placed);
  if (history === "drop" || !reachesLeaf(before)) return node;
  node.tracked = true;
  node.origin = history === "keep" ? before : node;
  if (history === "keep") node.depth = before.depth;
  return node;
}

function compute(tensors: readonly Tensor[], history: History): Promise<void> | null {
  const places = new Set(tensors.map((t) => t.current.placed));
  if (places.size === 1) return computeTogether(tensors, history);
  const runs = [...places].map((place) =>
    computeTogether(
      tensors.filter((t) => t.current.placed === place),
      history,
    ),
  );
  return allOf(runs);
}

/** Settles when all runs have; null where all are done. */
function allOf(runs: readonly (Promise<void> | null)[]): Promise<void> | null {
  const waits = runs.filter((run) => run !== null);
  if (waits.length === 0) return null;
  const all = Promise.all(waits).then(() => {});
  all.catch(() => {}); // reading a result throws it too
  return all;
}

function computeTogether(tensors: readonly Tensor[], history: History): Promise<void> | null {
  const before = tensors.map((t) => t.current);
  const result = untraced(() => evaluate(before));
  const changes = tensors.map((tensor, i): Change => {
    const after = dataNode(result.buffers[i]!, before[i]!, history);
    return { tensor, before: before[i]!, after };
  });
  return settled(result, changes);
}

/** Computes tensors in one program (for each device that they were placed on); their nodes become data.
 *  What has history keeps it, so that `loss.backward()` works after `await loss.item()`. The promise waits
 *  for earlier runs too that are to fill one of them; null where all of them hold their values. */
export function realize(tensors: readonly Tensor[]): Promise<void> | null {
  for (const t of tensors) checkOutside(t);
  const pending = tensors.filter((t) => t.current.op !== "buffer");
  const runs = pending.length === 0 ? [] : [compute([...new Set(pending)], "keep")];
  for (const { current } of tensors) {
    const arrival = current.buffer && arrivalOf(current.buffer);
    if (arrival) runs.push(arrival);
  }
  return allOf(runs);
}

export function checkOutside(tensor: Tensor): void {
  checkEscape(tensor.trace);
  const trace = activeTrace();
  if (trace === null || (tensor.trace === null && !trace.assigned.has(tensor))) return;
  throw new StateError("compile", "a value cannot be read while its function is being traced", {
    hint: "return the tensor and read it outside; choose by value with where(condition, a, b)",
  });
}

/** The elements of a tensor, not to be written to, if they are data that the host has; else null. */
export function hostElements(tensor: Tensor): TypedArray | null {
  checkOutside(tensor);
  return tensor.current.buffer?.host ?? null;
}

/** The elements of a tensor, as a copy; a promise where they are not there yet or lie on a device that
 *  answers later. */
export function readTensor(tensor: Tensor): TypedArray | Promise<TypedArray> {
  realize([tensor]);
  return elementsOf(tensor.current.buffer as Buffer);
}

/** Ends the use of a tensor. Its data goes at once unless a lazy value may still read it. */
export function dispose(tensor: Tensor): void {
  if (tensor.trace !== null) return; // a value inside a program, or disposed of before
  refuseInTrace("dispose");
  const { buffer, dtype, shape } = tensor.current;
  tensor.current = new Node("const", dtype, shape, [], { value: 0 });
  tensor.trace = disposed;
  if (buffer !== null && !buffer.shared) engineOf(buffer).free(buffer);
}

/** Gives tensors new values, all computed in one program (for each device that they were placed on) that
 *  also computes `readers`, so that what was built on the old values keeps its meaning. Inside a trace it
 *  is recorded instead. */
export function assignAll(
  targets: readonly Tensor[],
  values: readonly Node[],
  readers: readonly Tensor[] = [],
): Promise<void> | null {
  targets.forEach((t, i) => void checkFits(t, values[i]!));
  const trace = activeTrace();
  if (trace !== null) {
    targets.forEach((t, i) => {
      if (t.trace !== trace) trace.refuseEffect("assign");
      const value = t.requiresGrad || values[i]!.tracked ? detach(values[i]!) : values[i]!;
      if (t.trace === null) trace.assigned.set(t, value);
      else t.current = value;
    });
    return null;
  }
  realize(targets);
  const waiting = [...new Set(readers)].filter((t) => {
    checkEscape(t.trace);
    return t.current.op !== "buffer" && !targets.includes(t);
  });
  const chosen = targets.map((t, i) => t.current.placed ?? values[i]!.placed);
  const first = chosen.find((place) => place !== null) ?? null;
  const places = chosen.map((place) => place ?? first); // what nobody placed goes along
  const apart = (t: Tensor) => t.current.placed !== null && t.current.placed !== first;
  compute(waiting.filter(apart), "drop");
  const along = waiting.filter((t) => !apart(t));
  const runs = [...new Set([first, ...places])].map((place) => {
    const mine = <T>(list: readonly T[]) => list.filter((_, i) => places[i] === place);
    return assignTogether(place, mine(targets), mine(values), place === first ? along : []);
  });
  return allOf(runs);
}

function assignTogether(
  place: Place | null,
  targets: readonly Tensor[],
  values: readonly Node[],
  readers: readonly Tensor[],
): Promise<void> | null {
  const into = targets.map((t) => t.current.buffer);
  const nodes = [...values, ...readers.map((t) => t.current)];
  const all = [...targets, ...readers];
  const result = evaluate(nodes, [...into, ...readers.map(() => null)], engineAt(place));
  const changes = all.map((tensor, i): Change => {
    const after = dataNode(result.buffers[i]!, tensor.current, "drop");
    return { tensor, before: tensor.current, after };
  });
  return settled(result, changes);
}

function checkFits(target: Tensor, value: Node): void {
  checkEscape(target.trace);
  placeOf([target.current, value], "assign");
  if (!sameShape(target.shape, value.shape)) {
    const shapes = `a tensor of shape ${show(target.shape)} cannot become ${show(value.shape)}`;
    throw new ShapeError("assign", shapes);
  }
  if (target.dtype !== value.dtype) {
    throw new DtypeError("assign", `a ${target.dtype} tensor cannot become ${value.dtype}`, {
      hint: `use value.to("${target.dtype}")`,
    });
  }
}
