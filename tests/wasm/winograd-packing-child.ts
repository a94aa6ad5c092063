// Compiles the kernels of Winograd's convolutions, and prints how many functions of them should be
// packed. winograd-packing.test.ts runs it with the engine's trace of what it packs.

import { ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import { renderKernel } from "../../src/backend/wasm/program-kinds.ts";
import type { Affine, Expr, Kernel, Pixels } from "../../src/schedule/kernel.ts";

const [B, C, O] = [8, 32, 64];
const panels = O / 16;
const operand = (write: boolean) => ({ dtype: "float32" as const, write });
const pixels = (at: number, [H, W]: readonly [number, number], channels: number): Pixels => ({
  operand: at,
  base: 0,
  strides: [H * W * channels, W * channels, channels],
  height: H,
  width: W,
  channels,
  top: 1,
  left: 1,
});
const acc: Expr = { k: "acc", dtype: "float32" };
const load = (at: Affine): Expr => ({ k: "load", dtype: "float32", operand: 3, at });

function forward([H, W]: readonly [number, number], value: (here: Affine) => Expr): Kernel {
  const at = { base: 0, coef: [H * W * O, W * O, O, 16, 1] };
  return {
    kind: "winograd",
    axes: [B, H, W, panels, 16],
    operands: [operand(false), operand(false), operand(true), operand(false)],
    image: pixels(0, [H, W], C),
    weights: 1,
    matrix: C * O + 16,
    store: { operand: 2, at, value: value(at) },
    scalars: [],
    regs: [],
  };
}

function sums(size: readonly [number, number]): Kernel {
  return {
    kind: "winogradSums",
    axes: [2, B, ...size, C, panels, 16],
    operands: [operand(false), operand(false), operand(true)],
    image: pixels(0, size, C),
    gradient: { ...pixels(1, size, O), top: 0, left: 0 },
    sums: 2,
    matrix: C * O + 16,
    scalars: [],
    regs: [],
  };
}

const zero: Expr = { k: "const", dtype: "float32", value: 0 };
const bias = load({ base: 0, coef: [0, 0, 0, 16, 1] });
const sum = (y: Expr): Expr => ({ k: "binary", dtype: "float32", fn: "add", x: acc, y });
const relu = (x: Expr): Expr => ({ k: "unary", dtype: "float32", fn: "relu", x });
const positive = (x: Expr): Expr => ({ k: "compare", dtype: "bool", fn: "lt", x: zero, y: x });
const whole = [16, 16] as const;
const ragged = [14, 10] as const;
const kernels: readonly Kernel[] = [
  forward(whole, () => acc),
  forward(ragged, () => acc),
  forward(whole, () => relu(sum(bias))),
  forward(whole, (here) => sum(load(here))),
  forward(ragged, (here) => ({
    k: "where",
    dtype: "float32",
    cond: positive(load(here)),
    x: acc,
    y: zero,
  })),
  sums(whole),
  sums(ragged),
];
for (const kernel of kernels) {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory", min: 1 });
  renderKernel(kernel, module, { relaxed: true, revectorize: true, rows: 6 });
  new WebAssembly.Module(module.toBytes());
}
// Each has two transforms and the products; its loop over blocks has nothing to pack.
console.log(`functions: ${3 * kernels.length}`);
