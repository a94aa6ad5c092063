// Slabs: the few large GPUBuffers in which all data of the device lies, and who has which stretch of
// them. Shaders bind slabs whole, so that any number of operands takes a few bindings. They come one
// after the other, each larger than the one before; what is larger than any slab has several in a row to
// itself. Not here: what lies in them (memory.ts).

import { Heap, spareBytes } from "../heap.ts";
import { usage } from "./device.ts";

/** A stretch of memory: from byte `at` of slab `slab` on, through `count` slabs. */
export interface Region {
  readonly slab: number;
  readonly at: number;
  readonly count: number;
}

/** Where something lies in a region: its first slab, the element there, and how many slabs it touches. */
export interface Spot {
  slab: number;
  count: number;
  element: number;
}

interface Slab {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  readonly heap: Heap;
  /** The last run that found something in it, or put something there. */
  usedAt: number;
}

const firstBytes = 2 ** 22;
/** Each slab is this many times as large as all before it, within the limits. */
const growth = 3;
/** A slab that has been empty for so many runs is given back. */
const idleRuns = 64;
/** Element offsets stay well within 32 bits. */
const mostBytes = 2 ** 31;

export class Slabs {
  readonly list: Slab[] = [];
  /** Bytes of the largest slab there may be. */
  readonly largest: number;
  /** How many have been given back. */
  freed = 0;
  private run = 0;
  private readonly device: GPUDevice;

  constructor(device: GPUDevice, largest = mostBytes) {
    const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize, largest);
    this.largest = Math.floor(most / 256) * 256;
    this.device = device;
  }

  /** Bytes of all slabs. */
  get bytes(): number {
    return this.list.reduce((sum, slab) => sum + slab.bytes, 0);
  }

  get usedBytes(): number {
    return this.list.reduce((sum, slab) => sum + slab.heap.usedBytes, 0);
  }

  /** Free memory of so many bytes in the slabs that there are, or null. */
  allocate(bytes: number): Region | null {
    if (bytes + spareBytes > this.largest) return this.allocateRow(this.countFor(bytes));
    for (let slab = 0; slab < this.list.length; slab++) {
      const at = this.list[slab]!.heap.allocate(bytes);
      if (at < 0) continue;
      this.list[slab]!.usedAt = this.run;
      return { slab, at, count: 1 };
    }
    return null;
  }

  private countFor(bytes: number): number {
    return Math.ceil((bytes + spareBytes) / this.largest);
  }

  /** So many slabs of full size in a row, all empty. */
  private allocateRow(count: number): Region | null {
    let run = 0;
    for (let slab = 0; slab < this.list.length; slab++) {
      const { bytes, heap } = this.list[slab]!;
      run = bytes === this.largest && heap.tailBytes === bytes ? run + 1 : 0;
      if (run < count) continue;
      const first = slab - count + 1;
      for (let i = first; i <= slab; i++) {
        this.list[i]!.heap.allocate(this.largest - spareBytes);
        this.list[i]!.usedAt = this.run;
      }
      return { slab: first, at: 0, count };
    }
    return null;
  }

  release({ slab, at, count }: Region): void {
    for (let i = slab; i < slab + count; i++) this.list[i]!.heap.release(at);
  }

  /** Run number `run` begins: slabs that have been empty for long are given back. What was submitted may
   *  still use them. Their numbers stay theirs, so that no old binding means another; the first is kept. */
  trim(run: number): void {
    this.run = run;
    for (let i = 1; i < this.list.length; i++) {
      const slab = this.list[i]!;
      if (slab.bytes === 0) continue;
      if (slab.heap.tailBytes !== slab.bytes) slab.usedAt = run;
      if (run - slab.usedAt <= idleRuns) continue;
      slab.buffer.destroy();
      this.list[i] = { ...slab, bytes: 0, heap: new Heap(0) };
      this.freed++;
    }
  }

  /** More slabs, so that `bytes` can be had; false where the device has no more memory. */
  async grow(bytes: number): Promise<boolean> {
    const need = bytes + spareBytes;
    if (need > this.largest) {
      for (let i = this.countFor(bytes); i > 0; i--)
        if (!(await this.add(this.largest))) return false;
      return true;
    }
    const generous = Math.max(firstBytes, growth * this.bytes, need);
    const wanted = Math.min(Math.ceil(generous / 256) * 256, this.largest);
    return (await this.add(wanted)) || this.add(Math.ceil(need / 256) * 256);
  }

  private async add(bytes: number): Promise<boolean> {
    const { device } = this;
    device.pushErrorScope("out-of-memory");
    const label = `slab ${this.list.length}`;
    const buffer = device.createBuffer({
      label,
      size: bytes,
      usage: usage.storage | usage.copyFrom | usage.copyTo,
    });
    const error = await device.popErrorScope();
    if (error !== null) {
      buffer.destroy();
      return false;
    }
    this.list.push({ buffer, bytes, heap: new Heap(bytes), usedAt: this.run });
    return true;
  }

  /** The region that begins `start` bytes into another. */
  within({ slab, at, count }: Region, start: number): Region {
    const skipped = count === 1 ? 0 : Math.floor((at + start) / this.largest);
    return {
      slab: slab + skipped,
      at: at + start - skipped * this.largest,
      count: count - skipped,
    };
  }

  /** Where `bytes` bytes lie that begin `start` bytes after the beginning of a region. */
  locate(region: Region, start: number, bytes: number): Spot {
    const { slab, at, count } = region;
    const from = at + start;
    if (count === 1) return { slab, count: 1, element: from / 4 };
    const first = Math.floor(from / this.largest);
    const last = Math.floor((from + Math.max(bytes, 4) - 4) / this.largest);
    const element = (from - first * this.largest) / 4;
    return { slab: slab + first, count: last - first + 1, element };
  }

  /** The pieces, one a slab, of `bytes` bytes that begin `start` bytes into a region. */
  pieces(region: Region, start: number, bytes: number): Piece[] {
    const found: Piece[] = [];
    for (let done = 0; done < bytes; ) {
      const { slab, element } = this.locate(region, start + done, 4);
      const at = 4 * element;
      const room = region.count === 1 ? bytes : this.largest - at;
      const length = Math.min(bytes - done, room);
      found.push({ slab, at, start: done, bytes: length });
      done += length;
    }
    return found;
  }

  destroy(): void {
    for (const { buffer } of this.list) buffer.destroy();
  }
}

/** A part of some data, in one slab: `bytes` bytes of it, from its byte `start` on. */
export interface Piece {
  readonly slab: number;
  readonly at: number;
  readonly start: number;
  readonly bytes: number;
}
