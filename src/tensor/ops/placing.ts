// Tensors with some elements replaced or picked by places: of the flattened tensor (take, put), of a mask,
// of a slice, of a diagonal, of a strided view. Functions, not methods, so that they shake off.
// Not here: gather and scatter along an axis (scatter.ts), reductions into places (scatter-reduce.ts).

import * as b from "../../ir/build.ts";
import { type Node, type Shape, sizeOf } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Tensor } from "../tensor.ts";
import {
  argumentError,
  axisOf,
  broadcastOf,
  checkSizes,
  dtypeError,
  needTensor,
  shapeError,
} from "./common.ts";
import { diagonal } from "./movement.ts";
import * as n from "./nodes.ts";
import { indexNode, sameType } from "./scatter.ts";

const flat = (v: Node) => b.reshape(v, [sizeOf(v.shape)]);

/** Places in a flattened tensor; negative ones count from the end, and those outside are faults. */
function flatPlaces(op: string, index: Tensor, size: number): Node {
  const places = flat(indexNode(op, index));
  return n.where(n.lt(places, 0), n.add(places, size), places);
}

/**
 * The elements at places of the flattened tensor, in the index's shape.
 *
 * @example
 * await take(tensor([[1, 2], [3, 4]]), tensor([3, 0], { dtype: "int32" })).data(); // [4, 1]
 */
export function take(x: Tensor, index: Tensor): Tensor {
  needTensor("take", x);
  const places = flatPlaces("take", index, sizeOf(x.shape));
  return wrap(b.reshape(b.gather(flat(nodeOf(x)), places, 0), index.shape));
}

/** x with elements of the source at places of the flattened tensor; with `accumulate` added there. Of
 *  equal places the last one wins. */
export function put(
  x: Tensor,
  index: Tensor,
  source: Tensor,
  options: { accumulate?: boolean | undefined } = {},
): Tensor {
  needTensor("put", x);
  sameType("put", x, source.dtype);
  if (sizeOf(index.shape) !== sizeOf(source.shape)) {
    const shapes = `index ${b.show(index.shape)}, source ${b.show(source.shape)}`;
    throw shapeError("put", `${shapes}: they must have as many elements`);
  }
  const places = flatPlaces("put", index, sizeOf(x.shape));
  const place = options.accumulate ? b.scatterAdd : b.scatter;
  return wrap(b.reshape(place(flat(nodeOf(x)), places, flat(nodeOf(source)), 0), x.shape));
}

/**
 * x with elements of the source, in their order, where the mask holds; x and mask broadcast. The source must
 * have as many elements as the mask holds: fewer are a fault of the run.
 */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  const op = "maskedScatter";
  needTensor(op, x);
  needTensor(op, mask, "the mask");
  sameType(op, x, source.dtype);
  if (mask.dtype !== "bool") {
    throw dtypeError(op, `the mask must be bool, got ${mask.dtype}`, "use mask.bool()");
  }
  const shape = broadcastOf(op, x.shape, mask.shape);
  const base = b.broadcastTo(nodeOf(x), shape);
  if (sizeOf(source.shape) === 0) return wrap(base);
  const held = flat(b.broadcastTo(nodeOf(mask), shape));
  const count = nodeOf(wrap(held).cumsum(0)); // how many hold up to each place
  const place = n.where(held, n.sub(count, 1), 0);
  const values = b.reshape(b.gather(flat(nodeOf(source)), place, 0), shape);
  return wrap(n.where(b.reshape(held, shape), values, base));
}

/** x with the source in a part of it: where padding the source there leaves ones. */
function embedded(base: Node, source: Node, lo: readonly number[], hi: readonly number[]): Node {
  const inside = b.pad(b.full(1, source.shape, "bool"), lo, hi);
  return b.where(inside, b.pad(source, lo, hi), base);
}

function checkSource(op: string, source: Tensor, shape: Shape): void {
  needTensor(op, source, "the source");
  if (b.sameShape(source.shape, shape)) return;
  throw shapeError(op, `the source must be ${b.show(shape)}, got ${b.show(source.shape)}`);
}

/** x with one element of an axis replaced: the source has x's shape without the axis. */
export function selectScatter(x: Tensor, source: Tensor, axis: number, index: number): Tensor {
  const op = "selectScatter";
  sameType(op, x, source.dtype);
  const at = axisOf(op, axis, x.shape);
  const size = x.shape[at];
  const place = index < 0 ? index + size : index;
  if (!Number.isInteger(place) || place < 0 || place >= size) {
    throw shapeError(op, `index ${index} is outside axis ${at} of ${b.show(x.shape)}`);
  }
  checkSource(
    op,
    source,
    x.shape.filter((_, i) => i !== at),
  );
  return sliceScatter(x, source.unsqueeze(at), at, place, place + 1);
}

