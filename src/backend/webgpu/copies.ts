// Copies within the device, as dispatches among those of a run: WebGPU's own copies end a pass, and none
// may stay within one buffer. Not here: copies to the host (readback.ts).

import type { Maker } from "./commands.ts";
import { makeGroup } from "./commands.ts";
import { usage } from "./device.ts";
import type { Pipeline } from "./pipelines.ts";
import type { Region } from "./slabs.ts";

/** `bytes` bytes of one region, from byte `start` on, that go to byte `toStart` of another. */
export interface Copy {
  readonly from: Region;
  readonly start: number;
  readonly to: Region;
  readonly toStart: number;
  readonly bytes: number;
}

const blockBytes = 256;
const workgroup = 64;
const mostGroups = 65535;

function copyShader(to: 0 | 1): string {
  const slab = (i: number) =>
    `@group(0) @binding(${2 + i}) var<storage, read_write> s${i}: array<u32>;`;
  return `struct Copy { from_: u32, to: u32, count: u32, pad: u32 }
@group(0) @binding(0) var<uniform> copy: Copy;
@group(0) @binding(1) var<storage, read_write> status: array<u32>;
${slab(0)}
${to === 0 ? "" : slab(1)}
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) at: vec3u, @builtin(num_workgroups) groups: vec3u) {
  if (status[0] != 0u) { return; }
  for (var i = at.x; i < copy.count; i += groups.x * ${workgroup}u) {
    s${to}[copy.to + i] = s0[copy.from_ + i];
  }
}
`;
}

export class Copier {
  private readonly maker: Maker;
  /** Within a slab, and between two. */
  private readonly pipelines: readonly [Pipeline, Pipeline];
  private readonly groups = new Map<string, GPUBindGroup>();
  private uniforms: GPUBuffer | null = null;
  private used = 0;
  /** How many slabs had been given back when the groups were made. */
  private freed = 0;
  private words = new Uint32Array((16 * blockBytes) / 4);

  constructor(maker: Maker) {
    this.maker = maker;
    this.pipelines = [
      maker.pipelines.take(copyShader(0), 1, "copy"),
      maker.pipelines.take(copyShader(1), 2, "copy"),
    ];
  }

  /** Settles once copies can be made. */
  async ready(): Promise<void> {
    await Promise.all(this.pipelines.map((p) => p.done));
  }

  /** Begins a new run's copies. */
  begin(): void {
    this.used = 0;
  }

  /** Makes dispatches of copies. They are to be recorded after `flush`. */
  add(copies: readonly Copy[]): Dispatch[] {
    return copies.flatMap((copy) => this.piecesOf(copy)).map((piece) => this.dispatchOf(piece));
  }

  private piecesOf({ from, start, to, toStart, bytes }: Copy): WordCopy[] {
    const { slabs } = this.maker;
    return slabs.pieces(from, start, bytes).flatMap((source) =>
      slabs.pieces(to, toStart + source.start, source.bytes).map((target) => ({
        from: source.slab,
        to: target.slab,
        words: [(source.at + target.start) / 4, target.at / 4, target.bytes / 4],
      })),
    );
  }

  private dispatchOf({ from, to, words }: WordCopy): Dispatch {
    const at = this.used++;
    if ((at + 1) * blockBytes > 4 * this.words.length) {
      const longer = new Uint32Array(2 * this.words.length);
      longer.set(this.words);
      this.words = longer;
    }
    this.words.set(words, (at * blockBytes) / 4);
    const groups = Math.min(Math.ceil(words[2]! / workgroup), mostGroups);
    return { slabs: from === to ? [from] : [from, to], offset: at * blockBytes, groups };
  }

  /** Writes the uniforms of all copies of the run. */
  flush(): void {
    if (this.used === 0) return;
    const { device } = this.maker;
    const size = 4 * this.words.length;
    if (this.uniforms === null || this.uniforms.size < size) {
      this.uniforms?.destroy();
      this.uniforms = device.createBuffer({ size, usage: usage.uniform | usage.copyTo });
      this.groups.clear();
    }
    device.queue.writeBuffer(this.uniforms, 0, this.words, 0, (this.used * blockBytes) / 4);
  }

  encode(pass: GPUComputePassEncoder, dispatches: readonly Dispatch[]): void {
    for (const { slabs, offset, groups } of dispatches) {
      pass.setPipeline(this.pipelines[slabs.length - 1]!.ready!);
      pass.setBindGroup(0, this.groupOf(slabs), [offset]);
      pass.dispatchWorkgroups(groups);
    }
  }

  private groupOf(slabs: readonly number[]): GPUBindGroup {
    const { freed } = this.maker.slabs;
    if (freed !== this.freed) this.groups.clear();
    this.freed = freed;
    const key = slabs.join();
    const known = this.groups.get(key);
    if (known !== undefined) return known;
    const uniforms = { buffer: this.uniforms!, size: blockBytes };
    const group = makeGroup(this.maker, slabs, uniforms);
    this.groups.set(key, group);
    return group;
  }
}

interface WordCopy {
  readonly from: number;
  readonly to: number;
  /** First element from, first element to, and how many. */
  readonly words: readonly number[];
}

/** One copy, ready to be recorded. */
export interface Dispatch {
  readonly slabs: readonly number[];
  readonly offset: number;
  readonly groups: number;
}
