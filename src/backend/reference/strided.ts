// Strided walks over row-major arrays: what all movement ops, reductions and contractions of the
// reference come down to. Not here: which strides an op has (interpret.ts).

import { type DType, makeArray, type TypedArray } from "../../ir/dtype.ts";
import { type Shape, sizeOf } from "../../ir/node.ts";

/** Elements between neighbours on each axis, row-major. */
export function stridesOf(shape: Shape): number[] {
  const strides: number[] = new Array(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/** base + Σ index·stride for all indices of the shape, in row-major order. */
export function offsetsOf(shape: Shape, strides: readonly number[], base = 0): Int32Array {
  const out = new Int32Array(sizeOf(shape));
  if (out.length === 0) return out;
  out[0] = base;
  // Each axis, innermost first, repeats what is known so far.
  let known = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const stride = strides[axis]!;
    const total = known * shape[axis]!;
    for (let i = known; i < total; i++) out[i] = out[i - known]! + stride;
    known = total;
  }
  return out;
}

/** Copies the strided view of `x` to a row-major array. */
export function readStrided(
  x: TypedArray,
  shape: Shape,
  strides: readonly number[],
  base: number,
  out: TypedArray,
): TypedArray {
  const rows = shape.length === 0 ? 1 : sizeOf(shape.slice(0, -1));
  const n = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 0;
  const starts = offsetsOf(shape.slice(0, -1), strides, base);
  for (let row = 0, o = 0; row < rows; row++) {
    for (let i = 0, from = starts[row]!; i < n; i++, from += step) out[o++] = x[from]!;
  }
  return out;
}

/** An array of `value`, with the row-major `x` written over the strided region. */
export function writeStrided(
  x: TypedArray,
  dtype: DType,
  size: number,
  shape: Shape,
  strides: readonly number[],
  base: number,
  value: number,
): TypedArray {
  const out = makeArray(dtype, size).fill(value);
  const at = offsetsOf(shape, strides, base);
  for (let i = 0; i < at.length; i++) out[at[i]!] = x[i]!;
  return out;
}
