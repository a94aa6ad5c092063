// Random legal graphs for comparing backends: a seed gives a graph over a few leaves, made of all
// sections of ops, with shapes around the sizes where code generators change their mind.
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import { type DType, isFloat, makeArray } from "../../src/ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../../src/ir/node.ts";
import { stream } from "../ops/case.ts";

type Next = () => number;
const sizes = [1, 1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17];
const limit = 20_000;

class Maker {
  readonly next: Next;
  readonly pool: Node[] = [];
  readonly leaves: Node[] = [];

  constructor(seed: number) {
    this.next = stream(seed);
  }

  int(n: number): number {
    return Math.floor(this.next() * n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)];
  }

  shape(): number[] {
    return Array.from({ length: this.int(5) }, () => this.pick(sizes));
  }

  leaf(shape: Shape, dtype: DType): Node {
    const data = makeArray(dtype, sizeOf(shape));
    for (let i = 0; i < data.length; i++) {
      const x = this.next() * 4 - 2;
      data[i] = isFloat(dtype) ? x : dtype === "bool" ? (x > 0 ? 1 : 0) : Math.trunc(x * 4);
    }
    const node = b.bufferNode(new Buffer(dtype, data.length, data), shape);
    this.leaves.push(node);
    return node;
  }

  float(): Node {
    const floats = this.pool.filter((n) => n.dtype === "float32");
    return floats.length > 0 ? this.pick(floats) : this.leaf(this.shape(), "float32");
  }

  /** A node of the given shape: an old one, one made to fit by broadcasting, or a new leaf. */
  like(shape: Shape, dtype: DType): Node {
    const same = this.pool.filter((n) => n.dtype === dtype && b.sameShape(n.shape, shape));
    if (same.length > 0 && this.next() < 0.6) return this.pick(same);
    const small = shape.map((d) => (this.next() < 0.4 ? 1 : d));
    return b.broadcastTo(this.leaf(small, dtype), shape);
  }

  step(): Node | null {
    const kinds = ["unary", "binary", "where", "reduce", "move", "move", "window", "contract", "gather"];
    const kind = this.pick(kinds);
    const x = this.float();
    if (kind === "unary") return this.unary(x);
    if (kind === "binary") {
      const fn = this.pick(["add", "sub", "mul", "max", "min"] as const);
      return b.binary(fn, x, this.like(x.shape, "float32"));
    }
    if (kind === "where") {
      const cond = b.compare(this.pick(["lt", "le"] as const), x, this.like(x.shape, "float32"));
      return b.where(cond, this.like(x.shape, "float32"), x);
    }
    if (kind === "reduce") return this.reduce(x);
    if (kind === "window") return this.window(x);
    if (kind === "contract") return this.contract(x);
    if (kind === "gather") return this.gather(x);
    return this.move(x);
  }

  unary(x: Node): Node {
    const fn = this.pick(["neg", "abs", "tanh", "sigmoid", "relu", "sin", "floor", "erf"] as const);
    return b.unary(fn, x);
  }

  reduce(x: Node): Node | null {
    if (x.shape.length === 0) return null;
    const axes = x.shape.map((_, i) => i).filter(() => this.next() < 0.5);
    const fn = this.pick(["sum", "max", "min", "argmax"] as const);
    if (axes.length === 0) return null;
    if (fn !== "argmax") return b.reduce(fn, x, axes);
    return b.cast(b.reduce(fn, x, [axes[0]]), "float32");
  }

  move(x: Node): Node | null {
    const rank = x.shape.length;
    if (rank === 0) return b.broadcastTo(x, this.shape().slice(0, 3));
    const each = <T>(f: (d: number, i: number) => T) => x.shape.map(f);
    switch (this.int(6)) {
      case 0: {
        const order = each((_, i) => [this.next(), i] as const).sort((p, q) => p[0] - q[0]);
        return b.permute(x, order.map((o) => o[1]));
      }
      case 1: {
        const lo = each(() => (this.next() < 0.3 ? this.int(3) : 0));
        const hi = each(() => (this.next() < 0.3 ? this.int(3) : 0));
        return b.pad(x, lo, hi, this.pick([0, 0, 1.5]));
      }
      case 2: {
        const start = each((d) => this.int(d));
        const stop = each((d, i) => start[i] + 1 + this.int(d - start[i]));
        return b.slice(x, start, stop, each(() => this.pick([1, 1, 2, 3])));
      }
      case 3:
        return b.flip(x, each((_, i) => i).filter(() => this.next() < 0.5));
      case 4:
        return b.reshape(x, this.refactor(sizeOf(x.shape)));
      default:
        return b.broadcastTo(x, [this.pick([2, 3]), ...x.shape]);
    }
  }

  /** Sizes with the given product. */
  refactor(n: number): number[] {
    const shape: number[] = [];
    let rest = n;
    while (rest > 1 && shape.length < 4) {
      const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => rest % d === 0);
      const d = this.pick(divisors);
      shape.push(d);
      rest /= d;
    }
    return rest > 1 ? [...shape, rest] : shape;
  }

  window(x: Node): Node | null {
    const axes = x.shape.map((_, i) => i).filter((i) => x.shape[i] >= 3 && this.next() < 0.6);
    if (axes.length === 0 || axes.length > 2) return null;
    const size = axes.map(() => 1 + this.int(3));
    const w = b.window(x, axes, size, axes.map(() => 1 + this.int(2)), axes.map(() => 1));
    const rank = x.shape.length;
    return this.next() < 0.5 ? w : b.reduce("max", w, axes.map((_, i) => rank + i));
  }

  contract(x: Node): Node | null {
    const rank = x.shape.length;
    if (rank === 0) return null;
    const labels = "abcdefghijklmnopqrst".slice(0, rank);
    const summed = [...labels].filter(() => this.next() < 0.4);
    const batch = [...labels].filter((l) => !summed.includes(l) && this.next() < 0.3);
    const mine = [...summed, ...batch];
    const size = (l: string) => (l === "z" ? n : x.shape[labels.indexOf(l)]);
    const n = this.pick(sizes);
    const other = this.shuffle([...mine, "z"]);
    const out = this.shuffle([...[...labels].filter((l) => !summed.includes(l)), "z"]);
    const y = this.like(other.map(size), "float32");
    return b.contract(x, y, { a: labels, b: other.join(""), out: out.join("") });
  }

  shuffle<T>(list: readonly T[]): T[] {
    return [...list].sort(() => this.next() - 0.5);
  }

  gather(x: Node): Node | null {
    if (x.shape.length === 0) return null;
    const axis = this.int(x.shape.length);
    const shape = x.shape.map((d, i) => (i === axis ? this.pick(sizes) : d));
    const raw = this.leaf(shape.map((d) => (this.next() < 0.3 ? 1 : d)), "int32");
    const index = b.binary("mod", raw, b.full(x.shape[axis], raw.shape, "int32"));
    const at = b.broadcastTo(index, shape);
    if (this.next() < 0.6) return b.gather(x, at, axis);
    return b.scatterAdd(x, at, this.like(shape, "float32"), axis);
  }
}

/** The outputs of a random graph. */
export function randomGraph(seed: number): Node[] {
  const maker = new Maker(seed);
  const count = 4 + maker.int(12);
  for (let i = 0; i < count; i++) {
    const node = maker.step();
    if (node && sizeOf(node.shape) <= limit && sizeOf(node.shape) > 0) maker.pool.push(node);
  }
  const wanted = 1 + maker.int(3);
  const ends = maker.pool.slice(-wanted);
  return ends.length > 0 ? ends : [maker.float()];
}
