// Rows of the op table: reductions, movement, windows, gather and scatterAdd.
import * as ir from "../../src/ir/build.ts";
import { type DType, dtypes, isFloat } from "../../src/ir/dtype.ts";
import type { Node } from "../../src/ir/node.ts";
import { type ReduceOp, reduceOps } from "../../src/ir/op.ts";
import { type Case, filled, leaf, ranged } from "./case.ts";

const reduceDtypes: { [K in ReduceOp]: readonly DType[] } = {
  sum: ["float32", "float64", "int32", "uint8"],
  prod: ["float32", "float64", "int32", "uint8"],
  max: dtypes,
  min: dtypes,
  argmax: dtypes,
  argmin: dtypes,
};

function* reductions(): Generator<Case> {
  const forms: [number[], number[]][] = [
    [[6, 7], [0]],
    [[6, 7], [1]],
    [
      [6, 7],
      [0, 1],
    ],
    [
      [3, 4, 5],
      [0, 2],
    ],
    [[3, 4, 5], [1]],
    [[1, 5, 1], [0]],
  ];
  for (const fn of reduceOps) {
    const one = fn === "argmax" || fn === "argmin";
    for (const dtype of reduceDtypes[fn]) {
      for (const [shape, axes] of forms) {
        if (one && axes.length > 1) continue;
        yield {
          name: `${fn} ${dtype} [${shape}] over ${axes}`,
          leaves: [leaf(shape, dtype)],
          build: (x) => ir.reduce(fn, x!, axes),
          smooth: dtype === "float64" && !one,
        };
      }
    }
    const hard = [3, NaN, 5, Infinity, 5, -Infinity, 5, 5, 1, NaN, 0, -0, -0, 0, 2];
    const build = (x: Node) => [ir.reduce(fn, x, [1]), ir.reduce(fn, x, [0])];
    yield { name: `${fn} with NaN and ties`, leaves: [filled([5, 3], "float32", hard)], build };
  }
}

function* longReductions(): Generator<Case> {
  const shapes: [number[], number[]][] = [
    [[4099], [0]],
    [[17, 33], [1]],
    [[33, 17], [0]],
    [[130, 65], [0]],
    [[3, 1000], [1]],
    [[1000, 3], [0]],
    [
      [5, 16, 9],
      [0, 2],
    ],
    [[64, 257], [1]],
  ];
  for (const [shape, axes] of shapes) {
    for (const fn of reduceOps) {
      if ((fn === "argmax" || fn === "argmin") && axes.length > 1) continue;
      const data = fn === "prod" ? ranged(shape, "float32", 0.99, 1.01) : leaf(shape);
      const build = (x: Node) => ir.reduce(fn, x, axes);
      yield { name: `${fn} [${shape}] over ${axes}`, leaves: [data], build, loose: 10 };
    }
  }
  for (const fn of ["sum", "prod"] as const) {
    for (const dtype of ["float32", "int32"] as const) {
      yield {
        name: `${fn} ${dtype} of nothing`,
        leaves: [leaf([3, 0, 2], dtype)],
        build: (x) => [ir.reduce(fn, x!, [1]), ir.reduce(fn, x!, [0]), ir.reduce(fn, x!, [])],
      };
    }
  }
  for (const fn of ["max", "min"] as const) {
    for (const axis of [0, 1, 2]) {
      yield {
        name: `${fn} over ${axis}, with the first winner's gradient`,
        leaves: [leaf([3, 5, 4], "float64")],
        build: (x) => ir.reduce(fn, x!, [axis], true),
        smooth: true,
      };
    }
  }
  yield {
    name: "sum int32 wraps",
    leaves: [filled([5], "int32", [2147483647])],
    build: (x) => [ir.reduce("sum", x!, [0]), ir.reduce("prod", x!, [0])],
  };
  yield {
    // The row of sums looks like a row of their terms, and is none.
    name: "sums side by side, as many as each has terms",
    leaves: [leaf([2, 9])],
    build: (x) => {
      const sums = [0, 3, 6].map((from) => {
        const terms = ir.slice(x!, [0, from], [2, from + 3]);
        return ir.pad(ir.reduce("sum", terms, [1]), [0, from / 3], [0, 2 - from / 3]);
      });
      return sums.reduce((a, b) => ir.binary("add", a, b));
    },
  };
  yield {
    name: "prod with zeros",
    leaves: [
      filled([4, 5], "float64", [1, 2, 0, 3, 4, 0, 5, 0, 1, 2, 3, -1, 2, 0.5, 1, 0, 0, 0, 1, 2]),
    ],
    build: (x) => [ir.reduce("prod", x!, [1]), ir.reduce("prod", x!, [0, 1])],
    smooth: true,
  };
}

