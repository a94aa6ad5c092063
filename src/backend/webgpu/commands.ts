// What a card has of a program: for each step its pipeline, the group of slabs that it binds and its
// block of uniforms. When memory comes to lie elsewhere, only what names it is written again; where
// operands come to lie in other slabs, a step gets another shader.
// Not here: which memory a run is given (backend.ts).

import type { Kernel } from "../../schedule/kernel.ts";
import { DeviceError } from "../../util/errors.ts";
import { usage } from "./device.ts";
import type { Layout, Pipeline, Pipelines } from "./pipelines.ts";
import type { WebgpuProgram } from "./program.ts";
import { firstSlab, type Place, type Shader, type ShaderLayout, uniformWords } from "./shader.ts";
import type { Region, Slabs } from "./slabs.ts";

/** Renders and remembers: the steps of a loop share their kernels. */
export type Render = (kernel: Kernel, layout: ShaderLayout) => Shader;

/** What commands are made with. */
export interface Maker {
  readonly device: GPUDevice;
  readonly slabs: Slabs;
  readonly pipelines: Pipelines;
  readonly status: GPUBuffer;
  readonly render: Render;
  /** Slabs that a shader may bind. */
  readonly mostSlabs: number;
}

/** One step on the card. */
interface Command {
  /** The shape of its bindings; "": not known yet. */
  key: string;
  /** The slabs that it binds, and the group of them. */
  bound: string;
  group: GPUBindGroup | null;
  pipeline: Pipeline | null;
  dispatch: readonly [number, number, number];
  words: Uint32Array<ArrayBuffer>;
  readonly offset: number[];
}

/** A run writes stretches of uniforms that are no farther apart than this many bytes at once. */
const nearBytes = 4096;
const alignment = 256;

export class Commands {
  private readonly program: WebgpuProgram;
  private readonly maker: Maker;
  private readonly commands: readonly Command[];
  private readonly regions: (Region | null)[];
  /** By slot, and by scalar of the graph: the steps that use it. */
  private readonly users: readonly Set<number>[];
  private readonly readers: readonly Set<number>[];
  private readonly scalars: number[];
  /** Steps whose operands lie elsewhere than their words say, and whose words are to be written. */
  private readonly moved = new Set<number>();
  private readonly dirty = new Set<number>();
  private readonly groups = new Map<string, GPUBindGroup>();
  private uniforms: GPUBuffer | null = null;
  private stride = 0;
  /** Bytes of the longest block of uniforms so far. */
  private longest = 4;
  /** Some pipeline may not be compiled yet. */
  private compiling = false;
  /** How many slabs had been given back when the groups were made. */
  private freed = 0;
  private mirror = new Uint32Array(0);

  constructor(program: WebgpuProgram, maker: Maker) {
    this.program = program;
    this.maker = maker;
    const { plan, operands, slots } = program;
    this.regions = Array.from({ length: slots }, () => null);
    this.users = Array.from({ length: slots }, () => new Set<number>());
    this.readers = plan.graph.scalars.map(() => new Set<number>());
    this.scalars = plan.graph.scalars.map(() => Number.NaN);
    operands.forEach((of, step) => {
      for (const { slot } of of) this.users[slot]!.add(step);
      for (const scalar of plan.steps[step]!.scalars) this.readers[scalar]!.add(step);
      this.moved.add(step);
    });
    this.commands = plan.steps.map(() => ({
      ...{ key: "", bound: "", group: null, pipeline: null, dispatch: [0, 0, 0] as const },
      ...{ words: new Uint32Array(0), offset: [0] },
    }));
  }

  /** The memory of a slot is here in the run to come. */
  place(slot: number, region: Region): void {
    const before = this.regions[slot]!;
    const same =
      before !== null &&
      before.at === region.at &&
      before.slab === region.slab &&
      before.count === region.count;
    if (same) return;
    this.regions[slot] = region;
    for (const step of this.users[slot]!) this.moved.add(step);
  }

