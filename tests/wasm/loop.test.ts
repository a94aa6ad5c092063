// Loop kernels rendered to WebAssembly against the interpreter: every op, dtype and way of access, at
// sizes around every width of the code, with the vector axis parallel, inner and absent.

import { describe, expect, test } from "vitest";
import { type DType, makeArray, type TypedArray } from "../../src/ir/dtype.ts";
import { binaryOps, compareOps, reduceOps, type UnaryOp, unaryOps } from "../../src/ir/op.ts";
import type { Affine, Expr, LoopKernel, Stage } from "../../src/schedule/kernel.ts";
import { check, execute } from "./loop-harness.ts";

const sizes = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100];

function at(base: number, ...coef: number[]): Affine {
  return { base, coef };
}

function load(operand: number, dtype: DType, where: Affine): Expr {
  return { k: "load", dtype, operand, at: where };
}

function constant(dtype: DType, value: number): Expr {
  return { k: "const", dtype, value };
}

function un(fn: UnaryOp, x: Expr): Expr {
  return { k: "unary", dtype: x.dtype, fn, x };
}

function bin(fn: (typeof binaryOps)[number], x: Expr, y: Expr): Expr {
  return { k: "binary", dtype: x.dtype, fn, x, y };
}

function reg(dtype: DType, number: number): Expr {
  return { k: "reg", dtype, reg: number };
}

interface Parts {
  axes: number[];
  parallel: number;
  vector: number;
  operands: [DType, boolean][];
  regs?: DType[];
  scalars?: DType[];
  stages: Partial<Stage>[];
}

function loop({ operands, stages, regs = [], scalars = [], ...rest }: Parts): LoopKernel {
  return {
    kind: "loop",
    ...rest,
    operands: operands.map(([dtype, write]) => ({ dtype, write })),
    regs,
    scalars,
    stages: stages.map((s) => ({ axes: [], reduces: [], stores: [], ...s })),
    grain: rest.vector === 0 ? 16 : 1,
  };
}

let seed = 1;
/** Numbers between -1 and 1, always the same ones. */
function noise(): number {
  seed = (Math.imul(seed, 1103515245) + 12345) | 0;
  return seed / 2 ** 31;
}

function data(dtype: DType, size: number, scale = 3): TypedArray {
  const array = makeArray(dtype, size);
  for (let i = 0; i < size; i++) {
    const x = noise();
    if (dtype === "bool") array[i] = x > 0 ? 1 : 0;
    else if (dtype === "uint8") array[i] = Math.floor(Math.abs(x) * 255);
    else if (dtype === "int32") array[i] = Math.trunc(x * 10 ** (1 + (i % 9)));
    else array[i] = x * scale;
  }
  return array;
}

const allowedUnary: { [K in DType]: readonly UnaryOp[] } = {
  float32: unaryOps,
  float64: unaryOps,
  int32: ["neg", "abs", "sign", "relu", "not", "floor", "ceil", "round", "trunc"],
  uint8: ["neg", "sign", "not", "relu"],
  bool: ["not"],
};

const specials = [
  0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-30, 1e30, -1e30, 700, 88, -88, 20, -20,
];
const unreal = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

describe("unary ops", () => {
  for (const dtype of ["float32", "float64", "int32", "uint8", "bool"] as const) {
    test.each(allowedUnary[dtype])(`%s of ${dtype}`, (fn) => {
      const periodic = fn === "sin" || fn === "cos";
      for (const vector of [0, -1]) {
        for (const n of [...sizes, 61]) {
          const x = data(dtype, n, 4);
          if (dtype === "float32" || dtype === "float64") {
            const extra = periodic ? unreal : [...specials, ...unreal];
            extra.slice(0, n).forEach((v, i) => {
              x[i] = v;
            });
          }
          const value = un(fn, load(0, dtype, at(0, 1)));
          const kernel = loop({
            axes: [n],
            parallel: 1,
            vector,
            operands: [
              [dtype, false],
              [dtype, true],
            ],
            stages: [{ stores: [{ operand: 1, at: at(0, 1), value }] }],
          });
          check(kernel, [x, makeArray(dtype, n)]);
        }
      }
    });
  }
});