/** x with the elements start, start + step, … before `end` of an axis replaced by the source. */
export function sliceScatter(
  x: Tensor,
  source: Tensor,
  axis = 0,
  start = 0,
  end = Number.POSITIVE_INFINITY,
  step = 1,
): Tensor {
  const op = "sliceScatter";
  sameType(op, x, source.dtype);
  const at = axisOf(op, axis, x.shape);
  const size = x.shape[at];
  if (!Number.isInteger(step) || step < 1) {
    throw argumentError(op, `the step must be a whole number above 0, got ${step}`);
  }
  const clip = (v: number) => Math.min(size, Math.max(0, v < 0 ? v + size : v));
  const [first, stop] = [clip(start), clip(end)];
  const count = Math.max(0, Math.ceil((stop - first) / step));
  checkSource(
    op,
    source,
    x.shape.map((d, i) => (i === at ? count : d)),
  );
  if (count === 0) return x;
  const [base, part] = [nodeOf(x), nodeOf(source)];
  const one = (v: number) => x.shape.map((_, i) => (i === at ? v : 0));
  if (step === 1) return wrap(embedded(base, part, one(first), one(size - first - count)));
  const places = n.add(n.mul(n.positions(count, at, x.shape.length), step), first);
  return wrap(b.scatter(base, b.broadcastTo(places, part.shape), part, at));
}

/** x with a diagonal of two axes replaced by the source. `offset` > 0 lies above the main one. */
export function diagonalScatter(
  x: Tensor,
  source: Tensor,
  offset = 0,
  first = 0,
  second = 1,
): Tensor {
  const op = "diagonalScatter";
  sameType(op, x, source.dtype);
  checkSource(op, source, diagonal(x, offset, first, second).shape);
  const [i, j] = [axisOf(op, first, x.shape), axisOf(op, second, x.shape)];
  // The source on a diagonal of the last two axes, cut to size and moved to its axes.
  const square = source.diagEmbed(offset);
  const [rows, columns] = [x.shape[i], x.shape[j]];
  const last = square.shape.length - 1;
  const fit = (t: Tensor, axis: number, size: number) =>
    t.shape[axis] >= size
      ? t.narrow(axis, 0, size)
      : t.pad([...Array<number>(2 * (last - axis)).fill(0), 0, size - t.shape[axis]]);
  const placed = fit(fit(square, last - 1, rows), last, columns).movedim([-2, -1], [i, j]);
  const row = n.add(n.positions(rows, i, x.shape.length), offset);
  const here = n.eq(row, n.positions(columns, j, x.shape.length));
  return wrap(n.where(here, nodeOf(placed), nodeOf(x)));
}

/** The places in the flattened tensor of a strided view. */
function strided(op: string, x: Tensor, size: Shape, stride: Shape, offset: number): Node {
  needTensor(op, x);
  checkSizes(op, size);
  if (
    size.length !== stride.length ||
    ![...stride, offset].every((v) => Number.isInteger(v) && v >= 0)
  ) {
    throw argumentError(
      op,
      `strides ${b.show(stride)} and offset ${offset} do not fit ${b.show(size)}`,
    );
  }
  const last = size.reduce((sum, d, i) => sum + (d - 1) * stride[i], offset);
  if (sizeOf(size) > 0 && last >= sizeOf(x.shape)) {
    throw shapeError(
      op,
      `place ${last} is outside the ${sizeOf(x.shape)} elements of ${b.show(x.shape)}`,
    );
  }
  const rank = size.length;
  const places = size
    .map((d, i) => n.mul(n.positions(d, i, rank), stride[i]))
    .reduce((p, q) => n.add(p, q), b.constant(offset, "int32"));
  return flat(b.broadcastTo(places, size));
}

/** The view of given sizes and strides, in elements, over the flattened tensor: read only. */
export function asStrided(x: Tensor, size: Shape, stride: Shape, offset = 0): Tensor {
  const places = strided("asStrided", x, size, stride, offset);
  return wrap(b.reshape(b.gather(flat(nodeOf(x)), places, 0), size));
}

/** x with the elements of a strided view replaced by the source; where the view overlaps itself the last
 *  one wins. */
export function asStridedScatter(
  x: Tensor,
  source: Tensor,
  size: Shape,
  stride: Shape,
  offset = 0,
): Tensor {
  const op = "asStridedScatter";
  sameType(op, x, source.dtype);
  checkSource(op, source, size);
  const places = strided(op, x, size, stride, offset);
  return wrap(b.reshape(b.scatter(flat(nodeOf(x)), places, flat(nodeOf(source)), 0), x.shape));
}
