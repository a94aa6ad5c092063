// Rows of the op table: unary, binary, compare, where, cast, sources, and how they broadcast and fuse.
import * as ir from "../../src/ir/build.ts";
import { type DType, dtypes, isFloat } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { type BinaryOp, binaryOps, compareOps, type UnaryOp, unaryOps } from "../../src/ir/op.ts";
import { type Case, cornerPairs, corners, filled, leaf, ranged } from "./case.ts";

const floats: readonly DType[] = ["float32", "float64"];
const integers: readonly DType[] = ["int32", "uint8"];
const everywhere: readonly DType[] = [...floats, ...integers];

const unaryDtypes: { [K in UnaryOp]: readonly DType[] } = {
  neg: everywhere,
  abs: everywhere,
  sign: everywhere,
  relu: everywhere,
  reciprocal: floats,
  sqrt: floats,
  rsqrt: floats,
  exp: floats,
  expm1: floats,
  log: floats,
  log1p: floats,
  sin: floats,
  cos: floats,
  atan: floats,
  tanh: floats,
  sigmoid: floats,
  erf: floats,
  floor: everywhere,
  ceil: everywhere,
  round: everywhere,
  trunc: everywhere,
  not: [...integers, "bool"],
};

const positive: ReadonlySet<string> = new Set(["sqrt", "rsqrt", "log", "log1p", "reciprocal"]);
const bits: readonly DType[] = [...integers, "bool"];
const binaryDtypes: { [K in BinaryOp]: readonly DType[] } = {
  add: dtypes,
  sub: everywhere,
  mul: dtypes,
  div: everywhere,
  mod: everywhere,
  pow: everywhere,
  max: dtypes,
  min: dtypes,
  and: bits,
  or: bits,
  xor: bits,
  shl: integers,
  shr: integers,
};

function* unary(): Generator<Case> {
  for (const fn of unaryOps) {
    for (const dtype of unaryDtypes[fn]) {
      const build = (x: Node) => ir.unary(fn, x);
      const sample = positive.has(fn) ? ranged([5, 7], dtype, 0.1, 4) : leaf([5, 7], dtype);
      yield { name: `${fn} ${dtype}`, leaves: [sample], build, smooth: dtype === "float64" };
      const corner = filled([corners[dtype].length], dtype, corners[dtype]);
      yield { name: `${fn} ${dtype} corners`, leaves: [corner], build };
    }
  }
  const fine = ["exp", "expm1", "log", "log1p", "sin", "cos", "atan", "tanh", "sigmoid", "erf"];
  for (const fn of fine as UnaryOp[]) {
    for (const dtype of floats) {
      const low = fn === "log" || fn === "log1p" ? 1e-6 : -12;
      const leaves = [ranged([1003], dtype, low, 12)];
      yield { name: `${fn} ${dtype} far`, leaves, build: (x) => ir.unary(fn, x), loose: 2 };
      const small = [ranged([101], dtype, fn === "log" ? 0.9 : -1e-3, fn === "log" ? 1.1 : 1e-3)];
      yield { name: `${fn} ${dtype} near`, leaves: small, build: (x) => ir.unary(fn, x) };
    }
  }
}

function* binary(): Generator<Case> {
  for (const fn of binaryOps) {
    for (const dtype of binaryDtypes[fn]) {
      const build = (a: Node, b: Node) => ir.binary(fn, a, b);
      const low = isFloat(dtype) ? 0.2 : 1;
      const a = fn === "pow" ? ranged([5, 7], dtype, low, 4) : leaf([5, 7], dtype);
      const b =
        fn === "mod" || fn === "div" ? ranged([5, 7], dtype, low, 4, 2) : leaf([5, 7], dtype, 2);
      const smooth = dtype === "float64";
      yield { name: `${fn} ${dtype}`, leaves: [a, b], build, smooth };
      yield { name: `${fn} ${dtype} corners`, leaves: cornerPairs(dtype), build, loose: 5 };
    }
  }
  for (const fn of compareOps) {
    for (const dtype of dtypes) {
      const build = (a: Node, b: Node) => ir.compare(fn, a, b);
      yield { name: `${fn} ${dtype} corners`, leaves: cornerPairs(dtype), build };
      const leaves = [leaf([3, 21], dtype), leaf([3, 21], dtype, 2)];
      yield { name: `${fn} ${dtype}`, leaves, build };
    }
  }
}

function* select(): Generator<Case> {
  for (const dtype of dtypes) {
    const leaves = [leaf([4, 9], "bool"), leaf([4, 9], dtype), leaf([4, 9], dtype, 2)];
    const smooth = dtype === "float64";
    yield { name: `where ${dtype}`, leaves, build: (c, a, b) => ir.where(c!, a!, b!), smooth };
    for (const to of dtypes) {
      if (to === dtype) continue;
      const all = [...corners[dtype], ...(isFloat(dtype) ? [300.7, -300.7, 3e9, -3e9, 2.999] : [])];
      const from = filled([all.length], dtype, all);
      yield { name: `cast ${dtype} to ${to}`, leaves: [from], build: (x) => ir.cast(x!, to) };
    }
  }
}

/** Around every vector and tile width, none, one, and enough for several threads. */
export const sizes = [
  0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 257, 1000, 4099, 40007,
];

