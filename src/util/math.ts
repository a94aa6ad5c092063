// Elementary functions of one float64 with the same bits in every engine: JavaScript leaves the last
// bits of its own Math functions open, and engines differ. Here are only + - * /, whose results IEEE 754
// fixes, and the bits of numbers. Errors are about one unit in the last place (tanh: three). Series are
// Taylor's: ranges are cut until they are short. Not here: functions of vectors
// (backend/wasm/vector-math.ts).

/** ln 2 in two parts; the first ends early enough that whole multiples up to 2^20 are exact. */
const LN2_HI = 0.6931471803691238;
const LN2_LO = 1.9082149292705877e-10;
/** π/2 in three parts, likewise. */
const QUARTER_TURN = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const;
const SQRT_HALF = Math.SQRT1_2;
/** Splits a float64 into halves whose products are exact (Veltkamp). */
const SPLIT = 2 ** 27 + 1;

/** The coefficients of (e^x - 1 - x) / x², from 1/2! on. */
const EXP = [
  1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040, 1 / 40320, 1 / 362880, 1 / 3628800,
  1 / 39916800, 1 / 479001600, 1 / 6227020800, 1 / 87178291200, 1 / 1307674368000,
]; // biome-ignore format: a table
/** Of (2 atanh s) / s - 2 in s², but for the factor s²; without 2/3, likewise by s⁴. */
const ATANH = [
  2 / 3, 2 / 5, 2 / 7, 2 / 9, 2 / 11, 2 / 13, 2 / 15, 2 / 17, 2 / 19, 2 / 21, 2 / 23, 2 / 25,
]; // biome-ignore format: a table
const ATANH_REST = [
  2 / 5, 2 / 7, 2 / 9, 2 / 11, 2 / 13, 2 / 15, 2 / 17, 2 / 19, 2 / 21, 2 / 23, 2 / 25, 2 / 27,
]; // biome-ignore format: a table
/** Of the tails of sin x / x from x² on, cos x from x⁴ on and atan x / x from x² on, in -x². */
const SIN = [
  1 / 6, 1 / 120, 1 / 5040, 1 / 362880, 1 / 39916800, 1 / 6227020800, 1 / 1307674368000,
  1 / 355687428096000,
]; // biome-ignore format: a table
const COS = [
  1 / 24, 1 / 720, 1 / 40320, 1 / 3628800, 1 / 479001600, 1 / 87178291200, 1 / 20922789888000,
  1 / 6402373705728000,
]; // biome-ignore format: a table
const ATAN = [1 / 3, 1 / 5, 1 / 7, 1 / 9, 1 / 11, 1 / 13, 1 / 15, 1 / 17];
/** atan(n/8). */
const ATAN_EIGHTHS = [
  0, 0.12435499454676144, 0.24497866312686414, 0.35877067027057225, 0.4636476090008061,
  0.5585993153435624, 0.6435011087932844, 0.7188299996216245, 0.7853981633974483,
]; // biome-ignore format: a table

const view = new DataView(new ArrayBuffer(8));

