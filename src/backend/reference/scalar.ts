// What the elementwise ops mean for one element: the truth that every backend is compared with.
// All arithmetic is float64 (exact for int32 and uint8); whoever stores the result rounds it to the
// dtype. Not here: loops over elements (interpret.ts).

import { type DType, isFloat } from "../../ir/dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../ir/op.ts";
import { erf } from "./erf.ts";

type Unary = (x: number) => number;
type Binary = (a: number, b: number) => number;

/** For all dtypes; floats are what it says, and on ints floor, ceil, round and trunc change nothing. */
export const unaryRules: { [K in UnaryOp]: Unary } = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0), // NaN gives 0, as in PyTorch
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
  sigmoid,
  erf,
  relu: (x) => (x <= 0 ? 0 : x), // keeps NaN
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfEven,
  trunc: Math.trunc,
  not: (x) => ~x, // bool: see `unaryOf`
};

/** For floats. */
export const floatRules: { [K in BinaryOp]: Binary } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  mod: floorMod,
  pow: power,
  max: Math.max, // carries NaN
  min: Math.min,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shr: (a, b) => a >>> b,
};

/** For int32, uint8 and bool: exact modulo 2^32, before the store wraps to the dtype. */
export const intRules: { [K in BinaryOp]: Binary } = {
  ...floatRules,
  mul: Math.imul,
  div: (a, b) => (b === 0 ? 0 : Math.trunc(a / b)),
  mod: (a, b) => (b === 0 ? 0 : floorMod(a, b)),
  pow: intPower,
};

export const compareRules: { [K in CompareOp]: (a: number, b: number) => boolean } = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
};

export function unaryOf(fn: UnaryOp, dtype: DType): Unary {
  return fn === "not" && dtype === "bool" ? (x) => 1 - x : unaryRules[fn];
}

export function binaryOf(fn: BinaryOp, dtype: DType): Binary {
  return (isFloat(dtype) ? floatRules : intRules)[fn];
}

/** How an element becomes another dtype. Floats saturate at int32's ends, NaN is 0; a uint8 keeps the
 *  low byte of that int32. */
export const castRules: { [K in DType]: (x: number) => number } = {
  float32: Math.fround,
  float64: (x) => x,
  int32: saturate,
  uint8: (x) => saturate(x) & 255,
  bool: (x) => (x !== 0 ? 1 : 0),
};

function saturate(x: number): number {
  if (x >= 2147483647) return 2147483647;
  if (x <= -2147483648) return -2147483648;
  return x | 0; // truncates; NaN is 0
}

function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x); // no overflow on this side
  return e / (1 + e);
}

function roundHalfEven(x: number): number {
  if (!(Math.abs(x) < 2 ** 52)) return x;
  const below = Math.floor(x);
  const part = x - below;
  const up = part > 0.5 || (part === 0.5 && below % 2 !== 0);
  const result = up ? below + 1 : below;
  return result === 0 && (x < 0 || Object.is(x, -0)) ? -0 : result;
}

// The result has the divisor's sign.
function floorMod(a: number, b: number): number {
  const r = a % b;
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

// As C and PyTorch: 1 to any power is 1, and so is -1 to an infinite one; JavaScript says NaN.
function power(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return a ** b;
}

// Modulo 2^32; a negative exponent truncates 1/a^|b| toward zero.
function intPower(a: number, b: number): number {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 === 0 ? 1 : -1) : 0;
  let result = 1;
  let square = a;
  for (let e = b; e > 0; e >>>= 1) {
    if (e & 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}
