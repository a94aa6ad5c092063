// Arithmetic, comparison, logic and rounding: one function an op, with PyTorch's rules of promotion.
// Not here: exp and its kin (math.ts), activations (activations.ts).

import * as b from "../../ir/build.ts";
import { type DType, isFloat, promote } from "../../ir/dtype.ts";
import { Node } from "../../ir/node.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../ir/op.ts";
import { nodeOf, wrap } from "../core.ts";
import { type DeviceLike, isDeviceName } from "../device.ts";
import { placeOn } from "../place.ts";
import type { Operand } from "../shape-types.ts";
import { Tensor } from "../tensor.ts";
import {
  apply,
  argumentError,
  broadcastOf,
  checkDtype,
  dtypeError,
  floatType,
  given,
  operandNode,
  pairOf,
  resultType,
  toFloat,
} from "./common.ts";
import * as n from "./nodes.ts";

/** A binary op whose result has the operands' common dtype. */
function binary(op: string, fn: BinaryOp, a: Operand, b2: Operand): Tensor {
  return wrap(b.binary(fn, ...pairOf(op, a, b2)));
}

/** Bool has no arithmetic of its own. */
function refuseBool(op: string, a: Operand, b2: Operand): void {
  if (resultType(a, b2) === "bool") {
    throw dtypeError(op, "is not defined for two bool tensors", "use logicalXor or logicalAnd");
  }
}

// --- arithmetic -------------------------------------------------------------------------------------

export interface AlphaOptions {
  /** Multiplies the second operand. */
  alpha?: number | undefined;
}

function scaled(other: Operand, options: AlphaOptions | undefined): Operand {
  return options?.alpha === undefined ? other : mul(other, options.alpha);
}

export function add(a: Operand, other: Operand, options?: AlphaOptions): Tensor {
  const c = scaled(other, options);
  // Two bools: PyTorch's sum of bools is their or.
  if (resultType(a, c) === "bool") return binary("add", "or", a, c);
  return binary("add", "add", a, c);
}

export function sub(a: Operand, other: Operand, options?: AlphaOptions): Tensor {
  refuseBool("sub", a, other);
  return binary("sub", "sub", a, scaled(other, options));
}

export function mul(a: Operand, other: Operand): Tensor {
  if (resultType(a, other) === "bool") return binary("mul", "and", a, other);
  return binary("mul", "mul", a, other);
}

export interface DivOptions {
  /** Rounds the quotient: toward minus infinity, or toward zero; ints then stay ints. */
  rounding?: "floor" | "trunc" | undefined;
}

/** True division: ints give float32. */
export function div(a: Operand, other: Operand, options: DivOptions = {}): Tensor {
  if (options.rounding === "floor") return floorDivide(a, other);
  if (options.rounding === "trunc") {
    refuseBool("div", a, other);
    const [x, y] = pairOf("div", a, other);
    const quotient = b.binary("div", x, y);
    return wrap(isFloat(x.dtype) ? b.unary("trunc", quotient) : quotient);
  }
  return wrap(b.binary("div", ...pairOf("div", a, other, floatType(resultType(a, other)))));
}

/** The quotient rounded toward minus infinity, Python's //. */
export function floorDivide(a: Operand, other: Operand): Tensor {
  refuseBool("floorDivide", a, other);
  const [x, y] = pairOf("floorDivide", a, other);
  const exact = n.div(n.sub(x, n.mod(x, y)), y);
  if (!isFloat(x.dtype)) return wrap(exact);
  return wrap(n.where(n.eq(y, 0), n.div(x, y), b.unary("round", exact)));
}

/** The remainder with the divisor's sign, Python's %. */
export function remainder(a: Operand, other: Operand): Tensor {
  refuseBool("remainder", a, other);
  return binary("remainder", "mod", a, other);
}

/** The remainder with the dividend's sign, C's fmod. */
export function fmod(a: Operand, other: Operand): Tensor {
  refuseBool("fmod", a, other);
  const [x, y] = pairOf("fmod", a, other);
  if (!isFloat(x.dtype)) return wrap(n.sub(x, n.mul(n.div(x, y), y)));
  const size = n.abs(y);
  return wrap(n.where(n.lt(x, 0), n.neg(n.mod(n.neg(x), size)), n.mod(x, size)));
}

