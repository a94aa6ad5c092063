// Indexing as in NumPy: numbers, ranges, new axes, "...", tensors of indices and masks; and what needs
// the values first: nonzero, maskedSelect, unique. Not here: gather and scatter (ops/scatter.ts).

import * as b from "../ir/build.ts";
import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import { nodeOf, wrap } from "./core.ts";
import { fromArray } from "./create.ts";
import {
  apply,
  argumentError,
  broadcastOf,
  describe,
  dtypeError,
  shapeError,
} from "./ops/common.ts";
import * as n from "./ops/nodes.ts";
import { indexNode, spreadIndex } from "./ops/scatter.ts";
import { Tensor } from "./tensor.ts";

/** [start, stop, step]; null or nothing means all the way; negative places count from the end. */
export type Range = readonly [] | readonly [number | null, (number | null)?, (number | null)?];

/** What stands for one axis: a place (the axis goes away), a range, null for a new axis of size 1, "..."
 *  for all axes not named, ":" for a whole axis, or an int tensor of places. */
export type Index = number | Range | null | "..." | ":" | Tensor;

/** The elements that the indices name. */
export function index(x: Tensor, indices: readonly Index[], op = "at"): Tensor {
  const list = spelledOut(op, indices, x.shape);
  let node = nodeOf(x);
  let axis = 0;
  const gathers: { axis: number; index: Node }[] = [];
  for (const item of list) {
    if (item === null) {
      node = b.reshape(node, [...node.shape.slice(0, axis), 1, ...node.shape.slice(axis)]);
      axis++;
    } else if (typeof item === "number") {
      node = pick(op, node, axis, item, x.shape);
    } else if (item instanceof Tensor) {
      gathers.push({ axis: axis++, index: indexNode(op, item) });
    } else if (item !== ":" && item !== "...") {
      node = ranged(op, node, axis++, item);
    } else axis++;
  }
  return wrap(gathers.length > 0 ? gatherAll(op, node, gathers) : node);
}

/** "..." replaced by as many whole axes as are left. */
function spelledOut(op: string, indices: readonly Index[], shape: Shape): Index[] {
  const named = indices.filter((i) => i !== null && i !== "...").length;
  if (indices.filter((i) => i === "...").length > 1)
    throw argumentError(op, '"..." may stand once');
  if (named > shape.length) {
    throw shapeError(op, `${named} indices are too many for ${b.show(shape)}`);
  }
  const rest = Array<Index>(shape.length - named).fill(":");
  const at = indices.indexOf("...");
  const list = at < 0 ? [...indices] : [...indices.slice(0, at), ...rest, ...indices.slice(at + 1)];
  for (const item of list) checkItem(op, item);
  return list;
}

function checkItem(op: string, item: Index): void {
  if (item instanceof Tensor && item.dtype === "bool") {
    const hint = "use await x.maskedSelect(mask), x.maskedFill(mask, v) or x.where(mask, y)";
    throw dtypeError(op, "a mask gives a shape that depends on its values", hint);
  }
  const fits =
    item === null ||
    item === ":" ||
    typeof item === "number" ||
    item instanceof Tensor ||
    (Array.isArray(item) && item.length <= 3);
  if (!fits)
    throw argumentError(
      op,
      `takes numbers, ranges, null, "..." and tensors, got ${describe(item)}`,
    );
}

function pick(op: string, node: Node, axis: number, place: number, shape: Shape): Node {
  const size = node.shape[axis];
  const at = place < 0 ? place + size : place;
  if (!Number.isInteger(at) || at < 0 || at >= size) {
    throw shapeError(op, `index ${place} is outside an axis of ${size} of ${b.show(shape)}`);
  }
  return n.drop(n.narrow(node, axis, at, at + 1), [axis]);
}

