// Writing the results of Winograd's tiles: a function that transforms the products of some rows of
// tiles, and runs the kernel's epilogue at each pixel before it is stored. Tiles that reach over the
// edge of the image have code of their own. Not here: the transform (winograd-transform.ts).

import { itemSize } from "../../ir/dtype.ts";
import { tileSide, tileStep } from "../../ir/winograd-algebra.ts";
import { type Affine, type WinogradKernel, walk } from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder } from "./assembler.ts";
import { emitFor } from "./contract-cursor.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { Frame, type Place } from "./expr.ts";
import { VectorEmitter } from "./expr-vector.ts";
import { affineKey } from "./loop-analysis.ts";
import { blockLocals, blockParams, emitTileRow } from "./winograd-block.ts";
import type { Blocks, Matrices } from "./winograd-shape.ts";
import { emitTransform, type Pair, PairMath } from "./winograd-transform.ts";

/** Axes of the kernel. */
const [yAxis, xAxis, panelAxis, laneAxis] = [1, 2, 3, 4] as const;

/** Renders the function of a block that turns the products at `from` into results. */
export function renderResults(
  module: ModuleBuilder,
  kernel: WinogradKernel,
  options: ContractOptions,
  blocks: Blocks,
  from: Matrices,
): FuncBuilder {
  const f = module.func(blockParams, [], "winograd results");
  new ResultWriter(new Frame(module, f, kernel.operands, options), kernel, blocks, from).emit();
  return f;
}

/** One affine map of the store or the epilogue, and a local with the address of the tile there. */
interface Stream {
  readonly operand: number;
  readonly at: Affine;
  readonly size: number;
  readonly local: number;
}

class ResultWriter {
  private readonly frame: Frame;
  private readonly f: FuncBuilder;
  private readonly kernel: WinogradKernel;
  private readonly blocks: Blocks;
  private readonly from: Matrices;
  private readonly math: PairMath;
  private readonly emitter: VectorEmitter;
  private readonly streams = new Map<string, Stream>();
  private readonly products: number;

  constructor(frame: Frame, kernel: WinogradKernel, blocks: Blocks, from: Matrices) {
    this.frame = frame;
    this.f = frame.f;
    this.kernel = kernel;
    this.blocks = blocks;
    this.from = from;
    this.math = new PairMath(frame);
    this.emitter = new VectorEmitter(frame);
    this.products = this.f.local("i32");
    this.stream(kernel.store.operand, kernel.store.at);
    walk([kernel.store.value], (e) => {
      if (e.k === "load") this.stream(e.operand, e.at);
    });
  }

  private stream(operand: number, at: Affine): Stream {
    const key = `${operand}:${affineKey(at)}`;
    let stream = this.streams.get(key);
    if (stream === undefined) {
      const size = itemSize[this.kernel.operands[operand]!.dtype];
      stream = { operand, at, size, local: this.f.local("i32") };
      this.streams.set(key, stream);
    }
    return stream;
  }

  emit(): void {
    const { f, blocks, kernel, products, from } = this;
    const { scratch, firstRow, endRow } = blockLocals;
    const [row, image, down] = [f.local("i32"), f.local("i32"), f.local("i32")];
    f.get(scratch);
    f.i32(from.at);
    f.op("i32.add");
    f.set(products);
    const lastRows = kernel.axes[yAxis]! - tileStep * (blocks.down - 1);
    emitFor(f, { local: row, from: firstRow, to: endRow }, () => {
      emitTileRow(f, row, blocks, image, down);
      if (lastRows === tileStep || blocks.down === 1) {
        this.emitRow(image, down, lastRows);
        return;
      }
      f.get(down);
      f.i32(blocks.down - 1);
      f.op("i32.eq");
      f.if();
      this.emitRow(image, down, lastRows);
      f.else();
      this.emitRow(image, down, tileStep);
      f.end();
    });
  }

  /** A row of tiles, of which `height` rows of pixels are in the image. */
  private emitRow(image: number, down: number, height: number): void {
    const { f, kernel, blocks, frame } = this;
    const lastColumns = kernel.axes[xAxis]! - tileStep * (blocks.across - 1);
    const whole = lastColumns === tileStep ? blocks.across : blocks.across - 1;
    const tile = f.local("i32");
    const tiles = (first: number, end: number, width: number) => {
      if (first === end) return;
      emitFor(f, { local: tile, from: frame.number(first), to: frame.number(end) }, () => {
        for (const stream of this.streams.values()) this.enter(stream, [image, down, tile]);
        this.emitTile(height, width);
      });
    };
    tiles(0, whole, tileStep);
    tiles(whole, blocks.across, lastColumns);
  }

  /** The address of a tile's first pixel. */
  private enter({ operand, at, size, local }: Stream, tile: readonly number[]): void {
    const { f, frame } = this;
    f.get(frame.base(operand));
    f.i32(size * at.base);
    f.op("i32.add");
    tile.forEach((index, axis) => {
      const step = (axis === 0 ? 1 : tileStep) * at.coef[axis]!;
      if (step === 0) return;
      f.get(index);
      f.i32(size * step);
      f.op("i32.mul");
      f.op("i32.add");
    });
    f.set(local);
  }

  /** The loop over the channels of a tile, eight at a time. */
  private emitTile(height: number, width: number): void {
    const { f, kernel, frame, products, from } = this;
    const left = f.local("i32");
    f.i32(2 * kernel.axes[panelAxis]!);
    f.set(left);
    const top = f.loop();
    const spot = (row: number, column: number) => ({
      local: products,
      offset: (tileSide * row + column) * from.stride,
    });
    const wanted = { rows: height, columns: width };
    emitTransform(this.math, "output", tileSide, wanted, spot, (row, values) => {
      for (const [column, value] of values) this.emitPixel(row, column, value as Pair);
    });
    frame.forgetTemps();
    f.increase(products, 32);
    for (const { at, size, local } of this.streams.values()) {
      f.increase(local, 8 * size * at.coef[laneAxis]!);
    }
    f.endTurns(left, top);
  }

  /** All of a pixel is computed before any of it is stored: a load between two stores would keep them
   *  from being joined. */
  private emitPixel(row: number, column: number, sums: Pair): void {
    const { f, kernel, frame } = this;
    const { value, operand, at } = kernel.store;
    const place = (half: number, from: number, map: Affine): Place => {
      const { size, local } = this.stream(from, map);
      const { coef } = map;
      const steps = row * coef[yAxis]! + column * coef[xAxis]! + 4 * half * coef[laneAxis]!;
      return { local, offset: size * steps };
    };
    const results = sums.map((sum, half) => {
      if (value.k === "acc") return sum;
      this.emitValue(sum, (from, map) => place(half, from, map));
      const local = frame.take("v128");
      f.set(local);
      return local;
    });
    results.forEach((local, half) => {
      const offset = frame.pushAddress(place(half, operand, at));
      f.get(local);
      f.mem("v128.store", offset);
    });
    if (value.k !== "acc") for (const local of results) frame.release(local);
  }

  private emitValue(sum: number, place: (operand: number, at: Affine) => Place): void {
    const { f, emitter, kernel, frame } = this;
    emitter.begin([kernel.store.value]);
    emitter.emit(kernel.store.value, {
      laneAxis,
      valid: 4,
      place,
      pushIndex: () => f.i32(0),
      pushReg: () => f.get(frame.zero),
      pushAcc: () => f.get(sum),
    });
    emitter.finish();
  }
}
