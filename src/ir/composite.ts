// Composites: ops that are defined by other ops. `expand` is their one definition; a backend or the
// gradient table may know a faster or stabler way, never another meaning.
// Not here: composites that never need a rule of their own (norms, losses: see tensor/ and nn/).

import {
  binary,
  contract,
  expand as growTo,
  pad,
  reduce,
  reshape,
  slice,
  unary,
  window,
} from "./build.ts";
import type { Node } from "./node.ts";
import type { Op } from "./op.ts";

export const compositeOps = ["softmax", "conv", "convWeights"] as const satisfies readonly Op[];
export type CompositeOp = (typeof compositeOps)[number];

const compositeSet: ReadonlySet<string> = new Set(compositeOps);

/** Whether a node is one that `expand` knows. */
export function isComposite(node: Node): node is Node<CompositeOp> {
  return compositeSet.has(node.op);
}

/** The graph of primitives that a composite stands for, over the same sources. */
export const expand: { [K in CompositeOp]: (node: Node<K>) => Node } = {
  softmax: expandSoftmax,
  conv: expandConv,
  convWeights: expandConvWeights,
};

// exp(x - max x), so that nothing overflows, over its sum.
function expandSoftmax({ src, attrs, shape }: Node<"softmax">): Node {
  const x = src[0]!;
  const high = growTo(reduce("max", x, attrs.axes), shape);
  const powers = unary("exp", binary("sub", x, high));
  return binary("div", powers, growTo(reduce("sum", powers, attrs.axes), shape));
}

/** One letter for each spatial axis of a convolution: in the image, and inside the window. */
export const imageLabels = "uvwxyz";
export const windowLabels = "ijklmn";

// out[b,o,p] = Σ_{c,k} padded[b, c, p·stride + k·dilation] · w[o,c,k]: overlapping windows of the
// padded image, then one contraction over the channels and the inside of the window.
function expandConv(node: Node<"conv">): Node {
  const { stride, lo, hi, dilation, groups } = node.attrs;
  const [x, w] = node.src as [Node, Node];
  const [B, C] = x.shape as [number, number];
  const [O, Cg, ...K] = w.shape as [number, number, ...number[]];
  const n = K.length;
  const padded = pad(x, [0, 0, ...lo], [0, 0, ...hi]); // (B, C, P…)
  const [u, i] = [imageLabels.slice(0, n), windowLabels.slice(0, n)];
  if (groups === 1) {
    const axes = K.map((_, a) => a + 2);
    const windows = window(padded, axes, K, stride, dilation); // (B, C, U…, K…)
    return contract(windows, w, { a: `bc${u}${i}`, b: `oc${i}`, out: `bo${u}` }); // (B, O, U…)
  }
  const P = padded.shape.slice(2);
  const split = reshape(padded, [B, groups, C / groups, ...P]); // (B, G, C/G, P…)
  const axes = K.map((_, a) => a + 3);
  const windows = window(split, axes, K, stride, dilation); // (B, G, C/G, U…, K…)
  const weights = reshape(w, [groups, O / groups, Cg, ...K]); // (G, O/G, C/G, K…)
  const labels = { a: `bgc${u}${i}`, b: `goc${i}`, out: `bgo${u}` };
  return reshape(contract(windows, weights, labels), node.shape); // (B, O, U…)
}

// out[o,c,k] = Σ_{b,p} padded[b, c, k·dilation + p·stride] · g[b,o,p]: windows of the padded image with
// stride and dilation exchanged, as many places inside as the result has.
function expandConvWeights(node: Node<"convWeights">): Node {
  const { stride, lo, hi, dilation, groups, size: K } = node.attrs;
  const [x, g] = node.src as [Node, Node];
  const [B, C] = x.shape as [number, number];
  const [O, Cg] = node.shape as [number, number];
  const U = g.shape.slice(2);
  const padded = pad(x, [0, 0, ...lo], [0, 0, ...hi]); // (B, C, P…)
  const reach = K.map((k, i) => dilation[i]! * (k - 1) + stride[i]! * (U[i]! - 1) + 1);
  const read = slice(padded, Array(K.length + 2).fill(0), [B, C, ...reach]);
  const [u, i] = [imageLabels.slice(0, K.length), windowLabels.slice(0, K.length)];
  if (groups === 1) {
    const axes = K.map((_, a) => a + 2);
    const windows = window(read, axes, U, dilation, stride); // (B, C, K…, U…)
    return contract(windows, g, { a: `bc${i}${u}`, b: `bo${u}`, out: `oc${i}` }); // (O, C, K…)
  }
  const split = reshape(read, [B, groups, Cg, ...reach]); // (B, G, C/G, P…)
  const axes = K.map((_, a) => a + 3);
  const windows = window(split, axes, U, dilation, stride); // (B, G, C/G, K…, U…)
  const parts = reshape(g, [B, groups, O / groups, ...U]); // (B, G, O/G, U…)
  const labels = { a: `bgc${i}${u}`, b: `bgo${u}`, out: `goc${i}` };
  return reshape(contract(windows, parts, labels), node.shape); // (O, C/G, K…)
}
