// Movement: the same elements in another shape or order. None of these copies; each becomes index
// arithmetic in whoever reads. Not here: joining and splitting (join.ts), indexing (../index.ts).

import { Buffer } from "../../ir/buffer.ts";
import * as b from "../../ir/build.ts";
import { type Shape, sizeOf } from "../../ir/node.ts";
import type { Axes } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { apply, argumentError, axesOf, axisOf, checkSizes, perAxis, shapeError } from "./common.ts";
import * as n from "./nodes.ts";
import { spreadIndex } from "./scatter.ts";

/** The shape with a -1 replaced by what is left over. */
function inferred(op: string, x: Shape, sizes: Shape): Shape {
  const open = sizes.indexOf(-1);
  if (open < 0) {
    checkSizes(op, sizes);
    if (sizeOf(sizes) === sizeOf(x)) return sizes;
    const counts = `${sizeOf(x)} elements do not fit ${sizeOf(sizes)}`;
    throw shapeError(op, `${b.show(x)} to ${b.show(sizes)}: ${counts}`);
  }
  const others = sizes.filter((_, i) => i !== open);
  checkSizes(op, others.includes(-1) ? sizes : others);
  const rest = sizeOf(x) / sizeOf(others);
  if (Number.isInteger(rest)) return sizes.map((d, i) => (i === open ? rest : d));
  const detail = `${b.show(x)} to ${b.show(sizes)}: ${sizeOf(x)} elements do not divide`;
  throw shapeError(op, `${detail} by ${sizeOf(others)}`);
}

/** The same elements, row-major, in another shape; one size may be -1. */
export function reshape(x: Tensor, sizes: Shape, op = "reshape"): Tensor {
  return apply(x, (v) => b.reshape(v, inferred(op, v.shape, sizes)));
}

/** Axes from `start` to `end` (both included) become one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  if (x.shape.length === 0) return reshape(x, [1]);
  const [from, to] = [axisOf("flatten", start, x.shape), axisOf("flatten", end, x.shape)];
  if (from > to) throw argumentError("flatten", `axis ${start} comes after axis ${end}`);
  const middle = sizeOf(x.shape.slice(from, to + 1));
  return reshape(x, [...x.shape.slice(0, from), middle, ...x.shape.slice(to + 1)]);
}

/** One axis becomes several; one size may be -1. */
export function unflatten(x: Tensor, axis: number, sizes: Shape): Tensor {
  const at = axisOf("unflatten", axis, x.shape);
  const inner = inferred("unflatten", [x.shape[at]], sizes);
  return reshape(x, [...x.shape.slice(0, at), ...inner, ...x.shape.slice(at + 1)]);
}

/** The axes in a new order. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  const order = axes.map((a) => axisOf("permute", a, x.shape));
  if (new Set(order).size !== x.shape.length || order.length !== x.shape.length) {
    throw shapeError(
      "permute",
      `${b.show(axes)} does not name each axis of ${b.show(x.shape)} once`,
    );
  }
  return apply(x, (v) => b.permute(v, order));
}

export function transpose(x: Tensor, first: number, second: number): Tensor {
  if (x.shape.length === 0) return x;
  const [i, j] = [axisOf("transpose", first, x.shape), axisOf("transpose", second, x.shape)];
  return apply(x, (v) => n.swap(v, i, j));
}

/** All axes in reverse order. */
export function reversed(x: Tensor): Tensor {
  return apply(x, (v) =>
    b.permute(
      v,
      v.shape.map((_, i) => v.shape.length - 1 - i),
    ),
  );
}

/** Matrices transposed: the last two axes exchanged. */
export function matrixTranspose(x: Tensor): Tensor {
  if (x.shape.length < 2) {
    throw shapeError("mT", `needs at least two axes, got ${b.show(x.shape)}`);
  }
  return transpose(x, -2, -1);
}

/** Axes move to other places; the others keep their order. */
export function movedim(x: Tensor, source: Axes, target: Axes): Tensor {
  const list = (axes: Axes) => (typeof axes === "number" ? [axes] : axes);
  const from = list(source).map((a) => axisOf("movedim", a, x.shape));
  const to = list(target).map((a) => axisOf("movedim", a, x.shape));
  if (from.length !== to.length) {
    throw argumentError("movedim", `${from.length} axes cannot go to ${to.length} places`);
  }
  axesOf("movedim", from, x.shape);
  axesOf("movedim", to, x.shape);
  const order = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
  const pairs = from.map((f, i) => [to[i], f]).sort((p, q) => p[0] - q[0]);
  for (const [place, axis] of pairs) order.splice(place, 0, axis);
  return apply(x, (v) => b.permute(v, order));
}

