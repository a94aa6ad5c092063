// Compiles the hot contraction kernels, and prints how many there are. contract-packing.test.ts runs
// it with the engine's trace of what it packs.

import { ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import { renderContract } from "../../src/backend/wasm/contract.ts";
import type { Affine, Expr } from "../../src/schedule/kernel.ts";
import { acc, type Case, convForward, convWeights, matmul } from "./contract-cases.ts";

const f32 = (size: number) => ({ dtype: "float32" as const, size });
const load = (operand: number, at: Affine): Expr => ({ k: "load", dtype: "float32", operand, at });
const bias = load(3, { base: 0, coef: [0, 0, 16, 1, 0] });
const full = load(3, { base: 0, coef: [0, 64, 16, 1, 0] });
const zero: Expr = { k: "const", dtype: "float32", value: 0 };
const sum: Expr = { k: "binary", dtype: "float32", fn: "add", x: acc, y: bias };
const relu: Expr = { k: "unary", dtype: "float32", fn: "relu", x: sum };
const residual: Expr = { k: "binary", dtype: "float32", fn: "add", x: acc, y: full };
const positive: Expr = { k: "compare", dtype: "bool", fn: "lt", x: zero, y: full };
const masked: Expr = { k: "where", dtype: "float32", cond: positive, x: acc, y: zero };
const ended: Expr = {
  k: "load",
  dtype: "bool",
  operand: 3,
  at: { base: 0, coef: [0, 1, 0, 0, 0] },
};
const rows: Expr = { k: "where", dtype: "float32", cond: ended, x: acc, y: zero };
const tanh: Expr = { k: "unary", dtype: "float32", fn: "tanh", x: sum };

const layer = { B: 64, H: 14, W: 14, IC: 32, OC: 64, kernel: 3, stride: 1 };
const first = { B: 64, H: 28, W: 28, IC: 1, OC: 32, kernel: 3, stride: 1 };
const cases: Case[] = [
  matmul(64, 64, 64),
  matmul(64, 64, 64, { aT: true, packed: true }),
  matmul(128, 256, 256, { aT: true, packed: true }),
  matmul(64, 64, 1024),
  matmul(64, 64, 1009),
  convForward(layer),
  convForward(first),
  convWeights(layer),
  convWeights(first),
  ...[relu, residual, masked, tanh].flatMap((value) =>
    [64, 1024].map((K) => matmul(64, 64, K, { value, extra: [f32(64 * 64)] })),
  ),
  ...[64, 1024].map((K) =>
    matmul(64, 64, K, { value: rows, extra: [{ dtype: "bool", size: 64 }] }),
  ),
];
for (const { kernel } of cases) {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory", min: 1 });
  renderContract(kernel, module, { relaxed: true, revectorize: true, rows: 6 });
  new WebAssembly.Module(module.toBytes());
}
console.log(`functions: ${cases.length}`);
