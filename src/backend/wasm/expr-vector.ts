// Expressions four lanes at a time: float32 as f32x4; int32 and uint8 as i32x4; bool as i32x4 of
// full-lane masks. Every operator of `vectorizable` expressions is here; the others run one element
// at a time (expr-scalar.ts). Not here: the polynomials (vector-math.ts), or loops.

import { type DType, itemSize } from "../../ir/dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../ir/op.ts";
import type { Expr, Range, Store } from "../../schedule/kernel.ts";
import type { ValType } from "./assembler.ts";
import type { LaneMemoryOp, PlainOp } from "./assembler-opcodes.ts";
import { ExprEmitter, type Frame, type Place, type Site, walk } from "./expr.ts";
import { VectorMath } from "./vector-math.ts";

type Of<K extends Expr["k"]> = Extract<Expr, { k: K }>;

/** Lanes beyond a kernel's points may be read when they lie no further than this from the last. */
const nearSteps = 4;
const threefryKey = 0x1bd11bda;
const threefryTurns = [13, 15, 26, 6, 17, 29, 16, 24] as const;

const reversed = [12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3];

const floatUnary: { [K in UnaryOp]?: PlainOp } = {
  neg: "f32x4.neg",
  abs: "f32x4.abs",
  sqrt: "f32x4.sqrt",
  floor: "f32x4.floor",
  ceil: "f32x4.ceil",
  round: "f32x4.nearest",
  trunc: "f32x4.trunc",
};

const floatBinary: { [K in BinaryOp]?: PlainOp } = {
  add: "f32x4.add",
  sub: "f32x4.sub",
  mul: "f32x4.mul",
  div: "f32x4.div",
  max: "f32x4.max",
  min: "f32x4.min",
};

const intBinary: { [K in BinaryOp]?: PlainOp } = {
  add: "i32x4.add",
  sub: "i32x4.sub",
  mul: "i32x4.mul",
  max: "i32x4.max_s",
  min: "i32x4.min_s",
  and: "v128.and",
  or: "v128.or",
  xor: "v128.xor",
};

const boolBinary: { [K in BinaryOp]?: PlainOp } = {
  add: "v128.or",
  mul: "v128.and",
  max: "v128.or",
  min: "v128.and",
  and: "v128.and",
  or: "v128.or",
  xor: "v128.xor",
};

const floatCompare: { [K in CompareOp]: PlainOp } = {
  eq: "f32x4.eq",
  ne: "f32x4.ne",
  lt: "f32x4.lt",
  le: "f32x4.le",
};

// Masks are 0 and -1, so that "less" is the other way round for bool.
const intCompare: { [K in CompareOp]: [number: PlainOp, bool: PlainOp] } = {
  eq: ["i32x4.eq", "i32x4.eq"],
  ne: ["i32x4.ne", "i32x4.ne"],
  lt: ["i32x4.lt_s", "i32x4.gt_s"],
  le: ["i32x4.le_s", "i32x4.ge_s"],
};

/** Whether VectorEmitter can compute the expressions with the lanes along an axis. */
export function vectorizable(roots: readonly Expr[], laneAxis: number): boolean {
  let fits = true;
  walk(roots, (e) => {
    if (e.dtype === "float64" || !opFits(e)) fits = false;
    if (e.k === "masked" && e.ranges.some((r) => coefficient(r.at.coef, laneAxis) !== 0)) {
      walk([e.x], (x) => {
        // Lanes outside the ranges are read as well: they must be near, and no faults.
        const far = x.k === "load" && Math.abs(coefficient(x.at.coef, laneAxis)) > nearSteps;
        if (x.k === "gather" || far) fits = false;
      });
    }
  });
  return fits;
}

function opFits(e: Expr): boolean {
  if (e.k === "binary") {
    if (e.fn === "shl" || e.fn === "shr") return e.y.k === "const" && e.dtype === "int32";
    if (e.dtype === "float32") return e.fn in floatBinary || e.fn === "pow";
    return e.fn in (e.dtype === "bool" ? boolBinary : intBinary);
  }
  if (e.k === "unary" && e.dtype !== "float32") {
    return e.fn === "not" || (e.dtype === "int32" && ["neg", "abs", "sign", "relu"].includes(e.fn));
  }
  return true;
}

function coefficient(coef: readonly number[], axis: number): number {
  return axis < 0 ? 0 : (coef[axis] ?? 0);
}

