// The WebGPU backend: a program is one command encoder's worth of dispatches, and a run is one submit.
// State and results stay on the device until somebody reads them; what a user reads is a copy. Runs are
// queued: nobody waits for one but who reads. Not here: shaders (render.ts), the order of runs (runs.ts),
// memory (memory.ts, binding.ts), getting a device (device.ts).

import type { Buffer } from "../../ir/buffer.ts";
import type { DType, TypedArray } from "../../ir/dtype.ts";
import type { Plan, Target } from "../../schedule/plan.ts";
import { debugLevel, runtimeName, say } from "../../util/env.ts";
import { DeviceError } from "../../util/errors.ts";
import type { Backend, Program } from "../backend.ts";
import { Live, type LiveOptions } from "./live.ts";
import { blockOf, giveBack, hostOf, NeedsRoom, ownerName } from "./memory.ts";
import { WebgpuProgram } from "./program.ts";
import { target } from "./render.ts";
import { Job, Runs } from "./runs.ts";

/** What the backend is asked for; budgets are bytes of state and of results that stay on the device. */
export type WebgpuOptions = LiveOptions;

/** Elements of the host get a block at once from this many bytes on. */
const placedFrom = 16384;

/**
 * Runs programs on a graphics card, by WebGPU. `init` rejects with a DeviceError where there is none.
 *
 * @example
 * device(new WebgpuBackend());
 */
export class WebgpuBackend implements Backend {
  readonly name: string;
  readonly target: Target = target;
  readonly queues = true;
  readonly lacks: readonly DType[] = ["float64"];
  private readonly options: WebgpuOptions;
  private readonly runs: Runs;
  private readonly level = debugLevel();
  private readonly programs = new Set<WebgpuProgram>();
  private live: Live | null = null;
  private opening: Promise<Live> | null = null;
  private lost: DeviceError | null = null;
  private readonly counts = { runs: 0, devices: 0 };

  constructor(options: WebgpuOptions = {}) {
    this.options = options;
    this.name = options.f16 ? `${ownerName} f16` : ownerName;
    this.runs = new Runs(() => this.live ?? this.open());
  }

  async init(): Promise<void> {
    await (this.live ?? this.open());
  }

  /** A device; another one where the last was lost. */
  private open(): Promise<Live> {
    this.opening ??= Live.open(this.name, this.options).then(
      (live) => {
        this.opening = null;
        this.live = live;
        this.lost = null;
        this.counts.devices++;
        void live.gpu.device.lost.then(({ message }) => this.lose(live, message));
        return live;
      },
      (error) => {
        this.opening = null;
        throw error;
      },
    );
    return this.opening;
  }

  private lose(live: Live, why: string): void {
    if (this.live !== live) return;
    this.live = null;
    const reason = why.trim().split("\n")[0];
    this.lost = new DeviceError(
      "webgpu",
      `the device was lost: ${reason || "no reason was given"}`,
      {
        hint: "go on from the weights that were last saved; the next run opens the device again",
      },
    );
    for (const program of this.programs) program.commands = null;
    this.runs.abandon(this.lost);
  }

  compile(plan: Plan): Program {
    const start = performance.now();
    const program = new WebgpuProgram(plan);
    this.programs.add(program);
    program.compileMs = performance.now() - start;
    if (this.level >= 1) this.describeProgram(program);
    return program;
  }

  private describeProgram({ plan, faults }: WebgpuProgram): void {
    say(`program on webgpu: ${plan.steps.length} kernels, arena of ${plan.arenaBytes} bytes`);
    if (faults.length > 0) say(`  ${faults.length} faults are looked for`);
    if (this.level < 3) return;
    for (const { label, kernel } of plan.steps) say(`  ${kernel.kind} ${label}`);
  }

  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void | Promise<void> {
    this.counts.runs++;
    return this.runs.run(new Job(program as WebgpuProgram, inputs, scalars, outputs));
  }

  place(buffer: Buffer, elements: TypedArray): boolean {
    const memory = this.live?.memory;
    if (memory === undefined || !memory.finds || elements.byteLength < placedFrom) return false;
    if (elements instanceof Float64Array) return false;
    try {
      memory.place(buffer, elements);
      return true;
    } catch (error) {
      if (error instanceof NeedsRoom) return false;
      throw error;
    }
  }

  read(buffer: Buffer): TypedArray | Promise<TypedArray> {
    const doubt = this.runs.doubtOf(buffer);
    if (doubt?.comes) return doubt.done.then(() => this.read(buffer));
    const block = blockOf(buffer);
    if (block === null && doubt !== undefined) return doubt.done.then(() => this.read(buffer));
    const { live } = this;
    if (buffer.host !== null || live === null || live.memory.blockOf(buffer) === null) {
      return hostOf(buffer).slice();
    }
    const copy = this.copyOf(buffer, live);
    return doubt === undefined ? copy : doubt.done.then(() => copy);
  }

  /** A copy is put in the queue now, so that it shows what is there now. */
  private async copyOf(buffer: Buffer, live: Live): Promise<TypedArray> {
    const block = live.memory.blockOf(buffer)!;
    try {
      const [elements] = await live.readback.read([block]);
      live.check();
      // What has been read once need not be saved, and outlives the device.
      if (buffer.state && buffer.device !== null && blockOf(buffer) === block) {
        buffer.host = elements!.slice();
        block.mirrored = true;
      }
      return elements!;
    } catch (cause) {
      if (cause instanceof DeviceError) throw cause;
      throw (
        this.lost ??
        new DeviceError("webgpu", `read failed: ${(cause as Error).message}`, { cause })
      );
    }
  }

  discard(program: Program): void {
    const mine = program as WebgpuProgram;
    mine.commands?.dispose();
    mine.commands = null;
    this.programs.delete(mine);
  }

  free(buffer: Buffer): void {
    giveBack(buffer);
  }

  /** Bytes of the device's memory, all in all. */
  memoryBytes(): number {
    const { live } = this;
    if (live === null) return 0;
    let bytes = live.slabs.bytes + live.readback.bytes;
    for (const { commands } of this.programs) bytes += commands?.bytes ?? 0;
    return bytes;
  }

  describe(): Record<string, string | number | boolean> {
    const { live } = this;
    const known = { runtime: runtimeName(), ...this.counts };
    if (live === null) return { ...known, open: false };
    const { gpu, slabs, memory, pipelines, readback } = live;
    return {
      ...known,
      open: true,
      adapter: gpu.name,
      f16: (this.options.f16 ?? false) && gpu.features.has("shader-f16"),
      features: [...gpu.features].join(" "),
      slabs: slabs.list.length - slabs.freed,
      slabLimit: slabs.largest,
      memoryBytes: this.memoryBytes(),
      usedBytes: slabs.usedBytes,
      stateBytes: memory.states.bytes,
      resultBytes: memory.results.bytes,
      arenaBytes: memory.arenaBytes,
      pipelines: pipelines.count,
      pipelinesCompiled: pipelines.compiled,
      submits: live.submits,
      reads: readback.count,
    };
  }

  /** Gives the device back. What was not read is lost. */
  dispose(): void {
    this.live?.destroy();
  }
}
