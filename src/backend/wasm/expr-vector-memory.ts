// Loads, gathers, stores and scatters of four lanes, whatever the distance between the lanes, and what
// else the operators of expr-vector.ts build on: constants, scalars and indices. Bytes (uint8, bool)
// become four ints and back. Not here: operators.

import { type DType, itemSize } from "../../ir/dtype.ts";
import { type Affine, type Expr, type Range, type Store, walk } from "../../schedule/kernel.ts";
import type { LaneMemoryOp } from "./assembler-opcodes.ts";
import { ExprEmitter, type Frame, type Place, type Site } from "./expr.ts";

export type Of<K extends Expr["k"]> = Extract<Expr, { k: K }>;

/** Lanes beyond a kernel's points may be read when they lie no further than this from the last. */
export const nearSteps = 4;

const reversed = [12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3];

/** The part of {@link VectorEmitter} that deals with memory. */
export abstract class VectorMemory extends ExprEmitter {
  /** Pushes a number in all lanes. */
  constant(dtype: DType, value: number): void {
    const { frame } = this;
    if (dtype === "float32") frame.f.get(frame.splatF32(value));
    else if (dtype === "bool") frame.f.get(frame.splatI32(value !== 0 ? -1 : 0));
    else frame.f.get(frame.splatI32(dtype === "uint8" ? value & 255 : value));
  }

  protected scalar(e: Of<"scalar">): number {
    const { frame } = this;
    const { f } = frame;
    const raw = frame.scalar(e.slot);
    return frame.once(`splat ${e.slot} ${e.dtype}`, "v128", () => {
      f.get(raw);
      if (e.dtype === "float32") {
        f.op("f32.demote_f64");
        f.op("f32x4.splat");
        return;
      }
      if (e.dtype === "bool") {
        f.f64(0);
        f.op("f64.ne");
        f.i32(-1);
        f.op("i32.mul");
      } else {
        f.op("i32.trunc_sat_f64_s");
        if (e.dtype === "uint8") this.wrapScalar();
      }
      f.op("i32x4.splat");
    });
  }

  private wrapScalar(): void {
    this.frame.f.i32(255);
    this.frame.f.op("i32.and");
  }

  /** Pushes the vector at a place whose lanes lie `step` elements apart. */
  protected load(place: Place, dtype: DType, step: number, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    if (itemSize[dtype] === 1) {
      this.loadBytes(place, dtype, step, site);
      return;
    }
    if (step === 0) {
      f.mem("v128.load32_splat", frame.pushAddress(place));
    } else if (step === 1) {
      f.mem("v128.load", frame.pushAddress(place));
    } else if (step === -1) {
      f.mem("v128.load", frame.pushAddress(place, -12));
      f.get(frame.zero);
      f.shuffle(reversed);
    } else {
      const v = frame.take("v128");
      f.mem("v128.load32_splat", frame.pushAddress(place));
      f.set(v);
      for (let lane = 1; lane < 4; lane++) {
        this.ifValid(lane, site, Math.abs(step) > nearSteps, () => {
          const offset = frame.pushAddress(place, lane * step * 4);
          f.get(v);
          f.memLane("v128.load32_lane", lane, offset);
          f.set(v);
        });
      }
      f.get(v);
      frame.release(v);
    }
  }

  private loadBytes(place: Place, dtype: DType, step: number, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    if (step === 1) {
      f.mem("v128.load32_zero", frame.pushAddress(place));
      f.op("i16x8.extend_low_i8x16_u");
      f.op("i32x4.extend_low_i16x8_u");
    } else {
      f.mem("i32.load8_u", frame.pushAddress(place));
      f.op("i32x4.splat");
    }
    if (step !== 0 && step !== 1) {
      const v = frame.take("v128");
      f.set(v);
      for (let lane = 1; lane < 4; lane++) {
        this.ifValid(lane, site, Math.abs(step) > nearSteps, () => {
          f.get(v);
          f.mem("i32.load8_u", frame.pushAddress(place, lane * step));
          f.lane("i32x4.replace_lane", lane);
          f.set(v);
        });
      }
      f.get(v);
      frame.release(v);
    }
    if (dtype === "bool") this.toMask();
  }