/** Computes vectors at a {@link Site}. Between `begin(roots)` and `finish()`, `emit(e, site)` leaves
 *  the v128 of `e` on the stack, and `store` writes one to memory. */
export class VectorEmitter extends ExprEmitter {
  private readonly math: VectorMath;
  /** Masks whose ranges are known to hold, or not to, where code is emitted now. */
  readonly assumed = new Map<Expr, boolean>();

  constructor(frame: Frame) {
    super(frame);
    this.math = new VectorMath(frame);
  }

  override typeOf(): ValType {
    return "v128";
  }

  protected override compute(e: Expr, site: Site): void {
    const { f } = this.frame;
    switch (e.k) {
      case "load":
        this.load(site.place(e.operand, e.at), e.dtype, laneStep(e, site), site);
        return;
      case "gather":
        this.gather(e, site);
        return;
      case "const":
        this.constant(e.dtype, e.value);
        return;
      case "scalar":
        f.get(this.scalar(e));
        return;
      case "axis":
        this.indices(e, site);
        return;
      case "unary":
        this.emit(e.x, site);
        this.unary(e.fn, e.dtype);
        return;
      case "binary":
        this.binary(e, site);
        return;
      case "compare":
        this.compare(e, site);
        return;
      case "where":
        this.emit(e.x, site);
        this.emit(e.y, site);
        this.emit(e.cond, site);
        f.op("v128.bitselect");
        return;
      case "cast":
        this.emit(e.x, site);
        this.cast(e.x.dtype, e.dtype);
        return;
      case "masked":
        this.masked(e, site);
        return;
      case "reg":
        site.pushReg(e.reg);
        return;
      case "random":
        this.random(e, site);
        return;
      case "acc":
        site.pushAcc();
        return;
    }
  }

  /** Pushes a number in all lanes. */
  constant(dtype: DType, value: number): void {
    const { frame } = this;
    if (dtype === "float32") frame.f.get(frame.splatF32(value));
    else if (dtype === "bool") frame.f.get(frame.splatI32(value !== 0 ? -1 : 0));
    else frame.f.get(frame.splatI32(dtype === "uint8" ? value & 255 : value));
  }

