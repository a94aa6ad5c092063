// Convolutions of 3×3 windows by Winograd's transforms as WebAssembly. The work goes block by block: a
// thread transforms the tiles of a block into its scratch memory, multiplies them by the weights, and
// transforms the products into results, so that nothing in between leaves the second-level cache.
// Each phase is a function of its own: they compile faster apart, and side by side.
// Not here: reading tiles (winograd-pixels.ts), products (winograd-products.ts), how work is cut
// (winograd-shape.ts), weight gradients (winograd-sums.ts), when it pays (schedule/winograd.ts).

import { itemSize } from "../../ir/dtype.ts";
import { tileProducts, tileSide, tileStep } from "../../ir/winograd-algebra.ts";
import { type Affine, type Expr, walk, type WinogradKernel } from "../../schedule/kernel.ts";
import type { FuncBuilder, FuncRef, ModuleBuilder } from "./assembler.ts";
import { emitFor } from "./contract-cursor.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { Frame, type Place } from "./expr.ts";
import { VectorEmitter } from "./expr-vector.ts";
import { blockParams, emitZeros, renderTiles } from "./winograd-pixels.ts";
import { productParams, renderProducts } from "./winograd-products.ts";
import { type Blocks, type Scratch, shapeOf } from "./winograd-shape.ts";
import { emitTransform, type Pair, PairMath } from "./winograd-transform.ts";

void productParams;

/** Into how many parts the kernel is cut: its blocks. */
export function winogradParts(kernel: WinogradKernel): number {
  return shapeOf(kernel).blocks.count;
}

/** Renders the kernel as a function `(p, lo, hi)`: blocks lo to hi. The word after the parameters'
 *  scalars holds the address of the thread's scratch memory. */
export function renderWinograd(
  kernel: WinogradKernel,
  module: ModuleBuilder,
  options: ContractOptions,
): FuncBuilder {
  const { blocks, scratch } = shapeOf(kernel);
  const { operands, image, axes } = kernel;
  const panels = axes[3]!;
  const read = renderTiles(module, operands, options, blocks, {
    pixels: image,
    kind: "input",
    to: scratch.first,
    zeros: scratch.zeros,
  });
  const multiply = renderProducts(module, operands, options, {
    rows: blocks.tiles,
    panels,
    a: { matrix: scratch.first.stride, row: scratch.first.tile, sum: 4 },
    b: { matrix: 64 * panels * image.channels, panel: 64 * image.channels, sum: 64 },
    c: { matrix: scratch.second.stride, panel: 64, row: scratch.second.tile },
    sums: { fixed: image.channels },
  });
  const write = module.func(blockParams, [], "winograd results");
  new ResultWriter(new Frame(module, write, operands, options), kernel, blocks, scratch).emit();
  return renderBlocks(kernel, module, options, { blocks, scratch, read, multiply, write });
}

interface Phases {
  readonly blocks: Blocks;
  readonly scratch: Scratch;
  readonly read: FuncRef;
  readonly multiply: FuncRef;
  readonly write: FuncRef;
}

function renderBlocks(
  kernel: WinogradKernel,
  module: ModuleBuilder,
  options: ContractOptions,
  { blocks, scratch, read, multiply, write }: Phases,
): FuncBuilder {
  const f = module.func(["i32", "i32", "i32"], [], "winograd");
  const frame = new Frame(module, f, kernel.operands, options);
  const [block, from, to, base] = [0, 0, 0, 0].map(() => f.local("i32")) as number[] as [
    number,
    number,
    number,
    number,
  ];
  f.get(0);
  f.mem("i32.load", scratchWord(kernel));
  f.set(base);
  emitZeros(f, base, scratch.zeros, scratch.zeroBytes);
  const address = (bytes: number) => {
    f.get(base);
    f.i32(bytes);
    f.op("i32.add");
  };
  emitFor(f, { local: block, from: 1, to: 2 }, () => {
    emitBlockRows(f, block, blocks, from, to);
    const phase = (func: FuncRef) => {
      for (const local of [0, base, from, to]) f.get(local);
      f.call(func);
    };
    phase(read);
    address(scratch.first.at);
    f.get(frame.base(kernel.weights));
    address(scratch.second.at);
    f.i32(0);
    f.i32(0);
    f.call(multiply);
    phase(write);
  });
  return f;
}

/** Byte offset, in a kernel's parameters, of the address of the thread's scratch memory. */
export function scratchWord({ operands, scalars }: Pick<WinogradKernel, "operands" | "scalars">) {
  return 4 * (operands.length + scalars.length);
}

/** from, to = the rows of tiles of a block. */
export function emitBlockRows(
  f: FuncBuilder,
  block: number,
  { perBlock, rows }: Blocks,
  from: number,
  to: number,
): void {
  f.get(block);
  f.i32(perBlock);
  f.op("i32.mul");
  f.tee(from);
  f.i32(perBlock);
  f.op("i32.add");
  f.tee(to);
  f.i32(rows);
  f.get(to);
  f.i32(rows);
  f.op("i32.lt_s");
  f.op("select");
  f.set(to);
}

/** Writes the results of rows of tiles: the last transform, then the epilogue at each pixel. */
class ResultWriter {
  private readonly frame: Frame;
  private readonly f: FuncBuilder;
  private readonly kernel: WinogradKernel;
  private readonly blocks: Blocks;
  private readonly scratch: Scratch;
  private readonly math: PairMath;
  private readonly emitter: VectorEmitter;
  /** One for each affine map of the store and the epilogue: where the tile's pixels are. */
  private readonly streams = new Map<string, { at: Affine; operand: number; local: number }>();
  private readonly source: number;

