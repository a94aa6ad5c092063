// The driver on one, two and more threads, with kernels written by hand (threads-bench.ts): items,
// phases under stress, late workers, faults, traps on any thread, workers that never come back, mail,
// busy machines, and that idle workers let the process end.
import { execFile, execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import {
  control,
  statusAborted,
  statusFault,
  statusLost,
  wakeFrom,
} from "../../src/backend/wasm/driver-control.ts";
import { threadCount } from "../../src/backend/wasm/threads.ts";
import { installModule, takeTrap } from "../../src/backend/wasm/worker-instance.ts";
import { Bench, kernels, loop, type Phase } from "./threads-bench.ts";

let bench: Bench | null = null;

async function start(count: number): Promise<Bench> {
  bench = new Bench(count);
  await bench.threads.ready();
  expect(bench.threads.usable).toBe(count);
  return bench;
}

afterEach(() => {
  bench?.threads.dispose();
  bench = null;
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const { increment, addBoth, slow, trap, trapOnWorker, fault, hang } = kernels;

describe.each([1, 2, 3, 5])("the driver on %i threads", (count) => {
  it("hands out every item once", async () => {
    const b = await start(count);
    for (const [extent, grain] of [
      [1, 1],
      [2, 1],
      [7, 1],
      [100, 16],
      [96, 16],
      [3, 16],
      [1000, 7],
      [4095, 1],
    ] as const) {
      const at = b.array(extent + 8);
      const program = b.program([
        { shared: [{ kernel: increment, operands: [at], extent, grain }] },
      ]);
      expect(b.run(program)).toBe(0);
      expect(b.values(at, extent + 8)).toEqual([...Array(extent).fill(1), ...Array(8).fill(0)]);
    }
  });

  it("runs what comes first once, and several commands in one phase", async () => {
    const b = await start(count);
    const [x, y] = [b.array(10), b.array(10)];
    const all = { kernel: increment, operands: [x], extent: 10 };
    const program = b.program([
      { first: [all, all] },
      {
        first: [all],
        shared: [
          { ...all, grain: 3 },
          { kernel: increment, operands: [y], extent: 10, grain: 0 },
        ],
      },
      { first: [{ ...all, extent: 5 }] },
    ]);
    expect(b.run(program)).toBe(0);
    expect(b.values(x, 10)).toEqual([5, 5, 5, 5, 5, 4, 4, 4, 4, 4]);
    expect(b.values(y, 10)).toEqual(Array(10).fill(1));
  });

  it("never opens a phase before the last is done", async () => {
    const b = await start(count);
    // More threads than cores wait for time slices.
    const phases = count <= availableParallelism() ? 200_000 : 20_000;
    const n = 64;
    const [x, y] = [b.array(n), b.array(n)];
    const [lastX, lastY] = [x + 4 * (n - 1), y + 4 * (n - 1)];
    // y[i] = x[n-1-i] + y[i]; x[i] += y[n-1-i]: all wrong if one thread runs ahead. Modulo 2^32.
    const pair: Phase[] = [
      { shared: [{ kernel: addBoth, operands: [y, lastX], extent: n, grain: 4 }] },
      { shared: [{ kernel: addBoth, operands: [x, lastY], extent: n, grain: 8 }] },
      { shared: [{ kernel: increment, operands: [x], extent: n, grain: 16 }] },
    ];
    const rounds = 12;
    const program = b.program(Array.from({ length: rounds }, () => pair).flat());
    const runs = Math.ceil(phases / (3 * rounds));
    const [wantX, wantY] = [new Int32Array(n), new Int32Array(n)];
    for (let i = 0; i < runs * rounds; i++) {
      for (let k = 0; k < n; k++) wantY[k]! += wantX[n - 1 - k]!;
      for (let k = 0; k < n; k++) wantX[k]! += wantY[n - 1 - k]!;
      for (let k = 0; k < n; k++) wantX[k]! += 1;
    }
    for (let i = 0; i < runs; i++) if (b.run(program) !== 0) throw new Error(`run ${i} failed`);
    expect(b.values(x, n)).toEqual([...wantX]);
    expect(b.values(y, n)).toEqual([...wantY]);
  }, 60_000);

  // A thread that is still at an earlier run's phase meets another program's here, in the same memory.
  it("loses and doubles nothing in very many tiny runs of changing programs", async () => {
    const b = await start(count);
    const n = 24;
    const [x, y] = [b.array(n), b.array(n)];
    const both = { kernel: increment, operands: [x], extent: n };
    const programs = [
      b.program([{ shared: [{ ...both, grain: 1 }] }]),
      b.program([{ first: [both] }]),
      b.program([
        { shared: [{ ...both, grain: 12 }], cost: wakeFrom },
        { shared: [{ ...both, operands: [y], grain: 5 }] },
      ]),
      b.program([{ first: [both], shared: [{ ...both, operands: [y], grain: 0 }] }]),
    ];
    const runs = count <= availableParallelism() ? 100_000 : 20_000;
    let state = 1;
    let [wantX, wantY] = [0, 0];
    const adds = [
      [1, 0],
      [1, 0],
      [1, 1],
      [1, 1],
    ] as const;
    for (let i = 0; i < runs; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const which = state >>> 30;
      if (b.run(programs[which]!) !== 0) throw new Error(`run ${i} failed`);
      wantX += adds[which]![0];
      wantY += adds[which]![1];
      if (b.memory.i32[x / 4 + (i % n)] !== wantX) throw new Error(`run ${i}: a wrong count`);
    }
    expect(b.values(x, n)).toEqual(Array(n).fill(wantX));
    expect(b.values(y, n)).toEqual(Array(n).fill(wantY));
  }, 60_000);

  it("stops at a check after a fault, on all threads", async () => {
    const b = await start(count);
    const at = b.array(100);
    const shared = [{ kernel: increment, operands: [at], extent: 100 }];
    const faulty = b.program([
      { shared },
      { first: [{ kernel: fault, operands: [at], extent: 1 }] },
      { shared, check: true },
      { shared },
    ]);
    for (let i = 0; i < 200; i++) expect(b.run(faulty)).toBe(statusFault);
    expect(b.values(at, 100)).toEqual(Array(100).fill(200));
    b.memory.i32[control.faultNumber >> 2] = 0;
    expect(b.run(b.program([{ shared }, { shared, check: true }]))).toBe(0);
    expect(b.values(at, 100)).toEqual(Array(100).fill(202));
  });

  it("sleeps between runs and wakes", async () => {
    const b = await start(count);
    const at = b.array(30);
    const shared = [{ kernel: increment, operands: [at], extent: 30 }];
    const [waking, quiet] = [b.program([{ shared, cost: wakeFrom }]), b.program([{ shared }])];
    for (let i = 0; i < 5; i++) {
      await pause(10);
      expect(b.run(i % 2 === 0 ? waking : quiet)).toBe(0);
    }
    expect(b.values(at, 30)).toEqual(Array(30).fill(5));
  });
});

describe("late workers", () => {
  /** Which threads ran items: each adds to an element of its own. */
  function whoRuns(b: Bench, phase: Partial<Phase>): number[] {
    const [at, turns] = [b.array(64), 20_000];
    const shared = [{ kernel: slow, operands: [at, turns], extent: 1, grain: 0 }];
    const items = Array.from({ length: 100 }, () => shared[0]!);
    const each = (operands: readonly number[], t: number) => [operands[0]! + 64 * t, turns];
    const program = b.program([{ ...phase, shared: items }], each);
    expect(b.run(program)).toBe(0);
    return Array.from({ length: b.threads.count }, (_, t) => b.values(at + 64 * t, 1)[0]!);
  }

  it("come when they are woken, and only then", async () => {
    const b = await start(3);
    // On a busy machine a worker may be late to sleep, or to wake within 100 items of 10 µs: not always.
    const one = async (options: { cost?: number }, seen: (others: number) => boolean) => {
      for (let i = 0; i < 50; i++) {
        await pause(20);
        const [main, ...others] = whoRuns(b, options);
        const sum = others.reduce((x, y) => x + y, 0);
        expect(main! + sum).toBe(100);
        if (seen(sum)) return true;
      }
      return false;
    };
    expect(await one({}, (others) => others === 0)).toBe(true);
    expect(await one({ cost: wakeFrom }, (others) => others > 0)).toBe(true);
  });

  it("come for short phases when they missed enough of them", async () => {
    const b = await start(2);
    const came: boolean[] = [];
    for (let i = 0; i < 80; i++) {
      await pause(20);
      came.push(whoRuns(b, { cost: wakeFrom / 8 })[1]! > 0);
    }
    // Every eighth run rings; on a busy machine a worker may be late, or not yet asleep.
    const times = came.filter(Boolean).length;
    expect(times).toBeGreaterThan(0);
    expect(times).toBeLessThan(40);
  });

  it("are not needed at all", async () => {
    const b = new Bench(4);
    bench = b;
    // No worker has been started: the main thread does every thread's items.
    const at = b.array(100);
    const shared = [{ kernel: increment, operands: [at], extent: 100, grain: 3 }];
    const program = b.program(Array.from({ length: 10 }, () => ({ shared, cost: wakeFrom })));
    expect(b.run(program)).toBe(0);
    expect(b.values(at, 100)).toEqual(Array(100).fill(10));
  });

  it("take no items of modules that they lack", async () => {
    const b = await start(2);
    // Mail that never comes: the worker waits for it, outside of runs.
    Atomics.add(b.memory.i32, control.posted >> 2, 1);
    b.driver.mail(2);
    expect(whoRuns(b, { cost: wakeFrom })).toEqual([100, 0]);
    await pause(5);
    expect(whoRuns(b, { cost: wakeFrom })).toEqual([100, 0]);
  });
});

describe("traps", () => {
  async function works(b: Bench, at: number) {
    b.memory.i32.fill(0, at / 4, at / 4 + 30);
    const shared = [{ kernel: increment, operands: [at], extent: 30 }];
    expect(b.run(b.program([{ shared, cost: wakeFrom }]))).toBe(0);
    expect(b.values(at, 30)).toEqual(Array(30).fill(1));
  }

  it("of items that a worker took or stole end the run for all, and the next run works", async () => {
    const b = await start(3);
    const at = b.array(30);
    // The main thread holds on until a worker has trapped: its own items are slow.
    const first = { kernel: slow, operands: [at, 1000], extent: 30, grain: 1 };
    const traps = { kernel: trapOnWorker, operands: [at, 0], extent: 2000, grain: 1 };
    const after = { kernel: trap, operands: [at], extent: 30 };
    const program = b.program(
      [{ shared: [first, traps], cost: wakeFrom }, { shared: [after] }],
      (operands, t) => (operands[1] === 0 ? [operands[0]!, t] : operands),
    );
    for (let i = 0; i < 50; i++) {
      // A worker that came too late did not trap; then the next phase does, on any thread.
      let status = 0;
      try {
        status = b.run(program);
      } catch {
        status = b.driver.rescue(1);
      }
      expect(status).toBe(statusAborted);
      takeTrap(b.memory.memory);
    }
    await works(b, at);
  });

  it("on a worker are told", async () => {
    const b = await start(2);
    const at = b.array(30);
    // 20 ms of slow items before the main thread could come to the end of the worker's half.
    const mine = { kernel: slow, operands: [at, 1_000_000], extent: 30 };
    const theirs = { kernel: trapOnWorker, operands: [at, 0], extent: 30 };
    const program = b.program([{ shared: [mine, theirs], cost: wakeFrom }], (operands, t) =>
      operands[1] === 0 ? [operands[0]!, t] : operands,
    );
    expect(b.run(program)).toBe(statusAborted);
    expect(takeTrap(b.memory.memory)).toMatchObject({
      thread: 1,
      text: expect.stringMatching("unreachable"),
    });
    await works(b, at);
  });

  it("on the main thread free the workers", async () => {
    const b = await start(3);
    const at = b.array(30);
    const shared = [{ kernel: increment, operands: [at], extent: 30 }];
    const program = b.program([
      { shared },
      { first: [{ kernel: trap, operands: [at], extent: 1 }], shared },
      { shared },
    ]);
    let thrown = 0;
    for (let i = 0; i < 50; i++) {
      // Whoever ends the first phase runs into the trap.
      try {
        expect(b.run(program)).toBe(statusAborted);
      } catch (error) {
        expect(String(error)).toMatch("unreachable");
        expect(b.driver.rescue(1)).toBe(statusAborted);
        thrown++;
      }
    }
    expect(thrown).toBeGreaterThan(0);
    expect(b.values(at, 30)).toEqual(Array(30).fill(50));
    await works(b, at);
  });
});

describe("workers", () => {
  it("that never come back end the run, and further runs use one thread", async () => {
    const b = await start(2);
    b.memory.i32[control.patience >> 2] = 4;
    const at = b.array(30);
    // The main thread is busy long enough for the worker to take an item of its own half.
    const mine = { kernel: slow, operands: [at, 1_000_000], extent: 30 };
    const theirs = { kernel: hang, operands: [at, 0], extent: 30 };
    const program = b.program(
      [{ shared: [mine, theirs], cost: wakeFrom }, { shared: [mine] }],
      (operands, t) => (operands[1] === 0 ? [operands[0]!, t] : operands),
    );
    expect(b.run(program)).toBe(statusLost);
    expect(b.threads.lose().message).toMatch("a worker thread has not answered for 0.2 s");
    expect(b.threads.working).toBe(false);
    expect(b.threads.usable).toBe(1);
    expect(b.values(at, 30)).toEqual(Array(30).fill(1));
  });

  it("that end between runs are done without", async () => {
    const b = await start(3);
    const at = b.array(30);
    const shared = [{ kernel: increment, operands: [at], extent: 30 }];
    const program = b.program([{ shared, cost: wakeFrom }]);
    b.threads.dispose();
    expect(b.threads.working).toBe(false);
    for (let i = 0; i < 1000; i++) expect(b.run(program)).toBe(0);
    await pause(50);
    expect(b.run(program)).toBe(0);
    expect(b.values(at, 30)).toEqual(Array(30).fill(1001));
  });

  it("fetch modules that are sent while they sleep", async () => {
    const b = await start(2);
    for (let first = 7; first < 17; first++) {
      const module = new ModuleBuilder();
      module.importMemory({ module: "env", name: "memory", min: 1, max: 65536, shared: true });
      module.importTable("env", "table");
      const f = module.func(["i32", "i32", "i32"], [], "store");
      loop(f, (at) => {
        f.get(at);
        f.i32(first);
        f.mem("i32.store");
      });
      module.fillTable(first, [f]);
      const compiled = new WebAssembly.Module(module.toBytes());
      const at = b.array(100);
      const program = b.program([
        { shared: [{ kernel: first, operands: [at], extent: 100 }], cost: wakeFrom },
      ]);
      b.threads.send({ module: compiled, functions: first + 1 });
      installModule({ module: compiled, functions: first + 1 }, b.memory.memory, b.table);
      // The worker may have it or not.
      expect(b.run(program)).toBe(0);
      expect(b.values(at, 100)).toEqual(Array(100).fill(first));
      await b.threads.ready();
      expect(b.threads.usable).toBe(2);
      b.memory.i32.fill(0, at / 4, at / 4 + 100);
      expect(b.run(program)).toBe(0);
      expect(b.values(at, 100)).toEqual(Array(100).fill(first));
    }
  });

  // Static shares would wait for a time slice of the busy processes at most phases: 3 ms and more each.
  it("do not hold up a run on a busy machine", async () => {
    const b = await start(2);
    const at = b.array(64);
    const shared = [{ kernel: slow, operands: [at, 10_000], extent: 64, grain: 4 }];
    const program = b.program(Array.from({ length: 50 }, () => ({ shared, cost: wakeFrom })));
    const time = () => {
      const begin = performance.now();
      for (let i = 0; i < 10; i++) expect(b.run(program)).toBe(0);
      return performance.now() - begin;
    };
    time();
    const alone = time();
    const spin = "const end = Date.now() + 20000; while (Date.now() < end);";
    const busy = [0, 1, 2].map(() => execFile(process.execPath, ["-e", spin]));
    try {
      await pause(300);
      // A third of two cores at least, in slices; 25 allows for whoever else is at work.
      expect(time()).toBeLessThan(25 * alone + 500);
    } finally {
      for (const child of busy) child.kill("SIGKILL");
    }
    expect(b.values(at, 64)).toEqual(Array(64).fill(1500));
  }, 60_000);

  it("let an idle process end", () => {
    const script = `
      import { renderDriver } from "./src/backend/wasm/driver.ts";
      import { DeviceMemory } from "./src/backend/wasm/memory.ts";
      import { Threads } from "./src/backend/wasm/threads.ts";
      import { installModule, makeTable } from "./src/backend/wasm/worker-instance.ts";
      const memory = new DeviceMemory(true).memory;
      const module = new WebAssembly.Module(renderDriver(true));
      const driver = installModule({ module, functions: 0 }, memory, makeTable());
      const threads = new Threads(3, memory, driver, module);
      await threads.ready();
      console.log("usable", threads.usable);
    `;
    const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      timeout: 20_000,
      encoding: "utf8",
    });
    expect(out).toBe("usable 3\n");
  });
});

describe("the number of threads", () => {
  it("is what is asked for, or the environment's", () => {
    const before = process.env.ANNEAL_THREADS;
    try {
      process.env.ANNEAL_THREADS = "3";
      expect(threadCount()).toBe(3);
      expect(threadCount(2)).toBe(2);
      process.env.ANNEAL_THREADS = "many";
      expect(() => threadCount()).toThrow(
        "wasm: ANNEAL_THREADS=many is no number of threads (1 to 64)",
      );
      expect(() => threadCount(0)).toThrow("wasm: threads: 0 is no number of threads (1 to 64)");
      delete process.env.ANNEAL_THREADS;
      expect(threadCount()).toBeGreaterThanOrEqual(1);
      expect(threadCount()).toBeLessThanOrEqual(16);
    } finally {
      if (before === undefined) delete process.env.ANNEAL_THREADS;
      else process.env.ANNEAL_THREADS = before;
    }
  });
});
