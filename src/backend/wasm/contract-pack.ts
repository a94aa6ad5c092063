// Rows of a transposed operand whose sums lie a multiple of 256 bytes apart: a tile's elements then
// fall on few sets of the caches and push each other out. A part copies what a block of sums needs
// into scratch memory of its thread, in the order in which the tiles read it: [tile][sum][row].
// Here: who is copied, how the copies lie, and the code that makes them. Not here: who reads them
// (contract-tile.ts), panels of b, which a kernel of their own lays (schedule/contraction.ts).

import type { ContractKernel } from "../../schedule/kernel.ts";
import type { FuncBuilder } from "./assembler.ts";
import {
  blockLength,
  maxRows,
  type Partition,
  packsRows,
  type TileRun,
} from "./contract-tiling.ts";
import type { SumLoop } from "./tile.ts";

/** How the copies lie in the scratch memory. */
export interface Packing {
  /** Elements from one row to the next, were there one row in a tile. */
  readonly rowStep: number;
  /** All in all. */
  readonly bytes: number;
}

/** How rows are copied, or null where they are read as they lie. */
export function packingOf(kernel: ContractKernel, parts: Partition): Packing | null {
  if (parts.flat || !packsRows(kernel)) return null;
  // A copy of eight floats may go past the end of a tile's last sum.
  const rowStep = blockLength(kernel) + 8;
  const most = Math.ceil(parts.inner / parts.chunks.tile) + 2 * maxRows;
  return { rowStep, bytes: 4 * rowStep * most + 64 };
}

/** A run of tiles: its first row and the one after its last, in locals, counted from the part's first. */
export interface RowRun extends TileRun {
  readonly from: number;
  readonly to: number;
}

/** What the copying code reads: locals unless said otherwise. */
export interface PackInput {
  readonly packing: Packing;
  /** The loops over the block's sums (no locals but their turns). */
  readonly loops: readonly SumLoop[];
  /** Address of the part's first row at the block's first sum. */
  readonly from: number;
  /** Address of the scratch memory. */
  readonly scratch: number;
  readonly runs: readonly RowRun[];
  /** Two vectors, and one that is never assigned. */
  readonly vectors: readonly number[];
  readonly zero: number;
}

/** Emits the copying of one block. */
export class Packer {
  private readonly f: FuncBuilder;
  private readonly input: PackInput;
  private readonly at: number;
  /** Four times the number of sums before. */
  private readonly done: number;
  private readonly from: number;
  private readonly to: number;
  private readonly count: number;

  constructor(f: FuncBuilder, input: PackInput) {
    this.f = f;
    this.input = input;
    const i32 = () => f.local("i32");
    [this.at, this.done, this.from, this.to, this.count] = [i32(), i32(), i32(), i32(), i32()];
  }

  emit(): void {
    const { f, input } = this;
    f.get(input.from);
    f.set(this.at);
    f.i32(0);
    f.set(this.done);
    this.level(0);
  }

  /** Emits loop `depth` and those inside it; returns how many bytes they move on. */
  private level(depth: number): number {
    const { f } = this;
    const loop = this.input.loops[depth];
    if (loop === undefined) {
      for (const run of this.input.runs) this.copyRows(run);
      f.increase(this.done, 4);
      return 0;
    }
    const counter = f.local("i32");
    if (loop.turns === undefined) f.i32(loop.extent);
    else f.get(loop.turns);
    f.set(counter);
    const top = f.loop();
    f.increase(this.at, loop.a - this.level(depth + 1));
    f.endTurns(counter, top);
    // Only the outermost loop's turns vary, and nothing comes after it.
    return loop.extent * loop.a;
  }

  /** The rows of a run of tiles at one sum. */
  private copyRows(run: RowRun): void {
    const { f, input } = this;
    const { rowStep } = input.packing;
    const out = f.block();
    f.get(run.to);
    f.get(run.from);
    f.op("i32.sub");
    f.i32(run.rows);
    f.op("i32.div_u");
    f.tee(this.count);
    f.op("i32.eqz");
    f.brIf(out);
    f.get(this.at);
    this.addScaled(run.from, 4);
    f.set(this.from);
    f.get(input.scratch);
    this.addScaled(run.from, 4 * rowStep);
    this.addScaled(this.done, run.rows);
    f.set(this.to);
    const top = f.loop();
    this.copy(Math.ceil(run.rows / 4));
    f.increase(this.from, 4 * run.rows);
    f.increase(this.to, 4 * run.rows * rowStep);
    f.endTurns(this.count, top);
    f.end();
  }

  /** Loads all, then stores all: a load between two stores would keep them from being joined. */
  private copy(vectors: number): void {
    const { f, input } = this;
    const used = input.vectors.slice(0, vectors);
    used.forEach((vector, v) => {
      f.get(this.from);
      f.mem("v128.load", 16 * v);
      f.set(vector);
    });
    used.forEach((vector, v) => {
      f.get(this.to);
      f.get(vector);
      f.mem("v128.store", 16 * v);
    });
    for (const vector of used) {
      f.get(input.zero);
      f.set(vector);
    }
  }

  private addScaled(local: number, by: number): void {
    const { f } = this;
    f.get(local);
    f.i32(by);
    f.op("i32.mul");
    f.op("i32.add");
  }
}
