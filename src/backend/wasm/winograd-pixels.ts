// Reading tiles of pixels: a function that transforms the tiles of some rows of tiles into the 36
// matrices of a block. Rows of pixels outside of the image are read from zeros; for columns outside,
// tiles of each border have code of their own. Not here: the transform (winograd-transform.ts).

import { tileSide, tileStep } from "../../ir/winograd-algebra.ts";
import type { Operand, Pixels } from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder } from "./assembler.ts";
import { emitFor } from "./contract-cursor.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { Frame } from "./expr.ts";
import { blockLocals, blockParams, emitTileRow } from "./winograd-block.ts";
import { type Blocks, type Matrices, octets, spanOf } from "./winograd-shape.ts";
import { emitTransform, PairMath } from "./winograd-transform.ts";

const { scratch, firstRow, endRow } = blockLocals;

/** What tiles are read, and how. */
export interface TileSource {
  readonly pixels: Pixels;
  readonly kind: "input" | "gradient";
  readonly to: Matrices;
  readonly blocks: Blocks;
}

/** Neighbouring tiles of a row that see the same of the image's columns. */
interface Run {
  readonly from: number;
  readonly to: number;
  /** Columns of the tile, from `low` to before `high`, that are in the image. */
  readonly low: number;
  readonly high: number;
}

/** Renders `(params, scratch, firstRow, endRow)`: transforms all tiles of these rows of tiles. A
 *  convolution and the gradient of its weights read the same tiles, by one function. */
export function renderTiles(
  module: ModuleBuilder,
  operands: readonly Operand[],
  options: ContractOptions,
  source: TileSource,
): FuncBuilder {
  const { down, across } = source.blocks;
  const key = JSON.stringify([source.kind, source.pixels, source.to, down, across]);
  return module.shared(key, () => {
    const f = module.func(blockParams, [], `${source.kind} tiles`);
    new TileReader(new Frame(module, f, operands, options), source).emit();
    return f;
  });
}

function runsOf({ width, left }: Pixels, across: number, side: number): Run[] {
  const runs: Run[] = [];
  for (let tile = 0; tile < across; tile++) {
    const x = tileStep * tile - left;
    const low = Math.min(side, Math.max(0, -x));
    const high = Math.max(low, Math.min(side, width - x));
    const last = runs[runs.length - 1];
    if (last !== undefined && last.low === low && last.high === high) {
      runs[runs.length - 1] = { ...last, to: tile + 1 };
    } else runs.push({ from: tile, to: tile + 1, low, high });
  }
  return runs;
}

class TileReader {
  private readonly frame: Frame;
  private readonly f: FuncBuilder;
  private readonly source: TileSource;
  private readonly side: number;
  private readonly math: PairMath;
  private readonly zeros: number;
  /** Of the tile's rows of pixels: where the image's row begins, whether it is in the image, and
   *  where the tile's pixels are. */
  private readonly starts: readonly number[];
  private readonly inside: readonly number[];
  private readonly pointers: readonly number[];
  private readonly target: number;

  constructor(frame: Frame, source: TileSource) {
    this.frame = frame;
    this.f = frame.f;
    this.source = source;
    this.side = source.kind === "input" ? tileSide : tileStep;
    this.math = new PairMath(frame);
    const i32 = () => this.f.local("i32");
    const rows = Array.from({ length: this.side });
    this.starts = rows.map(i32);
    this.inside = rows.map(i32);
    this.pointers = rows.map(i32);
    this.target = i32();
    this.zeros = frame.once("zeros", "i32", () => {
      this.f.get(scratch);
      this.f.i32(-spanOf(source.pixels));
      this.f.op("i32.add");
    });
  }

  emit(): void {
    const { f, source, target } = this;
    const { pixels, to } = source;
    f.get(scratch);
    f.i32(to.at);
    f.op("i32.add");
    f.set(target);
    const row = f.local("i32");
    emitFor(f, { local: row, from: firstRow, to: endRow }, () => {
      this.emitStarts(row);
      for (const run of runsOf(pixels, source.blocks.across, this.side)) {
        const tile = f.local("i32");
        const [from, to] = [this.frame.number(run.from), this.frame.number(run.to)];
        emitFor(f, { local: tile, from, to }, () => {
          this.emitPointers(tile);
          this.emitTile(run);
        });
      }
    });
  }

  /** Addresses of the image's rows of pixels that a row of tiles reads, at x = -left. */
  private emitStarts(row: number): void {
    const { f, source } = this;
    const { pixels } = source;
    const [image, y] = [f.local("i32"), f.local("i32")];
    emitTileRow(f, row, source.blocks, image, y);
    f.get(y);
    f.i32(tileStep);
    f.op("i32.mul");
    f.i32(-pixels.top);
    f.op("i32.add");
    f.set(y);
    this.starts.forEach((start, r) => {
      f.get(y);
      f.i32(r);
      f.op("i32.add");
      f.i32(pixels.height);
      f.op("i32.lt_u");
      f.set(this.inside[r]!);
      f.get(this.frame.base(pixels.operand));
      f.get(image);
      f.i32(4 * pixels.strides[0]);
      f.op("i32.mul");
      f.op("i32.add");
      f.get(y);
      f.i32(4 * pixels.strides[1]);
      f.op("i32.mul");
      f.op("i32.add");
      f.i32(4 * (pixels.base + r * pixels.strides[1] - pixels.left * pixels.strides[2]));
      f.op("i32.add");
      f.set(start);
    });
  }

  private emitPointers(tile: number): void {
    const { f, source } = this;
    this.pointers.forEach((pointer, r) => {
      f.get(this.starts[r]!);
      f.get(tile);
      f.i32(4 * tileStep * source.pixels.strides[2]);
      f.op("i32.mul");
      f.op("i32.add");
      f.get(this.zeros);
      f.get(this.inside[r]!);
      f.op("select");
      f.set(pointer);
    });
  }

  /** Emits the loop over the channels of a tile. */
  private emitTile({ low, high }: Run): void {
    const { f, source, frame, target } = this;
    const { pixels, to } = source;
    const count = octets(pixels.channels);
    const left = f.local("i32");
    f.i32(count);
    f.set(left);
    const top = f.loop();
    const step = 4 * pixels.strides[2];
    emitTransform(
      this.math,
      source.kind,
      this.side,
      { rows: tileSide, columns: tileSide },
      (row, column) =>
        column < low || column >= high
          ? null
          : { local: this.pointers[row]!, offset: column * step },
      (row, values) => {
        for (const [column, value] of values) {
          const product = tileSide * row + column;
          this.math.store({ local: target, offset: product * to.stride }, value);
        }
      },
    );
    frame.forgetTemps();
    for (const local of [...this.pointers, target]) f.increase(local, 32);
    f.endTurns(left, top);
    f.increase(target, to.tile - 32 * count);
  }
}
