// The methods of Tensor that move, join, index and multiply: one line each, as in math-methods.ts, which
// this extends. Imported by tensor.ts alone.

import type { Shape } from "../../ir/node.ts";
import * as ix from "../index.ts";
import type { Axes } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { listOf } from "./common.ts";
import * as cv from "./conv.ts";
import * as el from "./elementwise.ts";
import * as jn from "./join.ts";
import * as lin from "./linear.ts";
import { MathMethods } from "./math-methods.ts";
import * as mv from "./movement.ts";
import * as pool from "./pool.ts";
import * as sc from "./scatter.ts";

type Sizes = (number | Shape)[];

export abstract class ShapeMethods extends MathMethods {
  // shape

  /** The same elements in another shape; one size may be -1. */
  reshape(this: Tensor, ...sizes: Sizes): Tensor {
    return mv.reshape(this, listOf(sizes));
  }
  /** As reshape: nothing is ever copied. */
  view(this: Tensor, ...sizes: Sizes): Tensor {
    return mv.reshape(this, listOf(sizes), "view");
  }
  /** Axes from start to end become one. */
  flatten(this: Tensor, start?: number, end?: number): Tensor {
    return mv.flatten(this, start, end);
  }
  unflatten(this: Tensor, axis: number, sizes: Shape): Tensor {
    return mv.unflatten(this, axis, sizes);
  }
  permute(this: Tensor, ...axes: Sizes): Tensor {
    return mv.permute(this, listOf(axes));
  }
  transpose(this: Tensor, first: number, second: number): Tensor {
    return mv.transpose(this, first, second);
  }
  swapaxes(this: Tensor, first: number, second: number): Tensor {
    return mv.transpose(this, first, second);
  }
  /** A matrix transposed; all axes reversed. */
  t(this: Tensor): Tensor {
    return mv.reversed(this);
  }
  /** A matrix transposed; all axes reversed. */
  get T(): Tensor {
    return mv.reversed(this as unknown as Tensor);
  }
  /** The last two axes exchanged. */
  get mT(): Tensor {
    return mv.matrixTranspose(this as unknown as Tensor);
  }
  movedim(this: Tensor, source: Axes, target: Axes): Tensor {
    return mv.movedim(this, source, target);
  }
  /** Without its axes of size 1. */
  squeeze(this: Tensor, axes?: Axes): Tensor {
    return mv.squeeze(this, axes);
  }
  /** With a new axis of size 1. */
  unsqueeze(this: Tensor, axis: number): Tensor {
    return mv.unsqueeze(this, axis);
  }
  /** Axes of size 1 repeat; -1 keeps a size. */
  expand(this: Tensor, ...sizes: Sizes): Tensor {
    return mv.expand(this, listOf(sizes));
  }
  broadcastTo(this: Tensor, ...sizes: Sizes): Tensor {
    return mv.expand(this, listOf(sizes), "broadcastTo");
  }
  expandAs(this: Tensor, other: Tensor): Tensor {
    return mv.expand(this, other.shape, "expandAs");
  }
  repeat(this: Tensor, ...counts: Sizes): Tensor {
    return mv.repeat(this, listOf(counts));
  }
  tile(this: Tensor, ...counts: Sizes): Tensor {
    return mv.tile(this, listOf(counts));
  }
  repeatInterleave(this: Tensor, count: number | Shape, axis?: number): Tensor {
    return mv.repeatInterleave(this, count, axis);
  }
  flip(this: Tensor, axes: Axes): Tensor {
    return mv.flip(this, axes);
  }
  rot90(this: Tensor, k?: number, axes?: readonly [number, number]): Tensor {
    return mv.rot90(this, k, axes);
  }
  roll(this: Tensor, shifts: Axes, axes?: Axes): Tensor {
    return jn.roll(this, shifts, axes);
  }
  unfold(this: Tensor, axis: number, size: number, step: number): Tensor {
    return mv.unfold(this, axis, size, step);
  }
  diagonal(this: Tensor, offset?: number, first?: number, second?: number): Tensor {
    return mv.diagonal(this, offset, first, second);
  }
  diag(this: Tensor, offset?: number): Tensor {
    return mv.diag(this, offset);
  }
  diagEmbed(this: Tensor, offset?: number): Tensor {
    return mv.diagEmbed(this, offset);
  }
  tril(this: Tensor, offset?: number): Tensor {
    return mv.tril(this, offset);
  }
  triu(this: Tensor, offset?: number): Tensor {
    return mv.triu(this, offset);
  }
  /** Itself: the layout of memory is never visible. */
  contiguous(this: Tensor): Tensor {
    return this;
  }
  /** A copy that later assignments do not reach. */
  clone(this: Tensor): Tensor {
    return el.clone(this);
  }
  /** The value, cut from the gradient. */
  detach(this: Tensor): Tensor {
    return el.detach(this);
  }

