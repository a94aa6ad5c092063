// Results stay on the device until somebody reads them: where they lie, what they cost, who may write
// over them, and that memory stays flat however many there are and whoever forgets them.
import { afterEach, describe, expect, it } from "vitest";
import { WasmBackend, type WasmOptions } from "../../src/backend/wasm/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import type { Plan } from "../../src/schedule/plan.ts";
import { chain, PlanBuilder } from "./runtime-plan.ts";

let backends: WasmBackend[] = [];

function make(options: WasmOptions = {}): WasmBackend {
  const backend = new WasmBackend({ threads: 1, revectorize: false, ...options });
  backends.push(backend);
  return backend;
}

afterEach(() => {
  for (const backend of backends) backend.dispose();
  backends = [];
});

const size = 10_000; // 40 kB
const host = (value: number) => new Float32Array(size).fill(value);
const buffer = (value: number, state = false) => new Buffer("float32", size, host(value), state);

/** A function that runs a plan: buffers in, fresh buffers out. */
function runner(backend: WasmBackend, plan: Plan) {
  const program = backend.compile(plan);
  return (inputs: Buffer[], scalars: number[] = []): Buffer[] => {
    const outputs = plan.outputs.map(({ dtype, size: n, into }) => {
      return new Buffer(dtype, n, null, into >= 0 && inputs[into]!.state);
    });
    backend.run(program, inputs, scalars, outputs);
    return outputs;
  };
}

/** 2x + s. */
function doubler(backend: WasmBackend): (x: Buffer, s?: number) => Buffer {
  const run = runner(backend, chain(size, 0));
  return (x, s = 0) => run([x], [s])[0]!;
}

/** The value that fills a buffer. */
function filling(backend: WasmBackend, b: Buffer): number {
  const elements = backend.read(b);
  expect(elements.every((v) => v === elements[0])).toBe(true);
  return elements[0]!;
}

const resultBytes = (backend: WasmBackend) => backend.describe().resultBytes as number;

describe("a result", () => {
  it("lies on the device, and small ones on the host", () => {
    const backend = make();
    const y = doubler(backend)(buffer(3));
    expect([y.host, y.owner]).toEqual([null, "wasm"]);
    expect(filling(backend, y)).toBe(6);
    expect(resultBytes(backend)).toBe(4 * size);
    const [small] = runner(backend, chain(10, 0))([new Buffer("float32", 10, host(1))], [0]);
    expect([...small!.host!]).toEqual(Array(10).fill(2));
  });

  it("is read as a copy", () => {
    const backend = make();
    const y = doubler(backend)(buffer(3));
    backend.read(y).fill(99);
    expect(filling(backend, y)).toBe(6);
  });

  it("is an input of the next program as it lies", () => {
    const backend = make();
    const double = doubler(backend);
    let y = double(buffer(1));
    for (let i = 0; i < 9; i++) y = double(y);
    expect(y.host).toBe(null);
    expect(filling(backend, y)).toBe(1024);
  });

  it("is not changed by later runs of its program", () => {
    const backend = make();
    const double = doubler(backend);
    const all = [1, 2, 3, 4].map((v) => double(buffer(v)));
    expect(all.map((y) => filling(backend, y))).toEqual([2, 4, 6, 8]);
  });

  it("given out twice is two buffers", () => {
    const backend = make();
    const p = new PlanBuilder();
    const x = p.input(size);
    const y = p.temporary(size);
    p.step(y, (e) => e.add(e.load(x), e.value(1)));
    p.output(y);
    p.output(y);
    const [a, b] = runner(backend, p.plan())([buffer(1)]);
    backend.free(a!);
    expect(filling(backend, b!)).toBe(2);
  });

  it("is read by later steps of its own program", () => {
    const backend = make();
    const p = new PlanBuilder();
    const x = p.input(size);
    const [y, z] = [p.temporary(size), p.temporary(size)];
    p.step(y, (e) => e.add(e.load(x), e.value(1)));
    p.step(z, (e) => e.add(e.load(y), e.load(x)));
    p.output(z);
    p.output(y);
    const run = runner(backend, p.plan());
    const all = [1, 2, 3].map((v) => run([buffer(v)]));
    expect(all.map((out) => out.map((b) => filling(backend, b)))).toEqual([
      [3, 2],
      [5, 3],
      [7, 4],
    ]);
  });

  it("that a program writes over is copied first, for others may hold it", () => {
    const backend = make();
    const p = new PlanBuilder();
    const w = p.input(size);
    p.commitHere();
    p.step(w, (e) => e.add(e.load(w), e.value(1)));
    p.output(w, w);
    const run = runner(backend, p.plan());
    const y = doubler(backend)(buffer(5));
    const [next] = run([y]);
    expect([filling(backend, y), filling(backend, next!)]).toEqual([10, 11]);
    const [last] = run([next!]);
    expect([y, next!, last!].map((b) => filling(backend, b))).toEqual([10, 11, 12]);
  });

  it("of a run that fails leaves nothing behind", () => {
    const backend = make();
    const p = new PlanBuilder();
    const [table, index] = [p.input(10), p.input(size, "int32")];
    const [y, z] = [p.temporary(size), p.temporary(size)];
    p.step(y, (e) => e.value(1));
    p.step(z, (e) => e.gather(table, index));
    p.output(y);
    p.output(z);
    const run = runner(backend, p.plan());
    const entries = new Buffer("float32", 10, new Float32Array(10).fill(7));
    const at = (i: number) => new Buffer("int32", size, new Int32Array(size).fill(i));
    for (const b of run([entries, at(3)])) backend.free(b);
    const bytes = backend.memoryBytes();
    for (let i = 0; i < 200; i++) expect(() => run([entries, at(10)])).toThrow("gather: an index");
    expect([resultBytes(backend), backend.memoryBytes()]).toEqual([0, bytes]);
    expect(run([entries, at(3)]).map((b) => filling(backend, b))).toEqual([1, 7]);
  });
});

