// The methods of Tensor that compute elements: arithmetic, comparison, functions, activations and
// reductions. One line each: the work is in the functions of this folder. A class of its own only because
// a file has an end; Tensor extends it. Imported by tensor.ts alone.

import type { DType } from "../../ir/dtype.ts";
import type { DeviceLike } from "../device.ts";
import type { Axes, Operand, ReduceOptions, ValuesAndIndices } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import * as act from "./activations.ts";
import * as cum from "./cumulative.ts";
import * as el from "./elementwise.ts";
import * as math from "./math.ts";
import * as red from "./reduce.ts";
import * as order from "./sort.ts";

export abstract class MathMethods {
  // arithmetic

  /** this + alpha · other. */
  add(this: Tensor, other: Operand, options?: el.AlphaOptions): Tensor {
    return el.add(this, other, options);
  }
  /** this - alpha · other. */
  sub(this: Tensor, other: Operand, options?: el.AlphaOptions): Tensor {
    return el.sub(this, other, options);
  }
  mul(this: Tensor, other: Operand): Tensor {
    return el.mul(this, other);
  }
  /** True division: ints give float32. */
  div(this: Tensor, other: Operand, options?: el.DivOptions): Tensor {
    return el.div(this, other, options);
  }
  /** other - this. */
  rsub(this: Tensor, other: Operand): Tensor {
    return el.sub(other, this);
  }
  /** other / this. */
  rdiv(this: Tensor, other: Operand): Tensor {
    return el.div(other, this);
  }
  /** other to the power of this. */
  rpow(this: Tensor, other: Operand): Tensor {
    return el.pow(other, this);
  }
  /** The quotient rounded toward minus infinity. */
  floorDivide(this: Tensor, other: Operand): Tensor {
    return el.floorDivide(this, other);
  }
  /** With the divisor's sign, as Python's %. */
  remainder(this: Tensor, other: Operand): Tensor {
    return el.remainder(this, other);
  }
  /** With the dividend's sign, as C's fmod. */
  fmod(this: Tensor, other: Operand): Tensor {
    return el.fmod(this, other);
  }
  pow(this: Tensor, other: Operand): Tensor {
    return el.pow(this, other);
  }
  maximum(this: Tensor, other: Operand): Tensor {
    return el.maximum(this, other);
  }
  minimum(this: Tensor, other: Operand): Tensor {
    return el.minimum(this, other);
  }
  /** A NaN loses against a number. */
  fmax(this: Tensor, other: Operand): Tensor {
    return el.fmax(this, other);
  }
  /** A NaN loses against a number. */
  fmin(this: Tensor, other: Operand): Tensor {
    return el.fmin(this, other);
  }
  /** this + weight · (end - this). */
  lerp(this: Tensor, end: Tensor, weight: Operand): Tensor {
    return el.lerp(this, end, weight);
  }
  /** this + value · a · b. */
  addcmul(this: Tensor, a: Tensor, b: Tensor, options?: el.ValueOptions): Tensor {
    return el.addcmul(this, a, b, options);
  }
  /** this + value · a / b. */
  addcdiv(this: Tensor, a: Tensor, b: Tensor, options?: el.ValueOptions): Tensor {
    return el.addcdiv(this, a, b, options);
  }
  /** Held within limits; null leaves a side open. */
  clamp(this: Tensor, low?: Operand | null, high?: Operand | null): Tensor {
    return el.clamp(this, low, high);
  }

  // comparison: the result is bool

  eq(this: Tensor, other: Operand): Tensor {
    return el.eq(this, other);
  }
  ne(this: Tensor, other: Operand): Tensor {
    return el.ne(this, other);
  }
  lt(this: Tensor, other: Operand): Tensor {
    return el.lt(this, other);
  }
  le(this: Tensor, other: Operand): Tensor {
    return el.le(this, other);
  }
  gt(this: Tensor, other: Operand): Tensor {
    return el.gt(this, other);
  }
  ge(this: Tensor, other: Operand): Tensor {
    return el.ge(this, other);
  }
  isnan(this: Tensor): Tensor {
    return el.isnan(this);
  }
  isinf(this: Tensor): Tensor {
    return el.isinf(this);
  }
  isfinite(this: Tensor): Tensor {
    return el.isfinite(this);
  }
  isposinf(this: Tensor): Tensor {
    return el.isposinf(this);
  }
  isneginf(this: Tensor): Tensor {
    return el.isneginf(this);
  }
  /** |this - other| <= atol + rtol · |other|. */
  isclose(this: Tensor, other: Operand, options?: el.CloseOptions): Tensor {
    return el.isclose(this, other, options);
  }
  /** Whether all elements are close; reads the result. */
  async allclose(this: Tensor, other: Operand, options?: el.CloseOptions): Promise<boolean> {
    return Boolean(await red.all(el.isclose(this, other, options)).item());
  }

