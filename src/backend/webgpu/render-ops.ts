// Each op of expressions as WGSL text, in tables by what values are: float32 as f32, int32 and uint8 as
// i32 (a uint8 is wrapped to a byte after each op), bool as bool; and elements of memory, which are u32.
// Not here: what the reference says they compute (backend/reference/scalar.ts), helper functions
// (render-math.ts), or how expressions are put together (render-expr.ts).

import type { DType } from "../../ir/dtype.ts";
import type { BinaryOp, CompareOp, UnaryOp } from "../../ir/op.ts";
import { DtypeError } from "../../util/errors.ts";
import type { Helper } from "./render-math.ts";

type Use = (helper: Helper) => string;
type Unary = (x: string, use: Use) => string;
type Binary = (x: string, y: string, use: Use) => string;

type Kind = "float" | "int" | "bool";

const kinds: { [K in DType]: Kind } = {
  float32: "float",
  float64: "float",
  int32: "int",
  uint8: "int",
  bool: "bool",
};

/** What a value of a dtype is in WGSL. */
export const typeOf: { [K in DType]: "f32" | "i32" | "bool" } = {
  float32: "f32",
  float64: "f32",
  int32: "i32",
  uint8: "i32",
  bool: "bool",
};

/** A value from an element of memory, and an element from a value. */
export const fromWord: { [K in DType]: (word: string) => string } = {
  float32: (w) => `bitcast<f32>(${w})`,
  float64: (w) => `bitcast<f32>(${w})`,
  int32: (w) => `bitcast<i32>(${w})`,
  uint8: (w) => `bitcast<i32>(${w})`,
  bool: (w) => `(${w} != 0u)`,
};

export const toWord: { [K in DType]: (value: string) => string } = {
  float32: (x) => `bitcast<u32>(${x})`,
  float64: (x) => `bitcast<u32>(${x})`,
  int32: (x) => `bitcast<u32>(${x})`,
  uint8: (x) => `bitcast<u32>(${x})`,
  bool: (x) => `select(0u, 1u, ${x})`,
};

const helper =
  (name: Helper): Unary =>
  (x, use) =>
    `${use(name)}(${x})`;

const helper2 =
  (name: Helper): Binary =>
  (x, y, use) =>
    `${use(name)}(${x}, ${y})`;

const infix =
  (symbol: string): Binary =>
  (x, y) =>
    `(${x} ${symbol} ${y})`;

const call =
  (name: string): Unary =>
  (x) =>
    `${name}(${x})`;

const call2 =
  (name: string): Binary =>
  (x, y) =>
    `${name}(${x}, ${y})`;

const same: Unary = (x) => x;

/** The graph has no such op on these elements. */
const none = (): never => {
  throw new DtypeError("webgpu", "an op meets a dtype that it is not defined for");
};

const floatUnary: { [K in UnaryOp]: Unary } = {
  neg: (x) => `(-${x})`,
  abs: call("abs"),
  sign: (x) => `(select(0f, 1f, ${x} > 0f) - select(0f, 1f, ${x} < 0f))`,
  reciprocal: (x) => `(1f / ${x})`,
  sqrt: call("sqrt"),
  rsqrt: (x) => `(1f / sqrt(${x}))`,
  exp: helper("exp_f"),
  expm1: helper("expm1_f"),
  log: helper("log_f"),
  log1p: helper("log1p_f"),
  sin: helper("sin_f"),
  cos: helper("cos_f"),
  atan: helper("atan_f"),
  tanh: helper("tanh_f"),
  sigmoid: helper("sigmoid_f"),
  erf: helper("erf_f"),
  relu: (x) => `select(${x}, 0f, ${x} <= 0f)`,
  floor: call("floor"),
  ceil: call("ceil"),
  round: call("round"),
  trunc: call("trunc"),
  not: none,
};

const intUnary: { [K in UnaryOp]: Unary } = {
  neg: (x) => `(-${x})`,
  abs: call("abs"),
  sign: call("sign"),
  reciprocal: none,
  sqrt: none,
  rsqrt: none,
  exp: none,
  expm1: none,
  log: none,
  log1p: none,
  sin: none,
  cos: none,
  atan: none,
  tanh: none,
  sigmoid: none,
  erf: none,
  relu: (x) => `max(${x}, 0)`,
  floor: same,
  ceil: same,
  round: same,
  trunc: same,
  not: (x) => `(~${x})`,
};

