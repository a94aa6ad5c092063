// What every op needs: operands as nodes (broadcast, promoted), axes as positions, errors that say
// where in the model they happened. Not here: the ops.

import { broadcastShape, broadcastTo, cast, scalar, show } from "../../ir/build.ts";
import { type DType, dtypes, isFloat, promote } from "../../ir/dtype.ts";
import { currentScope, type Node, type Shape } from "../../ir/node.ts";
import { ArgumentError, DtypeError, ShapeError } from "../../util/errors.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Axes, Operand, ReduceOptions } from "../shape-types.ts";
import { Tensor } from "../tensor.ts";

/** The common error constructors, with the module that is running. */
export function shapeError(op: string, detail: string, hint?: string): ShapeError {
  return new ShapeError(op, detail, { hint, in: currentScope() });
}

export function dtypeError(op: string, detail: string, hint?: string): DtypeError {
  return new DtypeError(op, detail, { hint, in: currentScope() });
}

export function argumentError(op: string, detail: string, hint?: string): ArgumentError {
  return new ArgumentError(op, detail, { hint, in: currentScope() });
}

/** One op on a tensor's node. */
export function apply(x: Tensor, f: (node: Node) => Node): Tensor {
  return wrap(f(nodeOf(x)));
}

// --- dtypes ----------------------------------------------------------------------------------------

const kinds: { [K in DType]: number } = { bool: 0, uint8: 1, int32: 1, float32: 2, float64: 2 };

/** A number that an int32 tensor could hold. */
function isWhole(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 31;
}

function numberType(value: number | boolean): DType {
  if (typeof value === "boolean") return "bool";
  return isWhole(value) ? "int32" : "float32";
}

/** The stronger one decides, unless the weaker is of a higher kind (bool < int < float). */
function combine(strong: DType | null, weak: DType | null): DType | null {
  if (strong === null || weak === null) return strong ?? weak;
  return kinds[weak] > kinds[strong] ? promote(strong, weak) : strong;
}

/** The dtype of an expression, PyTorch's torch.result_type: tensors with axes come before 0-d tensors,
 *  and those before numbers. */
export function resultType(...operands: readonly Operand[]): DType {
  let full: DType | null = null;
  let zero: DType | null = null;
  let number: DType | null = null;
  for (const x of operands) {
    if (!(x instanceof Tensor)) number = promote(number ?? "bool", numberType(x));
    else if (x.shape.length > 0) full = promote(full ?? "bool", x.dtype);
    else zero = promote(zero ?? "bool", x.dtype);
  }
  return combine(combine(full, zero), number) as DType;
}

/** A float dtype for functions that have no meaning on ints: those become float32. */
export function floatType(dtype: DType): DType {
  return isFloat(dtype) ? dtype : "float32";
}

export function toFloat(node: Node): Node {
  return isFloat(node.dtype) ? node : cast(node, "float32");
}

/** Ints for sums and counts: bool and uint8 become int32, as PyTorch's become int64. */
export function sumType(dtype: DType): DType {
  return isFloat(dtype) ? dtype : "int32";
}

/** The least (-1) or the largest (1) number of a dtype. */
export function edge(dtype: DType, sign: 1 | -1): number {
  if (isFloat(dtype)) return sign * Infinity;
  if (dtype === "int32") return sign > 0 ? 2 ** 31 - 1 : -(2 ** 31);
  return sign > 0 ? 255 : 0;
}

/** Refuses what is no dtype. */
export function checkDtype(op: string, dtype: DType): void {
  if (dtypes.includes(dtype)) return;
  throw dtypeError(op, `there is no dtype "${String(dtype)}"`, `use one of ${dtypes.join(", ")}`);
}

// --- operands ---------------------------------------------------------------------------------------

/** An operand's node in a dtype. A number is an input of the program. */
export function operandNode(op: string, x: Operand, dtype: DType): Node {
  if (x instanceof Tensor) return cast(nodeOf(x), dtype);
  if (typeof x === "number" || typeof x === "boolean") return scalar(Number(x), dtype);
  throw argumentError(op, `takes tensors and numbers, got ${describe(x)}`);
}

export function describe(x: unknown): string {
  if (x === null || x === undefined) return String(x);
  if (Array.isArray(x)) return "an array";
  return typeof x === "object" ? `a ${x.constructor?.name ?? "object"}` : `a ${typeof x}`;
}

/** Refuses what is no tensor where only a tensor will do. */
export function needTensor(op: string, x: unknown, name = "the operand"): void {
  if (x instanceof Tensor) return;
  throw argumentError(op, `${name} must be a tensor, got ${describe(x)}`, "make it one: tensor(x)");
}

/** Refuses what is no list of tensors. */
export function needTensors(op: string, list: unknown): void {
  if (!Array.isArray(list))
    throw argumentError(op, `takes a list of tensors, got ${describe(list)}`);
  for (const x of list) needTensor(op, x, "each operand");
}

/** Refuses a flag or a list where options stand. */
export function needOptions(op: string, options: unknown, hint: string): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  throw argumentError(op, `options must be an object, got ${describe(options)}`, hint);
}