  regionOf(slot: number): Region {
    return this.regions[slot]!;
  }

  setScalars(values: readonly number[]): void {
    const { plan, operands, scalarTypes } = this.program;
    for (let i = 0; i < values.length; i++) {
      if (Object.is(values[i], this.scalars[i])) continue;
      this.scalars[i] = values[i]!;
      for (const step of this.readers[i]!) {
        const { scalars } = plan.steps[step]!;
        const { words } = this.commands[step]!;
        if (words.length === 0) continue;
        scalars.forEach((scalar, k) => {
          if (scalar !== i) return;
          words[operands[step]!.length + k] = bitsOf(values[i]!, scalarTypes[step]![k]!);
        });
        this.dirty.add(step);
      }
    }
  }

  /** Brings all steps to where their operands lie. A promise: pipelines have to be compiled first. */
  prepare(): Promise<void> | null {
    for (const step of this.moved) this.move(step);
    this.moved.clear();
    if (!this.compiling) return null;
    const waiting = new Set<Promise<void>>();
    for (const { pipeline } of this.commands) {
      if (pipeline !== null && pipeline.ready === null) waiting.add(pipeline.done);
    }
    this.compiling = waiting.size > 0;
    return this.compiling ? Promise.all(waiting).then(() => {}) : null;
  }

  private move(step: number): void {
    const { slabs } = this.maker;
    const operands = this.program.operands[step]!;
    const command = this.commands[step]!;
    const spots = operands.map(({ slot, start, bytes }) =>
      slabs.locate(this.regions[slot]!, start, bytes),
    );
    const bound = boundSlabs(spots);
    this.checkSlabs(bound.length, step);
    const key = spots.map(({ slab, count }) => `${bound.indexOf(slab)}+${count}`).join(" ");
    if (key !== command.key) {
      const places = spots.map(({ slab, count }) => ({ slab: bound.indexOf(slab), count }));
      this.render(step, { places, slabs: bound.length, key });
    }
    for (let k = 0; k < spots.length; k++) command.words[k] = spots[k]!.element;
    this.dirty.add(step);
    const name = bound.join();
    if (name === command.bound) return;
    command.bound = name;
    command.group = null;
  }

  private checkSlabs(count: number, step: number): void {
    const { mostSlabs, slabs } = this.maker;
    if (count <= mostSlabs) return;
    const { label } = this.program.plan.steps[step]!;
    const size = `${Math.floor(slabs.largest / 2 ** 20)} MiB`;
    const why = `kernel ${label} needs ${count} slabs of ${size} at once, of ${mostSlabs} that it may bind`;
    throw new DeviceError("webgpu", why, { hint: "use a smaller batch" });
  }

  private render(
    step: number,
    { places, slabs, key }: { places: readonly Place[]; slabs: number; key: string },
  ): void {
    const { program, maker } = this;
    const { kernel, label, scalars } = program.plan.steps[step]!;
    const command = this.commands[step]!;
    const slabElements = maker.slabs.largest / 4;
    const guarded = step >= program.plan.commit;
    const shader = maker.render(kernel, { places, slabs, slabElements, guarded });
    if (command.pipeline !== null) maker.pipelines.release(command.pipeline);
    command.pipeline = maker.pipelines.take(shader.code, slabs, label);
    this.compiling = true;
    command.key = key;
    command.dispatch = shader.dispatch;
    const dtypes = program.scalarTypes[step]!;
    const values = scalars.map((scalar) => this.scalars[scalar]!);
    const offsets = places.map(() => 0);
    command.words = uniformWords(shader, offsets, { dtypes, values }, program.faultBases[step]!);
    this.longest = Math.max(this.longest, 4 * command.words.length);
  }

