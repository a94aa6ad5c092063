// Loops for the tests of their lowering: small bodies that hand values on in every way there is, cells of
// recurrent networks, loops in loops, and random bodies by seed.
import { makeBody } from "../../src/ir/body.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { type DType, makeArray } from "../../src/ir/dtype.ts";
import type { Node, Shape } from "../../src/ir/node.ts";
import { sizeOf, topological } from "../../src/ir/node.ts";
import { instantiate, stream } from "../ops/case.ts";
import { randomCase, small } from "../ops/random-graph.ts";

/** Data of a seed, between -1 and 1 (whole numbers below `below` for ints). */
export function data(shape: Shape, seed = 1, dtype: DType = "float32", below = 5): Node {
  const next = stream(seed);
  const values = makeArray(dtype, sizeOf(shape)).map(() =>
    dtype === "int32" ? Math.floor(next() * below) : 2 * next() - 1,
  );
  const buffer = new Buffer(dtype, values.length, null);
  buffer.host = values as typeof buffer.host;
  return ir.bufferNode(buffer, shape);
}

export interface Sources {
  readonly carries?: readonly Node[];
  readonly xs?: readonly Node[];
  readonly consts?: readonly Node[];
}

/** What a body gives: its next carries and its ys, from the iteration and the three kinds of sources. */
export type Step = (
  t: Node,
  carries: readonly Node[],
  xs: readonly Node[],
  consts: readonly Node[],
) => { carries: readonly Node[]; ys: readonly Node[] };

/** A scan of stand-ins for slices, which its body takes as params. */
export function loop(
  { carries = [], xs = [], consts = [] }: Sources,
  step: Step,
  { length, reverse = false }: { length: number; reverse?: boolean },
): Node<"scan"> {
  const stand = (node: Node, shape: Shape) => ir.param(0, node.dtype, shape);
  const t = ir.param(0, "int32", []);
  const [c, x, w] = [
    carries.map((n) => stand(n, n.shape)),
    xs.map((n) => stand(n, n.shape.slice(1))),
    consts.map((n) => stand(n, n.shape)),
  ];
  const made = step(t, c, x, w);
  const body = makeBody([t, ...c, ...x, ...w], [...made.carries, ...made.ys]);
  return ir.scan(body, { carries, xs, consts }, { length, reverse });
}

const add = (a: Node, b: Node) => ir.binary("add", a, b);
const mul = (a: Node, b: Node) => ir.binary("mul", a, b);
const matmul = (a: Node, b: Node) => ir.contract(a, b, { a: "ij", b: "jk", out: "ik" });
const columns = (x: Node, from: number, count: number) =>
  ir.slice(x, [0, from], [x.shape[0]!, from + count], [1, 1]);
const times = (x: Node, t: Node) => mul(x, ir.broadcastTo(ir.cast(t, x.dtype), x.shape));

/** A cell of an LSTM over (B, H) with gates that came from outside: (B, 4H). */
export function lstm(B: number, H: number): { sources: (T: number) => Sources; step: Step } {
  return {
    sources: (T) => ({
      carries: [data([B, H], 2), data([B, H], 3)],
      xs: [data([T, B, 4 * H], 4)],
      consts: [data([4 * H, H], 5)],
    }),
    step: (_, [h, c], [x], [w]) => {
      const gates = add(matmul(h!, ir.permute(w!, [1, 0])), x!);
      const [i, f, g, o] = [0, 1, 2, 3].map((k) => columns(gates, k * H, H)) as [
        Node,
        Node,
        Node,
        Node,
      ];
      const keep = mul(ir.unary("sigmoid", f), c!);
      const next = add(keep, mul(ir.unary("sigmoid", i), ir.unary("tanh", g)));
      const out = mul(ir.unary("sigmoid", o), ir.unary("tanh", next));
      return { carries: [out, next], ys: [out, h!, gates] };
    },
  };
}

