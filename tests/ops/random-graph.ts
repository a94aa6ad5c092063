// Random graphs for the fuzzer: a seed names one. Values stay of moderate size, so that the
// comparison of two backends says something.
import * as ir from "../../src/ir/build.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import type { BinaryOp, UnaryOp } from "../../src/ir/op.ts";
import { type Case, type Leaf, leaf, ranged, stream } from "./case.ts";

/** How large a graph's values may get; large ones are split among threads. */
export interface Scale {
  readonly sizes: readonly number[];
  readonly most: number;
}

export const small: Scale = { sizes: [1, 2, 3, 4, 5, 6, 8, 9, 16, 17], most: 4000 };
export const large: Scale = { sizes: [1, 3, 16, 31, 33, 64, 65, 130, 257], most: 150_000 };

/** Chooses; all of a graph's choices come from one stream. */
export class Chooser {
  private readonly next: () => number;
  /** The most elements that a value may have. */
  readonly most: number;

  constructor(seed: number, most: number) {
    this.next = stream(seed);
    this.most = most;
  }

  /** A whole number from low to high, both included. */
  int(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  of<T>(values: readonly T[]): T {
    return values[this.int(0, values.length - 1)]!;
  }

  axis(x: Node): number {
    return this.int(0, x.shape.length - 1);
  }
}

/** Makes a node of one that exists, or gives up (null) where it does not fit. */
export type Grow = (x: Node, choose: Chooser, pool: readonly Node[]) => Node | null;

const smoothUnary: readonly UnaryOp[] = ["tanh", "sin", "cos", "sigmoid", "erf", "atan", "relu", "abs", "neg"]; // biome-ignore format: a table
const tameBinary: readonly BinaryOp[] = ["add", "sub", "max", "min"];

const only = (x: Node, axis: number, value: number, other: number) =>
  x.shape.map((_, i) => (i === axis ? value : other));

export const grow: Readonly<Record<string, Grow>> = {
  unary: (x, choose) => ir.unary(choose.of(smoothUnary), x),
  binary: (x, choose, pool) => {
    const y = choose.of(pool);
    const shape = ir.broadcastShape(x.shape, y.shape);
    if (shape === null || sizeOf(shape) > choose.most) return null;
    const [a, b] = [ir.broadcastTo(x, shape), ir.broadcastTo(y, shape)];
    return ir.binary(choose.of(tameBinary), a, b);
  },
  product: (x, choose) => ir.binary("mul", ir.unary("tanh", x), ir.unary(choose.of(smoothUnary), x)),
  sum: (x, choose) => {
    const axis = choose.axis(x);
    const sum = ir.reduce("sum", x, [axis]);
    return ir.binary("mul", sum, ir.full(1 / Math.max(1, x.shape[axis]!), sum.shape, x.dtype));
  },
  largest: (x, choose) => {
    const axis = choose.axis(x);
    if (x.shape[axis] === 0) return null;
    return ir.reduce(choose.of(["max", "min"] as const), x, [axis]);
  },
  centred: (x, choose) => {
    const axes = choose.int(0, 1) ? [choose.axis(x)] : x.shape.map((_, i) => i);
    const n = axes.reduce((p, a) => p * x.shape[a]!, 1);
    const mean = ir.reduce("sum", x, axes);
    const scaled = ir.binary("mul", mean, ir.full(1 / Math.max(1, n), mean.shape, x.dtype));
    return ir.binary("sub", x, ir.expand(scaled, x.shape));
  },
  permute: (x, choose) => {
    const axes = x.shape.map((_, i) => i);
    for (let i = axes.length - 1; i > 0; i--) {
      const j = choose.int(0, i);
      [axes[i], axes[j]] = [axes[j]!, axes[i]!];
    }
    return ir.permute(x, axes);
  },
  reshape: (x, choose) => {
    const axis = choose.axis(x);
    const [before, d, after] = [x.shape.slice(0, axis), x.shape[axis]!, x.shape.slice(axis + 1)];
    if (after.length > 0 && choose.int(0, 1)) {
      return ir.reshape(x, [...before, d * after[0]!, ...after.slice(1)]);
    }
    const factor = [2, 3, 4, 5].find((f) => d % f === 0);
    if (factor === undefined || x.shape.length > 4) return null;
    return ir.reshape(x, [...before, d / factor, factor, ...after]);
  },
  expand: (x, choose) => {
    const axis = choose.axis(x);
    if (x.shape[axis] !== 1) return null;
    const shape = x.shape.map((d, i) => (i === axis ? choose.int(2, 9) : d));
    return sizeOf(shape) > choose.most ? null : ir.expand(x, shape);
  },
  pad: (x, choose) => {
    const axis = choose.axis(x);
    const [lo, hi] = [only(x, axis, choose.int(0, 2), 0), only(x, axis, choose.int(0, 3), 0)];
    return ir.pad(x, lo, hi, choose.of([0, 0, 0.5, -1]));
  },
  slice: (x, choose) => {
    const axis = choose.axis(x);
    const d = x.shape[axis]!;
    if (d < 2) return null;
    const start = choose.int(0, d - 1);
    const stop = x.shape.map((n, i) => (i === axis ? choose.int(start + 1, d) : n));
    return ir.slice(x, only(x, axis, start, 0), stop, only(x, axis, choose.int(1, 3), 1));
  },
  flip: (x, choose) => ir.flip(x, [choose.axis(x)]),
  pool: (x, choose) => {
    const axis = choose.axis(x);
    const [size, stride, dilation] = [choose.int(1, 4), choose.int(1, 3), choose.int(1, 2)];
    if (dilation * (size - 1) + 1 > x.shape[axis]!) return null;
    const y = ir.window(x, [axis], [size], [stride], [dilation]);
    const pooled = ir.reduce(choose.of(["sum", "max"] as const), y, [x.shape.length]);
    return ir.reshape(pooled, pooled.shape.slice(0, -1));
  },
  select: (x, choose, pool) => {
    const y = pool.find((other) => other !== x && `${other.shape}` === `${x.shape}`);
    if (!y) return null;
    const cond = ir.compare(choose.of(["lt", "le"] as const), x, y);
    return ir.where(cond, ir.unary("sin", x), y);
  },
  gather: (x, choose) => {
    const axis = choose.axis(x);
    const d = x.shape[axis]!;
    if (d === 0) return null;
    const n = choose.int(1, 7);
    const shape = only(x, axis, n, 1);
    // (7i + c) mod d, from iota: an index that no leaf holds
    const steps = ir.binary("mul", ir.iota(n), ir.full(7, [n], "int32"));
    const moved = ir.binary("add", steps, ir.full(choose.int(0, 9), [n], "int32"));
    const index = ir.reshape(ir.binary("mod", moved, ir.full(d, [n], "int32")), shape);
    const full = x.shape.map((k, i) => (i === axis ? n : k));
    return ir.gather(x, ir.expand(index, full), axis);
  },
  conv: (x, choose) => {
    const n = x.shape.length - 2;
    if (n < 1 || sizeOf(x.shape) === 0) return null;
    const [B, C, ...N] = x.shape as [number, number, ...number[]];
    const K = N.map((d) => choose.int(1, Math.min(3, d)));
    const O = choose.int(1, Math.min(B, 20));
    if (C > 64) return null;
    const w = ir.slice(x, x.shape.map(() => 0), [O, C, ...K]); // the input's own corner
    const attrs = {
      stride: K.map(() => choose.int(1, 2)),
      lo: K.map(() => choose.int(0, 2)),
      hi: K.map(() => choose.int(0, 2)),
      dilation: K.map(() => 1),
      groups: 1,
    };
    const y = ir.conv(x, w, attrs);
    return ir.binary("mul", y, ir.full(1 / (C * sizeOf(K)), y.shape, x.dtype));
  },
  matmul: (x, choose, pool) => {
    const y = choose.of(pool);
    if (x.shape.length === 0 || y.shape.length === 0) return null;
    const a = ir.reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
    const b = ir.reshape(y, [sizeOf(y.shape.slice(0, -1)), y.shape.at(-1)!]);
    const [M, K] = a.shape as [number, number];
    const form = b.shape[1] === K ? "jk" : b.shape[0] === K ? "kj" : null;
    if (form === null) return null;
    const N = form === "jk" ? b.shape[0]! : b.shape[1]!;
    if (M * N > choose.most || K === 0) return null;
    const product = ir.contract(a, b, { a: "ik", b: form, out: choose.of(["ij", "ji"]) });
    return ir.binary("mul", product, ir.full(1 / K, product.shape, x.dtype));
  },
}; // biome-ignore format: a table

/** The case that the seed names: some leaves, `steps` ops, and the last few values as outputs. */
export function randomCase(seed: number, dtype: DType, steps: number, scale = small): Case {
  const choose = new Chooser(seed, scale.most);
  const leaves: Leaf[] = [];
  for (let i = choose.int(1, 3); i > 0; i--) {
    const rank = choose.int(1, 4);
    const shape = Array.from({ length: rank }, () => choose.of(scale.sizes));
    while (sizeOf(shape) > scale.most / 4) shape.pop();
    leaves.push(
      choose.int(0, 1) ? leaf(shape, dtype, seed + i) : ranged(shape, dtype, -1, 1, seed + i),
    );
  }
  const choices = choose.int(0, 2 ** 30);
  const build = (...x: Node[]) => {
    const mine = new Chooser(choices, scale.most);
    const pool = [...x];
    for (let i = 0; i < steps; i++) {
      const from = mine.int(0, 2) ? pool.at(-1)! : mine.of(pool);
      if (from.shape.length === 0) continue;
      const made = grow[mine.of(Object.keys(grow))]!(from, mine, pool);
      if (made !== null && sizeOf(made.shape) <= scale.most) pool.push(made);
    }
    return pool.slice(-mine.int(1, 3));
  };
  return { name: `${dtype} graph ${seed}`, leaves, build };
}
