// Joining, splitting and padding along axes.
// Not here: other movement (movement.ts).

import * as b from "../../ir/build.ts";
import { type DType, promote } from "../../ir/dtype.ts";
import type { Node, Shape } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Axes } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import {
  apply,
  argumentError,
  axisOf,
  broadcastOf,
  checkSizes,
  describe,
  given,
  needTensors,
  shapeError,
} from "./common.ts";
import { flatten, narrow, reshape, select, unsqueeze } from "./movement.ts";
import * as n from "./nodes.ts";

/** The tensors one after another along an axis. */
export function cat(tensors: readonly Tensor[], axis = 0): Tensor {
  needTensors("cat", tensors);
  // PyTorch skips empty vectors, whatever the others' rank.
  const parts = tensors.filter((t) => !(t.shape.length === 1 && t.shape[0] === 0));
  if (tensors.length === 0) throw argumentError("cat", "needs at least one tensor");
  if (parts.length === 0) return tensors[0];
  const [first] = parts;
  const at = axisOf("cat", axis, first.shape);
  for (const t of parts) {
    const fits =
      t.shape.length === first.shape.length &&
      t.shape.every((d, i) => i === at || d === first.shape[i]);
    if (fits) continue;
    throw shapeError("cat", `${b.show(first.shape)} and ${b.show(t.shape)} differ off axis ${at}`);
  }
  const dtype = parts.reduce<DType>((d, t) => promote(d, t.dtype), first.dtype);
  return wrap(
    joined(
      parts.map((t) => b.cast(nodeOf(t), dtype)),
      at,
    ),
  );
}

/** Each node padded with zeros to the whole length, and all of them added. */
export function joined(nodes: readonly Node[], axis: number): Node {
  const whole = nodes.reduce((sum, v) => sum + v.shape[axis], 0);
  let at = 0;
  const wide = nodes.map((v) => {
    const before = at;
    at += v.shape[axis];
    return n.padAxis(v, axis, before, whole - at);
  });
  return wide.reduce((p, q) => (p.dtype === "bool" ? n.or(p, q) : n.add(p, q)));
}

/** The tensors along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  needTensors("stack", tensors);
  if (tensors.length === 0) throw argumentError("stack", "needs at least one tensor");
  const [first] = tensors;
  for (const t of tensors) {
    if (b.sameShape(t.shape, first.shape)) continue;
    throw shapeError("stack", `${b.show(first.shape)} and ${b.show(t.shape)} differ`);
  }
  const at = axisOf("stack", axis, [...first.shape, 1]);
  return cat(
    tensors.map((t) => unsqueeze(t, at)),
    at,
  );
}

/** Tensors made to have at least `rank` axes, as hstack and its kin take them. */
export function atLeast(x: Tensor, rank: 1 | 2 | 3): Tensor {
  const { length } = x.shape;
  if (length >= rank) return x;
  if (length === 0) return reshape(x, Array<number>(rank).fill(1));
  if (rank === 2) return unsqueeze(x, 0);
  return length === 1 ? reshape(x, [1, x.shape[0], 1]) : unsqueeze(x, 2);
}

/** Pieces of a size (the last may be smaller), or of the sizes in a list. */
export function split(x: Tensor, sizes: number | Shape, axis = 0): Tensor[] {
  const at = axisOf("split", axis, x.shape);
  const whole = x.shape[at];
  let list: Shape;
  if (typeof sizes === "number") {
    if (!Number.isInteger(sizes) || sizes < 1) {
      throw argumentError("split", `the size must be a whole number above 0, got ${sizes}`);
    }
    const count = Math.max(1, Math.ceil(whole / sizes));
    list = Array.from({ length: count }, (_, i) => Math.min(sizes, whole - i * sizes));
  } else {
    list = checkSizes("split", sizes);
    const sum = list.reduce((p, d) => p + d, 0);
    if (sum !== whole) {
      throw shapeError("split", `sizes ${b.show(list)} add to ${sum}, axis ${at} has ${whole}`);
    }
  }
  let start = 0;
  return list.map((size) => {
    start += size;
    return narrow(x, at, start - size, size);
  });
}

/** At most `count` pieces of one size (the last may be smaller). */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  const at = axisOf("chunk", axis, x.shape);
  if (!Number.isInteger(count) || count < 1) {
    throw argumentError("chunk", `the count must be a whole number above 0, got ${count}`);
  }
  return split(x, Math.max(1, Math.ceil(x.shape[at] / count)), at);
}

/** Exactly `count` pieces whose sizes differ by one at most, or pieces that begin at the given places. */
export function tensorSplit(x: Tensor, where: number | Shape, axis = 0): Tensor[] {
  const at = axisOf("tensorSplit", axis, x.shape);
  const whole = x.shape[at];
  if (typeof where === "number") {
    const [least, more] = [Math.floor(whole / where), whole % where];
    return split(
      x,
      Array.from({ length: where }, (_, i) => least + (i < more ? 1 : 0)),
      at,
    );
  }
  const clip = (i: number) => Math.min(whole, Math.max(0, i < 0 ? i + whole : i));
  const ends = [...where.map(clip), whole];
  let start = 0;
  return ends.map((end) => {
    const piece = narrow(x, at, Math.min(start, end), Math.max(0, end - start));
    start = end;
    return piece;
  });
}

/** The elements of an axis as tensors without it. */
export function unbind(x: Tensor, axis = 0): Tensor[] {
  const at = axisOf("unbind", axis, x.shape);
  return Array.from({ length: x.shape[at] }, (_, i) => select(x, at, i));
}

/** Elements move along axes; what leaves at one end enters at the other. Without axes the flattened
 *  tensor is rolled. */
