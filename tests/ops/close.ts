// How near two results must be, for each dtype.
import { type DType, isFloat, type TypedArray } from "../../src/ir/dtype.ts";

// float32: a fused kernel rounds once where the reference rounds per op, relaxed SIMD may fuse a
// multiply and an add, and polynomials are good to a few units in the last place.
const tolerance: { [K in DType]: { rtol: number; atol: number } } = {
  float32: { rtol: 4e-6, atol: 2e-6 },
  float64: { rtol: 1e-11, atol: 1e-12 },
  int32: { rtol: 0, atol: 0 },
  uint8: { rtol: 0, atol: 0 },
  bool: { rtol: 0, atol: 0 },
};

/** A sentence on the first element that is too far off; null where all are near. */
export function difference(
  actual: TypedArray,
  expected: TypedArray,
  dtype: DType,
  loose = 1,
): string | null {
  if (actual.constructor !== expected.constructor) {
    return `a ${actual.constructor.name} instead of a ${expected.constructor.name}`;
  }
  if (actual.length !== expected.length) {
    return `${actual.length} elements instead of ${expected.length}`;
  }
  const { rtol, atol } = tolerance[dtype];
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    if (Object.is(a, e) || a === e) continue;
    const near = Math.abs(a - e) <= loose * (atol + rtol * Math.abs(e));
    if (!isFloat(dtype) || !near || !Number.isFinite(e)) {
      return `element ${i} of ${expected.length} is ${a} instead of ${e}`;
    }
  }
  return null;
}