/** Takes axes of size 1 away: all of them, or the named ones that have size 1. */
export function squeeze(x: Tensor, axes?: Axes): Tensor {
  const at = axesOf("squeeze", axes, x.shape).filter((a) => x.shape[a] === 1);
  return apply(x, (v) => n.drop(v, at));
}

/** A new axis of size 1 at a place of the result. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  const at = axisOf("unsqueeze", axis, [...x.shape, 1]);
  return apply(x, (v) => b.reshape(v, [...v.shape.slice(0, at), 1, ...v.shape.slice(at)]));
}

/** Axes of size 1 repeat; -1 keeps a size; missing leading axes are added. */
export function expand(x: Tensor, sizes: Shape, op = "expand"): Tensor {
  const missing = sizes.length - x.shape.length;
  const target = sizes.map((d, i) => (d === -1 && i >= missing ? x.shape[i - missing] : d));
  checkSizes(op, target);
  const fits = x.shape.every((d, i) => d === 1 || d === target[i + missing]);
  if (missing < 0 || !fits) {
    throw shapeError(op, `${b.show(x.shape)} does not expand to ${b.show(sizes)}`);
  }
  return apply(x, (v) => b.broadcastTo(v, target));
}

/** The whole tensor repeated along each axis. */
export function repeat(x: Tensor, counts: Shape, op = "repeat"): Tensor {
  checkSizes(op, counts);
  const missing = counts.length - x.shape.length;
  if (missing < 0) {
    throw shapeError(op, `${counts.length} counts are too few for ${b.show(x.shape)}`);
  }
  return apply(x, (v) => {
    const shape = [...Array<number>(missing).fill(1), ...v.shape];
    const open = b.reshape(
      v,
      shape.flatMap((d) => [1, d]),
    );
    const wide = b.expand(
      open,
      shape.flatMap((d, i) => [counts[i], d]),
    );
    return b.reshape(
      wide,
      shape.map((d, i) => d * counts[i]),
    );
  });
}

/** As repeat, but missing counts are 1 and belong to the first axes. */
export function tile(x: Tensor, counts: Shape): Tensor {
  const missing = Math.max(0, x.shape.length - counts.length);
  return repeat(x, [...Array<number>(missing).fill(1), ...counts], "tile");
}

/** Each element repeated in place along an axis, `count` times or as often as its number in a list says;
 *  without an axis, of the flattened tensor. */
export function repeatInterleave(
  x: Tensor,
  count: number | readonly number[],
  axis?: number,
): Tensor {
  const op = "repeatInterleave";
  checkSizes(op, typeof count === "number" ? [count] : count);
  if (axis === undefined) return repeatInterleave(flatten(x), count, 0);
  const at = axisOf(op, axis, x.shape);
  if (typeof count !== "number") {
    if (count.length !== x.shape[at]) {
      throw shapeError(op, `${count.length} counts do not fit axis ${at} of ${b.show(x.shape)}`);
    }
    const places = Int32Array.from(count.flatMap((times, i) => Array<number>(times).fill(i)));
    return apply(x, (v) => {
      const index = b.bufferNode(new Buffer("int32", places.length, places), [places.length]);
      return b.gather(v, spreadIndex(index, v.shape, at), at);
    });
  }
  return apply(x, (v) => {
    const [before, after] = [v.shape.slice(0, at + 1), v.shape.slice(at + 1)];
    const wide = b.expand(b.reshape(v, [...before, 1, ...after]), [...before, count, ...after]);
    return b.reshape(
      wide,
      v.shape.map((d, i) => (i === at ? d * count : d)),
    );
  });
}

export function flip(x: Tensor, axes: Axes): Tensor {
  return apply(x, (v) => b.flip(v, axesOf("flip", axes, x.shape)));
}

/** A quarter turn `k` times, from the first of two axes to the second. */
export function rot90(x: Tensor, k = 1, axes: readonly [number, number] = [0, 1]): Tensor {
  const [i, j] = axes.map((a) => axisOf("rot90", a, x.shape));
  const turns = ((k % 4) + 4) % 4;
  if (turns === 0) return x;
  if (turns === 2) return flip(x, [i, j]);
  return turns === 1 ? transpose(flip(x, j), i, j) : flip(transpose(x, i, j), j);
}

/** Elements start … start+length-1 of one axis. */
export function narrow(x: Tensor, axis: number, start: number, length: number): Tensor {
  const at = axisOf("narrow", axis, x.shape);
  const size = x.shape[at];
  const from = start < 0 ? start + size : start;
  checkSizes("narrow", [length]);
  if (!Number.isInteger(from) || from < 0 || from + length > size) {
    const range = `${start} to ${start + length}`;
    throw shapeError("narrow", `elements ${range} are outside axis ${at} of ${b.show(x.shape)}`);
  }
  return apply(x, (v) => n.narrow(v, at, from, from + length));
}

