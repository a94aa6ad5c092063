// Dear values that two stages share: kept where the result will lie, unless something stands against it.

import { describe, expect, test } from "vitest";
import { weight } from "../../src/backend/wasm/loop-analysis.ts";
import { keepDear } from "../../src/backend/wasm/loop-keep.ts";
import type { Affine, Expr, LoopKernel } from "../../src/schedule/kernel.ts";
import { check } from "./loop-harness.ts";

const dtype = "float32";
const at = (...coef: number[]): Affine => ({ base: 0, coef });
const load = (operand: number, where: Affine): Expr => ({ k: "load", dtype, operand, at: where });
const bin = (fn: "add" | "sub" | "div", x: Expr, y: Expr): Expr => ({
  k: "binary",
  dtype,
  fn,
  x,
  y,
});
const reg = (number: number): Expr => ({ k: "reg", dtype, reg: number });

/** Softmax over rows of n numbers, the exponential written out in both stages that need it. */
function softmax(n: number, out: Affine, more: (e: Expr) => Expr = (e) => e): LoopKernel {
  const x = () => load(0, at(n, 1));
  const power = (): Expr => ({ k: "unary", dtype, fn: "exp", x: bin("sub", x(), reg(0)) });
  const store = { operand: 1, at: out, value: more(bin("div", power(), reg(1))) };
  return {
    kind: "loop",
    axes: [6, n],
    parallel: 1,
    vector: 1,
    operands: [
      { dtype, write: false },
      { dtype, write: true },
    ],
    regs: [dtype, dtype],
    scalars: [],
    stages: [
      { axes: [1], reduces: [{ reg: 0, fn: "max", value: x() }], stores: [] },
      { axes: [1], reduces: [{ reg: 1, fn: "sum", value: power() }], stores: [] },
      { axes: [1], reduces: [], stores: [store] },
    ],
    grain: 1,
  };
}

const last = (k: LoopKernel) => weight(k.stages[2]!.stores.map((s) => s.value));
const numbers = (n: number) => Float32Array.from({ length: n }, (_, i) => 4 * Math.sin(i * 7.1));

describe("the exponentials of a softmax", () => {
  test.each([1, 2, 3, 4, 7, 8, 13, 31, 64, 100])("are computed once in rows of %i", (n) => {
    const k = softmax(n, at(n, 1));
    expect(keepDear(k).stages[1]!.stores).toHaveLength(1);
    expect(last(keepDear(k))).toBeLessThan(6);
    check(k, [numbers(6 * n), new Float32Array(6 * n)]);
  });

  test("are computed again where two points share an element", () => {
    const k = softmax(9, at(1, 1));
    expect(keepDear(k)).toBe(k);
  });

  test("are computed again where rows may overlap for some number of rows", () => {
    const k = softmax(9, at(1, 6));
    expect(keepDear(k)).toBe(k);
    check(k, [numbers(54), new Float32Array(54)]);
  });

  test("are computed again where the result adds to what is there", () => {
    const k = softmax(9, at(9, 1), (e) => bin("add", e, load(1, at(9, 1))));
    expect(keepDear(k)).toBe(k);
    check(k, [numbers(54), numbers(54)]);
  });
});