  // pieces

  narrow(this: Tensor, axis: number, start: number, length: number): Tensor {
    return mv.narrow(this, axis, start, length);
  }
  select(this: Tensor, axis: number, index: number): Tensor {
    return mv.select(this, axis, index);
  }
  split(this: Tensor, sizes: number | Shape, axis?: number): Tensor[] {
    return jn.split(this, sizes, axis);
  }
  chunk(this: Tensor, count: number, axis?: number): Tensor[] {
    return jn.chunk(this, count, axis);
  }
  unbind(this: Tensor, axis?: number): Tensor[] {
    return jn.unbind(this, axis);
  }
  /** Two sizes an axis, the last axis first. */
  pad(this: Tensor, sizes: readonly number[], options?: jn.PadOptions): Tensor {
    return jn.pad(this, sizes, options);
  }

  // indexing

  /** x.at(0, [1, 3], null, "...", rows): numbers, ranges, new axes, tensors of indices. */
  at(this: Tensor, ...indices: ix.Index[]): Tensor {
    return ix.index(this, indices);
  }
  /** As at. */
  slice(this: Tensor, ...indices: ix.Index[]): Tensor {
    return ix.index(this, indices, "slice");
  }
  gather(this: Tensor, axis: number, index: Tensor): Tensor {
    return sc.gather(this, axis, index);
  }
  takeAlongDim(this: Tensor, index: Tensor, axis?: number): Tensor {
    return sc.takeAlongDim(this, index, axis);
  }
  indexSelect(this: Tensor, axis: number, index: Tensor): Tensor {
    return sc.indexSelect(this, axis, index);
  }
  scatterAdd(this: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
    return sc.scatterAdd(this, axis, index, source);
  }
  scatter(this: Tensor, axis: number, index: Tensor, source: Tensor | number): Tensor {
    return sc.scatter(this, axis, index, source);
  }
  indexAdd(
    this: Tensor,
    axis: number,
    index: Tensor,
    source: Tensor,
    options?: el.AlphaOptions,
  ): Tensor {
    return sc.indexAdd(this, axis, index, source, options);
  }
  indexCopy(this: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
    return sc.indexCopy(this, axis, index, source);
  }
  indexFill(this: Tensor, axis: number, index: Tensor, value: number): Tensor {
    return sc.indexFill(this, axis, index, value);
  }
  /** Values put at places of the first axes, one index tensor for each. */
  indexPut(
    this: Tensor,
    places: readonly Tensor[],
    values: Tensor,
    options?: { accumulate?: boolean | undefined },
  ): Tensor {
    return ix.indexPut(this, places, values, options);
  }
  /** Positions of the elements that are not 0, (N, axes); reads this tensor. */
  nonzero(this: Tensor): Promise<Tensor> {
    return ix.nonzero(this);
  }
  /** The elements where the mask holds, in order; reads the mask. */
  maskedSelect(this: Tensor, mask: Tensor): Promise<Tensor> {
    return ix.maskedSelect(this, mask);
  }
  /** The different elements in increasing order; reads this tensor. */
  unique(this: Tensor): Promise<Tensor> {
    return ix.unique(this);
  }

  // products

  /** The product of matrices; leading axes are batches. */
  matmul(this: Tensor, other: Tensor): Tensor {
    return lin.matmul(this, other);
  }
  mm(this: Tensor, other: Tensor): Tensor {
    return lin.mm(this, other);
  }
  bmm(this: Tensor, other: Tensor): Tensor {
    return lin.bmm(this, other);
  }
  mv(this: Tensor, other: Tensor): Tensor {
    return lin.mv(this, other);
  }
  dot(this: Tensor, other: Tensor): Tensor {
    return lin.dot(this, other);
  }
  outer(this: Tensor, other: Tensor): Tensor {
    return lin.outer(this, other);
  }
  inner(this: Tensor, other: Tensor): Tensor {
    return lin.inner(this, other);
  }
  /** beta · this + alpha · (a @ b). */
  addmm(this: Tensor, a: Tensor, b: Tensor, options?: lin.AddmmOptions): Tensor {
    return lin.addmm(this, a, b, options);
  }
  baddbmm(this: Tensor, a: Tensor, b: Tensor, options?: lin.AddmmOptions): Tensor {
    return lin.baddbmm(this, a, b, options);
  }
  addmv(this: Tensor, a: Tensor, b: Tensor, options?: lin.AddmmOptions): Tensor {
    return lin.addmv(this, a, b, options);
  }
  tensordot(this: Tensor, other: Tensor, axes?: Parameters<typeof lin.tensordot>[2]): Tensor {
    return lin.tensordot(this, other, axes);
  }

