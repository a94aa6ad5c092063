// Random loop kernels against the interpreter: shared subexpressions, masks of every kind, parts that do
// not change in a loop, permuted and broadcast loads, one reduction, and stores before and after it.

import { expect, test } from "vitest";
import type { Affine, Expr, LoopKernel, Range } from "../../src/schedule/kernel.ts";
import { check } from "./loop-harness.ts";

class Source {
  private state: number;

  constructor(seed: number) {
    this.state = seed * 2654435761 + 1;
  }

  /** A whole number from 0 to n - 1. */
  below(n: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) | 0;
    return ((this.state >>> 8) * n) >>> 24;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const inputs = 3;

/** A map over the axes in `scope` in a random order, some of them with coefficient 0. */
function layout(source: Source, axes: readonly number[], scope: readonly number[]): Affine {
  const coef = axes.map(() => 0);
  let stride = source.pick([1, 1, 1, 2]);
  const order = [...scope];
  while (order.length > 0) {
    const axis = source.below(2) ? order.pop()! : order.shift()!;
    if (source.below(4) === 0) continue;
    coef[axis] = stride;
    stride *= axes[axis]!;
  }
  return { base: source.below(4), coef };
}

/** A tree of some depth over the axes in `scope`; earlier trees come back as shared parts. */
function grow(
  source: Source,
  axes: readonly number[],
  scope: readonly number[],
  depth: number,
  known: Expr[],
): Expr {
  const again = () => grow(source, axes, scope, depth - 1, known);
  const leaf = (): Expr => {
    const dtype = "float32";
    switch (source.below(5)) {
      case 0:
        return { k: "const", dtype, value: source.below(5) / 2 - 1 };
      case 1:
        return { k: "scalar", dtype, slot: 0 };
      case 2:
        return {
          k: "cast",
          dtype,
          x: { k: "axis", dtype: "int32", at: layout(source, axes, scope) },
        };
      default:
        return { k: "load", dtype, operand: source.below(inputs), at: layout(source, axes, scope) };
    }
  };
  const branch = (): Expr => {
    const dtype = "float32";
    switch (source.below(6)) {
      case 0:
        return { k: "unary", dtype, fn: source.pick(["neg", "abs", "tanh", "relu"]), x: again() };
      case 1:
        return {
          k: "where",
          dtype,
          cond: {
            k: "compare",
            dtype: "bool",
            fn: source.pick(["lt", "le"]),
            x: again(),
            y: again(),
          },
          x: again(),
          y: again(),
        };
      case 2: {
        const ranges = Array.from({ length: 1 + source.below(2) }, (): Range => {
          const axis = source.pick(scope);
          const coef = axes.map((_, i) => (i === axis ? 1 : 0));
          return { at: { base: -source.below(3), coef }, size: Math.max(1, axes[axis]! - 2) };
        });
        return { k: "masked", dtype, ranges, x: again(), fill: -0.25 };
      }
      default:
        return {
          k: "binary",
          dtype,
          fn: source.pick(["add", "sub", "max", "min"]),
          x: again(),
          y: again(),
        };
    }
  };
  if (known.length > 0 && source.below(4) === 0) return source.pick(known);
  const made = depth === 0 ? leaf() : branch();
  known.push(made);
  return made;
}

function randomKernel(source: Source): LoopKernel {
  const axes = [0, 1, 2].map(() => source.pick([1, 2, 3, 5, 8, 9, 13, 18, 40]));
  const parallel = 1 + source.below(2);
  const outer = [0, 1].slice(0, parallel);
  const inner = parallel === 1 ? [1, 2] : [2];
  const all = [0, 1, 2];
  const strides = [axes[1]! * axes[2]!, axes[2]!, 1];
  const rows = outer.map((i) => (i === parallel - 1 ? 1 : axes[1]!));
  const known: Expr[] = [];
  const value = grow(source, axes, all, 3, known);
  const reduced = grow(source, axes, all, 2, known);
  const sum: Expr = { k: "reg", dtype: "float32", reg: 0 };
  const last = grow(source, axes, outer, 2, []);
  const after: Expr = { k: "binary", dtype: "float32", fn: "add", x: sum, y: last };
  const full: Affine = { base: 0, coef: strides };
  const stages = [
    {
      axes: inner,
      reduces: [{ reg: 0, fn: source.pick(["sum", "max"] as const), value: reduced }],
      stores: [{ operand: inputs, at: full, value }],
    },
    {
      axes: inner,
      reduces: [],
      stores: [
        {
          operand: inputs + 1,
          at: full,
          value: { k: "binary", dtype: "float32", fn: "max", x: value, y: sum } as Expr,
        },
      ],
    },
    {
      axes: [],
      reduces: [],
      stores: [
        { operand: inputs + 2, at: { base: 0, coef: [...rows, 0, 0].slice(0, 3) }, value: after },
      ],
    },
  ];
  const vector = source.pick([-1, parallel - 1, 2, 2]);
  return {
    kind: "loop",
    axes,
    parallel,
    vector,
    operands: Array.from({ length: inputs + 3 }, (_, i) => ({
      dtype: "float32",
      write: i >= inputs,
    })),
    regs: ["float32"],
    scalars: ["float32"],
    stages,
    grain: vector === 0 ? 16 : 1,
  };
}

test.each(Array.from({ length: 20 }, (_, i) => i))("random kernels, group %i", (group) => {
  for (let i = 0; i < 10; i++) {
    const source = new Source(1000 * group + i);
    const kernel = randomKernel(source);
    const [a, b, c] = kernel.axes as [number, number, number];
    const noise = () =>
      Float32Array.from({ length: 2 * a * b * c + 64 }, () => source.below(2001) / 1000 - 1);
    const outs = [a * b * c, a * b * c, kernel.parallel === 1 ? a : a * b].map(
      (n) => new Float32Array(n),
    );
    const buffers = [noise(), noise(), noise(), ...outs];
    try {
      check(kernel, buffers, [0.375], { tolerance: 5e-5 });
    } catch (error) {
      expect.fail(`${error}\n${JSON.stringify(kernel)}`);
    }
  }
});
