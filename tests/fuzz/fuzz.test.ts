// A fixed number of the programs that `npm run fuzz` tries without end, and the fuzzer itself: that it finds
// a fault, makes it small, and prints it as code that runs. ANNEAL_FUZZ=1000 tries that many.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Program as Compiled } from "../../src/backend/backend.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import { isOp, type Node, topological } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import { allModes, compare, disposeOf, type Modes } from "./compare.ts";
import { randomProgram } from "./program.ts";
import { printProgram, shrink, sizeOf } from "./shrink.ts";

const count = Number(process.env.ANNEAL_FUZZ ?? 40);
const seeds = Array.from({ length: count }, (_, i) => i + 1);
const modes = await allModes();

afterAll(() => disposeOf(modes));

describe("random programs", () => {
  it.each(seeds)("seed %i: wasm in all its modes agrees with the reference", async (seed) => {
    const program = randomProgram(seed);
    const { fault } = await compare(program, modes);
    if (fault !== null) throw new Error(`${fault}\n${printProgram(program)}`);
  });

  it("are all sorts of things", () => {
    const ops = new Set<string>();
    let updates = 0;
    for (const seed of seeds) {
      const { outputs, into } = randomProgram(seed);
      for (const node of topological(outputs)) ops.add(node.op);
      updates += into.filter((leaf) => leaf !== null).length;
    }
    for (const op of ["conv", "contract", "reduce", "window", "random", "where", "pad", "gather"]) {
      expect(ops, op).toContain(op);
    }
    expect(updates).toBeGreaterThan(count / 4);
  });

  it("stand on their seed alone", () => {
    expect(printProgram(randomProgram(5))).toBe(printProgram(randomProgram(5)));
  });
});

/** A reference that is wrong in one element of each result that comes of a sigmoid. */
class Faulty extends ReferenceBackend {
  override run(
    program: Compiled,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    super.run(program, inputs, scalars, outputs);
    const isSigmoid = (n: Node) => isOp(n, "unary") && n.attrs.fn === "sigmoid";
    program.plan.graph.outputs.forEach((node, i) => {
      const { host } = outputs[i]!;
      if (topological([node]).some(isSigmoid)) host![host!.length - 1]! += 0.25;
    });
  }
}

describe("the fuzzer", () => {
  const backend = new Faulty();
  const faulty: Modes = [[{ name: "faulty", backend, engine: new Engine(backend) }]];
  const fails = async (p: Parameters<typeof compare>[0]) =>
    (await compare(p, faulty)).fault !== null;
  const guilty = seeds.map(randomProgram).find(({ outputs }) => {
    const nodes = topological(outputs);
    return nodes.length > 25 && nodes.some((n) => isOp(n, "unary") && n.attrs.fn === "sigmoid");
  })!;

  it("finds a fault and makes it small", async () => {
    const { fault } = await compare(guilty, faulty);
    expect(fault).toMatch(/^faulty: output \d+, element \d+ of \d+ is \S+, not \S+; allowed is/);
    const small = await shrink(guilty, fails);
    expect(sizeOf(guilty)).toBeGreaterThan(20);
    expect(sizeOf(small)).toBeLessThan(3);
    expect(await fails(small)).toBe(true);
    expect(printProgram(small)).toContain('unary("sigmoid", ');
  });

  it("prints code that runs", () => {
    const root = new URL("../..", import.meta.url).href;
    const text = printProgram(guilty).replaceAll('from "./', `from "${root}`);
    const folder = mkdtempSync(join(tmpdir(), "anneal-fuzz-"));
    try {
      writeFileSync(join(folder, "case.ts"), text);
      const { stdout, stderr } = spawnSync(process.execPath, [join(folder, "case.ts")]);
      expect(String(stdout), String(stderr)).toBe("no difference\n");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
