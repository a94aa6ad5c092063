// One register tile of a float32 contraction: pointers to its rows, the sums from their start
// (zero, or what earlier blocks of sums have stored), and the finished rows through the epilogue
// into the store. The fields are what all code of one kernel's function shares.
// Not here: the loops over tiles (contract-render.ts), the multiplications (tile.ts).

import type { Affine, ContractKernel } from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder } from "./assembler.ts";
import { emitDecode, type Level, Stream, type Term } from "./contract-cursor.ts";
import { Epilogue, isHeavy } from "./contract-epilogue.ts";
import { type Packing, packingOf } from "./contract-pack.ts";
import { extentOf, type Partition, type SumBlocks, sumBlocks } from "./contract-tiling.ts";
import { Frame } from "./expr.ts";
import { type RowSource, type SumLoop, type TileLocals, TileSums, tileLocals } from "./tile.ts";

/** What the machine can do, and the tile that is best there. */
export interface ContractOptions {
  /** Multiply and add in one instruction. */
  readonly relaxed: boolean;
  /** The engine joins pairs of vectors to 256 bits: tiles are 16 columns wide instead of 8. */
  readonly revectorize: boolean;
  /** Rows of the largest tile, at most 6. */
  readonly rows: number;
}

/** Emits tiles into the function of a simplified kernel. */
export class TileRenderer {
  protected readonly f: FuncBuilder;
  protected readonly kernel: ContractKernel;
  protected readonly parts: Partition;
  protected readonly blocks: SumBlocks;
  protected readonly madd: boolean;
  protected readonly rows: number;
  protected readonly vectors: number;
  /** A local with the index of each axis; of the lane, the first lane of the tile; of a sum, where
   *  its block begins. */
  protected readonly index: readonly number[];
  /** What the tiles read: the operand, or copies of its rows. */
  protected readonly a: Stream;
  protected readonly b: Stream;
  protected readonly c: Stream;
  protected readonly packing: Packing | null;
  /** The operand itself. */
  protected readonly rowsOfA: Stream;
  protected readonly frame: Frame;
  protected readonly tile: TileLocals;
  protected readonly epilogue: Epilogue;
  protected readonly scratch: number;
  /** First row of the tile among the inner rows. */
  protected readonly row: number;
  protected readonly block: number;
  protected readonly turns: number;
  protected readonly pointers: readonly number[];

  constructor(
    f: FuncBuilder,
    module: ModuleBuilder,
    kernel: ContractKernel,
    options: ContractOptions,
    parts: Partition,
  ) {
    this.f = f;
    this.kernel = kernel;
    this.parts = parts;
    this.blocks = sumBlocks(kernel);
    this.madd = options.relaxed;
    this.vectors = options.revectorize ? 4 : 2;
    // Without fused instructions the products need registers of their own.
    this.rows = options.relaxed || !options.revectorize ? options.rows : Math.min(options.rows, 4);
    const i32 = () => f.local("i32");
    this.index = kernel.axes.map(i32);
    this.packing = packingOf(kernel, parts);
    this.rowsOfA = new Stream(f, kernel.a.at, 4);
    this.a = this.packing ? new Stream(f, copiesOfA(kernel, this.packing), 4) : this.rowsOfA;
    this.b = new Stream(f, kernel.b.at, 4);
    this.c = new Stream(f, kernel.store.at, 4);
    this.frame = new Frame(module, f, kernel.operands, options);
    this.tile = tileLocals(this.frame, this.rows, this.vectors, kernel.sums.length);
    this.scratch = i32();
    const inner = kernel.rows[kernel.rows.length - 1]!;
    this.row = parts.flat ? i32() : this.index[inner]!;
    const apart = parts.flat || isHeavy(kernel);
    const point = { index: this.index, rowAxis: apart ? -1 : inner };
    this.epilogue = new Epilogue(this.frame, kernel, point);
    this.block = i32();
    this.turns = i32();
    this.pointers = Array.from({ length: this.rows + 1 }, i32);
  }

