// Several reductions in one pass over a row, light and heavy ones side by side, as in a mean with its
// count, a variance with its mean, or a loss with its weights.

import { expect, test } from "vitest";
import type { Affine, Expr, LoopKernel } from "../../src/schedule/kernel.ts";
import { execute } from "./loop-harness.ts";

const dtype = "float32";
const along: Affine = { base: 0, coef: [0, 1] };
const load = (operand: number): Expr => ({ k: "load", dtype, operand, at: along });
const unary = (fn: "exp" | "log" | "tanh", x: Expr): Expr => ({ k: "unary", dtype, fn, x });
const times = (x: Expr, y: Expr): Expr => ({ k: "binary", dtype, fn: "mul", x, y });

const values: Record<string, Expr> = {
  light: load(0),
  product: times(load(0), load(1)),
  exp: unary("exp", load(1)),
  log: unary("log", load(0)),
  both: times(unary("log", load(0)), unary("tanh", load(1))),
};
const names = Object.keys(values);
const pairs = names.flatMap((a) => names.map((b) => [a, b] as const));

function kernelOf(list: readonly Expr[], length: number, fn: "sum" | "max" | "min"): LoopKernel {
  const outputs = list.map((_, i) => 2 + i);
  const at = { base: 0, coef: [0, 0] };
  return {
    kind: "loop",
    axes: [1, length],
    parallel: 1,
    vector: 1,
    operands: [0, 1, ...outputs].map((i) => ({ dtype, write: i > 1 })),
    regs: list.map(() => dtype),
    scalars: [],
    stages: [
      { axes: [1], stores: [], reduces: list.map((value, reg) => ({ reg, fn, value })) },
      {
        axes: [],
        reduces: [],
        stores: outputs.map((operand, reg) => ({ operand, at, value: { k: "reg", dtype, reg } })),
      },
    ],
    grain: 1,
  };
}

function compute(e: Expr, x: readonly Float32Array[], i: number): number {
  if (e.k === "load") return x[e.operand]![i]!;
  if (e.k === "binary") return compute(e.x, x, i) * compute(e.y, x, i);
  if (e.k !== "unary") throw new Error(e.k);
  const inner = compute(e.x, x, i);
  return e.fn === "exp" ? Math.exp(inner) : e.fn === "log" ? Math.log(inner) : Math.tanh(inner);
}

test.each(pairs)("sums of %s and %s, again and again", (a, b) => {
  for (const length of [16, 64, 100]) {
    const x = [0, 1].map((k) => Float32Array.from({ length }, (_, i) => 1.5 + Math.sin(i + k)));
    for (const fn of ["sum", "max"] as const) {
      const list = [values[a]!, values[b]!, values.light!];
      const kernel = kernelOf(list, length, fn);
      const start = fn === "sum" ? 0 : Number.NEGATIVE_INFINITY;
      const combine = (p: number, q: number) => (fn === "sum" ? p + q : Math.max(p, q));
      const want = list.map((e) =>
        x[0]!.reduce((total, _, i) => combine(total, compute(e, x, i)), start),
      );
      // What an earlier call left in the registers must not matter.
      for (let turn = 0; turn < 3; turn++) {
        const out = list.map(() => new Float32Array(1));
        const options = { relaxed: true, revectorize: true };
        const { buffers } = execute(kernel, [...x, ...out], [], options);
        want.forEach((w, i) => {
          expect(Math.abs(buffers[2 + i]![0]! - w)).toBeLessThan(1e-4 * (1 + Math.abs(w)));
        });
      }
    }
  }
});

test.each(["max", "min"] as const)("%s finds a NaN wherever it is, and no other", (fn) => {
  for (const length of [5, 8, 16, 20, 67]) {
    const kernel = kernelOf([load(0), load(1)], length, fn);
    const best = fn === "max" ? length - 1 : 0;
    const infinity = fn === "max" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    for (let at = -1; at < length; at++) {
      const x = Float32Array.from({ length }, (_, i) => (i === at ? Number.NaN : i));
      const y = new Float32Array(length).fill(infinity); // a neighbour that has none
      for (const revectorize of [false, true]) {
        const inputs = [x, y, new Float32Array(1), new Float32Array(1)];
        const { buffers } = execute(kernel, inputs, [], { relaxed: true, revectorize });
        expect(buffers[2]![0], `${length}, ${at}`).toBe(at < 0 ? best : Number.NaN);
        expect(buffers[3]![0]).toBe(infinity);
      }
    }
  }
});
