// Expressions one element at a time, for every dtype and operator: float32 as f32 and float64 as f64,
// int32 and uint8 as i32, bool as i32 of 0 and 1. Slower than expr-vector.ts and complete.
// Transcendental functions are imports (scalar-math.ts), computed in float64. Not here: loops.

import type { DType } from "../../ir/dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../ir/op.ts";
import type { Expr, Store } from "../../schedule/kernel.ts";
import type { ValType } from "./assembler.ts";
import type { MemoryOp, PlainOp } from "./assembler-opcodes.ts";
import { ExprEmitter, type Site } from "./expr.ts";
import { checkedIndex, pushHolds } from "./expr-vector.ts";
import type { MathImport } from "./scalar-math.ts";

type Of<K extends Expr["k"]> = Extract<Expr, { k: K }>;
type FloatType = "f32" | "f64";

/** What values of a dtype are on the stack. */
export const scalarType: { [K in DType]: ValType } = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  uint8: "i32",
  bool: "i32",
};

const loads: { [K in DType]: MemoryOp } = {
  float32: "f32.load",
  float64: "f64.load",
  int32: "i32.load",
  uint8: "i32.load8_u",
  bool: "i32.load8_u",
};

const stores: { [K in DType]: MemoryOp } = {
  float32: "f32.store",
  float64: "f64.store",
  int32: "i32.store",
  uint8: "i32.store8",
  bool: "i32.store8",
};

const floatUnary = {
  neg: "neg",
  abs: "abs",
  sqrt: "sqrt",
  floor: "floor",
  ceil: "ceil",
  round: "nearest",
  trunc: "trunc",
} as const;

const floatBinary = {
  add: "add",
  sub: "sub",
  mul: "mul",
  div: "div",
  max: "max",
  min: "min",
} as const;

const intBinary: { [K in BinaryOp]?: PlainOp } = {
  add: "i32.add",
  sub: "i32.sub",
  mul: "i32.mul",
  and: "i32.and",
  or: "i32.or",
  xor: "i32.xor",
  shl: "i32.shl",
  shr: "i32.shr_u",
};

const boolBinary: { [K in BinaryOp]?: PlainOp } = {
  add: "i32.or",
  sub: "i32.xor",
  mul: "i32.and",
  max: "i32.or",
  min: "i32.and",
  and: "i32.and",
  or: "i32.or",
  xor: "i32.xor",
};

const intCompare: { [K in CompareOp]: PlainOp } = {
  eq: "i32.eq",
  ne: "i32.ne",
  lt: "i32.lt_s",
  le: "i32.le_s",
};

const threefryKey = 0x1bd11bda;
const threefryTurns = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** Computes elements at a {@link Site} (its lane axis does not matter). `emit(e, site)` leaves the
 *  value of `e` on the stack, `store` writes one to memory. */
export class ScalarEmitter extends ExprEmitter {
  override typeOf(e: Expr): ValType {
    return scalarType[e.dtype];
  }

  protected override compute(e: Expr, site: Site): void {
    const { f } = this.frame;
    switch (e.k) {
      case "load":
        f.mem(loads[e.dtype], this.frame.pushAddress(site.place(e.operand, e.at)));
        break;
      case "gather":
        this.gather(e, site);
        break;
      case "const":
        this.constant(e.dtype, e.value);
        break;
      case "scalar":
        f.get(this.frame.scalar(e.slot));
        this.convert("float64", e.dtype);
        break;
      case "axis":
        site.pushIndex(e.at);
        break;
      case "unary":
        this.emit(e.x, site);
        this.unary(e.fn, e.dtype);
        break;
      case "binary":
        this.emit(e.x, site);
        this.emit(e.y, site);
        this.binary(e.fn, e.dtype);
        break;
      case "compare":
        this.emit(e.x, site);
        this.emit(e.y, site);
        this.compare(e.fn, e.x.dtype);
        break;
      case "where":
        this.emit(e.x, site);
        this.emit(e.y, site);
        this.emit(e.cond, site);
        f.op("select");
        break;
      case "cast":
        this.emit(e.x, site);
        this.convert(e.x.dtype, e.dtype);
        break;
      case "masked":
        this.masked(e, site);
        break;
      case "reg":
        site.pushReg(e.reg);
        break;
      case "random":
        this.random(e, site);
        break;
      case "acc":
        site.pushAcc();
        break;
    }
  }