describe("binary ops and comparisons", () => {
  const boolOps = ["add", "mul", "max", "min", "and", "or", "xor"];
  const bitOps = ["and", "or", "xor", "shl", "shr"];
  for (const dtype of ["float32", "float64", "int32", "uint8", "bool"] as const) {
    const float = dtype.startsWith("float");
    const ops = binaryOps.filter((fn) =>
      dtype === "bool" ? boolOps.includes(fn) : !(float && bitOps.includes(fn)),
    );
    test.each([...ops, ...compareOps])(`%s of ${dtype}`, (fn) => {
      const comparing = (compareOps as readonly string[]).includes(fn);
      const out: DType = comparing ? "bool" : dtype;
      for (const vector of [0, -1]) {
        for (const n of [5, 8, 33, 100]) {
          const [x, y] = [data(dtype, n), data(dtype, n)];
          for (let i = 0; i < n; i += 5) y[i] = x[i]!;
          if (n > 8 && float) [x[1], y[2], y[3], x[4]] = [Number.NaN, Number.NaN, 0, -0];
          if (n > 8 && dtype === "int32") {
            [x[1], y[1], y[2], y[3], y[4]] = [-(2 ** 31), -1, 0, -3, 3];
          }
          if (fn === "pow" && !float) for (let i = 0; i < n; i++) y[i] = (y[i]! % 7) + 2;
          if (fn === "shl" || fn === "shr") for (let i = 0; i < n; i++) y[i] = y[i]! & 7;
          const operands = [load(0, dtype, at(0, 1)), load(1, dtype, at(0, 1))] as const;
          const value = comparing
            ? ({ k: "compare", dtype: "bool", fn, x: operands[0], y: operands[1] } as Expr)
            : bin(fn as (typeof binaryOps)[number], ...operands);
          const kernel = loop({
            axes: [n],
            parallel: 1,
            vector,
            operands: [
              [dtype, false],
              [dtype, false],
              [out, true],
            ],
            stages: [{ stores: [{ operand: 2, at: at(0, 1), value }] }],
          });
          check(kernel, [x, y, makeArray(out, n)]);
        }
      }
    });
  }

  test("max and min with a number, powers and shifts by numbers", () => {
    const n = 37;
    const x = data("float32", n);
    x[3] = Number.NaN;
    const v = load(0, "float32", at(0, 1));
    const i = load(1, "int32", at(0, 1));
    const floats = [
      bin("max", v, constant("float32", 0.5)),
      bin("min", constant("float32", 0.5), v),
      bin("max", v, constant("float32", Number.NaN)),
      ...[0, 1, 2, 3, -1, 0.5].map((p) => bin("pow", v, constant("float32", p))),
    ];
    const ints = [bin("shr", i, constant("int32", 8)), bin("shl", i, constant("int32", 35))];
    const kernel = loop({
      axes: [n],
      parallel: 1,
      vector: 0,
      operands: [
        ["float32", false],
        ["int32", false],
        ...floats.map((): [DType, boolean] => ["float32", true]),
        ...ints.map((): [DType, boolean] => ["int32", true]),
      ],
      stages: [
        {
          stores: [...floats, ...ints].map((value, k) => ({ operand: k + 2, at: at(0, 1), value })),
        },
      ],
    });
    const outs = [...floats, ...ints].map((e) => makeArray(e.dtype, n));
    check(kernel, [x, data("int32", n), ...outs]);
  });
});

describe("casts, where, scalars", () => {
  const all = ["float32", "float64", "int32", "uint8", "bool"] as const;
  test.each(all.flatMap((a) => all.map((b) => [a, b] as const)))("%s to %s", (from, to) => {
    for (const vector of [0, -1]) {
      for (const n of [3, 8, 29]) {
        const x = data(from, n, 300);
        if (from.startsWith("float") && n > 8) {
          [x[0], x[1], x[2], x[3]] = [Number.NaN, 1e20, -1e20, 0];
        }
        const kernel = loop({
          axes: [n],
          parallel: 1,
          vector,
          operands: [
            [from, false],
            [to, true],
          ],
          stages: [
            {
              stores: [
                {
                  operand: 1,
                  at: at(0, 1),
                  value: { k: "cast", dtype: to, x: load(0, from, at(0, 1)) },
                },
              ],
            },
          ],
        });
        check(kernel, [x, makeArray(to, n)]);
      }
    }
  });

  test.each(all)("where over %s, with a scalar and an index", (dtype) => {
    for (const vector of [0, -1]) {
      const n = 43;
      const x = load(0, dtype, at(0, 1));
      const axis: Expr = { k: "axis", dtype: "int32", at: at(-5, 3) };
      const limit: Expr = { k: "scalar", dtype: "int32", slot: 0 };
      const cond: Expr = { k: "compare", dtype: "bool", fn: "lt", x: axis, y: limit };
      const y: Expr = { k: "scalar", dtype, slot: 1 };
      const kernel = loop({
        axes: [n],
        parallel: 1,
        vector,
        operands: [
          [dtype, false],
          [dtype, true],
        ],
        scalars: ["int32", dtype],
        stages: [
          {
            stores: [{ operand: 1, at: at(0, 1), value: { k: "where", dtype, cond, x, y } }],
          },
        ],
      });
      check(kernel, [data(dtype, n), makeArray(dtype, n)], [37.9, 2.75]);
    }
  });
});