/** a to the power b. Exponents written as 2, 3, 0.5, -0.5, -1 use the plainer op. */
export function pow(a: Operand, exponent: Operand): Tensor {
  const dtype = resultType(a, exponent);
  if (a instanceof Tensor && typeof exponent === "number") {
    if (!isFloat(dtype) && exponent < 0) {
      throw dtypeError("pow", `an int tensor has no power ${exponent}`, "use x.float().pow(…)");
    }
    const plain = plainPower(b.cast(nodeOf(a), dtype), exponent);
    if (plain) return wrap(plain);
  }
  if (dtype === "bool") throw dtypeError("pow", "is not defined for bool", "use x.int()");
  return binary("pow", "pow", a, exponent);
}

function plainPower(x: Node, exponent: number): Node | null {
  if (x.dtype === "bool") return null;
  if (exponent === 1) return x;
  if (exponent === 2) return b.binary("mul", x, x);
  if (exponent === 3) return b.binary("mul", b.binary("mul", x, x), x);
  if (exponent === 0.5) return b.unary("sqrt", x);
  if (exponent === -0.5) return b.unary("rsqrt", x);
  if (exponent === -1) return b.unary("reciprocal", x);
  return null;
}

export const maximum = (a: Operand, c: Operand): Tensor => extreme("maximum", "max", "or", a, c);
export const minimum = (a: Operand, c: Operand): Tensor => extreme("minimum", "min", "and", a, c);

function extreme(op: string, fn: BinaryOp, logic: BinaryOp, a: Operand, c: Operand): Tensor {
  return binary(op, resultType(a, c) === "bool" ? logic : fn, a, c);
}

/** As maximum, but a NaN loses against a number. */
export function fmax(a: Operand, other: Operand): Tensor {
  const [x, y] = pairOf("fmax", a, other);
  return wrap(n.where(n.or(n.ge(x, y), n.ne(y, y)), x, y));
}

/** As minimum, but a NaN loses against a number. */
export function fmin(a: Operand, other: Operand): Tensor {
  const [x, y] = pairOf("fmin", a, other);
  return wrap(n.where(n.or(n.le(x, y), n.ne(y, y)), x, y));
}

/** start + weight · (end - start). */
export function lerp(start: Tensor, end: Tensor, weight: Operand): Tensor {
  return add(start, mul(sub(end, start), weight));
}

export interface ValueOptions {
  /** Multiplies the product or quotient. */
  value?: number | undefined;
}

/** x + value · a · b. */
export function addcmul(x: Tensor, a: Tensor, c: Tensor, options: ValueOptions = {}): Tensor {
  return add(x, mul(a, c), { alpha: options.value });
}

/** x + value · a / b. */
export function addcdiv(x: Tensor, a: Tensor, c: Tensor, options: ValueOptions = {}): Tensor {
  return add(x, div(a, c), { alpha: options.value });
}

/** Values below `min` become `min`, those above `max` become `max`; null leaves a side open. */
export function clamp(x: Tensor, low?: Operand | null, high?: Operand | null): Tensor {
  const bounds = [low ?? null, high ?? null];
  const given = bounds.filter((v) => v !== null);
  if (given.length === 0) throw argumentError("clamp", "needs a minimum or a maximum");
  const dtype = resultType(x, ...given);
  let out = operandNode("clamp", x, dtype);
  bounds.forEach((bound, side) => {
    if (bound === null) return;
    const limit = operandNode("clamp", bound, dtype);
    broadcastOf("clamp", out.shape, limit.shape);
    // Not max and min: at the limit itself the gradient is x's, as in PyTorch.
    out = n.where(side === 0 ? n.lt(out, limit) : n.gt(out, limit), limit, out);
  });
  return wrap(out);
}

// --- comparison -------------------------------------------------------------------------------------

function compare(op: string, fn: CompareOp, a: Operand, c: Operand): Tensor {
  const [x, y] = pairOf(op, a, c);
  // bool is compared as 0 and 1.
  const whole = (v: Node) =>
    v.dtype === "bool" && fn !== "eq" && fn !== "ne" ? b.cast(v, "uint8") : v;
  return wrap(b.compare(fn, whole(x), whole(y)));
}

export const eq = (a: Operand, c: Operand): Tensor => compare("eq", "eq", a, c);
export const ne = (a: Operand, c: Operand): Tensor => compare("ne", "ne", a, c);
export const lt = (a: Operand, c: Operand): Tensor => compare("lt", "lt", a, c);
export const le = (a: Operand, c: Operand): Tensor => compare("le", "le", a, c);
export const gt = (a: Operand, c: Operand): Tensor => compare("gt", "lt", c, a);
export const ge = (a: Operand, c: Operand): Tensor => compare("ge", "le", c, a);