  // logic and bits

  logicalAnd(this: Tensor, other: Operand): Tensor {
    return el.logicalAnd(this, other);
  }
  logicalOr(this: Tensor, other: Operand): Tensor {
    return el.logicalOr(this, other);
  }
  logicalXor(this: Tensor, other: Operand): Tensor {
    return el.logicalXor(this, other);
  }
  bitwiseAnd(this: Tensor, other: Operand): Tensor {
    return el.bitwiseAnd(this, other);
  }
  bitwiseOr(this: Tensor, other: Operand): Tensor {
    return el.bitwiseOr(this, other);
  }
  bitwiseXor(this: Tensor, other: Operand): Tensor {
    return el.bitwiseXor(this, other);
  }
  bitwiseLeftShift(this: Tensor, other: Operand): Tensor {
    return el.bitwiseLeftShift(this, other);
  }
  bitwiseRightShift(this: Tensor, other: Operand): Tensor {
    return el.bitwiseRightShift(this, other);
  }
  logicalNot(this: Tensor): Tensor {
    return el.logicalNot(this);
  }
  bitwiseNot(this: Tensor): Tensor {
    return el.bitwiseNot(this);
  }

  // signs and rounding

  neg(this: Tensor): Tensor {
    return el.neg(this);
  }
  abs(this: Tensor): Tensor {
    return el.abs(this);
  }
  sign(this: Tensor): Tensor {
    return el.sign(this);
  }
  reciprocal(this: Tensor): Tensor {
    return el.reciprocal(this);
  }
  square(this: Tensor): Tensor {
    return el.square(this);
  }
  floor(this: Tensor): Tensor {
    return el.floor(this);
  }
  ceil(this: Tensor): Tensor {
    return el.ceil(this);
  }
  trunc(this: Tensor): Tensor {
    return el.trunc(this);
  }
  frac(this: Tensor): Tensor {
    return el.frac(this);
  }
  /** To the nearest whole number (halves to the even one), or to some decimals. */
  round(this: Tensor, options?: { decimals?: number | undefined }): Tensor {
    return el.roundTo(this, options);
  }
  /** NaN and infinities replaced, by default with 0 and the largest numbers. */
  nanToNum(this: Tensor, options?: { nan?: number; posinf?: number; neginf?: number }): Tensor {
    return el.nanToNum(this, options);
  }
  /** The value where the mask holds. */
  maskedFill(this: Tensor, mask: Tensor, value: Operand): Tensor {
    return el.maskedFill(this, mask, value);
  }
  /** This where the condition holds, else the other. */
  where(this: Tensor, condition: Tensor, other: Operand): Tensor {
    return el.where(condition, this, other);
  }

  // functions; ints become float32

