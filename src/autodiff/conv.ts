// The gradients of convolution, as contractions over other windows.
//   y[b,o,p] = Σ_{c,k} x[b, c, p·s + k·d - lo] · w[o,c,k]
// Not here: what convolution is (ir/composite.ts).

import { contract, conv, flip, pad, permute, reshape, slice, window } from "../ir/build.ts";
import { imageLabels, windowLabels } from "../ir/composite.ts";
import type { Node } from "../ir/node.ts";
import { dilate, place } from "./movement.ts";

export function convVjp(node: Node<"conv">, g: Node): readonly Node[] {
  return [imageGradient(node, g), weightGradient(node, g)];
}

// ∂x[b,c,q] = Σ_{o,k} ∂y[b,o,p] · w[o,c,k] over p·s + k·d = q + lo: the gradient with s-1 zeros between
// its elements, convolved with the weights turned around and with their channels exchanged. What no
// window reached (a remainder of the stride) gets zeros from the padding on the right.
function imageGradient(node: Node<"conv">, g: Node): Node {
  const { stride, lo, dilation, groups } = node.attrs;
  const [x, w] = node.src as [Node, Node];
  const K = w.shape.slice(2);
  const spread = dilate(g, [1, 1, ...stride]); // (B, O, s(U-1)+1…)
  const need = K.map((k, i) => x.shape[i + 2]! + dilation[i]! * (k - 1));
  const left = K.map((k, i) => dilation[i]! * (k - 1) - lo[i]!);
  const right = K.map((_, i) => need[i]! - left[i]! - spread.shape[i + 2]!);
  const none = K.map(() => 0);
  const attrs = { stride: K.map(() => 1), lo: left, hi: right, dilation, groups };
  if (Math.min(...left, ...right) >= 0) return conv(spread, turned(w, groups), attrs); // (B, C, N…)
  // The forward padding reached further than a window does: parts of the gradient are cut away.
  const placed = place(spread, [0, 0, ...left], [...spread.shape.slice(0, 2), ...need]);
  return conv(placed, turned(w, groups), { ...attrs, lo: none, hi: none });
}

// (O, C/G, K…) to (C, O/G, K…), each axis inside the window turned around.
function turned(w: Node, groups: number): Node {
  const [O, Cg, ...K] = w.shape as [number, number, ...number[]];
  const inside = K.map((_, i) => i + 3);
  const split = reshape(w, [groups, O / groups, Cg, ...K]);
  const swapped = flip(permute(split, [0, 2, 1, ...inside]), inside); // (G, C/G, O/G, K…)
  return reshape(swapped, [groups * Cg, O / groups, ...K]);
}

// ∂w[o,c,k] = Σ_{b,p} x[b, c, k·d + p·s - lo] · ∂y[b,o,p]: windows of the padded input with stride and
// dilation exchanged, as many inside as the output has places.
function weightGradient(node: Node<"conv">, g: Node): Node {
  const { stride, lo, hi, dilation, groups } = node.attrs;
  const [x, w] = node.src as [Node, Node];
  const [B, C] = x.shape as [number, number];
  const [O, Cg, ...K] = w.shape as [number, number, ...number[]];
  const U = g.shape.slice(2);
  const padded = pad(x, [0, 0, ...lo], [0, 0, ...hi]);
  const reach = K.map((k, i) => dilation[i]! * (k - 1) + stride[i]! * (U[i]! - 1) + 1);
  const read = slice(padded, Array(K.length + 2).fill(0), [B, C, ...reach]);
  const [u, i] = [imageLabels.slice(0, K.length), windowLabels.slice(0, K.length)];
  if (groups === 1) {
    const axes = K.map((_, a) => a + 2);
    const windows = window(read, axes, U, dilation, stride); // (B, C, K…, U…)
    return contract(windows, g, { a: `bc${i}${u}`, b: `bo${u}`, out: `oc${i}` });
  }
  const split = reshape(read, [B, groups, Cg, ...reach]);
  const axes = K.map((_, a) => a + 3);
  const windows = window(split, axes, U, dilation, stride); // (B, G, C/G, K…, U…)
  const parts = reshape(g, [B, groups, O / groups, ...U]); // (B, G, O/G, U…)
  const labels = { a: `bgc${i}${u}`, b: `bgo${u}`, out: `goc${i}` };
  return reshape(contract(windows, parts, labels), w.shape);
}