function* lengths(): Generator<Case> {
  for (const n of sizes) {
    for (const dtype of dtypes) {
      const op = dtype === "bool" ? "or" : "add";
      const leaves = [leaf([n], dtype), leaf([n], dtype, 2)];
      yield { name: `${op} ${dtype} [${n}]`, leaves, build: (a, b) => ir.binary(op, a!, b!) };
    }
    const gelu = (x: Node) => {
      const inner = ir.unary("erf", ir.binary("mul", x, ir.full(Math.SQRT1_2, x.shape, x.dtype)));
      const half = ir.binary("mul", x, ir.full(0.5, x.shape, x.dtype));
      return ir.binary("mul", half, ir.binary("add", inner, ir.full(1, x.shape, x.dtype)));
    };
    yield { name: `gelu [${n}]`, leaves: [leaf([n])], build: gelu };
    const masked = (x: Node) =>
      ir.where(ir.compare("lt", x, ir.full(0, x.shape, x.dtype)), ir.unary("exp", x), x);
    yield { name: `masked exp [${n}]`, leaves: [leaf([n])], build: masked };
  }
}

function* broadcast(): Generator<Case> {
  const shapes: [number[], number[]][] = [
    [[], [5]],
    [
      [3, 1],
      [1, 4],
    ],
    [[1], [2, 3, 17]],
    [[33], [5, 33]],
    [
      [5, 1],
      [5, 33],
    ],
    [
      [2, 1, 9],
      [4, 1],
    ],
    [[0, 1], [3]],
    [
      [1, 1, 1],
      [2, 0, 3],
    ],
  ];
  for (const [p, q] of shapes) {
    for (const dtype of ["float64", "int32"] as const) {
      const build = (a: Node, b: Node) => {
        const shape = ir.broadcastShape(a.shape, b.shape)!;
        return ir.binary("mul", ir.broadcastTo(a, shape), ir.broadcastTo(b, shape));
      };
      const leaves = [leaf(p, dtype), leaf(q, dtype, 2)];
      const smooth = dtype === "float64";
      yield { name: `mul ${dtype} [${p}] by [${q}]`, leaves, build, smooth };
    }
  }
}

function* sources(): Generator<Case> {
  yield { name: "iota", leaves: [], build: () => [ir.iota(0), ir.iota(1), ir.iota(37)] };
  yield {
    name: "constants that text confuses",
    leaves: [leaf([6])],
    build: (x) =>
      [Infinity, -Infinity, NaN, -0, 0].map((v) =>
        ir.binary("div", x!, ir.full(v, [6], "float32")),
      ),
  };
  yield {
    name: "constants of every dtype",
    leaves: [],
    build: () => [
      ir.full(0.1, [3], "float32"),
      ir.full(0.1, [3], "float64"),
      ir.full(-7, [2, 2], "int32"),
      ir.full(200, [5], "uint8"),
      ir.full(1, [9], "bool"),
      ir.constant(2.5, "float32"),
    ],
  };
  yield {
    name: "scalars",
    leaves: [leaf([3, 5], "float64")],
    build: (x) => {
      const [a, b] = [ir.scalar(0.1, "float64"), ir.scalar(0.1, "float64")];
      const sum = ir.binary("add", ir.broadcastTo(a, [3, 5]), x!);
      return ir.binary("mul", sum, ir.broadcastTo(b, [3, 5]));
    },
    smooth: true,
  };
  for (const shape of [[], [1], [5, 7], [0, 3], [4099]]) {
    yield {
      name: `random [${shape}]`,
      leaves: [filled([], "int32", [12345]), filled([], "int32", [-9])],
      build: (seed, base) => [
        ir.random(shape, seed!, base!, 0),
        ir.random(shape, seed!, base!, 7),
        ir.random(shape, base!, seed!, 0),
      ],
    };
  }
  yield {
    name: "random through slice and flip",
    leaves: [filled([], "int32", [1])],
    build: (seed) => {
      const bits = ir.random([9, 11], seed!, seed!, 3);
      return ir.flip(ir.slice(ir.permute(bits, [1, 0]), [2, 1], [11, 9], [3, 2]), [1]);
    },
  };
}

function* shared(): Generator<Case> {
  yield {
    name: "one value used by many",
    leaves: [leaf([6, 10], "float64")],
    build: (x) => {
      const t = ir.unary("tanh", x!);
      const u = ir.binary("mul", t, t);
      return [ir.binary("add", u, t), ir.binary("sub", u, x!), t];
    },
    smooth: true,
  };
  yield {
    name: "an output twice, and a leaf as an output",
    leaves: [leaf([7])],
    build: (x) => {
      const y = ir.unary("neg", x!);
      return [y, y, x!, ir.reshape(x!, [7, 1])];
    },
  };
  yield {
    name: "detach stops the gradient and keeps the value",
    leaves: [leaf([5], "float64")],
    build: (x) => ir.detach(ir.unary("sin", x!)),
  };
}

export const elementwiseCases: readonly Case[] = [
  ...unary(),
  ...binary(),
  ...select(),
  ...lengths(),
  ...broadcast(),
  ...sources(),
  ...shared(),
];
