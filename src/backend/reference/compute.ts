// What each op computes: values of its sources in, a fresh row-major array (or a source's own) out.
// Plain and slow: float64, rounded to the dtype by the store. Not here: the order of nodes, what
// happens to arrays (interpret.ts), or a single element's arithmetic (scalar.ts).

import type { CompositeOp } from "../../ir/composite.ts";
import { makeArray, roundTo, type TypedArray } from "../../ir/dtype.ts";
import { faultText, type Node, type Shape, sizeOf } from "../../ir/node.ts";
import type { Op } from "../../ir/op.ts";
import { ArgumentError } from "../../util/errors.ts";
import { computeContract, computeReduce } from "./reduce.ts";
import { binaryOf, castRules, compareRules, unaryOf } from "./scalar.ts";
import { offsetsOf, readStrided, stridesOf, writeStrided } from "./strided.ts";
import { threefry } from "./threefry.ts";

/** Ops whose value comes from their sources alone. Not here: leaves that are given from outside, and
 *  loops, whose bodies are graphs again (interpret.ts). */
export type ComputedOp = Exclude<Op, CompositeOp | "buffer" | "scalar" | "param" | "scan" | "part">;

type Rule<K extends Op> = (node: Node<K>, ...src: TypedArray[]) => TypedArray;

export const computeRules: { [K in ComputedOp]: Rule<K> } = {
  unary: (node, x) => {
    const f = unaryOf(node.attrs.fn, node.dtype);
    return fill(node, (i) => f(x![i]!));
  },
  binary: (node, a, b) => {
    const f = binaryOf(node.attrs.fn, node.dtype);
    return fill(node, (i) => f(a![i]!, b![i]!));
  },
  compare: (node, a, b) => {
    const f = compareRules[node.attrs.fn];
    return fill(node, (i) => (f(a![i]!, b![i]!) ? 1 : 0));
  },
  where: (node, cond, yes, no) => fill(node, (i) => (cond![i] ? yes![i]! : no![i]!)),
  cast: (node, x) => {
    const f = castRules[node.dtype];
    return fill(node, (i) => f(x![i]!));
  },
  detach: (_, x) => x!,
  custom: (node, ...src) => src[node.attrs.index]!,
  reduce: (node, x) => computeReduce(node, x!),
  reshape: (_, x) => x!,
  permute: (node, x) => {
    const strides = stridesOf(node.src[0]!.shape);
    return view(
      node,
      x!,
      node.attrs.axes.map((a) => strides[a]!),
    );
  },
  expand: (node, x) => {
    const { shape } = node.src[0]!;
    const strides = stridesOf(shape);
    return view(
      node,
      x!,
      strides.map((s, i) => (shape[i] === node.shape[i] ? s : 0)),
    );
  },
  pad: (node, x) => {
    const { shape } = node.src[0]!;
    const strides = stridesOf(node.shape);
    const value = roundTo[node.dtype](node.attrs.value);
    const base = dot(node.attrs.lo, strides);
    return writeStrided(x!, node.dtype, sizeOf(node.shape), shape, strides, base, value);
  },
  slice: (node, x) => {
    const { start, step } = node.attrs;
    const strides = stridesOf(node.src[0]!.shape);
    const steps = strides.map((s, i) => s * step[i]!);
    return view(node, x!, steps, dot(start, strides));
  },
  flip: (node, x) => {
    const strides = stridesOf(node.shape);
    const last = node.shape.map((d, i) => (node.attrs.axes.includes(i) ? d - 1 : 0));
    const steps = strides.map((s, i) => (node.attrs.axes.includes(i) ? -s : s));
    return view(node, x!, steps, dot(last, strides));
  },
  window: (node, x) => {
    const { axes, stride, dilation } = node.attrs;
    const strides = stridesOf(node.src[0]!.shape);
    const outer = strides.map((s, i) => (axes.includes(i) ? s * stride[axes.indexOf(i)]! : s));
    return view(node, x!, [...outer, ...axes.map((a, i) => strides[a]! * dilation[i]!)]);
  },
  gather: (node, table, index) => {
    const { at, size, stride } = along(node, node.src[0]!.shape, node.attrs.axis);
    return fill(node, (i) => table![at[i]! + check(node, index![i]!, size) * stride]!);
  },
  scatterAdd: (node, base, index, update) => {
    const { at, size, stride } = along(node.src[1]!, node.shape, node.attrs.axis);
    const sum = Float64Array.from(base!); // added in float64, rounded once
    for (let i = 0; i < at.length; i++) {
      sum[at[i]! + check(node, index![i]!, size) * stride]! += update![i]!;
    }
    return fill(node, (i) => sum[i]!);
  },
  scatter: (node, base, index, update) => {
    const { at, size, stride } = along(node.src[1]!, node.shape, node.attrs.axis);
    const out = base!.slice();
    for (let i = 0; i < at.length; i++) {
      out[at[i]! + check(node, index![i]!, size) * stride] = update![i]!;
    }
    return out;
  },
  contract: (node, a, b) => computeContract(node, a!, b!),
  const: (node) => fill(node, () => roundTo[node.dtype](node.attrs.value)),
  iota: (node) => fill(node, (i) => i),
  random: (node, seed, base) => {
    const { stream } = node.attrs;
    return fill(node, (i) => threefry(seed![0]!, base![0]!, i, stream)[0]);
  },
};

/** The value of one computed node. */
export function compute(node: Node, src: readonly TypedArray[]): TypedArray {
  const rule = computeRules[node.op as ComputedOp] as Rule<Op>;
  return rule(node, ...src);
}

// A typed array rounds what is stored: floats to nearest, ints to their low bits; only bool needs help.
function fill(node: Node, element: (i: number) => number): TypedArray {
  const out = makeArray(node.dtype, sizeOf(node.shape));
  if (node.dtype === "bool") {
    for (let i = 0; i < out.length; i++) out[i] = element(i) !== 0 ? 1 : 0;
  } else {
    for (let i = 0; i < out.length; i++) out[i] = element(i);
  }
  return out;
}

function view(node: Node, x: TypedArray, strides: readonly number[], base = 0): TypedArray {
  return readStrided(x, node.shape, strides, base, makeArray(node.dtype, sizeOf(node.shape)));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, p, i) => sum + p * b[i]!, 0);
}

// For each element of `index`, where index 0 of the table's axis lies.
function along(index: Node, table: Shape, axis: number) {
  const strides = stridesOf(table);
  const steps = strides.map((s, i) => (i === axis ? 0 : s));
  return { at: offsetsOf(index.shape, steps), size: table[axis]!, stride: strides[axis]! };
}

function check(node: Node, index: number, size: number): number {
  if (index >= 0 && index < size) return index;
  const { op, detail, scope } = faultText(node, `index ${index} is outside [0, ${size})`);
  throw new ArgumentError(op, detail, { in: scope });
}
