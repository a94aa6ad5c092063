// The wasm backend from plan to results, over plans written by hand: any number of threads, updates in
// place, old versions that are still wanted, one arena for all programs, state beyond its budget,
// faults and traps, and what a run costs when it computes nothing.
import { execFileSync, spawnSync } from "node:child_process";
import { afterEach, describe, expect, it } from "vitest";
import type { Program } from "../../src/backend/backend.ts";
import { LateBackend } from "../../src/backend/late.ts";
import { NullBackend } from "../../src/backend/null/backend.ts";
import { WasmBackend, type WasmOptions } from "../../src/backend/wasm/backend.ts";
import { parseFlags } from "../../src/backend/wasm/flags.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import type { Plan } from "../../src/schedule/plan.ts";
import { ArgumentError } from "../../src/util/errors.ts";
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

const buffer = (values: ArrayLike<number>, state = false) =>
  new Buffer("float32", values.length, Float32Array.from(values), state);
const state = (values: ArrayLike<number>) => buffer(values, true);
const ramp = (n: number) => Float32Array.from({ length: n }, (_, i) => i);

/** Fresh buffers for a plan's outputs, after a run. */
function run(
  backend: WasmBackend,
  program: Program,
  inputs: Buffer[],
  scalars: number[] = [],
): Buffer[] {
  const outputs = program.plan.outputs.map(
    ({ dtype, size, into }) => new Buffer(dtype, size, null, into >= 0 && inputs[into]!.state),
  );
  backend.run(program, inputs, scalars, outputs);
  return outputs;
}

const values = (backend: WasmBackend, b: Buffer | undefined) => [...backend.read(b!)];

/** w += s, in place. */
function update(size: number): Plan {
  const p = new PlanBuilder();
  const w = p.input(size);
  const s = p.scalar();
  p.commitHere();
  p.step(w, (e) => e.add(e.load(w), e.scalar(s)));
  p.output(w, w);
  return p.plan();
}

describe.each([1, 2, 3])("programs on %i threads", (threads) => {
  it("run many steps", async () => {
    const backend = make({ threads });
    const size = 100_003;
    const program = backend.compile(chain(size, 20));
    await backend.ready();
    expect(backend.describe().threadsReady).toBe(threads);
    const x = ramp(size);
    const want = x.map((v) => Math.fround(v * 2 + 0.5) + 20 * v);
    for (let i = 0; i < 5; i++) {
      const [y] = run(backend, program, [buffer(x)], [0.5]);
      const got = backend.read(y!);
      const wrong = got.findIndex((v, k) => Math.abs(v - want[k]!) > 1e-5 * Math.abs(want[k]!));
      expect(wrong).toBe(-1);
    }
  });

  it("run small ones again and again", async () => {
    const backend = make({ threads });
    const program = backend.compile(update(5));
    let w = state([1, 2, 3, 4, 5]);
    const before = backend.memoryBytes();
    for (let i = 0; i < 100_000; i++) w = run(backend, program, [w], [1])[0]!;
    expect(values(backend, w)).toEqual([100_001, 100_002, 100_003, 100_004, 100_005]);
    expect(backend.memoryBytes()).toBe(before);
  });
});

it("gives the same bits at any number of threads", async () => {
  const results: Uint32Array[] = [];
  for (const threads of [1, 2, 3]) {
    const backend = make({ threads });
    const program = backend.compile(chain(70_001, 9));
    await backend.ready();
    const x = ramp(70_001).map((v) => Math.sin(v));
    const [y] = run(backend, program, [buffer(x)], [0.1]);
    results.push(new Uint32Array(backend.read(y!).buffer as ArrayBuffer));
  }
  for (const other of results.slice(1)) {
    expect(other.length).toBe(70_001);
    expect(other.findIndex((bits, i) => bits !== results[0]![i])).toBe(-1);
  }
});