  sqrt(this: Tensor): Tensor {
    return math.sqrt(this);
  }
  rsqrt(this: Tensor): Tensor {
    return math.rsqrt(this);
  }
  exp(this: Tensor): Tensor {
    return math.exp(this);
  }
  exp2(this: Tensor): Tensor {
    return math.exp2(this);
  }
  expm1(this: Tensor): Tensor {
    return math.expm1(this);
  }
  log(this: Tensor): Tensor {
    return math.log(this);
  }
  log2(this: Tensor): Tensor {
    return math.log2(this);
  }
  log10(this: Tensor): Tensor {
    return math.log10(this);
  }
  log1p(this: Tensor): Tensor {
    return math.log1p(this);
  }
  sin(this: Tensor): Tensor {
    return math.sin(this);
  }
  cos(this: Tensor): Tensor {
    return math.cos(this);
  }
  tan(this: Tensor): Tensor {
    return math.tan(this);
  }
  sinh(this: Tensor): Tensor {
    return math.sinh(this);
  }
  cosh(this: Tensor): Tensor {
    return math.cosh(this);
  }
  tanh(this: Tensor): Tensor {
    return math.tanh(this);
  }
  asin(this: Tensor): Tensor {
    return math.asin(this);
  }
  acos(this: Tensor): Tensor {
    return math.acos(this);
  }
  atan(this: Tensor): Tensor {
    return math.atan(this);
  }
  asinh(this: Tensor): Tensor {
    return math.asinh(this);
  }
  acosh(this: Tensor): Tensor {
    return math.acosh(this);
  }
  atanh(this: Tensor): Tensor {
    return math.atanh(this);
  }
  erf(this: Tensor): Tensor {
    return math.erf(this);
  }
  erfc(this: Tensor): Tensor {
    return math.erfc(this);
  }
  sinc(this: Tensor): Tensor {
    return math.sinc(this);
  }
  deg2rad(this: Tensor): Tensor {
    return math.deg2rad(this);
  }
  rad2deg(this: Tensor): Tensor {
    return math.rad2deg(this);
  }
  atan2(this: Tensor, other: Operand): Tensor {
    return math.atan2(this, other);
  }
  logaddexp(this: Tensor, other: Operand): Tensor {
    return math.logaddexp(this, other);
  }
  xlogy(this: Tensor, other: Operand): Tensor {
    return math.xlogy(this, other);
  }
  logit(this: Tensor, eps?: number): Tensor {
    return math.logit(this, eps);
  }

  // activations

  relu(this: Tensor): Tensor {
    return act.relu(this);
  }
  sigmoid(this: Tensor): Tensor {
    return act.sigmoid(this);
  }
  relu6(this: Tensor): Tensor {
    return act.relu6(this);
  }
  silu(this: Tensor): Tensor {
    return act.silu(this);
  }
  mish(this: Tensor): Tensor {
    return act.mish(this);
  }
  selu(this: Tensor): Tensor {
    return act.selu(this);
  }
  softsign(this: Tensor): Tensor {
    return act.softsign(this);
  }
  logsigmoid(this: Tensor): Tensor {
    return act.logsigmoid(this);
  }
  hardsigmoid(this: Tensor): Tensor {
    return act.hardsigmoid(this);
  }
  hardswish(this: Tensor): Tensor {
    return act.hardswish(this);
  }
  tanhshrink(this: Tensor): Tensor {
    return act.tanhshrink(this);
  }
  gelu(this: Tensor, options?: act.GeluOptions): Tensor {
    return act.gelu(this, options);
  }
  softplus(this: Tensor, options?: { beta?: number; threshold?: number }): Tensor {
    return act.softplus(this, options);
  }
  elu(this: Tensor, options?: act.AlphaOption): Tensor {
    return act.elu(this, options);
  }
  celu(this: Tensor, options?: act.AlphaOption): Tensor {
    return act.celu(this, options);
  }
  leakyRelu(this: Tensor, negativeSlope?: number): Tensor {
    return act.leakyRelu(this, negativeSlope);
  }
  prelu(this: Tensor, weight: Tensor): Tensor {
    return act.prelu(this, weight);
  }
  hardtanh(this: Tensor, low?: number, high?: number): Tensor {
    return act.hardtanh(this, low, high);
  }
  glu(this: Tensor, axis?: number): Tensor {
    return act.glu(this, axis);
  }
  softmax(this: Tensor, axis: number): Tensor {
    return red.softmax(this, axis);
  }
  logSoftmax(this: Tensor, axis: number): Tensor {
    return red.logSoftmax(this, axis);
  }

  // reductions: over all axes, one, or a list

