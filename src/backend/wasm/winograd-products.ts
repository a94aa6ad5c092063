// The 36 matrix products between the transforms, through the register tile: transformed pixels by
// weights, or, for a weight gradient, transformed pixels by gradients, summed over all tiles.
// Not here: the register tile (tile.ts), the transforms (winograd-transform.ts).

import { tileProducts } from "../../ir/winograd-algebra.ts";
import type { Operand } from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder, ValType } from "./assembler.ts";
import { emitFor } from "./contract-cursor.ts";
import type { ContractOptions } from "./contract-tile.ts";
import { tileRuns } from "./contract-tiling.ts";
import { Frame } from "./expr.ts";
import { type SumLoop, type TileLocals, TileSums, tileLocals } from "./tile.ts";

/** c[k][row, column] = Σ_s a[k][row, s] · b[k][s, column] for the 36 matrices k; columns are panels
 *  of 16 lanes. Steps are bytes. */
export interface Products {
  readonly rows: number;
  readonly panels: number;
  readonly a: { readonly matrix: number; readonly row: number; readonly sum: number };
  readonly b: { readonly matrix: number; readonly panel: number; readonly sum: number };
  readonly c: { readonly matrix: number; readonly panel: number; readonly row: number };
  /** Fixed: how many. `multiple`: the last argument says how many, a multiple of this; and the sums go
   *  on from what c holds unless the argument before it is 0. */
  readonly sums: { readonly fixed: number } | { readonly multiple: number };
}

export const productParams: readonly ValType[] = ["i32", "i32", "i32", "i32", "i32"];
const [goOn, sumCount] = [3, 4];

/** Renders `(a, b, c, goOn, sums)` with the addresses of the three sets of matrices. */
export function renderProducts(
  module: ModuleBuilder,
  operands: readonly Operand[],
  options: ContractOptions,
  products: Products,
): FuncBuilder {
  const f = module.func(productParams, [], "products");
  new ProductRenderer(new Frame(module, f, operands, options), options, products).emit();
  return f;
}

class ProductRenderer {
  private readonly frame: Frame;
  private readonly f: FuncBuilder;
  private readonly products: Products;
  private readonly madd: boolean;
  private readonly vectors: number;
  private readonly rows: number;
  private readonly tile: TileLocals;
  /** Of the matrix, the panel and the tile. */
  private readonly a: readonly number[];
  private readonly b: readonly number[];
  private readonly c: readonly number[];

  constructor(frame: Frame, options: ContractOptions, products: Products) {
    this.frame = frame;
    this.f = frame.f;
    this.products = products;
    this.madd = options.relaxed;
    this.vectors = options.revectorize ? 4 : 2;
    // Without fused instructions the products need registers of their own.
    this.rows = options.relaxed || !options.revectorize ? options.rows : Math.min(options.rows, 4);
    this.tile = tileLocals(frame, this.rows, this.vectors, 1);
    const three = () => [0, 1, 2].map(() => this.f.local("i32"));
    [this.a, this.b, this.c] = [three(), three(), three()];
  }

  emit(): void {
    const { products, f, a, b, c } = this;
    const { panels } = products;
    const [matrix, panel] = [f.local("i32"), f.local("i32")];
    this.loop(matrix, 0, tileProducts, 1, () => {
      this.advance(a[0]!, 0, matrix, products.a.matrix);
      this.advance(b[0]!, 1, matrix, products.b.matrix);
      this.advance(c[0]!, 2, matrix, products.c.matrix);
      this.loop(panel, 0, panels, 1, () => {
        this.advance(b[1]!, b[0]!, panel, products.b.panel);
        this.advance(c[1]!, c[0]!, panel, products.c.panel);
        for (let lane = 0; lane < 16; lane += 4 * this.vectors) this.emitRows(4 * lane);
      });
    });
  }

  /** Emits the tiles of all rows, for the lanes from `lanes` bytes on. */
  private emitRows(lanes: number): void {
    const { products, a, c } = this;
    const row = this.f.local("i32");
    let from = 0;
    for (const { rows, count } of tileRuns(products.rows, this.rows)) {
      const to = from + rows * count;
      this.loop(row, from, to, rows, () => {
        this.advance(a[1]!, a[0]!, row, products.a.row);
        this.advance(c[2]!, c[1]!, row, products.c.row);
        this.emitTile(rows, lanes);
      });
      from = to;
    }
  }

  private loop(local: number, from: number, to: number, step: number, body: () => void): void {
    const { f, frame } = this;
    emitFor(f, { local, from: frame.number(from), to: frame.number(to), step }, body);
  }

  /** to = from + index · step. */
  private advance(to: number, from: number, index: number, step: number): void {
    const { f } = this;
    f.get(from);
    f.get(index);
    f.i32(step);
    f.op("i32.mul");
    f.op("i32.add");
    f.set(to);
  }

  private emitTile(rows: number, lanes: number): void {
    const { f, products, tile, a, b } = this;
    this.emitStart(rows, lanes);
    f.get(b[1]!);
    f.i32(lanes);
    f.op("i32.add");
    f.set(b[2]!);
    f.get(a[1]!);
    f.set(a[2]!);
    const sources = Array.from({ length: rows }, (_, r) => ({
      local: a[2]!,
      offset: r * products.a.row,
    }));
    new TileSums(f, tile, sources, b[2]!, [this.sumLoop()], this.madd).emit();
    for (let r = 0; r < rows; r++) {
      tile.accs[r]!.forEach((acc, v) => {
        f.get(this.c[2]!);
        f.get(acc);
        f.mem("v128.store", r * products.c.row + lanes + 16 * v);
      });
    }
    for (const acc of tile.accs.slice(0, rows).flat()) this.frame.forget(acc);
  }

  private sumLoop(): SumLoop {
    const { a, b, sums } = this.products;
    const steps = { a: a.sum, b: b.sum };
    if ("fixed" in sums) return { extent: sums.fixed, ...steps };
    return { extent: sums.multiple, ...steps, turns: sumCount };
  }

  /** The sums start from zero, or from what c holds. */
  private emitStart(rows: number, lanes: number): void {
    const { f, products, tile } = this;
    const each = (push: (r: number, v: number) => void) => {
      for (let r = 0; r < rows; r++) {
        for (let v = 0; v < this.vectors; v++) {
          push(r, v);
          f.set(tile.accs[r]![v]!);
        }
      }
    };
    if ("fixed" in products.sums) {
      each(() => f.get(tile.zero));
      return;
    }
    f.get(goOn);
    f.if();
    each((r, v) => {
      f.get(this.c[2]!);
      f.mem("v128.load", r * products.c.row + lanes + 16 * v);
    });
    f.else();
    each(() => f.get(tile.zero));
    f.end();
  }
}
