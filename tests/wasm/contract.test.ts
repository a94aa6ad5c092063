// The contraction kernels against sums in float64: every way that a matmul or a convolution may lie
// in memory, every tile, tails, blocks of sums, epilogues, and divisions of the work.
import { describe, expect, it } from "vitest";
import { ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import {
  type ContractOptions,
  contractParts,
  contractScratch,
  keepsPartialSums,
  renderProbe,
} from "../../src/backend/wasm/contract.ts";
import { simplify } from "../../src/backend/wasm/contract-shape.ts";
import { partition } from "../../src/backend/wasm/contract-tiling.ts";
import { withFlags } from "../../src/backend/wasm/flags.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";
import type { Affine, Expr } from "../../src/schedule/kernel.ts";
import {
  acc,
  type Case,
  columnsOf,
  convForward,
  convWeights,
  matmul,
  operandsOf,
  Runner,
  truth,
} from "./contract-cases.ts";

const wide: ContractOptions = { relaxed: true, revectorize: true, rows: 6 };
const variants: [string, ContractOptions][] = [
  ["6 × 16", wide],
  ["4 × 16 without fused multiply-add", { relaxed: false, revectorize: true, rows: 6 }],
  ["5 × 8", { relaxed: true, revectorize: false, rows: 5 }],
];

/** The greatest error in units of its bound: half an ulp of float32 for each of the sums'
 *  roundings. */
function worst(made: Case, data: readonly TypedArray[], got: TypedArray, scalars: number[] = []) {
  const { want, bound } = truth(made, data, scalars);
  const { axes, sums } = made.kernel;
  const length = sums.reduce((product, axis) => product * axes[axis]!, 1);
  let most = 0;
  want.forEach((w, i) => {
    const room = 6e-8 * (Math.min(length, 64) + 2) * bound[i]! + 1e-6 * Math.abs(w) + 1e-7;
    const error = Math.abs(got[i]! - w) / room;
    most = Math.max(most, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
  });
  return most;
}

function check(made: Case, options: ContractOptions = wide, scalars: number[] = []) {
  const data = operandsOf(made);
  const runner = new Runner(made, options, data, scalars);
  runner.run(0, contractParts(made.kernel));
  expect(worst(made, data, runner.arrays[2]!, scalars)).toBeLessThan(1);
}

const sizes = [1, 2, 3, 5, 6, 7, 15, 16, 17, 31, 33, 64, 65, 100, 257];

describe.each(variants)("matmul in tiles of %s", (_, options) => {
  it.each(sizes)("has every size as rows, columns and sums: %i", (n) => {
    check(matmul(n, 20, 24), options);
    check(matmul(13, n, 9), options);
    check(matmul(7, 18, n), options);
    check(matmul(n, n, n), options);
  });

  it("takes both operands transposed or not, packed or not, at an offset", () => {
    for (const aT of [false, true])
      for (const packed of [false, true])
        for (const base of [0, 5])
          for (const [M, N, K] of [
            [1, 16, 3],
            [23, 40, 33],
            [65, 100, 129],
          ] as const)
            check(matmul(M, N, K, { aT, packed, base }), options);
  });

  it("copies the rows of a transposed operand whose sums lie far apart", () => {
    for (const [M, N, K] of [
      [64, 256, 64],
      [192, 260, 100],
      [320, 256, 1009],
      [64, 300, 1300],
    ] as const) {
      const made = matmul(M, N, K, { aT: true, packed: true });
      expect(contractScratch(made.kernel)).toBeGreaterThan(0);
      check(made, options);
    }
    check(matmul(64, 256, 96, { aT: true, batch: 3 }), options);
    expect(contractScratch(matmul(65, 256, 64, { aT: true }).kernel)).toBe(0);
    expect(contractScratch(matmul(64, 256, 64).kernel)).toBe(0);
  });

  it("runs over a batch", () => {
    for (const batch of [2, 5, 40]) check(matmul(17, 33, 20, { batch }), options);
  });

  it("sums in blocks", () => {
    for (const K of [641, 802, 1009, 1024, 2048, 3000])
      for (const aT of [false, true]) check(matmul(29, 35, K, { aT }), options);
  });
});

const shapes = [
  { B: 2, H: 7, W: 7, IC: 3, OC: 16, kernel: 3, stride: 1 },
  { B: 2, H: 9, W: 14, IC: 8, OC: 20, kernel: 3, stride: 1 },
  { B: 3, H: 8, W: 8, IC: 16, OC: 32, kernel: 3, stride: 2 },
  { B: 1, H: 28, W: 28, IC: 1, OC: 32, kernel: 3, stride: 1 },
  { B: 5, H: 3, W: 2, IC: 17, OC: 16, kernel: 1, stride: 1 },
  { B: 2, H: 11, W: 13, IC: 24, OC: 16, kernel: 5, stride: 2 },
];

describe.each(variants)("convolution in tiles of %s", (_, options) => {
  it.each(shapes)("forward of %o", (shape) => check(convForward(shape), options));
  it.each(shapes)("weights' gradient of %o", (shape) => check(convWeights(shape), options));

  it.each(shapes)("rows and sums in any order, of %o", (shape) => {
    for (const made of [convForward(shape), convWeights(shape)]) {
      const { kernel, sizes } = made;
      const [rows, sums] = [
        [2, 0, 1],
        [6, 7, 5],
      ];
      check({ kernel: { ...kernel, rows, sums }, sizes }, options);
    }
  });

  it("blocks sums over images and over their rows", () => {
    const small = { B: 9, H: 12, W: 12, IC: 8, OC: 16, kernel: 3, stride: 1 };
    const large = { B: 2, H: 37, W: 40, IC: 6, OC: 16, kernel: 3, stride: 1 };
    for (const shape of [small, large]) {
      expect(keepsPartialSums(convWeights(shape).kernel)).toBe(true);
      check(convWeights(shape), options);
    }
  });
});

describe("the epilogue", () => {
  const [M, N] = [29, 40];
  const cols = columnsOf(N);
  const load = (operand: number, coef: number[], base = 0): Expr => {
    const at: Affine = { base, coef };
    return { k: "load", dtype: "float32", operand, at };
  };
  const f32 = (size: number) => ({ dtype: "float32" as const, size });
  const bias = load(3, [0, 0, 16, 1, 0]);
  const rowwise = load(3, [0, cols, 16, 1, 0]);
  const binary = (fn: "add" | "mul", x: Expr, y: Expr): Expr => {
    return { k: "binary", dtype: "float32", fn, x, y };
  };
  const relu = (x: Expr): Expr => ({ k: "unary", dtype: "float32", fn: "relu", x });
  const mask: Expr = {
    k: "load",
    dtype: "bool",
    operand: 3,
    at: { base: 0, coef: [0, cols, 16, 1, 0] },
  };
  const zero: Expr = { k: "const", dtype: "float32", value: 0 };
  const sum = binary("add", acc, bias);
  const cases: [string, Expr, { dtype: "float32" | "bool"; size: number }[]][] = [
    ["bias", sum, [f32(cols)]],
    ["bias and relu", relu(sum), [f32(cols)]],
    ["residual", binary("add", acc, rowwise), [f32(M * cols)]],
    ["multiplied by a loaded mask", binary("mul", acc, rowwise), [f32(M * cols)]],
    [
      "chosen by a bool",
      { k: "where", dtype: "float32", cond: mask, x: acc, y: zero },
      [{ dtype: "bool", size: M * cols }],
    ],
    ["a number a row", binary("mul", acc, load(3, [0, 1, 0, 0, 0])), [f32(M)]],
    [
      "shared parts, tanh",
      binary("mul", { k: "unary", dtype: "float32", fn: "tanh", x: sum }, sum),
      [f32(cols)],
    ],
    ["a scalar", binary("mul", acc, { k: "scalar", dtype: "float32", slot: 0 }), []],
    [
      "a mask of rows",
      {
        k: "masked",
        dtype: "float32",
        x: acc,
        fill: 2,
        ranges: [{ at: { base: -3, coef: [0, 1, 0, 0, 0] }, size: 20 }],
      },
      [],
    ],
    [
      "a mask of columns",
      {
        k: "masked",
        dtype: "float32",
        x: acc,
        fill: 2,
        ranges: [{ at: { base: 0, coef: [0, 0, 16, 1, 0] }, size: N }],
      },
      [],
    ],
  ];

  describe.each(variants)("in tiles of %s", (_, options) => {
    it.each(cases)("%s", (_name, value, extra) => {
      for (const K of [33, 1100])
        check(matmul(M, N, K, { value, extra, scalars: ["float32"] }), options, [0.75]);
    });

    it("finds its place in flat tiles over several row axes", () => {
      const { kernel, sizes } = convForward(shapes[1]!);
      const at = kernel.store.at;
      const residual: Expr = { k: "load", dtype: "float32", operand: 3, at };
      const plus: Expr = {
        k: "load",
        dtype: "float32",
        operand: 4,
        at: { base: 0, coef: at.coef.map((c, i) => (i === 3 || i === 4 ? c : 0)) },
      };
      const value = relu(binary("add", binary("add", acc, plus), residual));
      const operand = { dtype: "float32" as const, write: false };
      const fused = {
        ...kernel,
        operands: [...kernel.operands, operand, operand],
        store: { ...kernel.store, value },
      };
      check({ kernel: fused, sizes: [...sizes, sizes[2]!, 32] }, options);
    });
  });

  it("may read the very elements that it stores", () => {
    const stored = load(2, [0, cols, 16, 1, 0]);
    const tanh: Expr = { k: "unary", dtype: "float32", fn: "tanh", x: binary("add", acc, stored) };
    for (const K of [50, 1100])
      for (const value of [binary("add", acc, stored), tanh]) {
        const made = matmul(M, N, K, { value });
        expect(keepsPartialSums(made.kernel)).toBe(false);
        check(made);
      }
  });
});

describe("what the tile does not take", () => {
  it.each(["float64", "int32"] as const)("%s", (dtype) => {
    for (const n of [1, 7, 33]) check(matmul(n, n, n, { dtype, batch: 2 }));
  });

  it("no sums: the epilogue of 0", () => {
    const value: Expr = {
      k: "binary",
      dtype: "float32",
      fn: "add",
      x: acc,
      y: { k: "const", dtype: "float32", value: 3 },
    };
    check(matmul(5, 20, 0, { value }));
    check(matmul(5, 20, 0));
  });

  it("no rows, no columns, no batch: nothing is written", () => {
    check(matmul(0, 20, 4));
    check(matmul(3, 0, 4));
    check(matmul(3, 20, 4, { batch: 0 }));
  });

  it("rows of the store that run backwards", () => {
    const { kernel, sizes } = matmul(9, 16, 5);
    const coef = kernel.store.at.coef.map((c, i) => (i === 1 ? -c : c));
    const at = { base: 8 * 16, coef };
    check({ kernel: { ...kernel, store: { ...kernel.store, at } }, sizes });
  });

  it("but operands that run backwards it does", () => {
    const { kernel, sizes } = matmul(9, 16, 50);
    const back = (axis: number, { base, coef }: Affine): Affine => ({
      base: base + coef[axis]! * (kernel.axes[axis]! - 1),
      coef: coef.map((c, i) => (i === axis ? -c : c)),
    });
    const flipped = {
      ...kernel,
      a: { ...kernel.a, at: back(1, back(4, kernel.a.at)) },
      b: { ...kernel.b, at: back(4, kernel.b.at) },
    };
    check({ kernel: flipped, sizes });
  });
});

describe("the simplest shape", () => {
  const shape = { B: 4, H: 14, W: 14, IC: 32, OC: 64, kernel: 3, stride: 1 };
  const extents = ({ kernel }: Case) => {
    const simple = simplify(kernel);
    return [simple.batch, simple.rows, simple.sums].map((g) => g.map((axis) => simple.axes[axis]));
  };

  it("joins what lies together: a window's row with its channels", () => {
    expect(extents(convForward(shape))).toEqual([[], [4, 14, 14], [3, 96]]);
    expect(extents(convWeights(shape))).toEqual([[], [3, 96], [4, 14, 14]]);
    expect(extents(convForward({ ...shape, kernel: 1 }))).toEqual([[], [4 * 14 * 14], [32]]);
    expect(extents(matmul(5, 16, 7, { batch: 3 }))).toEqual([[3], [5], [7]]);
    expect(extents(matmul(1, 16, 1))).toEqual([[], [1], [1]]);
  });

  it("puts rows and sums into the order of a", () => {
    const { kernel, sizes } = convWeights(shape);
    const mixed = { ...kernel, rows: [2, 0, 1], sums: [7, 5, 6] };
    expect(extents({ kernel: mixed, sizes })).toEqual(extents({ kernel, sizes }));
  });
});

describe("division of the work", () => {
  const cases: [string, Case][] = [
    ["matmul", matmul(257, 260, 300)],
    ["matmul with blocks of sums", matmul(200, 128, 1024)],
    ["transposed matmul with copies", matmul(320, 300, 700, { aT: true, packed: true })],
    ["batched matmul", matmul(40, 48, 64, { batch: 60 })],
    ["convolution", convForward({ B: 4, H: 14, W: 14, IC: 32, OC: 64, kernel: 3, stride: 1 })],
    [
      "weights' gradient",
      convWeights({ B: 8, H: 14, W: 14, IC: 32, OC: 64, kernel: 3, stride: 1 }),
    ],
  ];

  it.each(cases)("of a %s gives the same bits", (_, made) => {
    const parts = contractParts(made.kernel);
    expect(parts).toBeGreaterThan(3);
    const data = operandsOf(made);
    const whole = new Runner(made, wide, data);
    whole.run(0, parts);
    const pieces = new Runner(made, wide, data);
    for (let lo = parts; lo > 0; lo -= 3) pieces.run(Math.max(0, lo - 3), lo);
    expect(Buffer.compare(bytesOf(pieces.arrays[2]!), bytesOf(whole.arrays[2]!))).toBe(0);
    for (const rows of [1, 4, 5]) {
      const other = new Runner(made, { ...wide, rows }, data);
      other.run(0, parts);
      expect(Buffer.compare(bytesOf(other.arrays[2]!), bytesOf(whole.arrays[2]!))).toBe(0);
    }
    expect(worst(made, data, whole.arrays[2]!)).toBeLessThan(1);
  });

  it("gives the same bits in every tile where nothing is fused", () => {
    const made = matmul(37, 50, 1024);
    const data = operandsOf(made);
    const results = [wide, { ...wide, rows: 3 }, { ...wide, revectorize: false, rows: 5 }].map(
      (options) => {
        const runner = new Runner(made, { ...options, relaxed: false }, data);
        runner.run(0, contractParts(made.kernel));
        return bytesOf(runner.arrays[2]!);
      },
    );
    for (const bytes of results) expect(Buffer.compare(bytes, results[0]!)).toBe(0);
  });

  it("does nothing for an empty range, and only its part for one", () => {
    const made = matmul(257, 260, 300);
    const data = operandsOf(made);
    const runner = new Runner(made, wide, data);
    runner.run(3, 3);
    expect(runner.arrays[2]).toEqual(data[2]);
    runner.run(0, 1);
    const changed = runner.arrays[2]!.filter((x, i) => x !== data[2]![i]).length;
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThan(data[2]!.length / 4);
  });

  it("makes one part of little work, two equal ones of more, and 16 or more of much", () => {
    expect(contractParts(matmul(32, 32, 64).kernel)).toBe(1);
    // Rows in tiles of 6 would be 36 and 28: the columns are cut.
    expect(partition(matmul(64, 64, 64).kernel).chunks).toMatchObject({ tile: 1, panel: 2 });
    expect(contractParts(matmul(256, 256, 256).kernel)).toBeGreaterThanOrEqual(16);
    const conv = convForward({ B: 64, H: 14, W: 14, IC: 32, OC: 64, kernel: 3, stride: 1 });
    expect(contractParts(conv.kernel)).toBeGreaterThanOrEqual(16);
  });
});

describe("the measuring kernel", () => {
  it.each(variants)("computes its product in tiles of %s", (_, options) => {
    const module = new ModuleBuilder();
    module.importMemory({ module: "env", name: "memory", min: 1 });
    const probe = renderProbe(module, options);
    module.exportFunc("run", probe.func);
    expect(probe.flops).toBe(2 * options.rows * 16 * 256);
    const memory = new WebAssembly.Memory({ initial: 2 });
    const instance = new WebAssembly.Instance(
      withFlags(options.revectorize, () => new WebAssembly.Module(module.toBytes())),
      { env: { memory } },
    );
    const [a, b, c] = [
      new Float32Array(memory.buffer, 65536, probe.sizes[0]),
      new Float32Array(memory.buffer, 65536 + 8192, probe.sizes[1]),
      new Float32Array(memory.buffer, 65536 + 32768, probe.sizes[2]),
    ];
    const made = matmul(options.rows, 16, 256, { packed: true });
    const data = operandsOf(made);
    a.set(data[0]!);
    b.set(data[1]!);
    new Int32Array(memory.buffer, 1024, 3).set([a.byteOffset, b.byteOffset, c.byteOffset]);
    (instance.exports.run as (p: number, lo: number, hi: number) => void)(1024, 0, 5);
    expect(worst(made, data, c)).toBeLessThan(1);
  });
});

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
