// The float32 vector functions against float64 Math over dense ranges and special values, and the
// float64 functions of scalar-math.ts against known values.

import { describe, expect, test } from "vitest";
import { erf, intPow, mod } from "../../src/backend/wasm/scalar-math.ts";
import type { VectorFn } from "../../src/backend/wasm/vector-math.ts";
import type { UnaryOp } from "../../src/ir/op.ts";
import type { LoopKernel } from "../../src/schedule/kernel.ts";
import { pow } from "../../src/util/math.ts";
import { execute } from "./loop-harness.ts";

function mapKernel(n: number, fn: UnaryOp): LoopKernel {
  const at = { base: 0, coef: [1] };
  const x = { k: "load", dtype: "float32", operand: 0, at } as const;
  return {
    kind: "loop",
    axes: [n],
    parallel: 1,
    vector: 0,
    operands: [
      { dtype: "float32", write: false },
      { dtype: "float32", write: true },
    ],
    regs: [],
    scalars: [],
    stages: [
      {
        axes: [],
        reduces: [],
        stores: [{ operand: 1, at, value: { k: "unary", dtype: "float32", fn, x } }],
      },
    ],
    grain: 16,
  };
}

function apply(fn: UnaryOp, x: Float32Array, relaxed: boolean): Float32Array {
  const inputs = [x, new Float32Array(x.length)];
  const { buffers } = execute(mapKernel(x.length, fn), inputs, [], {
    relaxed,
    revectorize: relaxed,
  });
  return buffers[1] as Float32Array;
}

/** The distance from x to the next float32 away from 0. */
function unit(x: number): number {
  return Math.max(2 ** (Math.floor(Math.log2(Math.abs(x))) - 23), 2 ** -149);
}

/** Even steps over [lo, hi] and, on a log scale, everything between 1e-30 and |hi|. */
function range(lo: number, hi: number): Float32Array {
  const n = 12000;
  const x = new Float32Array(2 * n);
  for (let i = 0; i < n; i++) {
    x[i] = lo + ((hi - lo) * i) / (n - 1);
    const size = Math.abs(hi) * 10 ** ((-30 * i) / n);
    x[n + i] = lo < 0 && i % 2 ? -size : size;
  }
  return x.filter((v) => v >= lo && v <= hi);
}

interface Row {
  readonly truth: (x: number) => number;
  readonly lo: number;
  readonly hi: number;
  /** [argument, result] where the result is exact. */
  readonly exact: readonly (readonly [number, number])[];
  /** Errors up to this are as good as 3 units in the last place. */
  readonly absolute?: number;
}

const inf = Number.POSITIVE_INFINITY;

const rows: { [K in VectorFn]: Row } = {
  exp: { truth: Math.exp, lo: -87.3, hi: 88.7, exact: [[0, 1], [inf, inf], [-inf, 0], [89, inf], [-104, 0]] },
  expm1: { truth: Math.expm1, lo: -60, hi: 88.7, exact: [[0, 0], [inf, inf], [-inf, -1], [100, inf]] },
  log: { truth: Math.log, lo: 1e-37, hi: 3e38, exact: [[1, 0], [0, -inf], [-0, -inf], [inf, inf], [-1, Number.NaN], [-inf, Number.NaN]] },
  log1p: { truth: Math.log1p, lo: -0.9999, hi: 1e30, exact: [[0, 0], [-1, -inf], [inf, inf], [-2, Number.NaN]] },
  sin: { truth: Math.sin, lo: -3000, hi: 3000, exact: [[0, 0], [inf, Number.NaN], [-inf, Number.NaN]], absolute: 4e-7 },
  cos: { truth: Math.cos, lo: -3000, hi: 3000, exact: [[0, 1], [inf, Number.NaN], [-inf, Number.NaN]], absolute: 4e-7 },
  atan: { truth: Math.atan, lo: -1e6, hi: 1e6, exact: [[0, 0], [inf, Math.fround(Math.PI / 2)], [-inf, -Math.fround(Math.PI / 2)]] },
  tanh: { truth: Math.tanh, lo: -20, hi: 20, exact: [[0, 0], [inf, 1], [-inf, -1], [30, 1]], absolute: 4e-7 },
  sigmoid: { truth: (x) => 1 / (1 + Math.exp(-x)), lo: -87, hi: 100, exact: [[0, 0.5], [inf, 1], [-inf, 0]] },
  erf: { truth: erf, lo: -10, hi: 10, exact: [[0, 0], [inf, 1], [-inf, -1]], absolute: 4e-7 },
}; // biome-ignore format: a table