describe("ways of access", () => {
  const ways: Record<string, (n: number) => { x: Affine; size: number }> = {
    contiguous: (n) => ({ x: at(0, n, 1), size: 3 * n }),
    offset: (n) => ({ x: at(7, n, 1), size: 3 * n + 7 }),
    reversed: (n) => ({ x: at(Math.max(0, n - 1), n, -1), size: 3 * n }),
    strided: (n) => ({ x: at(1, 3 * n, 3), size: 9 * n + 1 }),
    backwards: (n) => ({ x: at(Math.max(0, 5 * n - 5), 5 * n, -5), size: 15 * n + 1 }),
    far: (n) => ({ x: at(0, 1, 100), size: 100 * n + 3 }),
    "stride 0": () => ({ x: at(2, 1, 0), size: 6 }),
  };
  const dtypes = ["float32", "float64", "int32", "uint8", "bool"] as const;
  test.each(Object.keys(ways).flatMap((w) => dtypes.map((d) => [w, d] as const)))(
    "%s loads and stores of %s",
    (way, dtype) => {
      for (const n of sizes) {
        const { x, size } = ways[way]!(n);
        for (const vector of [1, -1]) {
          const kernel = (read: Affine, write: Affine) =>
            loop({
              axes: [3, n],
              parallel: 2,
              vector,
              operands: [
                [dtype, false],
                [dtype, true],
              ],
              stages: [
                {
                  stores: [{ operand: 1, at: write, value: load(0, dtype, read) }],
                },
              ],
            });
          check(kernel(x, at(0, n, 1)), [data(dtype, size), makeArray(dtype, 3 * n)]);
          if (way !== "stride 0") {
            check(kernel(at(0, n, 1), x), [data(dtype, 3 * n), makeArray(dtype, size)]);
          }
        }
      }
    },
  );

  test("several loads of one operand at small distances", () => {
    for (const n of [8, 33, 100]) {
      const [a, b, c] = [-1, 0, 1].map((d) => load(0, "float32", at(5 + d, 1)));
      const value = bin("add", bin("mul", a!, b!), c!);
      const kernel = loop({
        axes: [n],
        parallel: 1,
        vector: 0,
        operands: [
          ["float32", false],
          ["float32", true],
        ],
        stages: [{ stores: [{ operand: 1, at: at(0, 1), value }] }],
      });
      check(kernel, [data("float32", n + 10), makeArray("float32", n)]);
    }
  });
});

