// What the emitters of expressions share: the frame of a kernel's function (addresses, constants,
// temporaries) and the bookkeeping of shared subexpressions. expr-vector.ts computes four lanes at a
// time, expr-scalar.ts one element of any dtype. Not here: loops, or where elements lie; whoever
// renders a kernel says that through a Site.

import { itemSize } from "../../ir/dtype.ts";
import { type Affine, type Expr, type Operand, sources, walk } from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder, ValType } from "./assembler.ts";

/** Emits instructions that leave one value on the stack. */
export type Push = () => void;

export interface RenderOptions {
  /** Fused multiply-add may be used. */
  readonly relaxed: boolean;
  /** The engine turns pairs of vectors into vectors of twice the width. */
  readonly revectorize: boolean;
}

/** The byte address of an element: the local's value plus an offset. Negative offsets are allowed
 *  where lanes run backwards; `Frame.pushAddress` deals with them. */
export interface Place {
  readonly local: number;
  readonly offset: number;
}

/** The point at which an expression is computed. For vectors it is the point of lane 0. */
export interface Site {
  /** The axis whose four next indices are the lanes; -1: all lanes are the same point. */
  readonly laneAxis: number;
  /** Lanes that are points of the kernel, 1 to 4; a local where only the running code knows. */
  readonly valid: number | { readonly local: number };
  /** Where the element `at` of an operand lies. */
  place(operand: number, at: Affine): Place;
  /** Lane 0 is this many indices of the lane axis after the point that pushIndex means (0 if absent).
   *  Vectors side by side should share that point: the packer wants equal splats. */
  readonly ahead?: number;
  /** Pushes the value of `at` (i32). */
  pushIndex(at: Affine): void;
  /** Pushes a register: v128 for vectors, else the value type of its dtype. */
  pushReg(reg: number): void;
  /** Pushes a contraction's sum, likewise. */
  pushAcc(): void;
}

/** Byte addresses of the control words that a fault sets. */
const faultParams = 16;
const faultWord = 20;

/** One kernel's function `(p, lo, hi)`: what its code shares. Locals are set up at its start. */
export class Frame {
  readonly module: ModuleBuilder;
  readonly f: FuncBuilder;
  readonly operands: readonly Operand[];
  readonly options: RenderOptions;
  /** The address of the parameters. */
  readonly p = 0;
  /** A v128 that is never assigned. Temporaries return to it at the end of loops: values that a loop
   *  only seems to carry keep the engine from packing pairs. */
  readonly zero: number;
  private readonly setUp = new Map<string, number>();
  /** Every temporary, and the free ones of each type, the one given back last at the end. */
  private readonly temps = new Map<number, { readonly type: ValType; live: boolean }>();
  private readonly free: { [T in ValType]?: number[] } = {};

  constructor(
    module: ModuleBuilder,
    f: FuncBuilder,
    operands: readonly Operand[],
    options: RenderOptions,
  ) {
    this.module = module;
    this.f = f;
    this.operands = operands;
    this.options = options;
    this.zero = f.local("v128");
  }

  /** Emits the choice of lanes of two vectors by a mask, all bits of a lane of which are equal. On x64
   *  the relaxed instruction is one of the processor's, the other three. */
  chooseLanes(): void {
    this.f.op(this.options.relaxed ? "i32x4.relaxed_laneselect" : "v128.bitselect");
  }

  /** A local that `push` sets once, at the start of the function. */
  once(key: string, type: ValType, push: Push): number {
    let local = this.setUp.get(key);
    if (local === undefined) {
      local = this.f.local(type);
      this.setUp.set(key, local);
      const target = local;
      this.f.atStart(() => {
        push();
        this.f.set(target);
      });
    }
    return local;
  }

  /** The byte address of an operand. */
  base(operand: number): number {
    return this.once(`operand ${operand}`, "i32", () => {
      this.f.get(this.p);
      this.f.mem("i32.load", 4 * operand);
    });
  }