  protected get streams(): readonly Stream[] {
    return [this.a, this.b, this.c, ...this.epilogue.streams];
  }

  protected enter(level: Level, axes: readonly number[]): void {
    const above = level === "batch" || level === "block" ? [this.rowsOfA] : [];
    for (const stream of new Set([...this.streams, ...above]))
      stream.enter(
        level,
        axes.map((axis): Term => [this.index[axis]!, stream.at.coef[axis]!]),
      );
  }

  protected decode(flat: number, add: number, axes: readonly number[]): void {
    const list = axes.map((axis) => ({
      local: this.index[axis]!,
      extent: this.kernel.axes[axis]!,
    }));
    emitDecode(this.f, flat, add, list, this.scratch);
  }

  /** Emits a tile of `rows` rows from `row` on. */
  protected emitTile(rows: number): void {
    const { f, kernel, parts } = this;
    const inner = kernel.rows[kernel.rows.length - 1]!;
    if (parts.flat) this.enterRows(rows);
    else this.enter("tile", [inner]);
    this.emitStart(rows);
    const sources = this.sources(rows);
    const b = this.pointers[this.rows]!;
    f.get(this.b.pointer("panel"));
    f.set(b);
    new TileSums(
      f,
      this.tile,
      sources,
      b,
      this.sumLoops(this.packing ? rows : 0),
      this.madd,
    ).emit();
    this.emitFinish(rows);
  }

  /** Ends the life of the sums. Both branches of a condition must: where they meet, a value that only
   *  one of them has changed would look used. */
  private forgetSums(rows: number): void {
    for (const acc of this.tile.accs.slice(0, rows).flat()) this.frame.forget(acc);
    this.frame.forgetTemps();
  }

  /** Pointers into a and the store for each row of a flat tile. */
  private enterRows(rows: number): void {
    for (let r = 0; r < rows; r++) {
      this.decode(this.row, r, this.kernel.rows);
      for (const stream of [this.a, this.c]) stream.enterRow(r, this.rowTerms(stream));
    }
  }

  /** What the row's indices add to a pointer of level `outer`. */
  private rowTerms(stream: Stream): Term[] {
    const { rows } = this.kernel;
    return (this.parts.flat ? rows : rows.slice(-1)).map(
      (axis): Term => [this.index[axis]!, stream.at.coef[axis]!],
    );
  }

  /** Where the rows of a lie: at steps from one pointer, or each at its own. */
  private sources(rows: number): RowSource[] {
    const { f, kernel, parts } = this;
    const inner = kernel.rows[kernel.rows.length - 1]!;
    const step = this.packing ? 4 : 4 * kernel.a.at.coef[inner]!;
    const [pointer] = this.pointers;
    if (!parts.flat) {
      f.get(this.a.pointer("tile"));
      f.set(pointer!);
    }
    return Array.from({ length: rows }, (_, r) =>
      parts.flat
        ? { local: this.a.rowPointer(r), offset: 0 }
        : { local: pointer!, offset: r * step },
    );
  }

  /** Where row r of the store lies. */
  private target(r: number): RowSource {
    const { kernel, parts } = this;
    if (parts.flat) return { local: this.c.rowPointer(r), offset: 0 };
    const inner = kernel.rows[kernel.rows.length - 1]!;
    return { local: this.c.pointer("tile"), offset: 4 * r * kernel.store.at.coef[inner]! };
  }

  /** The loops over the sums of a block; in copies of `copied` rows, or in the operands. */
  protected sumLoops(copied: number): SumLoop[] {
    const { kernel, blocks, turns } = this;
    const axes = kernel.sums.slice(blocks.axis);
    return axes.map((axis, i): SumLoop => {
      const extent = kernel.axes[axis]!;
      const inside = extentOf(kernel, axes.slice(i + 1));
      const a = 4 * (copied > 0 ? copied * inside : kernel.a.at.coef[axis]!);
      const step = { a, b: 4 * kernel.b.at.coef[axis]! };
      if (i > 0 || blocks.count === 1) return { extent, ...step };
      if (extent % blocks.size === 0) return { extent: blocks.size, ...step };
      return { extent: divisor(blocks.size, extent), ...step, turns };
    });
  }

