// Loop kernels that must be packed into vectors of twice the width, by name. Run as a program, this
// compiles them in order with V8's trace of the packing on (see loop-packing.test.ts).

import type { UnaryOp } from "../../src/ir/op.ts";
import type { Expr, LoopKernel, Stage } from "../../src/schedule/kernel.ts";
import { compile } from "./loop-compile.ts";

type Body = Pick<LoopKernel, "axes" | "parallel" | "vector"> & {
  reads: number;
  writes: number;
  regs?: number;
  stages: Partial<Stage>[];
};

function kernel({ reads, writes, regs = 0, stages, ...rest }: Body): LoopKernel {
  const operand = (write: boolean) => ({ dtype: "float32", write }) as const;
  return {
    kind: "loop",
    ...rest,
    operands: [...Array(reads).fill(operand(false)), ...Array(writes).fill(operand(true))],
    regs: Array(regs).fill("float32"),
    scalars: [],
    stages: stages.map((s) => ({ axes: [], reduces: [], stores: [], ...s })),
    grain: 16,
  };
}

const at = (...coef: number[]) => ({ base: 0, coef });
const load = (operand: number, ...coef: number[]): Expr => ({
  k: "load",
  dtype: "float32",
  operand,
  at: at(...coef),
});
const un = (fn: UnaryOp, x: Expr): Expr => ({ k: "unary", dtype: "float32", fn, x });
const bin = (fn: "add" | "sub" | "mul" | "div", x: Expr, y: Expr): Expr => ({
  k: "binary",
  dtype: "float32",
  fn,
  x,
  y,
});
const number = (value: number): Expr => ({ k: "const", dtype: "float32", value });
const reg = (r: number): Expr => ({ k: "reg", dtype: "float32", reg: r });

function map(value: Expr, reads = 1): LoopKernel {
  const stages = [{ stores: [{ operand: reads, at: at(1), value }] }];
  return kernel({ axes: [4096], parallel: 1, vector: 0, reads, writes: 1, stages });
}

function softmax(): LoopKernel {
  const x = load(0, 256, 1);
  const e = un("exp", bin("sub", x, reg(0)));
  const store = (value: Expr) => [{ operand: 1, at: at(256, 1), value }];
  const stages: Partial<Stage>[] = [
    { axes: [1], reduces: [{ reg: 0, fn: "max", value: x }] },
    { axes: [1], reduces: [{ reg: 1, fn: "sum", value: e }], stores: store(e) },
    { axes: [1], stores: store(bin("div", load(1, 256, 1), reg(1))) },
  ];
  return kernel({ axes: [64, 256], parallel: 1, vector: 1, reads: 1, writes: 1, regs: 2, stages });
}

function layerNorm(): LoopKernel {
  const x = load(0, 256, 1);
  const centred = bin("sub", x, bin("mul", reg(0), number(1 / 256)));
  const variance = bin("mul", reg(1), number(1 / 256));
  const scale = un("rsqrt", bin("add", variance, number(1e-5)));
  const unit = bin("mul", centred, scale);
  const value = bin("add", bin("mul", unit, load(1, 0, 1)), load(2, 0, 1));
  const stages: Partial<Stage>[] = [
    { axes: [1], reduces: [{ reg: 0, fn: "sum", value: x }] },
    { axes: [1], reduces: [{ reg: 1, fn: "sum", value: bin("mul", centred, centred) }] },
    { axes: [1], stores: [{ operand: 3, at: at(256, 1), value }] },
  ];
  return kernel({ axes: [64, 256], parallel: 1, vector: 1, reads: 3, writes: 1, regs: 2, stages });
}

