// The loops of a float32 contraction around its register tile, from the outside: parts, batches,
// blocks of sums, panels (or halves of them), outer rows, tiles of rows.
// Not here: what happens in a tile (contract-tile.ts), how the work is cut (contract-tiling.ts),
// other dtypes (contract-loop.ts).

import type { ContractKernel } from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder } from "./assembler.ts";
import { emitDecode, emitFor } from "./contract-cursor.ts";
import { blockReach } from "./contract-fetch.ts";
import { Packer, type Packing } from "./contract-pack.ts";
import { type ContractOptions, TileRenderer } from "./contract-tile.ts";
import { type Partition, partition, type TileRun, tileRuns } from "./contract-tiling.ts";
import { emitReadAhead } from "./read-ahead.ts";

/** Renders a simplified float32 contraction; see {@link renderContract}. */
export function renderTiled(
  kernel: ContractKernel,
  module: ModuleBuilder,
  options: ContractOptions,
  parts: Partition = partition(kernel),
): FuncBuilder {
  const f = module.func(["i32", "i32", "i32"], [], "contract");
  new ContractRenderer(f, module, kernel, options, parts).emit();
  return f;
}

const params = 0;
const lo = 1;
const hi = 2;

/** A stretch of indices, in locals. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** A local with the number of a piece, and how many pieces there are. */
interface Piece {
  readonly local: number;
  readonly extent: number;
}

class ContractRenderer extends TileRenderer {
  emit(): void {
    const { f, kernel } = this;
    this.epilogue.start(params);
    this.rowsOfA.start(params, kernel.a.operand);
    this.b.start(params, kernel.b.operand);
    this.c.start(params, kernel.store.operand);
    const part = f.local("i32");
    emitFor(f, { local: part, from: lo, to: hi }, () => this.emitPart(part));
  }

  private emitPart(part: number): void {
    const { f, parts } = this;
    const { chunks } = parts;
    const i32 = () => f.local("i32");
    const cut = (extent: number) => ({ local: i32(), extent });
    const [batch, outer, tile, panel] = [
      cut(chunks.batch),
      cut(chunks.outer),
      cut(chunks.tile),
      cut(chunks.panel),
    ];
    emitDecode(f, part, 0, [batch, outer, tile, panel], this.scratch);
    const batches = this.range(batch, parts.batches);
    const outers = this.range(outer, parts.outer);
    const panels = this.range(panel, parts.panels);
    this.fetchAhead(tile);
    const flat = i32();
    const pack = this.packing === null ? null : this.startPacking(this.packing, tile);
    emitFor(f, { local: flat, ...batches }, () => {
      this.decode(flat, 0, this.kernel.batch);
      this.enter("batch", this.kernel.batch);
      this.emitBlocks(() => {
        pack?.();
        if (parts.panelsInside) this.emitOuter(outers, tile, (row) => this.emitPanels(panels, row));
        else this.emitPanels(panels, () => this.emitOuter(outers, tile, (row) => row()));
      });
    });
  }

  /** Reads what the epilogue of this part will load, from end to end. The tiles ask for it panel by
   *  panel, in steps that the memory's own prefetching does not follow, and when they are ready to store:
   *  every tile would wait. The second-level cache holds it until then. */
  private fetchAhead(tiles: Piece): void {
    const { f, kernel, parts, epilogue } = this;
    const [row] = kernel.rows;
    const { coef: step } = kernel.store.at;
    if (kernel.rows.length !== 1 || parts.batches > 1 || parts.panels === 1) return;
    if (parts.chunks.panel > 1 || step[row!] !== 16 * parts.panels) return;
    const streams = epilogue.streams.filter(({ at }) => at.coef.every((c, i) => c === step[i]));
    if (streams.length === 0) return;
    const runs = tileRuns(parts.inner, this.rows);
    const range = this.range(tiles, countOf(runs));
    const [first, last] = [this.rowAt(range.from, runs), this.rowAt(range.to, runs)];
    for (const stream of streams) {
      const bound = (index: number) => {
        const local = f.local("i32");
        f.get(stream.pointer("part"));
        f.get(index);
        f.i32(stream.size * step[row!]!);
        f.op("i32.mul");
        f.op("i32.add");
        f.set(local);
        return local;
      };
      const [from, to] = [bound(first), bound(last)];
      emitReadAhead(f, from, to);
    }
  }