  /** The sums start from zero, or from what the blocks before have stored. */
  private emitStart(rows: number): void {
    const { f, blocks, tile } = this;
    const each = (set: (r: number, v: number) => void) => {
      for (let r = 0; r < rows; r++) {
        for (let v = 0; v < this.vectors; v++) {
          set(r, v);
          f.set(tile.accs[r]![v]!);
        }
      }
    };
    if (blocks.count === 1) {
      each(() => f.get(tile.zero));
      return;
    }
    f.get(this.block);
    f.op("i32.eqz");
    f.if();
    each(() => f.get(tile.zero));
    f.else();
    each((r, v) => {
      const { local, offset } = this.target(r);
      f.get(local);
      f.mem("v128.load", offset + 16 * v);
    });
    f.end();
  }

  private emitFinish(rows: number): void {
    const { f, blocks } = this;
    const split = blocks.count > 1 && !this.epilogue.plain;
    if (!split) {
      this.emitResult(rows);
      return;
    }
    f.get(this.block);
    f.i32(blocks.count - 1);
    f.op("i32.eq");
    f.if();
    this.emitResult(rows);
    f.else();
    for (let r = 0; r < rows; r++) this.storeRow(r);
    this.forgetSums(rows);
    f.end();
  }

  private emitResult(rows: number): void {
    const { kernel, parts, epilogue } = this;
    if (epilogue.heavy) {
      this.emitHeavyResult(rows);
      return;
    }
    for (let r = 0; r < rows; r++) {
      if (parts.flat && epilogue.streams.length > 0) {
        this.decode(this.row, r, kernel.rows);
        for (const stream of epilogue.streams) stream.enterRow(r, this.rowTerms(stream));
      }
      epilogue.row(r, this.tile.accs[r]!);
      this.storeRow(r);
    }
    this.forgetSums(rows);
  }

  /** Stores the sums, and takes them up again row by row. */
  private emitHeavyResult(rows: number): void {
    const { f, kernel, parts, epilogue, frame } = this;
    const counter = this.tile.counters[0]!;
    const values = this.tile.accs[0]!;
    const slot = this.rows;
    for (let r = 0; r < rows; r++) this.storeRow(r);
    this.forgetSums(rows);
    f.i32(rows);
    f.set(counter);
    const top = f.loop();
    if (parts.flat) this.decode(this.row, 0, kernel.rows);
    for (const stream of [this.c, ...epilogue.streams])
      stream.enterRow(slot, this.rowTerms(stream));
    const pointer = this.c.rowPointer(slot);
    values.forEach((value, v) => {
      f.get(pointer);
      f.mem("v128.load", 16 * v);
      f.set(value);
    });
    epilogue.row(slot, values);
    values.forEach((value, v) => {
      f.get(pointer);
      f.get(value);
      f.mem("v128.store", 16 * v);
    });
    for (const value of values) frame.forget(value);
    frame.forgetTemps();
    f.increase(this.row, 1);
    f.increase(counter, -1);
    f.get(counter);
    f.brIf(top);
    f.end();
    f.increase(this.row, -rows);
  }

  private storeRow(r: number): void {
    const { f } = this;
    const { local, offset } = this.target(r);
    this.tile.accs[r]!.forEach((acc, v) => {
      f.get(local);
      f.get(acc);
      f.mem("v128.store", offset + 16 * v);
    });
  }
}

/** Where the tiles find the copies of a: tiles lie one after the other. */
function copiesOfA({ axes, rows }: ContractKernel, { rowStep }: Packing): Affine {
  return { base: 0, coef: axes.map((_, axis) => (axis === rows[0] ? rowStep : 0)) };
}

/** The largest of 4, 2, 1 that divides the length of every block. */
function divisor(size: number, extent: number): number {
  return [4, 2, 1].find((d) => size % d === 0 && extent % d === 0)!;
}