/** A range as Python cuts it: limits beyond the ends are the ends; a negative step goes backwards. */
function ranged(op: string, node: Node, axis: number, range: Range): Node {
  const size = node.shape[axis];
  const [first, last, by] = range;
  const step = by ?? 1;
  if (step === 0 || ![step, first ?? 0, last ?? 0].every(Number.isInteger)) {
    throw argumentError(op, `a range takes whole numbers and a step other than 0, got [${range}]`);
  }
  const place = (p: number, low: number, high: number) =>
    Math.min(high, Math.max(low, p < 0 ? p + size : p));
  if (step > 0) {
    const start = place(first ?? 0, 0, size);
    return n.narrow(node, axis, start, Math.max(start, place(last ?? size, 0, size)), step);
  }
  const start = first === null || first === undefined ? size - 1 : place(first, -1, size - 1);
  const stop = last === null || last === undefined ? -1 : place(last, -1, size - 1);
  // Backwards from start is forwards from size-1-start in the flipped axis.
  const [from, to] = [size - 1 - start, size - 1 - stop];
  return n.narrow(b.flip(node, [axis]), axis, from, Math.max(from, to), -step);
}

/** Axes indexed by tensors: the tensors broadcast to one shape, which stands where the first of adjacent
 *  axes was, or else in front. */
function gatherAll(op: string, node: Node, gathers: { axis: number; index: Node }[]): Node {
  const axes = gathers.map((g) => g.axis);
  const shape = gathers.reduce<Shape>((s, g) => broadcastOf(op, s, g.index.shape), []);
  const adjacent = axes.every((a, i) => i === 0 || a === axes[i - 1] + 1);
  const front = adjacent ? axes[0] : 0;
  const others = node.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...others.slice(0, front), ...axes, ...others.slice(front)];
  const table = b.permute(node, order);
  const sizes = axes.map((a) => node.shape[a]);
  const lead = table.shape.slice(0, front);
  const tail = table.shape.slice(front + axes.length);
  const flat = b.reshape(table, [...lead, sizeOf(sizes), ...tail]);
  const places = linear(
    gathers.map((g) => b.broadcastTo(g.index, shape)),
    sizes,
  );
  const rows = b.reshape(places, [sizeOf(shape)]);
  const picked = b.gather(flat, spreadIndex(rows, flat.shape, front), front);
  return b.reshape(picked, [...lead, ...shape, ...tail]);
}

/** One index into the flattened axes; -1, which is a fault, where one of the places does not exist. */
function linear(places: Node[], sizes: readonly number[]): Node {
  const positive = places.map((p, i) => n.where(n.lt(p, 0), n.add(p, sizes[i]), p));
  if (places.length === 1) return positive[0];
  const outside = positive
    .map((p, i) => n.or(n.lt(p, 0), n.ge(p, sizes[i])))
    .reduce((p, q) => n.or(p, q));
  const sum = positive.reduce((acc, p, i) => n.add(n.mul(acc, sizes[i]), p));
  return n.where(outside, -1, sum);
}

/** x with values where a mask over its first axes holds: the same for each row that does. */
function maskedPut(x: Tensor, mask: Tensor, values: Tensor, accumulate: boolean): Tensor {
  const [lead, tail] = [x.shape.slice(0, mask.ndim), x.shape.slice(mask.ndim)];
  if (!b.sameShape(mask.shape, lead)) {
    throw shapeError("indexPut", `the mask ${b.show(mask.shape)} does not fit ${b.show(x.shape)}`);
  }
  const own = values.shape.length - tail.length;
  if (own > 1 || (own === 1 && values.shape[0] !== 1)) {
    const detail = `values ${b.show(values.shape)} for a mask must be the same for all that it holds`;
    throw shapeError("indexPut", detail, "use maskedScatter(x, mask, values)");
  }
  const row = own > 0 ? b.reshape(nodeOf(values), values.shape.slice(own)) : nodeOf(values);
  const put = b.broadcastTo(row, x.shape);
  const held = b.broadcastTo(b.reshape(nodeOf(mask), [...lead, ...tail.map(() => 1)]), x.shape);
  return wrap(b.where(held, accumulate ? n.add(nodeOf(x), put) : put, nodeOf(x)));
}