describe.each([false, true])("float32 vectors, relaxed %s", (relaxed) => {
  test.each(Object.keys(rows) as VectorFn[])("%s is near the truth", (fn) => {
    const { truth, lo, hi, absolute = 0 } = rows[fn];
    const x = range(lo, hi);
    const y = apply(fn, x, relaxed);
    let worst = { units: 0, at: 0 };
    for (let i = 0; i < x.length; i++) {
      const expected = truth(x[i]!);
      const error = Math.abs(y[i]! - expected);
      expect(Number.isFinite(error)).toBe(true);
      if (error <= absolute || Math.abs(expected) < 2 ** -126) continue;
      const units = error / unit(expected);
      if (units > worst.units) worst = { units, at: x[i]! };
    }
    expect(worst.units, `worst at ${worst.at}`).toBeLessThan(3);
  });

  test.each(Object.keys(rows) as VectorFn[])("%s of special values", (fn) => {
    const cases = [...rows[fn].exact, [Number.NaN, Number.NaN] as const];
    const y = apply(
      fn,
      Float32Array.from(cases, ([x]) => x),
      relaxed,
    );
    cases.forEach(([x, expected], i) => {
      if (Number.isNaN(expected)) expect(y[i], `${fn}(${x})`).toBeNaN();
      else expect(y[i] === expected, `${fn}(${x}) = ${y[i]}`).toBe(true);
    });
  });
});

test("log of numbers below the normal ones, and huge arguments of sin and cos", () => {
  const tiny = Float32Array.of(1e-40, 1e-45, 5e-39, 1.1754943e-38);
  const logs = apply("log", tiny, false);
  tiny.forEach((x, i) => {
    expect(logs[i]).toBeCloseTo(Math.log(x), 4);
  });
  for (const fn of ["sin", "cos"] as const) {
    for (const y of apply(fn, Float32Array.of(1e5, -1e8, 1e20, 3e38, -3e38), false)) {
      expect(Math.abs(y)).toBeLessThanOrEqual(1);
    }
  }
});

test.each([false, true])("exp of any bits, relaxed %s", (relaxed) => {
  // Every exponent and sign, with all kinds of fractions: the result is finite just where it should be.
  const bits = Uint32Array.from({ length: 512 * 64 }, (_, i) => (i << 17) + 0x1357 * (i % 64) * 13);
  const edges = [88.72283172607422, 88.72283935546875, -87.33654022216797, -87.3365478515625];
  const x = Float32Array.of(...edges, ...new Float32Array(bits.buffer));
  const y = apply("exp", x, relaxed);
  x.forEach((v, i) => {
    if (Number.isNaN(v)) expect(y[i]).toBeNaN();
    else if (v > edges[0]!) expect(y[i]).toBe(inf);
    else if (v < edges[2]!) expect(y[i]).toBe(0);
    else expect(Math.abs(y[i]! / Math.exp(v) - 1)).toBeLessThan(3e-7);
  });
});

describe("float64 functions", () => {
  test("erf to 1e-15 (Abramowitz and Stegun, table 7.1)", () => {
    const known = [
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [2, 0.9953222650189527],
      [2.6, 0.9997639655834707],
      [3.5, 0.9999992569016276],
      [7, 1],
    ] as const;
    for (const [x, y] of known) {
      expect(Math.abs(erf(x) - y)).toBeLessThan(2e-15);
      expect(erf(-x)).toBe(-erf(x));
    }
    expect(erf(Number.NaN)).toBeNaN();
    expect(erf(-inf)).toBe(-1);
  });

  test("pow as in C", () => {
    expect(pow(1, Number.NaN)).toBe(1);
    expect(pow(-1, -inf)).toBe(1);
    expect(pow(-8, 1 / 3)).toBeNaN();
    expect(pow(2, 0.5)).toBe(Math.SQRT2);
  });

  test("powers and remainders of ints", () => {
    expect(intPow(3, 5)).toBe(243);
    expect(intPow(-7, 11)).toBe(-1977326743);
    expect(intPow(10, 10)).toBe(1410065408);
    expect([intPow(2, -1), intPow(1, -5), intPow(-1, -3)]).toEqual([0, 1, -1]);
    expect([mod(7, 3), mod(-7, 3), mod(7, -3), mod(-7, -3)]).toEqual([1, 2, -2, -1]);
    expect(mod(1, 0)).toBeNaN();
    expect(mod(-1, inf)).toBe(inf);
  });
});
