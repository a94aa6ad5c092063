// The memory of one wasm backend: a single WebAssembly.Memory that all of its programs share, with a
// heap of blocks, and one arena block for everybody's temporaries. State lives in blocks between
// runs; beyond a budget the least recently used of it moves to arrays of the host, which are
// collected like any other. Not here: which program wants what (program.ts, backend.ts).

import type { Buffer } from "../../ir/buffer.ts";
import { type DType, itemSize, makeArray, type TypedArray, viewArray } from "../../ir/dtype.ts";
import { DeviceError } from "../../util/errors.ts";
import { Heap, reservedBytes, spareBytes } from "./memory-heap.ts";

export const pageBytes = 65536;
export const maxPages = 65536;

/** State bytes that stay in wasm memory before the least recently used move to the host. */
const defaultBudget = 1.5 * 2 ** 30;
/** Copies of at most this many elements are loops: a view costs more than they do. */
const smallCopy = 32;

/** A buffer's elements in wasm memory. What `Buffer.device` holds. */
export interface Block {
  readonly memory: DeviceMemory;
  readonly at: number;
  readonly bytes: number;
  /** The device's name. */
  readonly owner: string;
  /** Who has these elements now: an update in place hands the block on. */
  buffer: Buffer;
  /** The run that last used it (not yet the present one, when new). */
  used: number;
}

