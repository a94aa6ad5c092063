// The gradients of convolution: with respect to the image another convolution, with respect to the
// weights a composite of its own. Each is linear in two of image, weights and gradient, so their own
// gradients are made of the same three.
//   y[b,o,p] = Σ_{c,k} x[b, c, p·s + k·d - lo] · w[o,c,k]
// Not here: what these composites are (ir/composite.ts).

import { conv, convWeights, flip, permute, reshape } from "../ir/build.ts";
import type { Node, Shape } from "../ir/node.ts";
import type { Attrs } from "../ir/op.ts";
import { transposedConv } from "../ir/phases.ts";
import { dilate, place } from "./movement.ts";

export function convVjp(node: Node<"conv">, g: Node): readonly Node[] {
  const [x, w] = node.src as [Node, Node];
  const attrs = { ...node.attrs, size: w.shape.slice(2) };
  return [imageGradient(node.attrs, x.shape, w, g), convWeights(x, g, attrs)];
}

// The gradient h of ∂w[o,c,k] = Σ_{b,p} x[b, c, p·s + k·d - lo] · g[b,o,p] takes the weights' place.
export function convWeightsVjp(node: Node<"convWeights">, h: Node): readonly Node[] {
  const [x, g] = node.src as [Node, Node];
  const { size: _, ...attrs } = node.attrs;
  return [imageGradient(attrs, x.shape, h, g), conv(x, h, attrs)];
}

// ∂x[b,c,q] = Σ_{o,k} ∂y[b,o,p] · w[o,c,k] over p·s + k·d = q + lo: by phases of the stride, or, where
// these do not suit, the gradient with s-1 zeros between its elements, convolved with the weights turned
// around and with their channels exchanged. What no window reached (a remainder of the stride) gets
// zeros from the padding on the right.
function imageGradient(
  { stride, lo, dilation, groups }: Attrs["conv"],
  x: Shape,
  w: Node,
  g: Node,
) {
  const K = w.shape.slice(2);
  const none = K.map(() => 0);
  const size = x.slice(2);
  const ones = K.map(() => 1);
  if (K.every((k) => k === 1) && stride.some((s) => s > 1)) {
    // Each element of the input is seen once at most.
    const seen = conv(g, turned(w, groups), { stride: ones, lo: none, hi: none, dilation, groups });
    const at = lo.map((l) => -l);
    return place(dilate(seen, [1, 1, ...stride]), [0, 0, ...at], x);
  }
  const phases = dilation.every((d) => d === 1)
    ? transposedConv(g, w, { stride, lo, groups }, size)
    : null;
  if (phases) return phases;
  const spread = dilate(g, [1, 1, ...stride]); // (B, O, s(U-1)+1…)
  const need = K.map((k, i) => size[i]! + dilation[i]! * (k - 1));
  const left = K.map((k, i) => dilation[i]! * (k - 1) - lo[i]!);
  const right = K.map((_, i) => need[i]! - left[i]! - spread.shape[i + 2]!);
  const attrs = { stride: ones, lo: left, hi: right, dilation, groups };
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
