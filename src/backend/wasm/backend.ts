// The wasm backend: plans become command lists over one memory, run by a driver on one or more threads.
// Everything is synchronous. State and results stay in wasm memory until somebody reads them; what a user
// reads is a copy. Not here: memory (memory.ts), commands (program.ts), code (program-kernels.ts).

import type { Buffer } from "../../ir/buffer.ts";
import type { TypedArray } from "../../ir/dtype.ts";
import type { Plan, Target } from "../../schedule/plan.ts";
import { debugLevel, runtimeName, strictMode } from "../../util/env.ts";
import { ArgumentError, DeviceError } from "../../util/errors.ts";
import type { Backend, Program } from "../backend.ts";
import { renderDriver } from "./driver.ts";
import {
  commandBytes,
  control,
  type Driver,
  line,
  lineBytes,
  phaseBytes,
  statusAborted,
  statusLost,
} from "./driver-control.ts";
import { withFlags } from "./flags.ts";
import { DeviceMemory, elementsOf, giveBack, hostOf } from "./memory.ts";
import type { Block } from "./memory-blocks.ts";
import { type Choice, chooseCode, hasSimd, measureTiles } from "./probe.ts";
import { type InputSlot, WasmProgram } from "./program.ts";
import { describeProgram, describeRun } from "./program-debug.ts";
import { Keeper } from "./program-kept.ts";
import { KernelCache } from "./program-kernels.ts";
import { canShareMemory, maySleep, Threads, threadCount } from "./threads.ts";
import { installModule, makeTable, noteTrap, takeTrap } from "./worker-instance.ts";

export interface WasmOptions {
  /** Tells it from other devices; else "wasm", or "wasm strict". */
  name?: string;
  /** Threads, the calling one included; else ANNEAL_THREADS, else one a core. */
  threads?: number;
  /** False: no 256-bit code even where V8 can. */
  revectorize?: boolean;
  /** True: no relaxed instructions and no algorithm of other rounding, so that results have the same
   *  bits on every machine; else ANNEAL_STRICT=1 says so. */
  strict?: boolean;
  /** Bytes of state that stay in wasm memory; beyond, the least recently used move to the host. */
  stateBudget?: number;
  /** The same of results, and of inputs that come more than once. */
  resultBudget?: number;
  /** Splits every kernel that has two pieces among the threads, however small it is: for tests. */
  splitAll?: boolean;
}

/** What is made by `init`. */
interface Running {
  readonly memory: DeviceMemory;
  readonly driver: Driver;
  readonly threads: Threads;
  readonly kernels: KernelCache;
  readonly choice: Choice;
}

/** Inputs up to this size are copied at each run rather than kept. */
const keepFrom = 16384;
/** Data from the host gets a block at once if it is at most this share of the results' budget. */
const placedShare = 8;
/** One program keeps at most this share of the results' budget of what it made of state. */
const keptShare = 4;

/**
 * Runs programs as WebAssembly with SIMD, on worker threads where memory can be shared.
 * Throws a DeviceError where the runtime has no WebAssembly SIMD.
 */
export class WasmBackend implements Backend {
  readonly name: string;
  readonly target: Target;
  private readonly options: WasmOptions & { readonly strict: boolean };
  private readonly wantedThreads: number;
  private readonly level: number;
  private readonly block: 0 | 1;
  private running: Running | null = null;

  constructor(options: WasmOptions = {}) {
    if (!hasSimd()) {
      throw new DeviceError("wasm", "this runtime has no WebAssembly SIMD", {
        hint: 'use the slow fallback: device("reference")',
      });
    }
    const strict = strictMode(options.strict);
    this.name = options.name ?? (strict ? "wasm strict" : "wasm");
    this.target = { columns: 16, lanes: 4, strict, winograd: true };
    this.options = { ...options, strict };
    this.wantedThreads = threadCount(options.threads);
    this.level = debugLevel();
    this.block = maySleep() ? 1 : 0;
  }

  init(): void {
    this.running ??= this.start();
  }

  private start(): Running {
    const shared = this.wantedThreads > 1 && canShareMemory();
    const { stateBudget, resultBudget } = this.options;
    const memory = new DeviceMemory(shared, { state: stateBudget, results: resultBudget });
    const table = makeTable();
    const bytes = renderDriver(shared);
    const module = withFlags(false, () => new WebAssembly.Module(bytes));
    const exports = installModule({ module, functions: 0 }, memory.memory, table);
    const driver = exports as unknown as Driver;
    const threads = new Threads(shared ? this.wantedThreads : 1, memory.memory, driver, module);
    const choice = chooseCode(this.options);
    const kernels = new KernelCache(memory, table, choice, (m) => threads.send(m));
    return { memory, driver, threads, kernels, choice };
  }

  private get up(): Running {
    this.running ??= this.start();
    return this.running;
  }

