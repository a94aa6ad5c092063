// Rows of the op table: contractions in all their forms, and convolutions.
import * as ir from "../../src/ir/build.ts";
import type { Node } from "../../src/ir/node.ts";
import { type Case, leaf } from "./case.ts";

const ij = { a: "ik", b: "kj", out: "ij" };

/** Tolerance grows with the length of the sums. */
const forLength = (k: number) => 1 + k / 16;

function* sizes(): Generator<Case> {
  const around = [1, 5, 16, 17, 33, 64, 130];
  for (const M of around) {
    for (const N of around) {
      // K walks through its own sizes, so that each meets each of M and of N without 343 rows.
      const K = around[(around.indexOf(M) * 3 + around.indexOf(N) * 2) % around.length]!;
      yield {
        name: `matmul ${M}×${K}×${N}`,
        leaves: [leaf([M, K]), leaf([K, N], "float32", 2)],
        build: (a, b) => ir.contract(a!, b!, ij),
        loose: forLength(K),
      };
    }
  }
  for (const [M, K, N] of [[3, 1000, 5], [33, 1000, 17], [130, 1000, 64], [1, 1000, 1], [20, 4099, 20]] as const) {
    yield {
      name: `matmul ${M}×${K}×${N}`,
      leaves: [leaf([M, K]), leaf([K, N], "float32", 2)],
      build: (a, b) => ir.contract(a!, b!, ij),
      loose: forLength(K),
    };
  } // biome-ignore format: a table
}

interface Form {
  name: string;
  a: number[];
  b: number[];
  labels: { a: string; b: string; out: string };
}

const forms: readonly Form[] = [
  { name: "nn", a: [7, 9], b: [9, 11], labels: ij },
  { name: "tn", a: [9, 7], b: [9, 11], labels: { a: "ki", b: "kj", out: "ij" } },
  { name: "nt", a: [7, 9], b: [11, 9], labels: { a: "ik", b: "jk", out: "ij" } },
  { name: "tt", a: [9, 7], b: [11, 9], labels: { a: "ki", b: "jk", out: "ij" } },
  { name: "out transposed", a: [7, 9], b: [9, 18], labels: { a: "ik", b: "kj", out: "ji" } },
  { name: "batch", a: [3, 5, 6], b: [3, 6, 4], labels: { a: "bik", b: "bkj", out: "bij" } },
  { name: "batch inside", a: [5, 3, 6], b: [6, 4, 3], labels: { a: "ibk", b: "kjb", out: "ijb" } },
  { name: "heads", a: [2, 5, 3, 4], b: [2, 6, 3, 4], labels: { a: "bqhd", b: "bkhd", out: "bhqk" } },
  { name: "heads back", a: [2, 3, 5, 6], b: [2, 6, 3, 4], labels: { a: "bhqk", b: "bkhd", out: "bqhd" } },
  { name: "dot", a: [33], b: [33], labels: { a: "k", b: "k", out: "" } },
  { name: "outer", a: [5], b: [17], labels: { a: "i", b: "j", out: "ij" } },
  { name: "matrix by vector", a: [17, 33], b: [33], labels: { a: "ik", b: "k", out: "i" } },
  { name: "vector by matrix", a: [33], b: [33, 17], labels: { a: "k", b: "kj", out: "j" } },
  { name: "two sums", a: [4, 5, 3], b: [3, 5, 6], labels: { a: "ikl", b: "lkj", out: "ij" } },
  { name: "two rows, two columns", a: [2, 3, 4], b: [4, 5, 2], labels: { a: "rsk", b: "kcd", out: "srdc" } },
  { name: "elementwise", a: [3, 17], b: [3, 17], labels: { a: "ij", b: "ij", out: "ij" } },
  { name: "no rows", a: [3, 5], b: [3, 5, 4], labels: { a: "bk", b: "bkj", out: "bj" } },
  { name: "empty sum", a: [3, 0], b: [0, 4], labels: ij },
  { name: "empty result", a: [0, 3], b: [3, 4], labels: ij },
  { name: "ones", a: [1, 1], b: [1, 1], labels: ij },
]; // biome-ignore format: a table

function* shapes(): Generator<Case> {
  for (const { name, a, b, labels } of forms) {
    const build = (x: Node, y: Node) => ir.contract(x, y, labels);
    const leaves = [leaf(a, "float64"), leaf(b, "float64", 2)];
    yield { name: `contract ${name}`, leaves, build, smooth: true };
    for (const dtype of ["float32", "int32", "uint8"] as const) {
      const typed = [leaf(a, dtype), leaf(b, dtype, 2)];
      yield { name: `contract ${name} ${dtype}`, leaves: typed, build, loose: 4 };
    }
  }
}

