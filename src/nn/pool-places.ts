// Max pooling whose windows are given by their places: adaptive pooling with indices, fractional pooling
// (Graham 2014), and max unpooling, which puts values back where they were.
// Not here: windows at even steps (tensor/ops/pool.ts), the layers of everyday use (pool.ts).

import { show } from "../ir/build.ts";
import { arange, rand, zeros } from "../tensor/create.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import {
  argumentError,
  needOptions,
  needTensor,
  perAxis,
  shapeError,
} from "../tensor/ops/common.ts";
import { type Dims, inputNames } from "../tensor/ops/conv.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { AdaptiveSize } from "../tensor/ops/pool.ts";
import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The windows along one axis: their first and last element, (B or 1, C or 1, out) int32. */
interface Span {
  readonly first: Tensor;
  readonly last: Tensor;
  /** The most elements that a window has. */
  readonly width: number;
}

/** Values (B, C, …out), and where each was in its flattened plane, int32. */
export type ValuesAt = [values: Tensor, indices: Tensor];

/** (B, C, …); a single sample (C, …) gets the axis that it lacks. */
function batched(op: string, dims: Dims, x: Tensor): { input: Tensor; single: boolean } {
  needTensor(op, x, "the input");
  const single = x.shape.length === dims + 1;
  if (!single && x.shape.length !== dims + 2) {
    throw shapeError(op, `the input must be ${inputNames[dims]}, got ${show(x.shape)}`);
  }
  return { input: single ? x.unsqueeze(0) : x, single };
}

/** (B or 1, C or 1, n) as axis `i` of the windows' own axes. */
function along(t: Tensor, i: number, dims: number): Tensor {
  const inner = Array.from({ length: dims }, (_, k) => (k === i ? -1 : 1));
  return t.reshape([...t.shape.slice(0, 2), ...inner]);
}

/** The largest element of each window, the first of equal ones. x (B, C, …). */
function largestAt(x: Tensor, spans: readonly Span[]): ValuesAt {
  const dims = spans.length;
  const [B, C, ...plane] = x.shape as [number, number, ...number[]];
  let view = x.detach();
  spans.forEach(({ first, last, width }, i) => {
    // A window that is shorter than the widest names its last element again.
    const places = first.unsqueeze(-1).add(arange(width)).minimum(last.unsqueeze(-1));
    view = view.takeAlongDim(along(places.flatten(2), i, dims), i + 2); // (B, C, …, out·w, …)
  });
  const out = spans.map(({ first }) => first.shape[2]!);
  const inside = spans.flatMap(({ width }, i) => [out[i]!, width]);
  const order = spans.map((_, i) => 2 + 2 * i);
  const windows = view
    .reshape([B, C, ...inside])
    .permute([0, 1, ...order, ...order.map((i) => i + 1)]);
  let rest = windows.flatten(dims + 2).argmax(-1); // (B, C, …out)
  let index = zeros([B, C, ...out], { dtype: "int32" });
  let step = 1;
  for (let i = dims - 1; i >= 0; i--) {
    const { first, last, width } = spans[i]!;
    const place = along(first, i, dims)
      .add(rest.remainder(width))
      .minimum(along(last, i, dims));
    index = index.add(place.mul(step));
    step *= plane[i]!;
    rest = rest.floorDivide(width);
  }
  return [
    x
      .flatten(2)
      .gather(2, index.flatten(2))
      .reshape([B, C, ...out]),
    index,
  ];
}

function unbatched([values, indices]: ValuesAt, single: boolean): ValuesAt {
  return single ? [values.squeeze(0), indices.squeeze(0)] : [values, indices];
}

/** Largest elements of as many nearly equal pieces as asked for, and where they are, as
 *  torch.nn.functional.adaptive_max_pool2d with return_indices. */
export function adaptiveMaxPoolWithIndices(dims: Dims, x: Tensor, size: AdaptiveSize): ValuesAt {
  const op = `adaptiveMaxPool${dims}d`;
  const { input, single } = batched(op, dims, x);
  const plane = input.shape.slice(2);
  const asked = typeof size === "number" || size === null ? plane.map(() => size) : size;
  const sizes = perAxis(
    op,
    "the size",
    asked.map((s, i) => s ?? plane[i]!),
    dims,
    1,
  );
  const spans = sizes.map((count, i): Span => {
    const n = plane[i]!;
    const at = arange(count).reshape(1, 1, count);
    const end = at
      .add(1)
      .mul(n)
      .add(count - 1)
      .floorDivide(count); // of (i+1)·n / count, upwards
    const width = Math.ceil(n / count) + (n % count === 0 ? 0 : 1);
    return { first: at.mul(n).floorDivide(count), last: end.sub(1), width: Math.min(width, n) };
  });
  return unbatched(largestAt(input, spans), single);
}

// --- fractional ---------------------------------------------------------------------------------------

export interface FractionalPoolOptions {
  /** The size of the output, or its ratio to the input, within (0, 1). */
  outputSize?: Axes | undefined;
  outputRatio?: Axes | undefined;
  /** Numbers in [0, 1), (B, C, axes), that decide where windows lie; drawn where not given. */
  samples?: Tensor | undefined;
}

