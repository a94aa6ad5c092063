// An outside examiner: values and gradients that PyTorch recorded, for ops that map to the graph's
// own directly. The files lie beside the checkout; without them the tests are skipped.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as ir from "../../src/ir/build.ts";
import { type Node, type Shape, sizeOf } from "../../src/ir/node.ts";
import type { BinaryOp, CompareOp, ReduceOp, UnaryOp } from "../../src/ir/op.ts";
import { evaluate, reference } from "./backends.ts";

const file = join(import.meta.dirname, "../../../shared/golden/opinfo-cases.jsonl.gz");

interface Recorded {
  t: string;
  shape: number[];
  data: (number | string)[];
  grad?: boolean;
}

interface Golden {
  op: string;
  variant: string;
  input: Recorded;
  args: unknown[];
  kwargs: Record<string, unknown>;
  output: Recorded;
  cotangents?: Recorded[];
  grads?: Recorded[];
  caution?: string;
}

// Without sqrt and rsqrt, whose cases all carry a caution.

/** The graph of a case over its tensors (input first), or null for a form that is not mapped. */
type Mapping = (tensors: Node[], rest: unknown[], kwargs: Golden["kwargs"]) => Node | null;

const unary =
  (fn: UnaryOp): Mapping =>
  (t, rest, kwargs) =>
    t.length === 1 && rest.length === 0 && isEmpty(kwargs) ? ir.unary(fn, t[0]!) : null;

const pair =
  (make: (a: Node, b: Node) => Node): Mapping =>
  ([a, b], rest, kwargs) => {
    if (!a || !b || rest.length > 0 || !isEmpty(kwargs)) return null;
    const shape = ir.broadcastShape(a.shape, b.shape);
    return shape && make(ir.broadcastTo(a, shape), ir.broadcastTo(b, shape));
  };
const binary = (fn: BinaryOp) => pair((a, b) => ir.binary(fn, a, b));
const compare = (fn: CompareOp) => pair((a, b) => ir.compare(fn, a, b));

const reduce =
  (fn: ReduceOp): Mapping =>
  ([x], rest, { dim = rest[0], keepdim = rest[1], ...others }) => {
    if (!x || !isEmpty(others)) return null;
    const rank = x.shape.length;
    const given = dim === undefined || dim === null ? [] : numbers(dim);
    if (given === null) return null;
    const named = given.length === 0 ? x.shape.map((_, i) => i) : given; // no axis means all
    const axes = named.map((a) => (a < 0 ? a + rank : a)).filter((a) => a >= 0 && a < rank);
    const arg = fn === "argmax" || fn === "argmin";
    if (arg && axes.length !== 1) return null;
    const y = ir.reduce(fn, x, axes);
    const kept = x.shape.map((_, i) => i).filter((i) => keepdim === true || !axes.includes(i));
    return ir.reshape(
      y,
      kept.map((i) => y.shape[i]!),
    );
  };

const contract = (a: string, b: string, out: string) =>
  pairOnly((x, y) => ir.contract(x, y, { a, b, out }));

function pairOnly(make: (a: Node, b: Node) => Node): Mapping {
  return (t, rest, kwargs) =>
    t.length === 2 && rest.length === 0 && isEmpty(kwargs) ? make(t[0]!, t[1]!) : null;
}

const conv: Mapping = ([x, w, b], rest, kwargs) => {
  const { stride = 1, padding = 0, dilation = 1, groups = 1, ...others } = kwargs;
  if (!x || !w || rest.length > 0 || !isEmpty(others) || typeof padding === "string") return null;
  const n = w.shape.length - 2;
  if (x.shape.length !== n + 2) return null;
  const each = (v: unknown) => {
    const list = numbers(v)!;
    return w.shape.slice(2).map((_, i) => list[i] ?? list[0]!);
  };
  const pads = each(padding);
  const attrs = { stride: each(stride), dilation: each(dilation), groups: groups as number };
  const y = ir.conv(x, w, { ...attrs, lo: pads, hi: pads });
  if (!b) return y;
  const bias = ir.reshape(b, [b.shape[0]!, ...Array(n).fill(1)]);
  return ir.binary("add", y, ir.broadcastTo(bias, y.shape));
};