/** x with values put at places of its first axes, one tensor of places for each (the tensors and values
 *  broadcast), or where one mask holds. Of equal places the last one wins; with `accumulate` the values are
 *  added instead. */
export function indexPut(
  x: Tensor,
  places: readonly Tensor[],
  values: Tensor,
  options: { accumulate?: boolean | undefined } = {},
): Tensor {
  const count = places.length;
  if (count === 0 || count > x.shape.length) {
    throw shapeError("indexPut", `${count} index tensors do not fit ${b.show(x.shape)}`);
  }
  if (values.dtype !== x.dtype) {
    const hint = `use values.to("${x.dtype}")`;
    throw dtypeError("indexPut", `${x.dtype} and ${values.dtype} differ`, hint);
  }
  const [mask] = places as [Tensor];
  if (count === 1 && mask.dtype === "bool") {
    return maskedPut(x, mask, values, options.accumulate ?? false);
  }
  const nodes = places.map((p) => indexNode("indexPut", p));
  const shape = nodes.reduce<Shape>((s, p) => broadcastOf("indexPut", s, p.shape), []);
  const [sizes, tail] = [x.shape.slice(0, count), x.shape.slice(count)];
  const table = b.reshape(nodeOf(x), [sizeOf(sizes), ...tail]);
  const rows = linear(
    nodes.map((p) => b.broadcastTo(p, shape)),
    sizes,
  );
  const index = spreadIndex(b.reshape(rows, [sizeOf(shape)]), table.shape, 0);
  const spread = b.broadcastTo(nodeOf(values), [...shape, ...tail]);
  const source = b.reshape(spread, index.shape);
  const out = options.accumulate
    ? b.scatterAdd(table, index, source, 0)
    : b.scatter(table, index, source, 0);
  return wrap(b.reshape(out, x.shape));
}

// --- shapes that depend on values -------------------------------------------------------------------

/** The places of the elements that are not 0, (N, axes), int32. */
export async function nonzero(x: Tensor): Promise<Tensor> {
  const { shape } = x;
  const data = await x.data();
  const found: number[] = [];
  let count = 0;
  data.forEach((v, i) => {
    if (v === 0) return;
    count++;
    const place: number[] = [];
    let rest = i;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place.unshift(rest % shape[axis]);
      rest = Math.floor(rest / shape[axis]);
    }
    found.push(...place);
  });
  return fromArray(Int32Array.from(found), [count, shape.length]);
}

/** The elements of x where the mask holds, as a vector; both broadcast. */
export async function maskedSelect(x: Tensor, mask: Tensor): Promise<Tensor> {
  if (mask.dtype !== "bool") {
    throw dtypeError("maskedSelect", `the mask must be bool, got ${mask.dtype}`, "use mask.bool()");
  }
  const shape = broadcastOf("maskedSelect", x.shape, mask.shape);
  const spread = (t: Tensor) => apply(t, (v) => b.broadcastTo(v, shape));
  const held = await spread(mask).data();
  const places: number[] = [];
  held.forEach((v, i) => {
    if (v !== 0) places.push(i);
  });
  const index = fromArray(Int32Array.from(places));
  const flat = apply(spread(x), (v) => b.reshape(v, [sizeOf(shape)]));
  return wrap(b.gather(nodeOf(flat), nodeOf(index), 0));
}

/** The different elements in increasing order; NaNs last. */
export async function unique(x: Tensor): Promise<Tensor> {
  const data = await x.data();
  const sorted = data.slice().sort();
  const kept = sorted.filter((v, i) => i === 0 || v !== sorted[i - 1]);
  return fromArray(kept, [kept.length], { dtype: x.dtype });
}