/** 2^k for -1022 ≤ k ≤ 1023. */
function powerOfTwo(k: number): number {
  view.setUint32(0, (k + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** x · 2^k, in two steps, since 2^k may be no number where the product is one. */
function scaled(x: number, k: number): number {
  const half = k >> 1;
  return x * powerOfTwo(half) * powerOfTwo(k - half);
}

/** x = m · 2^e with m in [√½, √2), for finite x > 0. */
function parts(x: number): { m: number; e: number } {
  const normal = x < 2.2250738585072014e-308 ? x * 2 ** 54 : x;
  view.setFloat64(0, normal);
  const high = view.getUint32(0);
  view.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  const m = view.getFloat64(0); // [1, 2)
  const up = m >= 2 * SQRT_HALF ? 1 : 0;
  return { m: up ? m / 2 : m, e: (high >>> 20) - 1023 + up - (normal === x ? 0 : 54) };
}

/** Σ c[i] x^i, even and odd powers side by side; an even number of them. */
function series(x: number, c: readonly number[]): number {
  const square = x * x;
  let even = 0;
  let odd = 0;
  for (let i = c.length - 2; i >= 0; i -= 2) {
    even = even * square + c[i]!;
    odd = odd * square + c[i + 1]!;
  }
  return even + x * odd;
}

/** hi + lo = x + rest - n ln 2, with n the nearest whole number. */
function reduceLn2(x: number, rest = 0): { n: number; hi: number; lo: number } {
  const n = Math.floor(x * Math.LOG2E + 0.5);
  const top = x - n * LN2_HI;
  const bottom = rest - n * LN2_LO;
  const hi = top + bottom;
  return { n, hi, lo: top - hi + bottom };
}

/** e^(x + rest), |rest| much smaller than x; 0 or infinite where that is out of range. */
function expOf(x: number, rest: number): number {
  if (!(x < 709.79)) return x > 0 ? Number.POSITIVE_INFINITY : x;
  if (x < -745.2) return 0;
  const { n, hi, lo } = reduceLn2(x, rest);
  const top = 1 + hi;
  return scaled(top + (hi - (top - 1) + (hi * hi * series(hi, EXP) + lo * top)), n);
}

/** e^x */
export function exp(x: number): number {
  return expOf(x, 0);
}

/** e^x - 1 */
export function expm1(x: number): number {
  if (Math.abs(x) < 0.35) return x === 0 ? x : x + x * x * series(x, EXP);
  if (!(x < 40)) return exp(x) - 1;
  if (x < -40) return -1;
  const { n, hi, lo } = reduceLn2(x);
  const small = hi + (hi * hi * series(hi, EXP) + lo * (1 + hi));
  const power = powerOfTwo(n);
  return small * power + (power - 1);
}

/** ln x. With f = m - 1 and s = f / (2 + f): ln m = 2 atanh s, and 2 s = f - f²/2 + s f²/2, where f is
 *  exact. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  const { m, e } = parts(x);
  const f = m - 1;
  const s = f / (2 + f);
  const half = 0.5 * f * f;
  const square = s * s;
  const rest = s * (half + square * series(square, ATANH)) + e * LN2_LO;
  return e * LN2_HI + (f - (half - rest));
}

/** ln(1 + x): ln u, and what u = 1 + x has lost of x. */
export function log1p(x: number): number {
  if (Math.abs(x) < 2 ** -54 || !(x < Number.POSITIVE_INFINITY)) return x;
  const u = 1 + x;
  if (u <= 0) return log(u);
  const lost = x < 1 ? x - (u - 1) : 1 - (u - x);
  return log(u) + lost / u;
}

/** π · 2^bits, by Machin's formula π = 16 atan 1/5 - 4 atan 1/239. */
function pi(bits: number): bigint {
  const atanOfInverse = (n: bigint) => {
    let power = (1n << BigInt(bits + 16)) / n;
    let sum = 0n;
    for (let k = 1n; power !== 0n; k += 2n) {
      sum += k % 4n === 1n ? power / k : -power / k;
      power /= n * n;
    }
    return sum;
  };
  return (16n * atanOfInverse(5n) - 4n * atanOfInverse(239n)) >> 16n;
}

/** x = n π/2 + hi + lo, |hi| ≤ π/4: n modulo 4, for finite x. */
function reduceTurn(x: number): { n: number; hi: number; lo: number } {
  if (Math.abs(x) > 1e6) return reduceFar(x);
  const n = Math.floor(x / (Math.PI / 2) + 0.5);
  const [a, b, c] = QUARTER_TURN;
  const first = x - n * a; // exact
  const step = n * b;
  const second = first - step;
  const lost = first - second - step;
  const low = lost - n * c;
  const hi = second + low;
  return { n: n & 3, hi, lo: second - hi + low };
}

/** The same where x is so large that π must be known to many places: in whole numbers. */
function reduceFar(x: number): { n: number; hi: number; lo: number } {
  const bits = 128;
  view.setFloat64(0, Math.abs(x));
  const exponent = (view.getUint32(0) >>> 20) - 1075; // the last place of x
  const mantissa =
    (BigInt((view.getUint32(0) & 0xfffff) | 0x100000) << 32n) | BigInt(view.getUint32(4));
  const shift = BigInt(Math.max(0, exponent));
  const whole =
    (mantissa << BigInt(bits + Math.max(0, exponent))) >> BigInt(Math.max(0, -exponent));
  const quarter = pi(bits + Number(shift) + 64); // π/2 · 2^(bits + shift + 65)
  const places = shift + 65n;
  const n = ((whole << places) + quarter / 2n) / quarter;
  const left = ((whole << places) - n * quarter) >> places;
  const hi = Number(left);
  const lo = Number(left - BigInt(hi));
  const sign = x < 0 ? -1 : 1;
  const unit = sign * 2 ** -bits;
  return { n: (Number(n & 3n) * sign) & 3, hi: hi * unit, lo: lo * unit };
}

/** sin(hi + lo), |hi| ≤ π/4 */
function sinNear(hi: number, lo: number): number {
  const square = hi * hi;
  return hi + (lo * (1 - 0.5 * square) - hi * square * series(-square, SIN));
}

/** cos(hi + lo), |hi| ≤ π/4; 1 - hi²/2 is corrected by what it rounds away. */
function cosNear(hi: number, lo: number): number {
  const square = hi * hi;
  const half = 0.5 * square;
  const top = 1 - half;
  return top + (1 - top - half + (square * square * series(-square, COS) - hi * lo));
}

function wave(x: number, quarters: number): number {
  if (!Number.isFinite(x)) return Number.NaN;
  const { n, hi, lo } = reduceTurn(x);
  const turn = (n + quarters) & 3;
  const y = turn & 1 ? cosNear(hi, lo) : sinNear(hi, lo);
  return turn & 2 ? -y : y;
}

/** sin x */
export function sin(x: number): number {
  return x === 0 ? x : wave(x, 0);
}

/** cos x */
export function cos(x: number): number {
  return wave(x, 1);
}

/** atan x: of 1/x beyond 1, and atan t = atan c + atan((t - c) / (1 + t c)) for the nearest eighth c. */
export function atan(x: number): number {
  const size = Math.abs(x);
  if (!(size > 0)) return x;
  const t = size > 1 ? 1 / size : size;
  const eighth = Math.floor(8 * t + 0.5);
  const c = eighth / 8;
  const u = (t - c) / (1 + t * c);
  const square = u * u;
  const y = ATAN_EIGHTHS[eighth]! + (u - u * square * series(-square, ATAN));
  return (x < 0 ? -1 : 1) * (size > 1 ? Math.PI / 2 - (y - 6.123233995736766e-17) : y);
}

/** tanh x = t / (t + 2) with t = e^2x - 1 */
export function tanh(x: number): number {
  const size = Math.abs(x);
  if (!(size > 0)) return x;
  const sign = x < 0 ? -1 : 1;
  if (size > 22) return sign;
  if (size >= 1) return sign * (1 - 2 / (expm1(2 * size) + 2));
  const t = expm1(-2 * size);
  return (sign * -t) / (t + 2);
}

/** a · b = hi + lo exactly (Dekker). */
function product(a: number, b: number): { hi: number; lo: number } {
  const hi = a * b;
  const [ca, cb] = [SPLIT * a, SPLIT * b];
  const [ah, bh] = [ca - (ca - a), cb - (cb - b)];
  const [al, bl] = [a - ah, b - bh];
  return { hi, lo: al * bl - (hi - ah * bh - al * bh - ah * bl) };
}

/** ln x = hi + lo to some 65 bits. */
function longLog(x: number): { hi: number; lo: number } {
  const { m, e } = parts(x);
  const f = m - 1;
  const d = m + 1;
  const lostOfD = m - (d - 1);
  const s = f / d;
  const back = product(s, d);
  const sLow = (f - back.hi - back.lo - s * lostOfD) / d; // s + sLow = f / (m + 1)
  const square = product(s, s);
  const squareLow = square.lo + 2 * s * sLow;
  // 2 s + s · v with v = s² (2/3 + …), 2/3 in two parts
  const tail = square.hi * series(square.hi, ATANH_REST);
  const factor = 2 / 3 + tail;
  const factorLow = 2 / 3 - factor + tail + 3.700743415417188e-17;
  const v = product(square.hi, factor);
  const vLow = v.lo + squareLow * factor + square.hi * factorLow;
  const end = product(s, v.hi);
  const endLow = end.lo + s * vLow + sLow * v.hi + 2 * sLow;
  const top = e * LN2_HI;
  // Largest first: e ln 2, 2 s, s v.
  const one = top + 2 * s;
  const oneLow = Math.abs(top) > Math.abs(2 * s) ? top - one + 2 * s : 2 * s - one + top;
  const two = one + end.hi;
  const twoLow = one - two + end.hi;
  const rest = e * LN2_LO + oneLow + twoLow + endLow;
  const hi = two + rest;
  return { hi, lo: two - hi + rest };
}

/** Whether JavaScript's rules fix x^y exactly, zeros, infinities, NaN and ones being involved. */
function isSpecial(size: number, y: number): boolean {
  return !(size > 0 && size < Number.POSITIVE_INFINITY) || size === 1 || !(y - y === 0) || y === 0;
}

/** Those, but in C's way: 1 to any power and -1 to an infinite one is 1. */
function specialPower(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1;
  return x ** y;
}

/** The sign of x^y; NaN where there is no such number. */
function signOf(x: number, y: number): number {
  if (x > 0) return 1;
  return Number.isInteger(y) ? (y % 2 === 0 ? 1 : -1) : Number.NaN;
}

/** x^y, as in C. */
export function pow(x: number, y: number): number {
  const size = Math.abs(x);
  if (isSpecial(size, y)) return specialPower(x, y);
  const { hi, lo } = longLog(size);
  const estimate = y * hi;
  if (Math.abs(estimate) > 800) return signOf(x, y) * expOf(estimate, 0);
  const exponent = product(y, hi);
  return signOf(x, y) * expOf(exponent.hi, exponent.lo + y * lo);
}

/** x^y, as in C, good enough to be rounded to float32. */
export function shortPow(x: number, y: number): number {
  const size = Math.abs(x);
  if (isSpecial(size, y)) return specialPower(x, y);
  return signOf(x, y) * expOf(y * log(size), 0);
}
