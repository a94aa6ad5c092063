// Loop kernels whose short axes are written out: windows and their argmax, sums of products over taps,
// accumulators side by side, and what must stay a loop. All against the interpreter.

import { describe, expect, test } from "vitest";
import { unroll } from "../../src/backend/wasm/loop-unroll.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { ReduceOp } from "../../src/ir/op.ts";
import type { Affine, Expr, LoopKernel, Stage } from "../../src/schedule/kernel.ts";
import { check } from "./loop-harness.ts";

const at = (base: number, ...coef: number[]): Affine => ({ base, coef });
const load = (operand: number, where: Affine, dtype: DType = "float32"): Expr => ({
  k: "load",
  dtype,
  operand,
  at: where,
});
const mul = (x: Expr, y: Expr): Expr => ({ k: "binary", dtype: x.dtype, fn: "mul", x, y });
const reg = (number: number, dtype: DType = "float32"): Expr => ({ k: "reg", dtype, reg: number });

function kernel(
  parts: Pick<LoopKernel, "axes" | "parallel" | "vector" | "operands" | "regs"> & {
    stages: Partial<Stage>[];
  },
): LoopKernel {
  const stages = parts.stages.map((s) => ({ axes: [], reduces: [], stores: [], ...s }));
  return { kind: "loop", scalars: [], grain: parts.vector === 0 ? 16 : 1, ...parts, stages };
}

const read = (dtype: DType = "float32") => ({ dtype, write: false });
const write = (dtype: DType = "float32") => ({ dtype, write: true });

/** The best of each 2×2 window of (40, 6, channels) and where it is. */
function pool(fns: readonly ReduceOp[], channels: number, dtype: DType): LoopKernel {
  const value = load(0, at(0, 12 * channels, 2 * channels, 1, 6 * channels, channels), dtype);
  const out = at(0, 3 * channels, channels, 1, 0, 0);
  const position = { index: at(0, 0, 0, 0, 2, 1) };
  const dtypes = fns.map((fn): DType => (fn.startsWith("arg") ? "int32" : dtype));
  return kernel({
    axes: [20, 3, channels, 2, 2],
    parallel: 3,
    vector: 2,
    operands: [read(dtype), ...dtypes.map((d) => write(d))],
    regs: dtypes,
    stages: [
      {
        axes: [3, 4],
        reduces: fns.map((fn, i) => ({ reg: i, fn, value, ...(fn.startsWith("arg") && position) })),
      },
      { stores: fns.map((_, i) => ({ operand: i + 1, at: out, value: reg(i, dtypes[i]!) })) },
    ],
  });
}

function values(size: number): Float32Array {
  const special = [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0, -0];
  return Float32Array.from({ length: size }, (_, i) => {
    const x = Math.imul(i + 1, 2654435761) >>> 8;
    return x % 7 === 0 ? special[x % 5]! : (x % 11) - 5;
  });
}

describe("windows", () => {
  const cases: ReduceOp[][] = [["max"], ["argmax"], ["argmax", "max"], ["min", "argmin"], ["sum"]];
  for (const fns of cases) {
    for (const channels of [1, 3, 4, 8, 18, 40]) {
      test(`${fns.join(" and ")} of ${channels} channels`, () => {
        const k = pool(fns, channels, "float32");
        const outs = fns.map(
          (fn) => new (fn.startsWith("arg") ? Int32Array : Float32Array)(60 * channels),
        );
        check(k, [values(240 * channels), ...outs]);
        expect(unroll(k, 2).kernel.stages).toHaveLength(1);
      });
    }
  }
  test.each(["int32", "uint8", "bool"] as const)("the largest and its place, %s", (dtype) => {
    const size = 240 * 8;
    const input = Uint8Array.from(
      { length: size },
      (_, i) => (i * 7919) % (dtype === "bool" ? 2 : 5),
    );
    const out = new Uint8Array(480);
    const wide = dtype === "int32";
    check(pool(["argmax", "max"], 8, dtype), [
      wide ? Int32Array.from(input) : input,
      new Int32Array(480),
      wide ? new Int32Array(480) : out,
    ]);
  });
});

