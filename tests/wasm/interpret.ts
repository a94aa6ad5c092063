// Loop kernels in plain JavaScript, straight from their definition: what the rendered code must agree
// with. Every op computes in float64 and rounds to its dtype. Slow on purpose: it shares no code with
// the renderer.

import type { DType, TypedArray } from "../../src/ir/dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../src/ir/op.ts";
import type { Affine, Expr, LoopKernel, Range, Stage } from "../../src/schedule/kernel.ts";

const round: { [K in DType]: (x: number) => number } = {
  float32: Math.fround,
  float64: (x) => x,
  int32: (x) => x | 0,
  uint8: (x) => x & 255,
  bool: (x) => (x !== 0 ? 1 : 0),
};

const isFloat = (dtype: DType) => dtype === "float32" || dtype === "float64";

/** erf by numeric integration (Simpson), good to about 1e-12. */
function erf(x: number): number {
  if (Math.abs(x) > 6 || Number.isNaN(x)) return Number.isNaN(x) ? x : Math.sign(x);
  const n = 400;
  const h = x / n;
  let sum = 1 + Math.exp(-x * x);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * Math.exp(-((i * h) ** 2));
  return (2 / Math.sqrt(Math.PI)) * (h / 3) * sum;
}

function halfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

const unary: { [K in UnaryOp]: (x: number, dtype: DType) => number } = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => Math.sign(x) || 0,
  reciprocal: (x) => 1 / x,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  atan: Math.atan,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  erf,
  relu: (x) => (x < 0 ? 0 : x),
  floor: Math.floor,
  ceil: Math.ceil,
  round: halfEven,
  trunc: Math.trunc,
  not: (x, dtype) => (dtype === "bool" || isFloat(dtype) ? (x === 0 ? 1 : 0) : ~x),
};

function intPower(x: number, y: number): number {
  if (y < 0) return Math.abs(x) === 1 ? x ** (y & 1) : 0;
  let result = 1n;
  for (let i = 0; i < y; i++) result = BigInt.asIntN(32, result * BigInt(x));
  return Number(result);
}

const binary: { [K in BinaryOp]: (x: number, y: number, dtype: DType) => number } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y, dtype) => (isFloat(dtype) ? x * y : Math.imul(x, y)),
  div: (x, y, dtype) => (isFloat(dtype) ? x / y : y === 0 ? 0 : Math.trunc(x / y)),
  mod: (x, y, dtype) => {
    if (!isFloat(dtype) && y === 0) return 0;
    const rest = x % y;
    return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
  },
  pow: (x, y, dtype) => (isFloat(dtype) ? (x === 1 ? 1 : x ** y) : intPower(x, y)),
  max: (x, y) => Math.max(x, y),
  min: (x, y) => Math.min(x, y),
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  shl: (x, y) => x << y,
  shr: (x, y) => x >>> y,
};

const compare: { [K in CompareOp]: (x: number, y: number) => boolean } = {
  eq: (x, y) => x === y,
  ne: (x, y) => x !== y,
  lt: (x, y) => x < y,
  le: (x, y) => x <= y,
};

function cast(x: number, from: DType, to: DType): number {
  if (to === "bool") return x !== 0 ? 1 : 0;
  if (!isFloat(from) || isFloat(to)) return round[to](x);
  const whole = Number.isNaN(x) ? 0 : Math.trunc(x);
  return round[to](Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, whole)));
}

/** Threefry2x32, 20 rounds: the first word. */
export function threefry(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const keys = [k0, k1, k0 ^ k1 ^ 0x1bd11bda];
  const turns = [13, 15, 26, 6, 17, 29, 16, 24];
  let x = (c0 + k0) | 0;
  let y = (c1 + k1) | 0;
  for (let i = 0; i < 20; i++) {
    x = (x + y) | 0;
    const turn = turns[i % 8]!;
    y = ((y << turn) | (y >>> (32 - turn))) ^ x;
    if (i % 4 === 3) {
      const s = (i + 1) / 4;
      x = (x + keys[s % 3]!) | 0;
      y = (y + keys[(s + 1) % 3]! + s) | 0;
    }
  }
  return [x, y];
}

