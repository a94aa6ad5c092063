// Addresses of a contraction in its loops. A stream is one affine map into one operand; at each
// level of the loops it adds what the axes of that level contribute to the pointer of the level
// above, or takes that pointer where they contribute nothing.
// Not here: which loops there are (contract-render.ts).

import type { Affine } from "../../schedule/kernel.ts";
import type { FuncBuilder } from "./assembler.ts";

/** The levels of the loops, outermost first. */
export const levels = ["part", "batch", "block", "panel", "outer", "tile"] as const;
export type Level = (typeof levels)[number];

/** A local that holds an index, and the elements that a step of it is worth. */
export type Term = readonly [local: number, coef: number];

/** Pointers (i32 locals with byte addresses) along one affine map. */
export class Stream {
  readonly at: Affine;
  readonly size: number;
  private readonly f: FuncBuilder;
  private readonly own = new Map<Level, number>();
  private readonly now = new Map<Level, number>();
  private readonly rowPointers: number[] = [];

  /** `size` is the bytes of an element. */
  constructor(f: FuncBuilder, at: Affine, size: number) {
    this.f = f;
    this.at = at;
    this.size = size;
  }

  /** Begins: the operand's address lies in word `operand` of the block at `params`. */
  start(params: number, operand: number, terms: readonly Term[] = []): void {
    const pointer = this.local("part");
    this.f.get(params);
    this.f.mem("i32.load", 4 * operand);
    this.addConstant(this.at.base);
    for (const term of terms) this.addTerm(term);
    this.f.set(pointer);
  }

  /** Emits the pointer of a level from that of the level above. */
  enter(level: Level, terms: readonly Term[]): void {
    const above = this.pointer(levels[levels.indexOf(level) - 1]!);
    const used = terms.filter(([, coef]) => coef !== 0);
    if (used.length === 0) {
      this.now.set(level, above);
      return;
    }
    this.f.get(above);
    for (const term of used) this.addTerm(term);
    this.f.set(this.local(level));
  }

  /** The local that holds the pointer of a level entered before. */
  pointer(level: Level): number {
    return this.now.get(level)!;
  }

  /** Emits a pointer of its own for row `row`, from that of level `outer`. */
  enterRow(row: number, terms: readonly Term[]): number {
    const pointer = (this.rowPointers[row] ??= this.f.local("i32"));
    this.f.get(this.pointer("outer"));
    for (const term of terms) if (term[1] !== 0) this.addTerm(term);
    this.f.set(pointer);
    return pointer;
  }

  /** The local that {@link enterRow} set for a row. */
  rowPointer(row: number): number {
    return this.rowPointers[row]!;
  }

  private local(level: Level): number {
    let local = this.own.get(level);
    if (local === undefined) this.own.set(level, (local = this.f.local("i32")));
    this.now.set(level, local);
    return local;
  }

  private addTerm([local, coef]: Term): void {
    this.f.get(local);
    this.f.i32(coef * this.size);
    this.f.op("i32.mul");
    this.f.op("i32.add");
  }

  private addConstant(elements: number): void {
    if (elements === 0) return;
    this.f.i32(elements * this.size);
    this.f.op("i32.add");
  }
}

/** Emits `for (local = from; local < to; local += step) body()`. */
export function emitFor(
  f: FuncBuilder,
  { local, from, to, step = 1 }: { local: number; from: number; to: number; step?: number },
  body: () => void,
): void {
  f.get(from);
  f.set(local);
  const out = f.block();
  f.get(local);
  f.get(to);
  f.op("i32.ge_s");
  f.brIf(out);
  const top = f.loop();
  body();
  f.get(local);
  f.i32(step);
  f.op("i32.add");
  f.tee(local);
  f.get(to);
  f.op("i32.lt_s");
  f.brIf(top);
  f.end();
  f.end();
}

/** Takes the flat index in local `flat` (+ `add`) apart over axes of these extents, the last
 *  running fastest; leaves the index of each in its local. */
export function emitDecode(
  f: FuncBuilder,
  flat: number,
  add: number,
  axes: readonly { readonly local: number; readonly extent: number }[],
  rest: number,
): void {
  f.get(flat);
  if (add !== 0) {
    f.i32(add);
    f.op("i32.add");
  }
  for (let i = axes.length - 1; i > 0; i--) {
    const { local, extent } = axes[i]!;
    f.set(rest);
    f.get(rest);
    f.i32(extent);
    f.op("i32.rem_u");
    f.set(local);
    f.get(rest);
    f.i32(extent);
    f.op("i32.div_u");
  }
  if (axes.length > 0) f.set(axes[0]!.local);
  else f.op("drop");
}
