// Convolutions of 3×3 windows by Winograd's transforms as WebAssembly. The work goes block by block: a
// thread transforms the tiles of a block into its scratch memory, multiplies them by the weights, and
// transforms the products into results, so that nothing in between leaves the second-level cache.
// Each phase is a function of its own: they compile faster apart, and side by side.
// Not here: the phases (winograd-pixels.ts, winograd-products.ts, winograd-results.ts), how work is
// cut (winograd-shape.ts), weight gradients (winograd-sums.ts), when it pays (schedule/winograd.ts).

import type { WinogradKernel } from "../../schedule/kernel.ts";
import type { FuncBuilder, FuncRef, ModuleBuilder } from "./assembler.ts";
import { emitFor } from "./contract-cursor.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { Frame } from "./expr.ts";
import { emitBlockEnd, emitScratch, scratchWord } from "./winograd-block.ts";
import { renderTiles } from "./winograd-pixels.ts";
import { renderProducts } from "./winograd-products.ts";
import { renderResults } from "./winograd-results.ts";
import { shapeOf } from "./winograd-shape.ts";

/** Renders the kernel as a function `(p, lo, hi)`: blocks lo to hi. */
export function renderWinograd(
  kernel: WinogradKernel,
  module: ModuleBuilder,
  options: ContractOptions,
): FuncBuilder {
  const { blocks, scratch } = shapeOf(kernel);
  const { operands, image, axes } = kernel;
  const { first, second } = scratch;
  const panels = axes[3]!;
  const panel = 64 * image.channels;
  const source = { pixels: image, kind: "input", to: first, blocks } as const;
  const read = renderTiles(module, operands, options, source);
  const multiply = renderProducts(module, operands, options, {
    rows: blocks.tiles,
    panels,
    a: { matrix: first.stride, row: first.tile, sum: 4 },
    b: { matrix: 4 * kernel.matrix, panel, sum: 64 },
    c: { matrix: second.stride, panel: 64, row: second.tile },
    sums: { fixed: image.channels },
  });
  const write = renderResults(module, kernel, options, blocks, second);
  return renderBlocks(kernel, module, options, { read, multiply, write });
}

interface Phases {
  readonly read: FuncRef;
  readonly multiply: FuncRef;
  readonly write: FuncRef;
}

function renderBlocks(
  kernel: WinogradKernel,
  module: ModuleBuilder,
  options: ContractOptions,
  { read, multiply, write }: Phases,
): FuncBuilder {
  const { blocks, scratch } = shapeOf(kernel);
  const f = module.func(["i32", "i32", "i32"], [], "winograd");
  const frame = new Frame(module, f, kernel.operands, options);
  const i32 = () => f.local("i32");
  const [block, base, from, to, end] = [i32(), i32(), i32(), i32(), i32()];
  emitScratch(f, base, scratchWord(kernel), scratch.zeroBytes);
  f.i32(blocks.rows);
  f.set(end);
  const inScratch = (at: number) => {
    f.get(base);
    f.i32(at);
    f.op("i32.add");
  };
  const phase = (func: FuncRef) => {
    for (const local of [0, base, from, to]) f.get(local);
    f.call(func);
  };
  emitFor(f, { local: block, from: 1, to: 2 }, () => {
    f.get(block);
    f.i32(blocks.perBlock);
    f.op("i32.mul");
    f.set(from);
    emitBlockEnd(f, blocks, { from, to, end });
    phase(read);
    inScratch(scratch.first.at);
    f.get(frame.base(kernel.weights));
    inScratch(scratch.second.at);
    f.i32(0);
    f.i32(0);
    f.call(multiply);
    phase(write);
  });
  return f;
}
