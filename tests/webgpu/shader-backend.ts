// A backend that runs the shaders of a plan and nothing else: memory is made for each run, results are
// copied back at once. It tells an error of a shader from one of the backend's memory and queues, and it
// lays operands across slabs as small as a test wants.
/// <reference types="@webgpu/types" />
import type { Backend, Program } from "../../src/backend/backend.ts";
import { mapToRead, openGpu, usage } from "../../src/backend/webgpu/device.ts";
import { renderShader, target } from "../../src/backend/webgpu/render.ts";
import {
  firstSlab,
  type Shader,
  type ShaderFeatures,
  type ShaderLayout,
  uniformWords,
} from "../../src/backend/webgpu/shader.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import { makeArray, type TypedArray } from "../../src/ir/dtype.ts";
import type { Plan, Step } from "../../src/schedule/plan.ts";
import { missingAdapter } from "./adapter.ts";

/** A device, or null where there is none. */
export async function openDevice(): Promise<GPUDevice | null> {
  return (await missingAdapter()) === null ? (await openGpu()).device : null;
}

export function featuresOf(device: GPUDevice): ShaderFeatures {
  return {
    invocations: device.limits.maxComputeInvocationsPerWorkgroup,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
    subgroups: device.features.has("subgroups"),
    f16: false,
  };
}

/** The first error that compiling a shader gives. */
class ShaderError extends Error {}

interface Compiled {
  readonly shader: Shader;
  readonly pipeline: GPUComputePipeline;
}

interface ShaderProgram extends Program {
  readonly steps: readonly Compiled[];
  readonly starts: readonly number[];
  readonly words: number;
}

export interface ShaderOptions {
  /** Into how many slabs the memory is cut. */
  readonly slabs?: number;
  readonly guarded?: boolean;
  /** What the status is when a run begins; 0 if not given. */
  readonly status?: number;
  /** Replaces what the device offers. */
  readonly features?: Partial<ShaderFeatures>;
}

export class ShaderBackend implements Backend {
  readonly name = "shaders";
  readonly target = target;
  readonly device: GPUDevice;
  readonly options: ShaderOptions;
  private readonly pipelines = new Map<string, GPUComputePipeline>();

  constructor(device: GPUDevice, options: ShaderOptions = {}) {
    this.device = device;
    this.options = options;
  }

  init(): void {}

  /** Elements before each buffer's, and all of them: inputs first, then the arena. */
  private arrange(plan: Plan): { starts: number[]; words: number } {
    const { slabs = 1 } = this.options;
    let words = 0;
    const inputs = new Map<number, number>();
    const starts = plan.buffers.map(({ input, size, part }) => {
      if (input < 0 || part !== undefined) return 0;
      const start = words;
      inputs.set(input, start);
      words += Math.ceil((size + 16) / 64) * 64;
      return start;
    });
    const arena = words;
    words += plan.arenaBytes / 4 + 64;
    plan.buffers.forEach((b, i) => {
      const before = b.input < 0 ? arena : inputs.get(b.input)!;
      starts[i] = before + b.offset / 4;
    });
    return { starts, words: Math.ceil(words / (64 * slabs)) * 64 * slabs };
  }

  private layoutOf(plan: Plan, step: Step, starts: readonly number[], words: number): ShaderLayout {
    const { slabs = 1, guarded = false } = this.options;
    const slab = words / slabs;
    const places = step.buffers.map((b) => {
      const first = Math.floor(starts[b]! / slab);
      const last = Math.floor(Math.max(starts[b]!, starts[b]! + plan.buffers[b]!.size - 1) / slab);
      return { slab: first, count: last - first + 1 };
    });
    return { places, slabs, slabElements: slab, guarded };
  }

  async compile(plan: Plan): Promise<Program> {
    const { starts, words } = this.arrange(plan);
    const steps: Compiled[] = [];
    for (const step of plan.steps) {
      const layout = this.layoutOf(plan, step, starts, words);
      const features = { ...featuresOf(this.device), ...this.options.features };
      const shader = renderShader(step.kernel, layout, features);
      steps.push({ shader, pipeline: await this.pipeline(shader.code, layout.slabs, step.label) });
    }
    return { plan, compileMs: 0, steps, starts, words } as ShaderProgram;
  }