  sum(this: Tensor, axes?: Axes, options?: red.SumOptions): Tensor {
    return red.sum(this, axes, options);
  }
  prod(this: Tensor, axes?: Axes, options?: red.SumOptions): Tensor {
    return red.prod(this, axes, options);
  }
  mean(this: Tensor, axes?: Axes, options?: red.SumOptions): Tensor {
    return red.mean(this, axes, options);
  }
  amax(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.amax(this, axes, options);
  }
  amin(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.amin(this, axes, options);
  }
  logsumexp(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.logsumexp(this, axes, options);
  }
  all(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.all(this, axes, options);
  }
  any(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.any(this, axes, options);
  }
  countNonzero(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.countNonzero(this, axes, options);
  }
  nansum(this: Tensor, axes?: Axes, options?: red.SumOptions): Tensor {
    return red.nansum(this, axes, options);
  }
  nanmean(this: Tensor, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.nanmean(this, axes, options);
  }
  /** The variance, by default of a sample (correction 1). */
  var(this: Tensor, axes?: Axes, options?: red.VarOptions): Tensor {
    return red.variance(this, axes, options);
  }
  std(this: Tensor, axes?: Axes, options?: red.VarOptions): Tensor {
    return red.std(this, axes, options);
  }
  varMean(this: Tensor, axes?: Axes, options?: red.VarOptions): [Tensor, Tensor] {
    return red.varMean(this, axes, options);
  }
  /** (Σ|x|^p)^(1/p); p is 2 by default. */
  norm(this: Tensor, p?: number, axes?: Axes, options?: ReduceOptions): Tensor {
    return red.norm(this, p, axes, options);
  }
  /** The largest value; along an axis also where the first of each is. */
  max(this: Tensor): Tensor;
  max(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  max(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? red.max(this) : red.max(this, axis, options);
  }
  /** The smallest value; along an axis also where the first of each is. */
  min(this: Tensor): Tensor;
  min(this: Tensor, axis: number, options?: ReduceOptions): ValuesAndIndices;
  min(this: Tensor, axis?: number, options?: ReduceOptions): Tensor | ValuesAndIndices {
    return axis === undefined ? red.min(this) : red.min(this, axis, options);
  }
  argmax(this: Tensor, axis?: number, options?: ReduceOptions): Tensor {
    return red.argmax(this, axis, options);
  }
  argmin(this: Tensor, axis?: number, options?: ReduceOptions): Tensor {
    return red.argmin(this, axis, options);
  }

  // along an axis

  /** The sums of all elements up to each. */
  cumsum(this: Tensor, axis: number, options?: cum.CumulativeOptions): Tensor {
    return cum.cumsum(this, axis, options);
  }
  /** The products of all elements up to each. */
  cumprod(this: Tensor, axis: number, options?: cum.CumulativeOptions): Tensor {
    return cum.cumprod(this, axis, options);
  }
  /** The largest element up to each place, and where it is. */
  cummax(this: Tensor, axis: number): ValuesAndIndices {
    return cum.cummax(this, axis);
  }
  /** The smallest element up to each place, and where it is. */
  cummin(this: Tensor, axis: number): ValuesAndIndices {
    return cum.cummin(this, axis);
  }
  logcumsumexp(this: Tensor, axis: number): Tensor {
    return cum.logcumsumexp(this, axis);
  }
  /** The elements in order along an axis, by default the last; stable, NaN as the largest. */
  sort(this: Tensor, axis?: number, options?: order.SortOptions): ValuesAndIndices {
    return order.sort(this, axis, options);
  }
  argsort(this: Tensor, axis?: number, options?: order.SortOptions): Tensor {
    return order.argsort(this, axis, options);
  }
  /** The k largest or smallest elements along an axis, best first. */
  topk(this: Tensor, k: number, axis?: number, options?: order.TopkOptions): ValuesAndIndices {
    return order.topk(this, k, axis, options);
  }

  // dtypes

  /** In another dtype (floats are truncated to ints); or placed on a device: what is computed from it
   *  is computed there, and joining it with what was placed elsewhere is an error. */
  to(this: Tensor, where: DType | DeviceLike): Tensor {
    return el.to(this, where);
  }
  float(this: Tensor): Tensor {
    return el.to(this, "float32");
  }
  double(this: Tensor): Tensor {
    return el.to(this, "float64");
  }
  int(this: Tensor): Tensor {
    return el.to(this, "int32");
  }
  byte(this: Tensor): Tensor {
    return el.to(this, "uint8");
  }
  bool(this: Tensor): Tensor {
    return el.to(this, "bool");
  }
}