  /** Begins the pointer into the copies of this part, and returns what copies a block. */
  private startPacking(packing: Packing, tiles: Piece): () => void {
    const { f, kernel, parts } = this;
    const all = tileRuns(parts.inner, this.rows);
    const range = this.range(tiles, countOf(all));
    const first = this.rowAt(range.from, all);
    const runs = this.runsOf(range, all).map(({ from, to, ...run }) => ({
      ...run,
      from: this.minus(from, first),
      to: this.minus(to, first),
    }));
    const word = kernel.operands.length + kernel.scalars.length;
    this.a.start(params, word, [[first, -packing.rowStep]]);
    const [from, scratch] = [f.local("i32"), f.local("i32")];
    f.get(params);
    f.mem("i32.load", 4 * word);
    f.set(scratch);
    const vectors = [f.local("v128"), f.local("v128")];
    return () => {
      f.get(this.rowsOfA.pointer("block"));
      f.get(first);
      f.i32(4);
      f.op("i32.mul");
      f.op("i32.add");
      f.set(from);
      const { zero } = this.tile;
      const loops = this.sumLoops(0);
      new Packer(f, { packing, loops, from, scratch, runs, vectors, zero }).emit();
    };
  }

  private minus(x: number, y: number): number {
    const { f } = this;
    const local = f.local("i32");
    f.get(x);
    f.get(y);
    f.op("i32.sub");
    f.set(local);
    return local;
  }

  /** The range of piece `piece` of `count` things, in locals. */
  private range(piece: Piece, count: number): Stretch {
    const { f } = this;
    const bound = (add: number) => {
      const local = f.local("i32");
      f.get(piece.local);
      f.i32(add);
      f.op("i32.add");
      f.op("i64.extend_i32_u");
      f.i64(BigInt(count));
      f.op("i64.mul");
      f.i64(BigInt(piece.extent));
      f.op("i64.div_u");
      f.op("i32.wrap_i64");
      f.set(local);
      return local;
    };
    return { from: bound(0), to: bound(1) };
  }

  /** Emits the loop over blocks of sums. */
  private emitBlocks(body: () => void): void {
    const { f, kernel, blocks, block } = this;
    if (blocks.count === 1) {
      this.enter("block", []);
      body();
      return;
    }
    const [from, to, inAxis] = [f.local("i32"), f.local("i32"), f.local("i32")];
    f.i32(0);
    f.set(from);
    f.i32(blocks.count);
    f.set(to);
    const before = kernel.sums.slice(0, blocks.axis);
    const blocked = kernel.sums[blocks.axis]!;
    const start = this.index[blocked]!;
    const axes = [...before, blocked].map((axis) => ({
      local: this.index[axis]!,
      extent: kernel.axes[axis]!,
    }));
    axes[axes.length - 1] = { local: inAxis, extent: blocks.perAxis };
    emitFor(f, { local: block, from, to }, () => {
      emitDecode(f, block, 0, axes, this.scratch);
      f.get(inAxis);
      f.i32(blocks.size);
      f.op("i32.mul");
      f.set(start);
      this.emitTurns(kernel.axes[blocked]!, start);
      this.enter("block", [...before, blocked]);
      for (const operand of ["a", "b"] as const) this.fetchBlock(operand, kernel.axes[blocked]!);
      body();
    });
  }

  /** Reads the block of an operand that the tiles are about to walk through in columns. */
  private fetchBlock(operand: "a" | "b", extent: number): void {
    const { f, blocks } = this;
    const reach = blockReach(this.kernel, this.parts, blocks, operand);
    if (reach === null) return;
    const [at, end] = [f.local("i32"), f.local("i32")];
    f.get((operand === "a" ? this.rowsOfA : this.b).pointer("block"));
    f.tee(at);
    if (extent % blocks.size === 0) f.i32(blocks.size - 1);
    else {
      f.get(this.turns);
      f.i32(1);
      f.op("i32.sub");
    }
    f.i32(4 * reach.step);
    f.op("i32.mul");
    f.op("i32.add");
    f.i32(4 * reach.inside);
    f.op("i32.add");
    f.set(end);
    emitReadAhead(f, at, end);
  }

  /** turns = min(size, extent - start). */
  private emitTurns(extent: number, start: number): void {
    const { f, blocks } = this;
    if (extent % blocks.size === 0) return;
    f.i32(blocks.size);
    f.i32(extent);
    f.get(start);
    f.op("i32.sub");
    f.tee(this.turns);
    f.i32(blocks.size);
    f.get(this.turns);
    f.op("i32.lt_s");
    f.op("select");
    f.set(this.turns);
  }

