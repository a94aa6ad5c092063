// float32 functions on four lanes, as short branch-free code: polynomials and rational functions
// after Cephes (Moshier) and Eigen, with every special value right. Errors are at most 3 units in the
// last place or 4e-7, whichever is more. pmin and pmax take x first, so that NaN stays NaN; rounding
// adds and subtracts 1.5·2^23, since the engine packs no f32x4.nearest.
// Not here: functions that need one lane at a time (pow is in expr-vector.ts).

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
import type { PlainOp } from "./assembler-opcodes.ts";
import type { Frame, Push } from "./expr.ts";

/** ln 2 in two parts; the first has few enough bits that n times it is exact. */
const LN2_HI = 0.693359375;
const LN2_LO = -2.1219444005469057e-4;
/** π in three parts, likewise. */
const PI_PARTS = [3.140625, 9.675025939941406e-4, 1.5099579909783765e-7] as const;
const ROUND = 12582912; // 1.5 · 2^23
const EXP_MAX = 88.72283172607422; // exp of the next float32 is infinite
const EXP_MIN = -87.33654022216797; // exp of it is the smallest normal float32

// biome-ignore format: a list
export type VectorFn =
  | "exp" | "expm1" | "log" | "log1p" | "sin" | "cos" | "atan" | "tanh" | "sigmoid" | "erf";

/** Emits the functions into a frame's function. */
export class VectorMath {
  private readonly frame: Frame;
  private taken: number[] = [];

  constructor(frame: Frame) {
    this.frame = frame;
  }

  /** Replaces the vector on the stack by the function of it. */
  apply(fn: VectorFn): void {
    this.run((x) => this[fn](x));
  }

  private run(fn: (x: Push) => Push): void {
    const outer = this.taken;
    this.taken = [];
    const x = this.keep(() => {});
    fn(x)();
    for (const local of this.taken) this.frame.release(local);
    this.taken = outer;
  }

  /** Computes a value now, to be used several times. */
  private keep(value: Push): Push {
    const local = this.frame.take("v128");
    this.taken.push(local);
    value();
    this.frame.f.set(local);
    return () => this.frame.f.get(local);
  }

  private op(name: PlainOp, ...values: Push[]): Push {
    return () => {
      for (const v of values) v();
      this.frame.f.op(name);
    };
  }

  private c(x: number): Push {
    return () => this.frame.f.get(this.frame.splatF32(x));
  }

  private ci(x: number): Push {
    return () => this.frame.f.get(this.frame.splatI32(x));
  }

  private add(a: Push, b: Push): Push {
    return this.op("f32x4.add", a, b);
  }

  private sub(a: Push, b: Push): Push {
    return this.op("f32x4.sub", a, b);
  }

  private mul(a: Push, b: Push): Push {
    return this.op("f32x4.mul", a, b);
  }

  private div(a: Push, b: Push): Push {
    return this.op("f32x4.div", a, b);
  }

  private select(mask: Push, yes: Push, no: Push): Push {
    return () => {
      for (const v of [yes, no, mask]) v();
      this.frame.chooseLanes();
    };
  }

  private shift(name: "i32x4.shl" | "i32x4.shr_s", a: Push, bits: number): Push {
    return () => {
      a();
      this.frame.f.i32(bits);
      this.frame.f.op(name);
    };
  }

  /** a·b + c */
  private madd(a: Push, b: Push, c: Push): Push {
    if (this.frame.options.relaxed) return this.op("f32x4.relaxed_madd", a, b, c);
    return this.add(this.mul(a, b), c);
  }

  /** Horner's rule, highest power first. */
  private poly(x: Push, coefficients: readonly number[]): Push {
    let sum = this.c(coefficients[0]!);
    for (let i = 1; i < coefficients.length; i++) sum = this.madd(sum, x, this.c(coefficients[i]!));
    return sum;
  }

