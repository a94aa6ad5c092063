// Gradients of the movement ops: each is the transpose of a map that places elements, and so is again
// made of movement (and of sums, where an element was read more than once). g: the gradient of y.

import { flip, full, pad, permute, reduce, reshape, slice } from "../ir/build.ts";
import { type Node, sizeOf } from "../ir/node.ts";
import type { MovementOp } from "../ir/op.ts";
import { add, type VjpRule } from "./terms.ts";

export const movementVjp: { [K in MovementOp]: VjpRule<K> } = {
  reshape: (node, g) => [reshape(g, node.src[0]!.shape)],
  permute: (node, g) => [permute(g, inverse(node.attrs.axes))],
  expand: (node, g) => {
    const { shape } = node.src[0]!;
    const axes = shape.flatMap((d, i) => (d === node.shape[i] ? [] : [i]));
    return [reduce("sum", g, axes)];
  },
  pad: (node, g) => {
    const { lo } = node.attrs;
    const stop = node.src[0]!.shape.map((d, i) => lo[i]! + d);
    return [slice(g, lo, stop)];
  },
  slice: (node, g) => {
    const { start, step } = node.attrs;
    const { shape } = node.src[0]!;
    return [place(dilate(g, step), start, shape)];
  },
  flip: (node, g) => [flip(g, node.attrs.axes)],
  window: windowVjp,
};

export function inverse(axes: readonly number[]): number[] {
  return axes.map((_, i) => axes.indexOf(i));
}

/** Puts step - 1 zeros between neighbours: n elements become (n-1)·step + 1. */
export function dilate(x: Node, step: readonly number[]): Node {
  let y = x;
  step.forEach((s, axis) => {
    const n = y.shape[axis]!;
    if (s === 1 || n <= 1) return;
    const [before, behind] = [y.shape.slice(0, axis), y.shape.slice(axis + 1)];
    const split = reshape(y, [...before, n, 1, ...behind]);
    const hi = split.shape.map((_, i) => (i === axis + 1 ? s - 1 : 0));
    const spread = pad(split, Array(split.shape.length).fill(0), hi); // (…, n, step, …)
    const joined = reshape(spread, [...before, n * s, ...behind]);
    const stop = joined.shape.map((d, i) => (i === axis ? (n - 1) * s + 1 : d));
    y = slice(joined, Array(stop.length).fill(0), stop);
  });
  return y;
}

/** y[i] = x[i - at], zero where there is none: x moved by `at` (which may be negative) on an
 *  empty ground of the given shape. */
export function place(x: Node, at: readonly number[], shape: readonly number[]): Node {
  const clamp = (v: number, d: number) => Math.min(Math.max(v, 0), d);
  const start = x.shape.map((d, i) => clamp(-at[i]!, d));
  const stop = x.shape.map((d, i) => Math.max(start[i]!, clamp(shape[i]! - at[i]!, d)));
  if (start.some((s, i) => s === stop[i]!)) return full(0, shape, x.dtype);
  const lo = at.map((a) => Math.max(a, 0));
  const hi = shape.map((d, i) => d - lo[i]! - (stop[i]! - start[i]!));
  return pad(slice(x, start, stop), lo, hi);
}

/** Windows longer than this go back by `slide`: fewer nodes, but no piece that reads in place. */
const MAX_PIECES = 16;

// y[…p…, …k…] = x[…p·stride + k·dilation…]; each axis by itself, the last inner axis first.
function windowVjp(node: Node<"window">, g: Node): readonly Node[] {
  const { axes, size, stride, dilation } = node.attrs;
  const { shape } = node.src[0]!;
  let y = g;
  for (let i = axes.length - 1; i >= 0; i--) {
    const way = { axis: axes[i]!, K: size[i]!, s: stride[i]!, d: dilation[i]! };
    y = windowAxis(y, way, shape[axes[i]!]!);
  }
  return [y];
}

interface Way {
  axis: number;
  K: number;
  s: number;
  d: number;
}

// g (…, P, …, K) to (…, N, …): x[q] gets the sum of g[p, k] over p·s + k·d = q.
function windowAxis(g: Node, way: Way, N: number): Node {
  const { axis, K, s, d } = way;
  const tiles = s === K && (d === 1 || K === 1);
  if (tiles) return untile(g, axis, N);
  return K > MAX_PIECES ? slide(g, way, N) : pieces(g, way, N);
}

// Windows side by side: (…, P, …, K) is (…, P, K, …), which is the first P·K elements of the axis.
function untile(g: Node, axis: number, N: number): Node {
  const last = g.shape.length - 1;
  const order = g.shape.map((_, i) => i).filter((i) => i < last);
  order.splice(axis + 1, 0, last);
  const shape = g.shape.slice(0, last);
  shape[axis] = shape[axis]! * g.shape[last]!;
  const joined = reshape(permute(g, order), shape);
  const at = shape.map(() => 0);
  return place(joined, at, withSize(shape, axis, N));
}

// Σₖ of g[…, k], its positions `s` apart, moved by k·d.
function pieces(g: Node, { axis, K, s, d }: Way, N: number): Node {
  const last = g.shape.length - 1;
  const shape = g.shape.slice(0, last);
  const steps = shape.map((_, i) => (i === axis ? s : 1));
  let sum: Node | null = null;
  for (let k = 0; k < K; k++) {
    const start = g.shape.map((_, i) => (i === last ? k : 0));
    const stop = g.shape.map((n, i) => (i === last ? k + 1 : n));
    const piece = dilate(reshape(slice(g, start, stop), shape), steps);
    const at = shape.map((_, i) => (i === axis ? k * d : 0));
    const placed = place(piece, at, withSize(shape, axis, N));
    sum = sum === null ? placed : add(sum, placed);
  }
  return sum ?? full(0, withSize(shape, axis, N), g.dtype);
}

// The same in one sum: rows k of length L, each d further to the right than the one before. In memory
// that is a matrix of rows of L + d read as rows of L, where L = reach + d·(K-1) holds all.
function slide(g: Node, { axis, K, s, d }: Way, N: number): Node {
  const last = g.shape.length - 1;
  const rest = g.shape.map((_, i) => i).filter((i) => i !== axis && i !== last);
  const lead = rest.map((i) => g.shape[i]!);
  const R = sizeOf(lead);
  const rows = reshape(permute(g, [...rest, last, axis]), [R, K, g.shape[axis]!]); // (R, K, P)
  const spread = dilate(rows, [1, 1, s]);
  const L = spread.shape[2]! + d * (K - 1);
  const ground = pad(spread, [0, 0, 0], [0, 0, L + d - spread.shape[2]!]); // (R, K, L+d)
  const slid = slice(reshape(ground, [R, K * (L + d)]), [0, 0], [R, K * L]);
  const sum = reduce("sum", reshape(slid, [R, K, L]), [1]); // (R, 1, L)
  const placed = place(reshape(sum, [R, L]), [0, 0], [R, N]);
  const order = rest.map((_, i) => i);
  order.splice(axis, 0, rest.length);
  return permute(reshape(placed, [...lead, N]), order);
}

function withSize(shape: readonly number[], axis: number, size: number): number[] {
  return shape.map((d, i) => (i === axis ? size : d));
}