  compile(plan: Plan): Program {
    const program = this.make(plan);
    const keeper = new Keeper(plan, this.up.memory.results.budget / keptShare, {
      compile: (part) => this.make(part),
      run: (part, inputs, outputs) => this.runWhole(part, inputs, [], outputs),
      free: (buffer) => this.free(buffer),
    });
    if (keeper.hopeful) program.keeper = keeper;
    return program;
  }

  private make(plan: Plan): WasmProgram {
    const { memory, kernels, threads } = this.up;
    const start = performance.now();
    const splitAll = this.options.splitAll ?? false;
    const { functions, compiled } = kernels.functionsOf(plan, this.level >= 4);
    const sharing = { threads: threads.count, splitAll, apart: this.level >= 2 };
    const program = new WasmProgram(plan, memory, functions, sharing);
    if (program.threaded) threads.start();
    program.compileMs = performance.now() - start;
    if (this.level >= 1) describeProgram(program, compiled, this.level);
    return program;
  }

  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    const whole = program as WasmProgram;
    const { keeper } = whole;
    const rest = keeper === null ? null : keeper.restFor(inputs);
    if (keeper === null || rest === null) {
      this.runWhole(whole, inputs, scalars, outputs);
      return;
    }
    try {
      this.runWhole(rest, keeper.inputs, scalars, outputs);
    } finally {
      keeper.release();
    }
  }

  private runWhole(
    mine: WasmProgram,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    try {
      this.bind(mine, inputs);
      const { f64 } = mine.memory;
      for (let i = 0; i < scalars.length; i++) f64[mine.scalarsAt + i] = scalars[i]!;
      this.saveOld(mine, inputs, outputs);
      if (mine.count > 0) this.execute(mine);
    } catch (error) {
      mine.giveBack();
      throw error;
    }
    this.handOut(mine, inputs, outputs);
  }

  /** Gives every input an address (its own block, or a copy behind the arena) and every large result a
   *  new block. */
  private bind(program: WasmProgram, inputs: readonly Buffer[]): void {
    const { memory } = program;
    const slots = program.inputs;
    memory.clock++;
    let staged = 0;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      const block = this.residentBlock(slot, inputs[i]!, memory);
      if (block === null || (block.used === memory.clock && program.writesInputs)) {
        slot.resident = null;
        staged++;
        if (slot.staged < 0) program.stage(slot);
      } else {
        block.used = memory.clock;
        slot.resident = block;
        program.bind(slot, block.at);
      }
    }
    program.takeResults();
    memory.needArena(program.needBytes);
    program.bindArena(memory.arenaAt);
    if (staged === 0) return;
    for (let i = 0; i < slots.length; i++) {
      if (slots[i]!.resident === null) this.copyStaged(program, slots[i]!, inputs[i]!);
    }
  }

  /** The block of an input that has one or is to get one: state, and what comes a second time. */
  private residentBlock(slot: InputSlot, buffer: Buffer, memory: DeviceMemory): Block | null {
    const block = memory.blockOf(buffer);
    if (buffer.state) return block ?? memory.makeResident(buffer, this.name);
    if (slot.replaced) {
      // Others may still read it: the run is to write over a copy.
      if (block !== null) block.used = memory.clock;
      return null;
    }
    if (block !== null || slot.bytes < keepFrom) return block;
    if (buffer.cameBefore) return memory.makeResident(buffer, this.name);
    buffer.cameBefore = true;
    return null;
  }

  private copyStaged(program: WasmProgram, slot: InputSlot, buffer: Buffer): void {
    const { memory } = program;
    const at = program.stagingAt + slot.staged;
    program.bind(slot, at);
    // It is given twice, or no state, and to be written over.
    const block = memory.blockOf(buffer);
    if (block !== null) memory.u8.copyWithin(at, block.at, block.at + block.bytes);
    else memory.copyIn(at, hostOf(buffer));
  }

  /** Keeps old elements that a later reader wants and the run writes over. */
  private saveOld(
    program: WasmProgram,
    inputs: readonly Buffer[],
    outputs: readonly Buffer[],
  ): void {
    const { memory, plan, early } = program;
    for (let k = 0; k < early.length; k++) {
      const { dtype, size, buffer } = plan.outputs[early[k]!]!;
      const at = program.inputs[plan.buffers[buffer]!.input]!.address;
      outputs[early[k]!]!.host = memory.copyOut(dtype, at, size);
    }
    if (!program.writesInputs) return;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i]!;
      const { replaced, resident } = program.inputs[i]!;
      if (replaced && input.shared && input.host === null && resident !== null) {
        memory.saveToHost(input, resident);
      }
    }
  }

  private execute(program: WasmProgram): void {
    const { i32 } = program.memory;
    if (program.hasFaults) {
      i32[control.faultParams >> 2] = 0;
      i32[control.faultNumber >> 2] = 0;
    }
    const { threads } = this.up;
    const shared = program.threaded && threads.working;
    const count = shared ? program.phaseCount : program.count;
    const status =
      this.level >= 2 ? this.runSlowly(program, shared) : this.runPart(program, shared, 0, count);
    if (status === statusLost) throw threads.lose();
    if (status === statusAborted) throw this.trapError(program, null);
    if (program.hasFaults && i32[control.faultNumber >> 2] !== 0) throw faultError(program);
  }

  /** Runs commands on this thread, or phases on all. */
  private runPart(program: WasmProgram, shared: boolean, first: number, count: number): number {
    const { driver, threads } = this.up;
    try {
      if (!shared) return driver.walk(program.commands + commandBytes * first, count);
      return driver.run(program.phases + phaseBytes * first, count, threads.count, this.block);
    } catch (error) {
      if (shared && driver.rescue(this.block) === statusLost) throw threads.lose();
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      throw this.trapError(program, error);
    }
  }

  /** One command after the other, timed. */
  private runSlowly(program: WasmProgram, shared: boolean): number {
    const times: number[] = [];
    let status = 0;
    for (let i = 0; i < program.count && status === 0; i++) {
      const start = performance.now();
      status = this.runPart(program, shared, i, 1);
      times.push(1000 * (performance.now() - start));
    }
    describeRun(program, times);
    return status;
  }

  private trapError(program: WasmProgram, error: unknown): DeviceError {
    const { memory } = program;
    if (error !== null) noteTrap(memory.memory, 0, error);
    const trap = takeTrap(memory.memory);
    const thread = trap?.thread ?? 0;
    const at = memory.i32[(control.lines + lineBytes * thread + line.command) >> 2]!;
    const what = `kernel ${program.labelAt(at)} trapped: ${trap?.text ?? "for an unknown reason"}`;
    return new DeviceError("wasm", `${what} (a defect of Anneal; state may be half updated)`, {
      cause: error ?? undefined,
    });
  }

  /** Gives the outputs their data: the block that holds it, that of the input that they take over, or
   *  a copy. */
  private handOut(
    program: WasmProgram,
    inputs: readonly Buffer[],
    outputs: readonly Buffer[],
  ): void {
    const { memory, plan, results } = program;
    for (let i = 0; i < results.length; i++) {
      const slot = results[i]!;
      memory.settle(outputs[slot.output]!, slot.taken, this.name, memory.clock);
      slot.taken = -1;
    }
    for (let k = 0; k < outputs.length; k++) {
      const wanted = plan.outputs[k]!;
      const output = outputs[k]!;
      if (wanted.into >= 0 && program.inputs[wanted.into]!.resident !== null) {
        memory.handOver(inputs[wanted.into]!, output);
      } else if (output.host === null && output.device === null) {
        output.host = memory.copyOut(wanted.dtype, program.addressOf(wanted), wanted.size);
      }
    }
  }

  place(buffer: Buffer, elements: TypedArray): boolean {
    const memory = this.running?.memory;
    const bytes = elements.byteLength;
    if (memory === undefined || !memory.finds || bytes < keepFrom) return false;
    if (bytes > memory.results.budget / placedShare) return false;
    memory.place(buffer, elements, this.name);
    return true;
  }

  read(buffer: Buffer): TypedArray {
    return elementsOf(buffer);
  }

  discard(program: Program): void {
    const mine = program as WasmProgram;
    mine.keeper?.dispose();
    mine.dispose();
  }

  free(buffer: Buffer): void {
    giveBack(buffer);
  }

  /** Bytes of WebAssembly memory. */
  memoryBytes(): number {
    return this.running?.memory.byteLength ?? 0;
  }

  /** Resolves once all worker threads take part in large programs (or never will). */
  async ready(): Promise<void> {
    await this.up.threads.ready();
  }

  describe(): Record<string, string | number | boolean> {
    const { memory, threads, choice } = this.up;
    return {
      runtime: runtimeName(),
      simd: true,
      strict: this.options.strict,
      relaxed: choice.relaxed,
      revectorized: choice.revectorize,
      tileRows: choice.rows,
      threads: threads.count,
      threadsReady: threads.usable,
      memoryBytes: memory.byteLength,
      stateBytes: memory.states.bytes,
      resultBytes: memory.results.bytes,
      ...measureTiles(choice),
    };
  }

  /** Stops the workers. State moves to the host; compiled programs must not be run again. */
  dispose(): void {
    this.running?.threads.dispose();
    this.running?.memory.dispose();
    this.running = null;
  }
}

function faultError(program: WasmProgram): ArgumentError {
  const { i32 } = program.memory;
  const number = i32[control.faultNumber >> 2]! - 1;
  const fault = program.faultOf(i32[control.faultParams >> 2]!, number);
  const { op = "program", detail = `fault ${number}`, scope } = fault ?? {};
  return new ArgumentError(op, detail, { in: scope });
}