  /** The value of a scalar input, f64. */
  scalar(slot: number): number {
    return this.once(`scalar ${slot}`, "f64", () => {
      this.f.get(this.p);
      this.f.mem("i32.load", 4 * (this.operands.length + slot));
      this.f.mem("f64.load");
    });
  }

  /** A whole number, for code that wants a local. */
  number(x: number): number {
    return this.once(`number ${x}`, "i32", () => this.f.i32(x));
  }

  /** A float32 in all lanes. */
  splatF32(x: number): number {
    const key = Object.is(x, -0) ? "-0" : String(Math.fround(x));
    return this.once(`f32 ${key}`, "v128", () => this.f.v128f32(x));
  }

  /** An int32 in all lanes. */
  splatI32(x: number): number {
    if ((x | 0) === 0) return this.zero;
    return this.once(`i32 ${x | 0}`, "v128", () => this.f.v128i32(x, x, x, x));
  }

  /** Four int32: `first`, and then `step` more a lane. */
  laneSteps(first: number, step: number): number {
    const lane = (i: number) => (first + i * step) | 0;
    return this.once(`steps ${first} ${step}`, "v128", () =>
      this.f.v128i32(lane(0), lane(1), lane(2), lane(3)),
    );
  }

  /** A temporary; its value is undefined. */
  take(type: ValType): number {
    const free = this.free[type]?.pop();
    const local = free ?? this.f.local(type);
    this.temps.set(local, { type, live: true });
    return local;
  }

  release(local: number): void {
    const temp = this.temps.get(local);
    if (!temp?.live) return;
    temp.live = false;
    (this.free[temp.type] ??= []).push(local);
  }

  /** To be called at the end of a loop's body: forgets the vectors in free temporaries. */
  forgetTemps(): void {
    for (const [local, t] of this.temps) if (!t.live && t.type === "v128") this.forget(local);
  }

  /** Makes a dead v128 local look unchanged by the loop. */
  forget(local: number): void {
    this.f.get(this.zero);
    this.f.set(local);
  }

  /** Records a fault of the program, unless an earlier one is there. */
  fault(number: number): void {
    const { f } = this;
    f.i32(0);
    f.mem("i32.load", faultWord);
    f.op("i32.eqz");
    f.if();
    f.i32(0);
    f.i32(number + 1);
    f.mem("i32.store", faultWord);
    f.i32(0);
    f.get(this.p);
    f.mem("i32.store", faultParams);
    f.end();
  }

  /** Pushes the address of a place some bytes on, and returns the offset that the access must name.
   *  The sum is never negative as an address, but the offset alone may not be. */
  pushAddress(place: Place, bytes = 0): number {
    const offset = place.offset + bytes;
    this.f.get(place.local);
    if (offset >= 0) return offset;
    this.f.i32(offset);
    this.f.op("i32.add");
    return 0;
  }

  /** The element `stride · index` on from a place, as a new temporary (release it). The index is on
   *  the stack; it is checked: outside [0, size) is a fault, and `whenBad` runs. */
  indexed(
    place: Place,
    operand: number,
    { stride, size, fault }: { stride: number; size: number; fault: number },
    whenBad?: Push,
  ): Place {
    const { f } = this;
    const local = this.take("i32");
    f.tee(local);
    f.i32(size);
    f.op("i32.ge_u");
    f.if();
    this.fault(fault);
    f.i32(0);
    f.set(local);
    whenBad?.();
    f.end();
    f.get(local);
    f.i32(stride * itemSize[this.operands[operand]!.dtype]);
    f.op("i32.mul");
    f.get(place.local);
    f.op("i32.add");
    f.set(local);
    return { local, offset: place.offset };
  }
}

/** Which axes an expression depends on: bit i for axis i. Registers and sums depend on `ofRegs`, loads
 *  of operands that are also written on everything. */
export class Dependence {
  private readonly known = new Map<Expr, number>();
  private readonly ofRegs: number;
  private readonly written: (operand: number) => boolean;

  constructor(ofRegs: number, written: (operand: number) => boolean) {
    this.ofRegs = ofRegs;
    this.written = written;
  }

