// Functions of one number in WGSL, for whom the language's own are too loose (it allows sin an error of
// 2^-11, exp one that grows with x) or leave special values open. Polynomials and rational functions are
// those of the vector code for the CPU (after Cephes, by Moshier, and Eigen); exact reductions go through
// `fma` and bits, which compilers that assume plain arithmetic leave alone.
// Not here: which op uses which (render-ops.ts).

import {
  ATAN_POLY,
  ERF_P,
  ERF_Q,
  EXP_POLY,
  EXPM1_POLY,
  LOG_POLY,
  SIN_POLY,
  TANH_P,
  TANH_Q,
} from "../../util/polynomials.ts";

/** Horner's rule, highest power first. */
function poly(x: string, coefficients: readonly number[]): string {
  return coefficients
    .slice(1)
    .reduce((sum, c) => `fma(${sum}, ${x}, ${c}f)`, `${coefficients[0]}f`);
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24];

export interface HelperText {
  readonly needs: readonly Helper[];
  readonly text: string;
}

// biome-ignore format: a list
export type Helper =
  | "from_bits" | "is_nan" | "is_finite" | "two_to" | "max_nan" | "min_nan" | "exp_f" | "small_expm1"
  | "expm1_f" | "log_near" | "log_f" | "log1p_f" | "sin_wave" | "sin_f" | "cos_f" | "atan_f" | "tanh_f"
  | "sigmoid_f" | "erf_f" | "fmod_f" | "mod_f" | "mul_two" | "pow_size" | "pow_f" | "to_int"
  | "div_i" | "mod_i" | "pow_i" | "threefry";

/** The four rounds of Threefry from round `first` on, and the addition of the key behind them. */
function fourRounds(block: number): string {
  const rounds = [0, 1, 2, 3].map((i) => {
    const r = rotations[(4 * block + i) % 8]!;
    return `  x += y; y = ((y << ${r}u) | (y >> ${32 - r}u)) ^ x;`;
  });
  const s = block + 1;
  return [...rounds, `  x += k${s % 3}; y += k${(s + 1) % 3} + ${s}u;`].join("\n");
}