function test(x: Tensor, f: (node: Node) => Node, ofInts: boolean): Tensor {
  return apply(x, (v) => (isFloat(v.dtype) ? f(v) : b.full(ofInts ? 1 : 0, v.shape, "bool")));
}

export const isnan = (x: Tensor): Tensor => test(x, (v) => n.ne(v, v), false);
export const isinf = (x: Tensor): Tensor => test(x, (v) => n.gt(n.abs(v), largest(v.dtype)), false);
export const isfinite = (x: Tensor): Tensor =>
  test(x, (v) => n.le(n.abs(v), largest(v.dtype)), true);
export const isposinf = (x: Tensor): Tensor => test(x, (v) => n.gt(v, largest(v.dtype)), false);
export const isneginf = (x: Tensor): Tensor => test(x, (v) => n.lt(v, -largest(v.dtype)), false);

/** The largest finite number of a float dtype. */
export function largest(dtype: DType): number {
  return dtype === "float32" ? 3.4028234663852886e38 : Number.MAX_VALUE;
}

export interface CloseOptions {
  rtol?: number | undefined;
  atol?: number | undefined;
  equalNan?: boolean | undefined;
}

/** |a - b| <= atol + rtol · |b|; equal infinities are close. */
export function isclose(a: Tensor, other: Operand, options: CloseOptions = {}): Tensor {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options;
  const [x, y] = pairOf("isclose", a, other, floatType(resultType(a, other)));
  const limit = n.add(given(y, atol), n.mul(n.abs(y), given(y, rtol)));
  const finite = n.le(n.abs(y), largest(y.dtype));
  const near = n.and(finite, n.le(n.abs(n.sub(x, y)), limit));
  const same = n.or(n.eq(x, y), near);
  return wrap(equalNan ? n.or(same, n.and(n.ne(x, x), n.ne(y, y))) : same);
}

// --- logic and bits ---------------------------------------------------------------------------------

function logical(op: string, fn: BinaryOp, a: Operand, c: Operand): Tensor {
  const [x, y] = pairOf(op, a, c);
  return wrap(b.binary(fn, b.cast(x, "bool"), b.cast(y, "bool")));
}

export const logicalAnd = (a: Operand, c: Operand): Tensor => logical("logicalAnd", "and", a, c);
export const logicalOr = (a: Operand, c: Operand): Tensor => logical("logicalOr", "or", a, c);
export const logicalXor = (a: Operand, c: Operand): Tensor => logical("logicalXor", "xor", a, c);
export const logicalNot = (x: Tensor): Tensor => apply(x, (v) => b.unary("not", b.cast(v, "bool")));

function bitwise(op: string, fn: BinaryOp, a: Operand, c: Operand): Tensor {
  const dtype = resultType(a, c);
  const kinds = fn === "shl" || fn === "shr" ? "ints" : "ints or bools";
  if (isFloat(dtype) || (kinds === "ints" && dtype === "bool")) {
    throw dtypeError(op, `needs ${kinds}, got ${dtype}`, "use x.int()");
  }
  return binary(op, fn, a, c);
}

export const bitwiseAnd = (a: Operand, c: Operand): Tensor => bitwise("bitwiseAnd", "and", a, c);
export const bitwiseOr = (a: Operand, c: Operand): Tensor => bitwise("bitwiseOr", "or", a, c);
export const bitwiseXor = (a: Operand, c: Operand): Tensor => bitwise("bitwiseXor", "xor", a, c);

export function bitwiseNot(x: Tensor): Tensor {
  if (isFloat(x.dtype)) throw dtypeError("bitwiseNot", `needs ints or bools, got ${x.dtype}`);
  return apply(x, n.not);
}

export const bitwiseLeftShift = (a: Operand, c: Operand): Tensor =>
  bitwise("bitwiseLeftShift", "shl", a, c);

/** Shifts right; the sign of an int32 is kept. */
export function bitwiseRightShift(a: Operand, c: Operand): Tensor {
  const dtype = resultType(a, c);
  if (dtype !== "int32") return bitwise("bitwiseRightShift", "shr", a, c);
  const [x, y] = pairOf("bitwiseRightShift", a, c);
  const right = (v: Node) => b.binary("shr", v, y);
  return wrap(n.where(n.lt(x, 0), n.not(right(n.not(x))), right(x)));
}

// --- one operand ------------------------------------------------------------------------------------

/** An op on any number; ints stay ints. */
function number(op: string, fn: UnaryOp, x: Tensor): Tensor {
  if (x.dtype === "bool") throw dtypeError(op, "is not defined for bool", "use x.int()");
  return apply(x, (v) => b.unary(fn, v));
}

