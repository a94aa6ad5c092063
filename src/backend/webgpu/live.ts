// An open device and all that lives on it: when it is lost, this is thrown away as a whole and another
// one is made. Here a run becomes one submit. Not here: the order of runs and what they are told
// (runs.ts), what memory they are given (binding.ts).

import type { Kernel } from "../../schedule/kernel.ts";
import { DeviceError } from "../../util/errors.ts";
import type { Binding } from "./binding.ts";
import type { Commands, Maker } from "./commands.ts";
import { Copier } from "./copies.ts";
import { type Gpu, mapToRead, openGpu, usage } from "./device.ts";
import { type Budgets, GpuMemory } from "./memory.ts";
import { Pipelines } from "./pipelines.ts";
import { Readback } from "./readback.ts";
import { renderShader } from "./render.ts";
import type { Shader, ShaderFeatures, ShaderLayout } from "./shader.ts";
import { type Region, Slabs } from "./slabs.ts";

export interface LiveOptions extends Partial<Budgets> {
  /** Factors of products are rounded to float16 where the device can (sums stay float32). */
  readonly f16?: boolean | undefined;
  /** Bytes of the largest slab, for tests. */
  readonly slabBytes?: number | undefined;
  /** Renders a kernel, for tests. */
  readonly render?: typeof renderShader | undefined;
}

/** Some words of the device, to come with the status of a run. */
export interface Wanted {
  readonly region: Region;
  readonly bytes: number;
}

/** The device may be behind by so many submits before runs wait. */
const mostUnfinished = 128;
const askEvery = 16;

export class Live {
  readonly gpu: Gpu;
  readonly memory: GpuMemory;
  readonly slabs: Slabs;
  readonly pipelines: Pipelines;
  readonly readback: Readback;
  readonly copier: Copier;
  readonly maker: Maker;
  /** Word 0 is 0, or the fault that some run has met. */
  readonly status: GPUBuffer;
  /** What went wrong without anybody's asking, to be thrown at whoever comes next. */
  failure: DeviceError | null = null;
  submits = 0;
  private unfinished = 0;
  private drained: Promise<void> = Promise.resolve();
  private readonly shaders = new WeakMap<Kernel, Map<string, Shader>>();

  static async open(name: string, options: LiveOptions): Promise<Live> {
    const live = new Live(name, await openGpu(), options);
    await live.slabs.grow(1);
    await live.copier.ready();
    return live;
  }

  private constructor(name: string, gpu: Gpu, options: LiveOptions) {
    this.gpu = gpu;
    const { device } = gpu;
    this.slabs = new Slabs(device, options.slabBytes);
    this.memory = new GpuMemory(name, device.queue, this.slabs, options);
    this.pipelines = new Pipelines(device);
    this.readback = new Readback(device, this.slabs);
    this.status = device.createBuffer({
      label: "status",
      size: 16,
      usage: usage.storage | usage.copyFrom | usage.copyTo,
    });
    const features = featuresOf(gpu, options.f16 ?? false);
    const render = options.render ?? renderShader;
    this.maker = {
      ...{ device, slabs: this.slabs, pipelines: this.pipelines, status: this.status },
      mostSlabs: gpu.limits.maxStorageBuffersPerShaderStage - 1,
      render: (kernel, layout) => this.shaderOf(kernel, layout, (k, l) => render(k, l, features)),
    };
    this.copier = new Copier(this.maker);
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.note((event as GPUUncapturedErrorEvent).error);
    });
  }

  private note(error: GPUError): void {
    const what = error.message.trim().split("\n")[0]!;
    const memory = error.constructor.name === "GPUOutOfMemoryError";
    this.failure ??= new DeviceError("webgpu", memory ? `out of memory: ${what}` : what, {
      cause: error,
    });
  }

  /** The steps of a loop share kernels, and programs those that a loop's body has. */
  private shaderOf(
    kernel: Kernel,
    layout: ShaderLayout,
    render: (kernel: Kernel, layout: ShaderLayout) => Shader,
  ): Shader {
    const { places, slabs, guarded } = layout;
    const text = places.map(({ slab, count }) => `${slab}+${count}`).join(" ");
    const key = `${slabs} ${guarded} ${text}`;
    const known = this.shaders.get(kernel) ?? new Map<string, Shader>();
    this.shaders.set(kernel, known);
    const shader = known.get(key) ?? render(kernel, layout);
    known.set(key, shader);
    return shader;
  }

  /** Throws what has gone wrong since the last time. */
  check(): void {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
  }

  /** Null, or a promise of the time when the device is less far behind. */
  get behind(): Promise<void> | null {
    return this.unfinished < mostUnfinished ? null : this.drained;
  }

  /** Submits a run. With `wanted` words (null: none, and no status) it gives the buffer to which they
   *  are copied, behind 4 bytes of status. */
  submit(commands: Commands, binding: Binding, wanted: readonly Wanted[] | null): GPUBuffer | null {
    const { copier, gpu, readback, slabs } = this;
    copier.begin();
    const before = copier.add(binding.before);
    const after = copier.add(binding.after);
    copier.flush();
    commands.flush();
    const encoder = gpu.device.createCommandEncoder({ label: "run" });
    const pass = encoder.beginComputePass();
    copier.encode(pass, before);
    commands.encode(pass);
    copier.encode(pass, after);
    pass.end();
    let staging: GPUBuffer | null = null;
    if (wanted !== null) {
      let at = 4;
      staging = readback.take(wanted.reduce((sum, { bytes }) => sum + bytes, at));
      encoder.copyBufferToBuffer(this.status, 0, staging, 0, at);
      for (const { region, bytes } of wanted) {
        for (const piece of slabs.pieces(region, 0, bytes)) {
          const { buffer } = slabs.list[piece.slab]!;
          encoder.copyBufferToBuffer(buffer, piece.at, staging, at + piece.start, piece.bytes);
        }
        at += bytes;
      }
    }
    gpu.device.queue.submit([encoder.finish()]);
    this.submits++;
    this.unfinished++;
    if (this.submits % askEvery === 0) this.drain();
    return staging;
  }

  private drain(): void {
    const done = this.gpu.device.queue.onSubmittedWorkDone();
    const less = () => {
      this.unfinished = Math.max(0, this.unfinished - askEvery);
    };
    this.drained = done.then(less, less);
  }

  /** What has come into a buffer that `submit` gave, as words. */
  async collect<T>(staging: GPUBuffer, bytes: number, take: (words: ArrayBuffer) => T): Promise<T> {
    await staging.mapAsync(mapToRead, 0, bytes);
    try {
      return take(staging.getMappedRange(0, bytes));
    } finally {
      staging.unmap();
      this.readback.giveBack(staging);
    }
  }

  clearStatus(): void {
    this.gpu.device.queue.writeBuffer(this.status, 0, new Uint32Array(4));
  }

  /** Gives all memory back at once. */
  destroy(): void {
    this.gpu.device.destroy();
  }
}

function featuresOf({ features, limits }: Gpu, wantsF16: boolean): ShaderFeatures {
  const { maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } = limits;
  return {
    invocations: Math.min(maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX),
    workgroupBytes: limits.maxComputeWorkgroupStorageSize,
    subgroups: features.has("subgroups"),
    f16: wantsF16 && features.has("shader-f16"),
  };
}