  of(expr: Expr): number {
    const known = this.known.get(expr);
    if (known !== undefined) return known;
    walk([expr], (e) => {
      if (this.known.has(e)) return;
      let bits = e.k === "reg" || e.k === "acc" ? this.ofRegs : 0;
      if ("at" in e) bits |= axesOf(e.at);
      if ("operand" in e && this.written(e.operand)) bits = -1;
      if (e.k === "masked") for (const range of e.ranges) bits |= axesOf(range.at);
      for (const x of sources(e)) bits |= this.known.get(x)!;
      this.known.set(e, bits);
    });
    return this.known.get(expr)!;
  }
}

/** Bit i is set where the coefficient of axis i is not 0. */
export function axesOf(at: Affine): number {
  let bits = 0;
  for (let i = 0; i < at.coef.length; i++) if (at.coef[i] !== 0) bits |= 1 << i;
  return bits;
}

/** Computes expressions at one site after another. Subexpressions that are used more than once
 *  between `begin` and `finish` are computed once and kept in temporaries. */
export abstract class ExprEmitter {
  readonly frame: Frame;
  private readonly pinned = new Map<Expr, number>();
  private uses = new Map<Expr, { total: number; left: number }>();
  private kept = new Map<Expr, number>();
  private scopes: Expr[][] = [];

  constructor(frame: Frame) {
    this.frame = frame;
  }

  /** From now on the value of `expr` is in a local, until `unpin`. */
  pin(expr: Expr, local: number): void {
    this.pinned.set(expr, local);
  }

  unpin(expr: Expr): void {
    this.pinned.delete(expr);
  }

  isPinned(expr: Expr): boolean {
    return this.pinned.has(expr);
  }

  /** Starts a point; `roots` are all expressions that `emit` will be called with, in any order. */
  begin(roots: readonly Expr[]): void {
    this.finish();
    for (const root of roots) this.count(root);
  }

  private count(root: Expr): void {
    const stack = [root];
    while (stack.length > 0) {
      const e = stack.pop()!;
      const use = this.uses.get(e);
      if (use !== undefined) {
        use.total++;
        use.left++;
      } else {
        this.uses.set(e, { total: 1, left: 1 });
        if (!this.pinned.has(e)) for (const x of sources(e)) stack.push(x);
      }
    }
  }

  /** Ends the point: nothing is kept any more. */
  finish(): void {
    for (const local of this.kept.values()) this.frame.release(local);
    this.kept.clear();
    this.uses.clear();
  }

  /** Pushes the value of an expression at the site. */
  emit(e: Expr, site: Site): void {
    const { f } = this.frame;
    const local = this.pinned.get(e) ?? this.kept.get(e);
    const use = this.uses.get(e);
    if (use !== undefined) use.left--;
    if (local !== undefined) {
      f.get(local);
      if (use?.left === 0 && this.kept.delete(e)) this.frame.release(local);
      return;
    }
    this.compute(e, site);
    if (use === undefined || use.total < 2 || isLeaf(e)) return;
    const kept = this.frame.take(this.typeOf(e));
    f.tee(kept);
    this.kept.set(e, kept);
    this.scopes[this.scopes.length - 1]?.push(e);
  }

  /** Runs `write` for code that may be skipped: what it keeps is forgotten at its end. */
  protected scoped(write: () => void): void {
    this.scopes.push([]);
    write();
    for (const e of this.scopes.pop()!) {
      const local = this.kept.get(e);
      if (local !== undefined && this.kept.delete(e)) this.frame.release(local);
    }
  }

  /** Whether a value is used by one other alone, and is in no local. */
  usedOnce(e: Expr): boolean {
    return this.uses.get(e)?.total === 1 && !this.pinned.has(e);
  }

  /** The value type of an expression's value. */
  abstract typeOf(e: Expr): ValType;

  /** Pushes the value, computed from its sources. */
  protected abstract compute(e: Expr, site: Site): void;
}

function isLeaf(e: Expr): boolean {
  return e.k === "const" || e.k === "scalar" || e.k === "reg" || e.k === "acc";
}
