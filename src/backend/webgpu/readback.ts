// From the device back to the host: copies into buffers that can be mapped, which are used again and
// again. A copy is put into the queue when it is asked for, and so sees the elements as they are then.
// Not here: who asks, and when an answer counts (backend.ts, pending.ts).

import type { DType, TypedArray } from "../../ir/dtype.ts";
import { mapToRead, usage } from "./device.ts";
import { elementsOf } from "./elements.ts";
import type { Piece, Region, Slabs } from "./slabs.ts";

/** Something on the device. */
export interface Source {
  readonly dtype: DType;
  readonly size: number;
  readonly region: Region | null;
}

const smallest = 256;
/** Buffers of a size that wait to be used again. */
const kept = 4;
/** Larger ones are not kept. */
const keptBytes = 2 ** 26;

export class Readback {
  /** Copies that were asked for, all in all. */
  count = 0;
  private readonly device: GPUDevice;
  private readonly slabs: Slabs;
  private readonly free = new Map<number, GPUBuffer[]>();
  private readonly all = new Set<GPUBuffer>();

  constructor(device: GPUDevice, slabs: Slabs) {
    this.device = device;
    this.slabs = slabs;
  }

  /** A buffer of at least so many bytes, to copy to and to map. */
  take(bytes: number): GPUBuffer {
    let size = smallest;
    while (size < bytes) size *= 2;
    size = Math.min(size, Math.max(this.device.limits.maxBufferSize, bytes));
    const waiting = this.free.get(size)?.pop();
    if (waiting !== undefined) return waiting;
    const label = "readback";
    const buffer = this.device.createBuffer({ label, size, usage: usage.mapRead | usage.copyTo });
    this.all.add(buffer);
    return buffer;
  }

  giveBack(buffer: GPUBuffer): void {
    const list = this.free.get(buffer.size) ?? [];
    this.free.set(buffer.size, list);
    if (list.length < kept && buffer.size <= keptBytes) {
      list.push(buffer);
      return;
    }
    this.all.delete(buffer);
    buffer.destroy();
  }

  /** The elements of some data on the device, all in one submit. */
  async read(sources: readonly Source[]): Promise<TypedArray[]> {
    const encoder = this.device.createCommandEncoder({ label: "read" });
    const copies = sources.map((source) => this.copiesOf(source, encoder));
    this.count++;
    this.device.queue.submit([encoder.finish()]);
    return Promise.all(copies.map((parts, i) => this.collect(sources[i]!, parts)));
  }

  private copiesOf({ size, region }: Source, encoder: GPUCommandEncoder): Part[] {
    if (region === null || size === 0) return [];
    return this.slabs.pieces(region, 0, 4 * size).map((piece) => {
      const to = this.take(piece.bytes);
      encoder.copyBufferToBuffer(this.slabs.list[piece.slab]!.buffer, piece.at, to, 0, piece.bytes);
      return { piece, to };
    });
  }

  private async collect({ dtype, size }: Source, parts: readonly Part[]): Promise<TypedArray> {
    await Promise.all(parts.map(({ piece, to }) => to.mapAsync(mapToRead, 0, piece.bytes)));
    const whole = new Uint8Array(parts.length === 1 ? 0 : 4 * size);
    let elements: TypedArray | null = null;
    for (const { piece, to } of parts) {
      const words = to.getMappedRange(0, piece.bytes);
      if (parts.length === 1) elements = elementsOf(dtype, words, 0, size);
      else whole.set(new Uint8Array(words), piece.start);
      to.unmap();
      this.giveBack(to);
    }
    return elements ?? elementsOf(dtype, whole.buffer, 0, size);
  }

  /** Bytes of the buffers, those in use included. */
  get bytes(): number {
    let sum = 0;
    for (const { size } of this.all) sum += size;
    return sum;
  }

  destroy(): void {
    for (const buffer of this.all) buffer.destroy();
    this.all.clear();
    this.free.clear();
  }
}

interface Part {
  readonly piece: Piece;
  readonly to: GPUBuffer;
}
