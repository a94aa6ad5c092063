// Operators on single elements, for every dtype: they work on the stack, float32 as f32 and float64 as
// f64, int32 and uint8 as i32, bool as i32 of 0 and 1. Transcendental functions are imports
// (scalar-math.ts), computed in float64. Not here: where the values come from (expr-scalar.ts).

import type { DType } from "../../ir/dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../ir/op.ts";
import type { ValType } from "./assembler.ts";
import type { PlainOp } from "./assembler-opcodes.ts";
import type { Frame } from "./expr.ts";
import type { MathImport } from "./scalar-math.ts";

type FloatType = "f32" | "f64";

/** What values of a dtype are on the stack. */
export const scalarType: { [K in DType]: ValType } = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  uint8: "i32",
  bool: "i32",
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

/** Emits operators into a frame's function. */
export class ScalarOps {
  private readonly frame: Frame;

  constructor(frame: Frame) {
    this.frame = frame;
  }

  /** Pushes a number. */
  constant(dtype: DType, value: number): void {
    const { f } = this.frame;
    if (dtype === "float32") f.f32(value);
    else if (dtype === "float64") f.f64(value);
    else if (dtype === "bool") f.i32(value !== 0 ? 1 : 0);
    else f.i32(dtype === "uint8" ? value & 255 : value);
  }

  /** Replaces the float on the stack by an imported function of it. */
  private imported(fn: MathImport, type: FloatType): void {
    const { f, module } = this.frame;
    if (type === "f32") f.op("f64.promote_f32");
    f.call(module.importFunc("math", fn, ["f64"], ["f64"]));
    if (type === "f32") f.op("f32.demote_f64");
  }

  /** Replaces the value on the stack by a function of it. */
  unary(fn: UnaryOp, dtype: DType): void {
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

  /** Replaces the two values on the stack. */
  binary(fn: BinaryOp, dtype: DType): void {
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
    const name = fn === "pow" && t === "f32" ? "shortPow" : fn;
    f.call(module.importFunc("math", name, ["f64", "f64"], ["f64"]));
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

  /** Replaces the two values on the stack by 0 or 1. */
  compare(fn: CompareOp, dtype: DType): void {
    const t = scalarType[dtype];
    if (t === "f32" || t === "f64") this.frame.f.op(`${t}.${fn}`);
    else this.frame.f.op(intCompare[fn]);
  }

  /** Replaces the value on the stack by one of another dtype. */
  convert(from: DType, to: DType): void {
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
}