describe("reductions", () => {
  const dtypes = ["float32", "float64", "int32", "uint8", "bool"] as const;
  const cases = dtypes.flatMap((d) =>
    reduceOps
      .filter((fn) => d !== "bool" || !["sum", "prod"].includes(fn))
      .map((fn) => [fn, d] as const),
  );
  test.each(cases)("%s of %s", (fn, dtype) => {
    const arg = fn === "argmax" || fn === "argmin";
    const out: DType = arg ? "int32" : dtype;
    for (const n of [...sizes, 200]) {
      for (const rows of [1, 5, 9]) {
        // Along rows with an inner vector axis, along columns with a parallel one, and without.
        for (const [vector, coef] of [
          [1, [n, 1]],
          [0, [1, rows]],
          [-1, [n, 1]],
        ] as const) {
          const x = data(dtype, rows * n, fn === "prod" ? 1.5 : 3);
          if (n > 3 && !arg) x[2] = x[1]!;
          if (arg && n > 4 && dtype.startsWith("float")) x[rows * n - 2] = Number.NaN;
          const kernel = loop({
            axes: [rows, n],
            parallel: 1,
            vector,
            operands: [
              [dtype, false],
              [out, true],
            ],
            regs: [out],
            stages: [
              {
                axes: [1],
                reduces: [
                  {
                    reg: 0,
                    fn,
                    value: load(0, dtype, at(0, ...coef)),
                    ...(arg ? { index: at(0, 0, 1) } : {}),
                  },
                ],
              },
              { stores: [{ operand: 1, at: at(0, 1, 0), value: reg(out, 0) }] },
            ],
          });
          check(kernel, [x, makeArray(out, rows)], [], { tolerance: 2e-5 });
        }
      }
    }
  });

  test("over two inner axes, with several registers", () => {
    for (const [a, b] of [
      [3, 5],
      [2, 8],
      [4, 37],
      [3, 64],
    ] as const) {
      const x = load(0, "float32", at(0, a * b, b, 1));
      const kernel = loop({
        axes: [6, a, b],
        parallel: 1,
        vector: 2,
        operands: [
          ["float32", false],
          ["float32", true],
          ["float32", true],
        ],
        regs: ["float32", "float32"],
        stages: [
          {
            axes: [1, 2],
            reduces: [
              { reg: 0, fn: "sum", value: bin("mul", x, x) },
              { reg: 1, fn: "max", value: x },
            ],
          },
          {
            stores: [
              { operand: 1, at: at(0, 1, 0, 0), value: un("sqrt", reg("float32", 0)) },
              { operand: 2, at: at(0, 1, 0, 0), value: reg("float32", 1) },
            ],
          },
        ],
      });
      const outs = [makeArray("float32", 6), makeArray("float32", 6)];
      check(kernel, [data("float32", 6 * a * b), ...outs], [], { tolerance: 1e-5 });
    }
  });
});

