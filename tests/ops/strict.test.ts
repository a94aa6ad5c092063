// Strict mode: every row of the op table and random graphs give the same bits at 1, 2 and 3 threads,
// packed by V8 or not (which is what other engines run), and no code has a relaxed instruction.
import { afterAll, describe, expect, it } from "vitest";
import { DeviceMemory } from "../../src/backend/wasm/memory.ts";
import { chooseCode } from "../../src/backend/wasm/probe.ts";
import { KernelCache } from "../../src/backend/wasm/program-kernels.ts";
import { makeTable } from "../../src/backend/wasm/worker-instance.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import { lower } from "../../src/schedule/pipeline.ts";
import { prepare, strictOptions, type UnderTest, wasmUnderTest } from "./backends.ts";
import { type Case, instantiate } from "./case.ts";
import { canPack, compiledModules } from "./compiled.ts";
import { large, randomCase, small } from "./random-graph.ts";
import { sections, table } from "./table.ts";

const [first, ...others] = (await wasmUnderTest(strictOptions)) as [UnderTest, ...UnderTest[]];

const seeds = Array.from({ length: 40 }, (_, i) => 5000 + i);
const graphs = seeds.map((seed) => randomCase(seed, "float32", 14, seed % 5 === 0 ? large : small));

async function run(on: UnderTest, c: Case): Promise<TypedArray[]> {
  const { outputs, leaves } = instantiate(c);
  const assign = outputs.map((_, i) => leaves[c.into?.[i] ?? -1]?.buffer ?? null);
  await prepare(on, outputs, assign as (Buffer | null)[]);
  const { buffers, done } = on.engine.evaluate(outputs, assign as (Buffer | null)[]);
  await done;
  return Promise.all(buffers.map((b) => on.engine.read(b)));
}

/** The first element that differs in a bit; NaN has no bits that anybody promises. */
function firstDifference(actual: TypedArray, expected: TypedArray): string | null {
  for (let i = 0; i < expected.length; i++) {
    if (!Object.is(actual[i], expected[i])) return `${i}: ${actual[i]}, not ${expected[i]}`;
  }
  return actual.length === expected.length ? null : `${actual.length} elements`;
}

describe.each([...Object.entries(sections), ["random graphs", graphs] as const])(
  "%s",
  (_, cases) => {
    it.each(cases.map((c) => [c.name, c] as const))("%s: the same bits", async (_name, c) => {
      const expected = await run(first, c);
      for (const on of others) {
        const actual = await run(on, c);
        expected.forEach((e, i) => {
          expect(firstDifference(actual[i]!, e), `output ${i}, ${on.name}`).toBeNull();
        });
      }
    });
  },
);

describe("the code", () => {
  const texts = (strict: boolean, revectorize: boolean) => {
    const choice = chooseCode({ strict, revectorize });
    const cache = new KernelCache(new DeviceMemory(false), makeTable(), choice, () => {});
    const target = { ...first.backend.target!, strict };
    return [...table, ...graphs].flatMap((c) => {
      const { compiled } = cache.functionsOf(
        lower(makeGraph(instantiate(c).outputs), target),
        true,
      );
      return [...compiled.text];
    });
  };

  it.each([true, false])("has no relaxed instruction (packed: %s)", (revectorize) => {
    expect(texts(true, revectorize).filter((text) => text.includes("relaxed"))).toEqual([]);
  });

  it("has them without strict mode: the search finds them", () => {
    expect(texts(false, false).some((text) => text.includes("relaxed_madd"))).toBe(true);
  });

  it("was packed where V8 can", () => {
    expect(compiledModules.includes(true)).toBe(canPack);
  });
});

afterAll(async () => {
  for (const { backend } of [first, ...others]) {
    await (backend as { dispose?: () => unknown }).dispose?.();
  }
});
