// Pipelines, by the text of their shader, and the layouts that they share: one for each number of slabs.
// Programs that lack some have all of them compiled at once. Not here: the text (render.ts).

import { debugLevel, say } from "../../util/env.ts";
import { DeviceError } from "../../util/errors.ts";
import { firstSlab } from "./shader.ts";

/** One shader, compiled or about to be. */
export interface Pipeline {
  readonly code: string;
  /** Null until it is compiled. */
  ready: GPUComputePipeline | null;
  /** Settles when it is; rejects with a DeviceError that names the kernel. */
  readonly done: Promise<void>;
  /** Programs that use it. */
  users: number;
}

/** A bind group's layout, and the pipelines' that have it. */
export interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

export class Pipelines {
  /** Shaders compiled so far. */
  compiled = 0;
  private readonly device: GPUDevice;
  private readonly known = new Map<string, Pipeline>();
  private readonly layouts = new Map<number, Layout>();

  constructor(device: GPUDevice) {
    this.device = device;
  }

  get count(): number {
    return this.known.size;
  }

  /** The layout of shaders that bind so many slabs. */
  layoutOf(slabs: number): Layout {
    const known = this.layouts.get(slabs);
    if (known !== undefined) return known;
    const entry = (binding: number, buffer: GPUBufferBindingLayout): GPUBindGroupLayoutEntry => {
      return { binding, visibility: 4, buffer };
    };
    const entries = [
      entry(0, { type: "uniform", hasDynamicOffset: true }),
      entry(1, { type: "storage" }),
    ];
    for (let slab = 0; slab < slabs; slab++) {
      entries.push(entry(firstSlab + slab, { type: "storage" }));
    }
    const group = this.device.createBindGroupLayout({ entries });
    const pipeline = this.device.createPipelineLayout({ bindGroupLayouts: [group] });
    const layout = { group, pipeline };
    this.layouts.set(slabs, layout);
    return layout;
  }

  /** The pipeline of a shader, for one more user; `label` names the kernel should it not compile. */
  take(code: string, slabs: number, label: string): Pipeline {
    let pipeline = this.known.get(code);
    if (pipeline === undefined) {
      pipeline = this.make(code, slabs, label);
      this.known.set(code, pipeline);
    }
    pipeline.users++;
    return pipeline;
  }

  release(pipeline: Pipeline): void {
    if (--pipeline.users === 0) this.known.delete(pipeline.code);
  }

  private make(code: string, slabs: number, label: string): Pipeline {
    this.compiled++;
    if (debugLevel() >= 4) say(`shader of ${label}\n${code}`);
    const compiled = this.compile(code, slabs, label).then((made) => {
      pipeline.ready = made;
    });
    const pipeline: Pipeline = { code, ready: null, done: compiled, users: 0 };
    // Whoever needs it waits for it; nobody else is to hear of it.
    compiled.catch(() => {
      if (this.known.get(code) === pipeline) this.known.delete(code);
    });
    return pipeline;
  }

  private async compile(code: string, slabs: number, label: string): Promise<GPUComputePipeline> {
    const { device } = this;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code, label });
    const { pipeline: layout } = this.layoutOf(slabs);
    const compute = { module, entryPoint: "main" };
    const made = device.createComputePipelineAsync({ label, layout, compute });
    const fault = device.popErrorScope();
    try {
      return await made;
    } catch (cause) {
      const why = (await fault)?.message ?? (cause as Error).message;
      const sentence = why.trim().split("\n")[0];
      throw new DeviceError(
        "webgpu",
        `the shader of kernel ${label} does not compile: ${sentence}`,
        {
          cause,
        },
      );
    }
  }
}