  private async pipeline(code: string, slabs: number, label: string): Promise<GPUComputePipeline> {
    const known = this.pipelines.get(code);
    if (known !== undefined) return known;
    const { device } = this;
    const visibility = 4; // GPUShaderStage.COMPUTE
    const storage = Array.from({ length: slabs + 1 }, (_, i) => ({
      binding: 1 + i,
      visibility,
      buffer: { type: "storage" as const },
    }));
    const uniform = { type: "uniform" as const, hasDynamicOffset: true };
    const group = device.createBindGroupLayout({
      entries: [{ binding: 0, visibility, buffer: uniform }, ...storage],
    });
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    const layout = device.createPipelineLayout({ bindGroupLayouts: [group] });
    const made = device.createComputePipeline({ layout, compute: { module, entryPoint: "main" } });
    const error = await device.popErrorScope();
    if (error !== null) throw new ShaderError(`${label}: ${error.message}\n${code}`);
    this.pipelines.set(code, made);
    return made;
  }

  async run(
    program: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): Promise<void> {
    const { plan, steps, starts, words } = program as ShaderProgram;
    const { device } = this;
    const slab = words / (this.options.slabs ?? 1);
    const { storage, copyFrom, copyTo, uniform, mapRead } = usage;
    const buffer = (size: number, flags: number) =>
      device.createBuffer({ size: Math.max(16, size), usage: flags | copyTo });
    const slabs = Array.from({ length: words / slab }, () => buffer(4 * slab, storage | copyFrom));
    const write = (at: number, data: Uint32Array<ArrayBuffer>) => {
      for (let i = 0; i < data.length; ) {
        const to = at + i;
        const count = Math.min(data.length - i, slab - (to % slab));
        device.queue.writeBuffer(slabs[Math.floor(to / slab)]!, 4 * (to % slab), data, i, count);
        i += count;
      }
    };
    write(0, new Uint32Array(words).fill(0xffffffff)); // NaN: nothing may read what nobody wrote
    plan.buffers.forEach(({ input, part }, b) => {
      if (input >= 0 && part === undefined) write(starts[b]!, toWords(inputs[input]!.host!));
    });
    const status = buffer(16, storage | copyFrom);
    device.queue.writeBuffer(status, 0, new Uint32Array([this.options.status ?? 0]));
    const uniforms = buffer(256 * plan.steps.length, uniform);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let faults = 0;
    plan.steps.forEach((step, i) => {
      const { shader, pipeline } = steps[i]!;
      const dtypes = step.kernel.scalars;
      const values = step.scalars.map((s) => scalars[s]!);
      const offsets = step.buffers.map((b) => starts[b]! % slab);
      const block = uniformWords(shader, offsets, { dtypes, values }, faults);
      faults += step.faults.length;
      device.queue.writeBuffer(uniforms, 256 * i, block);
      const bound = [status, ...slabs].map((buffer, k) => ({
        binding: firstSlab - 1 + k,
        resource: { buffer },
      }));
      const resource = { buffer: uniforms, size: Math.ceil((4 * block.length) / 16) * 16 };
      const entries = [{ binding: 0, resource }, ...bound];
      const layout = pipeline.getBindGroupLayout(0);
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout, entries }), [256 * i]);
      if (Math.min(...shader.dispatch) > 0) pass.dispatchWorkgroups(...shader.dispatch);
    });
    pass.end();
    const staging = buffer(4 * words + 16, mapRead);
    slabs.forEach((s, i) => encoder.copyBufferToBuffer(s, 0, staging, 4 * slab * i, 4 * slab));
    encoder.copyBufferToBuffer(status, 0, staging, 4 * words, 16);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(mapToRead);
    const memory = new Uint32Array(staging.getMappedRange().slice(0));
    for (const b of [...slabs, status, uniforms, staging]) b.destroy();
    const fault = memory[words]!;
    const known = plan.steps.flatMap((step) => step.faults);
    if (fault !== (this.options.status ?? 0))
      throw new Error(`${known[fault - 1]!.op}: ${known[fault - 1]!.detail}`);
    plan.outputs.forEach((o, i) => {
      const at = starts[o.buffer]!;
      outputs[i]!.host = fromWords(memory.slice(at, at + o.size), o.dtype);
    });
  }

  read(buffer: Buffer): TypedArray {
    return (buffer.host as TypedArray).slice();
  }

  discard(): void {}

  free(): void {}

  describe(): Record<string, string> {
    return { adapter: this.device.adapterInfo?.description ?? "" };
  }

  dispose(): void {
    this.device.destroy();
  }
}

function toWords(data: TypedArray): Uint32Array<ArrayBuffer> {
  if (data instanceof Uint8Array) return Uint32Array.from(data);
  if (data instanceof Float64Array) throw new Error("float64 is not for shaders");
  return new Uint32Array(data.slice().buffer as ArrayBuffer);
}

function fromWords(words: Uint32Array<ArrayBuffer>, dtype: Buffer["dtype"]): TypedArray {
  if (dtype === "uint8" || dtype === "bool") return Uint8Array.from(words);
  const out = makeArray(dtype, words.length);
  new Uint32Array(out.buffer).set(words);
  return out;
}
