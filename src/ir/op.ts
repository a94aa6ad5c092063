// The primitives, as literal unions in sections. Every table of rules is typed over one of them
// (`{ [K in UnaryOp]: Rule }`), so that the compiler lists what a new op still lacks.
// Not here: what an op computes (backend/reference is the truth), or how it is differentiated.

import type { Body } from "./body.ts";
import type { GradientRule } from "./gradient-rule.ts";

export const unaryOps = [
  "neg", "abs", "sign", "reciprocal", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p",
  "sin", "cos", "atan", "tanh", "sigmoid", "erf", "relu",
  "floor", "ceil", "round", "trunc", "not",
] as const; // biome-ignore format: a table

/** `mod` has the divisor's sign (Python's %); `div` of ints truncates toward zero; `shr` fills with
 *  zeros. `and or xor` are bitwise on ints and logical on bool. `max min` carry NaN. */
export const binaryOps = [
  "add", "sub", "mul", "div", "mod", "pow", "max", "min",
  "and", "or", "xor", "shl", "shr",
] as const; // biome-ignore format: a table

/** Results are bool; operands have one dtype. */
export const compareOps = ["eq", "ne", "lt", "le"] as const;

/** Reduced axes stay, with size 1. argmax and argmin take one axis and give int32 (first winner). */
export const reduceOps = ["sum", "prod", "max", "min", "argmax", "argmin"] as const;

export type UnaryOp = (typeof unaryOps)[number];
export type BinaryOp = (typeof binaryOps)[number];
export type CompareOp = (typeof compareOps)[number];
export type ReduceOp = (typeof reduceOps)[number];

/** What each op's attrs are. Attrs are structure: equal graphs with other attrs are other programs. */
export interface Attrs {
  unary: { fn: UnaryOp };
  binary: { fn: BinaryOp };
  compare: { fn: CompareOp };
  /** src: cond (bool), yes, no. */
  where: null;
  /** To the node's dtype. Float to int truncates toward zero; to bool is `!= 0`. */
  cast: null;
  /** `first`: the gradient of max or min over one axis goes to the first winner alone (pooling, max
   *  with indices), not evenly to all. The value is the same. */
  reduce: { fn: ReduceOp; axes: readonly number[]; first?: true };
  reshape: null;
  permute: { axes: readonly number[] };
  /** Axes of size 1 grow to the node's shape; the rank stays. */
  expand: null;
  pad: { lo: readonly number[]; hi: readonly number[]; value: number };
  /** Elements start, start+step, … ; step ≥ 1; the count is the node's shape. */
  slice: { start: readonly number[]; step: readonly number[] };
  flip: { axes: readonly number[] };
  /** Overlapping windows: axis `axes[i]` becomes the window's position, and a new last axis of
   *  `size[i]` runs inside the window (position·stride + inside·dilation). */
  window: {
    axes: readonly number[];
    size: readonly number[];
    stride: readonly number[];
    dilation: readonly number[];
  };
  /** The value, cut from the gradient. */
  detach: null;
  /** src: the `outputs` results of some function, then its inputs. The value is result number `index`;
   *  its gradient goes to the inputs, by the rule alone. `given` are the arguments that are no tensors. */
  custom: { rule: GradientRule; outputs: number; index: number; given: readonly unknown[] };
  /** src: table, index (int32, same rank): out[i…] = table[…, index[i…], …] along axis; all other
   *  axes have equal sizes. An index outside [0, n) is a fault of the program. */
  gather: { axis: number };
  /** src: base, index, update: base with base[…, index[i…], …] += update[i…] (last op wins never:
   *  it adds), in the row-major order of the update. */
  scatterAdd: { axis: number };
  /** src: base, index, update: base with base[…, index[i…], …] = update[i…]. Of equal indices the last
   *  one along the axis wins. */
  scatter: { axis: number };
  /** An einsum of two operands. Labels in a, b and out are batch; in one operand and out are rows
   *  (a) or columns (b); in a and b only are summed. */
  contract: { a: string; b: string; out: string };
  /** A composite: exp(x) over its sum along axes. */
  softmax: { axes: readonly number[] };
  /** A composite: cross-correlation over the trailing axes. src: x (B,C,…), w (O,C/groups,…). */
  conv: {
    stride: readonly number[];
    lo: readonly number[];
    hi: readonly number[];
    dilation: readonly number[];
    groups: number;
  };
  /** A composite: the gradient of a convolution's weights. src: x (B,C,…) and the gradient of its
   *  result (B,O,…); the shape is (O,C/groups,…) with `size` places inside the window. */
  convWeights: Attrs["conv"] & { size: readonly number[] };
  /** A number the compiler may look at (0 and 1 in gradients, sizes in means). Shape []. */
  const: { value: number };
  /** A number of the user's: an input of the program, in `node.value`, never looked at. Shape []. */
  scalar: null;
  /** 0 … n-1 of shape [n], int32. */
  iota: null;
  /** 32 random bits an element (int32): Threefry of key (seed, base) and counter (position, stream).
   *  src: seed, base (int32 scalars). */
  random: { stream: number };
  /** Data that exists: `node.buffer`. */
  buffer: null;
  /** An input of a body: the one with this index. No sources. */
  param: { index: number };
  /** A loop over t = 0 … length-1 (reverse: from length-1 down to 0), one body an iteration. src: the
   *  first carries, then xs (leading axis `length`), then consts (the same at each iteration); `carries`
   *  and `xs` say how many. The body's params are t (int32 scalar), the carries, xs at t, the consts;
   *  its outputs the next carries, then what ys are at t. float32 of shape [0]: only parts read it. */
  scan: {
    body: Body;
    carries: number;
    xs: number;
    length: number;
    reverse: boolean;
    /** Its gradient keeps the carries of each iteration alone, and computes the rest again. */
    checkpoint?: true;
  };
  /** A result of a scan: among its last carries, then its ys (leading axis `length`; ys at t belong to
   *  xs at t, in reverse too). */
  part: { index: number };
}

export type Op = keyof Attrs;

/** All but a loop and its results, whose rules see several values at once. */
export type SingleOp = Exclude<Op, "scan" | "part">;

/** Ops that only say where an element lies: they never copy. */
export const movementOps = [
  "reshape",
  "permute",
  "expand",
  "pad",
  "slice",
  "flip",
  "window",
] as const;
export type MovementOp = (typeof movementOps)[number];

/** Ops that compute each element from the same element of their sources. */
export const elementwiseOps = ["unary", "binary", "compare", "where", "cast", "detach"] as const;
export type ElementwiseOp = (typeof elementwiseOps)[number];

const movementSet: ReadonlySet<string> = new Set(movementOps);
const elementwiseSet: ReadonlySet<string> = new Set(elementwiseOps);

export function isMovement(op: Op): op is MovementOp {
  return movementSet.has(op);
}

export function isElementwise(op: Op): op is ElementwiseOp {
  return elementwiseSet.has(op);
}
