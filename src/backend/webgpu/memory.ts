// What lies on a graphics card between runs: state, results, and inputs that come again, each a block in
// the slabs; and one arena for everybody's temporaries. What nobody can reach any more is found now and
// then (census.ts); beyond the budgets the least recently used moves to arrays of the host.
// Not here: slabs (slabs.ts), copying back (readback.ts), which program wants what (program.ts).

import type { Buffer } from "../../ir/buffer.ts";
import type { DType, TypedArray } from "../../ir/dtype.ts";
import { Ticket } from "../../util/census.ts";
import { DeviceError } from "../../util/errors.ts";
import { BlockTable, type Held, Lookout } from "../blocks.ts";
import { wordsOf } from "./elements.ts";
import type { Readback } from "./readback.ts";
import type { Region, Slabs } from "./slabs.ts";

/** The elements of one version of some data. Buffers hold it by a ticket, in `Buffer.device`. */
export interface Block extends Held {
  readonly memory: GpuMemory;
  readonly dtype: DType;
  readonly size: number;
  /** Null: it is not on the device any more. */
  region: Region | null;
  /** The elements, once they had to move to the host. */
  host: TypedArray | null;
  /** The buffer has the elements on the host too, so that nothing needs to be saved. */
  mirrored: boolean;
  readonly table: BlockTable<Block>;
}

/** Bytes of blocks before the least recently used move to the host. */
export interface Budgets {
  readonly state: number;
  /** Results, and inputs that came more than once. */
  readonly results: number;
}

const usualBudgets: Budgets = { state: 2 ** 34, results: 2 ** 30 };

/** What is asked of a table of blocks: `bytes` more, beside others that it does not know yet. */
export interface Wish {
  readonly table: BlockTable<Block> | null;
  readonly bytes: number;
  readonly beside: number;
}

/** There is no room at present: `makeRoom` may find some, and then all is to be tried again. */
export class NeedsRoom {
  readonly wish: Wish;
  readonly what: string;
  /** What else had been taken: not to be counted as room, and to be given back then. */
  held: readonly Region[] = [];

  constructor(wish: Wish, what: string) {
    this.wish = wish;
    this.what = what;
  }
}

export class GpuMemory {
  readonly slabs: Slabs;
  /** The name of the device. */
  readonly owner: string;
  /** Counts runs: blocks of the current one are never evicted. */
  clock = 0;
  readonly states: BlockTable<Block>;
  readonly results: BlockTable<Block>;
  /** Where everybody's temporaries lie. */
  arena: Region = { slab: 0, at: 0, count: 1 };
  arenaBytes = 0;
  private readonly queue: GPUQueue;
  private readonly lookout: Lookout<Block>;
  /** The run for which no more can move to the host. */
  private strainedBy = -1;

  constructor(owner: string, queue: GPUQueue, slabs: Slabs, budgets: Partial<Budgets> = {}) {
    this.owner = owner;
    this.slabs = slabs;
    this.queue = queue;
    this.states = new BlockTable(budgets.state ?? usualBudgets.state);
    this.results = new BlockTable(budgets.results ?? usualBudgets.results);
    this.lookout = new Lookout([this.results, this.states], (block) => this.drop(block));
  }

  /** Whether blocks that nobody can reach are found in time. */
  get finds(): boolean {
    return this.lookout.finds;
  }

  /** The buffer's block if its elements lie in this memory. */
  blockOf(buffer: Buffer): Block | null {
    const block = blockOf(buffer);
    return block !== null && block.memory === this && block.region !== null ? block : null;
  }

  tableOf(buffer: Buffer): BlockTable<Block> {
    return buffer.state ? this.states : this.results;
  }

  /** Memory for a new block, beside so many bytes that were taken and are no blocks yet. Throws NeedsRoom
   *  where there is none, or none within the budget. */
  take(table: BlockTable<Block>, bytes: number, beside = 0): Region {
    const what = table === this.states ? "a buffer of state" : "a result";
    this.lookout.expect(bytes, this.clock);
    const wish = { table, bytes, beside };
    const over = isOver(wish) && this.strainedBy !== this.clock;
    const region = over ? null : this.slabs.allocate(Math.max(bytes, 4));
    if (region === null) throw new NeedsRoom(wish, what);
    this.lookout.made(bytes);
    return region;
  }

  /** Makes the arena at least this large; its contents are lost when it moves. */
  needArena(bytes: number): void {
    if (bytes <= this.arenaBytes) return;
    if (this.arenaBytes > 0) this.slabs.release(this.arena);
    this.arenaBytes = 0;
    const region = this.slabs.allocate(bytes);
    if (region === null) throw new NeedsRoom({ table: null, bytes, beside: 0 }, "temporaries");
    this.arena = region;
    this.arenaBytes = bytes;
  }

  /** What NeedsRoom asks for: others move to the host, or the slabs become more. */
  async makeRoom(needs: NeedsRoom, readback: Readback): Promise<void> {
    try {
      await this.findRoom(needs, readback);
    } finally {
      for (const region of needs.held) this.slabs.release(region);
    }
  }

