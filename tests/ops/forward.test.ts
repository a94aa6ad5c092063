// Every row of the op table on every backend, against the reference; in-place updates included.
import { afterAll, describe, expect, it } from "vitest";
import { Buffer } from "../../src/ir/buffer.ts";
import * as b from "../../src/ir/build.ts";
import type { DType, TypedArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { missingAdapter } from "../webgpu/adapter.ts";
import {
  backendsUnderTest,
  evaluate,
  lacksFloat64,
  prepare,
  reference,
  refusedBy,
  type UnderTest,
} from "./backends.ts";
import { buildsInFloat32, type Case, instantiate } from "./case.ts";
import { difference } from "./close.ts";
import { sections, table } from "./table.ts";

interface Outcome {
  outputs: readonly TypedArray[];
  /** The leaves that nothing replaced, as they are afterwards. */
  left: readonly TypedArray[];
}

// A program that leaves large values in the vector registers: a kernel that starts from what an earlier
// one left there (a fault of a code generator that once happened) then shows.
const litter = b.unary(
  "sin",
  b.binary(
    "mul",
    b.bufferNode(new Buffer("float32", 512, new Float32Array(512).fill(3e7)), [512]),
    b.full(1.7, [512], "float32"),
  ),
);

async function run(on: UnderTest, c: Case, dtype?: DType): Promise<Outcome> {
  await evaluate(on, [b.binary("mul", litter, b.full(1e30, [512], "float32"))]);
  const { outputs, leaves } = instantiate(c, dtype);
  const inputs = leaves.map((leaf) => leaf.buffer as Buffer);
  const assign = outputs.map((_, i) => {
    const at = c.into?.[i] ?? -1;
    return at < 0 ? null : inputs[at]!;
  });
  await prepare(on, outputs, assign);
  const { buffers, done } = on.engine.evaluate(outputs, assign);
  await done;
  const untouched = inputs.filter((buffer) => !assign.includes(buffer));
  return {
    outputs: await Promise.all(buffers.map((b) => on.engine.read(b))),
    left: await Promise.all(untouched.map((b) => on.engine.read(b))),
  };
}

const rowsOf = (cases: readonly Case[]) => cases.map((c) => [c.name, c] as const);

const backends = await backendsUnderTest();
const others = backends.filter((b) => b !== reference);

const why = await missingAdapter();
describe.skipIf(why === null)("the op table on webgpu", () => {
  it("runs where there is an adapter", ({ skip }) => skip(why!));
});

describe("the table", () => {
  it("names each row once", () => {
    const names = table.map((c) => c.name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it("gives the reference results of the shapes and dtypes that the graph says", async () => {
    for (const c of table) {
      const { outputs } = instantiate(c);
      const graph = makeGraph(outputs);
      const results = await run(reference, c);
      results.outputs.forEach((values, i) => {
        const { shape, dtype } = graph.outputs[i]!;
        expect(values.length, c.name).toBe(shape.reduce((p, d) => p * d, 1));
        if (dtype === "bool") expect(Math.max(0, ...new Set(values)), c.name).toBeLessThan(2);
      });
    }
  });

  it("is deterministic on the reference, and leaves its inputs alone", async () => {
    for (const c of table) {
      const [first, second] = [await run(reference, c), await run(reference, c)];
      expect(second, c.name).toEqual(first);
      const given = c.leaves.filter((_, i) => !c.into?.includes(i)).map((leaf) => leaf.data);
      expect(first.left, c.name).toEqual(given);
    }
  });
});

for (const on of others) {
  describe(on.name, () => {
    for (const [section, cases] of Object.entries(sections)) {
      describe(section, () => {
        it.for(rowsOf(cases))("%s", async ([_, c], { skip }) => {
          // What is in float64 only because its gradient is checked runs in float32 where need be, and
          // is off by float32's own rounding, which its tolerance does not reckon with.
          const dtype = lacksFloat64(on) && buildsInFloat32(c) ? "float32" : undefined;
          const wide = c.leaves.some((leaf) => leaf.dtype === "float64");
          const loose = dtype !== undefined && wide ? 4 * (c.loose ?? 1) : c.loose;
          const { outputs } = instantiate(c, dtype);
          const why = refusedBy(on, outputs);
          if (why !== null) skip(why);
          const [expected, actual] = [await run(reference, c, dtype), await run(on, c, dtype)];
          outputs.forEach((node, i) => {
            const found = difference(actual.outputs[i]!, expected.outputs[i]!, node.dtype, loose);
            expect(found, `output ${i}`).toBeNull();
          });
          expect(actual.left, "inputs that nothing replaced").toEqual(expected.left);
        });
      });
    }
  });
}

afterAll(async () => {
  for (const { backend } of others) await (backend as { dispose?: () => unknown }).dispose?.();
});
