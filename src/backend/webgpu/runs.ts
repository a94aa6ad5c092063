// The order of runs. A run is submitted at once where it can be, else when those before it have been.
// A run that may meet a fault, or comes after one of which that is not known yet, is believed only when
// its status has come back; until then later runs are submitted all the same. The status stays set once
// it is: whatever would change state then does nothing. So when a fault is seen, all runs from that one
// on are undone, the status is cleared, and those that do not need its results are submitted again.
// Not here: what a run is on the device (live.ts).

import type { Buffer } from "../../ir/buffer.ts";
import type { TypedArray } from "../../ir/dtype.ts";
import { ArgumentError, DeviceError } from "../../util/errors.ts";
import { Binding } from "./binding.ts";
import { Commands } from "./commands.ts";
import { elementsOf } from "./elements.ts";
import type { Live } from "./live.ts";
import { NeedsRoom } from "./memory.ts";
import type { WebgpuProgram } from "./program.ts";

/** Results of a run with a status that are at most this large come back with it. */
const smallBytes = 4096;
/** Runs of which the status is not known. */
const mostPending = 64;

/** A run that somebody asked for. */
export class Job {
  readonly program: WebgpuProgram;
  readonly inputs: readonly Buffer[];
  readonly scalars: readonly number[];
  readonly outputs: readonly Buffer[];
  /** What the host has of the inputs: it may let go of it once the run was asked for. */
  readonly hosts: readonly (TypedArray | null)[];
  resolve: () => void = () => {};
  reject: (error: unknown) => void = () => {};
  /** The number of its run; -1: not begun. */
  clock = -1;

  constructor(
    program: WebgpuProgram,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ) {
    this.program = program;
    this.inputs = [...inputs];
    this.scalars = [...scalars];
    this.outputs = outputs;
    this.hosts = inputs.map((input) => input.host);
  }

