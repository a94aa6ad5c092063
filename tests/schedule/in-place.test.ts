// Large results over operands that nobody needs afterwards: where they may lie there, and where not.
import { describe, expect, it } from "vitest";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { type Node, sizeOf } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { takenOver } from "../../src/schedule/in-place.ts";
import type { Affine, Expr, LoopKernel, Stage } from "../../src/schedule/kernel.ts";
import { lower } from "../../src/schedule/pipeline.ts";
import { PlanBackend } from "./plan-backend.ts";

const target = { columns: 16, lanes: 4 };
const data = (shape: number[]): Node => {
  const host = Float32Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 37) % 101) / 101 - 0.5);
  return b.bufferNode(new Buffer("float32", host.length, host, false), shape);
};

/** A product less its largest element, where it is positive, before another product. */
function between(): Node[] {
  const h = b.contract(data([512, 16]), data([16, 256]), { a: "mk", b: "kn", out: "mn" });
  const most = b.expand(b.reduce("max", h, [0, 1]), h.shape); // (512, 256)
  const none = b.full(0, h.shape, "float32");
  const y = b.where(b.compare("le", h, none), none, b.binary("sub", h, most));
  return [b.contract(y, data([256, 16]), { a: "mk", b: "kn", out: "mn" })];
}

describe("a scatter into state", () => {
  const state = data([5, 3]);
  const index = (shape: number[]) => b.expand(b.reshape(b.scalar(2, "int32"), [1, 1]), shape);
  const put = (base: Node) => b.scatter(base, index([1, 3]), data([1, 3]), 0);

  it("writes what it changes alone, once the index is known to be in range", () => {
    const { steps, outputs, buffers, commit } = lower(
      makeGraph([put(state)], [state.buffer]),
      target,
    );
    expect(outputs.map((o) => buffers[o.buffer]!.input >= 0)).toEqual([true]);
    const writing = steps.findIndex((s) =>
      s.kernel.operands.some((o, i) => o.write && buffers[s.buffers[i]!]!.input >= 0),
    );
    expect(steps[writing]!.kernel.axes.reduce((n, d) => n * d, 1)).toBe(3);
    expect(writing).toBe(steps.length - 1);
    expect(writing).toBe(commit);
    expect(steps.slice(0, commit).some((s) => s.faults.length > 0)).toBe(true);
  });

  it("copies where the old value is wanted, or what it puts there comes from it", () => {
    const old = b.unary("exp", put(state));
    const both = lower(makeGraph([put(state), old, state], [state.buffer, null, null]), target);
    expect(both.steps.length).toBeGreaterThan(2);
    const shifted = b.slice(state, [1, 0], [2, 3]);
    const moved = b.scatter(state, index([1, 3]), b.unary("exp", shifted), 0);
    const { steps } = lower(makeGraph([moved], [state.buffer]), target);
    const sizes = steps.map((s) => s.kernel.axes.reduce((n, d) => n * d, 1));
    expect(Math.max(...sizes)).toBe(15); // a copy of all
  });
});

describe("a result over the operand that it replaces", () => {
  it("shares its place", () => {
    const { steps, buffers } = lower(makeGraph(between()), target);
    const shared = steps.filter(({ kernel, buffers: used }) =>
      used.some((to, j) => {
        const { offset, input, size } = buffers[to]!;
        if (!kernel.operands[j]!.write || input >= 0 || size < 512 * 256) return false;
        return used.some((from) => {
          const other = buffers[from]!;
          return from !== to && other.input < 0 && other.offset === offset;
        });
      }),
    );
    expect(shared).toHaveLength(1);
  });

  it("is the same as with memory of its own, at any number of threads", () => {
    const run = (backend: PlanBackend | WasmBackend) => {
      const engine = new Engine(backend);
      return engine.evaluate(between()).buffers.map((o) => engine.read(o) as Float32Array);
    };
    const own = run(new PlanBackend());
    const [one, two] = [1, 2].map((threads) => run(new WasmBackend({ threads }))) as [
      Float32Array[],
      Float32Array[],
    ];
    own.forEach((expected, k) => {
      expect(two[k]).toEqual(one[k]);
      expected.forEach((e, i) => {
        expect(Math.abs(e - one[k]![i]!)).toBeLessThan(1e-3);
      });
    });
  });
});

describe("a kernel that cannot", () => {
  const size = 1 << 17;
  const along: Affine = { base: 0, coef: [1] };
  const load = (operand: number, at = along): Expr => ({
    k: "load",
    dtype: "float32",
    operand,
    at,
  });
  const neg = (x: Expr): Expr => ({ k: "unary", dtype: "float32", fn: "neg", x });
  const buffer = (n = size) => ({ dtype: "float32" as const, size: n, input: -1, offset: 0 });
  const over = (stages: Partial<Stage>[], buffers = [buffer(), buffer()], axes = [size]) => {
    const kernel: LoopKernel = {
      kind: "loop",
      axes,
      parallel: 1,
      vector: -1,
      operands: [
        { dtype: "float32", write: false },
        { dtype: "float32", write: true },
      ],
      regs: [],
      scalars: [],
      stages: stages.map((s) => ({ axes: [], reduces: [], stores: [], ...s })),
      grain: 1024,
    };
    const step = { kernel, buffers: [0, 1], scalars: [], label: "", faults: [] };
    const found = takenOver(
      buffers,
      step,
      (i) => i === 0,
      (i) => i === 1,
    );
    return found.get(1) === 0;
  };
  const plain = [{ stores: [{ operand: 1, at: along, value: neg(load(0)) }] }];

  it("takes the place where each point reads what it writes", () => {
    expect(over(plain)).toBe(true);
  });
  it.each([
    ["small data", plain, [buffer(64), buffer(64)]],
    ["another size", plain, [buffer(2 * size), buffer()]],
    [
      "a neighbour's element",
      [{ stores: [{ operand: 1, at: along, value: neg(load(0, { base: 1, coef: [1] })) }] }],
      undefined,
    ],
    [
      "an element read again by a later stage",
      [
        ...plain,
        { reduces: [{ reg: 0, fn: "sum" as const, value: load(0, { base: 0, coef: [1] }) }] },
      ],
      undefined,
    ],
    [
      "one element for all points",
      [
        {
          stores: [
            { operand: 1, at: { base: 0, coef: [0] }, value: load(0, { base: 0, coef: [0] }) },
          ],
        },
      ],
      undefined,
    ],
  ])("leaves %s alone", (_, stages, buffers) => {
    expect(over(stages, buffers)).toBe(false);
  });
});