/** What the operands and the result of a contraction are wrapped in. */
function* around(): Generator<Case> {
  const wrapped: [string, number[], number[], (a: Node, b: Node) => Node][] = [
    ["of slices", [20, 30], [30, 40], (a, b) => ir.contract(ir.slice(a, [1, 3], [19, 29], [2, 3]), ir.slice(b, [0, 1], [27, 40], [3, 2]), ij)],
    ["of flips", [9, 10], [10, 19], (a, b) => ir.contract(ir.flip(a, [1]), ir.flip(b, [0, 1]), ij)],
    ["of pads", [6, 7], [9, 17], (a, b) => ir.contract(ir.pad(a, [1, 2], [0, 3]), ir.pad(b, [1, 0], [2, 5]), ij)],
    ["of an expanded row", [1, 8], [8, 9], (a, b) => ir.contract(ir.expand(a, [18, 8]), b, ij)],
    ["of functions", [7, 9], [9, 20], (a, b) => ir.contract(ir.unary("tanh", a), ir.unary("sin", b), ij)],
    ["with relu and residual", [16, 9], [9, 16], (a, b) => {
      const y = ir.contract(a, b, ij);
      return ir.binary("add", ir.unary("relu", y), ir.binary("mul", y, y));
    }],
    ["then a sum", [18, 9], [9, 33], (a, b) => ir.reduce("sum", ir.unary("exp", ir.contract(a, b, ij)), [1])],
    ["twice", [6, 9], [9, 6], (a, b) => ir.contract(ir.contract(a, b, ij), ir.contract(a, b, ij), ij)],
    ["by itself", [9, 13], [1], (a, b) => ir.binary("mul", ir.contract(a, a, { a: "ik", b: "jk", out: "ij" }), ir.expand(ir.reshape(b, [1, 1]), [9, 9]))],
  ]; // biome-ignore format: a table
  for (const [name, a, b, build] of wrapped) {
    const leaves = [leaf(a, "float64"), leaf(b, "float64", 2)];
    yield { name: `contract ${name}`, leaves, build: (x, y) => build(x!, y!), smooth: true };
    const single = [leaf(a), leaf(b, "float32", 2)];
    yield {
      name: `contract ${name} float32`,
      leaves: single,
      build: (x, y) => build(x!, y!),
      loose: 50,
    };
  }
  yield {
    name: "linear with bias",
    leaves: [leaf([10, 33]), leaf([20, 33], "float32", 2), leaf([20], "float32", 3)],
    build: (x, w, b) => {
      const y = ir.contract(x!, w!, { a: "bi", b: "oi", out: "bo" }); // (B, O)
      return ir.unary("relu", ir.binary("add", y, ir.broadcastTo(b!, [10, 20])));
    },
    loose: 4,
  };
}

interface Conv {
  x: number[];
  w: number[];
  stride: number[];
  lo: number[];
  hi: number[];
  dilation: number[];
  groups: number;
}

const one = [1, 1];
const none = [0, 0];
const base = { stride: one, lo: none, hi: none, dilation: one, groups: 1 };

const convs: readonly Conv[] = [
  { ...base, x: [2, 3, 8, 8], w: [4, 3, 3, 3] },
  { ...base, x: [2, 3, 8, 8], w: [4, 3, 3, 3], lo: one, hi: one },
  { ...base, x: [1, 1, 5, 5], w: [1, 1, 1, 1] },
  { ...base, x: [2, 4, 5, 5], w: [5, 4, 1, 1], stride: [2, 2] },
  { ...base, x: [2, 3, 9, 10], w: [4, 3, 3, 3], stride: [2, 2], lo: one, hi: one },
  { ...base, x: [2, 3, 10, 11], w: [4, 3, 3, 2], stride: [3, 2], lo: [0, 1], hi: [2, 0] },
  { ...base, x: [2, 3, 11, 12], w: [4, 3, 3, 3], dilation: [2, 3] },
  { ...base, x: [2, 3, 12, 12], w: [4, 3, 3, 2], stride: [2, 3], dilation: [2, 1], lo: [2, 1], hi: [1, 2] },
  { ...base, x: [2, 4, 6, 6], w: [6, 2, 3, 3], groups: 2, lo: one, hi: one },
  { ...base, x: [2, 4, 7, 6], w: [8, 1, 3, 3], groups: 4, stride: [2, 2], lo: one, hi: one },
  { ...base, x: [1, 2, 2, 2], w: [2, 2, 1, 1], stride: [5, 5], lo: [7, 6], hi: [4, 3] },
  { ...base, x: [1, 1, 1, 1], w: [1, 1, 1, 1], stride: [10, 10], lo: [5, 5], hi: [1, 1] },
  { ...base, x: [1, 2, 3, 3], w: [2, 2, 2, 2], lo: [3, 2], hi: [3, 4] },
  { ...base, x: [2, 3, 4, 4], w: [17, 3, 4, 4] },
  { x: [2, 3, 20], w: [5, 3, 4], stride: [3], lo: [2], hi: [1], dilation: [2], groups: 1 },
  { x: [1, 4, 9], w: [4, 1, 3], stride: [1], lo: [2], hi: [0], dilation: [1], groups: 4 },
  { x: [1, 2, 4, 5, 4], w: [3, 2, 2, 3, 2], stride: [1, 2, 1], lo: [0, 1, 1], hi: [1, 1, 0], dilation: [1, 1, 2], groups: 1 },
]; // biome-ignore format: a table

