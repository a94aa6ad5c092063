// Composites: ops that are defined by other ops. `expand` is their one definition; a backend or the
// gradient table may know a faster or stabler way, never another meaning.
// Not here: composites that never need a rule of their own (softmax, norms: see tensor/ and nn/).

import { contract, pad, reshape, window } from "./build.ts";
import type { Node } from "./node.ts";
import type { Op } from "./op.ts";

export const compositeOps = ["conv"] as const satisfies readonly Op[];
export type CompositeOp = (typeof compositeOps)[number];

const compositeSet: ReadonlySet<string> = new Set(compositeOps);

/** Whether a node is one that `expand` knows. */
export function isComposite(node: Node): node is Node<CompositeOp> {
  return compositeSet.has(node.op);
}

/** The graph of primitives that a composite stands for, over the same sources. */
export const expand: { [K in CompositeOp]: (node: Node<K>) => Node } = {
  conv: expandConv,
};

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
