// The sums of products for the gradient of a Winograd convolution's weights as WebAssembly: block by
// block, tiles of pixels and of gradients are transformed into scratch memory, and their products
// summed over the tiles. A piece sums its blocks in order, so results do not depend on threads.
// Not here: reading tiles (winograd-pixels.ts), products (winograd-products.ts), what becomes of the
// sums (schedule/winograd.ts).

import { tileProducts } from "../../ir/winograd-algebra.ts";
import type { WinogradSumsKernel } from "../../schedule/kernel.ts";
import type { FuncBuilder, FuncRef, ModuleBuilder } from "./assembler.ts";
import { emitFor } from "./contract-cursor.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { Frame } from "./expr.ts";
import { emitBlockEnd, emitScratch, scratchWord } from "./winograd-block.ts";
import { renderTiles } from "./winograd-pixels.ts";
import { renderProducts } from "./winograd-products.ts";
import { sumsShapeOf } from "./winograd-shape.ts";

/** Renders the kernel as a function `(p, lo, hi)`: pieces lo to hi. */
export function renderWinogradSums(
  kernel: WinogradSumsKernel,
  module: ModuleBuilder,
  options: ContractOptions,
): FuncBuilder {
  const { blocks, scratch } = sumsShapeOf(kernel);
  const { operands, image, gradient, axes } = kernel;
  const [channels, panels] = [axes[4]!, axes[5]!];
  const { first, second } = scratch;
  const sources = [
    { pixels: image, kind: "input", to: first, blocks },
    { pixels: gradient, kind: "gradient", to: second, blocks },
  ] as const;
  const readers = sources.map((source) => renderTiles(module, operands, options, source));
  const row = 64 * panels;
  const multiply = renderProducts(module, operands, options, {
    rows: channels,
    panels,
    a: { matrix: first.stride, row: 4, sum: first.tile },
    b: { matrix: second.stride, panel: 64, sum: second.tile },
    c: { matrix: 4 * kernel.matrix, panel: 64, row },
    sums: { multiple: sumMultiple(blocks.across) },
  });
  return renderPieces(kernel, module, options, readers, multiply);
}

/** Every block has rows of tiles, so its tiles are a multiple of a row's. */
function sumMultiple(across: number): number {
  return [4, 2, 1].find((n) => across % n === 0)!;
}

function renderPieces(
  kernel: WinogradSumsKernel,
  module: ModuleBuilder,
  options: ContractOptions,
  readers: readonly FuncRef[],
  multiply: FuncRef,
): FuncBuilder {
  const { blocks, scratch } = sumsShapeOf(kernel);
  const f = module.func(["i32", "i32", "i32"], [], "winograd sums");
  const frame = new Frame(module, f, kernel.operands, options);
  const i32 = () => f.local("i32");
  const [base, piece, first, end, from, to, sums] = Array.from({ length: 7 }, i32) as [
    number, number, number, number, number, number, number,
  ]; // biome-ignore format: a list
  emitScratch(f, base, scratchWord(kernel), scratch.zeroBytes);
  const pieces = kernel.axes[0]!;
  emitFor(f, { local: piece, from: 1, to: 2 }, () => {
    const bound = (local: number, add: number) => {
      f.get(piece);
      f.i32(add);
      f.op("i32.add");
      f.i32(blocks.rows);
      f.op("i32.mul");
      f.i32(pieces);
      f.op("i32.div_u");
      f.set(local);
    };
    bound(first, 0);
    bound(end, 1);
    f.get(frame.base(kernel.sums));
    f.get(piece);
    f.i32(4 * tileProducts * kernel.matrix);
    f.op("i32.mul");
    f.op("i32.add");
    f.set(sums);
    emitFor(f, { local: from, from: first, to: end, step: blocks.perBlock }, () => {
      emitBlockEnd(f, blocks, { from, to, end });
      for (const read of readers) {
        for (const local of [0, base, from, to]) f.get(local);
        f.call(read);
      }
      for (const at of [scratch.first.at, scratch.second.at]) {
        f.get(base);
        f.i32(at);
        f.op("i32.add");
      }
      f.get(sums);
      f.get(from);
      f.get(first);
      f.op("i32.ne");
      f.get(to);
      f.get(from);
      f.op("i32.sub");
      f.i32(blocks.across);
      f.op("i32.mul");
      f.call(multiply);
    });
  });
  return f;
}
