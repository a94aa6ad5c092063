// Random programs: a forward pass of what networks are made of, its gradients, and updates of its weights
// in place. A seed names one. Built on the random graphs of the op table (ops/random-graph.ts).
import { grad } from "../../src/autodiff/backward.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { makeArray } from "../../src/ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../../src/ir/node.ts";
import { stream } from "../ops/case.ts";
import { Chooser, type Grow, grow } from "../ops/random-graph.ts";

/** Outputs, and for each the leaf (a `buffer` node among its sources) whose memory it takes over. */
export interface Program {
  readonly outputs: readonly Node[];
  readonly into: readonly (Node | null)[];
}

/** The seed that the elements of a leaf are drawn with. */
const seedOf = new WeakMap<Buffer, number>();

/** The seed that a leaf was drawn with. */
export function leafSeed(leaf: Node): number {
  return seedOf.get(leaf.buffer!)!;
}

/** A leaf of elements in [-1, 1), drawn with a seed (int32: any). */
export function draw(shape: Shape, seed: number, dtype: "float32" | "int32" = "float32"): Node {
  const data = makeArray(dtype, sizeOf(shape));
  const buffer = new Buffer(dtype, data.length, data);
  seedOf.set(buffer, seed);
  fill(buffer, seed);
  return ir.bufferNode(buffer, shape);
}

/** Writes the elements that a seed means. */
export function fill(buffer: Buffer, seed: number): void {
  const next = stream(seed);
  const data = buffer.host ?? makeArray(buffer.dtype, buffer.size);
  const whole = buffer.dtype === "int32";
  for (let i = 0; i < data.length; i++) {
    data[i] = whole ? Math.floor(2 ** 31 * next()) : 2 * next() - 1;
  }
  buffer.host = data;
  seedOf.set(buffer, seed);
}

const scaled = (x: Node, factor: number) => ir.binary("mul", x, ir.full(factor, x.shape, x.dtype));
const mean = (x: Node, axes: readonly number[]) => {
  const n = axes.reduce((p, a) => p * x.shape[a]!, 1);
  return ir.expand(scaled(ir.reduce("sum", x, axes), 1 / n), x.shape);
};

type Weight = (shape: Shape, dtype?: "int32") => Node;

/** What networks are made of; weights are leaves of their own. */
const layers = (weight: Weight): Readonly<Record<string, Grow>> => ({
  conv3: (x, choose) => {
    if (x.shape.length !== 4) return null;
    const [, C, H, W] = x.shape as [number, number, number, number];
    const deep = choose.int(0, 3) === 0;
    const out = deep ? C * choose.int(1, 2) : choose.of([1, 3, 8, 16, 17, 32, 64]);
    const [pad, stride] = [choose.int(0, 1), choose.of([1, 1, 1, 2])];
    if (H + 2 * pad < 3 || W + 2 * pad < 3 || sizeOf(x.shape) * out > 2e6) return null;
    const w = weight([out, deep ? 1 : C, 3, 3]);
    const both = (n: number) => [n, n];
    const y = ir.conv(x, w, {
      stride: both(stride),
      lo: both(pad),
      hi: both(pad),
      dilation: both(1),
      groups: deep ? C : 1,
    });
    return scaled(y, 1 / Math.sqrt(9 * (deep ? 1 : C)));
  },
  linear: (x, choose) => {
    const rank = x.shape.length;
    const K = x.shape[rank - 1]!;
    const flat = ir.reshape(x, [sizeOf(x.shape) / Math.max(1, K), K]);
    const N = choose.of([1, 5, 10, 16, 31, 64, 67, 129]);
    const y = ir.contract(flat, weight([N, K]), { a: "bi", b: "oi", out: choose.of(["bo", "ob"]) });
    return scaled(y, 1 / Math.sqrt(Math.max(1, K)));
  },
  bias: (x, choose) => {
    const axis = choose.axis(x);
    const b = weight(x.shape.map((d, i) => (i === axis ? d : 1)));
    return ir.unary(choose.of(["relu", "tanh", "sigmoid"]), ir.binary("add", x, ir.expand(b, x.shape)));
  },
  pool2: (x, choose) => {
    if (x.shape.length !== 4) return null;
    const axes = choose.of([[2, 3], [1, 2]]);
    const [size, stride] = choose.of([[2, 2], [3, 2], [3, 1], [2, 1]]) as [number, number];
    if (axes.some((a) => x.shape[a]! < size)) return null;
    const y = ir.window(x, axes, [size, size], [stride, stride], [1, 1]);
    const fn = choose.of(["max", "max", "sum"] as const);
    const pooled = ir.reduce(fn, y, [4, 5]);
    const flat = ir.reshape(pooled, pooled.shape.slice(0, 4));
    return fn === "sum" ? scaled(flat, 1 / size ** 2) : flat;
  },
  softmax: (x, choose) => {
    const axis = choose.int(0, 2) ? x.shape.length - 1 : choose.axis(x);
    const top = ir.detach(ir.expand(ir.reduce("max", x, [axis]), x.shape));
    const e = ir.unary("exp", ir.binary("sub", x, top));
    return ir.binary("div", e, ir.expand(ir.reduce("sum", e, [axis]), x.shape));
  },
  norm: (x, choose) => {
    const all = x.shape.map((_, i) => i);
    const kept = choose.axis(x);
    const axes = choose.int(0, 1) ? all.filter((i) => i !== kept) : [x.shape.length - 1];
    if (axes.reduce((p, a) => p * x.shape[a]!, 1) < 2) return null;
    const centred = ir.binary("sub", x, mean(x, axes));
    const variance = mean(ir.binary("mul", centred, centred), axes);
    const eps = ir.full(1e-2, x.shape, x.dtype);
    return ir.binary("mul", centred, ir.unary("rsqrt", ir.binary("add", variance, eps)));
  },
  dropout: (x, choose) => {
    const bits = ir.random(x.shape, weight([], "int32"), weight([], "int32"), choose.int(0, 3));
    const kept = ir.compare("lt", bits, ir.full(1e9, x.shape, "int32"));
    return ir.where(kept, scaled(x, 1.25), ir.full(0, x.shape, x.dtype));
  },
}); // biome-ignore format: a table