  /** min(max(x, lo), hi), NaN for NaN. */
  private clamp(x: Push, lo: number, hi: number): Push {
    return this.op("f32x4.pmin", this.op("f32x4.pmax", x, this.c(lo)), this.c(hi));
  }

  /** x = n ln 2 + r with |r| ≤ ln 2 / 2. `bits` are those of n + 1.5·2^23: n in the low bits. */
  private reduceLn2(x: Push): { r: Push; bits: Push } {
    const bits = this.keep(this.madd(x, this.c(Math.LOG2E), this.c(ROUND)));
    const n = this.keep(this.sub(bits, this.c(ROUND)));
    const r = this.madd(n, this.c(-LN2_LO), this.madd(n, this.c(-LN2_HI), x));
    return { r: this.keep(r), bits };
  }

  /** r + r² P(r) = e^r - 1 for |r| ≤ ln 2 / 2. */
  private smallExpm1(r: Push): Push {
    const square = this.keep(this.mul(r, r));
    return this.madd(square, this.poly(r, EXPM1_POLY), r);
  }

  /** e^x = 2^n e^r; infinite above EXP_MAX, 0 where the result is not a normal number. Out of these
   *  bounds, and for NaN, the sum of exponents is any bits, and something else is chosen: above, x · 3e38
   *  is infinite, and NaN for NaN. */
  private exp(x: Push): Push {
    const { r, bits } = this.reduceLn2(x);
    const small = this.poly(r, EXP_POLY);
    const scaled = this.op("i32x4.add", small, this.shift("i32x4.shl", bits, 23));
    const top = this.op("f32x4.le", x, this.c(EXP_MAX));
    const finite = this.select(top, scaled, this.mul(x, this.c(3e38)));
    return this.op("v128.andnot", finite, this.op("f32x4.lt", x, this.c(EXP_MIN)));
  }

  /** 2^n (e^r - 1) + (2^n - 1), as twice the same with 2^(n-1), which does not overflow. */
  private expm1(x: Push): Push {
    const { r, bits } = this.reduceLn2(this.keep(this.clamp(x, -25, EXP_MAX)));
    const exponent = this.op("i32x4.add", this.shift("i32x4.shl", bits, 23), this.ci(126 << 23));
    const half = this.keep(exponent);
    const sum = this.madd(half, this.smallExpm1(r), this.sub(half, this.c(0.5)));
    const y = this.keep(sum);
    const top = this.op("f32x4.le", x, this.c(EXP_MAX));
    return this.select(top, this.add(y, y), this.mul(x, this.c(3e38)));
  }

  /** log x = e ln 2 + log m, m in [√½, √2); log(1 + f) = f - f²/2 + f³ P(f). */
  private log(x: Push): Push {
    const tiny = this.keep(this.op("f32x4.lt", x, this.c(1.1754943508222875e-38)));
    const normal = this.select(tiny, this.mul(x, this.c(8388608)), x);
    const shifted = this.keep(this.op("i32x4.sub", normal, this.ci(0x3f3504f3)));
    const exponent = this.op("f32x4.convert_i32x4_s", this.shift("i32x4.shr_s", shifted, 23));
    const e = this.keep(this.sub(exponent, this.op("v128.and", tiny, this.c(23))));
    const fraction = this.op("v128.and", shifted, this.ci(0x7fffff));
    const m = this.op("i32x4.add", fraction, this.ci(0x3f3504f3));
    const g = this.keep(this.sub(m, this.c(1)));
    const z = this.keep(this.mul(g, g));
    const tail = this.mul(this.mul(g, z), this.poly(g, LOG_POLY));
    const low = this.madd(z, this.c(-0.5), this.madd(e, this.c(LN2_LO), tail));
    const y = this.madd(e, this.c(LN2_HI), this.add(g, low));
    const known = this.select(this.op("f32x4.lt", x, this.c(Number.POSITIVE_INFINITY)), y, x);
    const real = this.op("v128.or", known, this.op("f32x4.lt", x, this.c(0)));
    const zero = this.op("f32x4.eq", x, this.c(0));
    return this.select(zero, this.c(Number.NEGATIVE_INFINITY), real);
  }

