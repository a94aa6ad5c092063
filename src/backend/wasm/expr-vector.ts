// Expressions four lanes at a time: float32 as f32x4; int32 and uint8 as i32x4; bool as i32x4 of
// full-lane masks. Every operator of `vectorizable` expressions is here; the others run one element
// at a time (expr-scalar.ts). Not here: memory (expr-vector-memory.ts), the polynomials (vector-math.ts),
// or loops.

import type { DType } from "../../ir/dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../ir/op.ts";
import { type Expr, type Range, walk } from "../../schedule/kernel.ts";
import type { ValType } from "./assembler.ts";
import type { PlainOp } from "./assembler-opcodes.ts";
import type { Frame, Site } from "./expr.ts";
import { threefry, vectorWords } from "./expr-threefry.ts";
import {
  coefficient,
  laneStep,
  nearSteps,
  type Of,
  pushHolds,
  VectorMemory,
} from "./expr-vector-memory.ts";
import { VectorMath } from "./vector-math.ts";

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

/** Computes vectors at a {@link Site}. Between `begin(roots)` and `finish()`, `emit(e, site)` leaves
 *  the v128 of `e` on the stack, and `store` writes one to memory. */
export class VectorEmitter extends VectorMemory {
  private readonly math: VectorMath;
  /** Masks whose ranges are known to hold, or not to, where code is emitted now. */
  readonly assumed = new Map<Expr, boolean>();
  /** Additions that may be fused with a multiplication. */
  sums: ReadonlySet<Expr> = new Set();

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
        this.frame.chooseLanes();
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
  /** NaN gives 0, as in PyTorch. */
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

  private floatBinary(e: Of<"binary">, site: Site): void {
    const { f } = this.frame;
    const { fn, x, y } = e;
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
    if (this.sums.has(e) && this.isProduct(y)) {
      const sum = this.frame.take("v128");
      f.set(sum);
      this.addProduct(y, sum, site);
      this.frame.release(sum);
      return;
    }
    this.emit(y, site);
    f.op(floatBinary[fn]!);
  }

  /** Whether `addProduct` can add an expression. */
  isProduct(e: Expr): e is Of<"binary"> {
    const { relaxed } = this.frame.options;
    const product = e.k === "binary" && e.fn === "mul" && e.dtype === "float32";
    return relaxed && product && this.usedOnce(e);
  }

  /** Pushes the vector in a local plus a value, which may be fused with its multiplication. */
  addTerm(e: Expr, sum: number, site: Site): void {
    if (this.isProduct(e)) {
      this.addProduct(e, sum, site);
      return;
    }
    this.emit(e, site);
    this.frame.f.get(sum);
    this.frame.f.op("f32x4.add");
  }

  /** Pushes the vector in a local plus a product. */
  addProduct({ x, y }: Of<"binary">, sum: number, site: Site): void {
    const { f } = this.frame;
    this.emit(x, site);
    this.emit(y, site);
    f.get(sum);
    f.op("f32x4.relaxed_madd");
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
    const power = frame.module.importFunc("math", "shortPow", ["f64", "f64"], ["f64"]);
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
      this.frame.chooseLanes();
    });
    f.else();
    this.constant(e.dtype, e.fill);
    f.end();
    if (mask >= 0) frame.release(mask);
  }

  private random(e: Of<"random">, site: Site): void {
    threefry(this.frame, vectorWords, {
      seed: () => this.emit(e.seed, site),
      base: () => this.emit(e.base, site),
      at: () => this.indices(e, site),
      stream: e.stream,
    });
  }
}