/** One element of an axis, which goes away. */
export function select(x: Tensor, axis: number, index: number): Tensor {
  const at = axisOf("select", axis, x.shape);
  const size = x.shape[at];
  const from = index < 0 ? index + size : index;
  if (!Number.isInteger(from) || from < 0 || from >= size) {
    throw shapeError("select", `index ${index} is outside axis ${at} of ${b.show(x.shape)}`);
  }
  return apply(x, (v) => n.drop(n.narrow(v, at, from, from + 1), [at]));
}

/** Views of `size` elements, each `step` after the one before, along an axis; a new last axis runs
 *  inside them. */
export function unfold(x: Tensor, axis: number, size: number, step: number): Tensor {
  if (x.shape.length === 0)
    return narrow(unfold(flatten(x), axis, size, step).flatten(), 0, 0, size);
  const at = axisOf("unfold", axis, x.shape);
  perAxis("unfold", "size", size, 1, 1);
  perAxis("unfold", "step", step, 1, 1);
  if (size > x.shape[at]) {
    throw shapeError("unfold", `size ${size} does not fit axis ${at} of ${b.show(x.shape)}`);
  }
  return apply(x, (v) => b.window(v, [at], [size], [step], [1]));
}

/** The diagonals of two axes as a new last axis. `offset` > 0 lies above the main one. */
export function diagonal(x: Tensor, offset = 0, first = 0, second = 1): Tensor {
  const [i, j] = [axisOf("diagonal", first, x.shape), axisOf("diagonal", second, x.shape)];
  if (i === j) throw argumentError("diagonal", `axes ${first} and ${second} are the same`);
  const [rows, columns] = [x.shape[i], x.shape[j]];
  const [top, left] = [Math.max(0, -offset), Math.max(0, offset)];
  const length = Math.max(0, Math.min(rows - top, columns - left));
  return apply(x, (v) => {
    const others = v.shape.map((_, k) => k).filter((k) => k !== i && k !== j);
    const shape = others.map((k) => v.shape[k]);
    if (length === 0) return b.full(0, [...shape, 0], v.dtype);
    // The diagonal of the flattened square around it is every (length+1)th element.
    const square = n.narrow(n.narrow(v, i, top, top + length), j, left, left + length);
    const last = b.permute(square, [...others, i, j]);
    const flat = b.reshape(last, [...shape, length * length]);
    return n.narrow(flat, shape.length, 0, length * length, length + 1);
  });
}

/** A tensor whose last two axes hold the given last axis on a diagonal. */
export function diagEmbed(x: Tensor, offset = 0): Tensor {
  if (x.shape.length === 0) throw shapeError("diagEmbed", "needs at least one axis, got []");
  return apply(x, (v) => {
    const length = v.shape.at(-1) as number;
    const side = length + Math.abs(offset);
    const lead = v.shape.slice(0, -1);
    const rank = lead.length + 2;
    const row = n.padAxis(
      b.reshape(v, [...lead, length, 1]),
      rank - 2,
      Math.max(0, -offset),
      Math.max(0, offset),
    );
    const wide = b.expand(row, [...lead, side, side]);
    const place = n.add(n.positions(side, rank - 2, rank), offset);
    const zero = b.constant(0, v.dtype);
    return n.where(n.eq(place, n.positions(side, rank - 1, rank)), wide, zero);
  });
}

/** The diagonal of a matrix, or the matrix with a given diagonal. */
export function diag(x: Tensor, offset = 0): Tensor {
  if (x.shape.length === 1) return diagEmbed(x, offset);
  if (x.shape.length === 2) return diagonal(x, offset);
  throw shapeError("diag", `takes a vector or a matrix, got ${b.show(x.shape)}`);
}

function triangle(op: string, x: Tensor, offset: number, lower: boolean): Tensor {
  if (x.shape.length < 2) throw shapeError(op, `needs at least two axes, got ${b.show(x.shape)}`);
  return apply(x, (v) => {
    const rank = v.shape.length;
    const row = n.add(n.positions(v.shape[rank - 2], rank - 2, rank), offset);
    const column = n.positions(v.shape[rank - 1], rank - 1, rank);
    const inside = lower ? n.le(column, row) : n.ge(column, row);
    return n.where(inside, v, b.constant(0, v.dtype));
  });
}

/** The lower triangle of matrices, 0 elsewhere. */
export const tril = (x: Tensor, offset = 0): Tensor => triangle("tril", x, offset, true);

/** The upper triangle of matrices, 0 elsewhere. */
export const triu = (x: Tensor, offset = 0): Tensor => triangle("triu", x, offset, false);
