// Loops on every backend against the reference: all ways in which values go from one iteration to the
// next, lengths, directions, widths that are no multiple of anything, random bodies; that bodies are
// planned and compiled once; that what never changes runs once.
import { describe, expect, it } from "vitest";
import * as ir from "../../src/ir/build.ts";
import { makeGraph } from "../../src/ir/graph.ts";
import type { Node } from "../../src/ir/node.ts";
import { printGraph } from "../../src/ir/print.ts";
import { lower } from "../../src/schedule/pipeline.ts";
import {
  backendsUnderTest,
  evaluate,
  reference,
  refusedBy,
  wasmUnderTest,
} from "../ops/backends.ts";
import { difference } from "../ops/close.ts";
import { compiledModules } from "../ops/compiled.ts";
import { loop, lstm, randomScan, scanCases } from "./scan-cases.ts";

const backends = await backendsUnderTest();
const others = backends.filter((b) => b !== reference);
const target = { columns: 16, lanes: 4 };

async function agree(nodes: readonly Node[], loose = 1): Promise<void> {
  const graph = makeGraph(nodes);
  const expected = await evaluate(reference, graph.outputs);
  for (const on of others.filter((b) => refusedBy(b, graph.outputs) === null)) {
    const actual = await evaluate(on, graph.outputs);
    actual.forEach((values, i) => {
      const { dtype } = graph.outputs[i]!;
      const wrong = difference(values, expected[i]!, dtype, loose);
      if (wrong) throw new Error(`${on.name}: result ${i}: ${wrong}\n${printGraph(graph)}`);
    });
  }
}

describe.each(scanCases)("a loop with $name", ({ make, only }) => {
  for (const length of [0, 1, 2, 7]) {
    for (const reverse of [false, true]) {
      it(`runs ${length} times${reverse ? " from the last on" : ""}`, async () => {
        const parts = ir.partsOf(make(length, reverse));
        const wanted = parts.filter((_, i) => only === undefined || only.includes(i));
        // Iterations multiply errors of rounding, which start at a few units in the last place.
        await agree(wanted, 8);
        // As values inside of a program.
        const doubled = wanted.map((n) => ir.binary("add", n, n));
        await agree(doubled, 8);
      });
    }
  }
});

describe("a random body", () => {
  const seeds = Array.from({ length: Number(process.env.ANNEAL_FUZZ ?? 40) }, (_, i) => i + 1);
  it.each(seeds)("of seed %i", async (seed) => {
    for (const dtype of ["float32", "float64"] as const) {
      const scan = randomScan(seed, dtype, 1 + (seed % 4));
      // Errors add up over the iterations: see the fuzzer of graphs for the same allowance.
      if (scan !== null) await agree(ir.partsOf(scan), 50);
    }
  });
});

describe("the plan of a loop", () => {
  const planOf = (length: number, B = 8, H = 64) => {
    const { sources, step } = lstm(B, H);
    return lower(makeGraph(ir.partsOf(loop(sources(length), step, { length }))), target);
  };

  it("has the kernels of one iteration, whatever the length", () => {
    const [short, long] = [planOf(3), planOf(50)];
    const kernels = (p: typeof short) => new Set(p.steps.map((s) => s.kernel));
    expect(kernels(long).size).toBe(kernels(short).size);
    const inside = (p: typeof short) => p.steps.filter((s) => s.kernel.kind === "contract");
    expect(inside(long)).toHaveLength(50);
    expect(new Set([...inside(long), ...inside(short)].map((s) => s.kernel)).size).toBe(1);
  });

  it("compiles nothing for another length", async () => {
    const { sources, step } = lstm(8, 32);
    const [on] = await wasmUnderTest([{ threads: 1 }]);
    const run = async (length: number) => {
      const { length: before } = compiledModules;
      const parts = ir.partsOf(loop(sources(length), step, { length, reverse: true }));
      const found = await evaluate(on!, parts);
      const wanted = await evaluate(reference, parts);
      found.forEach((v, i) => expect(difference(v, wanted[i]!, "float32", 8)).toBe(null));
      return compiledModules.length - before;
    };
    expect(await run(4)).toBeGreaterThan(0);
    expect([await run(2), await run(40), await run(4)]).toEqual([0, 0, 0]);
  });

  it("takes a loop of many steps", async () => {
    const make = scanCases.find(({ name }) => name === "elementwise over 3")!.make;
    const [last] = ir.partsOf(make(8_000, false));
    await agree([last!], 8);
  });

  it("lays weights in panels once", () => {
    const { steps } = planOf(10);
    const packs = steps.filter((s) => s.label.startsWith("copy buffer"));
    expect(packs).toHaveLength(1);
    expect(steps.indexOf(packs[0]!)).toBe(0);
  });

  it("copies nothing from iteration to iteration", () => {
    const [ten, twenty] = [planOf(10), planOf(20)];
    const copies = (p: typeof ten) => p.steps.filter((s) => s.label.startsWith("copy")).length;
    expect(copies(twenty)).toBe(copies(ten));
    expect((twenty.steps.length - ten.steps.length) / 10).toBe(2);
  });
});
