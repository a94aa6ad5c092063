// Pooling over the last one or two axes, as reductions over the overlapping view `window`.
// Not here: layers (nn/).

import * as b from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Axes } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { argumentError, perAxis, shapeError } from "./common.ts";
import { type Dims, inputNames } from "./conv.ts";
import * as n from "./nodes.ts";

export interface MaxPoolOptions {
  /** The window's size by default. */
  stride?: Axes | undefined;
  /** Counts as minus infinity; at most half of the window. */
  padding?: Axes | undefined;
  dilation?: Axes | undefined;
  /** Whether a last window that reaches over the end counts. */
  ceilMode?: boolean | undefined;
}

export interface AvgPoolOptions {
  stride?: Axes | undefined;
  padding?: Axes | undefined;
  ceilMode?: boolean | undefined;
  /** Whether padding counts as elements (true by default). */
  countIncludePad?: boolean | undefined;
  /** Divides the sums instead of the number of elements. */
  divisorOverride?: number | undefined;
}

/** One size an axis; null keeps the input's. */
export type AdaptiveSize = number | null | readonly (number | null)[];

interface Windows {
  readonly size: number[];
  readonly stride: number[];
  readonly padding: number[];
  readonly dilation: number[];
  /** Padding after the end, what ceilMode asks for included. */
  readonly end: number[];
}

/** The last axes as (batch, …sizes): pooling knows no channels. */
function flattened(op: string, dims: Dims, x: Tensor): Node {
  if (x.shape.length !== dims + 1 && x.shape.length !== dims + 2) {
    const names = inputNames[dims];
    throw shapeError(op, `the input must be ${names}, got ${b.show(x.shape)}`);
  }
  return nodeOf(x);
}

function windowsOf(op: string, dims: Dims, v: Node, size: Axes, o: MaxPoolOptions): Windows {
  const kernel = perAxis(op, "the size", size, dims, 1);
  const stride = perAxis(op, "stride", o.stride ?? kernel, dims, 1);
  const padding = perAxis(op, "padding", o.padding ?? 0, dims, 0);
  const dilation = perAxis(op, "dilation", o.dilation ?? 1, dims, 1);
  const end = kernel.map((k, i) => {
    if (padding[i] > k / 2) {
      throw argumentError(op, `padding ${padding[i]} is more than half of the window ${k}`);
    }
    const span = dilation[i] * (k - 1) + 1;
    const length = v.shape[v.shape.length - dims + i];
    const room = length + 2 * padding[i] - span;
    if (room < 0 && !(o.ceilMode && room > -stride[i])) {
      throw shapeError(
        op,
        `a window of ${span} does not fit the padded input of ${length + 2 * padding[i]}`,
      );
    }
    if (!o.ceilMode) return padding[i];
    let count = Math.ceil(room / stride[i]) + 1;
    // The last window must start inside the input or its left padding.
    if ((count - 1) * stride[i] >= length + padding[i]) count--;
    return Math.max(padding[i], (count - 1) * stride[i] + span - length - padding[i]);
  });
  return { size: kernel, stride, padding, dilation, end };
}

/** The windows' insides as one new last axis. */
function windows(v: Node, dims: Dims, w: Windows, fill: number): Node {
  const lead = v.shape.length - dims;
  const zeros = Array<number>(lead).fill(0);
  const padded = b.pad(v, [...zeros, ...w.padding], [...zeros, ...w.end], fill);
  const axes = w.size.map((_, i) => lead + i);
  return b.window(padded, axes, w.size, w.stride, w.dilation);
}

/** The largest element of each window. The gradient goes to the first of equal ones. */
export function maxPool(dims: Dims, x: Tensor, size: Axes, options: MaxPoolOptions = {}): Tensor {
  const op = `maxPool${dims}d`;
  const v = flattened(op, dims, x);
  const w = windowsOf(op, dims, v, size, options);
  const view = windows(v, dims, w, Number.NEGATIVE_INFINITY);
  const inside = w.size.reduce((p, k) => p * k, 1);
  const rank = view.shape.length - dims;
  const flat = b.reshape(view, [...view.shape.slice(0, rank), inside]);
  return wrap(n.drop(b.reduce("max", flat, [rank], true), [rank]));
}

/** Where the largest element of each window is in the flattened input plane, int32. */
export function maxPoolIndices(
  dims: Dims,
  x: Tensor,
  size: Axes,
  options: MaxPoolOptions = {},
): Tensor {
  const op = `maxPool${dims}d`;
  const v = flattened(op, dims, x);
  const w = windowsOf(op, dims, v, size, options);
  const view = windows(b.detach(v), dims, w, Number.NEGATIVE_INFINITY);
  const inside = w.size.reduce((p, k) => p * k, 1);
  const rank = view.shape.length - dims;
  const flat = b.reshape(view, [...view.shape.slice(0, rank), inside]);
  const first = n.drop(b.reduce("argmax", flat, [rank]), [rank]);
  let rest = first;
  let place: Node | null = null;
  let plane = 1;
  for (let i = dims - 1; i >= 0; i--) {
    const axis = rank - dims + i;
    const offset = n.mul(n.mod(rest, w.size[i]), w.dilation[i]);
    const start = n.sub(
      n.mul(n.positions(view.shape[axis], axis, rank), w.stride[i]),
      w.padding[i],
    );
    const term = n.mul(n.add(start, offset), plane);
    place = place === null ? term : n.add(place, term);
    plane *= v.shape[v.shape.length - dims + i];
    rest = n.div(rest, w.size[i]);
  }
  return wrap(place as Node);
}

