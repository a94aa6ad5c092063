// Slices whose place is a value: read and written at an offset that a program takes as an input, so that
// another offset is not another program. Not here: slices at fixed places (movement.ts, ../index.ts), or
// single elements by index (scatter.ts).

import * as b from "../../ir/build.ts";
import { type Node, type Shape, sizeOf } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import { Tensor } from "../tensor.ts";
import { argumentError, dtypeError, needTensor, shapeError } from "./common.ts";
import * as n from "./nodes.ts";
import { indexNode, spreadIndex } from "./scatter.ts";

/** Where a slice begins on one axis: a number is fixed, an int tensor of one element is a value. */
export type Start = number | Tensor;

/** The places start … start + count - 1 as an index vector. */
function placesFrom(op: string, start: Start, count: number): Node {
  const first =
    start instanceof Tensor ? single(op, start) : b.broadcastTo(b.constant(start, "int32"), [1]);
  return n.add(first, b.iota(count)); // (count)
}

function single(op: string, start: Tensor): Node {
  const node = indexNode(op, start);
  if (sizeOf(node.shape) === 1) return b.reshape(node, [1]);
  throw shapeError(op, `a start must be one number, got ${b.show(node.shape)}`);
}

function check(op: string, shape: Shape, starts: readonly Start[], sizes: Shape): void {
  if (starts.length !== shape.length || sizes.length !== shape.length) {
    const counts = `${starts.length} starts and ${sizes.length} sizes`;
    throw shapeError(op, `${counts} do not fit ${b.show(shape)}`);
  }
  shape.forEach((size, axis) => {
    const [start, count] = [starts[axis]!, sizes[axis]!];
    const first = typeof start === "number" ? start : 0;
    if (!Number.isInteger(first) || first < 0 || first + count > size) {
      const slice = `start ${typeof start === "number" ? start : "at least 0"}, size ${count}`;
      throw argumentError(op, `${slice} is outside axis ${axis} of ${b.show(shape)}`);
    }
  });
}

/**
 * The slice of `sizes` that begins at `starts`, one an axis. A start that is a tensor may change from run
 * to run of a compiled function; one that leaves no room for the slice is a fault of the run.
 *
 * @example
 * dynamicSlice(table, [position, 0], [1, 128]); // (T, 128) → (1, 128)
 */
export function dynamicSlice(x: Tensor, starts: readonly Start[], sizes: Shape): Tensor {
  const op = "dynamicSlice";
  needTensor(op, x);
  check(op, x.shape, starts, sizes);
  let node = nodeOf(x);
  sizes.forEach((count, axis) => {
    const start = starts[axis]!;
    if (typeof start === "number") node = n.narrow(node, axis, start, start + count);
    else {
      const places = placesFrom(op, start, count);
      node = b.gather(node, spreadIndex(places, node.shape, axis), axis);
    }
  });
  return wrap(node);
}

/**
 * x with a slice that begins at `starts`, one an axis, replaced by `update`. A start that leaves no room for
 * it is a fault of the run, and nothing changes. Where the result is assigned to x itself, only the slice
 * is written.
 *
 * @example
 * cache.assign(dynamicUpdate(cache, keys, [0, 0, position, 0])); // (B, H, T, D) and (B, H, 1, D)
 */
export function dynamicUpdate(x: Tensor, update: Tensor, starts: readonly Start[]): Tensor {
  const op = "dynamicUpdate";
  needTensor(op, x);
  needTensor(op, update, "the update");
  check(op, x.shape, starts, update.shape);
  if (x.dtype !== update.dtype) {
    throw dtypeError(op, `${x.dtype} and ${update.dtype} differ`, `use update.to("${x.dtype}")`);
  }
  return wrap(updated(nodeOf(x), nodeOf(update), starts, 0));
}

/** Axis by axis: what the slice of the first one is updated to, put back there. */
function updated(base: Node, update: Node, starts: readonly Start[], from: number): Node {
  const part = (axis: number) =>
    starts[axis] instanceof Tensor || update.shape[axis] !== base.shape[axis];
  const axis = base.shape.findIndex((_, i) => i >= from && part(i));
  if (axis < 0) return update;
  const places = placesFrom("dynamicUpdate", starts[axis]!, update.shape[axis]!);
  const index = spreadIndex(places, base.shape, axis);
  const more = base.shape.some((_, i) => i > axis && part(i));
  const inner = more ? updated(b.gather(base, index, axis), update, starts, axis + 1) : update;
  return b.scatter(base, index, inner, axis);
}