  private scalar(e: Of<"scalar">): number {
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
  private load(place: Place, dtype: DType, step: number, site: Site): void {
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

  private gather(e: Of<"gather">, site: Site): void {
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
  private isUniform(e: Expr, site: Site): boolean {
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

  private indices({ at }: { at: Range["at"] }, site: Site): void {
    const { frame } = this;
    site.pushIndex(at);
    frame.f.op("i32x4.splat");
    const step = coefficient(at.coef, site.laneAxis);
    if (step === 0) return;
    frame.f.get(frame.laneSteps((site.ahead ?? 0) * step, step));
    frame.f.op("i32x4.add");
  }

  private unary(fn: UnaryOp, dtype: DType): void {
    const { f } = this.frame;
    if (dtype !== "float32") {
      this.intUnary(fn, dtype);
      return;
    }
    const op = floatUnary[fn];
    if (op !== undefined) {
      f.op(op);
      return;
    }
    switch (fn) {
      case "relu":
        f.get(this.frame.zero);
        f.op("f32x4.pmax");
        return;
      case "reciprocal":
        this.overOne();
        return;
      case "rsqrt":
        f.op("f32x4.sqrt");
        this.overOne();
        return;
      case "sign":
        this.floatSign();
        return;
      case "not":
        f.get(this.frame.zero);
        f.op("f32x4.eq");
        this.constant("float32", 1);
        f.op("v128.and");
        return;
      case "exp":
      case "expm1":
      case "log":
      case "log1p":
      case "sin":
      case "cos":
      case "atan":
      case "tanh":
      case "sigmoid":
      case "erf": // biome-ignore format: a list
        this.math.apply(fn);
        return;
    }
  }

  private overOne(): void {
    const { frame } = this;
    const x = frame.take("v128");
    frame.f.set(x);
    this.constant("float32", 1);
    frame.f.get(x);
    frame.f.op("f32x4.div");
    frame.release(x);
  }

  /** 1 where x > 0, -1 where x < 0, NaN (all bits) where x is NaN. */
  private floatSign(): void {
    const { frame } = this;
    const { f } = frame;
    const x = frame.take("v128");
    f.set(x);
    for (const [op, value] of [
      ["f32x4.gt", 1],
      ["f32x4.lt", -1],
    ] as const) {
      f.get(x);
      f.get(frame.zero);
      f.op(op);
      this.constant("float32", value);
      f.op("v128.and");
    }
    f.op("v128.or");
    f.get(x);
    f.get(x);
    f.op("f32x4.ne");
    f.op("v128.or");
    frame.release(x);
  }

  private intUnary(fn: UnaryOp, dtype: DType): void {
    const { frame } = this;
    const { f } = frame;
    if (fn === "not") {
      f.op("v128.not");
      if (dtype === "uint8") this.wrap();
    } else if (fn === "neg") {
      f.op("i32x4.neg");
    } else if (fn === "abs") {
      f.op("i32x4.abs");
    } else if (fn === "relu") {
      f.get(frame.zero);
      f.op("i32x4.max_s");
    } else {
      // sign: between -1 and 1
      this.constant("int32", 1);
      f.op("i32x4.min_s");
      this.constant("int32", -1);
      f.op("i32x4.max_s");
    }
  }

  /** Modulo 256. */
  private wrap(): void {
    this.constant("int32", 255);
    this.frame.f.op("v128.and");
  }

  private binary(e: Of<"binary">, site: Site): void {
    const { f } = this.frame;
    if (e.dtype === "float32") {
      this.floatBinary(e, site);
      return;
    }
    this.emit(e.x, site);
    if (e.fn === "shl" || e.fn === "shr") {
      f.i32((e.y as Of<"const">).value & 31);
      f.op(e.fn === "shl" ? "i32x4.shl" : "i32x4.shr_u");
      return;
    }
    this.emit(e.y, site);
    f.op((e.dtype === "bool" ? boolBinary : intBinary)[e.fn]!);
    if (e.dtype === "uint8") this.wrap();
  }

  private floatBinary({ fn, x, y }: Of<"binary">, site: Site): void {
    const { f } = this.frame;
    if (fn === "pow") {
      this.pow(x, y, site);
      return;
    }
    if (fn === "max" || fn === "min") {
      // With a number on one side the cheaper pmax keeps NaN: the other operand must come first.
      const [a, b] = x.k === "const" ? [y, x] : [x, y];
      this.emit(a, site);
      this.emit(b, site);
      if (b.k !== "const" || Number.isNaN(b.value)) {
        f.op(floatBinary[fn]!);
        return;
      }
      f.op(fn === "max" ? "f32x4.pmax" : "f32x4.pmin");
      return;
    }
    this.emit(x, site);
    this.emit(y, site);
    f.op(floatBinary[fn]!);
  }

  /** Small whole powers by multiplication, others one lane at a time. */
  private pow(x: Expr, y: Expr, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    this.emit(x, site);
    if (y.k === "const" && (y.value === 1 || y.value === 2 || y.value === 3)) {
      if (y.value === 1) return;
      const v = frame.take("v128");
      f.set(v);
      for (let i = 0; i < y.value; i++) f.get(v);
      for (let i = 1; i < y.value; i++) f.op("f32x4.mul");
      frame.release(v);
      return;
    }
    const power = frame.module.importFunc("math", "pow", ["f64", "f64"], ["f64"]);
    const [a, b, result] = [frame.take("v128"), frame.take("v128"), frame.take("v128")];
    f.tee(a);
    f.set(result);
    this.emit(y, site);
    f.set(b);
    const uniform = this.isUniform(x, site) && this.isUniform(y, site);
    for (let lane = 0; lane < (uniform ? 1 : 4); lane++) {
      f.get(result);
      for (const v of [a, b]) {
        f.get(v);
        f.lane("f32x4.extract_lane", lane);
        f.op("f64.promote_f32");
      }
      f.call(power);
      f.op("f32.demote_f64");
      f.lane("f32x4.replace_lane", lane);
      f.set(result);
    }
    f.get(result);
    if (uniform) {
      f.lane("f32x4.extract_lane", 0);
      f.op("f32x4.splat");
    }
    for (const local of [a, b, result]) frame.release(local);
  }

  private compare(e: Of<"compare">, site: Site): void {
    const { f } = this.frame;
    this.emit(e.x, site);
    this.emit(e.y, site);
    if (e.x.dtype === "float32") f.op(floatCompare[e.fn]);
    else f.op(intCompare[e.fn][e.x.dtype === "bool" ? 1 : 0]);
  }

  /** Replaces the vector on the stack by one of another dtype. */
  private cast(from: DType, to: DType): void {
    const { f } = this.frame;
    if (from === to) return;
    if (to === "bool") {
      f.get(this.frame.zero);
      f.op(from === "float32" ? "f32x4.ne" : "i32x4.ne");
      return;
    }
    if (from === "bool") {
      this.constant(to, 1);
      f.op("v128.and");
      return;
    }
    if (to === "float32") {
      f.op("f32x4.convert_i32x4_s");
      return;
    }
    if (from === "float32") f.op("i32x4.trunc_sat_f32x4_s");
    if (to === "uint8") this.wrap();
  }

  private masked(e: Of<"masked">, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    const assumed = this.assumed.get(e);
    if (assumed === true) {
      this.emit(e.x, site);
      return;
    }
    if (assumed === false) {
      this.constant(e.dtype, e.fill);
      return;
    }
    const varies = (r: Range) => coefficient(r.at.coef, site.laneAxis) !== 0;
    const perLane = e.ranges.filter(varies);
    const mask = perLane.length > 0 ? frame.take("v128") : -1;
    perLane.forEach((range, i) => {
      this.indices(range, site);
      f.get(frame.splatI32(range.size));
      f.op("i32x4.lt_u");
      if (i > 0) {
        f.get(mask);
        f.op("v128.and");
      }
      f.set(mask);
    });
    pushHolds(
      frame,
      e.ranges.filter((r) => !varies(r)),
      site,
    );
    if (mask >= 0) {
      f.get(mask);
      f.op("v128.any_true");
      f.op("i32.and");
    }
    f.if("v128");
    this.scoped(() => {
      this.emit(e.x, site);
      if (mask < 0) return;
      this.constant(e.dtype, e.fill);
      f.get(mask);
      f.op("v128.bitselect");
    });
    f.else();
    this.constant(e.dtype, e.fill);
    f.end();
    if (mask >= 0) frame.release(mask);
  }

  /** Threefry2x32 with 20 rounds (Salmon et al. 2011): the first word of each lane. */
  private random(e: Of<"random">, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    const keys = [frame.take("v128"), frame.take("v128"), frame.take("v128")];
    const [x0, x1] = [frame.take("v128"), frame.take("v128")];
    this.emit(e.seed, site);
    f.set(keys[0]!);
    this.emit(e.base, site);
    f.tee(keys[1]!);
    f.get(keys[0]!);
    f.op("v128.xor");
    this.constant("int32", threefryKey);
    f.op("v128.xor");
    f.set(keys[2]!);
    this.indices(e, site);
    this.addTo(x0, keys[0]!);
    this.constant("int32", e.stream);
    this.addTo(x1, keys[1]!);
    for (let round = 0; round < 20; round++) {
      f.get(x0);
      this.addTo(x0, x1);
      const turn = threefryTurns[round % 8]!;
      f.get(x1);
      f.i32(turn);
      f.op("i32x4.shl");
      f.get(x1);
      f.i32(32 - turn);
      f.op("i32x4.shr_u");
      f.op("v128.or");
      f.get(x0);
      f.op("v128.xor");
      f.set(x1);
      if (round % 4 === 3) this.inject(x0, x1, keys, (round + 1) / 4);
    }
    f.get(x0);
    for (const local of [...keys, x0, x1]) frame.release(local);
  }

  private inject(x0: number, x1: number, keys: readonly number[], s: number): void {
    const { f } = this.frame;
    f.get(x0);
    this.addTo(x0, keys[s % 3]!);
    f.get(x1);
    this.constant("int32", s);
    f.op("i32x4.add");
    this.addTo(x1, keys[(s + 1) % 3]!);
  }

  /** target = vector on the stack + other */
  private addTo(target: number, other: number): void {
    const { f } = this.frame;
    f.get(other);
    f.op("i32x4.add");
    f.set(target);
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

  /** Adds to elements that an index names; one lane after the other unless they lie side by side. */
  private scatter(store: Store, value: number, place: Place, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    const scatter = store.scatter!;
    const float = frame.operands[store.operand]!.dtype === "float32";
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
      f.get(at.local);
      f.mem("v128.load", at.offset);
      f.get(v);
      f.op(float ? "f32x4.add" : "i32x4.add");
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
          const again = frame.pushAddress(at, lane * step * 4);
          f.mem(float ? "f32.load" : "i32.load", again);
          f.get(value);
          f.lane(float ? "f32x4.extract_lane" : "i32x4.extract_lane", lane);
          f.op(float ? "f32.add" : "i32.add");
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

function laneStep(e: Of<"load"> | Of<"gather">, site: Site): number {
  return coefficient(e.at.coef, site.laneAxis);
}