const bigConvs: readonly Conv[] = [
  { ...base, x: [3, 1, 28, 28], w: [32, 1, 3, 3], lo: one, hi: one },
  { ...base, x: [3, 17, 14, 14], w: [33, 17, 3, 3], lo: one, hi: one },
  { ...base, x: [2, 16, 15, 17], w: [32, 16, 3, 3], stride: [2, 2], lo: one, hi: one },
  { ...base, x: [2, 3, 33, 33], w: [16, 3, 7, 7], stride: [2, 2], lo: [3, 3], hi: [3, 3] },
  { ...base, x: [2, 20, 9, 9], w: [20, 1, 3, 3], lo: one, hi: one, groups: 20 },
];

function* convolutions(): Generator<Case> {
  const named = ({ x, w, stride, lo, hi, dilation, groups }: Conv) =>
    `conv [${x}] [${w}] stride ${stride} pad ${lo}|${hi} dilation ${dilation} groups ${groups}`;
  for (const c of convs) {
    const leaves = [leaf(c.x, "float64"), leaf(c.w, "float64", 2)];
    yield { name: named(c), leaves, build: (x, w) => ir.conv(x!, w!, attrsOf(c)), smooth: true };
  }
  for (const c of [...convs, ...bigConvs]) {
    const leaves = [leaf(c.x), leaf(c.w, "float32", 2)];
    const build = (x: Node, w: Node) => ir.conv(x, w, attrsOf(c));
    yield { name: `${named(c)} float32`, leaves, build, loose: 20 };
  }
  yield {
    name: "conv, bias, relu and max pool",
    leaves: [
      leaf([2, 3, 8, 8], "float64"),
      leaf([5, 3, 3, 3], "float64", 2),
      leaf([5, 1, 1], "float64", 3),
    ],
    build: (x, w, b) => {
      const y = ir.conv(x!, w!, { ...base, lo: one, hi: one }); // (B, 5, 8, 8)
      const z = ir.unary("relu", ir.binary("add", y, ir.broadcastTo(b!, y.shape)));
      return ir.reduce("max", ir.window(z, [2, 3], [2, 2], [2, 2], one), [4, 5]);
    },
    smooth: true,
  };
}

function* weightGradients(): Generator<Case> {
  for (const c of convs) {
    const size = c.w.slice(2);
    const places = size.map((k, i) => {
      const room = c.x[i + 2]! + c.lo[i]! + c.hi[i]! - c.dilation[i]! * (k - 1) - 1;
      return Math.floor(room / c.stride[i]!) + 1;
    });
    const leaves = [leaf(c.x, "float64"), leaf([c.x[0]!, c.w[0]!, ...places], "float64", 2)];
    const build = (x: Node, g: Node) => ir.convWeights(x, g, { ...attrsOf(c), size });
    const name = `weights of conv [${c.x}] [${c.w}] stride ${c.stride} groups ${c.groups}`;
    yield {
      name: `${name} pad ${c.lo}|${c.hi}`,
      leaves,
      build: (x, g) => build(x!, g!),
      smooth: true,
    };
  }
}

function attrsOf({ stride, lo, hi, dilation, groups }: Conv) {
  return { stride, lo, hi, dilation, groups };
}

export const contractCases: readonly Case[] = [
  ...sizes(),
  ...shapes(),
  ...around(),
  ...convolutions(),
  ...weightGradients(),
];
