// Addresses in nested loops. A stream is one affine map into one operand, without its base: all accesses
// that differ by a small constant share it and differ by the offset in the instruction alone, which is
// what the engine's packer of vectors asks for. Each loop keeps a pointer a stream, set from the pointer
// of the loop around it and moved on at its end. Not here: the loops (loop.ts).

import { itemSize } from "../../ir/dtype.ts";
import type { Affine } from "../../schedule/kernel.ts";
import type { Frame, Place, Push } from "./expr.ts";

interface Stream {
  readonly operand: number;
  readonly coef: readonly number[];
  /** The smallest base of its accesses, in elements: part of the pointer. */
  least: number;
  /** The pointer in the innermost loop that is open; -1 before the first. */
  pointer: number;
}

/** Bases further apart than this do not share a pointer: it could lie before the memory's start. */
const reach = 2048;

export class Streams {
  private readonly frame: Frame;
  private readonly streams = new Map<string, Stream>();
  private readonly opened: { axis: number; streams: Stream[]; outer: number[] }[] = [];

  constructor(frame: Frame) {
    this.frame = frame;
  }

  private key(operand: number, at: Affine): string {
    return `${operand}|${at.coef.join()}|${Math.floor(at.base / reach)}`;
  }

  /** Makes an access known. All must be before the first loop. */
  add(operand: number, at: Affine): void {
    const key = this.key(operand, at);
    const known = this.streams.get(key);
    if (known === undefined) {
      this.streams.set(key, { operand, coef: at.coef, least: at.base, pointer: -1 });
    } else {
      known.least = Math.min(known.least, at.base);
    }
  }

  /** The streams of some accesses. */
  of(accesses: readonly { operand: number; at: Affine }[]): Set<Stream> {
    return new Set(accesses.map(({ operand, at }) => this.streams.get(this.key(operand, at))!));
  }

  /** Opens a loop over an axis that starts at 0, or at `start`. */
  enter(axis: number, used: ReadonlySet<Stream>, start?: Push): void {
    const { f } = this.frame;
    const streams = [...used].filter((s) => s.coef[axis] !== 0);
    const outer = streams.map((s) => s.pointer);
    for (const s of streams) {
      const from = this.pointer(s);
      s.pointer = this.frame.take("i32");
      f.get(from);
      if (start !== undefined) {
        start();
        f.i32(s.coef[axis]! * this.bytes(s));
        f.op("i32.mul");
        f.op("i32.add");
      }
      f.set(s.pointer);
    }
    this.opened.push({ axis, streams, outer });
  }

  /** Moves the innermost loop's pointers on by some indices. */
  advance(steps: number): void {
    const { f } = this.frame;
    const { axis, streams } = this.opened[this.opened.length - 1]!;
    for (const s of streams) {
      f.get(s.pointer);
      f.i32(s.coef[axis]! * steps * this.bytes(s));
      f.op("i32.add");
      f.set(s.pointer);
    }
  }

  leave(): void {
    const { streams, outer } = this.opened.pop()!;
    streams.forEach((s, i) => {
      this.frame.release(s.pointer);
      s.pointer = outer[i]!;
    });
  }

  /** Where an access lies, `lanes` indices of `laneAxis` on from the point of the loops. */
  place(operand: number, at: Affine, laneAxis: number, lanes: number): Place {
    const s = this.streams.get(this.key(operand, at))!;
    const elements = at.base - s.least + (laneAxis < 0 ? 0 : lanes * at.coef[laneAxis]!);
    return { local: this.pointer(s), offset: elements * this.bytes(s) };
  }

  private bytes(s: Stream): number {
    return itemSize[this.frame.operands[s.operand]!.dtype];
  }

  /** The pointer; outside of all its loops it is the operand's address plus the least base. */
  private pointer(s: Stream): number {
    if (s.pointer >= 0) return s.pointer;
    const base = this.frame.base(s.operand);
    if (s.least === 0) return base;
    return this.frame.once(`operand ${s.operand} + ${s.least}`, "i32", () => {
      this.frame.f.get(base);
      this.frame.f.i32(s.least * this.bytes(s));
      this.frame.f.op("i32.add");
    });
  }
}
