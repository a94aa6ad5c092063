// Data turned in registers, and loops cut where masks begin and end to hold: borders of images, rows that
// become columns, and both at once. All against the interpreter.

import { describe, expect, test } from "vitest";
import { piecesOf } from "../../src/backend/wasm/loop-cuts.ts";
import { turnedLoads } from "../../src/backend/wasm/loop-turn.ts";
import { type DType, makeArray } from "../../src/ir/dtype.ts";
import type { Affine, Expr, LoopKernel, Range } from "../../src/schedule/kernel.ts";
import { check } from "./loop-harness.ts";

const at = (base: number, ...coef: number[]): Affine => ({ base, coef });

interface Shape {
  readonly height: number;
  readonly width: number;
  /** Zeros around the image. */
  readonly border: number;
  readonly channels: number;
  readonly dtype?: DType;
  /** More than the load: over an index of the loop around the lanes. */
  readonly index?: boolean;
}

/** Images (2, channels, height, width) to (2, height + borders, width + borders, channels), in tiles of 8
 *  channels. */
function pad({ height, width, border, channels, dtype = "float32", index }: Shape): LoopKernel {
  const [rows, columns] = [height + 2 * border, width + 2 * border];
  const area = height * width;
  const x: Expr = {
    k: "load",
    dtype,
    operand: 0,
    at: at(-border * (width + 1), channels * area, 8 * area, width, 1, area),
  };
  const ranges: Range[] = [
    { at: at(-border, 0, 0, 1, 0, 0), size: height },
    { at: at(-border, 0, 0, 0, 1, 0), size: width },
  ];
  const image: Expr = border === 0 ? x : { k: "masked", dtype, ranges, x, fill: 0 };
  const y: Expr = { k: "cast", dtype, x: { k: "axis", dtype: "int32", at: at(0, 0, 0, 2, 3, 1) } };
  const value: Expr = index ? { k: "binary", dtype, fn: "add", x: image, y } : image;
  const out = at(0, rows * columns * channels, 8, columns * channels, channels, 1);
  return {
    kind: "loop",
    axes: [2, channels / 8, rows, columns, 8],
    parallel: 5,
    vector: 4,
    operands: [
      { dtype, write: false },
      { dtype, write: true },
    ],
    regs: [],
    scalars: [],
    grain: 1,
    stages: [{ axes: [], reduces: [], stores: [{ operand: 1, at: out, value }] }],
  };
}

function checkPad(shape: Shape): void {
  const { height, width, border, channels, dtype = "float32" } = shape;
  const input = makeArray(dtype, 2 * channels * height * width);
  for (let i = 0; i < input.length; i++) input[i] = ((i * 7919) % 1009) - 500;
  const size = 2 * channels * (height + 2 * border) * (width + 2 * border);
  check(pad(shape), [input, makeArray(dtype, size)]);
}

const shapes: Shape[] = [
  { height: 5, width: 8, border: 0, channels: 8 },
  { height: 5, width: 8, border: 1, channels: 16 },
  { height: 6, width: 7, border: 1, channels: 8 },
  { height: 6, width: 3, border: 2, channels: 8 },
  { height: 4, width: 11, border: 3, channels: 16 },
];

describe("a copy to channels last", () => {
  test.each(shapes)("of $height × $width with a border of $border, $channels channels", (shape) => {
    checkPad(shape);
    checkPad({ ...shape, dtype: "int32" });
    checkPad({ ...shape, dtype: "uint8" });
  });

  test("with numbers of the point that a register does not hold turned", () => {
    for (const shape of shapes) checkPad({ ...shape, index: true });
  });
});

describe("a loop with a border is cut in three", () => {
  const k = pad({ height: 5, width: 8, border: 1, channels: 8 });
  const rows = piecesOf(k, k.stages, 2)!;

  test("where its mask begins and ends to hold", () => {
    expect(rows.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 6],
      [6, 7],
    ]);
    const values = rows.map((p) => p.stages[0]!.stores[0]!.value);
    expect(values.map((e) => e.k)).toEqual(["const", "masked", "const"]);
  });

  test("and inside by the mask of the other axis, until none is left and loads can be turned", () => {
    const columns = piecesOf(k, rows[1]!.stages, 3)!;
    expect(columns.map(({ from, to }) => [from, to])).toEqual([
      [0, 1],
      [1, 9],
      [9, 10],
    ]);
    expect(columns.map((p) => turnedLoads(p.stages, 3, 4).length)).toEqual([0, 1, 0]);
    expect(turnedLoads(k.stages, 3, 4)).toEqual([]);
  });

  test("not where there are no masks, or where they hold together with another axis", () => {
    const plain = pad({ height: 5, width: 8, border: 0, channels: 8 });
    expect(piecesOf(plain, plain.stages, 2)).toBeNull();
    const value = k.stages[0]!.stores[0]!.value as Extract<Expr, { k: "masked" }>;
    const slanted = { ...value, ranges: [{ at: at(-1, 0, 0, 1, 1, 0), size: 5 }] };
    const stores = [{ ...k.stages[0]!.stores[0]!, value: slanted }];
    expect(piecesOf(k, [{ ...k.stages[0]!, stores }], 2)).toBeNull();
  });
});