  /** Panels, in halves where tiles are 8 columns wide. */
  private emitPanels(range: Stretch, body: () => void): void {
    const { f, kernel } = this;
    const lane = this.index[kernel.lane]!;
    emitFor(f, { local: this.index[kernel.panel]!, ...range }, () => {
      if (this.vectors === 4) {
        this.enter("panel", [kernel.panel]);
        body();
        return;
      }
      const [from, to] = [f.local("i32"), f.local("i32")];
      f.i32(16);
      f.set(to);
      emitFor(f, { local: lane, from, to, step: 4 * this.vectors }, () => {
        this.enter("panel", [kernel.panel, kernel.lane]);
        body();
      });
    });
  }

  /** Emits the loops over rows; `each` is given what emits a tile, and may put a loop around it. */
  private emitOuter(range: Stretch, tiles: Piece, each: (tile: () => void) => void): void {
    const { f, kernel, parts } = this;
    const axes = parts.flat ? [] : kernel.rows.slice(0, -1);
    const enter = () => this.enter("outer", axes);
    if (axes.length === 0) {
      this.emitTiles(tiles, enter, each);
      return;
    }
    const flat = f.local("i32");
    emitFor(f, { local: flat, ...range }, () => {
      this.decode(flat, 0, axes);
      this.emitTiles(tiles, enter, each);
    });
  }

  /** The tiles of this part among the inner rows: those of the taller height come first. */
  private emitTiles(piece: Piece, enter: () => void, each: (tile: () => void) => void): void {
    if (!this.parts.panelsInside) enter();
    const { f, parts } = this;
    const runs = tileRuns(parts.inner, this.rows);
    for (const { from, to, rows } of this.runsOf(this.range(piece, countOf(runs)), runs)) {
      emitFor(f, { local: this.row, from, to, step: rows }, () =>
        each(() => {
          // Inside the loop over panels, whose pointers are the base of those of the rows.
          if (parts.panelsInside) enter();
          this.emitTile(rows);
        }),
      );
    }
  }

  /** The rows of a range of tiles, in runs of tiles of one height, as locals. */
  private runsOf(range: Stretch, runs: readonly TileRun[]): (TileRun & Stretch)[] {
    let firstTile = 0;
    let firstRow = 0;
    return runs.map((run) => {
      const bound = (tile: number) => this.rowOfTile(tile, firstTile, run, firstRow);
      const [from, to] = [bound(range.from), bound(range.to)];
      firstTile += run.count;
      firstRow += run.count * run.rows;
      return { ...run, from, to };
    });
  }

  /** The first row of a tile, in a local: each run's first row and its rows before the tile, without
   *  the rows of the runs before, which these have in full. */
  private rowAt(tile: number, runs: readonly TileRun[]): number {
    const { f } = this;
    const local = f.local("i32");
    const before = this.runsOf({ from: tile, to: tile }, runs);
    const full = runs.slice(0, -1).map((_, i) => rowsOf(runs.slice(0, i + 1)));
    f.i32(-full.reduce((sum, rows) => sum + rows, 0));
    for (const { from } of before) {
      f.get(from);
      f.op("i32.add");
    }
    f.set(local);
    return local;
  }

  /** firstRow + rows · clamp(tile - firstTile, 0, count), in a local. */
  private rowOfTile(
    tile: number,
    firstTile: number,
    run: { rows: number; count: number },
    firstRow: number,
  ): number {
    const { f } = this;
    const local = f.local("i32");
    f.get(tile);
    f.i32(firstTile);
    f.op("i32.sub");
    f.set(local);
    const clamp = (limit: number, keep: "i32.gt_s" | "i32.lt_s") => {
      f.get(local);
      f.i32(limit);
      f.get(local);
      f.i32(limit);
      f.op(keep);
      f.op("select");
      f.set(local);
    };
    clamp(0, "i32.gt_s");
    clamp(run.count, "i32.lt_s");
    f.get(local);
    f.i32(run.rows);
    f.op("i32.mul");
    f.i32(firstRow);
    f.op("i32.add");
    f.set(local);
    return local;
  }
}

function countOf(runs: readonly TileRun[]): number {
  return runs.reduce((sum, run) => sum + run.count, 0);
}

function rowsOf(runs: readonly TileRun[]): number {
  return runs.reduce((sum, run) => sum + run.count * run.rows, 0);
}