  private toMask(): void {
    this.frame.f.get(this.frame.zero);
    this.frame.f.op("i32x4.ne");
  }

  /** Runs `write` where the lane is a point of the kernel (always, if it does no harm elsewhere). */
  private ifValid(lane: number, site: Site, needed: boolean, write: () => void): void {
    const { f } = this.frame;
    if (!needed || typeof site.valid === "number") {
      if (!needed || lane < (site.valid as number)) write();
      return;
    }
    f.get(site.valid.local);
    f.i32(lane);
    f.op("i32.gt_s");
    f.if();
    write();
    f.end();
  }

  protected gather(e: Of<"gather">, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    const place = site.place(e.operand, e.at);
    this.emit(e.index, site);
    if (this.isUniform(e.index, site)) {
      f.lane("i32x4.extract_lane", 0);
      const at = frame.indexed(place, e.operand, e);
      this.load(at, e.dtype, laneStep(e, site), site);
      frame.release(at.local);
      return;
    }
    const index = frame.take("v128");
    const v = frame.take("v128");
    f.set(index);
    f.get(frame.zero);
    f.set(v);
    const bytes = itemSize[e.dtype];
    for (let lane = 0; lane < 4; lane++) {
      this.ifValid(lane, site, lane > 0, () => {
        f.get(index);
        f.lane("i32x4.extract_lane", lane);
        const at = frame.indexed(place, e.operand, e);
        const step = lane * laneStep(e, site) * bytes;
        if (bytes === 1) f.get(v);
        const offset = frame.pushAddress(at, step);
        if (bytes === 1) {
          f.mem("i32.load8_u", offset);
          f.lane("i32x4.replace_lane", lane);
        } else {
          f.get(v);
          f.memLane("v128.load32_lane", lane, offset);
        }
        f.set(v);
        frame.release(at.local);
      });
    }
    f.get(v);
    frame.release(index);
    frame.release(v);
    if (e.dtype === "bool") this.toMask();
  }

  /** Whether all lanes hold the same value. */
  protected isUniform(e: Expr, site: Site): boolean {
    let uniform = true;
    walk([e], (x) => {
      if (x.k === "reg" || x.k === "acc") uniform = site.laneAxis < 0 && uniform;
      if ("at" in x && coefficient(x.at.coef, site.laneAxis) !== 0) uniform = false;
      if (x.k === "masked" && x.ranges.some((r) => coefficient(r.at.coef, site.laneAxis) !== 0)) {
        uniform = false;
      }
    });
    return uniform;
  }

  protected indices({ at }: { at: Affine }, site: Site): void {
    const { frame } = this;
    site.pushIndex(at);
    frame.f.op("i32x4.splat");
    const step = coefficient(at.coef, site.laneAxis);
    if (step === 0) return;
    frame.f.get(frame.laneSteps((site.ahead ?? 0) * step, step));
    frame.f.op("i32x4.add");
  }

  /** Writes the vector in a local where the store says; all values are computed by now. */
  store(store: Store, value: number, site: Site): void {
    const { frame } = this;
    const dtype = frame.operands[store.operand]!.dtype;
    const place = site.place(store.operand, store.at);
    if (store.scatter !== undefined) {
      this.scatter(store, value, place, site);
      return;
    }
    const step = coefficient(store.at.coef, site.laneAxis);
    const bytes = itemSize[dtype];
    if (bytes === 4 && step === 1 && site.valid === 4) {
      const offset = frame.pushAddress(place);
      frame.f.get(value);
      frame.f.mem("v128.store", offset);
      return;
    }
    const packed = bytes === 1 ? this.narrow(value, dtype) : value;
    if (bytes === 1 && step === 1 && site.valid === 4) {
      const offset = frame.pushAddress(place);
      frame.f.get(packed);
      frame.f.memLane("v128.store32_lane", 0, offset);
    } else {
      this.storeLanes(place, packed, bytes === 1 ? "v128.store8_lane" : "v128.store32_lane", {
        step: step * bytes,
        site,
      });
    }
    if (packed !== value) frame.release(packed);
  }

