// Contractions as WebAssembly. float32 with 16 columns a panel goes through the register tile
// (contract-render.ts); everything else becomes a loop kernel (contract-loop.ts). Also the kernel
// that measures what the tile reaches on this machine.
// Not here: which tile is best (probe.ts decides by measuring).

import type { ContractKernel, Operand } from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder } from "./assembler.ts";
import { isHeavy } from "./contract-epilogue.ts";
import { loopOfContract } from "./contract-loop.ts";
import { packingOf } from "./contract-pack.ts";
import { renderTiled } from "./contract-render.ts";
import { simplify } from "./contract-shape.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { countParts, partition, sumBlocks } from "./contract-tiling.ts";
import { vectorizable } from "./expr-vector.ts";
import { renderLoop } from "./loop.ts";

export type { ContractOptions } from "./contract-tile.ts";

/** Into how many parts the kernel's work is cut: by its shape, never by threads or tiles. Any
 *  division of [0, parts) gives the same bits. 0 where there is nothing to write. */
export function contractParts(kernel: ContractKernel): number {
  const simple = simplify(kernel);
  return isTiled(simple) ? countParts(partition(simple)) : simple.axes[0]!;
}

/** Bytes of scratch memory that a thread needs for the kernel, for copies of what lies badly. Where
 *  there are any, their address follows the kernel's scalars among its parameters. */
export function contractScratch(kernel: ContractKernel): number {
  const simple = simplify(kernel);
  return isTiled(simple) ? (packingOf(simple, partition(simple))?.bytes ?? 0) : 0;
}

/** Renders a contraction as a function `(p, lo, hi)` of the module: addresses at p, parts lo to hi.
 *  Where {@link keepsPartialSums}, the store's operand holds sums before it holds the result, so
 *  that no operand which the epilogue loads may share memory with it. */
export function renderContract(
  kernel: ContractKernel,
  module: ModuleBuilder,
  options: ContractOptions,
): FuncBuilder {
  const simple = simplify(kernel);
  if (isTiled(simple)) return renderTiled(simple, module, options);
  return renderLoop(loopOfContract(simple), module, options);
}

/** Whether the store's operand holds sums (partial ones, or those that a heavy epilogue is still to
 *  be applied to) while the kernel runs. If so, no other operand may share memory with it; if not,
 *  an operand that is loaded at the very elements that are stored may. */
export function keepsPartialSums(kernel: ContractKernel): boolean {
  const simple = simplify(kernel);
  return isTiled(simple) && (sumBlocks(simple).count > 1 || isHeavy(simple));
}

/** Whether the register tile takes a simplified kernel. */
function isTiled(kernel: ContractKernel): boolean {
  const { axes, a, b, store, operands, rows, panel, lane } = kernel;
  const isFloat32 = ({ operand }: { operand: number }) => operands[operand]!.dtype === "float32";
  return (
    kernel.dtype === "float32" &&
    [a, b, store].every(isFloat32) &&
    store.scatter === undefined &&
    axes[lane] === 16 &&
    axes.every((extent) => extent > 0) &&
    b.at.coef[lane] === 1 &&
    store.at.coef[lane] === 1 &&
    a.at.coef[lane] === 0 &&
    a.at.coef[panel] === 0 &&
    rows.every((axis) => b.at.coef[axis] === 0 && store.at.coef[axis]! >= 0) &&
    store.value.dtype === "float32" &&
    vectorizable([store.value], lane)
  );
}

/** Repetitions of the measured tile; each is a part. */
const probeParts = 1 << 15;

/** What {@link renderProbe} makes. */
export interface Probe {
  readonly func: FuncBuilder;
  /** Elements of the operands a, b and c (float32). */
  readonly sizes: readonly [number, number, number];
  /** Floating-point operations of one part. */
  readonly flops: number;
}

/** Renders the register tile alone: c (rows × 16) = a (rows × 256) · b (256 × 16), once a part, all
 *  of it in the first-level cache. Parts 0 to 32767 all do the same. */
export function renderProbe(
  module: ModuleBuilder,
  { rows, revectorize, relaxed }: ContractOptions,
): Probe {
  const [K, width] = [256, 16];
  const operand = (write: boolean): Operand => ({ dtype: "float32", write });
  const kernel: ContractKernel = {
    kind: "contract",
    axes: [probeParts, rows, 1, width, K],
    batch: [0],
    rows: [1],
    panel: 2,
    lane: 3,
    sums: [4],
    dtype: "float32",
    operands: [operand(false), operand(false), operand(true)],
    a: { operand: 0, at: { base: 0, coef: [0, K, 0, 0, 1] } },
    b: { operand: 1, at: { base: 0, coef: [0, 0, 0, 1, width] } },
    store: {
      operand: 2,
      at: { base: 0, coef: [0, width, 0, 1, 0] },
      value: { k: "acc", dtype: "float32" },
    },
    scalars: [],
    regs: [],
  };
  const simple = simplify(kernel);
  const chunks = { batch: probeParts, outer: 1, tile: 1, panel: 1 };
  const parts = {
    flat: false,
    batches: probeParts,
    outer: 1,
    inner: rows,
    panels: 1,
    panelsInside: false,
    chunks,
  };
  const func = renderTiled(simple, module, { rows, revectorize, relaxed }, parts);
  return { func, sizes: [rows * K, K * width, rows * width], flops: 2 * rows * width * K };
}