describe("kernels of networks", () => {
  test("softmax over rows, in place and not", () => {
    for (const n of [1, 4, 10, 33, 64, 100, 256]) {
      for (const vector of [1, -1]) {
        const x = load(0, "float32", at(0, n, 1));
        const e = un("exp", bin("sub", x, reg("float32", 0)));
        const kernel = loop({
          axes: [7, n],
          parallel: 1,
          vector,
          operands: [
            ["float32", false],
            ["float32", true],
          ],
          regs: ["float32", "float32"],
          stages: [
            { axes: [1], reduces: [{ reg: 0, fn: "max", value: x }] },
            { axes: [1], reduces: [{ reg: 1, fn: "sum", value: e }] },
            {
              axes: [1],
              stores: [{ operand: 1, at: at(0, n, 1), value: bin("div", e, reg("float32", 1)) }],
            },
          ],
        });
        const input = data("float32", 7 * n);
        check(kernel, [input, makeArray("float32", 7 * n)]);
        check(kernel, [input, input]);
      }
    }
  });

  test("layer norm with weight and bias", () => {
    for (const n of [3, 16, 77, 128]) {
      const x = load(0, "float32", at(0, n, 1));
      const mean = bin("div", reg("float32", 0), constant("float32", n));
      const centred = bin("sub", x, mean);
      const variance = bin("div", reg("float32", 1), constant("float32", n));
      const eps: Expr = { k: "scalar", dtype: "float32", slot: 0 };
      const unit = bin("mul", centred, un("rsqrt", bin("add", variance, eps)));
      const value = bin(
        "add",
        bin("mul", unit, load(1, "float32", at(0, 0, 1))),
        load(2, "float32", at(0, 0, 1)),
      );
      const kernel = loop({
        axes: [5, n],
        parallel: 1,
        vector: 1,
        operands: [
          ["float32", false],
          ["float32", false],
          ["float32", false],
          ["float32", true],
        ],
        regs: ["float32", "float32"],
        scalars: ["float32"],
        stages: [
          { axes: [1], reduces: [{ reg: 0, fn: "sum", value: x }] },
          { axes: [1], reduces: [{ reg: 1, fn: "sum", value: bin("mul", centred, centred) }] },
          { axes: [1], stores: [{ operand: 3, at: at(0, n, 1), value }] },
        ],
      });
      const inputs = [data("float32", 5 * n), data("float32", n), data("float32", n)];
      check(kernel, [...inputs, makeArray("float32", 5 * n)], [1e-5], { tolerance: 1e-5 });
    }
  });

  test("Adam: three outputs in place, hyperparameters from memory", () => {
    for (const n of [1, 6, 32, 77, 300]) {
      const [p, g, m, v] = [0, 1, 2, 3].map((i) => load(i, "float32", at(0, 1))) as [
        Expr,
        Expr,
        Expr,
        Expr,
      ];
      const [rate, beta1, beta2] = [4, 5, 6].map((i) => load(i, "float32", at(0, 0))) as [
        Expr,
        Expr,
        Expr,
      ];
      const one = constant("float32", 1);
      const m1 = bin("add", bin("mul", m, beta1), bin("mul", g, bin("sub", one, beta1)));
      const v1 = bin(
        "add",
        bin("mul", v, beta2),
        bin("mul", bin("mul", g, g), bin("sub", one, beta2)),
      );
      const size = bin("add", un("sqrt", un("abs", v1)), constant("float32", 1e-8));
      const p1 = bin("sub", p, bin("div", bin("mul", rate, m1), size));
      const kernel = loop({
        axes: [n],
        parallel: 1,
        vector: 0,
        operands: [...Array(7).fill(["float32", false]), ...Array(3).fill(["float32", true])],
        stages: [
          {
            stores: [p1, m1, v1].map((value, i) => ({ operand: 7 + i, at: at(0, 1), value })),
          },
        ],
      });
      const [a, b, c, d] = [0, 1, 2, 3].map(() => data("float32", n)) as TypedArray[];
      const hyper = [0.001, 0.9, 0.999].map((x) => Float32Array.of(x));
      check(kernel, [a!, b!, c!, d!, ...hyper, a!, c!, d!], [], { tolerance: 1e-5 });
    }
  });

  test("embedding: rows by index, and a bad index is a fault", () => {
    for (const dtype of ["float32", "int32", "uint8", "float64"] as const) {
      for (const width of [1, 8, 19]) {
        const index = load(1, "int32", at(0, 1, 0));
        const value: Expr = {
          k: "gather",
          dtype,
          operand: 0,
          at: at(0, 0, 1),
          index,
          stride: width,
          size: 6,
          fault: 3,
        };
        const kernel = loop({
          axes: [11, width],
          parallel: 2,
          vector: 1,
          operands: [
            [dtype, false],
            ["int32", false],
            [dtype, true],
          ],
          stages: [{ stores: [{ operand: 2, at: at(0, width, 1), value }] }],
        });
        const good = Int32Array.from({ length: 11 }, (_, i) => (i * 5) % 6);
        const table = data(dtype, 6 * width);
        check(kernel, [table, good, makeArray(dtype, 11 * width)]);
        for (const bad of [6, -1, 2 ** 31 - 1]) {
          const index = good.slice();
          index[4] = bad;
          check(kernel, [table, index, makeArray(dtype, 11 * width)]);
        }
      }
    }
  });

  test("gather along lanes, as in a cross entropy", () => {
    for (const n of [1, 5, 8, 23, 40]) {
      const index = load(1, "int32", at(0, 1));
      const value: Expr = {
        k: "gather",
        dtype: "float32",
        operand: 0,
        at: at(0, 10),
        index,
        stride: 1,
        size: 10,
        fault: 0,
      };
      const kernel = loop({
        axes: [n],
        parallel: 1,
        vector: 0,
        operands: [
          ["float32", false],
          ["int32", false],
          ["float32", true],
        ],
        stages: [{ stores: [{ operand: 2, at: at(0, 1), value: un("neg", value) }] }],
      });
      const index1 = Int32Array.from({ length: n }, (_, i) => (i * 7) % 10);
      check(kernel, [data("float32", 10 * n), index1, makeArray("float32", n)]);
      index1[n - 1] = 10;
      check(kernel, [data("float32", 10 * n), index1, makeArray("float32", n)]);
    }
  });

  test("scatter: rows and lanes, repeated indices, bad ones", () => {
    for (const dtype of ["float32", "int32", "float64", "uint8"] as const) {
      for (const [width, along, fn] of [
        [8, true, "add"],
        [13, true, "add"],
        [13, false, "add"],
        [8, true, "put"],
        [13, true, "put"],
        [13, false, "put"],
      ] as const) {
        const rows = 9;
        // One parallel point; inner axes in order.
        const index = load(1, "int32", along ? at(0, 0, 1, 0) : at(0, 0, 0, 1));
        const store = {
          operand: 2,
          at: along ? at(0, 0, 0, 1) : at(0, 0, 1, 0),
          value: load(0, dtype, at(0, 0, width, 1)),
          scatter: { fn, index, stride: along ? width : rows, size: 5, fault: 1 },
        };
        const kernel = loop({
          axes: [1, rows, width],
          parallel: 1,
          vector: 2,
          operands: [
            [dtype, false],
            ["int32", false],
            [dtype, true],
          ],
          stages: [{ axes: [1, 2], stores: [store] }],
        });
        const picks = Int32Array.from({ length: along ? rows : width }, (_, i) => (i * i) % 5);
        const base = data(dtype, 5 * (along ? width : rows));
        check(kernel, [data(dtype, rows * width), picks, base]);
        picks[2] = -3;
        check(kernel, [data(dtype, rows * width), picks, base]);
      }
    }
  });

  test("padding: masks along rows, along lanes, along both", () => {
    const [h, lo] = [6, 2];
    for (const w of [1, 4, 7, 16, 29]) {
      for (const [padRows, padLanes] of [
        [true, false],
        [false, true],
        [true, true],
      ]) {
        const height = padRows ? h + 2 * lo : h;
        const width = padLanes ? w + 2 * lo : w;
        const y = at(padRows ? -lo : 0, 1, 0);
        const x = at(padLanes ? -lo : 0, 0, 1);
        const source = at(y.base * w + x.base, w, 1);
        const value: Expr = {
          k: "masked",
          dtype: "float32",
          ranges: [
            ...(padRows ? [{ at: y, size: h }] : []),
            ...(padLanes ? [{ at: x, size: w }] : []),
          ],
          x: un("exp", load(0, "float32", source)),
          fill: -2.5,
        };
        for (const vector of [1, -1]) {
          const kernel = loop({
            axes: [height, width],
            parallel: 2,
            vector,
            operands: [
              ["float32", false],
              ["float32", true],
            ],
            stages: [
              {
                stores: [
                  {
                    operand: 1,
                    at: at(0, width, 1),
                    value: bin("add", value, constant("float32", 1)),
                  },
                ],
              },
            ],
          });
          check(kernel, [data("float32", h * w), makeArray("float32", height * width)]);
        }
      }
    }
  });

  test("max pool with padding over channels, and its window sums", () => {
    const [h, c] = [5, 12];
    for (const fn of ["max", "sum"] as const) {
      for (const vector of [1, -1]) {
        // out[y, c] = reduce over k of x[y·2 + k - 1, c], k in 0..2
        const row = at(-1, 2, 0, 1);
        const value: Expr = {
          k: "masked",
          dtype: "float32",
          ranges: [{ at: row, size: h }],
          x: load(0, "float32", at(-c, 2 * c, 1, c)),
          fill: fn === "max" ? Number.NEGATIVE_INFINITY : 0,
        };
        const kernel = loop({
          axes: [3, c, 3],
          parallel: 2,
          vector,
          operands: [
            ["float32", false],
            ["float32", true],
          ],
          regs: ["float32"],
          stages: [
            { axes: [2], reduces: [{ reg: 0, fn, value }] },
            { stores: [{ operand: 1, at: at(0, c, 1, 0), value: reg("float32", 0) }] },
          ],
        });
        check(kernel, [data("float32", h * c), makeArray("float32", 3 * c)]);
      }
    }
  });
});

describe("random", () => {
  function random(n: number, vector: number): LoopKernel {
    const seedOf: Expr = { k: "scalar", dtype: "int32", slot: 0 };
    const base: Expr = load(0, "int32", at(0, 0));
    const value: Expr = {
      k: "random",
      dtype: "int32",
      seed: seedOf,
      base,
      at: at(0, 1),
      stream: 0,
    };
    return loop({
      axes: [n],
      parallel: 1,
      vector,
      operands: [
        ["int32", false],
        ["int32", true],
      ],
      scalars: ["int32"],
      stages: [{ stores: [{ operand: 1, at: at(0, 1), value }] }],
    });
  }

  test("key 0 and counter 0 give Random123's first word", () => {
    for (const vector of [0, -1]) {
      const { buffers } = execute(
        random(1, vector),
        [Int32Array.of(0), makeArray("int32", 1)],
        [0],
      );
      expect(buffers[1]![0]! >>> 0).toBe(0x6b200159);
    }
  });

  test("every position and key as in the interpreter", () => {
    for (const vector of [0, -1]) {
      for (const n of [3, 8, 50]) {
        check(random(n, vector), [Int32Array.of(-77), makeArray("int32", n)], [123456789]);
      }
    }
  });
});
