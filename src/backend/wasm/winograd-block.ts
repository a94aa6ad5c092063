// What the kernels of Winograd's convolutions share around their blocks: parameters of the functions
// that work on a block, its rows of tiles, the thread's scratch memory. Not here: the phases.

import type { WinogradKernel, WinogradSumsKernel } from "../../schedule/kernel.ts";
import type { FuncBuilder } from "./assembler.ts";
import type { Blocks } from "./winograd-shape.ts";

/** Parameters of a function that reads or writes the tiles of a block: the kernel's parameters, the
 *  thread's scratch memory behind its zeros, the first row of tiles and the end of them. */
export const blockParams = ["i32", "i32", "i32", "i32"] as const;
export const blockLocals = { params: 0, scratch: 1, firstRow: 2, endRow: 3 } as const;

/** Byte offset, in a kernel's parameters, of the address of the thread's scratch memory. */
export function scratchWord({ operands, scalars }: WinogradKernel | WinogradSumsKernel): number {
  return 4 * (operands.length + scalars.length);
}

/** base = the thread's scratch memory behind its zeros, which are filled: at the start of a kernel. */
export function emitScratch(f: FuncBuilder, base: number, word: number, zeroBytes: number): void {
  f.get(0);
  f.mem("i32.load", word);
  f.tee(base);
  f.i32(0);
  f.i32(zeroBytes);
  f.memoryFill();
  f.increase(base, zeroBytes);
}

/** to = the end of the block that begins at row of tiles `from`, but at most `end`. */
export function emitBlockEnd(
  f: FuncBuilder,
  { perBlock }: Blocks,
  { from, to, end }: { from: number; to: number; end: number },
): void {
  f.get(from);
  f.i32(perBlock);
  f.op("i32.add");
  f.tee(to);
  f.get(end);
  f.get(to);
  f.get(end);
  f.op("i32.lt_s");
  f.op("select");
  f.set(to);
}

/** image, down = the image of a row of tiles, and its number in it. */
export function emitTileRow(
  f: FuncBuilder,
  row: number,
  { down }: Blocks,
  image: number,
  inImage: number,
): void {
  f.get(row);
  f.i32(down);
  f.op("i32.div_u");
  f.set(image);
  f.get(row);
  f.i32(down);
  f.op("i32.rem_u");
  f.set(inImage);
}