const mappings: Record<string, Mapping> = {
  ...Object.fromEntries(
    (
      ["abs", "atan", "ceil", "cos", "erf", "exp", "expm1", "floor", "log", "log1p", "neg", "reciprocal",
        "round", "sigmoid", "sign", "sin", "tanh", "trunc"] as const
    ).map((fn) => [fn, unary(fn)]),
  ),
  "nn.functional.relu": unary("relu"),
  add: binary("add"),
  sub: binary("sub"),
  mul: binary("mul"),
  div: binary("div"),
  true_divide: binary("div"),
  remainder: binary("mod"),
  pow: binary("pow"),
  maximum: binary("max"),
  minimum: binary("min"),
  eq: compare("eq"),
  ne: compare("ne"),
  lt: compare("lt"),
  le: compare("le"),
  sum: reduce("sum"),
  prod: reduce("prod"),
  amax: reduce("max"),
  amin: reduce("min"),
  argmax: reduce("argmax"),
  argmin: reduce("argmin"),
  mm: contract("ik", "kj", "ij"),
  bmm: contract("bik", "bkj", "bij"),
  mv: contract("ik", "k", "i"),
  outer: contract("i", "j", "ij"),
  dot: contract("k", "k", ""),
  "nn.functional.conv1d": conv,
  "nn.functional.conv2d": conv,
}; // biome-ignore format: a table

function isEmpty(kwargs: object): boolean {
  return Object.keys(kwargs).length === 0;
}

function numbers(value: unknown): number[] | null {
  if (typeof value === "number") return [value];
  const list = (value as { list?: unknown[] } | null)?.list ?? value;
  return Array.isArray(list) && list.every((v) => typeof v === "number") ? list : null;
}

function isTensor(value: unknown): value is Recorded {
  return typeof value === "object" && value !== null && "t" in value && "data" in value;
}

function valuesOf(recorded: Recorded): Float32Array {
  return Float32Array.from(recorded.data as number[], Number);
}

function nodeOf(recorded: Recorded): Node {
  const data = valuesOf(recorded);
  return ir.bufferNode(new Buffer("float32", data.length, data), recorded.shape);
}

function near(actual: ArrayLike<number>, expected: Recorded, shape: Shape, what: string): void {
  expect(shape, `${what}, shape`).toEqual(expected.shape);
  const values = expected.data.map((v) => (typeof v === "boolean" ? Number(v) : Number(v)));
  values.forEach((e, i) => {
    const a = actual[i]!;
    const close = Object.is(a, e) || a === e || Math.abs(a - e) <= 1e-5 + 1e-4 * Math.abs(e);
    expect(close, `${what}, element ${i}: ${a} instead of ${e}`).toBe(true);
  });
}

async function examine(golden: Golden): Promise<boolean> {
  const tensors = [golden.input, ...golden.args].filter(isTensor);
  if (tensors.some((t) => t.t !== "float32") || !isTensor(golden.output)) return false;
  const nodes = tensors.map(nodeOf);
  const rest = golden.args.filter((value) => !isTensor(value));
  const made = mappings[golden.op]!(nodes, rest, golden.kwargs);
  if (made === null) return false;
  const [value] = await evaluate(reference, [made]);
  near(value!, golden.output, made.shape, "value");
  if (!golden.grads || !golden.cotangents) return true;
  const asked = nodes.filter((_, i) => tensors[i]!.grad);
  const gradients = grad([made], golden.cotangents.map(nodeOf), asked);
  const dense = gradients.map((g, i) => g ?? ir.full(0, asked[i]!.shape, "float32"));
  const results = await evaluate(reference, dense);
  results.forEach((g, i) => void near(g, golden.grads![i]!, asked[i]!.shape, `gradient ${i}`));
  return true;
}

if (!existsSync(file)) {
  console.log("PyTorch's records are skipped: ../shared/golden is not beside this checkout");
}

describe.skipIf(!existsSync(file))("PyTorch's records", () => {
  const lines = existsSync(file)
    ? gunzipSync(readFileSync(file)).toString().trim().split("\n")
    : [];
  const cases = lines.map((line) => JSON.parse(line) as Golden);
  for (const op of Object.keys(mappings)) {
    it(op, async () => {
      const mine = cases.filter(
        (c) => c.op === op && !c.caution && sizeOf(c.output.shape ?? []) < 1e5,
      );
      let examined = 0;
      for (const c of mine) if (await examine(c)) examined++;
      expect(examined, `none of ${mine.length} cases could be mapped`).toBeGreaterThan(0);
    });
  }
});