describe("an input from the host", () => {
  it("stays on the device when it comes a second time, and the host has it still", () => {
    const backend = make();
    const double = doubler(backend);
    const x = buffer(1);
    backend.free(double(x));
    expect([x.device, resultBytes(backend)]).toEqual([null, 0]);
    backend.free(double(x));
    expect(resultBytes(backend)).toBe(4 * size);
    expect(x.host).not.toBe(null);
    backend.free(x);
    expect(filling(backend, double(x))).toBe(2);
  });

  it("that comes once goes through one place, however many there are", () => {
    const backend = make();
    const double = doubler(backend);
    backend.free(double(buffer(0)));
    const bytes = backend.memoryBytes();
    for (let i = 0; i < 200; i++) backend.free(double(buffer(i)));
    expect([resultBytes(backend), backend.memoryBytes()]).toEqual([0, bytes]);
  });
});

describe("memory", () => {
  it("that was given back is used again", () => {
    const backend = make();
    const double = doubler(backend);
    backend.free(double(buffer(0)));
    const bytes = backend.memoryBytes();
    const held: Buffer[] = [];
    for (let i = 0; i < 100; i++) {
      if (held.length === 3) backend.free(held.shift()!);
      held.push(double(buffer(i)));
    }
    expect(backend.memoryBytes()).toBeLessThanOrEqual(bytes + 6 * 4 * size);
    expect(held.map((y) => filling(backend, y))).toEqual([194, 196, 198]);
  });

  it("has a budget, beyond which the least recently used go to the host with their bits", () => {
    const budget = 5 * 4 * size;
    const backend = make({ resultBudget: budget });
    const double = doubler(backend);
    const held = Array.from({ length: 20 }, (_, i) => double(buffer(i)));
    expect(resultBytes(backend)).toBe(budget);
    for (let round = 0; round < 2; round++) {
      expect(held.map((y) => filling(backend, y))).toEqual(held.map((_, i) => 2 * i));
      // What lies on the host is an input like any other.
      expect(held.map((y) => filling(backend, double(y, 1)))).toEqual(
        held.map((_, i) => 4 * i + 1),
      );
      expect(resultBytes(backend)).toBe(budget);
    }
  });

  it("keeps what a run needs, beyond any budget", () => {
    const backend = make({ resultBudget: 4 * size });
    const p = new PlanBuilder();
    const [x, y] = [p.input(size), p.input(size)];
    const sums = [0, 1, 2].map(() => p.temporary(size));
    for (const [i, sum] of sums.entries()) {
      p.step(sum, (e) => e.add(e.add(e.load(x), e.load(y)), e.value(i)));
    }
    for (const sum of sums) p.output(sum);
    const run = runner(backend, p.plan());
    const double = doubler(backend);
    const [a, b] = [double(buffer(1)), double(buffer(2))];
    for (let i = 0; i < 4; i++) {
      expect(run([a, b]).map((out) => filling(backend, out))).toEqual([6, 7, 8]);
    }
  });

  it("of results that nobody can reach is found, in a loop that never rests", () => {
    const backend = make();
    const double = doubler(backend);
    const kept: Buffer[] = [];
    let last = buffer(1);
    for (let i = 0; i < 10_000; i++) {
      last = double(buffer(i)); // 400 MB in all; the budget is 256
      if (i % 1000 === 0) kept.push(last);
    }
    expect(resultBytes(backend)).toBeLessThan(200 * 2 ** 20);
    expect(kept.map((y) => filling(backend, y))).toEqual(kept.map((_, i) => 2000 * i));
    expect(filling(backend, last)).toBe(19_998);
  });

  it("of state that nobody can reach is found too", () => {
    const backend = make();
    const double = doubler(backend);
    for (let i = 0; i < 5000; i++) backend.free(double(buffer(i, true)));
    expect(backend.describe().stateBytes).toBeLessThan(200 * 2 ** 20);
  });

  it("moves to the host when the backend is disposed of", () => {
    const backend = make();
    const y = doubler(backend)(buffer(4));
    backend.dispose();
    const other = make();
    expect(filling(other, y)).toBe(8);
    expect(filling(other, doubler(other)(y))).toBe(16);
  });
});