/** Steps over a few places that read each other's results shifted, so across the threads' shares. */
function tangle(seed: number): { plan: Plan; want: Float32Array } {
  let state = seed;
  const random = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const [size, reach] = [20_000, 200];
  const p = new PlanBuilder();
  const places = Array.from({ length: 4 }, () => p.temporary(size + reach));
  const model = places.map((_, k) => new Float32Array(size + reach).fill(k));
  places.forEach((place, k) => p.step(place, (e) => e.value(k)));
  for (let i = 0; i < 40; i++) {
    const to = random(4);
    const [x, y] = [(to + 1 + random(3)) % 4, (to + 1 + random(3)) % 4];
    const shift = random(reach);
    // Small steps in between stay on one thread.
    const count = random(3) === 0 ? 1 + random(100) : size;
    const target = { ...places[to]!, size: count };
    p.step(target, (e) => {
      const sum = e.add(e.load(places[x]!, shift), e.load(places[y]!));
      return e.add(e.mul(sum, e.value(0.5)), e.value(i));
    });
    for (let k = 0; k < count; k++) {
      const sum = Math.fround(model[x]![k + shift]! + model[y]![k]!);
      model[to]![k] = Math.fround(sum * 0.5) + i;
    }
  }
  p.output(places[0]!);
  return { plan: p.plan(), want: model[0]! };
}

it("keeps the order of steps that need each other, on three threads", async () => {
  const backend = make({ threads: 3 });
  for (let seed = 0; seed < 10; seed++) {
    const { plan, want } = tangle(seed);
    const program = backend.compile(plan);
    await backend.ready();
    for (let i = 0; i < 10; i++) {
      const got = backend.read(run(backend, program, [])[0]!);
      expect(got.findIndex((v, k) => v !== want[k])).toBe(-1);
    }
  }
});

describe("inputs and outputs", () => {
  it("change with every run", () => {
    const backend = make();
    const program = backend.compile(chain(3, 1));
    const a = run(backend, program, [buffer([1, 2, 3])], [0]);
    const b = run(backend, program, [buffer([10, 20, 30])], [5]);
    expect(values(backend, a[0])).toEqual([3, 6, 9]);
    expect(values(backend, b[0])).toEqual([35, 65, 95]);
  });

  it("may be the same large buffer in several runs, then another", () => {
    const backend = make();
    const program = backend.compile(chain(20_000, 1));
    const [a, b] = [buffer(ramp(20_000)), buffer(ramp(20_000).map((v) => -v))];
    for (const x of [a, a, a, b, b, a, b]) {
      const [y] = run(backend, program, [x], [1]);
      expect(backend.read(y!)[19_999]).toBe(Math.fround(3 * x.host![19_999]! + 1));
      expect(x.host).not.toBe(null);
    }
    // Both came more than once, and so did no result.
    expect(backend.describe().resultBytes).toBe((2 + 7) * 80_000);
    backend.free(b);
    expect(backend.describe().resultBytes).toBe((1 + 7) * 80_000);
    expect(values(backend, b)[5]).toBe(-5);
  });

  it("may be empty, or an input as it is", () => {
    const backend = make();
    const p = new PlanBuilder();
    const x = p.input(3);
    const none = p.temporary(0);
    p.step(none, (e) => e.value(1));
    p.output(x);
    p.output(none);
    const program = backend.compile(p.plan());
    const outputs = run(backend, program, [buffer([1, 2, 3])]);
    expect(outputs.map((o) => values(backend, o))).toEqual([[1, 2, 3], []]);
  });

  it("are copies: a result does not change later", () => {
    const backend = make();
    const program = backend.compile(chain(3, 0));
    const [y] = run(backend, program, [buffer([1, 2, 3])], [0]);
    const read = backend.read(y!);
    read[0] = 99;
    run(backend, program, [buffer([7, 7, 7])], [0]);
    expect(values(backend, y)).toEqual([2, 4, 6]);
  });
});

