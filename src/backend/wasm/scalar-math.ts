// The functions of one float64 that WebAssembly lacks, as imports of module "math": our own, which have
// the same bits in every engine (util/math.ts), and here erf. Not here: what runs on vectors
// (vector-math.ts).

import { atan, cos, exp, expm1, log, log1p, pow, shortPow, sin, tanh } from "../../util/math.ts";

const TWO_OVER_SQRT_PI = 1.1283791670955126;

/** The error function, to about 1e-15: a series of positive terms near 0, a continued fraction of the
 *  complement further out (Abramowitz and Stegun 7.1.6 and 7.1.14). */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  const square = x * x;
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (2 * square) / (2 * n + 1);
      sum += term;
    }
    return TWO_OVER_SQRT_PI * exp(-square) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  const rest = (exp(-square) * TWO_OVER_SQRT_PI) / 2 / (size + fraction);
  return Math.sign(x) * (1 - rest);
}

/** An int32 power modulo 2^32; negative powers are truncated toward zero. */
export function intPow(x: number, y: number): number {
  if (y < 0) return x === 1 ? 1 : x === -1 ? (y & 1 ? -1 : 1) : 0;
  let result = 1;
  let square = x;
  for (let rest = y; rest > 0; rest >>>= 1) {
    if (rest & 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}

/** The remainder with the divisor's sign; 0 takes the divisor's sign too. */
export function mod(x: number, y: number): number {
  const rest = x % y;
  if (rest !== 0) return rest < 0 === y < 0 ? rest : rest + y;
  return y < 0 ? -0 : 0;
}

/** What modules of kernels import from "math". */
export const mathImports = {
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  atan,
  tanh,
  erf,
  pow,
  shortPow,
  intPow,
  mod,
} as const;

export type MathImport = keyof typeof mathImports;