/** Results of a loop of some length, all of them wanted unless `only` says which. */
export interface ScanCase {
  readonly name: string;
  make(length: number, reverse: boolean): Node<"scan">;
  readonly only?: readonly number[];
}

function elementwise(H: number): (T: number, reverse: boolean) => Node<"scan"> {
  return (length, reverse) =>
    loop(
      { carries: [data([H], 1)], xs: [data([length, H], 2)], consts: [data([H], 3)] },
      (t, [h], [x], [w]) => {
        const next = add(mul(h!, w!), x!);
        return { carries: [next], ys: [next, times(h!, t)] };
      },
      { length, reverse },
    );
}

const both = (H: number) => (length: number, reverse: boolean) =>
  loop(
    { carries: [data([H], 1)], xs: [data([length, H], 2)] },
    (_, [h], [x]) => {
      const next = ir.unary("tanh", add(h!, x!));
      return { carries: [next], ys: [next, h!, ir.unary("neg", next)] };
    },
    { length, reverse },
  );

function register(length: number, reverse: boolean): Node<"scan"> {
  const carries = [1, 2, 3].map((seed) => data([5], seed));
  return loop(
    { carries, xs: [data([length, 5], 4)] },
    (_, [a, b, c], [x]) => ({ carries: [b!, c!, add(mul(a!, c!), x!)], ys: [a!, b!] }),
    { length, reverse },
  );
}

function handOn(length: number, reverse: boolean): Node<"scan"> {
  return loop(
    {
      carries: [data([3], 1), data([3], 2), data([3], 3), data([], 4, "int32"), data([3], 9)],
      xs: [data([length, 3], 5)],
      consts: [data([3], 6)],
    },
    (t, [a, b], [x], [w]) => {
      const sum = add(b!, x!);
      const ys = [a!, x!, w!, t, ir.reshape(sum, [1, 3]), sum, ir.full(2, [2], "float32")];
      return { carries: [a!, sum, x!, t, w!], ys };
    },
    { length, reverse },
  );
}

function twoOfOne(length: number, reverse: boolean): Node<"scan"> {
  return loop(
    { carries: [data([4], 1), data([4], 2)], xs: [data([length, 4], 3)] },
    (_, [a, b], [x]) => {
      const next = add(mul(a!, b!), x!);
      return { carries: [next, next], ys: [a!, b!, next] };
    },
    { length, reverse },
  );
}

function nested(length: number, reverse: boolean): Node<"scan"> {
  return loop(
    { carries: [data([3], 1)], xs: [data([length, 4, 3], 2)], consts: [data([3, 3], 3)] },
    (t, [h], [x], [w]) => {
      const inner = loop(
        { carries: [times(h!, t)], xs: [x!], consts: [w!] },
        (_, [c], [y], [v]) => {
          const product = matmul(ir.reshape(c!, [1, 3]), v!);
          const next = ir.unary("tanh", add(ir.reshape(product, [3]), y!));
          return { carries: [next], ys: [c!, next] };
        },
        { length: 4, reverse: !reverse },
      );
      const [last, before, after] = ir.partsOf(inner) as [Node, Node, Node];
      const sum = ir.reshape(ir.reduce("sum", mul(before, after), [0]), [3]);
      return { carries: [add(last, sum)], ys: [after, before, last] };
    },
    { length, reverse },
  );
}

function embedding(length: number, reverse: boolean): Node<"scan"> {
  return loop(
    {
      carries: [data([4, 6], 1)],
      xs: [data([length, 4], 2, "int32", 7)],
      consts: [data([7, 6], 3)],
    },
    (_, [h], [index], [table]) => {
      const rows = ir.broadcastTo(ir.reshape(index!, [4, 1]), [4, 6]);
      const next = ir.unary("tanh", add(h!, ir.gather(table!, rows, 0)));
      return { carries: [next], ys: [next] };
    },
    { length, reverse },
  );
}