/** The gradient of a depthwise 3×3 kernel: 9 sums a channel over (6, 7) positions. */
function taps(channels: number): LoopKernel {
  const x = load(0, at(0, 0, 9 * channels, channels, 1, 9 * channels, channels));
  const y = load(1, at(0, 0, 0, 0, 1, 7 * channels, channels));
  return kernel({
    axes: [1, 3, 3, channels, 6, 7],
    parallel: 4,
    vector: 3,
    operands: [read(), read(), write()],
    regs: ["float32"],
    stages: [
      { axes: [4, 5], reduces: [{ reg: 0, fn: "sum", value: mul(x, y) }] },
      { stores: [{ operand: 2, at: at(0, 0, 3 * channels, channels, 1, 0, 0), value: reg(0) }] },
    ],
  });
}

test.each([1, 4, 7, 8, 32, 36])("sums side by side over %i channels", (channels) => {
  const k = taps(channels);
  const noise = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898));
  check(k, [noise(72 * channels + 8), noise(42 * channels), new Float32Array(9 * channels)]);
  const { kernel: unrolled } = unroll(k, 3);
  expect(unrolled.stages[0]!.reduces).toHaveLength(9);
  expect(unrolled.axes.slice(1, 3)).toEqual([1, 1]);
});

const waves = (n: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898));

/** A depthwise convolution of 3 × 3 taps, `apart` pixels from each other, to (2, 3, width). */
function depthwise(width: number, channels: number, stride: number, apart: number): LoopKernel {
  const row = (stride * (width - 1) + 2 * apart + 1) * channels;
  const image = row * (stride * 2 + 2 * apart + 1);
  const coef = [image, stride * row, stride * channels, 1, apart * row, apart * channels];
  const weight = load(1, at(0, 0, 0, 0, 1, 3 * channels, channels));
  const out = at(0, 3 * width * channels, width * channels, channels, 1, 0, 0);
  return kernel({
    axes: [2, 3, width, channels, 3, 3],
    parallel: 4,
    vector: 3,
    operands: [read(), read(), write()],
    regs: ["float32"],
    stages: [
      {
        axes: [4, 5],
        reduces: [{ reg: 0, fn: "sum", value: mul(load(0, at(0, ...coef)), weight) }],
      },
      {
        stores: [
          { operand: 2, at: out, value: { k: "unary", dtype: "float32", fn: "relu", x: reg(0) } },
        ],
      },
    ],
  });
}

describe("neighbours whose windows overlap are computed side by side", () => {
  test.each([
    { width: 8, stride: 1, apart: 1, together: 4 },
    { width: 9, stride: 1, apart: 1, together: 3 },
    { width: 10, stride: 1, apart: 1, together: 2 },
    { width: 7, stride: 1, apart: 1, together: 3 },
    { width: 8, stride: 2, apart: 1, together: 4 },
    { width: 8, stride: 3, apart: 1, together: 1 },
    { width: 8, stride: 1, apart: 2, together: 4 },
    { width: 10, stride: 1, apart: 2, together: 3 },
  ])(
    "$together of $width, stride $stride, taps $apart apart",
    ({ width, stride, apart, together }) => {
      for (const channels of [4, 8, 18]) {
        const k = depthwise(width, channels, stride, apart);
        const size = 2 * (k.stages[0]!.reduces[0]!.value as { x: { at: Affine } }).x.at.coef[0]!;
        check(k, [
          waves(size + 8),
          waves(9 * channels + 8),
          new Float32Array(6 * width * channels),
        ]);
        const { kernel: wide } = unroll(k, 3);
        // Pixels of a row, or else rows.
        const [axis, extent] = width % together === 0 && stride < 3 ? [2, width] : [1, 3];
        expect(wide.axes[axis]).toBe(extent / together);
        expect(wide.stages.map((s) => s.stores.length)).toEqual([together]);
      }
    },
  );
});

/** Nine sums a channel over (6, width) positions, of a padded image and a gradient. */
function gradients(width: number, channels: number): LoopKernel {
  const row = (width + 2) * channels;
  const y = load(1, at(0, 0, 1, width * channels, channels));
  const shift = (tap: number) => Math.floor(tap / 3) * row + (tap % 3) * channels;
  return kernel({
    axes: [1, channels, 6, width],
    parallel: 2,
    vector: 1,
    operands: [read(), read(), ...Array.from({ length: 9 }, () => write())],
    regs: Array(9).fill("float32"),
    stages: [
      {
        axes: [2, 3],
        reduces: Array.from({ length: 9 }, (_, tap) => ({
          reg: tap,
          fn: "sum",
          value: mul(load(0, at(shift(tap), 0, 1, row, channels)), y),
        })),
      },
      {
        stores: Array.from({ length: 9 }, (_, tap) => ({
          operand: 2 + tap,
          at: at(0, 0, 1, 0, 0),
          value: reg(tap),
        })),
      },
    ],
  });
}

