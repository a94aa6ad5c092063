// The loops of a kernel: indices and pointers in locals, whole extents in blocks of vectors, and axis 0
// from lo to hi. Not here: what runs inside them (loop.ts).

import type { Affine } from "../../schedule/kernel.ts";
import type { FuncBuilder } from "./assembler.ts";
import type { Frame, Push, Site } from "./expr.ts";
import type { Streams } from "./loop-streams.ts";

/** How many vectors run side by side, and how many lanes of the last are points. */
export interface Span {
  readonly vectors: number;
  readonly valid: Site["valid"];
}

/** A single point. */
export const one: Span = { vectors: 1, valid: 1 };

type Used = ReturnType<Streams["of"]>;

export class LoopNest {
  private readonly frame: Frame;
  private readonly f: FuncBuilder;
  private readonly streams: Streams;
  private readonly axes: readonly number[];
  /** The axis that lanes run along, or -1. */
  private readonly vector: number;
  /** The local that holds the index of each open loop's axis. */
  private readonly indices = new Map<number, number>();

  constructor(frame: Frame, streams: Streams, axes: readonly number[], vector: number) {
    this.frame = frame;
    this.f = frame.f;
    this.streams = streams;
    this.axes = axes;
    this.vector = vector;
  }

  /** Whether a loop over the axis is open. */
  isOpen(axis: number): boolean {
    return this.indices.has(axis);
  }

  /** Pushes base + Σ coefficient · index; axes without a loop count as 0. */
  pushIndex(at: Affine): void {
    const { f } = this;
    f.i32(at.base);
    at.coef.forEach((c, axis) => {
      const index = this.indices.get(axis);
      if (c === 0 || index === undefined) return;
      f.get(index);
      if (c !== 1) {
        f.i32(c);
        f.op("i32.mul");
      }
      f.op("i32.add");
    });
  }

  /** A loop one index at a time. */
  plainLoop(axis: number, used: Used, write: () => void): void {
    const extent = this.axes[axis]!;
    if (axis === 0) this.rangeLoop(axis, used, [], () => write());
    else if (extent === 1) write();
    else this.stepLoop(axis, used, { from: 0, to: extent, step: 1 }, write);
  }

  /** A loop over indices [from, to) of an axis other than 0, `step` at a time; their number is a multiple
   *  of that. */
  stepLoop(
    axis: number,
    used: Used,
    { from, to, step }: { from: number; to: number; step: number },
    write: () => void,
  ): void {
    if (from >= to) return;
    this.open(axis, used, from === 0 ? undefined : () => this.f.i32(from));
    if (from + step < to) this.repeat(axis, step, to, write);
    else write();
    this.close(axis);
  }

  /** A loop over the vector axis: as many of the widest blocks as fit, then narrower ones, then single
   *  vectors, the last with some lanes only. */
  vectorLoop(
    axis: number,
    used: Used,
    blocks: readonly number[],
    write: (span: Span) => void,
  ): void {
    const extent = this.axes[axis]!;
    if (axis === 0) {
      this.rangeLoop(axis, used, blocks, write);
      return;
    }
    this.open(axis, used);
    let done = 0;
    for (const vectors of [...blocks, 1]) {
      const count = Math.floor((extent - done) / (4 * vectors));
      if (count === 0) continue;
      done += 4 * vectors * count;
      const inner = () => write({ vectors, valid: 4 });
      if (count > 1) {
        this.repeat(axis, 4 * vectors, done, inner);
      } else {
        inner();
        if (done < extent) this.step(axis, 4 * vectors);
      }
    }
    if (done < extent) write({ vectors: 1, valid: extent - done });
    this.close(axis);
  }

  /** The loop over parallel axis 0, from lo to hi: in vectors where it is the vector axis. */
  private rangeLoop(
    axis: number,
    used: Used,
    blocks: readonly number[],
    write: (span: Span) => void,
  ): void {
    const { f } = this;
    const [lo, hi] = [1, 2];
    const index = this.open(axis, used, () => f.get(lo));
    for (const vectors of blocks)
      this.whileFits(axis, index, vectors, () => write({ vectors, valid: 4 }));
    const out = f.block();
    const again = f.loop();
    f.get(index);
    f.get(hi);
    f.op("i32.ge_s");
    f.brIf(out);
    if (axis === this.vector) {
      const left = this.frame.take("i32");
      f.get(hi);
      f.get(index);
      f.op("i32.sub");
      f.set(left);
      write({ vectors: 1, valid: { local: left } });
      this.frame.release(left);
    } else {
      write(one);
    }
    this.endOfBody(axis, axis === this.vector ? 4 : 1);
    f.br(again);
    f.end();
    f.end();
    this.close(axis);
  }

  /** A loop while a block of vectors lies before hi. */
  private whileFits(axis: number, index: number, vectors: number, write: () => void): void {
    const { f } = this;
    const fits = () => {
      f.get(index);
      f.i32(4 * vectors);
      f.op("i32.add");
      f.get(2);
      f.op("i32.le_s");
    };
    fits();
    f.if();
    const again = f.loop();
    write();
    this.endOfBody(axis, 4 * vectors);
    fits();
    f.brIf(again);
    f.end();
    f.end();
  }

  /** Begins the indices and pointers of an axis. */
  private open(axis: number, used: Used, start?: Push): number {
    const { f } = this;
    const index = this.frame.take("i32");
    if (start === undefined) f.i32(0);
    else start();
    f.set(index);
    this.streams.enter(axis, used, start);
    this.indices.set(axis, index);
    return index;
  }

  private close(axis: number): void {
    this.streams.leave();
    this.frame.release(this.indices.get(axis)!);
    this.indices.delete(axis);
  }

  /** Repeats a body until the index reaches `limit`; at least once. */
  private repeat(axis: number, step: number, limit: number, write: () => void): void {
    const { f } = this;
    const again = f.loop();
    write();
    this.endOfBody(axis, step);
    f.get(this.indices.get(axis)!);
    f.i32(limit);
    f.op("i32.lt_s");
    f.brIf(again);
    f.end();
  }

  private endOfBody(axis: number, step: number): void {
    this.frame.forgetTemps();
    this.step(axis, step);
  }

  private step(axis: number, step: number): void {
    this.streams.advance(step);
    this.f.increase(this.indices.get(axis)!, step);
  }
}