/** Sizes of the output; throws unless exactly one of size and ratio is there. */
export function fractionalSizes(
  op: string,
  dims: Dims,
  plane: readonly number[] | null,
  options: FractionalPoolOptions,
): number[] {
  needOptions(op, options, "use { outputSize: 8 }");
  const { outputSize, outputRatio } = options;
  if ((outputSize === undefined) === (outputRatio === undefined)) {
    throw argumentError(op, "needs either outputSize or outputRatio");
  }
  if (outputSize !== undefined) return perAxis(op, "outputSize", outputSize, dims, 1);
  const ratios = [outputRatio ?? []].flat();
  if (ratios.length === 1) ratios.push(...Array<number>(dims - 1).fill(ratios[0]!));
  if (ratios.length !== dims || ratios.some((r) => !(r > 0 && r < 1))) {
    throw argumentError(op, `outputRatio must be within (0,1), got ${show(ratios)}`);
  }
  return ratios.map((r, i) => Math.floor((plane?.[i] ?? 1) * r));
}

/**
 * The largest elements of windows of one size that begin at random places, one sequence of places a
 * channel (Graham 2014), as torch.nn.functional.fractional_max_pool2d_with_indices.
 */
export function fractionalMaxPool(
  dims: 2 | 3,
  x: Tensor,
  kernelSize: Axes,
  options: FractionalPoolOptions,
): ValuesAt {
  const op = `fractionalMaxPool${dims}d`;
  const { input, single } = batched(op, dims, x);
  const [B, C, ...plane] = input.shape as [number, number, ...number[]];
  const kernel = perAxis(op, "the size", kernelSize, dims, 1);
  const sizes = fractionalSizes(op, dims, plane, options);
  const samples = options.samples ?? rand([B, C, dims], { dtype: x.dtype });
  needTensor(op, samples, "samples");
  if (samples.shape[0]! < B || samples.shape[1] !== C || samples.shape[2] !== dims) {
    const detail = `samples must be ${show([B, C, dims])}, got ${show(samples.shape)}`;
    throw shapeError(op, detail);
  }
  const spans = sizes.map((count, i): Span => {
    const [n, k] = [plane[i]!, kernel[i]!];
    if (count < 1 || count + k - 1 > n) {
      throw shapeError(op, `${count} windows of ${k} do not fit an axis of ${n}`);
    }
    // In two dimensions PyTorch's first sample is that of the last axis.
    const own = dims === 2 ? 1 - i : i;
    const first = starts(samples.narrow(0, 0, B).narrow(2, own, 1), n - k, count);
    return { first, last: first.add(k - 1), width: k };
  });
  return unbatched(largestAt(input, spans), single);
}

/** Where windows begin: ⌊(i + u)·α⌋ - ⌊u·α⌋ with α = room / (count - 1); the last one at the end. */
function starts(u: Tensor, room: number, count: number): Tensor {
  const at = arange(count); // (out)
  const alpha = count > 1 ? room / (count - 1) : 0;
  const sequence = at.add(u).mul(alpha).floor().sub(u.mul(alpha).floor()).int(); // (B, C, out)
  return where(at.eq(count - 1), room, sequence);
}

// --- back again ---------------------------------------------------------------------------------------

export interface MaxUnpoolOptions {
  /** The window's size by default. */
  stride?: Axes | undefined;
  padding?: Axes | undefined;
  /** The size of the result, where it cannot be told from windows alone; all axes or those of the plane. */
  outputSize?: readonly number[] | undefined;
}

function unpoolSizes(
  op: string,
  dims: Dims,
  plane: readonly number[],
  kernelSize: Axes,
  options: MaxUnpoolOptions,
): number[] {
  needOptions(op, options, "use { stride: 2 }");
  const kernel = perAxis(op, "the size", kernelSize, dims, 1);
  const stride = perAxis(op, "stride", options.stride ?? kernel, dims, 1);
  const padding = perAxis(op, "padding", options.padding ?? 0, dims, 0);
  const usual = plane.map((n, i) => (n - 1) * stride[i]! - 2 * padding[i]! + kernel[i]!);
  if (options.outputSize === undefined) return usual;
  const given = options.outputSize.slice(-dims);
  const near = (n: number, i: number) => Math.abs(n - usual[i]!) < stride[i]!;
  if (given.length === dims && given.every(near)) return given;
  const detail = `outputSize ${show(given)} must be less than a stride from ${show(usual)}`;
  throw argumentError(op, detail);
}

/** values (B, C, n) at the places of the last axis that the index names. Where several have one place all
 *  of them get its gradient, as in PyTorch: overlapping windows found the same element. */
const putBack = /* @__PURE__ */ customVjp(
  (values: Tensor, index: Tensor, count: number) =>
    zeros([...values.shape.slice(0, 2), count], { dtype: values.dtype }).scatter(2, index, values),
  (g, [, index]) => [g.gather(2, index), null, null],
);

/**
 * Puts pooled values back where they were, zeros elsewhere, as torch.nn.functional.max_unpool2d. x and
 * the indices of max pooling have one shape.
 */
export function maxUnpool(
  dims: Dims,
  x: Tensor,
  indices: Tensor,
  kernelSize: Axes,
  options: MaxUnpoolOptions = {},
): Tensor {
  const op = `maxUnpool${dims}d`;
  needTensor(op, indices, "the indices");
  const { input, single } = batched(op, dims, x);
  if (show(indices.shape) !== show(x.shape)) {
    throw shapeError(op, `input ${show(x.shape)} and indices ${show(indices.shape)} differ`);
  }
  const [B, C, ...plane] = input.shape as [number, number, ...number[]];
  const sizes = unpoolSizes(op, dims, plane, kernelSize, options);
  const count = sizes.reduce((p, n) => p * n, 1);
  const index = indices.reshape([B, C, -1]);
  const shaped = putBack(input.flatten(2), index, count).reshape([B, C, ...sizes]);
  return single ? shaped.squeeze(0) : shaped;
}