function* movement(): Generator<Case> {
  const chains: [string, number[], (x: Node) => Node][] = [
    ["reshape", [4, 6], (x) => ir.reshape(x, [3, 8])],
    ["permute", [3, 4, 5], (x) => ir.permute(x, [2, 0, 1])],
    ["transpose 17×33", [17, 33], (x) => ir.permute(x, [1, 0])],
    ["expand", [3, 1, 2], (x) => ir.expand(x, [3, 5, 2])],
    ["pad", [3, 4], (x) => ir.pad(x, [1, 0], [2, 3])],
    ["pad with a value", [3, 4], (x) => ir.pad(x, [0, 2], [1, 0], 1)],
    ["slice", [7, 9], (x) => ir.slice(x, [1, 2], [6, 8])],
    ["slice with steps", [17, 33], (x) => ir.slice(x, [1, 0], [17, 33], [3, 2])],
    ["slice to nothing", [4, 5], (x) => ir.slice(x, [2, 0], [2, 5])],
    ["flip", [4, 5], (x) => ir.flip(x, [0, 1])],
    ["flip of the last axis", [3, 17], (x) => ir.flip(x, [1])],
    ["permute and reshape", [4, 5, 6], (x) => ir.reshape(ir.permute(x, [1, 0, 2]), [5, 24])],
    ["reshape of a pad", [3, 5], (x) => ir.reshape(ir.pad(x, [1, 1], [0, 2]), [16, 2])],
    [
      "pad of a pad",
      [3, 5],
      (x) => ir.pad(ir.pad(x, [1, 0], [0, 1], 1), [0, 2], [1, 0]),
    ],
    ["slice of a pad", [5, 5], (x) => ir.slice(ir.pad(x, [2, 2], [2, 2]), [1, 1], [8, 9], [2, 3])],
    ["flip of a pad", [3, 4], (x) => ir.flip(ir.pad(x, [0, 1], [1, 0]), [0, 1])],
    ["empty", [0, 4], (x) => ir.pad(ir.permute(x, [1, 0]), [0, 1], [0, 2])],
    [
      "a long chain",
      [6, 1, 7],
      (x) =>
        ir.flip(
          ir.slice(ir.pad(ir.permute(ir.expand(x, [6, 3, 7]), [2, 1, 0]), [1, 0, 2], [0, 1, 0]), [0, 1, 1], [8, 4, 8], [2, 1, 3]),
          [0, 2],
        ),
    ],
  ]; // biome-ignore format: a table
  for (const [name, shape, f] of chains) {
    for (const dtype of dtypes) {
      const smooth = dtype === "float64";
      yield { name: `${name} ${dtype}`, leaves: [leaf(shape, dtype)], build: (x) => f(x!), smooth };
    }
    const fused = (x: Node) => {
      const y = f(ir.unary("sin", x));
      return ir.reduce("sum", ir.binary("mul", y, y), [y.shape.length - 1]);
    };
    yield {
      name: `${name} inside a sum`,
      leaves: [leaf(shape, "float64")],
      build: fused,
      smooth: true,
    };
  }
}

// One after the other: programs and kernels that differ in such a number only must not be one.
function* padding(): Generator<Case> {
  for (const value of [-Infinity, Infinity, NaN, 0, 1]) {
    for (const dtype of ["float32", "float64"] as const) {
      yield {
        name: `max pool ${dtype} of a pad with ${value}`,
        leaves: [leaf([2, 7], dtype)],
        build: (x) => {
          const padded = ir.pad(x!, [0, 2], [0, 2], value);
          const y = ir.window(padded, [1], [3], [2], [1]);
          return [ir.reduce("max", y, [2]), ir.reduce("min", y, [2])];
        },
      };
    }
  }
}

interface Window {
  shape: number[];
  axes: number[];
  size: number[];
  stride: number[];
  dilation: number[];
}