const floatBinary: { [K in BinaryOp]: Binary } = {
  add: infix("+"),
  sub: infix("-"),
  mul: infix("*"),
  div: infix("/"),
  mod: helper2("mod_f"),
  pow: helper2("pow_f"),
  max: helper2("max_nan"),
  min: helper2("min_nan"),
  and: none,
  or: none,
  xor: none,
  shl: none,
  shr: none,
};

const intBinary: { [K in BinaryOp]: Binary } = {
  add: infix("+"),
  sub: infix("-"),
  mul: infix("*"),
  div: helper2("div_i"),
  mod: helper2("mod_i"),
  pow: helper2("pow_i"),
  max: call2("max"),
  min: call2("min"),
  and: infix("&"),
  or: infix("|"),
  xor: infix("^"),
  shl: (x, y) => `(${x} << (u32(${y}) & 31u))`,
  shr: (x, y) => `i32(u32(${x}) >> (u32(${y}) & 31u))`,
};

const boolBinary: { [K in BinaryOp]: Binary } = {
  add: infix("||"),
  sub: infix("!="),
  mul: infix("&&"),
  div: infix("&&"),
  mod: none,
  pow: none,
  max: infix("||"),
  min: infix("&&"),
  and: infix("&&"),
  or: infix("||"),
  xor: infix("!="),
  shl: none,
  shr: none,
};

const compares: { [K in CompareOp]: Binary } = {
  eq: infix("=="),
  ne: infix("!="),
  lt: infix("<"),
  le: infix("<="),
};

/** `!=` may say that nothing differs from NaN. */
const floatCompares: { [K in CompareOp]: Binary } = {
  ...compares,
  ne: (x, y) => `!(${x} == ${y})`,
};

const boolCompares: { [K in CompareOp]: Binary } = {
  eq: infix("=="),
  ne: infix("!="),
  lt: (x, y) => `(!${x} && ${y})`,
  le: (x, y) => `(!${x} || ${y})`,
};

/** Compilers may take it that nothing is NaN: a value that is compared with itself is tested by bits. */
const selfCompares: { [K in CompareOp]: Unary } = {
  eq: (x, use) => `(!${use("is_nan")}(${x}))`,
  ne: (x, use) => `${use("is_nan")}(${x})`,
  lt: () => "false",
  le: (x, use) => `(!${use("is_nan")}(${x}))`,
};

const casts: { readonly [F in Kind]: { readonly [T in Kind]: Unary } } = {
  float: {
    float: same,
    int: helper("to_int"),
    bool: (x) => `((bitcast<u32>(${x}) & 0x7fffffffu) != 0u)`,
  },
  int: { float: call("f32"), int: same, bool: (x) => `(${x} != 0)` },
  bool: { float: (x) => `select(0f, 1f, ${x})`, int: (x) => `select(0, 1, ${x})`, bool: same },
};

const byte = (dtype: DType, text: string) => (dtype === "uint8" ? `(${text} & 255)` : text);

export function unaryText(fn: UnaryOp, dtype: DType, x: string, use: Use): string {
  if (dtype === "bool") return fn === "not" ? `(!${x})` : none();
  const table = kinds[dtype] === "float" ? floatUnary : intUnary;
  return byte(dtype, table[fn](x, use));
}

const binaries = { float: floatBinary, int: intBinary, bool: boolBinary };

export function binaryText(fn: BinaryOp, dtype: DType, x: string, y: string, use: Use): string {
  return byte(dtype, binaries[kinds[dtype]][fn](x, y, use));
}

const comparisons = { float: floatCompares, int: compares, bool: boolCompares };

/** Of two values of a dtype. */
export function compareText(fn: CompareOp, dtype: DType, x: string, y: string, use: Use): string {
  if (kinds[dtype] === "float" && x === y) return selfCompares[fn](x, use);
  return comparisons[kinds[dtype]][fn](x, y, use);
}

export function castText(from: DType, to: DType, x: string, use: Use): string {
  return byte(to, casts[kinds[from]][kinds[to]](x, use));
}