  // convolution and pooling

  /** Cross-correlation: input (B, C, L), weight (O, C/groups, K). */
  conv1d(this: Tensor, weight: Tensor, bias?: Tensor | null, options?: cv.ConvOptions): Tensor {
    return cv.conv(1, this, weight, bias, options);
  }
  /** Cross-correlation: input (B, C, H, W), weight (O, C/groups, KH, KW). */
  conv2d(this: Tensor, weight: Tensor, bias?: Tensor | null, options?: cv.ConvOptions): Tensor {
    return cv.conv(2, this, weight, bias, options);
  }
  /** Cross-correlation: input (B, C, D, H, W). */
  conv3d(this: Tensor, weight: Tensor, bias?: Tensor | null, options?: cv.ConvOptions): Tensor {
    return cv.conv(3, this, weight, bias, options);
  }
  /** The gradient of a convolution, as a layer: weight (C, O/groups, …). */
  convTranspose1d(
    this: Tensor,
    weight: Tensor,
    bias?: Tensor | null,
    options?: cv.ConvTransposeOptions,
  ): Tensor {
    return cv.convTranspose(1, this, weight, bias, options);
  }
  /** The gradient of a convolution, as a layer: weight (C, O/groups, …). */
  convTranspose2d(
    this: Tensor,
    weight: Tensor,
    bias?: Tensor | null,
    options?: cv.ConvTransposeOptions,
  ): Tensor {
    return cv.convTranspose(2, this, weight, bias, options);
  }
  /** The gradient of a convolution, as a layer: weight (C, O/groups, …). */
  convTranspose3d(
    this: Tensor,
    weight: Tensor,
    bias?: Tensor | null,
    options?: cv.ConvTransposeOptions,
  ): Tensor {
    return cv.convTranspose(3, this, weight, bias, options);
  }
  maxPool1d(this: Tensor, size: Axes, options?: pool.MaxPoolOptions): Tensor {
    return pool.maxPool(1, this, size, options);
  }
  maxPool2d(this: Tensor, size: Axes, options?: pool.MaxPoolOptions): Tensor {
    return pool.maxPool(2, this, size, options);
  }
  maxPool3d(this: Tensor, size: Axes, options?: pool.MaxPoolOptions): Tensor {
    return pool.maxPool(3, this, size, options);
  }
  avgPool1d(this: Tensor, size: Axes, options?: pool.AvgPoolOptions): Tensor {
    return pool.avgPool(1, this, size, options);
  }
  avgPool2d(this: Tensor, size: Axes, options?: pool.AvgPoolOptions): Tensor {
    return pool.avgPool(2, this, size, options);
  }
  avgPool3d(this: Tensor, size: Axes, options?: pool.AvgPoolOptions): Tensor {
    return pool.avgPool(3, this, size, options);
  }
  adaptiveAvgPool1d(this: Tensor, size: pool.AdaptiveSize): Tensor {
    return pool.adaptiveAvgPool(1, this, size);
  }
  adaptiveAvgPool2d(this: Tensor, size: pool.AdaptiveSize): Tensor {
    return pool.adaptiveAvgPool(2, this, size);
  }
  adaptiveAvgPool3d(this: Tensor, size: pool.AdaptiveSize): Tensor {
    return pool.adaptiveAvgPool(3, this, size);
  }
  adaptiveMaxPool1d(this: Tensor, size: pool.AdaptiveSize): Tensor {
    return pool.adaptiveMaxPool(1, this, size);
  }
  adaptiveMaxPool2d(this: Tensor, size: pool.AdaptiveSize): Tensor {
    return pool.adaptiveMaxPool(2, this, size);
  }
  adaptiveMaxPool3d(this: Tensor, size: pool.AdaptiveSize): Tensor {
    return pool.adaptiveMaxPool(3, this, size);
  }
}
