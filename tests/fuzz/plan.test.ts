// Random graphs through the lowering, run in plain JS, against the reference.
import { expect, it } from "vitest";
import { Engine } from "../../src/schedule/engine.ts";
import { evaluate, reference, type UnderTest } from "../ops/backends.ts";
import { difference } from "../ops/close.ts";
import { PlanBackend } from "../schedule/plan-backend.ts";
import { randomGraph } from "./random-graph.ts";

const backend = new PlanBackend();
const plan: UnderTest = { name: "plan", backend, engine: new Engine(backend) };
const from = Number(process.env.ANNEAL_FUZZ_FROM ?? 0);
const count = Number(process.env.ANNEAL_FUZZ_COUNT ?? 400);

it(`agrees on ${count} random graphs`, { timeout: 600_000 }, async () => {
  for (let seed = from; seed < from + count; seed++) {
    const outputs = randomGraph(seed);
    const expected = await evaluate(reference, outputs);
    const actual = await evaluate(plan, outputs).catch((error) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    outputs.forEach((node, i) => {
      // Long chains of sums: the reference rounds per op, the kernels once.
      expect(difference(actual[i], expected[i], node.dtype, 200), `seed ${seed}`).toBeNull();
    });
  }
});
