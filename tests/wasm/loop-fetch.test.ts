// What kernels read ahead: all that a turn of the loop will touch anew, never more, and only where the
// memory's own prefetching would not follow.

import { expect, test } from "vitest";
import { readAhead } from "../../src/backend/wasm/loop-fetch.ts";
import type { Affine, Expr, LoopKernel } from "../../src/schedule/kernel.ts";
import { check } from "./loop-harness.ts";

const at = (base: number, ...coef: number[]): Affine => ({ base, coef });
const load = (operand: number, where: Affine): Expr => ({
  k: "load",
  dtype: "float32",
  operand,
  at: where,
});
const add = (x: Expr, y: Expr): Expr => ({ k: "binary", dtype: "float32", fn: "add", x, y });

/** The sum of windows of 3 × 3 pixels of (2, height + 2, width + 2, 32). */
function windows(height: number, width = 32, guard: (e: Expr) => Expr = (e) => e): LoopKernel {
  const row = (width + 2) * 32;
  const pixels = Array.from({ length: 9 }, (_, i) =>
    guard(load(0, at(Math.floor(i / 3) * row + (i % 3) * 32, (height + 2) * row, row, 32, 1))),
  );
  const out = at(0, height * width * 32, width * 32, 32, 1);
  return {
    kind: "loop",
    axes: [2, height, width, 32],
    parallel: 4,
    vector: 3,
    operands: [
      { dtype: "float32", write: false },
      { dtype: "float32", write: true },
    ],
    regs: [],
    scalars: [],
    grain: 1,
    stages: [
      { axes: [], reduces: [], stores: [{ operand: 1, at: out, value: pixels.reduce(add) }] },
    ],
  };
}

test("an image at a time, where it fits the cache", () => {
  const k = windows(8);
  const ahead = readAhead(k, 3)!;
  expect(ahead.axis).toBe(0);
  expect(ahead.stretches.map(({ operand, from, to }) => [operand, from, to])).toEqual([
    [0, 0, 10 * 34 * 32],
  ]);
  const image = Float32Array.from({ length: 2 * 10 * 34 * 32 }, (_, i) => Math.sin(i * 12.9898));
  check(k, [image, new Float32Array(2 * 8 * 1024)]);
});

test("a row at a time, where an image does not: the row that the turn before has not read", () => {
  const { axis, stretches } = readAhead(windows(256, 256), 3)!;
  expect(axis).toBe(1);
  for (const { from, to, at } of stretches) expect(to - from).toBe(at.coef[1]);
});

/** The nine sums of a depthwise gradient over (2, height, width) pixels of 32 channels. */
function gradients(height: number, width: number): LoopKernel {
  const row = (width + 2) * 32;
  const y = load(1, at(0, height * width * 32, 1, width * 32, 32));
  const tap = (i: number) => Math.floor(i / 3) * row + (i % 3) * 32;
  const float = (write: boolean) => ({ dtype: "float32", write }) as const;
  const nine = <T>(make: (i: number) => T) => Array.from({ length: 9 }, (_, i) => make(i));
  return {
    kind: "loop",
    axes: [2, 32, height, width],
    parallel: 2,
    vector: 1,
    operands: [float(false), float(false), ...nine(() => float(true))],
    regs: nine(() => "float32"),
    scalars: [],
    grain: 1,
    stages: [
      {
        axes: [2, 3],
        stores: [],
        reduces: nine((i) => {
          const x = load(0, at(tap(i), (height + 2) * row, 1, row, 32));
          return {
            reg: i,
            fn: "sum",
            value: { k: "binary", dtype: "float32", fn: "mul", x, y },
          };
        }),
      },
      {
        axes: [],
        reduces: [],
        stores: nine((i) => {
          const value: Expr = { k: "reg", dtype: "float32", reg: i };
          return { operand: 2 + i, at: at(0, 32, 1, 0, 0), value };
        }),
      },
    ],
  };
}

test("in the loops of a stage: rows, to the last vector that the lanes are sure to reach", () => {
  expect(readAhead(gradients(32, 32), 1)!.axis).toBe(0);
  const { axis, stretches } = readAhead(gradients(128, 160), 1)!;
  expect(axis).toBe(2);
  expect(stretches.map(({ operand, to }) => [operand, to])).toEqual([
    [0, 2 * 162 * 32 + 161 * 32 + 4],
    [1, 159 * 32 + 4],
  ]);
  const k = gradients(6, 160);
  const waves = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898));
  const sums = Array.from({ length: 9 }, () => new Float32Array(64));
  check(
    { ...k, axes: [1, ...k.axes.slice(1)] },
    [waves(8 * 162 * 32), waves(6 * 160 * 32), ...sums],
    [],
    {
      tolerance: 1e-4,
    },
  );
});

test("nothing where few places are read in order, masks guard them, or there is little", () => {
  const few = windows(8);
  const value = load(0, at(0, 34 * 1088, 1088, 32, 1));
  const store = { ...few.stages[0]!.stores[0]!, value };
  expect(readAhead({ ...few, stages: [{ axes: [], reduces: [], stores: [store] }] }, 3)).toBeNull();
  expect(readAhead(windows(2, 8), 3)).toBeNull();
  const ranges = [{ at: at(0, 0, 1, 0, 0), size: 9 }];
  const masked = windows(8, 32, (x) => ({ k: "masked", dtype: "float32", ranges, x, fill: 0 }));
  expect(readAhead(masked, 3)).toBeNull();
});
