// Reductions: what an accumulator starts from, how a value is added to it, and how several accumulators
// and the lanes of a vector are brought together, each for vectors and for single elements.
// argmax and argmin keep the best value and its position side by side. Not here: the loops (loop.ts).

import type { DType } from "../../ir/dtype.ts";
import type { ReduceOp } from "../../ir/op.ts";
import type { Reduce } from "../../schedule/kernel.ts";
import type { ValType } from "./assembler.ts";
import type { PlainOp } from "./assembler-opcodes.ts";
import type { Frame, Push, Site } from "./expr.ts";
import type { ScalarEmitter } from "./expr-scalar.ts";
import { scalarType } from "./expr-scalar-ops.ts";
import { termsOf } from "./expr-sums.ts";
import { VectorEmitter } from "./expr-vector.ts";

type Plain = Exclude<ReduceOp, "argmax" | "argmin">;

const floatOps = { sum: "add", prod: "mul", max: "max", min: "min" } as const;
const boolOps = { sum: "or", prod: "and", max: "or", min: "and" } as const;
const vectorIntOps: { [K in Plain]: PlainOp } = {
  sum: "i32x4.add",
  prod: "i32x4.mul",
  max: "i32x4.max_s",
  min: "i32x4.min_s",
};

const least: { [K in DType]: number } = {
  float32: Number.NEGATIVE_INFINITY,
  float64: Number.NEGATIVE_INFINITY,
  int32: -(2 ** 31),
  uint8: 0,
  bool: 0,
};
const greatest: { [K in DType]: number } = {
  float32: Number.POSITIVE_INFINITY,
  float64: Number.POSITIVE_INFINITY,
  int32: 2 ** 31 - 1,
  uint8: 255,
  bool: 1,
};

/** What changes no result of the reduction. */
export function neutral(fn: ReduceOp, dtype: DType): number {
  if (fn === "sum") return 0;
  if (fn === "prod") return 1;
  return fn === "max" || fn === "argmax" ? least[dtype] : greatest[dtype];
}

export function isArg(reduce: Reduce): boolean {
  return reduce.fn === "argmax" || reduce.fn === "argmin";
}

/** The accumulators of one reduction: locals, one a vector (or element) that runs side by side. */
export class Accumulators {
  readonly reduce: Reduce;
  readonly values: number[];
  /** argmax, argmin: the positions of the values. */
  readonly positions: number[];
  /** Maximum and minimum along the lanes, where instructions may be chosen freely: f32x4.max takes eight
   *  instructions of the processor, f32x4.pmax one, but that loses NaN. These locals, of the even and of
   *  the odd accumulators, have a lane's bits set once a NaN has gone by. */
  private readonly nans: readonly number[];
  private readonly frame: Frame;
  private readonly emitter: VectorEmitter | ScalarEmitter;
  private readonly vector: boolean;
  private readonly dtype: DType;

  /** `inner`: `gather` will bring the lanes together. */
  constructor(
    reduce: Reduce,
    emitter: VectorEmitter | ScalarEmitter,
    { count, inner }: { count: number; inner: boolean },
  ) {
    this.reduce = reduce;
    this.emitter = emitter;
    this.frame = emitter.frame;
    this.vector = emitter instanceof VectorEmitter;
    this.dtype = reduce.value.dtype;
    const take = (type: ValType) => () => this.frame.take(type);
    this.values = Array.from(
      { length: count },
      take(this.vector ? "v128" : scalarType[this.dtype]),
    );
    const positions = isArg(reduce) ? count : 0;
    this.positions = Array.from({ length: positions }, take(this.vector ? "v128" : "i32"));
    const apart = inner && this.vector && this.dtype === "float32" && this.frame.options.relaxed;
    const nans = apart && (reduce.fn === "max" || reduce.fn === "min") ? Math.min(count, 2) : 0;
    this.nans = Array.from({ length: nans }, take("v128"));
  }

  /** The local of the result, once there is one accumulator. */
  result(i: number): number {
    return (isArg(this.reduce) ? this.positions : this.values)[i]!;
  }

  /** Emits the setting of all accumulators to neutral values. */
  start(): void {
    const { f } = this.frame;
    for (const local of this.values) {
      this.pushNeutral();
      f.set(local);
    }
    for (const local of this.positions) {
      this.emitter.constant("int32", this.reduce.index?.base ?? 0);
      f.set(local);
    }
    for (const local of this.nans) {
      f.v128f32(0);
      f.set(local);
    }
  }

  /** A constant of each accumulator's own. Where accumulators of two reductions started from one shared
   *  local, V8's packer left the upper half of a register as it was: wrong sums, found in V8 13.6. */
  private pushNeutral(): void {
    const { f } = this.frame;
    const value = neutral(this.reduce.fn, this.dtype);
    if (!this.vector) this.emitter.constant(this.dtype, value);
    else if (this.dtype === "float32") f.v128f32(value);
    else {
      const lane = this.dtype === "bool" ? -value : value;
      f.v128i32(lane, lane, lane, lane);
    }
  }

