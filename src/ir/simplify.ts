// Simplification: local rewrite rules, one table by op, applied sources first until a node is stable.
// A rule keeps every bit of the result; numbers of the user's (scalar) are never looked at.
// Not here: choices that only make a program faster on some backend (schedule/prepare.ts).

import {
  broadcastTo,
  constant,
  expand,
  full,
  unary as makeUnary,
  permute,
  reshape,
  sameShape,
} from "./build.ts";
import { roundTo } from "./dtype.ts";
import { type Graph, Interner } from "./graph.ts";
import { isOp, Node, type Shape, sizeOf, topological } from "./node.ts";
import type { Op } from "./op.ts";

/** A better node for the same value, or null. */
export type Rule<O extends Op = Op> = (node: Node<O>) => Node | null;
export type Rules = { [K in Op]?: Rule<K> };

/** Rewrites the graph with the rules, sources first; results are tried again. */
export function rewrite(graph: Graph, ...tables: readonly Rules[]): Graph {
  const interner = new Interner();
  const done = new Map<Node, Node>();
  const settle = (root: Node): Node => {
    for (const node of topological([root], (n) => done.has(n))) {
      if (done.has(node)) continue;
      const src = node.src.map((s) => done.get(s) as Node);
      let now = interner.intern(node, src);
      if (!done.has(now) || now === node) now = improve(now);
      else now = done.get(now) as Node;
      done.set(node, now);
    }
    return done.get(root) as Node;
  };
  const improve = (node: Node): Node => {
    for (const rules of tables) {
      const better = (rules[node.op] as Rule | undefined)?.(node);
      if (better && better !== node) return settle(better);
    }
    return node;
  };
  // The interner has merged what is equal. Inputs and scalars stay, whatever is still used.
  return { ...graph, outputs: graph.outputs.map(settle) };
}

/** The number that every element of a node is, or null. */
export function constValue(node: Node): number | null {
  let n = node;
  while (n.op === "reshape" || n.op === "expand" || n.op === "permute" || n.op === "flip") {
    n = n.src[0];
  }
  return isOp(n, "const") ? n.attrs.value : null;
}

function fullLike(node: Node, value: number): Node {
  return full(roundTo[node.dtype](value), node.shape, node.dtype);
}

const foldBinary: Record<string, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
};

/** Elementwise of repeated values: compute the small one, then repeat it. */
function hoistExpand(node: Node): Node | null {
  let small: Shape | null = null;
  for (const s of node.src) {
    if (constValue(s) !== null) continue;
    if (s.op !== "expand") return null;
    if (small && !sameShape(small, s.src[0].shape)) return null;
    small = s.src[0].shape;
  }
  if (small === null || sizeOf(small) >= sizeOf(node.shape)) return null;
  const shape: Shape = small;
  const src = node.src.map((s) => {
    const value = constValue(s);
    return value === null ? s.src[0] : broadcastTo(constant(value, s.dtype), shape);
  });
  const inner = new Node(node.op, node.dtype, shape, src, node.attrs);
  (inner as { scope: string | undefined }).scope = node.scope;
  return expand(inner, node.shape);
}

export const simplifyRules: Rules = {
  detach: (n) => n.src[0],
  custom: (n) => n.src[n.attrs.index],
  cast: (n) => {
    const value = constValue(n.src[0]);
    if (value !== null) return castConst(n, value);
    return hoistExpand(n);
  },
  unary: (n) => {
    const x = n.src[0];
    if (n.attrs.fn === "neg") {
      const value = constValue(x);
      if (value !== null) return fullLike(n, -value);
      if (isOp(x, "unary") && x.attrs.fn === "neg") return x.src[0];
    }
    return hoistExpand(n);
  },
  binary: (n) => {
    const [a, b] = n.src;
    const [p, q] = [constValue(a), constValue(b)];
    const { fn } = n.attrs;
    if (p !== null && q !== null && foldBinary[fn]) return fullLike(n, foldBinary[fn](p, q));
    if ((fn === "mul" || fn === "div") && q === 1) return a;
    if (fn === "mul" && p === 1) return b;
    if (fn === "sub" && q === 0 && !Object.is(q, -0)) return a;
    if ((fn === "mul" || fn === "div") && q === -1) return makeUnary("neg", a);
    return hoistExpand(n);
  },
  compare: hoistExpand,
  where: (n) => {
    const value = constValue(n.src[0]);
    if (value !== null) return n.src[value !== 0 ? 1 : 2];
    if (n.src[1] === n.src[2]) return n.src[1];
    return hoistExpand(n);
  },
  reshape: (n) => {
    const x = n.src[0];
    if (x.op === "reshape") return reshape(x.src[0], n.shape);
    if (x.op === "expand" && x.src[0].op === "const") return full(constValue(x)!, n.shape, n.dtype);
    return reshapeOfExpand(n);
  },
  permute: (n) => {
    const x = n.src[0];
    if (isOp(x, "permute"))
      return permute(
        x.src[0],
        n.attrs.axes.map((a) => x.attrs.axes[a]),
      );
    const value = constValue(n);
    return value === null ? null : full(value, n.shape, n.dtype);
  },
  expand: (n) => (n.src[0].op === "expand" ? expand(n.src[0].src[0], n.shape) : null),
  reduce: (n) => {
    const { fn, axes } = n.attrs;
    const x = n.src[0];
    if (axes.every((a) => x.shape[a] === 1)) {
      return fn === "argmax" || fn === "argmin" ? fullLike(n, 0) : x;
    }
    return null;
  },
};

function castConst(n: Node, value: number): Node | null {
  const whole = Number.isInteger(value) && Math.abs(value) < 2 ** 24;
  if (n.dtype === "float32" || n.dtype === "float64") return fullLike(n, value);
  return whole && n.dtype === "int32" ? fullLike(n, value) : null;
}

/** Adding or dropping axes of size 1 moves below an expand, so that the expand stays outermost. */
function reshapeOfExpand(n: Node): Node | null {
  const x = n.src[0];
  if (x.op !== "expand" || sizeOf(x.src[0].shape) !== 1) return null;
  return broadcastTo(reshape(x.src[0], []), n.shape);
}