const windows: readonly Window[] = [
  { shape: [9], axes: [0], size: [3], stride: [1], dilation: [1] },
  { shape: [9], axes: [0], size: [3], stride: [2], dilation: [1] },
  { shape: [10], axes: [0], size: [3], stride: [3], dilation: [1] },
  { shape: [12], axes: [0], size: [3], stride: [2], dilation: [2] },
  { shape: [12], axes: [0], size: [2], stride: [3], dilation: [1] },
  { shape: [12], axes: [0], size: [2], stride: [2], dilation: [3] },
  { shape: [7], axes: [0], size: [1], stride: [3], dilation: [1] },
  { shape: [8], axes: [0], size: [8], stride: [1], dilation: [1] },
  { shape: [3, 45], axes: [1], size: [18], stride: [2], dilation: [2] },
  { shape: [40, 2], axes: [0], size: [20], stride: [1], dilation: [1] },
  { shape: [2, 8, 8], axes: [1, 2], size: [2, 2], stride: [2, 2], dilation: [1, 1] },
  { shape: [2, 9, 7], axes: [1, 2], size: [2, 3], stride: [2, 3], dilation: [1, 1] },
  { shape: [2, 7, 9], axes: [2, 1], size: [3, 2], stride: [2, 1], dilation: [1, 2] },
  { shape: [5, 2, 6], axes: [0, 2], size: [3, 3], stride: [1, 2], dilation: [2, 1] },
  { shape: [2, 3, 19, 17], axes: [2, 3], size: [3, 3], stride: [2, 2], dilation: [1, 1] },
];

function* windowed(): Generator<Case> {
  for (const w of windows) {
    const name = `window [${w.shape}] axes ${w.axes} size ${w.size} by ${w.stride} of ${w.dilation}`;
    const build = (x: Node) => ir.window(x, w.axes, w.size, w.stride, w.dilation);
    yield { name, leaves: [leaf(w.shape, "float64")], build, smooth: true };
    const rank = w.shape.length;
    const inside = w.axes.map((_, i) => rank + i);
    for (const fn of ["max", "sum"] as const) {
      const pool = (x: Node) => ir.reduce(fn, build(x), inside);
      const leaves = [leaf(w.shape, "float64")];
      yield { name: `${fn} of ${name}`, leaves, build: pool, smooth: true };
      yield { name: `${fn} of ${name} in float32`, leaves: [leaf(w.shape)], build: pool };
    }
  }
}

function* indexed(): Generator<Case> {
  const forms: [string, number[], number[], number][] = [
    ["rows", [6, 1], [9, 1], 0],
    ["wide rows", [5, 33], [17, 33], 0],
    ["columns", [4, 7], [4, 3], 1],
    ["the middle", [2, 5, 3], [2, 11, 3], 1],
    ["one of one", [1, 1], [1, 1], 0],
    ["nothing", [5, 2], [0, 2], 0],
    ["many", [10, 16], [257, 16], 0],
  ];
  for (const [name, table, index, axis] of forms) {
    const at = ranged(index, "int32", 0, table[axis]!); // with duplicates
    for (const dtype of dtypes) {
      const leaves = [leaf(table, dtype), at];
      const smooth = dtype === "float64";
      const build = (x: Node, i: Node) => ir.gather(x, i, axis);
      yield { name: `gather ${name} ${dtype}`, leaves, build, smooth };
      if (dtype === "bool") continue;
      yield {
        name: `scatterAdd ${name} ${dtype}`,
        leaves: [leaf(table, dtype), at, leaf(index, dtype, 3)],
        build: (x, i, u) => ir.scatterAdd(x!, i!, u!, axis),
        smooth,
        loose: isFloat(dtype) ? 5 : 1,
      };
      yield {
        name: `scatter ${name} ${dtype}`,
        leaves: [leaf(table, dtype), at, leaf(index, dtype, 3)],
        build: (x, i, u) => ir.scatter(x!, i!, u!, axis),
        smooth,
      };
    }
  }
  yield {
    name: "embedding of expanded indices",
    leaves: [leaf([11, 5], "float64"), ranged([7, 1], "int32", 0, 11)],
    build: (table, i) => ir.unary("tanh", ir.gather(table!, ir.expand(i!, [7, 5]), 0)),
    smooth: true,
  };
}

/** Values put together of pieces that are reductions, over as many elements as there are pieces, and not. */
function* joins(): Generator<Case> {
  for (const [count, size] of [
    [3, 3],
    [2, 3],
    [4, 4],
    [3, 20],
  ] as const) {
    for (const fn of ["sum", "max"] as const) {
      const build = (x: Node) => {
        const piece = (i: number) => {
          const part = ir.slice(x, [0, i], [2, i + size]);
          return ir.pad(ir.reduce(fn, part, [1]), [0, i], [0, count - 1 - i], 0);
        };
        return Array.from({ length: count }, (_, i) => piece(i)).reduce((p, q) =>
          ir.binary("add", p, q),
        );
      };
      const leaves = [leaf([2, count + size], "float64")];
      yield {
        name: `join of ${count} ${fn}s of ${size}`,
        leaves,
        build: (x) => build(x!),
        smooth: true,
      };
    }
  }
}

export const shapeCases: readonly Case[] = [
  ...joins(),
  ...reductions(),
  ...longReductions(),
  ...movement(),
  ...padding(),
  ...windowed(),
  ...indexed(),
];
