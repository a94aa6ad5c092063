// The constructors of the graph: one function an op, which checks its sources and gives the shape.
// Strict: no broadcasting and no promotion here (tensor/ does both, then calls these), except that
// `broadcastTo` puts the usual reshape and expand in one call.

import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import type { Body } from "./body.ts";
import type { Buffer } from "./buffer.ts";
import { type DType, isFloat } from "./dtype.ts";
import { isOp, Node, type Place, type Shape, sizeOf } from "./node.ts";
import type { Attrs, BinaryOp, CompareOp, ReduceOp, UnaryOp } from "./op.ts";

export function show(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const floatOnly: ReadonlySet<UnaryOp> = new Set<UnaryOp>([
  "reciprocal", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "atan", "tanh",
  "sigmoid", "erf",
]); // biome-ignore format: a table

export function unary(fn: UnaryOp, x: Node): Node {
  if (floatOnly.has(fn) && !isFloat(x.dtype)) {
    throw new DtypeError(fn, `needs a float tensor, got ${x.dtype}`, { hint: "use x.float()" });
  }
  if (x.dtype === "bool" && fn !== "not") {
    throw new DtypeError(fn, "is not defined for bool", { hint: "use x.float() or x.int()" });
  }
  if (fn === "not" && isFloat(x.dtype))
    throw new DtypeError(fn, `needs bool or int, got ${x.dtype}`);
  return new Node("unary", x.dtype, x.shape, [x], { fn });
}

const bitOps: ReadonlySet<BinaryOp> = new Set<BinaryOp>(["and", "or", "xor", "shl", "shr"]);

function pair(op: string, a: Node, b: Node): void {
  if (a.dtype !== b.dtype) throw new DtypeError(op, `${a.dtype} and ${b.dtype} differ`);
  if (!sameShape(a.shape, b.shape)) {
    throw new ShapeError(op, `${show(a.shape)} and ${show(b.shape)} differ`);
  }
}

export function binary(fn: BinaryOp, a: Node, b: Node): Node {
  pair(fn, a, b);
  if (bitOps.has(fn) && isFloat(a.dtype)) {
    throw new DtypeError(fn, `needs ints or bools, got ${a.dtype}`);
  }
  return new Node("binary", a.dtype, a.shape, [a, b], { fn });
}

export function compare(fn: CompareOp, a: Node, b: Node): Node {
  pair(fn, a, b);
  return new Node("compare", "bool", a.shape, [a, b], { fn });
}

export function where(cond: Node, yes: Node, no: Node): Node {
  pair("where", yes, no);
  if (cond.dtype !== "bool") throw new DtypeError("where", `condition is ${cond.dtype}, not bool`);
  if (!sameShape(cond.shape, yes.shape)) {
    throw new ShapeError("where", `condition ${show(cond.shape)} and ${show(yes.shape)} differ`);
  }
  return new Node("where", yes.dtype, yes.shape, [cond, yes, no], null);
}

export function cast(x: Node, dtype: DType): Node {
  return x.dtype === dtype ? x : new Node("cast", dtype, x.shape, [x], null);
}

export function detach(x: Node): Node {
  return new Node("detach", x.dtype, x.shape, [x], null);
}

/** One result of a function (`attrs.index` of its results, which come first among the sources) with a
 *  gradient of its own; see Attrs.custom. */
export function custom(sources: readonly Node[], attrs: Attrs["custom"]): Node<"custom"> {
  const { dtype, shape } = sources[attrs.index]!;
  return new Node("custom", dtype, shape, sources, attrs);
}

function checkAxes(op: string, axes: readonly number[], rank: number): void {
  const seen = new Set<number>();
  for (const a of axes) {
    if (!Number.isInteger(a) || a < 0 || a >= rank) {
      throw new ShapeError(op, `axis ${a} is outside a tensor of ${rank} axes`);
    }
    if (seen.has(a)) throw new ShapeError(op, `axis ${a} is named twice`);
    seen.add(a);
  }
}

/** Reduced axes stay with size 1. `first`: see Attrs.reduce. */
export function reduce(fn: ReduceOp, x: Node, axes: readonly number[], first = false): Node {
  checkAxes(fn, axes, x.shape.length);
  const sorted = [...axes].sort((p, q) => p - q);
  const shape = x.shape.map((d, i) => (sorted.includes(i) ? 1 : d));
  const arg = fn === "argmax" || fn === "argmin";
  if (arg && sorted.length !== 1) throw new ShapeError(fn, "takes exactly one axis");
  if ((arg || fn === "max" || fn === "min") && sorted.some((a) => x.shape[a] === 0)) {
    throw new ShapeError(fn, `has no value over an empty axis of ${show(x.shape)}`);
  }
  if (x.dtype === "bool" && (fn === "sum" || fn === "prod")) {
    throw new DtypeError(fn, "is not defined for bool", { hint: "cast to int32 first" });
  }
  const attrs = first ? { fn, axes: sorted, first: true as const } : { fn, axes: sorted };
  return new Node("reduce", arg ? "int32" : x.dtype, shape, [x], attrs);
}

export function reshape(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  if (sizeOf(shape) !== sizeOf(x.shape)) {
    throw new ShapeError("reshape", `${show(x.shape)} does not fit ${show(shape)}`);
  }
  return new Node("reshape", x.dtype, shape, [x], null);
}

export function permute(x: Node, axes: readonly number[]): Node {
  checkAxes("permute", axes, x.shape.length);
  if (axes.length !== x.shape.length) {
    throw new ShapeError("permute", `${show(axes)} does not name all axes of ${show(x.shape)}`);
  }
  if (axes.every((a, i) => a === i)) return x;
  const shape = axes.map((a) => x.shape[a]!);
  return new Node("permute", x.dtype, shape, [x], { axes: [...axes] });
}

export function expand(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const fits =
    x.shape.length === shape.length && x.shape.every((d, i) => d === shape[i] || d === 1);
  if (!fits) throw new ShapeError("expand", `${show(x.shape)} does not expand to ${show(shape)}`);
  return new Node("expand", x.dtype, shape, [x], null);
}

/** NumPy's rule: missing leading axes are added, axes of size 1 repeat. */
export function broadcastTo(x: Node, shape: Shape): Node {
  if (sameShape(x.shape, shape)) return x;
  const missing = shape.length - x.shape.length;
  if (missing < 0) {
    throw new ShapeError("expand", `${show(x.shape)} does not expand to ${show(shape)}`);
  }
  return expand(missing > 0 ? reshape(x, [...Array(missing).fill(1), ...x.shape]) : x, shape);
}

/** The common shape of a broadcast, or null where the sizes do not fit. */
export function broadcastShape(a: Shape, b: Shape): Shape | null {
  const rank = Math.max(a.length, b.length);
  const out: number[] = new Array(rank);
  for (let i = 1; i <= rank; i++) {
    const p = a[a.length - i] ?? 1;
    const q = b[b.length - i] ?? 1;
    if (p !== q && p !== 1 && q !== 1) return null;
    out[rank - i] = p === 1 ? q : p;
  }
  return out;
}

export function pad(x: Node, lo: readonly number[], hi: readonly number[], value = 0): Node {
  if (lo.length !== x.shape.length || hi.length !== x.shape.length) {
    throw new ShapeError("pad", `needs one pair for each axis of ${show(x.shape)}`);
  }
  if ([...lo, ...hi].some((p) => !Number.isInteger(p) || p < 0)) {
    throw new ArgumentError("pad", `sizes must be whole and not negative, got ${lo} and ${hi}`);
  }
  if (lo.every((p) => p === 0) && hi.every((p) => p === 0)) return x;
  const shape = x.shape.map((d, i) => d + lo[i]! + hi[i]!);
  return new Node("pad", x.dtype, shape, [x], { lo: [...lo], hi: [...hi], value });
}

/** Elements start, start+step, … below stop, for each axis. */
export function slice(
  x: Node,
  start: readonly number[],
  stop: readonly number[],
  step?: readonly number[],
): Node {
  const steps = step ?? x.shape.map(() => 1);
  const shape = x.shape.map((d, i) => {
    const [a, b, s] = [start[i]!, stop[i]!, steps[i]!];
    if (!(a >= 0 && b <= d && s >= 1)) {
      throw new ShapeError("slice", `${a}:${b}:${s} is outside axis ${i} of ${show(x.shape)}`);
    }
    return Math.max(0, Math.ceil((b - a) / s));
  });
  if (sameShape(shape, x.shape)) return x;
  return new Node("slice", x.dtype, shape, [x], { start: [...start], step: [...steps] });
}

export function flip(x: Node, axes: readonly number[]): Node {
  checkAxes("flip", axes, x.shape.length);
  if (axes.length === 0) return x;
  return new Node("flip", x.dtype, x.shape, [x], { axes: [...axes] });
}

export function window(
  x: Node,
  axes: readonly number[],
  size: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): Node {
  checkAxes("window", axes, x.shape.length);
  const shape = [...x.shape];
  axes.forEach((a, i) => {
    const span = dilation[i]! * (size[i]! - 1) + 1;
    if (span > x.shape[a]!) {
      throw new ShapeError(
        "window",
        `a window of ${span} does not fit axis ${a} of ${show(x.shape)}`,
      );
    }
    shape[a] = Math.floor((x.shape[a]! - span) / stride[i]!) + 1;
    shape.push(size[i]!);
  });
  const attrs = { axes: [...axes], size: [...size], stride: [...stride], dilation: [...dilation] };
  return new Node("window", x.dtype, shape, [x], attrs);
}

function checkIndex(op: string, x: Node, index: Node, axis: number): void {
  if (index.dtype !== "int32") throw new DtypeError(op, `index must be int32, got ${index.dtype}`);
  const fits =
    x.shape.length === index.shape.length &&
    x.shape.every((d, i) => i === axis || d === index.shape[i]);
  if (!fits) {
    throw new ShapeError(op, `index ${show(index.shape)} does not fit ${show(x.shape)} on ${axis}`);
  }
}

export function gather(table: Node, index: Node, axis: number): Node {
  checkAxes("gather", [axis], table.shape.length);
  checkIndex("gather", table, index, axis);
  return new Node("gather", table.dtype, index.shape, [table, index], { axis });
}

export function scatterAdd(base: Node, index: Node, update: Node, axis: number): Node {
  return scattered("scatterAdd", base, index, update, axis);
}

export function scatter(base: Node, index: Node, update: Node, axis: number): Node {
  return scattered("scatter", base, index, update, axis);
}

function scattered(
  op: "scatter" | "scatterAdd",
  base: Node,
  index: Node,
  update: Node,
  axis: number,
): Node {
  checkAxes(op, [axis], base.shape.length);
  checkIndex(op, base, index, axis);
  if (base.dtype !== update.dtype || !sameShape(index.shape, update.shape)) {
    throw new ShapeError(op, "update must have the index's shape and the base's dtype");
  }
  return new Node(op, base.dtype, base.shape, [base, index, update], { axis });
}

/** exp(x) over its sum along axes. */
export function softmax(x: Node, axes: readonly number[]): Node {
  checkAxes("softmax", axes, x.shape.length);
  if (!isFloat(x.dtype)) throw new DtypeError("softmax", `needs a float tensor, got ${x.dtype}`);
  return new Node("softmax", x.dtype, x.shape, [x], { axes: [...axes].sort((p, q) => p - q) });
}

/** The source of permutes, with the labels of its own axes. */
function unpermute(x: Node, labels: string): [Node, string] {
  let [source, names] = [x, [...labels]];
  while (isOp(source, "permute") && names.length === source.shape.length) {
    const { axes } = source.attrs;
    names = axes.map((_, axis) => names[axes.indexOf(axis)]);
    source = source.src[0];
  }
  return [source, names.join("")];
}

/** An einsum of two operands, e.g. contract(a, b, { a: "bik", b: "bkj", out: "bij" }). A transposed
 *  operand is taken as it was, with its labels in its own order: so its gradient is, too. */
export function contract(left: Node, right: Node, given: Attrs["contract"]): Node {
  const [a, la] = unpermute(left, given.a);
  const [b, lb] = unpermute(right, given.b);
  const spec = { a: la, b: lb, out: given.out };
  if (a.dtype !== b.dtype) throw new DtypeError("contract", `${a.dtype} and ${b.dtype} differ`);
  const sizes = new Map<string, number>();
  for (const [labels, x] of [
    [spec.a, a],
    [spec.b, b],
  ] as const) {
    if (labels.length !== x.shape.length || new Set(labels).size !== labels.length) {
      throw new ShapeError("contract", `labels ${labels} do not fit ${show(x.shape)}`);
    }
    for (let i = 0; i < labels.length; i++) {
      const known = sizes.get(labels[i]!);
      if (known !== undefined && known !== x.shape[i]) {
        throw new ShapeError("contract", `axis ${labels[i]} is ${known} and ${x.shape[i]}`);
      }
      sizes.set(labels[i]!, x.shape[i]!);
    }
  }
  for (const label of sizes.keys()) {
    if (!spec.out.includes(label) && !(spec.a.includes(label) && spec.b.includes(label))) {
      throw new ShapeError("contract", `axis ${label} is summed but in one operand only`);
    }
  }
  const shape = [...spec.out].map((label) => {
    const size = sizes.get(label);
    if (size === undefined) throw new ShapeError("contract", `axis ${label} is in no operand`);
    return size;
  });
  return new Node("contract", a.dtype, shape, [a, b], { a: spec.a, b: spec.b, out: spec.out });
}

/** Cross-correlation over the trailing axes. x (B,C,…), w (O,C/groups,…) → (B,O,…). */
export function conv(x: Node, w: Node, attrs: Attrs["conv"]): Node {
  if (x.dtype !== w.dtype) throw new DtypeError("conv", `${x.dtype} and ${w.dtype} differ`);
  const n = x.shape.length - 2;
  if (n < 1 || w.shape.length !== n + 2) {
    throw new ShapeError("conv", `input ${show(x.shape)} and weight ${show(w.shape)} do not fit`);
  }
  const groups = attrs.groups;
  const [c, o] = [x.shape[1]!, w.shape[0]!];
  if (c !== w.shape[1]! * groups || o % groups !== 0) {
    throw new ShapeError(
      "conv",
      `input ${show(x.shape)} has ${c} channels, weight ${show(w.shape)} wants ${w.shape[1]! * groups}`,
    );
  }
  const out = [x.shape[0]!, o];
  for (let i = 0; i < n; i++) {
    const size = x.shape[i + 2]! + attrs.lo[i]! + attrs.hi[i]!;
    const span = attrs.dilation[i]! * (w.shape[i + 2]! - 1) + 1;
    if (span > size) {
      throw new ShapeError("conv", `a kernel of ${span} does not fit the padded input ${size}`);
    }
    out.push(Math.floor((size - span) / attrs.stride[i]!) + 1);
  }
  return new Node("conv", x.dtype, out, [x, w], attrs);
}

/** The gradient of the weights of `conv` with these attrs and windows of `size`: x (B,C,…) and the
 *  gradient of the result g (B,O,…) → (O,C/groups,…). */
export function convWeights(x: Node, g: Node, attrs: Attrs["convWeights"]): Node {
  const { groups, size } = attrs;
  if (x.dtype !== g.dtype) throw new DtypeError("conv", `${x.dtype} and ${g.dtype} differ`);
  if (x.shape.length !== g.shape.length || x.shape[0] !== g.shape[0]) {
    throw new ShapeError("conv", `input ${show(x.shape)} and gradient ${show(g.shape)} do not fit`);
  }
  const shape = [g.shape[1]!, x.shape[1]! / groups, ...size];
  return new Node("convWeights", x.dtype, shape, [x, g], attrs);
}

/** A number the compiler may look at. */
export function constant(value: number, dtype: DType): Node {
  const node = new Node("const", dtype, [], [], { value });
  return node;
}

/** A number of the user's: an input of the program. */
export function scalar(value: number, dtype: DType): Node {
  const node = new Node("scalar", dtype, [], [], null);
  node.value = value;
  return node;
}

export function full(value: number, shape: Shape, dtype: DType): Node {
  return broadcastTo(constant(value, dtype), shape);
}

export function iota(n: number): Node {
  return new Node("iota", "int32", [n], [], null);
}

export function random(shape: Shape, seed: Node, base: Node, stream: number): Node {
  if (seed.dtype !== "int32" || base.dtype !== "int32" || seed.shape.length + base.shape.length) {
    throw new DtypeError("random", "seed and base must be int32 scalars");
  }
  return new Node("random", "int32", shape, [seed, base], { stream });
}

const none: readonly Node[] = [];

export function bufferNode(buffer: Buffer, shape: Shape, placed: Place | null = null): Node {
  if (sizeOf(shape) !== buffer.size) {
    throw new ShapeError("buffer", `${buffer.size} elements do not fit ${show(shape)}`);
  }
  const node = new Node("buffer", buffer.dtype, shape, none, null);
  node.buffer = buffer;
  node.placed = placed;
  return node;
}

/** An input of a body (body.ts). */
export function param(index: number, dtype: DType, shape: Shape): Node {
  return new Node("param", dtype, shape, [], { index });
}

/** What a scan is given, beside its body. */
export interface ScanSources {
  readonly carries: readonly Node[];
  readonly xs: readonly Node[];
  readonly consts: readonly Node[];
}

/** A loop, see Attrs.scan. Its results are `part`s. */
export function scan(
  body: Body,
  { carries, xs, consts }: ScanSources,
  options: { length: number; reverse?: boolean; checkpoint?: boolean | undefined },
): Node<"scan"> {
  const { length, reverse = false, checkpoint } = options;
  const wanted = body.params.map((p) => `${p.dtype} ${show(p.shape)}`);
  const kinds = [
    "int32 []",
    ...carries.map((c) => `${c.dtype} ${show(c.shape)}`),
    ...xs.map((x) => `${x.dtype} ${show(x.shape.slice(1))}`),
    ...consts.map((c) => `${c.dtype} ${show(c.shape)}`),
  ];
  if (wanted.join() !== kinds.join()) {
    throw new ShapeError("scan", `the body takes ${wanted.join()}, not ${kinds.join()}`);
  }
  carries.forEach((c, i) => {
    const next = body.outputs[i];
    if (next?.dtype === c.dtype && sameShape(next.shape, c.shape)) return;
    const kind = next === undefined ? "nothing" : `${next.dtype} ${show(next.shape)}`;
    throw new ShapeError("scan", `carry ${i} is ${c.dtype} ${show(c.shape)}, then ${kind}`);
  });
  if (xs.some((x) => x.shape[0] !== length)) {
    throw new ShapeError("scan", `${length} iterations over ${xs.map((x) => show(x.shape))}`);
  }
  const counts = { carries: carries.length, xs: xs.length };
  const kept = checkpoint ? { checkpoint: true as const } : {};
  const attrs = { body, ...counts, length, reverse, ...kept };
  return new Node("scan", "float32", [0], [...carries, ...xs, ...consts], attrs);
}

/** One result of a scan. */
export function part(loop: Node<"scan">, index: number): Node {
  const { body, carries, length } = loop.attrs;
  const step = body.outputs[index];
  if (step === undefined) throw new ArgumentError("part", `there is no part ${index}`);
  const shape = index < carries ? step.shape : [length, ...step.shape];
  return new Node("part", step.dtype, shape, [loop], { index });
}

/** All results of a scan: the last carries, then ys. */
export function partsOf(loop: Node<"scan">): Node[] {
  return loop.attrs.body.outputs.map((_, i) => part(loop, i));
}