/** The operands broadcast to one shape and promoted to one dtype. */
export function pairOf(
  op: string,
  a: Operand,
  b: Operand,
  dtype: DType = resultType(a, b),
): [Node, Node] {
  const x = operandNode(op, a, dtype);
  const y = operandNode(op, b, dtype);
  const shape = broadcastOf(op, x.shape, y.shape);
  return [broadcastTo(x, shape), broadcastTo(y, shape)];
}

/** The shape of a broadcast, or an error that names both. */
export function broadcastOf(op: string, a: Shape, b: Shape): Shape {
  const shape = broadcastShape(a, b);
  if (shape !== null) return shape;
  let sizes = "";
  for (let i = 1; i <= Math.min(a.length, b.length) && !sizes; i++) {
    const [p, q] = [a[a.length - i], b[b.length - i]];
    if (p !== q && p !== 1 && q !== 1) sizes = `sizes ${p} and ${q} differ`;
  }
  const detail = `${show(a)} and ${show(b)} do not broadcast: ${sizes}`;
  throw shapeError(op, detail, broadcastHint(a, b));
}

function broadcastHint(a: Shape, b: Shape): string | undefined {
  const fits = (p: Shape, q: Shape) =>
    p.length < q.length && broadcastShape([...p, 1], q)?.length === q.length;
  if (fits(b, a)) return "to line up the first axes use b.unsqueeze(-1)";
  if (fits(a, b)) return "to line up the first axes use a.unsqueeze(-1)";
  return undefined;
}

// --- axes -------------------------------------------------------------------------------------------

/** The position of an axis: -1 is the last one. */
export function axisOf(op: string, axis: number, shape: Shape): number {
  const rank = shape.length;
  const at = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(at) && at >= 0 && at < rank) return at;
  // PyTorch takes 0 and -1 on a scalar; so do the ops that can, by asking before they come here.
  if (!Number.isInteger(axis))
    throw argumentError(op, `an axis must be a whole number, got ${axis}`);
  const range = rank === 0 ? "it has no axes" : `axes go from ${-rank} to ${rank - 1}`;
  throw shapeError(op, `axis ${axis} is outside ${show(shape)}: ${range}`);
}

/** The positions of axes in increasing order; undefined means all. */
export function axesOf(
  op: string,
  axes: Axes | undefined | null,
  shape: Shape,
  options: ReduceOptions = {},
): number[] {
  checkKeepdim(op, options);
  if (axes !== undefined && axes !== null && typeof axes !== "number" && !Array.isArray(axes)) {
    throw argumentError(op, `axes must be a whole number or a list of them, got ${describe(axes)}`);
  }
  if (axes === undefined || axes === null) return shape.map((_, i) => i);
  const list = typeof axes === "number" ? [axes] : axes;
  if (shape.length === 0 && list.every((a) => a === 0 || a === -1)) return [];
  const at = list.map((a) => axisOf(op, a, shape)).sort((p, q) => p - q);
  for (let i = 1; i < at.length; i++) {
    if (at[i] === at[i - 1]) throw shapeError(op, `axis ${at[i]} of ${show(shape)} is named twice`);
  }
  return at;
}

// PyTorch's positional flag and other spellings would be passed over in silence.
function checkKeepdim(op: string, options: ReduceOptions): void {
  needOptions(op, options, "use { keepdim: true }");
  if (!("keepDim" in options || "keepdims" in options)) return;
  throw argumentError(op, "there is no such option", "use { keepdim: true }");
}

/** A list of sizes from `f(2, 3)` or `f([2, 3])`. */
export function listOf(args: readonly (number | readonly number[])[]): readonly number[] {
  const [first] = args;
  return args.length === 1 && Array.isArray(first) ? first : (args as readonly number[]);
}

/** Positions along an axis are int32 numbers. */
export const maxSize = 2 ** 31 - 1;

export function checkSizes(op: string, shape: Shape): Shape {
  if (!Array.isArray(shape)) {
    throw argumentError(op, `a shape must be a list of sizes, got ${describe(shape)}`);
  }
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0) {
      throw shapeError(op, `sizes must be whole and not negative, got ${show(shape)}`);
    }
    if (d > maxSize) {
      throw shapeError(op, `${show(shape)} is too large: a size may be at most ${maxSize}`);
    }
  }
  return shape;
}

/** One number for each of n axes from a number or a list. */
export function perAxis(op: string, name: string, value: Axes, n: number, least: number): number[] {
  const list = typeof value === "number" ? Array<number>(n).fill(value) : [...listed(value)];
  const [only] = list;
  if (list.length === 1 && n > 1 && typeof only === "number") {
    return perAxis(op, name, only, n, least);
  }
  if (list.length !== n || list.some((v) => !Number.isInteger(v) || v < least)) {
    const what = n === 1 ? "a whole number" : `a whole number or ${n} of them`;
    throw argumentError(op, `${name} must be ${what}, at least ${least}, got ${show(list)}`);
  }
  return list;
}

function listed(value: unknown): readonly number[] {
  return Array.isArray(value) ? value : [value as number];
}

// --- a little arithmetic on nodes -------------------------------------------------------------------

/** A number of the user's, of a node's dtype. */
export function given(x: Node, value: number): Node {
  return scalar(value, x.dtype);
}