describe("updates in place", () => {
  it("hand the memory on", () => {
    const backend = make();
    const program = backend.compile(update(4));
    const w = state([1, 2, 3, 4]);
    const [next] = run(backend, program, [w], [10]);
    expect([w.device, w.host, next!.host]).toEqual([null, null, null]);
    expect(next!.owner).toBe("wasm");
    expect(values(backend, next)).toEqual([11, 12, 13, 14]);
  });

  it("keep the old elements of a shared buffer", () => {
    const backend = make();
    const program = backend.compile(update(4));
    const w = state([1, 2, 3, 4]);
    w.shared = true;
    const [next] = run(backend, program, [w], [10]);
    expect(values(backend, w)).toEqual([1, 2, 3, 4]);
    const [last] = run(backend, program, [next!], [10]);
    expect(values(backend, last)).toEqual([21, 22, 23, 24]);
    expect([next!.host, next!.device]).toEqual([null, null]);
  });

  it("give an output that is the old value the old value", () => {
    const backend = make();
    const p = new PlanBuilder();
    const w = p.input(3);
    p.commitHere();
    p.step(w, (e) => e.add(e.load(w), e.value(1)));
    p.output(w);
    p.output(w, w);
    const [old, next] = run(backend, backend.compile(p.plan()), [state([1, 2, 3])]);
    expect(values(backend, old)).toEqual([1, 2, 3]);
    expect(values(backend, next)).toEqual([2, 3, 4]);
  });

  it("do not disturb the same buffer given as another input", () => {
    const backend = make();
    for (const swap of [false, true]) {
      const p = new PlanBuilder();
      const first = p.input(3);
      const second = p.input(3);
      const [w, x] = swap ? [second, first] : [first, second];
      const y = p.temporary(3);
      p.commitHere();
      p.step(w, (e) => e.add(e.load(w), e.value(1)));
      p.step(y, (e) => e.add(e.load(x), e.load(w)));
      p.output(w, w);
      p.output(y);
      const same = state([1, 2, 3]);
      const [next, sum] = run(backend, backend.compile(p.plan()), [same, same]);
      expect(values(backend, next)).toEqual([2, 3, 4]);
      expect(values(backend, sum)).toEqual([3, 5, 7]);
    }
  });

  it("of what is no state give a copy", () => {
    const backend = make();
    const program = backend.compile(update(2));
    const w = buffer([1, 2]);
    const [next] = run(backend, program, [w], [1]);
    expect(values(backend, next)).toEqual([2, 3]);
    expect(values(backend, w)).toEqual([1, 2]);
  });
});

describe("memory", () => {
  it("has an arena that all programs share, and that may move", () => {
    const backend = make();
    const small = backend.compile(chain(1000, 3));
    const x = ramp(1000);
    const before = [...backend.read(run(backend, small, [buffer(x)], [1])[0]!)];
    const large = backend.compile(chain(300_000, 3));
    const y = run(backend, large, [buffer(ramp(300_000))], [0])[0]!;
    expect(backend.read(y)[1000]).toBe(5000);
    backend.free(y);
    const bytes = backend.memoryBytes();
    for (let i = 0; i < 10; i++) {
      expect([...backend.read(run(backend, small, [buffer(x)], [1])[0]!)]).toEqual(before);
      backend.free(run(backend, large, [buffer(ramp(300_000))], [0])[0]!);
    }
    expect(backend.memoryBytes()).toBe(bytes);
  });

  it("keeps state within its budget, and no value is lost", () => {
    const backend = make({ stateBudget: 3 * 4000 });
    const program = backend.compile(update(1000));
    let all = Array.from({ length: 10 }, (_, i) => state(Array(1000).fill(i)));
    for (let round = 1; round <= 3; round++) {
      all = all.map((w) => run(backend, program, [w], [100])[0]!);
      expect(backend.describe().stateBytes).toBe(12_000);
      all.forEach((w, i) => {
        expect(values(backend, w)).toEqual(Array(1000).fill(i + 100 * round));
      });
    }
  });

  it("survives many states that nobody frees", () => {
    const backend = make({ stateBudget: 100_000 });
    const program = backend.compile(update(1000));
    run(backend, program, [state(ramp(1000))], [1]);
    let bytes = 0;
    for (let i = 0; i < 500; i++) {
      run(backend, program, [state(ramp(1000))], [1]);
      if (i === 100) bytes = backend.memoryBytes();
    }
    expect(backend.memoryBytes()).toBe(bytes);
  });

  it("moves to the host when the backend is disposed of", () => {
    const backend = make();
    const [w] = run(backend, backend.compile(update(3)), [state([1, 2, 3])], [1]);
    backend.dispose();
    expect(values(backend, w)).toEqual([2, 3, 4]);
    // And back, to another one.
    const other = make();
    const [next] = run(other, other.compile(update(3)), [w!], [1]);
    expect(values(other, next)).toEqual([3, 4, 5]);
  });

  it("of another wasm device comes over", () => {
    const [one, other] = [make(), make()];
    const [w] = run(one, one.compile(update(3)), [state([1, 2, 3])], [1]);
    const [next] = run(other, other.compile(update(3)), [w!], [1]);
    expect(values(other, next)).toEqual([3, 4, 5]);
    const [last] = run(one, one.compile(update(3)), [next!], [1]);
    expect(values(other, last)).toEqual([4, 5, 6]);
  });
});