  /** Pushes a number. */
  constant(dtype: DType, value: number): void {
    const { f } = this.frame;
    if (dtype === "float32") f.f32(value);
    else if (dtype === "float64") f.f64(value);
    else if (dtype === "bool") f.i32(value !== 0 ? 1 : 0);
    else f.i32(dtype === "uint8" ? value & 255 : value);
  }

  private gather(e: Of<"gather">, site: Site): void {
    const place = site.place(e.operand, e.at);
    this.emit(e.index, site);
    const at = this.frame.indexed(place, e.operand, e);
    this.frame.f.mem(loads[e.dtype], this.frame.pushAddress(at));
    this.frame.release(at.local);
  }

  private masked(e: Of<"masked">, site: Site): void {
    const { f } = this.frame;
    pushHolds(this.frame, e.ranges, site);
    f.if(scalarType[e.dtype]);
    this.scoped(() => this.emit(e.x, site));
    f.else();
    this.constant(e.dtype, e.fill);
    f.end();
  }

  /** Replaces the float on the stack by an imported function of it. */
  private imported(fn: MathImport, type: FloatType): void {
    const { f, module } = this.frame;
    if (type === "f32") f.op("f64.promote_f32");
    f.call(module.importFunc("math", fn, ["f64"], ["f64"]));
    if (type === "f32") f.op("f32.demote_f64");
  }

  private unary(fn: UnaryOp, dtype: DType): void {
    const type = scalarType[dtype];
    if (type === "f32" || type === "f64") this.floatUnary(fn, type);
    else this.intUnary(fn, dtype);
  }

  private floatUnary(fn: UnaryOp, t: FloatType): void {
    const { f } = this.frame;
    switch (fn) {
      case "neg":
      case "abs":
      case "sqrt":
      case "floor":
      case "ceil":
      case "round":
      case "trunc": // biome-ignore format: a list
        f.op(`${t}.${floatUnary[fn]}`);
        break;
      case "exp":
      case "expm1":
      case "log":
      case "log1p":
      case "sin":
      case "cos":
      case "atan":
      case "tanh":
      case "erf": // biome-ignore format: a list
        this.imported(fn, t);
        break;
      case "rsqrt":
        f.op(`${t}.sqrt`);
        this.overOne(t);
        break;
      case "reciprocal":
        this.overOne(t);
        break;
      case "sigmoid":
        f.op(`${t}.neg`);
        this.imported("exp", t);
        this.one(t);
        f.op(`${t}.add`);
        this.overOne(t);
        break;
      case "relu":
        // max carries NaN and gives +0 for -0.
        this.zero(t);
        f.op(`${t}.max`);
        break;
      case "sign":
        this.floatSign(t);
        break;
      case "not":
        this.zero(t);
        f.op(`${t}.eq`);
        f.op(`${t}.convert_i32_s`);
        break;
    }
  }

  private zero(t: FloatType): void {
    if (t === "f32") this.frame.f.f32(0);
    else this.frame.f.f64(0);
  }

  private one(t: FloatType): void {
    if (t === "f32") this.frame.f.f32(1);
    else this.frame.f.f64(1);
  }

  private overOne(t: FloatType): void {
    const x = this.frame.take(t);
    this.frame.f.set(x);
    this.one(t);
    this.frame.f.get(x);
    this.frame.f.op(`${t}.div`);
    this.frame.release(x);
  }

  /** (x > 0) - (x < 0), or x where it is NaN. */
  private floatSign(t: FloatType): void {
    const { f } = this.frame;
    const x = this.frame.take(t);
    f.tee(x);
    this.zero(t);
    f.op(`${t}.gt`);
    f.get(x);
    this.zero(t);
    f.op(`${t}.lt`);
    f.op("i32.sub");
    f.op(`${t}.convert_i32_s`);
    f.get(x);
    f.get(x);
    f.get(x);
    f.op(`${t}.eq`);
    f.op("select");
    this.frame.release(x);
  }

