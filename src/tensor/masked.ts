// Reductions that see only the elements where a mask holds (torch.masked): `masked.sum(x, 1, { mask })`.
// The others are replaced by what changes nothing, so each is one line over the plain reduction.
// A mask is a bool tensor that broadcasts to x; without one these are the plain reductions.

import { show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { onesLike } from "./create.ts";
import { dtypeError, edge, floatType, needTensor, shapeError } from "./ops/common.ts";
import type { CumulativeOptions } from "./ops/cumulative.ts";
import type { SumOptions, VarOptions } from "./ops/reduce.ts";
import { nanmedian } from "./ops/statistics.ts";
import type { Axes, ReduceOptions, ValuesAndIndices } from "./shape-types.ts";
import type { Tensor } from "./tensor.ts";

export interface MaskOption {
  /** Where elements count. */
  mask?: Tensor | null | undefined;
}

/** The mask as it lies over x, or null where all elements count. */
function maskFor(op: string, x: Tensor, mask: Tensor | null | undefined): Tensor | null {
  needTensor(op, x);
  if (mask === null || mask === undefined) return null;
  needTensor(op, mask, "the mask");
  if (mask.dtype !== "bool") {
    throw dtypeError(op, `the mask must be bool, got ${mask.dtype}`, "use mask.bool()");
  }
  const missing = x.shape.length - mask.shape.length;
  if (missing < 0 || mask.shape.some((d, i) => d !== 1 && d !== x.shape[i + missing])) {
    throw shapeError(op, `the mask ${show(mask.shape)} does not fit ${show(x.shape)}`);
  }
  return mask.expand(x.shape);
}

/** x with a number where the mask does not hold. */
function shown(op: string, x: Tensor, { mask }: MaskOption, otherwise: number): Tensor {
  const over = maskFor(op, x, mask);
  return over === null ? x : x.where(over, otherwise);
}

const lowest = (x: Tensor) => edge(x.dtype, -1);
const highest = (x: Tensor) => edge(x.dtype, 1);

/** The sum; of none 0. */
export function sum(x: Tensor, axes?: Axes, options: SumOptions & MaskOption = {}): Tensor {
  return shown("masked.sum", x, options, 0).sum(axes, options);
}

/** The product; of none 1. */
export function prod(x: Tensor, axes?: Axes, options: SumOptions & MaskOption = {}): Tensor {
  return shown("masked.prod", x, options, 1).prod(axes, options);
}

/** The largest; of none what lies below all numbers. */
export function amax(x: Tensor, axes?: Axes, options: ReduceOptions & MaskOption = {}): Tensor {
  return shown("masked.amax", x, options, lowest(x)).amax(axes, options);
}

/** The smallest; of none what lies above all numbers. */
export function amin(x: Tensor, axes?: Axes, options: ReduceOptions & MaskOption = {}): Tensor {
  return shown("masked.amin", x, options, highest(x)).amin(axes, options);
}

/** Where the largest is, int32; of none 0. */
export function argmax(x: Tensor, axis?: number, options: ReduceOptions & MaskOption = {}): Tensor {
  return shown("masked.argmax", x, options, lowest(x)).argmax(axis, options);
}

/** Where the smallest is, int32; of none 0. */
export function argmin(x: Tensor, axis?: number, options: ReduceOptions & MaskOption = {}): Tensor {
  return shown("masked.argmin", x, options, highest(x)).argmin(axis, options);
}

/** How many elements count. */
function countOf(x: Tensor, axes: Axes | undefined, options: ReduceOptions & MaskOption): Tensor {
  const ones = onesLike(x, { dtype: floatType(x.dtype) });
  return shown("masked.mean", ones, options, 0).sum(axes, options);
}

/** The mean; of none NaN. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions & MaskOption = {}): Tensor {
  return sum(x, axes, options).div(countOf(x, axes, options));
}

/** The variance, by default of a sample; of too few NaN. */
export function variance(x: Tensor, axes?: Axes, options: VarOptions & MaskOption = {}): Tensor {
  if (!isFloat(x.dtype)) throw dtypeError("masked.var", `needs a float tensor, got ${x.dtype}`);
  const { mask, correction = 1 } = options;
  const center = mean(x, axes, { mask, keepdim: true });
  const squares = sum(x.sub(center).square(), axes, options);
  return squares.div(countOf(x, axes, options).sub(correction).clamp(0));
}

export { variance as var };

/** The standard deviation, by default of a sample. */
export function std(x: Tensor, axes?: Axes, options: VarOptions & MaskOption = {}): Tensor {
  return variance(x, axes, options).sqrt();
}

/** The p-norm; of none 0 (for p = -Infinity: Infinity). */
export function norm(
  x: Tensor,
  p = 2,
  axes?: Axes,
  options: ReduceOptions & MaskOption = {},
): Tensor {
  const none = p === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : 0;
  return shown("masked.norm", x, options, none).norm(p, axes, options);
}

/** log Σ exp; of none -Infinity. */
export function logsumexp(
  x: Tensor,
  axes?: Axes,
  options: ReduceOptions & MaskOption = {},
): Tensor {
  return shown("masked.logsumexp", x, options, Number.NEGATIVE_INFINITY).logsumexp(axes, options);
}

/** The median along an axis, and where it is; of none NaN. */
export function median(
  x: Tensor,
  axis = -1,
  options: ReduceOptions & MaskOption = {},
): ValuesAndIndices {
  return nanmedian(shown("masked.median", x, options, Number.NaN), axis, options);
}

/** The softmax over what counts, 0 elsewhere; NaN where nothing does. */
export function softmax(x: Tensor, axis: number, options: MaskOption = {}): Tensor {
  return shown("masked.softmax", x, options, Number.NEGATIVE_INFINITY).softmax(axis);
}

/** log softmax over what counts, -Infinity elsewhere; NaN where nothing does. */
export function logSoftmax(x: Tensor, axis: number, options: MaskOption = {}): Tensor {
  return shown("masked.logSoftmax", x, options, Number.NEGATIVE_INFINITY).logSoftmax(axis);
}

/** The softmax of -x over what counts, 0 elsewhere; NaN where nothing does. */
export function softmin(x: Tensor, axis: number, options: MaskOption = {}): Tensor {
  return shown("masked.softmin", x, options, Number.POSITIVE_INFINITY).neg().softmax(axis);
}

/** x over its p-norm along an axis, of what counts; the norm is at least eps. */
export function normalize(
  x: Tensor,
  p: number,
  axis: number,
  options: MaskOption & { eps?: number | undefined } = {},
): Tensor {
  const { mask, eps = 1e-12 } = options;
  const size = norm(x, p, axis, { mask, keepdim: true });
  return shown("masked.normalize", x, { mask }, 0).div(size.maximum(eps));
}

/** Sums up to each place along an axis, of what counts. */
export function cumsum(
  x: Tensor,
  axis: number,
  options: CumulativeOptions & MaskOption = {},
): Tensor {
  return shown("masked.cumsum", x, options, 0).cumsum(axis, options);
}

/** Products up to each place along an axis, of what counts. */
export function cumprod(
  x: Tensor,
  axis: number,
  options: CumulativeOptions & MaskOption = {},
): Tensor {
  return shown("masked.cumprod", x, options, 1).cumprod(axis, options);
}

export interface PairMaskOptions {
  inputMask?: Tensor | null | undefined;
  otherMask?: Tensor | null | undefined;
}

/** log(exp a + exp b), where what does not count is -Infinity. */
export function logaddexp(a: Tensor, b: Tensor, options: PairMaskOptions = {}): Tensor {
  const { inputMask, otherMask } = options;
  const op = "masked.logaddexp";
  const left = shown(op, a, { mask: inputMask }, Number.NEGATIVE_INFINITY);
  return left.logaddexp(shown(op, b, { mask: otherMask }, Number.NEGATIVE_INFINITY));
}
