// The driver on one, two and three threads, with kernels written here by hand: shares, barriers under
// stress, faults, traps on any thread, mail, and that idle workers let the process end.
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { type FuncBuilder, ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import { renderDriver } from "../../src/backend/wasm/driver.ts";
import {
  barrierFlag,
  checkFlag,
  command,
  commandBytes,
  control,
  type Driver,
  parallelFlag,
  statusAborted,
  statusFault,
} from "../../src/backend/wasm/driver-control.ts";
import { DeviceMemory } from "../../src/backend/wasm/memory.ts";
import { Threads, threadCount } from "../../src/backend/wasm/threads.ts";
import { installModule, makeTable, takeTrap } from "../../src/backend/wasm/worker-instance.ts";

interface Command {
  kernel: number;
  operands: number[];
  extent: number;
  grain?: number;
  flags?: number;
}

/** Kernels by table index. */
const kernels = { increment: 0, addBoth: 1, fault: 2, trap: 3, trapAbove: 4 };

/** for (i = lo; i < hi; i++) body(address of element i of operand 0) */
function loop(f: FuncBuilder, body: (at: number) => void): void {
  const [p, lo, hi] = [0, 1, 2];
  const at = f.local("i32");
  f.block();
  const top = f.loop();
  f.get(lo);
  f.get(hi);
  f.op("i32.lt_u");
  f.if();
  f.get(p);
  f.mem("i32.load");
  f.get(lo);
  f.i32(2);
  f.op("i32.shl");
  f.op("i32.add");
  f.set(at);
  body(at);
  f.get(lo);
  f.i32(1);
  f.op("i32.add");
  f.set(lo);
  f.br(top);
  f.end();
  f.end();
  f.end();
}

function renderKernels(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory", min: 1, max: 65536, shared });
  module.importTable("env", "table");
  const kernel = (name: string) => module.func(["i32", "i32", "i32"], [], name);
  const increment = kernel("increment");
  loop(increment, (at) => {
    increment.get(at);
    increment.get(at);
    increment.mem("i32.load");
    increment.i32(1);
    increment.op("i32.add");
    increment.mem("i32.store");
  });
  // a[i] = a[i] + b[extent - 1 - i]: needs what another thread made. b's last element is operand 1.
  const addBoth = kernel("addBoth");
  const offset = addBoth.local("i32");
  loop(addBoth, (at) => {
    addBoth.get(1);
    addBoth.i32(2);
    addBoth.op("i32.shl");
    addBoth.set(offset);
    addBoth.get(at);
    addBoth.get(at);
    addBoth.mem("i32.load");
    addBoth.get(0);
    addBoth.mem("i32.load", 4);
    addBoth.get(offset);
    addBoth.op("i32.sub");
    addBoth.mem("i32.load");
    addBoth.op("i32.add");
    addBoth.mem("i32.store");
  });
  const fault = kernel("fault");
  fault.i32(0);
  fault.i32(8);
  fault.mem("i32.store", control.faultNumber);
  const trap = kernel("trap");
  trap.op("unreachable");
  const trapAbove = kernel("trapAbove");
  trapAbove.get(1);
  trapAbove.if();
  trapAbove.op("unreachable");
  trapAbove.end();
  module.fillTable(0, [increment, addBoth, fault, trap, trapAbove]);
  return module.toBytes();
}

/** Memory, driver, threads and the kernels above. */
class Bench {
  readonly memory: DeviceMemory;
  readonly driver: Driver;
  readonly threads: Threads;
  readonly table = makeTable();
  private list = 0;
  private count = 0;

  constructor(count: number) {
    const shared = count > 1;
    this.memory = new DeviceMemory(shared);
    const { table } = this;
    const bytes = renderDriver(shared);
    const own = this.memory.memory;
    this.driver = installModule({ module: bytes, functions: 0 }, own, table) as never;
    this.threads = new Threads(count, own, this.driver, new WebAssembly.Module(bytes));
    const module = new WebAssembly.Module(renderKernels(shared));
    installModule({ module, functions: 5 }, own, table);
    this.threads.send({ module, functions: 5 });
  }

  array(length: number): number {
    const at = this.memory.allocate(4 * length, "a test");
    this.memory.i32.fill(0, at / 4, at / 4 + length);
    return at;
  }

  values(at: number, length: number): number[] {
    return [...this.memory.i32.slice(at / 4, at / 4 + length)];
  }

  /** Writes a command list. */
  program(commands: Command[]): void {
    const stride = 512;
    const { count } = this.threads;
    this.count = commands.length;
    const bytes = (commandBytes + stride * count) * commands.length + 512;
    this.list = this.memory.allocate(bytes, "a test");
    let params = Math.ceil((this.list + commandBytes * this.count) / 64) * 64 + 256;
    commands.forEach(({ kernel, operands, extent, grain = 1, flags = 0 }, i) => {
      const words = this.memory.i32.subarray(this.list / 4 + 8 * i);
      words[command.func] = kernel;
      words[command.params] = params;
      words[command.stride] = stride;
      words[command.extent] = extent;
      words[command.grain] = grain;
      words[command.pieces] = Math.ceil(extent / grain);
      words[command.flags] = flags;
      for (let t = 0; t < count; t++) {
        this.memory.i32.set(operands, (params + t * stride) / 4);
      }
      params += stride * count;
    });
  }

  run(threads = this.threads.count): number {
    return this.driver.run(this.list, this.count, threads, 1);
  }
}

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

const all = parallelFlag | barrierFlag;

describe.each([1, 2, 3, 5])("the driver on %i threads", (count) => {
  it("hands out every piece once", async () => {
    const b = await start(count);
    for (const [extent, grain] of [
      [1, 1],
      [2, 1],
      [7, 1],
      [100, 16],
      [96, 16],
      [3, 16],
      [1000, 7],
    ] as const) {
      const at = b.array(extent + 8);
      b.program([{ kernel: 0, operands: [at], extent, grain, flags: parallelFlag }]);
      expect(b.run()).toBe(0);
      expect(b.values(at, extent + 8)).toEqual([...Array(extent).fill(1), ...Array(8).fill(0)]);
    }
  });

  it("runs commands without the flag on one thread", async () => {
    const b = await start(count);
    const at = b.array(10);
    b.program([
      { kernel: 0, operands: [at], extent: 10 },
      { kernel: 0, operands: [at], extent: 10, flags: barrierFlag },
      { kernel: 0, operands: [at], extent: 5 },
    ]);
    expect(b.run()).toBe(0);
    expect(b.values(at, 10)).toEqual([3, 3, 3, 3, 3, 2, 2, 2, 2, 2]);
  });

  it("meets at very many barriers", async () => {
    const b = await start(count);
    // More threads than cores wait for time slices at each barrier.
    const barriers = count <= availableParallelism() ? 100_000 : 3_000;
    const n = 64;
    const [x, y] = [b.array(n), b.array(n)];
    const [lastX, lastY] = [x + 4 * (n - 1), y + 4 * (n - 1)];
    // y[i] = x[n-1-i] + y[i]; x[i] += y[n-1-i]: all wrong if one thread runs ahead. Modulo 2^32.
    const pair = [
      { kernel: 1, operands: [y, lastX], extent: n, grain: 4, flags: all },
      { kernel: 1, operands: [x, lastY], extent: n, grain: 4, flags: all },
      { kernel: 0, operands: [x], extent: n, grain: 16, flags: all },
    ];
    const rounds = 12;
    b.program(Array.from({ length: rounds }, () => pair).flat());
    const runs = Math.ceil(barriers / (3 * rounds));
    const [wantX, wantY] = [new Int32Array(n), new Int32Array(n)];
    for (let i = 0; i < runs * rounds; i++) {
      for (let k = 0; k < n; k++) wantY[k]! += wantX[n - 1 - k]!;
      for (let k = 0; k < n; k++) wantX[k]! += wantY[n - 1 - k]!;
      for (let k = 0; k < n; k++) wantX[k]! += 1;
    }
    for (let i = 0; i < runs; i++) if (b.run() !== 0) throw new Error(`run ${i} failed`);
    expect(b.values(x, n)).toEqual([...wantX]);
    expect(b.values(y, n)).toEqual([...wantY]);
  }, 60_000);

  it("stops at a check after a fault, on all threads", async () => {
    const b = await start(count);
    const at = b.array(100);
    const check = all | checkFlag;
    b.program([
      { kernel: 0, operands: [at], extent: 100, flags: all },
      { kernel: kernels.fault, operands: [at], extent: 1 },
      { kernel: 0, operands: [at], extent: 100, flags: check },
      { kernel: 0, operands: [at], extent: 100, flags: all },
    ]);
    for (let i = 0; i < 200; i++) expect(b.run()).toBe(statusFault);
    expect(b.values(at, 100)).toEqual(Array(100).fill(200));
    b.memory.i32[control.faultNumber >> 2] = 0;
    b.program([
      { kernel: 0, operands: [at], extent: 100, flags: all },
      { kernel: 0, operands: [at], extent: 100, flags: check },
    ]);
    expect(b.run()).toBe(0);
    expect(b.values(at, 100)).toEqual(Array(100).fill(202));
  });

  it("sleeps between runs and wakes", async () => {
    const b = await start(count);
    const at = b.array(30);
    b.program([{ kernel: 0, operands: [at], extent: 30, flags: all }]);
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(b.run()).toBe(0);
    }
    expect(b.values(at, 30)).toEqual(Array(30).fill(5));
  });
});