export class DeviceMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  i32!: Int32Array;
  f32!: Float32Array;
  f64!: Float64Array;
  u8!: Uint8Array;
  /** Where the shared arena begins, and how many bytes it has. */
  arenaAt = 0;
  arenaBytes = 0;
  /** Counts runs: blocks of the current one are never evicted. */
  clock = 0;
  budget: number;
  /** Pages that it may grow to. */
  private readonly limit: number;
  private readonly heap: Heap;
  private readonly blocks = new Set<Block>();
  private residentBytes = 0;

  constructor(shared: boolean, budget = defaultBudget) {
    this.shared = shared;
    this.budget = budget;
    const initial = reservedBytes / pageBytes + 1;
    [this.memory, this.limit] = reserve(initial, shared);
    this.heap = new Heap(initial * pageBytes);
    this.refresh();
  }

  private refresh(): void {
    const { buffer } = this.memory;
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }

  /** Bytes of wasm memory, all in all. */
  get byteLength(): number {
    return this.u8.length;
  }

  /** Bytes of state that lives here between runs. */
  get stateBytes(): number {
    return this.residentBytes;
  }

  /** A piece of memory of one's own, aligned to 64 bytes. `why` names it should it not fit. */
  allocate(bytes: number, why: string): number {
    for (;;) {
      const at = this.heap.allocate(bytes);
      if (at >= 0) return at;
      if (!this.grow(bytes) && !this.evictOne()) throw this.tooLarge(bytes, why);
    }
  }

  release(at: number): void {
    this.heap.release(at);
  }

  private grow(bytes: number): boolean {
    const missing = Math.ceil((bytes + spareBytes - this.heap.tailBytes) / pageBytes);
    const pages = this.byteLength / pageBytes;
    if (pages + missing > this.limit) return false;
    // An eighth more, so that many small blocks do not grow it one by one.
    const generous = Math.min(missing + (pages >> 3), this.limit - pages);
    for (const count of [generous, missing]) {
      try {
        this.memory.grow(count);
      } catch {
        continue; // The system has no more: try less, then let others make room.
      }
      this.heap.extend((pages + count) * pageBytes);
      this.refresh();
      return true;
    }
    return false;
  }

  private tooLarge(bytes: number, why: string): DeviceError {
    const need = `${mebibytes(bytes)} for ${why}`;
    const have = `${mebibytes(this.byteLength)} of wasm memory in use, of at most ${this.limit / 16} MiB`;
    return new DeviceError("wasm", `out of memory: ${need} do not fit (${have})`, {
      hint: "use a smaller batch",
    });
  }

  /** Makes the shared arena at least this large. Its contents are lost when it moves. */
  needArena(bytes: number): void {
    if (bytes <= this.arenaBytes) return;
    if (this.arenaBytes > 0) this.heap.release(this.arenaAt);
    this.arenaBytes = 0;
    this.arenaAt = this.allocate(bytes, "temporaries");
    this.arenaBytes = bytes;
  }

  /** The buffer's block if its elements lie in this memory. */
  blockOf(buffer: Buffer): Block | null {
    const block = buffer.device as Block | null;
    return block !== null && block.memory === this ? block : null;
  }

  /** Brings a buffer in, to stay. For state the host's array is let go: the block is the only copy. */
  makeResident(buffer: Buffer, owner: string): Block {
    const host = hostOf(buffer);
    const bytes = buffer.size * itemSize[buffer.dtype];
    this.makeRoom(bytes);
    const at = this.allocate(bytes, `a state buffer of ${buffer.dtype}[${buffer.size}]`);
    const block: Block = { memory: this, at, bytes, owner, buffer, used: this.clock - 1 };
    this.copyIn(at, host);
    this.blocks.add(block);
    this.residentBytes += bytes;
    buffer.device = block;
    buffer.owner = owner;
    if (buffer.state) buffer.host = null;
    return block;
  }

  /** Moves state to the host until `bytes` more are within the budget, as far as that goes. */
  private makeRoom(bytes: number): void {
    while (this.residentBytes > 0 && this.residentBytes + bytes > this.budget) {
      if (!this.evictOne()) return;
    }
  }

  private evictOne(): boolean {
    let oldest: Block | null = null;
    for (const block of this.blocks) {
      if (block.used !== this.clock && (oldest === null || block.used < oldest.used)) {
        oldest = block;
      }
    }
    if (oldest === null) return false;
    if (oldest.buffer.host === null) this.saveToHost(oldest.buffer, oldest);
    this.drop(oldest);
    return true;
  }

  /** Gives the buffer a host array with its elements. */
  saveToHost(buffer: Buffer, block: Block): void {
    buffer.host = this.copyOut(buffer.dtype, block.at, buffer.size);
  }

  /** An update in place: the block is another buffer's now. */
  handOver(block: Block, from: Buffer, to: Buffer): void {
    from.device = null;
    from.owner = null;
    to.device = block;
    to.owner = block.owner;
    block.buffer = to;
  }

  /** Forgets a block and frees its memory. */
  drop(block: Block): void {
    this.blocks.delete(block);
    this.residentBytes -= block.bytes;
    this.heap.release(block.at);
    block.buffer.device = null;
    block.buffer.owner = null;
  }

  /** Writes host elements to an address. */
  copyIn(at: number, host: TypedArray): void {
    const n = host.length;
    if (n > smallCopy) {
      const view = new Uint8Array(this.memory.buffer, at, host.byteLength);
      view.set(new Uint8Array(host.buffer, host.byteOffset, host.byteLength));
    } else if (host instanceof Float32Array) {
      const { f32 } = this;
      for (let i = 0, p = at >>> 2; i < n; i++) f32[p + i] = host[i]!;
    } else if (host instanceof Float64Array) {
      const { f64 } = this;
      for (let i = 0, p = at >>> 3; i < n; i++) f64[p + i] = host[i]!;
    } else if (host instanceof Int32Array) {
      const { i32 } = this;
      for (let i = 0, p = at >>> 2; i < n; i++) i32[p + i] = host[i]!;
    } else {
      const { u8 } = this;
      for (let i = 0; i < n; i++) u8[at + i] = host[i]!;
    }
  }

  /** The elements at an address, as an array of their own. */
  copyOut(dtype: DType, at: number, size: number): TypedArray {
    const out = makeArray(dtype, size);
    if (size > smallCopy || dtype !== "float32") {
      out.set(viewArray(dtype, this.memory.buffer, at, size));
    } else {
      const { f32 } = this;
      for (let i = 0, p = at >>> 2; i < size; i++) out[i] = f32[p + i]!;
    }
    return out;
  }

  /** Forgets everything. */
  dispose(): void {
    for (const block of [...this.blocks]) {
      if (block.buffer.host === null) this.saveToHost(block.buffer, block);
      this.drop(block);
    }
  }
}

/** Memory and its limit: as much address space as there is to have, for shared memory never moves. */
function reserve(initial: number, shared: boolean): [WebAssembly.Memory, number] {
  for (let maximum = maxPages; ; maximum /= 2) {
    try {
      return [new WebAssembly.Memory({ initial, maximum, shared }), maximum];
    } catch (error) {
      if (maximum <= 1024) {
        throw new DeviceError("wasm", "there is no memory to be had", { cause: error });
      }
    }
  }
}

/** The host's array of a buffer that is not here. */
export function hostOf(buffer: Buffer): TypedArray {
  if (buffer.host !== null) return buffer.host;
  const where = buffer.owner === null ? "nowhere" : `only on the device "${buffer.owner}"`;
  const what = `${buffer.dtype}[${buffer.size}]`;
  throw new DeviceError("wasm", `the elements of a ${what} buffer are ${where}`, {
    hint: "read it on its own device first",
  });
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
