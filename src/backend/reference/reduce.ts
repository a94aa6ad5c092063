// Reductions and contractions of the reference: float64 sums, rounded once; ints exactly modulo 2^32.
// Not here: elementwise ops (scalar.ts) and the walk over a graph (interpret.ts).

import { isFloat, makeArray, type TypedArray } from "../../ir/dtype.ts";
import { type Node, sizeOf } from "../../ir/node.ts";
import type { ReduceOp } from "../../ir/op.ts";
import { offsetsOf, readStrided, stridesOf } from "./strided.ts";

type Fold = (x: TypedArray, start: number, inner: Int32Array) => number;

const floatFolds: { [K in ReduceOp]: Fold } = {
  sum: (x, start, inner) => {
    let sum = 0;
    for (let i = 0; i < inner.length; i++) sum += x[start + inner[i]!]!;
    return sum;
  },
  prod: (x, start, inner) => {
    let product = 1;
    for (let i = 0; i < inner.length; i++) product *= x[start + inner[i]!]!;
    return product;
  },
  max: (x, start, inner) => x[start + inner[winner(x, start, inner, 1)]!]!,
  min: (x, start, inner) => x[start + inner[winner(x, start, inner, -1)]!]!,
  argmax: (x, start, inner) => winner(x, start, inner, 1),
  argmin: (x, start, inner) => winner(x, start, inner, -1),
};

const intFolds: { [K in ReduceOp]: Fold } = {
  ...floatFolds,
  sum: (x, start, inner) => {
    let sum = 0;
    for (let i = 0; i < inner.length; i++) sum = (sum + x[start + inner[i]!]!) | 0;
    return sum;
  },
  prod: (x, start, inner) => {
    let product = 1;
    for (let i = 0; i < inner.length; i++) product = Math.imul(product, x[start + inner[i]!]!);
    return product;
  },
};

// The position of the first largest (sign 1) or smallest (-1) element; the first NaN beats all.
function winner(x: TypedArray, start: number, inner: Int32Array, sign: 1 | -1): number {
  let best = 0;
  let top = x[start + inner[0]!]! * sign;
  for (let i = 0; i < inner.length; i++) {
    const value = x[start + inner[i]!]! * sign;
    if (Number.isNaN(value)) return i;
    if (value > top) {
      top = value;
      best = i;
    }
  }
  return best;
}

export function computeReduce(node: Node<"reduce">, x: TypedArray): TypedArray {
  const { fn, axes } = node.attrs;
  const shape = node.src[0]!.shape;
  const strides = stridesOf(shape);
  const inner = offsetsOf(
    axes.map((a) => shape[a]!),
    axes.map((a) => strides[a]!),
  );
  const starts = offsetsOf(node.shape, strides); // reduced axes have size 1: their stride is unused
  const out = makeArray(node.dtype, starts.length);
  const fold = (isFloat(node.src[0]!.dtype) ? floatFolds : intFolds)[fn];
  for (let i = 0; i < out.length; i++) out[i] = fold(x, starts[i]!, inner);
  return out;
}

/** out[batch, rows, cols] = Σ a[batch, rows, sums] · b[batch, cols, sums], then the axes of `out`. */
export function computeContract(node: Node<"contract">, a: TypedArray, b: TypedArray): TypedArray {
  const { a: la, b: lb, out: lo } = node.attrs;
  const [na, nb] = node.src as [Node, Node];
  const size = new Map<string, number>();
  for (let i = 0; i < la.length; i++) size.set(la[i]!, na.shape[i]!);
  for (let i = 0; i < lb.length; i++) size.set(lb[i]!, nb.shape[i]!);
  const batch = [...lo].filter((l) => la.includes(l) && lb.includes(l));
  const rows = [...lo].filter((l) => la.includes(l) && !lb.includes(l));
  const cols = [...lo].filter((l) => lb.includes(l) && !la.includes(l));
  const sums = [...la].filter((l) => !lo.includes(l));
  const left = arrange(na, a, la, [...batch, ...rows, ...sums], size);
  const right = arrange(nb, b, lb, [...batch, ...cols, ...sums], size);
  const count = (labels: string[]) => sizeOf(labels.map((l) => size.get(l)!));
  const extents = [count(batch), count(rows), count(cols), count(sums)] as const;
  const products = isFloat(node.dtype) ? floatProducts : intProducts;
  const out = products(left, right, makeArray(node.dtype, sizeOf(node.shape)), extents);
  const labels = [...batch, ...rows, ...cols];
  return permuteTo(node, out, labels, size);
}

// The operand in float64 with its axes in the given order.
function arrange(
  node: Node,
  values: TypedArray,
  labels: string,
  order: string[],
  size: Map<string, number>,
): Float64Array {
  const strides = stridesOf(node.shape);
  const shape = order.map((l) => size.get(l)!);
  const steps = order.map((l) => strides[labels.indexOf(l)]!);
  return readStrided(values, shape, steps, 0, new Float64Array(values.length)) as Float64Array;
}

function permuteTo(
  node: Node<"contract">,
  values: TypedArray,
  labels: string[],
  size: Map<string, number>,
): TypedArray {
  const strides = stridesOf(labels.map((l) => size.get(l)!));
  const steps = [...node.attrs.out].map((l) => strides[labels.indexOf(l)]!);
  return readStrided(values, node.shape, steps, 0, makeArray(node.dtype, values.length));
}

type Extents = readonly [batch: number, rows: number, cols: number, sums: number];

function floatProducts(a: Float64Array, b: Float64Array, out: TypedArray, e: Extents): TypedArray {
  const [B, M, N, K] = e;
  for (let batch = 0, o = 0; batch < B; batch++) {
    for (let m = 0; m < M; m++) {
      const p = (batch * M + m) * K;
      for (let n = 0; n < N; n++) {
        const q = (batch * N + n) * K;
        let sum = 0;
        for (let k = 0; k < K; k++) sum += a[p + k]! * b[q + k]!;
        out[o++] = sum;
      }
    }
  }
  return out;
}

function intProducts(a: Float64Array, b: Float64Array, out: TypedArray, e: Extents): TypedArray {
  const [B, M, N, K] = e;
  for (let batch = 0, o = 0; batch < B; batch++) {
    for (let m = 0; m < M; m++) {
      const p = (batch * M + m) * K;
      for (let n = 0; n < N; n++) {
        const q = (batch * N + n) * K;
        let sum = 0;
        for (let k = 0; k < K; k++) sum = (sum + Math.imul(a[p + k]!, b[q + k]!)) | 0;
        out[o++] = sum;
      }
    }
  }
  return out;
}