  private intUnary(fn: UnaryOp, dtype: DType): void {
    const { f } = this.frame;
    const x = this.frame.take("i32");
    f.set(x);
    switch (fn) {
      case "not":
        f.get(x);
        f.i32(dtype === "bool" ? 1 : -1);
        f.op("i32.xor");
        break;
      case "neg":
        f.i32(0);
        f.get(x);
        f.op("i32.sub");
        break;
      case "abs":
        f.i32(0);
        f.get(x);
        f.op("i32.sub");
        f.get(x);
        this.chooseByZero(x);
        break;
      case "relu":
        f.i32(0);
        f.get(x);
        this.chooseByZero(x);
        break;
      case "sign":
        f.get(x);
        f.i32(0);
        f.op("i32.gt_s");
        f.get(x);
        f.i32(0);
        f.op("i32.lt_s");
        f.op("i32.sub");
        break;
      default:
        // Whole numbers are their own floor; of the rest the result is truncated.
        f.get(x);
        if (!["floor", "ceil", "round", "trunc"].includes(fn)) {
          f.op("f64.convert_i32_s");
          this.floatUnary(fn, "f64");
          f.op("i32.trunc_sat_f64_s");
        }
    }
    if (dtype === "uint8") this.wrap();
    this.frame.release(x);
  }

  /** Of the two ints on the stack the first where x < 0. */
  private chooseByZero(x: number): void {
    this.frame.f.get(x);
    this.frame.f.i32(0);
    this.frame.f.op("i32.lt_s");
    this.frame.f.op("select");
  }

  private wrap(): void {
    this.frame.f.i32(255);
    this.frame.f.op("i32.and");
  }

  private binary(fn: BinaryOp, dtype: DType): void {
    const { f, module } = this.frame;
    const t = scalarType[dtype];
    if (t === "f32" || t === "f64") {
      if (fn === "pow" || fn === "mod") this.importedBinary(fn, t);
      else if (fn in floatBinary) f.op(`${t}.${floatBinary[fn as keyof typeof floatBinary]}`);
      return;
    }
    const op = (dtype === "bool" ? boolBinary : intBinary)[fn];
    if (op !== undefined) f.op(op);
    else if (fn === "pow") f.call(module.importFunc("math", "intPow", ["i32", "i32"], ["i32"]));
    else this.intBinary(fn as "max" | "min" | "div" | "mod");
    if (dtype === "uint8") this.wrap();
  }

  private importedBinary(fn: "pow" | "mod", t: FloatType): void {
    const { f, module } = this.frame;
    const y = this.frame.take(t);
    f.set(y);
    if (t === "f32") f.op("f64.promote_f32");
    f.get(y);
    if (t === "f32") f.op("f64.promote_f32");
    f.call(module.importFunc("math", fn, ["f64", "f64"], ["f64"]));
    if (t === "f32") f.op("f32.demote_f64");
    this.frame.release(y);
  }

  private intBinary(fn: "max" | "min" | "div" | "mod"): void {
    const { f } = this.frame;
    const [x, y] = [this.frame.take("i32"), this.frame.take("i32")];
    f.set(y);
    f.set(x);
    if (fn === "max" || fn === "min") {
      f.get(x);
      f.get(y);
      f.get(x);
      f.get(y);
      f.op(fn === "max" ? "i32.gt_s" : "i32.lt_s");
      f.op("select");
    } else {
      this.divide(x, y, fn);
    }
    this.frame.release(x);
    this.frame.release(y);
  }

  /** x / y or x mod y: 0 for y = 0. Division by -1 is done as negation, which cannot trap. */
  private divide(x: number, y: number, fn: "div" | "mod"): void {
    const { f } = this.frame;
    // y + 1 is 0 or 1, unsigned, for the two divisors that could trap.
    f.get(y);
    f.i32(1);
    f.op("i32.add");
    f.i32(2);
    f.op("i32.lt_u");
    f.if("i32");
    if (fn === "mod") {
      f.i32(0);
    } else {
      f.get(x);
      f.get(y);
      f.op("i32.mul");
    }
    f.else();
    f.get(x);
    f.get(y);
    f.op(fn === "div" ? "i32.div_s" : "i32.rem_s");
    if (fn === "mod") this.towardDivisor(y);
    f.end();
  }

