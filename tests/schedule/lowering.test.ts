// Every row of the op table through the lowering, run in plain JS, against the reference.
import { describe, expect, it } from "vitest";
import type { Buffer } from "../../src/ir/buffer.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { reference, type UnderTest } from "../ops/backends.ts";
import { type Case, instantiate } from "../ops/case.ts";
import { difference } from "../ops/close.ts";
import { sections } from "../ops/table.ts";
import { PlanBackend } from "./plan-backend.ts";

const backend = new PlanBackend();
const plan: UnderTest = { name: "plan", backend, engine: new Engine(backend) };

async function run(on: UnderTest, c: Case) {
  const { outputs, leaves } = instantiate(c);
  const inputs = leaves.map((leaf) => leaf.buffer as Buffer);
  const assign = outputs.map((_, i) => inputs[c.into?.[i] ?? -1] ?? null);
  const { buffers, done } = on.engine.evaluate(outputs, assign);
  await done;
  return Promise.all(buffers.map((b) => on.engine.read(b)));
}

for (const [section, cases] of Object.entries(sections)) {
  describe(section, () => {
    it.each(cases)("$name", async (c) => {
      const [expected, actual] = [await run(reference, c), await run(plan, c)];
      const { outputs } = instantiate(c);
      outputs.forEach((node, i) => {
        const found = difference(actual[i], expected[i], node.dtype, 4 * (c.loose ?? 1));
        expect(found, `output ${i}`).toBeNull();
      });
    });
  });
}
