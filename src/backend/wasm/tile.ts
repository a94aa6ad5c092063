// The register tile: rows × vectors of sums that stay in locals while one loop nest runs over the
// sums. Each step loads the row of b, spreads one element of a for each row, and multiplies and
// adds. What V8 turns into 256-bit code is narrow: adjacent vectors are loaded with immediate
// offsets from one local, used together, and stored in pairs; locals that are dead at a loop's end
// go back to a zero local, because a dead phi stops the pairing.
// Not here: where tiles lie, first and last values of the sums (contract-render.ts).

import type { FuncBuilder } from "./assembler.ts";
import type { Frame } from "./expr.ts";

/** One loop of the sums; steps are bytes. */
export interface SumLoop {
  readonly extent: number;
  readonly a: number;
  readonly b: number;
  /** A local with the number of turns, where it varies; `extent` is then a divisor of all of them.
   *  */
  readonly turns?: number | undefined;
}

/** The locals of a tile, shared by all tiles of a function. */
export interface TileLocals {
  /** accs[row][vector]. */
  readonly accs: readonly (readonly number[])[];
  readonly bs: readonly number[];
  readonly splat: number;
  /** Never assigned. */
  readonly zero: number;
  readonly counters: readonly number[];
}

/** The element of a in each row: at local + offset. */
export interface RowSource {
  readonly local: number;
  readonly offset: number;
}

/** Makes the locals for tiles of up to `rows` × `vectors`. */
export function tileLocals(
  { f, zero }: Frame,
  rows: number,
  vectors: number,
  loops: number,
): TileLocals {
  const vector = () => f.local("v128");
  const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make);
  return {
    accs: times(rows, () => times(vectors, vector)),
    bs: times(vectors, vector),
    splat: vector(),
    zero,
    counters: times(loops, () => f.local("i32")),
  };
}

/** Sums up to this many are written out without a loop. */
const unrolledSums = 9;

interface Step {
  readonly a: number;
  readonly b: number;
}

/** Emits the sums of one tile: `accs += a · b`. Moves the pointers. */
export class TileSums {
  private readonly f: FuncBuilder;
  private readonly locals: TileLocals;
  private readonly rows: readonly RowSource[];
  private readonly b: number;
  private readonly madd: boolean;
  /** What stays a loop. */
  private readonly loops: readonly SumLoop[];
  /** The inner sums, written out. */
  private readonly steps: readonly Step[];
  private readonly pointers: readonly number[];
  private lowA = 0;
  private lowB = 0;

  constructor(
    f: FuncBuilder,
    locals: TileLocals,
    rows: readonly RowSource[],
    b: number,
    sums: readonly SumLoop[],
    madd: boolean,
  ) {
    this.f = f;
    this.locals = locals;
    this.rows = rows;
    this.b = b;
    this.madd = madd;
    let steps: Step[] = [{ a: 0, b: 0 }];
    let kept = sums.length;
    while (kept > 0) {
      const sum = sums[kept - 1]!;
      if (sum.turns !== undefined || sum.extent * steps.length > unrolledSums) break;
      const inner = steps;
      steps = Array.from({ length: sum.extent }, (_, i) =>
        inner.map((s) => ({ a: s.a + i * sum.a, b: s.b + i * sum.b })),
      ).flat();
      kept--;
    }
    this.loops = sums.slice(0, kept);
    this.steps = steps;
    this.pointers = [...new Set(rows.map(({ local }) => local))];
  }

  /** Emits everything. The locals of `rows` and `b` are moved, and not put back. */
  emit(): void {
    this.makeOffsetsPositive();
    this.level(0);
  }

  /** How many steps of the innermost loop are written out in one turn. */
  private unroll(): number {
    const loop = this.loops[this.loops.length - 1];
    if (loop === undefined || this.steps.length > 2) return 1;
    if (loop.turns !== undefined) return loop.extent % 4 === 0 ? 4 : loop.extent % 2 === 0 ? 2 : 1;
    return Math.min(this.pointers.length > 1 ? 4 : 2, loop.extent);
  }