/** Runs a kernel over its whole range; returns the numbers of the faults met. */
export function interpret(
  kernel: LoopKernel,
  buffers: readonly TypedArray[],
  scalars: readonly number[],
): number[] {
  const faults: number[] = [];
  const index = kernel.axes.map(() => 0);
  const regs: number[] = [];
  const value = (at: Affine) => at.coef.reduce((sum, c, i) => sum + c * index[i]!, at.base);
  const holds = (r: Range) => value(r.at) >= 0 && value(r.at) < r.size;
  const checked = (i: number, size: number, fault: number) => {
    if (i >= 0 && i < size) return true;
    faults.push(fault);
    return false;
  };

  const evaluate = (e: Expr): number => {
    switch (e.k) {
      case "load":
        return buffers[e.operand]![value(e.at)]!;
      case "gather": {
        const i = evaluate(e.index);
        const at = value(e.at) + (checked(i, e.size, e.fault) ? i * e.stride : 0);
        return buffers[e.operand]![at]!;
      }
      case "const":
        return round[e.dtype](e.value);
      case "scalar":
        return cast(scalars[e.slot]!, "float64", e.dtype);
      case "axis":
        return value(e.at);
      case "unary":
        return round[e.dtype](unary[e.fn](evaluate(e.x), e.dtype));
      case "binary":
        return round[e.dtype](binary[e.fn](evaluate(e.x), evaluate(e.y), e.dtype));
      case "compare":
        return compare[e.fn](evaluate(e.x), evaluate(e.y)) ? 1 : 0;
      case "where":
        return evaluate(e.cond) ? evaluate(e.x) : evaluate(e.y);
      case "cast":
        return cast(evaluate(e.x), e.x.dtype, e.dtype);
      case "masked":
        return e.ranges.every(holds) ? evaluate(e.x) : round[e.dtype](e.fill);
      case "reg":
        return regs[e.reg]!;
      case "random":
        return threefry(evaluate(e.seed), evaluate(e.base), value(e.at), e.stream)[0];
      case "acc":
        throw new TypeError("no sum of products here");
    }
  };

  const runStage = (stage: Stage) => {
    const best = stage.reduces.map(() => Number.NaN);
    const kept = stage.reduces.map(({ fn, value: x, index: at }) => {
      if (fn === "sum") return 0;
      if (fn === "prod") return 1;
      if (at !== undefined) return at.base;
      const sign = fn === "max" ? -1 : 1;
      if (isFloat(x.dtype)) return sign * Number.POSITIVE_INFINITY;
      if (x.dtype === "int32") return sign < 0 ? -(2 ** 31) : 2 ** 31 - 1;
      return sign < 0 ? 0 : x.dtype === "bool" ? 1 : 255;
    });
    let first = true;
    nest(stage.axes, () => {
      const results = stage.stores.map((s) => evaluate(s.value));
      stage.reduces.forEach((r, i) => {
        const x = evaluate(r.value);
        if (r.index !== undefined) {
          const b = best[i]!;
          const better = r.fn === "argmax" ? x > b : x < b;
          if (first || better || (Number.isNaN(x) && !Number.isNaN(b))) {
            best[i] = x;
            kept[i] = value(r.index);
          }
        } else if (r.fn === "sum") kept[i] = isFloat(x_(r)) ? kept[i]! + x : (kept[i]! + x) | 0;
        else if (r.fn === "prod") kept[i] = isFloat(x_(r)) ? kept[i]! * x : Math.imul(kept[i]!, x);
        else kept[i] = r.fn === "max" ? Math.max(kept[i]!, x) : Math.min(kept[i]!, x);
      });
      first = false;
      stage.stores.forEach((s, i) => {
        const target = buffers[s.operand]!;
        const at = value(s.at);
        if (s.scatter === undefined) {
          target[at] = results[i]!;
          return;
        }
        const { fn, size, stride, fault } = s.scatter;
        const j = evaluate(s.scatter.index);
        const place = at + j * stride;
        if (!checked(j, size, fault)) return;
        target[place] = fn === "add" ? target[place]! + results[i]! : results[i]!;
      });
    });
    stage.reduces.forEach((r, i) => {
      regs[r.reg] = round[kernel.regs[r.reg]!](kept[i]!);
    });
  };
  const x_ = (r: { value: Expr }) => r.value.dtype;

  const nest = (axes: readonly number[], body: () => void) => {
    const [axis, ...rest] = axes;
    if (axis === undefined) {
      body();
      return;
    }
    for (let i = 0; i < kernel.axes[axis]!; i++) {
      index[axis] = i;
      nest(rest, body);
    }
    index[axis] = 0;
  };

  nest([...Array(kernel.parallel).keys()], () => {
    for (const stage of kernel.stages) runStage(stage);
  });
  return faults;
}
