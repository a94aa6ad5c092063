// A driver with worker threads and a few kernels written here by hand, for the tests of both: phases are
// given as lists of commands. Not here: tests.

import { type FuncBuilder, ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import { renderDriver } from "../../src/backend/wasm/driver.ts";
import {
  command,
  commandBytes,
  control,
  type Driver,
  item,
  itemBytes,
  phase,
  phaseBytes,
} from "../../src/backend/wasm/driver-control.ts";
import { DeviceMemory } from "../../src/backend/wasm/memory.ts";
import { Threads } from "../../src/backend/wasm/threads.ts";
import { installModule, makeTable } from "../../src/backend/wasm/worker-instance.ts";

export interface Command {
  readonly kernel: number;
  /** Words of its parameters. */
  readonly operands: readonly number[];
  readonly extent: number;
  /** Items are so long; 0: the whole command is one. */
  readonly grain?: number;
}

export interface Phase {
  readonly first?: readonly Command[];
  readonly shared?: readonly Command[];
  readonly check?: boolean;
  /** Microseconds that it says it takes. */
  readonly cost?: number;
}

/** Kernels by table index. */
export const kernels = {
  increment: 0,
  addBoth: 1,
  fault: 2,
  trap: 3,
  /** Traps on threads other than the first one, whose parameters' second word is 0. */
  trapOnWorker: 4,
  /** Spins for as many turns as its second word says, then increments. */
  slow: 5,
  /** Does not return on the thread whose second word is not 0. */
  hang: 6,
} as const;
const kernelCount = 7;

/** for (i = lo; i < hi; i++) body(address of element i of operand 0) */
export function loop(f: FuncBuilder, body: (at: number) => void): void {
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

/** Adds 1 to the element at an address. */
function bump(f: FuncBuilder, at: number): void {
  f.get(at);
  f.get(at);
  f.mem("i32.load");
  f.i32(1);
  f.op("i32.add");
  f.mem("i32.store");
}

function renderKernels(shared: boolean): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory", min: 1, max: 65536, shared });
  module.importTable("env", "table");
  const kernel = (name: string) => module.func(["i32", "i32", "i32"], [], name);
  const increment = kernel("increment");
  loop(increment, (at) => bump(increment, at));
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
  const trapOnWorker = kernel("trapOnWorker");
  trapOnWorker.get(0);
  trapOnWorker.mem("i32.load", 4);
  trapOnWorker.if();
  trapOnWorker.op("unreachable");
  trapOnWorker.end();
  const slow = kernel("slow");
  const left = slow.local("i32");
  slow.get(0);
  slow.mem("i32.load", 4);
  slow.set(left);
  const turns = slow.loop();
  slow.get(left);
  slow.i32(1);
  slow.op("i32.sub");
  slow.tee(left);
  slow.brIf(turns);
  slow.end();
  loop(slow, (at) => bump(slow, at));
  const hang = kernel("hang");
  const forever = hang.loop();
  hang.get(0);
  hang.mem("i32.load", 4);
  hang.brIf(forever);
  hang.end();
  module.fillTable(0, [increment, addBoth, fault, trap, trapOnWorker, slow, hang]);
  return module.toBytes();
}

/** Memory, driver, threads and the kernels above. */
export class Bench {
  readonly memory: DeviceMemory;
  readonly driver: Driver;
  readonly threads: Threads;
  readonly table = makeTable();

  constructor(count: number) {
    const shared = count > 1;
    this.memory = new DeviceMemory(shared);
    const { table } = this;
    const bytes = renderDriver(shared);
    const own = this.memory.memory;
    this.driver = installModule({ module: bytes, functions: 0 }, own, table) as never;
    this.threads = new Threads(count, own, this.driver, new WebAssembly.Module(bytes));
    const module = new WebAssembly.Module(renderKernels(shared));
    installModule({ module, functions: kernelCount }, own, table);
    this.threads.send({ module, functions: kernelCount });
  }

  array(length: number): number {
    const at = this.memory.allocate(4 * length, "a test");
    this.memory.i32.fill(0, at / 4, at / 4 + length);
    return at;
  }

  values(at: number, length: number): number[] {
    return [...this.memory.i32.slice(at / 4, at / 4 + length)];
  }

  /** Writes phases; `perThread` changes operands of a thread. Returns what {@link run} takes. */
  program(
    phases: readonly Phase[],
    perThread: (operands: readonly number[], thread: number) => readonly number[] = (o) => o,
  ): { at: number; count: number } {
    // Allocation may grow the memory, and then makes new views.
    const { memory } = this;
    const { count } = this.threads;
    const stride = 512;
    const makeCommands = (list: readonly Command[]) => {
      const at = this.array((list.length * commandBytes) / 4 + 16);
      list.forEach(({ kernel, operands, extent }, i) => {
        const params = this.array((stride * count) / 4) + 256;
        const word = (at + commandBytes * i) / 4;
        memory.i32[word + command.func] = kernel;
        memory.i32[word + command.params] = params;
        memory.i32[word + command.stride] = stride;
        memory.i32[word + command.extent] = extent;
        memory.i32[word + command.check] = 0;
        for (let t = 0; t < count; t++)
          memory.i32.set(perThread(operands, t), (params + t * stride) / 4);
      });
      return at;
    };
    const at = this.array((phases.length * phaseBytes) / 4 + 16);
    phases.forEach(({ first = [], shared = [], check, cost = 0 }, p) => {
      const commands = makeCommands(shared);
      const items = shared.flatMap((c, k) => itemsOf(c, commands + commandBytes * k));
      const itemsAt = this.array((items.length * itemBytes) / 4 + 16);
      items.forEach((words, i) => {
        memory.i32.set(words, (itemsAt + itemBytes * i) / 4);
      });
      const word = (at + phaseBytes * p) / 4;
      memory.i32[word + phase.first] = makeCommands(first);
      memory.i32[word + phase.firstCount] = first.length;
      memory.i32[word + phase.items] = itemsAt;
      memory.i32[word + phase.itemCount] = items.length;
      memory.i32[word + phase.check] = check ? 1 : 0;
      memory.i32[word + phase.cost] = cost;
    });
    return { at, count: phases.length };
  }

  run({ at, count }: { at: number; count: number }): number {
    return this.driver.run(at, count, this.threads.count, 1);
  }
}

function itemsOf({ extent, grain = 1 }: Command, at: number): number[][] {
  const words = { [item.command]: at, [item.count]: 0, [item.low]: 0, [item.high]: 0 };
  const make = (more: object): number[] => Object.values({ ...words, ...more });
  if (grain === 0) return [make({ [item.count]: 1 })];
  return Array.from({ length: Math.ceil(extent / grain) }, (_, i) =>
    make({ [item.low]: grain * i, [item.high]: Math.min(extent, grain * (i + 1)) }),
  );
}
