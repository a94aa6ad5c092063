// Expressions one element at a time, for every dtype and operator: slower than expr-vector.ts, and
// complete. Not here: operators (expr-scalar-ops.ts), or loops.

import type { DType } from "../../ir/dtype.ts";
import type { Expr, Store } from "../../schedule/kernel.ts";
import type { ValType } from "./assembler.ts";
import type { MemoryOp } from "./assembler-opcodes.ts";
import { ExprEmitter, type Frame, type Site } from "./expr.ts";
import { ScalarOps, scalarType } from "./expr-scalar-ops.ts";
import { scalarWords, threefry } from "./expr-threefry.ts";
import { checkedIndex, type Of, pushHolds } from "./expr-vector-memory.ts";

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

/** Computes elements at a {@link Site} (its lane axis does not matter). `emit(e, site)` leaves the
 *  value of `e` on the stack, `store` writes one to memory. */
export class ScalarEmitter extends ExprEmitter {
  private readonly ops: ScalarOps;

  constructor(frame: Frame) {
    super(frame);
    this.ops = new ScalarOps(frame);
  }

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
        this.ops.constant(e.dtype, e.value);
        break;
      case "scalar":
        f.get(this.frame.scalar(e.slot));
        this.ops.convert("float64", e.dtype);
        break;
      case "axis":
        site.pushIndex(e.at);
        break;
      case "unary":
        this.emit(e.x, site);
        this.ops.unary(e.fn, e.dtype);
        break;
      case "binary":
        this.emit(e.x, site);
        this.emit(e.y, site);
        this.ops.binary(e.fn, e.dtype);
        break;
      case "compare":
        this.emit(e.x, site);
        this.emit(e.y, site);
        this.ops.compare(e.fn, e.x.dtype);
        break;
      case "where":
        this.emit(e.x, site);
        this.emit(e.y, site);
        this.emit(e.cond, site);
        f.op("select");
        break;
      case "cast":
        this.emit(e.x, site);
        this.ops.convert(e.x.dtype, e.dtype);
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
    this.ops.constant(e.dtype, e.fill);
    f.end();
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
    const adds = store.scatter.fn === "add";
    f.get(at.local);
    if (adds) {
      f.get(at.local);
      f.mem(loads[dtype], at.offset);
    }
    f.get(value);
    if (adds) this.ops.binary("add", dtype);
    f.mem(stores[dtype], at.offset);
    f.end();
    frame.release(at.local);
  }

  /** Pushes a number. */
  constant(dtype: DType, value: number): void {
    this.ops.constant(dtype, value);
  }

  private random(e: Of<"random">, site: Site): void {
    threefry(this.frame, scalarWords, {
      seed: () => this.emit(e.seed, site),
      base: () => this.emit(e.base, site),
      at: () => site.pushIndex(e.at),
      stream: e.stream,
    });
  }
}