  /** Immediates are unsigned: pointers start at the lowest address that a turn of the innermost
   *  loop reads. */
  private makeOffsetsPositive(): void {
    const inner = this.loops[this.loops.length - 1] ?? { a: 0, b: 0 };
    const last = this.unroll() - 1;
    const low = (values: number[]) => Math.min(...values);
    const turnA = Math.min(0, last * inner.a);
    const turnB = Math.min(0, last * inner.b);
    this.lowA = low(this.steps.map((s) => s.a)) + low(this.rows.map((r) => r.offset)) + turnA;
    this.lowB = low(this.steps.map((s) => s.b)) + turnB;
    this.move(this.lowA, this.lowB);
  }

  private move(a: number, b: number): void {
    for (const pointer of this.pointers) this.f.increase(pointer, a);
    this.f.increase(this.b, b);
  }

  /** Emits loop `depth` and all inside it; returns by how much the pointers have moved. */
  private level(depth: number): Step {
    const loop = this.loops[depth];
    if (loop === undefined) {
      this.body(0, 0);
      this.clear();
      return { a: 0, b: 0 };
    }
    const { f } = this;
    const unroll = depth === this.loops.length - 1 ? this.unroll() : 1;
    const turns = Math.floor(loop.extent / unroll);
    const counter = this.locals.counters[depth]!;
    this.setCounter(counter, loop, unroll);
    const top = f.loop();
    this.turn(depth, loop, unroll);
    f.endTurns(counter, top);
    const rest = loop.turns === undefined ? loop.extent % unroll : 0;
    for (let u = 0; u < rest; u++) this.body(u * loop.a, u * loop.b);
    if (rest > 0) this.clear();
    return { a: turns * unroll * loop.a, b: turns * unroll * loop.b };
  }

  private setCounter(counter: number, loop: SumLoop, unroll: number): void {
    const { f } = this;
    if (loop.turns === undefined) {
      f.i32(Math.floor(loop.extent / unroll));
    } else {
      f.get(loop.turns);
      f.i32(unroll);
      f.op("i32.div_u");
    }
    f.set(counter);
  }

  private turn(depth: number, loop: SumLoop, unroll: number): void {
    let moved: Step = { a: 0, b: 0 };
    if (depth === this.loops.length - 1) {
      for (let u = 0; u < unroll; u++) this.body(u * loop.a, u * loop.b);
      this.clear();
    } else {
      moved = this.level(depth + 1);
    }
    this.move(unroll * loop.a - moved.a, unroll * loop.b - moved.b);
  }

  private body(a: number, b: number): void {
    for (const step of this.steps) this.step(a + step.a - this.lowA, b + step.b - this.lowB);
  }

  /** accs[r][v] += a[r] · b[v] for one position of the sums. */
  private step(a: number, b: number): void {
    const { f, locals } = this;
    locals.bs.forEach((local, v) => {
      f.get(this.b);
      f.mem("v128.load", b + 16 * v);
      f.set(local);
    });
    this.rows.forEach((row, r) => {
      f.get(row.local);
      f.mem("v128.load32_splat", a + row.offset);
      f.set(locals.splat);
      locals.bs.forEach((local, v) => {
        const acc = locals.accs[r]![v]!;
        if (!this.madd) f.get(acc);
        f.get(locals.splat);
        f.get(local);
        if (this.madd) {
          f.get(acc);
          f.op("f32x4.relaxed_madd");
        } else {
          f.op("f32x4.mul");
          f.op("f32x4.add");
        }
        f.set(acc);
      });
    });
  }

  private clear(): void {
    const { f, locals } = this;
    for (const local of [...locals.bs, locals.splat]) {
      f.get(locals.zero);
      f.set(local);
    }
  }
}
