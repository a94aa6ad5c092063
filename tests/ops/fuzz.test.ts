// Random graphs on every backend, with their gradients, against the reference. A failure names its
// seed and prints the graph. ANNEAL_FUZZ=1000 tries that many seeds, ANNEAL_FUZZ_FROM where they begin.
import { afterAll, describe, expect, it } from "vitest";
import { grad } from "../../src/autodiff/backward.ts";
import { full } from "../../src/ir/build.ts";
import { type DType, isFloat, type TypedArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { printGraph } from "../../src/ir/print.ts";
import { verify } from "../../src/ir/spec.ts";
import { backendsUnderTest, evaluate, reference, refusedBy } from "./backends.ts";
import { instantiate } from "./case.ts";
import { large, randomCase, small } from "./random-graph.ts";

const count = Number(process.env.ANNEAL_FUZZ ?? 60);
const from = Number(process.env.ANNEAL_FUZZ_FROM ?? 1);
// One in ten is large enough for several threads.
const seeds = Array.from({ length: count }, (_, i) => from + i);
const isLarge = (seed: number) => seed % 10 === 0;

const backends = await backendsUnderTest();
const others = backends.filter((b) => b !== reference);

// Errors of single steps add up and cancel: what counts is their size beside the largest value.
const tolerance: Partial<Record<DType, number>> = { float32: 2e-4, float64: 1e-10 };

function difference(actual: TypedArray, expected: TypedArray, dtype: DType): string | null {
  let largest = 1;
  for (const e of expected) largest = Math.max(largest, Math.abs(e));
  const allowed = (tolerance[dtype] ?? 0) * largest;
  for (let i = 0; i < expected.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    if (Math.abs(actual[i]! - expected[i]!) <= allowed) continue;
    return `element ${i} of ${expected.length} is ${actual[i]} instead of ${expected[i]}`;
  }
  return actual.length === expected.length ? null : `${actual.length} elements`;
}

// Float32 without gradients: at a kink, rounding decides which side a gradient is of.
function graphOf(seed: number, dtype: DType): readonly Node[] {
  const { outputs, leaves } = instantiate(
    randomCase(seed, dtype, 14, isLarge(seed) ? large : small),
  );
  if (dtype !== "float64") return outputs;
  const floats = outputs.filter((y) => isFloat(y.dtype));
  const ones = floats.map((y) => full(1, y.shape, y.dtype));
  return [...outputs, ...grad(floats, ones, leaves).filter((g) => g !== null)];
}

describe("random graphs", () => {
  it("are legal, and give the reference finite values", async () => {
    let ops = 0;
    for (const seed of seeds) {
      for (const dtype of ["float32", "float64"] as const) {
        const graph = makeGraph(graphOf(seed, dtype));
        verify(graph);
        const results = await evaluate(reference, graph.outputs);
        for (const values of results)
          expect(values.every(Number.isFinite), `seed ${seed}`).toBe(true);
        ops += graph.key.split(";").length;
      }
    }
    expect(ops).toBeGreaterThan(20 * count); // graphs, not lists of leaves
  });
});

for (const on of others) {
  describe(`random graphs on ${on.name}`, () => {
    for (const dtype of ["float32", "float64"] as const) {
      it.for(seeds)(`${dtype}, seed %i`, async (seed, { skip }) => {
        const nodes = graphOf(seed, dtype);
        const why = refusedBy(on, nodes);
        if (why !== null) skip(why);
        const text = () => `seed ${seed}:\n${printGraph(makeGraph(nodes))}`;
        const expected = await evaluate(reference, nodes);
        const actual = await evaluate(on, nodes).catch((error: unknown) => {
          throw new Error(`${String(error)}\n${text()}`, { cause: error });
        });
        nodes.forEach((node, i) => {
          const found = difference(actual[i]!, expected[i]!, node.dtype);
          if (found !== null) throw new Error(`output ${i}: ${found}\n${text()}`);
        });
      });
    }
  });
}

afterAll(async () => {
  for (const { backend } of others) await (backend as { dispose?: () => unknown }).dispose?.();
});