  /** Adds y to the remainder on the stack where it is not 0 and has the other sign. */
  private towardDivisor(y: number): void {
    const { f } = this.frame;
    const rest = this.frame.take("i32");
    f.tee(rest);
    f.get(y);
    f.i32(0);
    f.get(rest);
    f.get(y);
    f.op("i32.xor");
    f.i32(0);
    f.op("i32.lt_s");
    f.get(rest);
    f.i32(0);
    f.op("i32.ne");
    f.op("i32.and");
    f.op("select");
    f.op("i32.add");
    this.frame.release(rest);
  }

  private compare(fn: CompareOp, dtype: DType): void {
    const t = scalarType[dtype];
    if (t === "f32" || t === "f64") this.frame.f.op(`${t}.${fn}`);
    else this.frame.f.op(intCompare[fn]);
  }

  /** Replaces the value on the stack by one of another dtype. */
  private convert(from: DType, to: DType): void {
    const { f } = this.frame;
    if (from === to) return;
    const [a, b] = [scalarType[from], scalarType[to]];
    const float = a === "f32" || a === "f64";
    if (to === "bool") {
      this.constant(from, 0);
      f.op(float ? `${a}.ne` : "i32.ne");
    } else if (b === "f32" || b === "f64") {
      if (!float) f.op(`${b}.convert_i32_s`);
      else f.op(b === "f64" ? "f64.promote_f32" : "f32.demote_f64");
    } else {
      if (float) f.op(`i32.trunc_sat_${a}_s`);
      if (to === "uint8") this.wrap();
    }
  }

  /** Threefry2x32 with 20 rounds (Salmon et al. 2011): the first word. */
  private random(e: Of<"random">, site: Site): void {
    const { f } = this.frame;
    const take = () => this.frame.take("i32");
    const keys = [take(), take(), take()];
    const [x0, x1] = [take(), take()];
    this.emit(e.seed, site);
    f.set(keys[0]!);
    this.emit(e.base, site);
    f.tee(keys[1]!);
    f.get(keys[0]!);
    f.op("i32.xor");
    f.i32(threefryKey);
    f.op("i32.xor");
    f.set(keys[2]!);
    site.pushIndex(e.at);
    this.addTo(x0, keys[0]!);
    f.i32(e.stream);
    this.addTo(x1, keys[1]!);
    for (let round = 0; round < 20; round++) {
      f.get(x0);
      this.addTo(x0, x1);
      f.get(x1);
      f.i32(threefryTurns[round % 8]!);
      f.op("i32.rotl");
      f.get(x0);
      f.op("i32.xor");
      f.set(x1);
      if (round % 4 === 3) {
        const s = (round + 1) / 4;
        f.get(x0);
        this.addTo(x0, keys[s % 3]!);
        f.get(x1);
        f.i32(s);
        f.op("i32.add");
        this.addTo(x1, keys[(s + 1) % 3]!);
      }
    }
    f.get(x0);
    for (const local of [...keys, x0, x1]) this.frame.release(local);
  }

  /** target = value on the stack + other */
  private addTo(target: number, other: number): void {
    this.frame.f.get(other);
    this.frame.f.op("i32.add");
    this.frame.f.set(target);
  }

  /** Writes the value in a local where the store says. */
  store(store: Store, value: number, site: Site): void {
    const { frame } = this;
    const { f } = frame;
    const dtype = frame.operands[store.operand]!.dtype;
    const place = site.place(store.operand, store.at);
    if (store.scatter === undefined) {
      const offset = frame.pushAddress(place);
      f.get(value);
      f.mem(stores[dtype], offset);
      return;
    }
    this.emit(store.scatter.index, site);
    const at = checkedIndex(frame, place, store);
    f.get(at.local);
    f.get(at.local);
    f.mem(loads[dtype], at.offset);
    f.get(value);
    this.binary("add", dtype);
    f.mem(stores[dtype], at.offset);
    f.end();
    frame.release(at.local);
  }
}
