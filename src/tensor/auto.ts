// AutoBackend: wasm and a graphics card as one device. Both are measured once; a program runs where it is
// expected to take less time, decided when it is made. State does not go back and forth: once the card
// has some, whatever uses it runs there. Not here: measuring (speed.ts).

import type { Backend, Program } from "../backend/backend.ts";
import type { Buffer } from "../ir/buffer.ts";
import { itemSize, type TypedArray } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import { type Node, sizeOf, topological } from "../ir/node.ts";
import { workOf } from "../ir/work.ts";
import type { Engine, Executable } from "../schedule/engine.ts";
import type { Plan } from "../schedule/plan.ts";
import { DeviceError } from "../util/errors.ts";
import { ownerOf } from "./device.ts";
import { bring } from "./moves.ts";
import { isHopeless, type Speed, speedOf, timeOf } from "./speed.ts";

/** A program on either device, made when it is first wanted there. */
class AutoProgram implements Program {
  readonly plan: Plan;
  readonly compileMs = 0;
  /** The device that it is quicker on. */
  readonly better: Engine;
  private readonly made = new Map<Engine, Executable>();

  constructor(plan: Plan, better: Engine) {
    this.plan = plan;
    this.better = better;
  }

  on(engine: Engine): Executable {
    let known = this.made.get(engine);
    if (known === undefined) {
      known = engine.prepare(this.plan.graph);
      this.made.set(engine, known);
    }
    return known;
  }
}

export class AutoBackend implements Backend {
  readonly name = "auto";
  readonly target = null;
  readonly queues = true;
  private readonly cpu: Engine;
  /** null: there is none, or none that is ever quicker. */
  private gpu: Engine | null;
  private why = "";
  private speeds: { readonly cpu: Speed; readonly gpu: Speed } | null = null;
  /** Where results are being made. */
  private readonly making = new WeakMap<Buffer, Engine>();
  private readonly counts = { cpu: 0, gpu: 0 };

  private readonly measure: (engine: Engine) => Promise<Speed>;
  private readonly isHopeless: (engine: Engine) => Promise<boolean>;

  constructor(cpu: Engine, gpu: Engine, measuring = { speedOf, isHopeless }) {
    this.cpu = cpu;
    this.gpu = gpu;
    this.measure = measuring.speedOf;
    this.isHopeless = measuring.isHopeless;
  }

  /** Measures, where there is a card at all. */
  async init(): Promise<void> {
    if (this.gpu === null || this.speeds !== null) return;
    try {
      await this.gpu.backend.init();
      if (await this.isHopeless(this.gpu)) {
        this.why = `${this.gpu.backend.describe().adapter} is far slower than ${this.cpu.name}`;
        this.gpu = null;
        return;
      }
      const cpu = await this.measure(this.cpu);
      this.speeds = { cpu, gpu: await this.measure(this.gpu) };
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      this.why = error.message.split("\n")[0]!;
      this.gpu = null;
    }
  }

  takesFrom(device: string): boolean {
    return device === this.cpu.name || device === this.gpu?.name;
  }

  compile(plan: Plan): Program {
    const program = new AutoProgram(plan, this.choose(plan.graph));
    program.on(program.better);
    return program;
  }

  private choose(graph: Graph): Engine {
    if (this.gpu === null || this.speeds === null || !canRun(this.gpu, graph)) return this.cpu;
    const work = workOf(graph.outputs);
    const passing = graph.inputs.filter(({ buffer }) => !buffer!.state);
    const bytes = passing.reduce(
      (sum, { dtype, shape }) => sum + sizeOf(shape) * itemSize[dtype],
      0,
    );
    const onCpu = timeOf(this.speeds.cpu, work, 0);
    return timeOf(this.speeds.gpu, work, bytes) < onCpu ? this.gpu : this.cpu;
  }

  run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void | Promise<void> {
    const mine = program as AutoProgram;
    const engine = this.placeOf(mine, inputs);
    const executable = mine.on(engine);
    const homeOf = (buffer: Buffer) => this.making.get(buffer) ?? ownerOf(buffer);
    const given = bring(inputs, engine, engine.delays(executable), homeOf);
    const done = engine.fill(executable, inputs, scalars, outputs, given);
    this.counts[engine === this.gpu ? "gpu" : "cpu"]++;
    if (done === null) return;
    for (const output of outputs) this.making.set(output, engine);
    return done.finally(() => {
      for (const output of outputs) this.making.delete(output);
    });
  }

  /** The better device, unless the card has state that the program uses. */
  private placeOf({ better, plan }: AutoProgram, inputs: readonly Buffer[]): Engine {
    const { gpu } = this;
    if (gpu === null || better === gpu || this.counts.gpu === 0) return better;
    const there = inputs.some((buffer) => {
      return buffer.state && (this.making.get(buffer) === gpu || buffer.owner === gpu.name);
    });
    return there && canRun(gpu, plan.graph) ? gpu : better;
  }

  read(buffer: Buffer): TypedArray | Promise<TypedArray> {
    return this.holderOf(buffer).read(buffer);
  }

  private holderOf(buffer: Buffer): Engine {
    return this.making.get(buffer) ?? ownerOf(buffer) ?? this.cpu;
  }

  /** The devices throw out programs by themselves. */
  discard(): void {}

  free(buffer: Buffer): void {
    this.holderOf(buffer).free(buffer);
  }

  describe(): Record<string, string | number | boolean> {
    const facts = { runsOnCpu: this.counts.cpu, runsOnGpu: this.counts.gpu };
    if (this.speeds === null) return { ...facts, gpu: this.why || "not measured yet" };
    const { cpu, gpu } = this.speeds;
    const gigaflops = ({ products }: Speed) => Math.round(20 / products) / 10;
    return {
      ...facts,
      gpu: String(this.gpu?.backend.describe().adapter ?? ""),
      gpuRunMs: Math.round(gpu.run * 1000) / 1000,
      gpuGflops: gigaflops(gpu),
      cpuRunMs: Math.round(cpu.run * 1000) / 1000,
      cpuGflops: gigaflops(cpu),
    };
  }
}

function canRun({ backend }: Engine, { outputs }: Graph): boolean {
  const { lacks = [] } = backend;
  const has = (node: Node) => !lacks.includes(node.dtype);
  return lacks.length === 0 || topological(outputs).every(has);
}