/** A carry put together of pieces, as the gradients of gates are. */
function pieces(length: number, reverse: boolean): Node<"scan"> {
  return loop(
    { carries: [data([5, 12], 1)], xs: [data([length, 5, 4], 2)] },
    (_, [h], [x]) => {
      const parts = [0, 4, 8].map((from) => mul(columns(h!, from, 4), x!));
      const wide = parts.map((p, i) => ir.pad(p, [0, 4 * i], [0, 8 - 4 * i]));
      const next = wide.reduceRight((p, q) => add(p, q));
      return { carries: [next], ys: [parts[1]!, next] };
    },
    { length, reverse },
  );
}

/** What depends on consts alone, in several steps, one of which is a result as well. */
function invariant(length: number, reverse: boolean): Node<"scan"> {
  return loop(
    { carries: [data([9, 20], 1)], xs: [], consts: [data([20, 20], 2), data([20, 20], 3)] },
    (_, [h], _xs, [v, w]) => {
      const small = ir.full(0.1, [20, 20], "float32"); // or errors would grow from step to step
      const product = mul(matmul(v!, w!), small);
      const next = ir.unary("tanh", matmul(h!, product));
      return { carries: [next], ys: [ir.unary("exp", v!), next] };
    },
    { length, reverse },
  );
}

const cell = (B: number, H: number) => {
  const { sources, step } = lstm(B, H);
  return (length: number, reverse: boolean) => loop(sources(length), step, { length, reverse });
};

export const scanCases: readonly ScanCase[] = [
  ...[1, 3, 16, 33].map((H) => ({ name: `elementwise over ${H}`, make: elementwise(H) })),
  { name: "only the last carry", make: elementwise(7), only: [0] },
  { name: "only one of ys", make: elementwise(7), only: [2] },
  ...[1, 5, 16].map((H) => ({ name: `a carry before and after, ${H}`, make: both(H) })),
  { name: "a carry before", make: both(5), only: [0, 2] },
  { name: "a carry before, not the last", make: both(5), only: [2, 3] },
  { name: "a shift register", make: register },
  { name: "what is handed on as it came", make: handOn },
  { name: "one value in two carries", make: twoOfOne },
  { name: "a loop in a loop", make: nested },
  { name: "an embedding", make: embedding },
  { name: "pieces side by side", make: pieces },
  { name: "what is the same in each iteration", make: invariant },
  { name: "an LSTM of 3×5", make: cell(3, 5) },
  { name: "an LSTM of 4×32", make: cell(4, 32) },
  { name: "an LSTM of 1×16", make: cell(1, 16) },
];

/** A loop whose body is a random graph: its leaves are carries, slices and consts by turns. */
export function randomScan(seed: number, dtype: DType, length: number): Node<"scan"> | null {
  const { outputs } = instantiate(randomCase(seed, dtype, 12, small));
  const nodes = topological(outputs);
  const inside = nodes.filter((n) => n.op === "buffer");
  const scalars = nodes.filter((n) => n.op === "scalar");
  if (inside.length === 0) return null;
  const role = new Map(inside.map((n, i) => [n, (i + seed) % 3]));
  const of = (kind: number) => inside.filter((n) => role.get(n) === kind);
  const carries = of(0);
  const xs = of(1).map((n) => ir.broadcastTo(ir.reshape(n, [1, ...n.shape]), [length, ...n.shape]));
  const consts = [...of(2), ...scalars];
  const next = carries.map((c) => {
    const alike = outputs.find((o) => o.dtype === c.dtype && ir.sameShape(o.shape, c.shape));
    return alike !== undefined && alike.dtype === dtype ? ir.unary("tanh", alike) : c;
  });
  const t = ir.param(0, "int32", []);
  const body = makeBody([t, ...carries, ...of(1), ...consts], [...next, ...outputs]);
  return ir.scan(body, { carries, xs, consts }, { length, reverse: seed % 2 === 0 });
}