export function roll(x: Tensor, shifts: Axes, axes?: Axes): Tensor {
  const moves = typeof shifts === "number" ? [shifts] : shifts;
  if (axes === undefined) {
    if (moves.length !== 1) throw argumentError("roll", "several shifts need as many axes");
    return x.shape.length === 0 ? x : reshape(roll(flatten(x), moves, 0), x.shape);
  }
  const along = typeof axes === "number" ? [axes] : axes;
  if (along.length !== moves.length) {
    throw argumentError("roll", `${moves.length} shifts do not fit ${along.length} axes`);
  }
  return apply(x, (v) =>
    along.reduce((node, axis, i) => {
      const at = axisOf("roll", axis, x.shape);
      const size = x.shape[at];
      const shift = size === 0 ? 0 : ((moves[i] % size) + size) % size;
      if (shift === 0) return node;
      const tail = n.narrow(node, at, size - shift, size);
      return joined([tail, n.narrow(node, at, 0, size - shift)], at);
    }, v),
  );
}

export interface PadOptions {
  mode?: "constant" | "reflect" | "replicate" | "circular" | undefined;
  /** What "constant" fills with. */
  value?: number | undefined;
}

/** Pads the last axes: `[left, right]` of the last one, then of the one before it, and so on; negative
 *  sizes crop. */
export function pad(x: Tensor, sizes: readonly number[], options: PadOptions = {}): Tensor {
  const { mode = "constant", value = 0 } = options;
  if (!Array.isArray(sizes)) {
    throw argumentError("pad", `takes a list of sizes, got ${describe(sizes)}`, "x.pad([1, 1])");
  }
  if (sizes.length % 2 !== 0 || sizes.length > 2 * x.shape.length) {
    throw shapeError(
      "pad",
      `${sizes.length} sizes do not fit ${b.show(x.shape)}: give two an axis`,
    );
  }
  if (!sizes.every(Number.isInteger)) {
    throw argumentError("pad", `sizes must be whole numbers, got ${b.show(sizes)}`);
  }
  return apply(x, (v) => {
    let out = v;
    for (let i = 0; i < sizes.length; i += 2) {
      const axis = v.shape.length - 1 - i / 2;
      const [lo, hi] = [sizes[i], sizes[i + 1]];
      const start = Math.max(0, -lo);
      const stop = out.shape[axis] - Math.max(0, -hi);
      if (stop < start)
        throw shapeError("pad", `${b.show(sizes)} crops more than ${b.show(v.shape)} has`);
      out = n.narrow(out, axis, start, stop);
      const [left, right] = [Math.max(0, lo), Math.max(0, hi)];
      if (left + right > 0) out = padOne(out, axis, left, right, mode, value);
    }
    return out;
  });
}

function padOne(
  v: Node,
  axis: number,
  lo: number,
  hi: number,
  mode: NonNullable<PadOptions["mode"]>,
  value: number,
): Node {
  const size = v.shape[axis];
  if (mode === "constant") {
    if (value === 0) return n.padAxis(v, axis, lo, hi);
    // The value is an input of the program: where the padding is, it takes the place of the zeros.
    const inside = n.padAxis(b.full(1, v.shape, "bool"), axis, lo, hi);
    return n.where(inside, n.padAxis(v, axis, lo, hi), given(v, value));
  }
  const most =
    mode === "reflect" ? size - 1 : mode === "circular" ? size : Number.POSITIVE_INFINITY;
  if (lo > most || hi > most || size === 0) {
    throw shapeError(
      "pad",
      `${mode} padding of ${lo} and ${hi} is more than axis ${axis} of ${b.show(v.shape)} allows`,
    );
  }
  const wide = (part: Node, count: number) =>
    b.expand(
      part,
      part.shape.map((d, i) => (i === axis ? count : d)),
    );
  const piece = (start: number, stop: number) => n.narrow(v, axis, start, stop);
  const [left, right] = {
    reflect: () => [
      b.flip(piece(1, lo + 1), [axis]),
      b.flip(piece(size - 1 - hi, size - 1), [axis]),
    ],
    replicate: () => [wide(piece(0, 1), lo), wide(piece(size - 1, size), hi)],
    circular: () => [piece(size - lo, size), piece(0, hi)],
  }[mode]();
  return joined(
    [left, v, right].filter((part) => part.shape[axis] > 0),
    axis,
  );
}

/** The tensors broadcast to their common shape. */
export function broadcastTensors(...tensors: readonly Tensor[]): Tensor[] {
  const shape = tensors.reduce<Shape>((s, t) => broadcastOf("broadcastTensors", s, t.shape), []);
  return tensors.map((t) => apply(t, (v) => b.broadcastTo(v, shape)));
}

/** Vectors as the axes of a grid: result i varies along axis i ("ij") only. */
export function meshgrid(
  tensors: readonly Tensor[],
  options: { indexing?: "ij" | "xy" | undefined } = {},
): Tensor[] {
  needTensors("meshgrid", tensors);
  for (const t of tensors) {
    if (t.shape.length > 1) throw shapeError("meshgrid", `takes vectors, got ${b.show(t.shape)}`);
  }
  const sizes = tensors.map((t) => t.shape[0] ?? 1);
  const swap = options.indexing === "xy" && tensors.length > 1;
  const place = (i: number) => (swap && i < 2 ? 1 - i : i);
  const shape = sizes.map((_, i) => sizes[place(i)]);
  return tensors.map((t, i) => {
    const own = shape.map((d, k) => (k === place(i) ? d : 1));
    return apply(t, (v) => b.expand(b.reshape(v, own), shape));
  });
}
