// Placing: a tensor that was placed on a device is computed with there, and so is all that comes of it;
// what nobody placed goes where it is wanted. Placing says where programs run: elements move when one
// needs them. Not here: how they move (moves.ts), or which device is current (device.ts).

import { bufferNode } from "../ir/build.ts";
import { Node, type Place } from "../ir/node.ts";
import { StateError } from "../util/errors.ts";
import { nodeOf, realize, wrap } from "./core.ts";
import { type DeviceLike, engineOn } from "./device.ts";
import type { Tensor } from "./tensor.ts";
import { activeTrace, bumpGeneration, refuseInTrace, untraced } from "./trace.ts";

/**
 * The tensor on a device: itself if it was placed there, else a value that was. Gradients flow back
 * through it, to where x is.
 *
 * @throws StateError where x would leave its device inside a compiled function.
 */
export function placeOn(x: Tensor, where: DeviceLike): Tensor {
  const place = engineOn(where);
  const node = nodeOf(x);
  if (node.placed === place) return x;
  if (node.placed === null) return wrap(twinOn(node, place));
  if (activeTrace() !== null) {
    const from = `from "${node.placed.name}" to "${place.name}"`;
    throw new StateError(
      "to",
      `a compiled function runs on one device: nothing moves ${from} in it`,
      {
        hint: "move before the call",
      },
    );
  }
  return wrap(movedTo(node, place));
}

/** The same value, on a device; it was not placed before. */
function twinOn(node: Node, place: Place): Node {
  const { buffer, dtype, shape } = node;
  const plain = buffer !== null && !node.tracked;
  const twin = plain ? bufferNode(buffer, shape) : new Node("reshape", dtype, shape, [node], null);
  twin.placed = place;
  return twin;
}

/** Places tensors, which stay the same tensors; their gradients go along. */
export function placeAll(tensors: readonly Tensor[], where: DeviceLike): void {
  refuseInTrace("to");
  const place = engineOn(where);
  const grads = tensors.map((t) => t.grad).filter((g) => g !== null);
  const all = [...tensors, ...grads].filter((t) => t.current.placed !== place);
  if (all.length === 0) return;
  realize(all);
  for (const t of all) t.current = bufferNode(t.current.buffer!, t.shape, place);
  bumpGeneration();
}

/** The value of a node as data on another device, with its history: a gradient goes back through it. */
export function movedTo(node: Node, place: Place | null): Node {
  const data = untraced(() => {
    const tensor = wrap(node);
    realize([tensor]);
    return tensor.current;
  });
  data.buffer!.shared = true;
  const moved = bufferNode(data.buffer!, data.shape, place);
  if (data.tracked) {
    moved.tracked = true;
    moved.origin = data;
    moved.depth = data.depth;
  }
  return moved;
}
