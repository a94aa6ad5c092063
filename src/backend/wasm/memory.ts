// The memory of one wasm backend: a single WebAssembly.Memory that all of its programs share, with a
// heap of blocks, and one arena block for everybody's temporaries. State, results and inputs that come
// again live in blocks between runs. What nobody can reach any more is found now and then (census.ts);
// beyond the budgets the least recently used moves to arrays of the host, which are collected like any
// other. Not here: which program wants what (program.ts, backend.ts).

import type { Buffer } from "../../ir/buffer.ts";
import { type DType, itemSize, makeArray, type TypedArray } from "../../ir/dtype.ts";
import { Ticket } from "../../util/census.ts";
import { DeviceError } from "../../util/errors.ts";
import { BlockTable, Lookout } from "../blocks.ts";
import { Heap, spareBytes } from "../heap.ts";
import type { Block } from "./memory-blocks.ts";
import { bytesOf, MemoryBytes } from "./memory-bytes.ts";

export const pageBytes = 65536;
export const maxPages = 65536;
/** The first bytes of memory hold control words; kernels may also read a little before a buffer. */
const reservedBytes = 65536;

/** Bytes of blocks in wasm memory before the least recently used move to the host. */
export interface Budgets {
  readonly state: number;
  /** Results, and inputs that came more than once. */
  readonly results: number;
}

const usualBudgets: Budgets = { state: 1.5 * 2 ** 30, results: 2 ** 28 };
/** Copies of at most this many elements are loops: a view costs more than they do. */
const smallCopy = 32;