export const neg = (x: Tensor): Tensor => number("neg", "neg", x);
export const abs = (x: Tensor): Tensor => (x.dtype === "uint8" ? x : number("abs", "abs", x));
export const sign = (x: Tensor): Tensor => number("sign", "sign", x);
export const reciprocal = (x: Tensor): Tensor => apply(x, (v) => b.unary("reciprocal", toFloat(v)));
export const square = (x: Tensor): Tensor => mul(x, x);

function round(op: string, fn: UnaryOp, x: Tensor): Tensor {
  if (isFloat(x.dtype)) return number(op, fn, x);
  return x.dtype === "bool" ? number(op, fn, x) : x;
}

export const floor = (x: Tensor): Tensor => round("floor", "floor", x);
export const ceil = (x: Tensor): Tensor => round("ceil", "ceil", x);
export const trunc = (x: Tensor): Tensor => round("trunc", "trunc", x);
export const frac = (x: Tensor): Tensor => sub(x, trunc(x));

/** Rounds to the nearest whole number (halves to the even one), or to `decimals` digits. */
export function roundTo(x: Tensor, options: { decimals?: number | undefined } = {}): Tensor {
  const { decimals = 0 } = options;
  if (decimals === 0) return round("round", "round", x);
  const scale = 10 ** Math.abs(decimals);
  if (decimals > 0) return div(round("round", "round", mul(x, scale)), scale);
  return mul(round("round", "round", div(x, scale)), scale);
}

/** Elements of `yes` where the condition holds, else of `no`; two numbers give float32, as tensor(1). */
export function where(condition: Tensor, yes: Operand, no: Operand): Tensor {
  if (condition.dtype !== "bool") {
    const hint = "compare first, as in where(x.ne(0), a, b)";
    throw dtypeError("where", `the condition must be bool, got ${condition.dtype}`, hint);
  }
  const numbers = !(yes instanceof Tensor) && !(no instanceof Tensor);
  const common = resultType(yes, no);
  const dtype = numbers && common === "int32" ? "float32" : common;
  const [x, y] = pairOf("where", yes, no, dtype);
  const cond = nodeOf(condition);
  const shape = broadcastOf("where", cond.shape, x.shape);
  return wrap(b.where(...([cond, x, y].map((v) => b.broadcastTo(v, shape)) as [Node, Node, Node])));
}

/** The dtype of an expression of two tensors with axes: the higher of bool < uint8 < int32 < floats. */
export function promoteTypes(a: DType, c: DType): DType {
  return promote(a, c);
}

/** Replaces elements where the mask holds. The dtype stays x's. */
export function maskedFill(x: Tensor, mask: Tensor, value: Operand): Tensor {
  if (mask.dtype !== "bool") {
    throw dtypeError("maskedFill", `the mask must be bool, got ${mask.dtype}`, "use mask.bool()");
  }
  const [node, fill] = [nodeOf(x), operandNode("maskedFill", value, x.dtype)];
  const shape = broadcastOf("maskedFill", node.shape, mask.shape);
  broadcastOf("maskedFill", shape, fill.shape);
  return wrap(n.where(nodeOf(mask), fill, b.broadcastTo(node, shape)));
}

export function to(x: Tensor, where: DType | DeviceLike): Tensor {
  if (typeof where !== "string" || isDeviceName(where)) return placeOn(x, where);
  const dtype = where;
  checkDtype("to", dtype);
  return x.dtype === dtype ? x : apply(x, (v) => b.cast(v, dtype));
}

/** A copy: a value of its own, which later assignments to x do not reach. */
export function clone(x: Tensor): Tensor {
  // A node of its own (a reshape that changes nothing), so that it can be a leaf of its own.
  return apply(x, (v) => new Node("reshape", v.dtype, v.shape, [v], null));
}

/** The value, cut from the gradient. */
export function detach(x: Tensor): Tensor {
  return apply(x, b.detach);
}

/** Every NaN and infinity replaced by a number. */
export function nanToNum(
  x: Tensor,
  options: { nan?: number; posinf?: number; neginf?: number } = {},
): Tensor {
  if (!isFloat(x.dtype)) return x;
  return apply(x, (v) => {
    const big = largest(v.dtype);
    const { nan = 0, posinf = big, neginf = -big } = options;
    const high = n.where(n.gt(v, big), given(v, posinf), v);
    const low = n.where(n.lt(v, -big), given(v, neginf), high);
    return n.where(n.ne(v, v), given(v, nan), low);
  });
}
