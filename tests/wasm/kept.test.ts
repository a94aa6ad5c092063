// What a program makes of state alone is kept from run to run: when, for how long, what it costs in
// memory, and that results are the same bits as without.
import { afterEach, describe, expect, it } from "vitest";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import type { Plan } from "../../src/schedule/plan.ts";
import { PlanBuilder } from "./runtime-plan.ts";

let backends: WasmBackend[] = [];

afterEach(() => {
  for (const backend of backends) backend.dispose();
  backends = [];
});

const size = 5000;
const bytes = 4 * size;

function buffer(value: number, state: boolean): Buffer {
  return new Buffer("float32", size, new Float32Array(size).fill(value), state);
}

/** y = x + (2·w + w), the bracket in two steps; with `update` also w = y; with `both` 2·x instead of x. */
function plan({ update = false, both = false, n = size } = {}): Plan {
  const p = new PlanBuilder();
  const [x, w] = [p.input(n), p.input(n)];
  const [twice, thrice, y] = [p.temporary(n), p.temporary(n), p.temporary(n)];
  p.step(twice, (e) => e.mul(e.load(w), e.value(2)));
  p.step(thrice, (e) => e.add(e.load(twice), e.load(w)));
  const first = both ? p.temporary(n) : x;
  if (both) p.step(first, (e) => e.mul(e.load(x), e.value(2)));
  p.step(y, (e) => e.add(e.load(first), e.load(thrice)));
  p.output(y);
  if (update) {
    p.commitHere();
    p.step(w, (e) => e.load(y));
    p.output(w, w);
  }
  return p.plan();
}

function make(of: Plan, resultBudget?: number) {
  const backend = new WasmBackend({ threads: 1, revectorize: false, resultBudget });
  backends.push(backend);
  const program = backend.compile(of);
  const results: Buffer[] = [];
  return {
    backend,
    program,
    /** Bytes of results on the device that are not what runs gave. */
    keptBytes: () => (backend.describe().resultBytes as number) - bytes * results.length,
    run(x: Buffer, w: Buffer): number {
      const outputs = of.outputs.map(
        ({ dtype, size: n, into }) => new Buffer(dtype, n, null, into >= 0),
      );
      backend.run(program, [x, w], [], outputs);
      if (outputs[0]!.host === null) results.push(outputs[0]!);
      const elements = backend.read(outputs[0]!);
      expect(elements.every((v) => v === elements[0])).toBe(true);
      return elements[0]!;
    },
  };
}

describe("what comes from state alone", () => {
  it("is kept from the second run with the same versions on, the last step of it only", () => {
    const { run, keptBytes } = make(plan());
    const w = buffer(10, true);
    expect([run(buffer(1, false), w), keptBytes()]).toEqual([31, 0]);
    expect([run(buffer(2, false), w), keptBytes()]).toEqual([32, bytes]);
    expect([run(buffer(3, false), w), keptBytes()]).toEqual([33, bytes]);
  });

  it("is not computed again while the version stays", () => {
    const { run, backend } = make(plan());
    const w = buffer(10, true);
    for (let x = 0; x < 3; x++) run(buffer(x, false), w);
    // Nobody may do this; it shows that the state is not read.
    const { memory } = (w.device as { value: { memory: { f32: Float32Array } } }).value;
    const { at } = (w.device as { value: { at: number } }).value;
    memory.f32.fill(0, at / 4, at / 4 + size);
    expect(backend.read(w)[0]).toBe(0);
    expect(run(buffer(5, false), w)).toBe(35);
  });

  it("goes when another version comes, and is made of that when it comes again", () => {
    const { run, keptBytes } = make(plan());
    const [first, second] = [buffer(10, true), buffer(20, true)];
    for (let x = 0; x < 3; x++) run(buffer(x, false), first);
    expect([run(buffer(1, false), second), keptBytes()]).toEqual([61, 0]);
    expect([run(buffer(2, false), second), keptBytes()]).toEqual([62, bytes]);
    expect([run(buffer(2, false), first), keptBytes()]).toEqual([32, 0]);
  });

  it("is never kept of what is no state, nor of what the program itself updates", () => {
    const constant = make(plan());
    const w = buffer(10, false);
    for (let x = 0; x < 3; x++) expect(constant.run(buffer(x, false), w)).toBe(30 + x);
    expect(constant.keptBytes()).toBe(bytes); // w itself, which came twice
    const updating = make(plan({ update: true }));
    expect(updating.run(buffer(1, false), buffer(10, true))).toBe(31);
    expect(updating.program).toMatchObject({ keeper: null });
  });

  it("takes what is state at the time", () => {
    const { run, keptBytes } = make(plan({ both: true }));
    const [x, w] = [buffer(1, true), buffer(10, true)];
    run(buffer(0, false), w);
    expect([run(buffer(0, false), w), keptBytes()]).toEqual([30, bytes]);
    expect([run(x, w), keptBytes()]).toEqual([32, 0]);
    expect([run(x, w), keptBytes()]).toEqual([32, 2 * bytes]);
    expect([run(buffer(7, false), w), keptBytes()]).toEqual([44, 0]);
    expect([run(buffer(8, false), w), keptBytes()]).toEqual([46, bytes]);
  });

  it("is not kept where it is small, or larger than a quarter of the budget", () => {
    const { run, keptBytes } = make(plan(), 3 * bytes);
    const w = buffer(10, true);
    for (let x = 0; x < 3; x++) expect(run(buffer(x, false), w)).toBe(30 + x);
    expect(keptBytes()).toBeLessThanOrEqual(0);
    expect(make(plan({ n: 1000 })).program).toMatchObject({ keeper: null });
  });

  it("survives that its block moves to the host, and is given back with the program", () => {
    const { run, keptBytes, backend, program } = make(plan(), 4 * bytes);
    const w = buffer(10, true);
    for (let x = 0; x < 20; x++) expect(run(buffer(x, false), w)).toBe(30 + x);
    const roomy = make(plan());
    for (let x = 0; x < 3; x++) roomy.run(buffer(x, false), w);
    expect(roomy.keptBytes()).toBe(bytes);
    roomy.backend.discard(roomy.program);
    expect(roomy.keptBytes()).toBe(0);
    backend.discard(program);
    expect(keptBytes()).toBeLessThanOrEqual(0);
  });
});