  /** Emits the taking in of the value at a site. */
  take(i: number, site: Site): void {
    const { f } = this.frame;
    const { emitter } = this;
    const { fn, value } = this.reduce;
    const partial = typeof site.valid === "number" && site.valid < 4 && site.laneAxis >= 0;
    if (fn === "sum" && !partial && this.dtype === "float32" && emitter instanceof VectorEmitter) {
      for (const term of termsOf(emitter, value)) {
        emitter.addTerm(term, this.values[i]!, site);
        f.set(this.values[i]!);
      }
      return;
    }
    // The accumulator first: V8 computes max and min in the place of the first operand, and where that is
    // not the accumulator's own, it may copy the result there at the loop's end, half of a packed pair.
    const byOp = this.combinesByOp();
    if (byOp) f.get(this.values[i]!);
    emitter.emit(value, site);
    if (this.vector && partial) {
      this.emitter.constant(this.dtype, neutral(this.reduce.fn, this.dtype));
      f.get(this.laneMask(site.valid));
      this.frame.chooseLanes();
    }
    if (byOp) {
      if (this.nans.length > 0) this.noteNaN(this.nans[i % 2]!);
      f.op(this.combineOp());
      f.set(this.values[i]!);
      return;
    }
    const local = this.frame.take(this.vector ? "v128" : scalarType[this.dtype]);
    f.set(local);
    if (isArg(this.reduce)) {
      const at = this.reduce.index ?? { base: 0, coef: [] };
      this.choose(i, local, () => emitter.emit({ k: "axis", dtype: "int32", at }, site), false);
    } else {
      this.pair(local, this.values[i]!, this.compareOp(fn === "max" ? "gt" : "lt"));
      f.if();
      f.get(local);
      f.set(this.values[i]!);
      f.end();
    }
    this.frame.release(local);
  }

  /** Notes the lanes of the vector on the stack that are NaN. */
  private noteNaN(nan: number): void {
    const { f } = this.frame;
    const x = this.frame.take("v128");
    f.set(x);
    this.pair(x, x, "f32x4.ne");
    f.get(nan);
    f.op("v128.or");
    f.set(nan);
    f.get(x);
    this.frame.release(x);
  }

  private laneMask(valid: number): number {
    const lane = (i: number) => (i < valid ? -1 : 0);
    return this.frame.once(`lanes ${valid}`, "v128", () =>
      this.frame.f.v128i32(lane(0), lane(1), lane(2), lane(3)),
    );
  }

  /** There is no max or min of single ints. */
  private combinesByOp(): boolean {
    const { fn } = this.reduce;
    if (isArg(this.reduce)) return false;
    const int = this.dtype === "int32" || this.dtype === "uint8";
    return this.vector || !int || fn === "sum" || fn === "prod";
  }

  private combineOp(): PlainOp {
    const fn = this.reduce.fn as Plain;
    const type = this.vector ? "v128" : scalarType[this.dtype];
    if (this.dtype === "bool") return `${type === "v128" ? "v128" : "i32"}.${boolOps[fn]}`;
    if (this.vector) {
      if (this.dtype !== "float32") return vectorIntOps[fn];
      return this.nans.length > 0 ? `f32x4.p${fn as "max" | "min"}` : `f32x4.${floatOps[fn]}`;
    }
    if (type === "f32" || type === "f64") return `${type}.${floatOps[fn]}`;
    return fn === "prod" ? "i32.mul" : "i32.add";
  }

  /** Keeps the better of accumulator i and (value, position). The first wins among equals, or where
   *  `orEarlier`, the smaller position. NaN is better than any number. */
  private choose(i: number, value: number, position: Push, orEarlier: boolean): void {
    const { f } = this.frame;
    const [best, at] = [this.values[i]!, this.positions[i]!];
    const p = this.frame.take(this.vector ? "v128" : "i32");
    const mask = this.frame.take(this.vector ? "v128" : "i32");
    position();
    f.set(p);
    this.better(value, best);
    if (orEarlier) {
      this.same(value, best);
      f.get(p);
      f.get(at);
      f.op(this.vector ? "i32x4.lt_s" : "i32.lt_s");
      this.and();
      this.or();
    }
    f.set(mask);
    for (const [kept, other] of [
      [best, value],
      [at, p],
    ] as const) {
      f.get(other);
      f.get(kept);
      f.get(mask);
      if (this.vector) this.frame.chooseLanes();
      else f.op("select");
      f.set(kept);
    }
    this.frame.release(p);
    this.frame.release(mask);
  }

  private and(): void {
    this.frame.f.op(this.vector ? "v128.and" : "i32.and");
  }

  private or(): void {
    this.frame.f.op(this.vector ? "v128.or" : "i32.or");
  }

  private compareOp(name: "lt" | "gt" | "eq" | "ne"): PlainOp {
    if (this.dtype === "float32" && this.vector) return `f32x4.${name}`;
    const type = this.vector ? "i32x4" : scalarType[this.dtype];
    if (type === "f32" || type === "f64") return `${type}.${name}`;
    const int = type as "i32x4" | "i32";
    if (name === "eq" || name === "ne") return `${int}.${name}`;
    // Vector masks are 0 and -1: true is the lesser.
    if (this.dtype === "bool" && this.vector) return `i32x4.${name === "lt" ? "gt" : "lt"}_s`;
    return `${int}.${name}_s`;
  }