  private async findRoom({ wish, what }: NeedsRoom, readback: Readback): Promise<void> {
    this.lookout.look(this.clock);
    while (isOver(wish)) {
      if (await this.evict(wish.table!, readback)) continue;
      this.strainedBy = this.clock;
      break;
    }
    while (!this.fits(wish.bytes)) {
      if (await this.slabs.grow(wish.bytes)) continue;
      if (await this.evict(this.results, readback)) continue;
      if (await this.evict(this.states, readback)) continue;
      throw this.tooLarge(wish.bytes, what);
    }
  }

  private fits(bytes: number): boolean {
    const region = this.slabs.allocate(Math.max(bytes, 4));
    if (region === null) return false;
    this.slabs.release(region);
    return true;
  }

  private tooLarge(bytes: number, what: string): DeviceError {
    const need = `${mebibytes(bytes)} for ${what}`;
    const have = `${mebibytes(this.slabs.bytes)} of the device's memory in use`;
    return new DeviceError("webgpu", `out of memory: ${need} cannot be had (${have})`, {
      hint: "use a smaller batch",
    });
  }

  /** Gives a buffer its elements: a copy, in a block of its own. What the host has of it stays there:
   *  should the device be lost, it is not. */
  place(buffer: Buffer, elements: TypedArray): Block {
    const region = this.take(this.tableOf(buffer), 4 * elements.length);
    this.upload(region, 0, elements);
    return this.settle(buffer, region, this.clock - 1);
  }

  /** Makes a region the buffer's block. */
  settle(buffer: Buffer, region: Region, used: number): Block {
    const { dtype, size } = buffer;
    const table = this.tableOf(buffer);
    const block: Block = {
      ...{ memory: this, dtype, size, bytes: 4 * size, region, table, used },
      ...{ host: null, mirrored: buffer.host !== null, passed: this.clock },
    };
    table.add(block);
    buffer.device = this.lookout.issue(block);
    buffer.owner = this.owner;
    return block;
  }

  /** Writes elements of the host into a region. In the queue's order, like all that is done to it. */
  upload(region: Region, start: number, elements: TypedArray): void {
    const words = wordsOf(elements);
    for (const piece of this.slabs.pieces(region, start, 4 * words.length)) {
      const { buffer } = this.slabs.list[piece.slab]!;
      this.queue.writeBuffer(buffer, piece.at, words, piece.start / 4, piece.bytes / 4);
    }
  }

  /** Moves the least recently used block of a table to the host. */
  private async evict(table: BlockTable<Block>, readback: Readback): Promise<boolean> {
    const block = table.oldest(this.clock);
    if (block === null) return false;
    if (!block.mirrored) {
      const [elements] = await readback.read([block]);
      // What was dropped or updated in place meanwhile is gone, or another's.
      if (block.region === null) return true;
      block.host = elements!;
    }
    this.drop(block);
    return true;
  }

  /** Somebody has said that nobody wants a block any more. */
  dismiss(block: Block): void {
    if (block.region !== null) this.lookout.dismissed(block.bytes);
    this.drop(block);
  }

  /** Gives the memory of a block back. */
  drop(block: Block): void {
    if (block.region === null) return;
    block.table.delete(block);
    this.lookout.forget(block);
    this.slabs.release(block.region);
    block.region = null;
  }
}

/** The elements of a buffer that is not in the memory that asks: not to be written to. */
export function hostOf(buffer: Buffer): TypedArray {
  const host = buffer.host ?? blockOf(buffer)?.host ?? null;
  if (host !== null) return host;
  const what = `the elements of a ${buffer.dtype}[${buffer.size}] buffer`;
  if (blockOf(buffer) !== null) {
    throw new DeviceError("webgpu", `${what} were lost with the device`, {
      hint: "load the weights that were last saved",
    });
  }
  const where = buffer.owner === null ? "nowhere" : `only on the device "${buffer.owner}"`;
  throw new DeviceError("webgpu", `${what} are ${where}`, {
    hint: "read it on its own device first",
  });
}

/** Gives a buffer's block back, whichever memory it is in. */
export function giveBack(buffer: Buffer): void {
  const block = blockOf(buffer);
  if (block === null) return;
  block.memory.dismiss(block);
  buffer.device = null;
  buffer.owner = null;
}

/** An update in place: the block of one buffer is another's now. */
export function handOver(from: Buffer, to: Buffer): void {
  to.device = from.device;
  to.owner = from.owner;
  from.device = null;
  from.owner = null;
}

/** The block that a buffer holds, if one of a graphics card. */
export function blockOf({ device, owner }: Buffer): Block | null {
  if (!(device instanceof Ticket) || !owner?.startsWith(ownerName)) return null;
  return device.value as Block;
}

/** How the names of such devices begin, which buffers know as their owner. */
export const ownerName = "webgpu";

function isOver({ table, bytes, beside }: Wish): boolean {
  return table !== null && table.bytes > 0 && table.bytes + beside + bytes > table.budget;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