  /** log u + (x - (u - 1)) / u with u = 1 + x: the second term is what u has lost of x. */
  private log1p(x: Push): Push {
    const u = this.keep(this.add(x, this.c(1)));
    const lost = this.div(this.sub(x, this.sub(u, this.c(1))), u);
    const rest = this.keep(this.op("v128.andnot", lost, this.op("f32x4.eq", u, this.c(0))));
    const y = this.keep(this.log(u));
    const finite = this.op("f32x4.lt", x, this.c(Number.POSITIVE_INFINITY));
    return this.select(finite, this.add(y, rest), x);
  }

  /** ±sin r with x = nπ + r, the sign that of (-1)^n. `half` = ½ for cos: n counts halves from it. */
  private wave(x: Push, half: number): Push {
    const scaled = this.madd(x, this.c(1 / Math.PI), this.c(half));
    const bits = this.keep(this.add(scaled, this.c(ROUND)));
    const n = this.keep(this.sub(this.sub(bits, this.c(ROUND)), this.c(half)));
    let r = x;
    for (const part of PI_PARTS) r = this.madd(n, this.c(-part), r);
    // Far out the reduction fails; the result stays in [-1, 1].
    const near = this.keep(this.clamp(r, -1.58, 1.58));
    const square = this.keep(this.mul(near, near));
    const cube = this.mul(square, near);
    const y = this.madd(cube, this.poly(square, SIN_POLY), near);
    return this.op("v128.xor", y, this.shift("i32x4.shl", bits, 31));
  }

  private sin(x: Push): Push {
    return this.wave(x, 0);
  }

  private cos(x: Push): Push {
    return this.wave(x, 0.5);
  }

  /** |x| > tan 3π/8: π/2 - atan(1/|x|); > tan π/8: π/4 + atan((|x| - 1) / (|x| + 1)). */
  private atan(x: Push): Push {
    const size = this.keep(this.op("f32x4.abs", x));
    const big = this.keep(this.op("f32x4.gt", size, this.c(2.414213562373095)));
    const middle = this.keep(this.op("f32x4.gt", size, this.c(0.4142135623730951)));
    const shiftedTop = this.select(middle, this.sub(size, this.c(1)), size);
    const shiftedBottom = this.select(middle, this.add(size, this.c(1)), this.c(1));
    const top = this.select(big, this.c(-1), shiftedTop);
    const r = this.keep(this.div(top, this.select(big, size, shiftedBottom)));
    const from = this.op("v128.and", middle, this.c(Math.PI / 4));
    const start = this.keep(this.select(big, this.c(Math.PI / 2), from));
    const z = this.keep(this.mul(r, r));
    const y = this.add(this.madd(this.mul(this.poly(z, ATAN_POLY), z), r, r), start);
    return this.op("v128.xor", y, this.op("v128.and", x, this.ci(0x80000000)));
  }

  /** x P(x²) / Q(x²), clamped where it reaches ±1. */
  private tanh(x: Push): Push {
    const v = this.keep(this.clamp(x, -9, 9));
    const z = this.keep(this.mul(v, v));
    const y = this.div(this.mul(v, this.poly(z, TANH_P)), this.poly(z, TANH_Q));
    return this.clamp(y, -1, 1);
  }

  /** 1 / (1 + e^-x) */
  private sigmoid(x: Push): Push {
    const e = this.exp(this.keep(this.op("f32x4.neg", x)));
    return this.div(this.c(1), this.add(e, this.c(1)));
  }

  /** x P(x²) / Q(x²), clamped where it reaches ±1. */
  private erf(x: Push): Push {
    const v = this.keep(this.clamp(x, -4, 4));
    const z = this.keep(this.mul(v, v));
    const y = this.div(this.mul(v, this.poly(z, ERF_P)), this.poly(z, ERF_Q));
    return this.clamp(y, -1, 1);
  }
}