  private storeLanes(
    place: Place,
    value: number,
    op: LaneMemoryOp,
    { step, site }: { step: number; site: Site },
  ): void {
    const { frame } = this;
    for (let lane = 0; lane < 4; lane++) {
      this.ifValid(lane, site, lane > 0, () => {
        const offset = frame.pushAddress(place, lane * step);
        frame.f.get(value);
        frame.f.memLane(op, lane, offset);
      });
    }
  }

  /** The four lanes as bytes 0 to 3 of a new temporary. */
  private narrow(value: number, dtype: DType): number {
    const { frame } = this;
    const { f } = frame;
    const v = frame.take("v128");
    f.get(value);
    this.constant("int32", dtype === "bool" ? 1 : 255);
    f.op("v128.and");
    f.tee(v);
    f.get(v);
    f.op("i16x8.narrow_i32x4_u");
    f.tee(v);
    f.get(v);
    f.op("i8x16.narrow_i16x8_u");
    f.set(v);
    return v;
  }

  /** Changes elements that an index names; one lane after the other unless they lie side by side. */
  private scatter(store: Store, value: number, place: Place, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    const scatter = store.scatter!;
    const float = frame.operands[store.operand]!.dtype === "float32";
    const adds = scatter.fn === "add";
    const step = coefficient(store.at.coef, site.laneAxis);
    const index = frame.take("v128");
    this.emit(scatter.index, site);
    f.set(index);
    if (step === 1 && site.valid === 4 && this.isUniform(scatter.index, site)) {
      f.get(index);
      f.lane("i32x4.extract_lane", 0);
      const v = frame.take("v128");
      f.get(value);
      f.set(v);
      const at = checkedIndex(frame, place, store);
      f.get(at.local);
      if (adds) {
        f.get(at.local);
        f.mem("v128.load", at.offset);
      }
      f.get(v);
      if (adds) f.op(float ? "f32x4.add" : "i32x4.add");
      f.mem("v128.store", at.offset);
      f.end();
      frame.release(at.local);
      frame.release(v);
    } else {
      for (let lane = 0; lane < 4; lane++) {
        this.ifValid(lane, site, lane > 0, () => {
          f.get(index);
          f.lane("i32x4.extract_lane", lane);
          const at = checkedIndex(frame, place, store);
          const offset = frame.pushAddress(at, lane * step * 4);
          if (adds) {
            const again = frame.pushAddress(at, lane * step * 4);
            f.mem(float ? "f32.load" : "i32.load", again);
          }
          f.get(value);
          f.lane(float ? "f32x4.extract_lane" : "i32x4.extract_lane", lane);
          if (adds) f.op(float ? "f32.add" : "i32.add");
          f.mem(float ? "f32.store" : "i32.store", offset);
          f.end();
          frame.release(at.local);
        });
      }
    }
    frame.release(index);
  }
}

/** Opens a block that a bad scatter index leaves, with a fault; the caller ends it. The index is on
 *  the stack. */
export function checkedIndex(frame: Frame, place: Place, store: Store): Place {
  const { f } = frame;
  const held = frame.take("i32");
  f.set(held);
  const block = f.block();
  f.get(held);
  const at = frame.indexed(place, store.operand, store.scatter!, () => f.br(block));
  frame.release(held);
  return at;
}

/** Pushes whether all ranges hold (i32): 1 for none. */
export function pushHolds(frame: Frame, ranges: readonly Range[], site: Site): void {
  const { f } = frame;
  if (ranges.length === 0) f.i32(1);
  ranges.forEach((range, i) => {
    site.pushIndex(range.at);
    f.i32(range.size);
    f.op("i32.lt_u");
    if (i > 0) f.op("i32.and");
  });
}

/** Elements from one lane to the next. */
export function laneStep(e: Of<"load"> | Of<"gather">, site: Site): number {
  return coefficient(e.at.coef, site.laneAxis);
}

/** The coefficient of an axis; 0 for axis -1. */
export function coefficient(coef: readonly number[], axis: number): number {
  return axis < 0 ? 0 : (coef[axis] ?? 0);
}
