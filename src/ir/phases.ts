// The transpose of a convolution with a stride, by phases: the results at one remainder of the stride
// see one part of the kernel's taps, so that each remainder is a convolution of its own, with stride 1
// and without the zeros that spreading the input out would put in. All of them are one convolution with
// more channels, and its results are interleaved. Not here: the definition (ir/composite.ts).

import { conv, flip, pad, permute, reshape, slice } from "./build.ts";
import type { Node } from "./node.ts";

export interface TransposedConv {
  readonly stride: readonly number[];
  /** The padding before of the convolution whose transpose this is. */
  readonly lo: readonly number[];
  readonly groups: number;
}

/**
 * y[b,c,q] = Σ_{o,k,p: p·s + k = q + lo} g[b,o,p] · w[o,c,k] for q below `size`, or null where phases do
 * not suit: stride 1, or one channel a group. g (B,O,U…), w (O,C/groups,K…) → (B,C,size…).
 */
export function transposedConv(
  g: Node,
  w: Node,
  { stride, lo, groups }: TransposedConv,
  size: readonly number[],
): Node | null {
  const Cg = w.shape[1]!;
  const K = w.shape.slice(2);
  const U = g.shape.slice(2);
  if (stride.every((s) => s === 1) || (groups > 1 && Cg === 1)) return null;
  // q = s·t + r: y at (t, r) sums g[t + m] · w[r + lo - s·m] over the m that meet a tap for some r.
  const span = K.map((k, i): Span => {
    const [s, l] = [stride[i]!, lo[i]!];
    return { first: Math.ceil((l - k + 1) / s), last: Math.ceil(l / s) };
  });
  const T = size.map((n, i) => Math.ceil(n / stride[i]!));
  const left = span.map(({ first }) => -first);
  const right = span.map(({ last }, i) => T[i]! + last - U[i]!);
  const start = left.map((l) => Math.max(0, -l));
  const stop = right.map((r, i) => U[i]! - Math.max(0, -r));
  if (start.some((at, i) => at >= stop[i]!)) return null;
  const seen = slice(g, [0, 0, ...start], [...g.shape.slice(0, 2), ...stop]);
  const ones = K.map(() => 1);
  const attrs = {
    stride: ones,
    lo: left.map((l) => Math.max(0, l)),
    hi: right.map((r) => Math.max(0, r)),
    dilation: ones,
    groups,
  };
  const y = conv(seen, phaseWeights(w, span, { stride, lo, groups }), attrs); // (B, G·s…·C/G, T…)
  const n = K.length;
  const [B] = g.shape as [number];
  const apart = reshape(y, [B, groups, ...stride, Cg, ...T]);
  const order = T.flatMap((_, i) => [3 + n + i, 2 + i]);
  const turned = permute(apart, [0, 1, 2 + n, ...order]); // (B, G, C/G, T, s, T, s…)
  const whole = reshape(turned, [B, groups * Cg, ...T.map((t, i) => t * stride[i]!)]);
  return slice(whole, Array(n + 2).fill(0), [B, groups * Cg, ...size]);
}

/** The places of the input, beside that of the result, that a result sees. */
interface Span {
  readonly first: number;
  readonly last: number;
}

// (O, C/G, K…) to (G·s…·C/G, O/G, M…): tap r + lo - s·m for each remainder r and place m.
function phaseWeights(w: Node, span: readonly Span[], attrs: TransposedConv): Node {
  const { stride, lo, groups } = attrs;
  const [O, Cg, ...K] = w.shape as [number, number, ...number[]];
  const M = span.map(({ first, last }) => last - first + 1);
  const before = span.map(({ last }, i) => stride[i]! * last - lo[i]!);
  const behind = K.map((k, i) => M[i]! * stride[i]! - k - before[i]!);
  const full = pad(w, [0, 0, ...before], [0, 0, ...behind]);
  const split = M.flatMap((m, i) => [m, stride[i]!]);
  const apart = reshape(full, [groups, O / groups, Cg, ...split]); // (G, O/G, C/G, M, s, M, s…)
  const taps = M.map((_, i) => 3 + 2 * i);
  const remainders = taps.map((a) => a + 1);
  const turned = permute(flip(apart, taps), [0, ...remainders, 2, 1, ...taps]);
  const phases = stride.reduce((p, s) => p * s, 1);
  return reshape(turned, [groups * phases * Cg, O / groups, ...M]);
}