  private pair(a: number, b: number, op: PlainOp): void {
    this.frame.f.get(a);
    this.frame.f.get(b);
    this.frame.f.op(op);
  }

  /** Pushes whether a is better than b. */
  private better(a: number, b: number): void {
    this.pair(a, b, this.compareOp(this.reduce.fn === "argmax" ? "gt" : "lt"));
    if (this.dtype !== "float32" && this.dtype !== "float64") return;
    this.pair(a, a, this.compareOp("ne"));
    this.pair(b, b, this.compareOp("eq"));
    this.and();
    this.or();
  }

  /** Pushes whether a and b are equal or both NaN. */
  private same(a: number, b: number): void {
    this.pair(a, b, this.compareOp("eq"));
    if (this.dtype !== "float32" && this.dtype !== "float64") return;
    this.pair(a, a, this.compareOp("ne"));
    this.pair(b, b, this.compareOp("ne"));
    this.and();
    this.or();
  }

  /** Brings all accumulators and their lanes together: result(0) holds the result in all lanes. Even
   *  and odd accumulators come together first, and are stored side by side to memory that nobody
   *  reads, because the packer starts from stores. */
  gather(scratch: number): void {
    const { values } = this;
    const op = isArg(this.reduce) ? null : this.combineOp();
    if (op !== null) {
      for (let width = values.length / 2; width >= 2; width /= 2) {
        for (let i = 0; i < width; i++) this.merge(i, i + width, op);
      }
      if (values.length > 1) {
        this.seedPacker(scratch, values, 0);
        if (this.nans.length > 1) this.seedPacker(scratch, this.nans, 32);
        this.merge(0, 1, op);
      }
    }
    for (const lanes of [2, 1]) this.foldLanes(lanes, op);
    this.gatherNaNs();
    this.spread(this.result(0));
  }

  /** Stores the first two of some locals side by side. */
  private seedPacker(scratch: number, locals: readonly number[], at: number): void {
    const { f } = this.frame;
    if (!this.frame.options.revectorize) return;
    for (const i of [0, 1]) {
      f.get(scratch);
      f.get(locals[i]!);
      f.mem("v128.store", at + 16 * i);
    }
  }

  /** The result is NaN if any lane has seen one. */
  private gatherNaNs(): void {
    const { f } = this.frame;
    const [nan, other] = this.nans;
    if (nan === undefined) return;
    if (other !== undefined) {
      this.pair(nan, other, "v128.or");
      f.set(nan);
    }
    for (const distance of [2, 1]) {
      f.get(nan);
      this.turned(nan, distance);
      f.op("v128.or");
      f.set(nan);
    }
    this.pair(this.values[0]!, nan, "v128.or");
    f.set(this.values[0]!);
  }

  /** Takes lane 0 out and splats it: the same vector, but the packer, which would follow it from later
   *  stages into the accumulators and give up there, stops at a splat. */
  private spread(local: number): void {
    const { f } = this.frame;
    const lanes = !isArg(this.reduce) && this.dtype === "float32" ? "f32x4" : "i32x4";
    f.get(local);
    f.lane(`${lanes}.extract_lane`, 0);
    f.op(`${lanes}.splat`);
    f.set(local);
  }

  private merge(i: number, j: number, op: PlainOp): void {
    this.pair(this.values[i]!, this.values[j]!, op);
    this.frame.f.set(this.values[i]!);
  }

  /** Combines each lane with the one `distance` (1 or 2) away. */
  private foldLanes(distance: number, op: PlainOp | null): void {
    const { f } = this.frame;
    if (op !== null) {
      f.get(this.values[0]!);
      this.turned(this.values[0]!, distance);
      f.op(op);
      f.set(this.values[0]!);
      return;
    }
    const other = this.frame.take("v128");
    this.turned(this.values[0]!, distance);
    f.set(other);
    this.choose(0, other, () => this.turned(this.positions[0]!, distance), true);
    this.frame.release(other);
  }

  /** Pushes a vector whose lanes have changed places with those `distance` away. */
  private turned(local: number, distance: number): void {
    const { f } = this.frame;
    f.get(local);
    f.get(local);
    f.shuffle(Array.from({ length: 16 }, (_, i) => i ^ (4 * distance)));
  }

  /** Rounds what has run in 32 bits to the dtype. */
  finish(): void {
    if (this.dtype !== "uint8" || isArg(this.reduce)) return;
    for (const local of this.values) {
      this.frame.f.get(local);
      this.emitter.constant("int32", 255);
      this.frame.f.op(this.vector ? "v128.and" : "i32.and");
      this.frame.f.set(local);
    }
  }

  release(): void {
    for (const local of [...this.values, ...this.positions, ...this.nans])
      this.frame.release(local);
  }
}