export const helpers: { [K in Helper]: HelperText } = {
  from_bits: { needs: [], text: "fn from_bits(x: u32) -> f32 { return bitcast<f32>(x); }" },
  is_nan: {
    needs: [],
    text: "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }",
  },
  is_finite: {
    needs: [],
    text: "fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }",
  },
  // For -126 ≤ n ≤ 127.
  two_to: {
    needs: [],
    text: "fn two_to(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }",
  },
  max_nan: {
    needs: ["is_nan"],
    text: `fn max_nan(a: f32, b: f32) -> f32 {
  return select(select(max(a, b), b, is_nan(b)), a, is_nan(a));
}`,
  },
  min_nan: {
    needs: ["is_nan"],
    text: `fn min_nan(a: f32, b: f32) -> f32 {
  return select(select(min(a, b), b, is_nan(b)), a, is_nan(a));
}`,
  },
  // e^x = 2^n e^r, |r| ≤ ln 2 / 2; infinite where it is no float32, 0 where it is not a normal one.
  exp_f: {
    needs: ["two_to", "from_bits", "is_nan"],
    text: `fn exp_f(x: f32) -> f32 {
  let v = clamp(x, -88f, 89f);
  let n = round(v * 1.44269504f);
  let r = fma(n, 2.12194440e-4f, fma(n, -0.693359375f, v));
  let half = i32(n) / 2;
  let y = ${poly("r", EXP_POLY)} * two_to(half) * two_to(i32(n) - half);
  let known = select(select(y, from_bits(0x7f800000u), x > 88.7228317f), 0f, x < -87.3365448f);
  return select(known, x, is_nan(x));
}`,
  },
  // e^r - 1 for |r| ≤ ln 2 / 2.
  small_expm1: {
    needs: [],
    text: `fn small_expm1(r: f32) -> f32 { return fma(r * r, ${poly("r", EXPM1_POLY)}, r); }`,
  },
  // 2^n (e^r - 1) + (2^n - 1), as twice the same with 2^(n-1), which does not overflow.
  expm1_f: {
    needs: ["small_expm1", "two_to", "from_bits", "is_nan"],
    text: `fn expm1_f(x: f32) -> f32 {
  let v = clamp(x, -25f, 88.7228317f);
  let n = round(v * 1.44269504f);
  let r = fma(n, 2.12194440e-4f, fma(n, -0.693359375f, v));
  let half = two_to(i32(n) - 1);
  let y = fma(half, small_expm1(r), half - 0.5f);
  let known = select(2f * y, from_bits(0x7f800000u), x > 88.7228317f);
  return select(known, x, is_nan(x) || x == 0f);
}`,
  },
  // log(1 + f) = f - f²/2 + f³ P(f), 1 + f in [√½, √2).
  log_near: {
    needs: [],
    text: `fn log_near(f: f32) -> f32 {
  let z = f * f;
  return f + fma(z, -0.5f, f * z * ${poly("f", LOG_POLY)});
}`,
  },
  // log x = e ln 2 + log m, m in [√½, √2).
  log_f: {
    needs: ["from_bits", "is_nan"],
    text: `fn log_f(x: f32) -> f32 {
  let tiny = x < 1.17549435e-38f;
  let normal = select(x, x * 8388608f, tiny);
  let shifted = bitcast<i32>(normal) - 0x3f3504f3;
  let e = f32(shifted >> 23u) - select(0f, 23f, tiny);
  let g = bitcast<f32>((shifted & 0x7fffff) + 0x3f3504f3) - 1f;
  let z = g * g;
  let low = fma(z, -0.5f, fma(e, -2.12194440e-4f, g * z * ${poly("g", LOG_POLY)}));
  let y = fma(e, 0.693359375f, g + low);
  let bits = bitcast<u32>(x);
  let known = select(y, x, is_nan(x) || bits == 0x7f800000u);
  let real = select(known, from_bits(0x7fc00000u), x < 0f);
  return select(real, from_bits(0xff800000u), x == 0f);
}`,
  },
  log1p_f: {
    needs: ["log_near", "log_f"],
    text: `fn log1p_f(x: f32) -> f32 {
  return select(log_f(1f + x), log_near(x), x > -0.29f && x < 0.41f);
}`,
  },
  // ±sin r with x = (n - half) π + r, the sign that of (-1)^n. Far out the reduction fails; the result
  // stays in [-1, 1].
  sin_wave: {
    needs: ["is_finite", "from_bits"],
    text: `fn sin_wave(x: f32, half: f32) -> f32 {
  let n = round(fma(x, 0.318309886f, half));
  let m = n - half;
  let r = fma(m, -1.50995799e-7f, fma(m, -9.67502593e-4f, fma(m, -3.140625f, x)));
  let near = clamp(r, -1.58f, 1.58f);
  let z = near * near;
  let y = fma(z * near, ${poly("z", SIN_POLY)}, near);
  let odd = u32(i32(clamp(n, -1e9f, 1e9f))) << 31u;
  return select(from_bits(0x7fc00000u), bitcast<f32>(bitcast<u32>(y) ^ odd), is_finite(x));
}`,
  },
  sin_f: { needs: ["sin_wave"], text: "fn sin_f(x: f32) -> f32 { return sin_wave(x, 0f); }" },
  cos_f: { needs: ["sin_wave"], text: "fn cos_f(x: f32) -> f32 { return sin_wave(x, 0.5f); }" },
  // |x| > tan 3π/8: π/2 - atan(1/|x|); > tan π/8: π/4 + atan((|x| - 1) / (|x| + 1)).
  atan_f: {
    needs: ["is_nan"],
    text: `fn atan_f(x: f32) -> f32 {
  let size = min(abs(x), 1e30f);
  let big = size > 2.41421356f;
  let middle = size > 0.414213562f;
  let top = select(select(size, size - 1f, middle), -1f, big);
  let r = top / select(select(1f, size + 1f, middle), size, big);
  let start = select(select(0f, 0.785398163f, middle), 1.57079633f, big);
  let z = r * r;
  let y = fma(${poly("z", ATAN_POLY)} * z, r, r) + start;
  return select(select(y, -y, x < 0f), x, is_nan(x) || x == 0f);
}`,
  },
  // x P(x²) / Q(x²), clamped where it reaches ±1.
  tanh_f: {
    needs: ["is_nan"],
    text: `fn tanh_f(x: f32) -> f32 {
  let v = clamp(x, -9f, 9f);
  let z = v * v;
  let y = clamp(v * ${poly("z", TANH_P)} / ${poly("z", TANH_Q)}, -1f, 1f);
  return select(y, x, is_nan(x) || x == 0f);
}`,
  },
  sigmoid_f: {
    needs: ["exp_f"],
    text: "fn sigmoid_f(x: f32) -> f32 { return 1f / (1f + exp_f(-x)); }",
  },
  erf_f: {
    needs: ["is_nan"],
    text: `fn erf_f(x: f32) -> f32 {
  let v = clamp(x, -4f, 4f);
  let z = v * v;
  let y = clamp(v * ${poly("z", ERF_P)} / ${poly("z", ERF_Q)}, -1f, 1f);
  return select(y, x, is_nan(x) || x == 0f);
}`,
  },
  // What is left of |x| by |y|, exactly, in whole numbers: mantissas and exponents. The sign of x.
  fmod_f: {
    needs: ["two_to", "is_finite", "is_nan", "from_bits"],
    text: `fn fmod_f(x: f32, y: f32) -> f32 {
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  if (a >= 0x7f800000u || b == 0u || b > 0x7f800000u) { return from_bits(0x7fc00000u); }
  if (a < b) { return x; }
  let ea = max(i32(a >> 23u), 1);
  let eb = max(i32(b >> 23u), 1);
  var rest = (a & 0x7fffffu) | select(0u, 0x800000u, a >= 0x800000u);
  let by = (b & 0x7fffffu) | select(0u, 0x800000u, b >= 0x800000u);
  rest = rest % by;
  for (var left = ea - eb; left > 0; left -= 8) { rest = (rest << u32(min(left, 8))) % by; }
  let half = (eb - 150) / 2;
  let size = f32(rest) * two_to(half) * two_to(eb - 150 - half);
  return select(size, -size, x < 0f);
}`,
  },
  // The divisor's sign.
  mod_f: {
    needs: ["fmod_f"],
    text: `fn mod_f(x: f32, y: f32) -> f32 {
  let r = fmod_f(x, y);
  return select(r, r + y, r != 0f && (r < 0f) != (y < 0f));
}`,
  },
  // a · b = x + y exactly, by halves of 12 bits (Dekker).
  mul_two: {
    needs: [],
    text: `fn mul_two(a: f32, b: f32) -> vec2<f32> {
  let p = a * b;
  let ah = bitcast<f32>(bitcast<u32>(a) & 0xfffff000u);
  let bh = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  let al = a - ah;
  let bl = b - bh;
  return vec2<f32>(p, (ah * bh - p) + ah * bl + al * bh + al * bl);
}`,
  },
  // x^y for finite x > 0: the logarithm as a sum of two numbers, 2 atanh s with s = (m - 1) / (m + 1).
  pow_size: {
    needs: ["mul_two", "exp_f"],
    text: `fn pow_size(x: f32, y: f32) -> f32 {
  let tiny = x < 1.17549435e-38f;
  let shifted = bitcast<i32>(select(x, x * 8388608f, tiny)) - 0x3f3504f3;
  let e = f32(shifted >> 23u) - select(0f, 23f, tiny);
  let m = bitcast<f32>((shifted & 0x7fffff) + 0x3f3504f3);
  let f = m - 1f;
  let d = m + 1f;
  let s = f / d;
  let back = mul_two(s, d);
  let s_low = (((f - back.x) - back.y) - s * (m - (d - 1f))) / d;
  let z = s * s;
  let tail = s * z * ${poly("z", [2 / 9, 2 / 7, 2 / 5, 2 / 3])};
  let top = e * 0.693359375f;
  let first = top + 2f * s;
  let larger = max(abs(top), abs(2f * s)) == abs(top);
  let lost = select((2f * s - first) + top, (top - first) + 2f * s, larger);
  let rest = lost + 2f * s_low + tail - e * 2.12194440e-4f;
  let high = first + rest;
  let low = rest - (high - first);
  let product = mul_two(y, high);
  if (abs(product.x) > 90f) { return exp_f(product.x); }
  return exp_f(product.x) * (1f + fma(y, low, product.y));
}`,
  },
  // As in C: 1 to any power and anything to the power 0 is 1, and so is -1 to an infinite one.
  pow_f: {
    needs: ["pow_size", "is_nan", "is_finite", "from_bits"],
    text: `fn pow_f(x: f32, y: f32) -> f32 {
  let size = abs(x);
  if (y == 0f || x == 1f) { return 1f; }
  if (is_nan(x) || is_nan(y)) { return from_bits(0x7fc00000u); }
  let infinity = from_bits(0x7f800000u);
  if (!is_finite(y)) {
    return select(select(0f, infinity, (size > 1f) == (y > 0f)), 1f, size == 1f);
  }
  let whole = trunc(y) == y;
  let odd = whole && abs(y) < 16777216f && (i32(y) & 1) != 0;
  let negative = (bitcast<u32>(x) >> 31u) != 0u;
  var result = 1f;
  if (size == 0f || !is_finite(x)) { result = select(0f, infinity, (size == 0f) == (y < 0f)); }
  else if (negative && !whole) { return from_bits(0x7fc00000u); }
  else if (size != 1f) { result = pow_size(size, y); }
  return select(result, -result, negative && odd);
}`,
  },
  // Truncates; saturates at the ends; NaN is 0.
  to_int: {
    needs: ["is_nan"],
    text: `fn to_int(x: f32) -> i32 {
  let inside = i32(clamp(x, -2147483648f, 2147483520f));
  let known = select(select(inside, 2147483647, x >= 2147483648f), i32(-2147483648), x <= -2147483648f);
  return select(known, 0, is_nan(x));
}`,
  },
  // Truncates; 0 for a divisor of 0. Divisors of -1 negate, which cannot overflow.
  div_i: {
    needs: [],
    text: `fn div_i(a: i32, b: i32) -> i32 {
  if (b == 0 || b == -1) { return a * b; }
  return a / b;
}`,
  },
  mod_i: {
    needs: [],
    text: `fn mod_i(a: i32, b: i32) -> i32 {
  if (b == 0 || b == -1) { return 0; }
  let r = a - (a / b) * b;
  return select(r, r + b, r != 0 && (r < 0) != (b < 0));
}`,
  },
  // Modulo 2^32; a negative exponent truncates 1 / a^|b| toward zero.
  pow_i: {
    needs: [],
    text: `fn pow_i(a: i32, b: i32) -> i32 {
  if (b < 0) {
    if (a == 1) { return 1; }
    if (a == -1) { return select(1, -1, (b & 1) != 0); }
    return 0;
  }
  var result = 1;
  var square = a;
  for (var e = b; e > 0; e = e >> 1u) {
    if ((e & 1) != 0) { result = result * square; }
    square = square * square;
  }
  return result;
}`,
  },
  // Threefry2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, 2011): the first word.
  threefry: {
    needs: [],
    text: `fn threefry(seed: i32, base: i32, at: i32, stream: u32) -> i32 {
  let k0 = u32(seed);
  let k1 = u32(base);
  let k2 = k0 ^ k1 ^ 0x1bd11bdau;
  var x = u32(at) + k0;
  var y = stream + k1;
${[0, 1, 2, 3, 4].map(fourRounds).join("\n")}
  return i32(x);
}`,
  },
};