/** w += table[index], in place, after the gather; large enough for threads if asked. */
function gatherUpdate(size: number): Plan {
  const p = new PlanBuilder();
  const w = p.input(size);
  const table = p.input(10);
  const index = p.input(size, "int32");
  const picked = p.temporary(size);
  p.step(picked, (e) => e.gather(table, index));
  p.commitHere();
  p.step(w, (e) => e.add(e.load(w), e.load(picked)));
  p.output(w, w);
  return p.plan();
}

describe.each([1, 2, 3])("what goes wrong on %i threads", (threads) => {
  it("in the data is a typed error, and nothing has changed", async () => {
    const backend = make({ threads });
    const size = 50_000;
    const program = backend.compile(gatherUpdate(size));
    await backend.ready();
    const table = buffer(ramp(10));
    const index = new Int32Array(size).fill(3);
    const w = state(new Float32Array(size));
    for (const at of [0, size - 1, 25_001]) {
      const bad = index.slice();
      bad[at] = 10;
      let error: unknown;
      try {
        run(backend, program, [w, table, new Buffer("int32", size, bad)]);
      } catch (caught) {
        error = caught;
      }
      expect(error).toBeInstanceOf(ArgumentError);
      expect(String(error)).toBe(
        "ArgumentError: gather: an index is outside [0, 10)\n  in: model.emb",
      );
      expect(backend.read(w).every((v) => v === 0)).toBe(true);
    }
    const [next] = run(backend, program, [w, table, new Buffer("int32", size, index)]);
    expect(backend.read(next!).every((v) => v === 3)).toBe(true);
  });

  it("in a kernel is an error that names it, and the backend goes on", async () => {
    const backend = make({ threads });
    const size = 50_000;
    const p = new PlanBuilder();
    const x = p.input(size);
    const y = p.temporary(size);
    p.step(y, (e) => e.load(x));
    const z = p.temporary(size);
    p.step(z, (e) => e.add(e.load(y, 2 ** 29), e.load(x)));
    p.output(z);
    const broken = backend.compile(p.plan());
    const sound = backend.compile(chain(size, 3));
    await backend.ready();
    for (let i = 0; i < 20; i++) {
      expect(() => run(backend, broken, [buffer(ramp(size))])).toThrow(
        /^wasm: kernel step 1 trapped: .*(bounds|access)/,
      );
      const [good] = run(backend, sound, [buffer(ramp(size))], [0]);
      expect(backend.read(good!)[100]).toBe(500);
    }
  });
});