  constructor(frame: Frame, kernel: WinogradKernel, blocks: Blocks, scratch: Scratch) {
    this.frame = frame;
    this.f = frame.f;
    this.kernel = kernel;
    this.blocks = blocks;
    this.scratch = scratch;
    this.math = new PairMath(frame);
    this.emitter = new VectorEmitter(frame);
    this.source = this.f.local("i32");
    this.stream(kernel.store.operand, kernel.store.at);
    walk([kernel.store.value], (e) => {
      if (e.k === "load") this.stream(e.operand, e.at);
    });
  }

  private stream(operand: number, at: Affine): { at: Affine; operand: number; local: number } {
    const key = `${operand}:${at.base}:${at.coef.join()}`;
    let stream = this.streams.get(key);
    if (stream === undefined) {
      stream = { at, operand, local: this.f.local("i32") };
      this.streams.set(key, stream);
    }
    return stream;
  }

  emit(): void {
    const { f, blocks, kernel, source, scratch } = this;
    const [, , fromRow, endRow] = [0, 1, 2, 3];
    const [row, image, down] = [f.local("i32"), f.local("i32"), f.local("i32")];
    const lastRows = kernel.axes[1]! - tileStep * (blocks.down - 1);
    f.get(1);
    f.i32(scratch.second.at);
    f.op("i32.add");
    f.set(source);
    emitFor(f, { local: row, from: fromRow!, to: endRow! }, () => {
      f.get(row);
      f.i32(blocks.down);
      f.op("i32.div_u");
      f.set(image);
      f.get(row);
      f.i32(blocks.down);
      f.op("i32.rem_u");
      f.set(down);
      if (lastRows === tileStep) {
        this.emitRow(image, down, tileStep);
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
    const lastColumns = kernel.axes[2]! - tileStep * (blocks.across - 1);
    const whole = blocks.across - (lastColumns === tileStep ? 0 : 1);
    const tile = f.local("i32");
    const number = (n: number) => frame.once(`number ${n}`, "i32", () => f.i32(n));
    const tiles = (from: number, to: number, width: number) => {
      if (from === to) return;
      emitFor(f, { local: tile, from: number(from), to: number(to) }, () => {
        this.emitPointers(image, down, tile);
        this.emitTile(height, width);
      });
    };
    tiles(0, whole, tileStep);
    tiles(whole, blocks.across, lastColumns);
  }

  private emitPointers(image: number, down: number, tile: number): void {
    const { f, frame, kernel } = this;
    for (const { at, operand, local } of this.streams.values()) {
      const size = itemSize[kernel.operands[operand]!.dtype];
      f.get(frame.base(operand));
      f.i32(size * at.base);
      f.op("i32.add");
      const terms = [
        [image, at.coef[0]!],
        [down, tileStep * at.coef[1]!],
        [tile, tileStep * at.coef[2]!],
      ] as const;
      for (const [index, coef] of terms) {
        if (coef === 0) continue;
        f.get(index);
        f.i32(size * coef);
        f.op("i32.mul");
        f.op("i32.add");
      }
      f.set(local);
    }
  }

  /** The loop over the channels of a tile. */
  private emitTile(height: number, width: number): void {
    const { f, kernel, frame, source, scratch } = this;
    const left = f.local("i32");
    f.i32(2 * kernel.axes[3]!);
    f.set(left);
    const top = f.loop();
    emitTransform(
      this.math,
      "output",
      tileSide,
      (row, column) => ({
        local: source,
        offset: (tileSide * row + column) * scratch.second.stride,
      }),
      (row, values) => {
        for (const [column, value] of values) {
          if (row < height && column < width) this.emitPixel(row, column, value as Pair);
        }
      },
    );
    frame.forgetTemps();
    this.move(source, 32);
    for (const { at, operand, local } of this.streams.values()) {
      const size = itemSize[kernel.operands[operand]!.dtype];
      this.move(local, 8 * size * at.coef[4]!);
    }
    f.get(left);
    f.i32(-1);
    f.op("i32.add");
    f.tee(left);
    f.brIf(top);
    f.end();
  }

  private move(local: number, bytes: number): void {
    const { f } = this;
    if (bytes === 0) return;
    f.get(local);
    f.i32(bytes);
    f.op("i32.add");
    f.set(local);
  }

  private emitPixel(row: number, column: number, value: Pair): void {
    const { f, kernel, frame, emitter } = this;
    const { store } = kernel;
    const place = (half: number) => (operand: number, at: Affine): Place => {
      const size = itemSize[kernel.operands[operand]!.dtype];
      const steps = row * at.coef[1]! + column * at.coef[2]! + 4 * half * at.coef[4]!;
      return { local: this.stream(operand, at).local, offset: size * steps };
    };
    const results = value.map((sum, half) => {
      if (store.value.k === "acc") return sum;
      this.emitValue(store.value, sum, place(half));
      const local = frame.take("v128");
      f.set(local);
      return local;
    });
    results.forEach((local, half) => {
      const offset = frame.pushAddress(place(half)(store.operand, store.at));
      f.get(local);
      f.mem("v128.store", offset);
      if (local !== value[half]) frame.release(local);
    });
    void emitter;
  }

  private emitValue(value: Expr, sum: number, place: (operand: number, at: Affine) => Place): void {
    const { f, emitter, kernel, frame } = this;
    emitter.begin([value]);
    emitter.emit(value, {
      laneAxis: kernel.axes.length - 1,
      valid: 4,
      place,
      pushIndex: () => f.i32(0),
      pushReg: () => f.get(frame.zero),
      pushAcc: () => f.get(sum),
    });
    emitter.finish();
  }
}

void tileProducts;