  /** A promise that settles with `resolve` and `reject`. */
  promise(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** A run that was submitted and is not believed yet. */
interface Pending {
  readonly job: Job;
  readonly binding: Binding;
  /** Outputs that come with the status. */
  readonly early: readonly number[];
  /** The status, once it is there; the outputs are then on the host too. */
  readonly answer: Promise<number>;
}

/** What is known of an output whose run is not believed yet. */
export interface Doubt {
  /** Resolves once its run is believed. */
  readonly done: Promise<void>;
  /** Its elements come by themselves. */
  readonly comes: boolean;
}

export class Runs {
  private readonly line: Job[] = [];
  private pending: Pending[] = [];
  private pumping = false;
  private readonly live: () => Live | Promise<Live>;
  private readonly doubts = new WeakMap<Buffer, Doubt>();

  constructor(live: () => Live | Promise<Live>) {
    this.live = live;
  }

  /** Runs a job: at once, and is done (undefined) or to be believed later, or when its turn comes. */
  run(job: Job): Promise<void> | undefined {
    const free = this.line.length === 0 && !this.pumping;
    const wait = free ? this.attempt(job) : Promise.resolve();
    if (wait !== null) {
      this.line.push(job);
      const done = job.promise();
      this.doubt(job, done, []);
      void this.pump(wait);
      return done;
    }
    const last = this.pending[this.pending.length - 1];
    if (last?.job !== job) return undefined;
    const done = job.promise();
    this.doubt(job, done, last.early);
    return done;
  }

  doubtOf(buffer: Buffer): Doubt | undefined {
    return this.doubts.get(buffer);
  }

  private doubt({ outputs }: Job, done: Promise<void>, early: readonly number[]): void {
    outputs.forEach((buffer, k) => {
      this.doubts.set(buffer, { done, comes: early.includes(k) });
    });
    const trust = () => {
      for (const buffer of outputs) this.doubts.delete(buffer);
    };
    done.then(trust, trust);
  }

  /** Submits what waits, in its order, the first once `first` has come. */
  private async pump(first: Promise<unknown> | null): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    let wait = first;
    for (let job = this.line[0]; job !== undefined; job = this.line[0]) {
      try {
        wait ??= this.attempt(job);
        if (wait !== null) await wait;
        else {
          this.leave(job);
          if (this.pending[this.pending.length - 1]?.job !== job) job.resolve();
        }
      } catch (error) {
        this.leave(job);
        job.reject(error);
      }
      wait = null;
    }
    this.pumping = false;
  }

  private leave(job: Job): void {
    const at = this.line.indexOf(job);
    if (at >= 0) this.line.splice(at, 1);
  }

  /** Submits a job (null), or gives what is to be waited for before it is tried again. */
  private attempt(job: Job): Promise<unknown> | null {
    const live = this.live();
    if (live instanceof Promise) return live;
    live.check();
    if (this.pending.length >= mostPending) return this.pending[0]!.answer.catch(() => {});
    if (live.behind !== null) return live.behind;
    const { memory } = live;
    if (job.clock < 0) {
      job.clock = ++memory.clock;
      memory.slabs.trim(job.clock);
    }
    let binding: Binding;
    try {
      binding = new Binding(job.program, memory, job.inputs, job.hosts);
    } catch (error) {
      if (error instanceof NeedsRoom) return memory.makeRoom(error, live.readback);
      throw error;
    }
    try {
      const commands = this.commandsOf(job.program, live);
      commands.setScalars(job.scalars);
      binding.place(commands);
      const wait = commands.prepare();
      if (wait === null) {
        this.submit(job, live, commands, binding);
        return null;
      }
      binding.release();
      return wait;
    } catch (error) {
      binding.release();
      throw error;
    }
  }

  private commandsOf(program: WebgpuProgram, live: Live): Commands {
    program.commands ??= new Commands(program, live.maker);
    return program.commands;
  }

  private submit(job: Job, live: Live, commands: Commands, binding: Binding): void {
    const { program, outputs } = job;
    const doubtful = program.faults.length > 0 || this.pending.length > 0;
    const early = doubtful
      ? outputs.flatMap((_, k) => (isSmall(binding, outputs, k) ? [k] : []))
      : [];
    const wanted = early.map((k) => {
      return { region: binding.regionOf(k)!, bytes: 4 * outputs[k]!.size };
    });
    binding.upload();
    const staging = live.submit(commands, binding, doubtful ? wanted : null);
    binding.handOut(outputs);
    if (staging === null) return;
    const bytes = wanted.reduce((sum, w) => sum + w.bytes, 4);
    const arrived = live.collect(staging, bytes, (words) => this.receive(words, outputs, early));
    const pending: Pending = { job, binding, early, answer: arrived };
    this.pending.push(pending);
    arrived.then(
      (status) => this.believe(pending, status, live),
      (error) => this.fail(pending, error),
    );
  }

  /** The status. Where it is 0, small outputs get their elements. */
  private receive(
    words: ArrayBuffer,
    outputs: readonly Buffer[],
    early: readonly number[],
  ): number {
    const status = new Uint32Array(words, 0, 1)[0]!;
    if (status !== 0) return status;
    let at = 4;
    for (const k of early) {
      const { dtype, size } = outputs[k]!;
      outputs[k]!.host = elementsOf(dtype, words, at, size);
      at += 4 * size;
    }
    return status;
  }

  private believe(pending: Pending, status: number, live: Live): void {
    // It was undone meanwhile, because of one before it.
    if (!this.pending.includes(pending)) return;
    const { job } = pending;
    if (status === 0 && live.failure === null) {
      this.pending.splice(this.pending.indexOf(pending), 1);
      job.resolve();
      return;
    }
    let error: unknown;
    try {
      live.check();
      error = faultError(job.program, status);
    } catch (failure) {
      error = failure;
    }
    live.clearStatus();
    this.undoFrom(pending, error);
  }

  /** Undoes a run and those behind it; those that do not need its results come again. */
  private undoFrom(pending: Pending, error: unknown): void {
    const behind = this.pending.splice(this.pending.indexOf(pending));
    for (const { binding } of [...behind].reverse()) binding.undo();
    const missing = new Set<Buffer>();
    const again: Job[] = [];
    for (const { job } of behind) {
      const fails = job === pending.job || job.inputs.some((input) => missing.has(input));
      if (!fails) {
        again.push(job);
        continue;
      }
      for (const output of job.outputs) missing.add(output);
      job.reject(error);
    }
    this.line.unshift(...again);
    // Whoever hears of the failure does so first.
    setTimeout(() => void this.pump(null), 0);
  }

  /** No answer will come any more, for this run or any other. */
  private fail(pending: Pending, error: unknown): void {
    if (!this.pending.includes(pending)) return;
    this.abandon(
      error instanceof DeviceError
        ? error
        : new DeviceError("webgpu", `no answer from the device: ${(error as Error).message}`, {
            cause: error,
          }),
    );
  }

  /** The device is lost: all that was submitted fails. */
  abandon(error: unknown): void {
    const lost = this.pending.splice(0);
    for (const { binding } of [...lost].reverse()) binding.undo();
    for (const { job } of lost) job.reject(error);
  }
}

function isSmall(binding: Binding, outputs: readonly Buffer[], k: number): boolean {
  return 4 * outputs[k]!.size <= smallBytes && binding.regionOf(k) !== null;
}

function faultError({ faults }: WebgpuProgram, status: number): ArgumentError {
  const fault = faults[status - 1];
  const { op = "program", detail = `fault ${status}`, scope } = fault ?? {};
  return new ArgumentError(op, detail, { in: scope });
}