function adam(): LoopKernel {
  const [p, g, m, v] = [load(0, 1), load(1, 1), load(2, 1), load(3, 1)];
  const [rate, beta1, beta2] = [load(4, 0), load(5, 0), load(6, 0)];
  const mix = (beta: Expr, old: Expr, fresh: Expr) =>
    bin("add", bin("mul", old, beta), bin("mul", fresh, bin("sub", number(1), beta)));
  const m1 = mix(beta1, m, g);
  const v1 = mix(beta2, v, bin("mul", g, g));
  const p1 = bin(
    "sub",
    p,
    bin("div", bin("mul", rate, m1), bin("add", un("sqrt", v1), number(1e-8))),
  );
  const stores = [p1, m1, v1].map((value, i) => ({ operand: 7 + i, at: at(1), value }));
  const stages = [{ stores }];
  return kernel({ axes: [4096], parallel: 1, vector: 0, reads: 7, writes: 3, stages });
}

function columnSums(): LoopKernel {
  const stages: Partial<Stage>[] = [
    { axes: [1], reduces: [{ reg: 0, fn: "sum", value: load(0, 1, 256) }] },
    { stores: [{ operand: 1, at: at(1, 0), value: reg(0) }] },
  ];
  return kernel({ axes: [256, 64], parallel: 1, vector: 0, reads: 1, writes: 1, regs: 1, stages });
}

function dropout(): LoopKernel {
  const int = (value: number): Expr => ({ k: "const", dtype: "int32", value });
  const bits: Expr = {
    k: "random",
    dtype: "int32",
    seed: int(5),
    base: int(7),
    at: at(1),
    stream: 3,
  };
  const high: Expr = { k: "binary", dtype: "int32", fn: "shr", x: bits, y: int(8) };
  const u = bin("mul", { k: "cast", dtype: "float32", x: high }, number(2 ** -24));
  const cond: Expr = { k: "compare", dtype: "bool", fn: "lt", x: u, y: number(0.5) };
  return map({ k: "where", dtype: "float32", cond, x: load(0, 1), y: number(0) });
}

/** The gradient of maximum pooling behind a relu: it goes to the place that won, and to a sum. */
function unpool(): LoopKernel {
  const index: Expr = { k: "axis", dtype: "int32", at: at(0, 0, 2, 0, 1) };
  const winner: Expr = { k: "load", dtype: "int32", operand: 1, at: at(0, 1, 0, 32, 0) };
  const won: Expr = { k: "compare", dtype: "bool", fn: "eq", x: index, y: winner };
  const dead: Expr = {
    k: "compare",
    dtype: "bool",
    fn: "le",
    x: load(0, 0, 1, 448, 64, 32),
    y: number(0),
  };
  const or0 = (cond: Expr, x: Expr, y: Expr): Expr => ({
    k: "where",
    dtype: "float32",
    cond,
    x,
    y,
  });
  const value = or0(dead, number(0), or0(won, load(2, 0, 1, 0, 32, 0), number(0)));
  const all = [{ operand: 3, at: at(0, 1, 448, 64, 32), value }];
  const stages: Partial<Stage>[] = [
    { axes: [2, 3, 4], reduces: [{ reg: 0, fn: "sum", value }], stores: all },
    { stores: [{ operand: 4, at: at(32, 1), value: reg(0) }] },
  ];
  const axes = [8, 32, 2, 7, 2];
  return kernel({ axes, parallel: 2, vector: 1, reads: 3, writes: 2, regs: 1, stages });
}

const x = load(0, 1);
const functions = ["exp", "tanh", "sigmoid", "log", "sin", "erf", "relu"] as const;

/** The kernels, and how many pairs each must have at least. */
export const packed: readonly [name: string, kernel: LoopKernel, pairs: number][] = [
  ...functions.map((fn): [string, LoopKernel, number] => [
    fn,
    map(un(fn, x)),
    fn === "relu" ? 8 : 20,
  ]),
  ["add", map(bin("add", x, load(1, 1)), 2), 12],
  ["softmax", softmax(), 80],
  ["layer norm", layerNorm(), 40],
  ["adam", adam(), 40],
  ["column sums", columnSums(), 16],
  ["dropout", dropout(), 80],
  ["gradient of pooling", unpool(), 80],
];

if (process.argv[1] === import.meta.filename) {
  const options = { relaxed: true, revectorize: true };
  for (const [, k] of packed) compile(k, options, ["--trace-wasm-revectorize"]);
}