describe("compiling", () => {
  it("shares kernels between programs, whatever the size of the first axis", () => {
    const backend = make();
    const stderr = debugOutput(`
      for (const n of [10, 20, 30]) backend.compile(chain(n, 5));
    `);
    expect(stderr.match(/6 kernels \(2 new/g)?.length).toBe(1);
    expect(stderr.match(/6 kernels \(0 new/g)?.length).toBe(2);
    expect(backend.describe().simd).toBe(true);
  });

  it("tells constants apart that JSON does not", () => {
    const backend = make();
    for (const x of [Infinity, -Infinity, NaN, -0, 0, 1]) {
      const p = new PlanBuilder();
      const y = p.temporary(2);
      p.step(y, (e) => e.value(x));
      p.output(y);
      const [out] = run(backend, backend.compile(p.plan()), []);
      expect(values(backend, out)).toEqual([x, x]);
    }
  });

  it("puts V8's flags back to what the command line says", () => {
    const words = "node --no-liftoff --experimental_wasm_revectorize --max-old-space-size=100 x";
    expect([...parseFlags(words.split(" "))]).toEqual([
      ["liftoff", false],
      ["experimental-wasm-revectorize", true],
    ]);
    expect([...parseFlags(["--liftoff=false", "--nowasm-lazy-compilation"])]).toEqual([
      ["liftoff", false],
      ["wasm-lazy-compilation", false],
    ]);
  });
});

/** Runs a piece of code with ANNEAL_DEBUG in a process of its own; what it says. */
function debugOutput(code: string, level = 1): string {
  const script = `
    import { chain } from "./tests/wasm/runtime-plan.ts";
    import { WasmBackend } from "./src/backend/wasm/backend.ts";
    import { Buffer } from "./src/ir/buffer.ts";
    const backend = new WasmBackend({ threads: 1, revectorize: false });
    ${code}
  `;
  const { stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    encoding: "utf8",
    env: { ...process.env, ANNEAL_DEBUG: String(level) },
    timeout: 20_000,
  });
  expect(status, stderr).toBe(0);
  return stderr;
}

describe("ANNEAL_DEBUG", () => {
  it("shows programs, times, kernels, code and the graph", () => {
    const code = `
      const program = backend.compile(chain(10, 2));
      const out = new Buffer("float32", 10, null);
      backend.run(program, [new Buffer("float32", 10, new Float32Array(10))], [1], [out]);
    `;
    const says = (level: number) => debugOutput(code, level);
    const marks = [
      /^program: 3 kernels/m,
      /^run: [\d.]+ us in 3 kernels/m,
      /loop i0<10/,
      /\(func \$/,
      /^graph:/m,
    ];
    for (const level of [1, 2, 3, 4, 5]) {
      const text = says(level);
      expect(marks.map((mark) => mark.test(text))).toEqual(marks.map((_, i) => i < level));
    }
  });
});

it("lets the process end with idle workers", () => {
  const script = `
    import { chain } from "./tests/wasm/runtime-plan.ts";
    import { WasmBackend } from "./src/backend/wasm/backend.ts";
    import { Buffer } from "./src/ir/buffer.ts";
    const backend = new WasmBackend({ threads: 3 });
    const program = backend.compile(chain(100000, 9));
    await backend.ready();
    const out = new Buffer("float32", 100000, null);
    backend.run(program, [new Buffer("float32", 100000, new Float32Array(100000))], [1], [out]);
    console.log(backend.describe().threadsReady, backend.read(out)[5]);
  `;
  const options = { encoding: "utf8", timeout: 20_000 } as const;
  const args = ["--input-type=module", "-e", script];
  expect(execFileSync(process.execPath, args, options)).toBe("3 1\n");
});

describe("other backends", () => {
  it("null runs nothing", () => {
    const backend = new NullBackend();
    const program = backend.compile(chain(3, 2));
    const out = new Buffer("float32", 3, null);
    backend.run(program, [buffer([1, 2, 3])], [0], [out]);
    expect([...backend.read(out)]).toEqual([0, 0, 0]);
    expect(backend.describe()).toEqual({ programs: 1, runs: 1 });
  });

  it("late answers later, in order, with the values of the call", async () => {
    const late = new LateBackend(make(), { maxDelay: 2 });
    expect(() => late.compile(chain(2, 0))).toThrow("has not answered init yet");
    await late.init();
    const program = await late.compile(update(2));
    const w = state([1, 2]);
    const [a, b] = [new Buffer("float32", 2, null, true), new Buffer("float32", 2, null, true)];
    const scalars = [1];
    const first = late.run(program, [w], scalars, [a]);
    scalars[0] = 10;
    const second = late.run(program, [a], scalars, [b]);
    const read = late.read(b);
    expect([a.device, a.host, b.device]).toEqual([null, null, null]);
    await Promise.all([first, second]);
    expect([...(await read)]).toEqual([12, 13]);
  });

  it("late passes errors on and goes on", async () => {
    const late = new LateBackend(make(), { maxDelay: 1 });
    await late.init();
    const program = await late.compile(gatherUpdate(1));
    const inputs = (at: number) => [
      state([0]),
      buffer(ramp(10)),
      new Buffer("int32", 1, Int32Array.of(at)),
    ];
    const out = new Buffer("float32", 1, null, true);
    await expect(late.run(program, inputs(-1), [], [out])).rejects.toThrow("gather: an index");
    await late.run(program, inputs(7), [], [out]);
    expect([...(await late.read(out))]).toEqual([7]);
  });
});