/** The mean of each window. */
export function avgPool(dims: Dims, x: Tensor, size: Axes, options: AvgPoolOptions = {}): Tensor {
  const op = `avgPool${dims}d`;
  const v = flattened(op, dims, x);
  const w = windowsOf(op, dims, v, size, options);
  const view = windows(v, dims, w, 0);
  const inside = w.size.map((_, i) => view.shape.length - dims + i);
  const sums = n.reduce("sum", view, inside, false);
  if (options.divisorOverride !== undefined) return wrap(n.div(sums, options.divisorOverride));
  const counts = countsOf(v, dims, w, options.countIncludePad ?? true);
  return wrap(n.div(sums, counts));
}

/** How many elements each window holds: a number where all hold the same. */
function countsOf(v: Node, dims: Dims, w: Windows, padded: boolean): Node | number {
  const lead = v.shape.length - dims;
  const plain = w.size.every((_, i) => {
    const none = w.end[i] === w.padding[i];
    return padded ? none : none && w.padding[i] === 0;
  });
  if (plain) return w.size.reduce((p, k) => p * k, 1);
  // Ones where an element counts, summed as the elements were.
  const plane = v.shape.slice(lead);
  const own = padded ? plane.map((d, i) => d + 2 * w.padding[i]) : plane;
  const ones = b.full(1, own, v.dtype);
  const lo = padded ? plane.map(() => 0) : w.padding;
  const hi = padded ? w.end.map((e, i) => e - w.padding[i]) : w.end;
  const axes = plane.map((_, i) => i);
  const view = b.window(b.pad(ones, lo, hi), axes, w.size, w.stride, w.dilation);
  return n.reduce(
    "sum",
    view,
    axes.map((i) => i + dims),
    false,
  );
}

/** Start and end of each of `out` nearly equal pieces of `size` elements. */
function pieces(size: number, out: number): [number, number][] {
  return Array.from({ length: out }, (_, i) => [
    Math.floor((i * size) / out),
    Math.ceil(((i + 1) * size) / out),
  ]);
}

function adaptiveSizes(op: string, dims: Dims, v: Node, size: AdaptiveSize): number[] {
  const list = Array.isArray(size) ? size : Array<number | null>(dims).fill(size as number | null);
  const lead = v.shape.length - dims;
  const sizes = list.map((s, i) => s ?? v.shape[lead + i]);
  return perAxis(op, "the size", sizes, dims, 1);
}

/** Pools one axis at a time into the given number of pieces. */
function adaptive(op: string, dims: Dims, x: Tensor, size: AdaptiveSize, mean: boolean): Tensor {
  const v = flattened(op, dims, x);
  const lead = v.shape.length - dims;
  const sizes = adaptiveSizes(op, dims, v, size);
  const fn = mean ? "sum" : "max";
  let out = v;
  sizes.forEach((count, i) => {
    const axis = lead + i;
    const length = out.shape[axis];
    if (length === count) return;
    if (length % count === 0) {
      const shape = [
        ...out.shape.slice(0, axis),
        count,
        length / count,
        ...out.shape.slice(axis + 1),
      ];
      const sums = n.reduce(fn, b.reshape(out, shape), [axis + 1], false);
      out = mean ? n.div(sums, length / count) : sums;
      return;
    }
    out = uneven(out, axis, count, mean);
  });
  return wrap(out);
}

/** Pieces of different lengths: each element counts where it lies between a piece's start and end. */
function uneven(v: Node, axis: number, count: number, mean: boolean): Node {
  const ends = pieces(v.shape[axis], count);
  const width = Math.max(...ends.map(([start, end]) => end - start));
  const parts = ends.map(([start, end]) => {
    const part = n.narrow(v, axis, start, end);
    const fill = mean ? 0 : Number.NEGATIVE_INFINITY;
    const wide = n.padAxis(part, axis, 0, width - (end - start), fill);
    const piece = n.reduce(mean ? "sum" : "max", wide, [axis], true);
    return mean ? n.div(piece, end - start) : piece;
  });
  let at = 0;
  return parts.map((part) => n.padAxis(part, axis, at++, count - at)).reduce((p, q) => n.add(p, q));
}

/** Means of as many nearly equal pieces as asked for. */
export function adaptiveAvgPool(dims: Dims, x: Tensor, size: AdaptiveSize): Tensor {
  return adaptive(`adaptiveAvgPool${dims}d`, dims, x, size, true);
}

/** Largest elements of as many nearly equal pieces as asked for. */
export function adaptiveMaxPool(dims: Dims, x: Tensor, size: AdaptiveSize): Tensor {
  return adaptive(`adaptiveMaxPool${dims}d`, dims, x, size, false);
}