test.each([
  [8, 4],
  [9, 3],
  [10, 2],
  [7, 1],
])("of %i turns that load the same again %i are written out", (width, together) => {
  for (const channels of [4, 8, 18]) {
    const k = gradients(width, channels);
    const image = 8 * (width + 2) * channels;
    const sums = Array.from({ length: 9 }, () => new Float32Array(channels));
    check(k, [waves(image + 8), waves(6 * width * channels + 8), ...sums], [], { tolerance: 4e-6 });
    const { kernel: wide } = unroll(k, 1);
    expect(wide.axes[3]).toBe(width / together);
  }
});

test("a stage that reads what it stores elsewhere stays in order", () => {
  const k = kernel({
    axes: [4, 5],
    parallel: 1,
    vector: -1,
    operands: [write(), read()],
    regs: [],
    stages: [
      {
        axes: [1],
        stores: [
          { operand: 0, at: at(1, 6, 1), value: mul(load(0, at(0, 6, 1)), load(1, at(0, 0, 1))) },
        ],
      },
    ],
  });
  check(k, [Float32Array.from({ length: 24 }, (_, i) => 1 + i / 8), values(5).fill(1.5)]);
});

test("a register is not recomputed from what was overwritten", () => {
  const x = load(0, at(0, 3, 1));
  const k = kernel({
    axes: [40, 3],
    parallel: 1,
    vector: 0,
    operands: [write(), write()],
    regs: ["float32"],
    stages: [
      {
        axes: [1],
        reduces: [{ reg: 0, fn: "sum", value: x }],
        stores: [{ operand: 0, at: at(0, 3, 1), value: mul(x, x) }],
      },
      { stores: [{ operand: 1, at: at(0, 1, 0), value: reg(0) }] },
    ],
  });
  check(k, [Float32Array.from({ length: 120 }, (_, i) => i / 16), new Float32Array(40)]);
});

test("axis 0 stays as it is: the code does not know its extent", () => {
  const k = taps(8);
  const turned = { ...k, axes: [3, 3, 1, 8, 6, 7] };
  expect(unroll(turned, 3).kernel.axes[0]).toBe(3);
});

describe("strips around loops that stay", () => {
  /** Ones where a window's largest element is, stored and summed over the image. */
  const scatterBack = (channels: number): LoopKernel => {
    const row = at(0, 98 * channels, 1, 14 * channels, 2 * channels, channels);
    const window = at(0, 49 * channels, 1, 7 * channels, channels, 0);
    const here: Expr = { k: "axis", dtype: "int32", at: at(0, 0, 0, 0, 0, 1) };
    const cond: Expr = {
      k: "compare",
      dtype: "bool",
      fn: "eq",
      x: here,
      y: load(0, window, "int32"),
    };
    const none: Expr = { k: "const", dtype: "float32", value: 0 };
    const value: Expr = { k: "where", dtype: "float32", cond, x: load(1, window), y: none };
    return kernel({
      axes: [2, channels, 7, 7, 2],
      parallel: 2,
      vector: 1,
      operands: [read("int32"), read(), write(), write()],
      regs: ["float32"],
      stages: [
        {
          axes: [2, 3, 4],
          reduces: [{ reg: 0, fn: "sum", value }],
          stores: [{ operand: 2, at: row, value }],
        },
        { stores: [{ operand: 3, at: at(0, channels, 1), value: reg(0) }] },
      ],
    });
  };
  for (const [channels, loops] of [
    [4, 1],
    [64, 2],
  ] as const) {
    test(`${channels} channels leave ${loops} loops`, () => {
      const k = scatterBack(channels);
      const size = 98 * channels;
      const places = Int32Array.from({ length: size }, (_, i) => (i * 7) % 3);
      check(k, [places, values(size), new Float32Array(2 * size), new Float32Array(2 * channels)]);
      expect(unroll(k, 1).kernel.stages[0]!.axes).toHaveLength(loops);
    });
  }
});