describe("traps", () => {
  it("on a worker end the run for all, and the next run works", async () => {
    const b = await start(3);
    const at = b.array(30);
    for (let i = 0; i < 50; i++) {
      b.program([
        { kernel: kernels.trapAbove, operands: [at], extent: 30, flags: all },
        { kernel: 0, operands: [at], extent: 30, flags: all },
        { kernel: 0, operands: [at], extent: 30, flags: all },
      ]);
      expect(b.run()).toBe(statusAborted);
      expect(takeTrap(b.memory.memory)).toMatchObject({
        text: expect.stringMatching("unreachable"),
      });
    }
    b.memory.i32.fill(0, at / 4, at / 4 + 30);
    b.program([{ kernel: 0, operands: [at], extent: 30, flags: all }]);
    expect(b.run()).toBe(0);
    expect(b.values(at, 30)).toEqual(Array(30).fill(1));
  });

  it("on the main thread free the workers", async () => {
    const b = await start(3);
    const at = b.array(30);
    for (let i = 0; i < 50; i++) {
      b.program([
        { kernel: 0, operands: [at], extent: 30, flags: all },
        { kernel: kernels.trap, operands: [at], extent: 1 },
        { kernel: 0, operands: [at], extent: 30, flags: all },
      ]);
      expect(() => b.run()).toThrow("unreachable");
      b.driver.rescue(3, 1);
    }
    // Workers may have left before their share of the first command: that is all that may be missing.
    expect(b.values(at, 30).slice(0, 10)).toEqual(Array(10).fill(50));
    b.memory.i32.fill(0, at / 4, at / 4 + 30);
    b.program([{ kernel: 0, operands: [at], extent: 30, flags: all }]);
    expect(b.run()).toBe(0);
    expect(b.values(at, 30)).toEqual(Array(30).fill(1));
  });
});

describe("workers", () => {
  it("fetch modules that are sent while they sleep", async () => {
    const b = await start(2);
    for (let first = 5; first < 15; first++) {
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
      b.threads.send({ module: compiled, functions: first + 1 });
      expect(b.threads.usable === 1 || b.threads.usable === 2).toBe(true);
      await b.threads.ready();
      expect(b.threads.usable).toBe(2);
      installModule({ module: compiled, functions: first + 1 }, b.memory.memory, b.table);
      const at = b.array(100);
      b.program([{ kernel: first, operands: [at], extent: 100, flags: all }]);
      expect(b.run()).toBe(0);
      expect(b.values(at, 100)).toEqual(Array(100).fill(first));
    }
  });

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