  /** Writes what has changed of the uniforms. */
  flush(): void {
    const { commands, dirty, maker } = this;
    if (dirty.size === 0) return;
    this.needStride();
    const { stride, mirror } = this;
    const steps = [...dirty].sort((a, b) => a - b);
    dirty.clear();
    for (const step of steps) mirror.set(commands[step]!.words, (step * stride) / 4);
    for (let i = 0; i < steps.length; ) {
      let j = i;
      while (j + 1 < steps.length && (steps[j + 1]! - steps[j]!) * stride <= nearBytes) j++;
      const from = steps[i]! * stride;
      const bytes = (steps[j]! + 1) * stride - from;
      maker.device.queue.writeBuffer(this.uniforms!, from, mirror, from / 4, bytes / 4);
      i = j + 1;
    }
  }

  /** Makes the uniforms large enough for the longest block. */
  private needStride(): void {
    const { commands, maker } = this;
    const stride = Math.ceil(this.longest / alignment) * alignment;
    if (stride <= this.stride) return;
    this.uniforms?.destroy();
    this.stride = stride;
    this.mirror = new Uint32Array((commands.length * stride) / 4);
    this.uniforms = maker.device.createBuffer({
      label: "uniforms",
      size: 4 * this.mirror.length,
      usage: usage.uniform | usage.copyTo,
    });
    this.groups.clear();
    commands.forEach((command, step) => {
      command.group = null;
      command.offset[0] = step * stride;
      this.dirty.add(step);
    });
  }

  /** Records all steps; after `prepare` and `flush`. */
  encode(pass: GPUComputePassEncoder): void {
    let last: GPUComputePipeline | null = null;
    for (const command of this.commands) {
      const [x, y, z] = command.dispatch;
      if (x * y * z === 0) continue;
      const pipeline = command.pipeline!.ready!;
      command.group ??= this.groupOf(command.bound);
      if (pipeline !== last) pass.setPipeline(pipeline);
      last = pipeline;
      pass.setBindGroup(0, command.group, command.offset);
      pass.dispatchWorkgroups(x, y, z);
    }
  }

  private groupOf(bound: string): GPUBindGroup {
    const { freed } = this.maker.slabs;
    if (freed !== this.freed) this.groups.clear();
    this.freed = freed;
    const known = this.groups.get(bound);
    if (known !== undefined) return known;
    const slabs = bound === "" ? [] : bound.split(",").map(Number);
    const uniforms = { buffer: this.uniforms!, size: this.stride };
    const group = makeGroup(this.maker, slabs, uniforms);
    this.groups.set(bound, group);
    return group;
  }

  /** Bytes of uniforms. */
  get bytes(): number {
    return this.uniforms?.size ?? 0;
  }

  dispose(): void {
    for (const { pipeline } of this.commands) {
      if (pipeline !== null) this.maker.pipelines.release(pipeline);
    }
    this.uniforms?.destroy();
  }
}

/** The bindings of a dispatch. */
export function makeGroup(
  { device, pipelines, status, slabs }: Omit<Maker, "render" | "mostSlabs">,
  bound: readonly number[],
  uniforms: GPUBufferBinding,
): GPUBindGroup {
  const { group: layout }: Layout = pipelines.layoutOf(bound.length);
  const entries: GPUBindGroupEntry[] = [
    { binding: 0, resource: uniforms },
    { binding: 1, resource: { buffer: status } },
  ];
  bound.forEach((slab, i) => {
    entries.push({ binding: firstSlab + i, resource: { buffer: slabs.list[slab]!.buffer } });
  });
  return device.createBindGroup({ layout, entries });
}

/** The slabs to bind, numbered by first use; in their own order where something spans several, so that
 *  those follow each other. */
function boundSlabs(spots: readonly { readonly slab: number; readonly count: number }[]): number[] {
  const found = new Set<number>();
  for (const { slab, count } of spots) for (let i = 0; i < count; i++) found.add(slab + i);
  const bound = [...found];
  return spots.some(({ count }) => count > 1) ? bound.sort((a, b) => a - b) : bound;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

function bitsOf(value: number, dtype: string): number {
  if (dtype === "bool") return value !== 0 ? 1 : 0;
  if (dtype !== "float32") return value;
  float[0] = value;
  return bits[0]!;
}