const shapes: readonly Shape[] = [
  [2, 3, 9, 9], [1, 16, 12, 14], [3, 33, 7, 5], [2, 64, 8, 8], [4, 8, 16, 17], [2, 1, 28, 28],
  [5, 37], [64, 65], [130, 16], [7, 9, 11], [257], [1, 5], [12, 10, 10, 16],
]; // biome-ignore format: a table

/** The program that a seed names. */
export function randomProgram(seed: number): Program {
  const choose = new Chooser(seed, 40_000);
  const weights: Node[] = [];
  let drawn = 0;
  const weight: Weight = (shape, dtype) => {
    const made = draw(shape, 1000 * seed + ++drawn, dtype);
    if (dtype === undefined) weights.push(made);
    return made;
  };
  const kinds = Object.entries({ ...grow, ...layers(weight) });
  const layerKinds = kinds.slice(-Object.keys(layers(weight)).length);
  const pool: Node[] = [weight(choose.of(shapes))];
  if (choose.int(0, 1)) pool.push(weight(choose.of(shapes)));
  for (let steps = choose.int(3, 12); steps > 0; steps--) {
    const from = choose.int(0, 3) ? pool.at(-1)! : choose.of(pool);
    if (from.shape.length === 0 || sizeOf(from.shape) === 0) continue;
    const [, make] = choose.of(choose.int(0, 2) ? layerKinds : kinds);
    const made = make(from, choose, pool);
    if (made !== null && sizeOf(made.shape) <= 40_000) pool.push(made);
  }
  return train(choose, pool, weights, weight);
}

/** Some values, a loss, and gradients: as outputs, or as updates of the weights in place. */
function train(choose: Chooser, pool: Node[], weights: readonly Node[], weight: Weight): Program {
  const values = pool.filter((x) => x.op !== "buffer").slice(-choose.int(1, 3));
  if (values.length === 0) values.push(ir.unary("sin", pool[0]!));
  const last = values.at(-1)!;
  const all = last.shape.map((_, i) => i);
  const square = ir.binary("mul", last, ir.unary("cos", last));
  const loss = scaled(ir.reduce("sum", square, all), 1 / Math.max(1, sizeOf(last.shape)));
  const outputs = choose.int(0, 1) ? [...values, loss] : [loss];
  const into: (Node | null)[] = outputs.map(() => null);
  if (choose.int(0, 4) === 0) return { outputs, into };
  const wrt = weights.filter(() => choose.int(0, 3) > 0);
  const one = ir.full(1, loss.shape, "float32");
  grad([loss], [one], wrt).forEach((g, i) => {
    if (g === null) return;
    const w = wrt[i]!;
    if (choose.int(0, 1)) {
      outputs.push(g);
      into.push(null);
      return;
    }
    const m = weight(w.shape);
    const moved = ir.binary("add", scaled(m, 0.9), scaled(g, 0.1));
    outputs.push(ir.binary("sub", w, scaled(moved, 0.5)), moved);
    into.push(w, m);
  });
  return { outputs, into };
}