export class DeviceMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  i32!: Int32Array;
  f32!: Float32Array;
  f64!: Float64Array;
  u8!: Uint8Array;
  private bytes!: MemoryBytes;
  /** Where the shared arena begins, and how many bytes it has. */
  arenaAt = 0;
  arenaBytes = 0;
  /** Counts runs: blocks of the current one are never evicted. */
  clock = 0;
  /** State. */
  readonly states: BlockTable<Block>;
  /** Results, and inputs that came more than once. */
  readonly results: BlockTable<Block>;
  /** Pages that it may grow to. */
  private readonly limit: number;
  private readonly heap: Heap;
  private readonly lookout: Lookout<Block>;

  constructor(shared: boolean, budgets: Partial<Budgets> = {}) {
    this.shared = shared;
    this.states = new BlockTable(budgets.state ?? usualBudgets.state);
    this.results = new BlockTable(budgets.results ?? usualBudgets.results);
    this.lookout = new Lookout([this.results, this.states], (block) => this.drop(block));
    const initial = reservedBytes / pageBytes + 1;
    [this.memory, this.limit] = reserve(initial, shared);
    this.heap = new Heap(initial * pageBytes, reservedBytes);
    this.refresh();
  }

  private refresh(): void {
    const { buffer } = this.memory;
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.bytes = new MemoryBytes(buffer, this.shared);
  }

  /** Bytes of wasm memory, all in all. */
  get byteLength(): number {
    return this.u8.length;
  }

  /** A piece of memory of one's own, aligned to 64 bytes. `why` names it should it not fit. */
  allocate(bytes: number, why: string): number {
    for (;;) {
      const at = this.heap.allocate(bytes);
      if (at >= 0) return at;
      if (!this.grow(bytes) && !this.evictAny()) throw this.tooLarge(bytes, why);
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
    const block = ticketOf(buffer)?.value;
    return block !== undefined && block.memory === this && block.at >= 0 ? block : null;
  }

  /** Brings a buffer in, to stay. For state the host's array is let go: the block is the only copy. */
  makeResident(buffer: Buffer, owner: string): Block {
    const host = hostOf(buffer);
    const at = this.makeRoom(this.tableOf(buffer), buffer.size * itemSize[buffer.dtype]);
    this.copyIn(at, host);
    if (buffer.state) buffer.host = null;
    return this.settle(buffer, at, owner, this.clock - 1);
  }

  /** Gives a fresh buffer its elements: a copy, in a block of its own. */
  place(buffer: Buffer, elements: TypedArray, owner: string): void {
    const at = this.makeRoom(this.tableOf(buffer), elements.byteLength);
    this.copyIn(at, elements);
    this.settle(buffer, at, owner, this.clock - 1);
  }

  /** Whether blocks that nobody can reach are found in time, so that what passes may have some. */
  get finds(): boolean {
    return this.lookout.finds;
  }

  /** Memory for a new block of a table, within its budget as far as that goes. */
  makeRoom(table: BlockTable<Block>, bytes: number): number {
    this.lookout.expect(bytes, this.clock);
    this.lookout.made(bytes);
    while (table.bytes > 0 && table.bytes + bytes > table.budget) if (!this.evict(table)) break;
    return this.allocate(bytes, table === this.states ? "a buffer of state" : "a result");
  }

  /** The table that the block of a buffer belongs to. */
  tableOf(buffer: Buffer): BlockTable<Block> {
    return buffer.state ? this.states : this.results;
  }

  /** Makes memory from `makeRoom` the buffer's block. */
  settle(buffer: Buffer, at: number, owner: string, used: number): Block {
    const { dtype, size } = buffer;
    const table = this.tableOf(buffer);
    const bytes = size * itemSize[dtype];
    const [host, mirrored, passed] = [null, buffer.host !== null, this.clock];
    const block = { memory: this, dtype, size, bytes, at, host, mirrored, used, passed, table };
    table.add(block);
    buffer.device = this.lookout.issue(block);
    buffer.owner = owner;
    return block;
  }

  private evictAny(): boolean {
    return this.evict(this.results) || this.evict(this.states);
  }

  /** Moves the least recently used block of a table to the host. */
  private evict(table: BlockTable<Block>): boolean {
    const block = table.oldest(this.clock);
    if (block === null) return false;
    if (!block.mirrored) block.host = copyOf(block);
    this.drop(block);
    return true;
  }

  /** Gives the buffer a host array with its elements. */
  saveToHost(buffer: Buffer, block: Block): void {
    buffer.host = this.copyOut(buffer.dtype, block.at, buffer.size);
  }

  /** An update in place: the block of one buffer is another's now. */
  handOver(from: Buffer, to: Buffer): void {
    to.device = from.device;
    to.owner = from.owner;
    from.device = null;
    from.owner = null;
  }

  /** Somebody has said that nobody wants a block any more. */
  dismiss(block: Block): void {
    if (block.at >= 0) this.lookout.dismissed(block.bytes);
    this.drop(block);
  }

  /** Gives the memory of a block back. */
  drop(block: Block): void {
    if (block.at < 0) return;
    block.table.delete(block);
    this.lookout.forget(block);
    this.heap.release(block.at);
    block.at = -1;
  }

  /** Writes host elements to an address. */
  copyIn(at: number, host: TypedArray): void {
    const n = host.length;
    if (n > smallCopy) {
      this.bytes.copyIn(at, bytesOf(host));
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
      this.bytes.copyOut(at, bytesOf(out));
    } else {
      const { f32 } = this;
      for (let i = 0, p = at >>> 2; i < size; i++) out[i] = f32[p + i]!;
    }
    return out;
  }

  /** Moves everything to the host. */
  dispose(): void {
    this.clock++;
    while (this.evictAny());
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

/** The elements of a buffer that is not in the memory that asks: not to be written to. */
export function hostOf(buffer: Buffer): TypedArray {
  const block = ticketOf(buffer)?.value;
  const host = buffer.host ?? block?.host ?? null;
  if (host !== null) return host;
  // Another wasm device has them.
  if (block !== undefined && block.at >= 0) return copyOf(block);
  const where = buffer.owner === null ? "nowhere" : `only on the device "${buffer.owner}"`;
  const what = `${buffer.dtype}[${buffer.size}]`;
  throw new DeviceError("wasm", `the elements of a ${what} buffer are ${where}`, {
    hint: "read it on its own device first",
  });
}

/** The elements of a buffer, as an array of the caller's. */
export function elementsOf(buffer: Buffer): TypedArray {
  const block = ticketOf(buffer)?.value;
  return block !== undefined && block.at >= 0 ? copyOf(block) : hostOf(buffer).slice();
}

function copyOf({ memory, dtype, at, size }: Block): TypedArray {
  return memory.copyOut(dtype, at, size);
}

/** Gives a buffer's block back, whichever memory it is in. */
export function giveBack(buffer: Buffer): void {
  const block = ticketOf(buffer)?.value;
  if (block === undefined) return;
  block.memory.dismiss(block);
  buffer.device = null;
  buffer.owner = null;
}

/** What the buffer holds its block by; null if it has none, or one of another kind of device. */
function ticketOf({ device }: Buffer): Ticket<Block> | null {
  return device instanceof Ticket ? device : null;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
