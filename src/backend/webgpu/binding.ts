// What memory one run is given: the block of each input or a copy of it, a new block for each result,
// and the copies to make before and after the steps. Taken as a whole or not at all, and undone should
// the run turn out to have failed. Not here: the steps (commands.ts), the order of runs (runs.ts).

import type { Buffer } from "../../ir/buffer.ts";
import type { TypedArray } from "../../ir/dtype.ts";
import type { BlockTable } from "../blocks.ts";
import type { Commands } from "./commands.ts";
import type { Copy } from "./copies.ts";
import {
  type Block,
  blockOf,
  type GpuMemory,
  giveBack,
  handOver,
  hostOf,
  NeedsRoom,
} from "./memory.ts";
import type { InputSlot, WebgpuProgram } from "./program.ts";
import type { Region } from "./slabs.ts";

/** Inputs of fewer bytes are copied at each run rather than kept. */
const keepFrom = 16384;

/** Where a run finds an input: in a block that is there, in a block that is to be its output's, or among
 *  the copies behind the arena. */
interface Bound {
  readonly slot: InputSlot;
  readonly buffer: Buffer;
  readonly host: TypedArray | null;
  readonly block: Block | null;
  readonly own: Region | null;
}

/** Elements of the host that go to the device before a run. */
interface Upload {
  readonly region: Region;
  readonly start: number;
  readonly elements: TypedArray;
}

/** An input whose block went to an output, and the block with its old elements, if any. */
interface Move {
  readonly from: Buffer;
  readonly to: Buffer;
  readonly saved: Region | null;
}

export class Binding {
  readonly before: Copy[] = [];
  readonly after: Copy[] = [];
  private readonly program: WebgpuProgram;
  private readonly memory: GpuMemory;
  private readonly inputs: readonly Bound[];
  private readonly uploads: Upload[] = [];
  private readonly results: Region[] = [];
  private readonly copied: Region[] = [];
  /** By input: where its old elements go. */
  private readonly saved = new Map<number, Region>();
  private readonly taken: Region[] = [];
  private readonly takenOf = new Map<BlockTable<Block>, number>();
  private readonly moves: Move[] = [];
  private readonly fresh: Buffer[] = [];

  /** Takes the memory; `hosts` are the elements of inputs that the host had when the run was asked for.
   *  Throws NeedsRoom, which then holds what had been taken. */
  constructor(
    program: WebgpuProgram,
    memory: GpuMemory,
    inputs: readonly Buffer[],
    hosts: readonly (TypedArray | null)[],
  ) {
    this.program = program;
    this.memory = memory;
    try {
      const used = new Set<Block>();
      this.inputs = inputs.map((buffer, i) => {
        return this.bind(program.inputs[i]!, buffer, hosts[i]!, used);
      });
      for (const { bytes } of program.results) this.results.push(this.take(memory.results, bytes));
      for (const { from } of program.copied) {
        this.copied.push(this.take(memory.results, from.bytes));
      }
      this.inputs.forEach(({ slot, block, buffer }, i) => {
        if (!slot.replaced || block === null || !buffer.shared || buffer.host !== null) return;
        this.saved.set(i, this.take(memory.states, slot.bytes));
      });
      memory.needArena(program.needBytes);
    } catch (error) {
      if (error instanceof NeedsRoom) error.held = this.taken;
      else this.release();
      throw error;
    }
  }

  private take(table: BlockTable<Block>, bytes: number): Region {
    const beside = this.takenOf.get(table) ?? 0;
    const region = this.memory.take(table, bytes, beside);
    this.takenOf.set(table, beside + bytes);
    this.taken.push(region);
    return region;
  }

  private bind(slot: InputSlot, buffer: Buffer, host: TypedArray | null, used: Set<Block>): Bound {
    const { memory, program } = this;
    const block = this.blockFor(slot, buffer, host);
    const twice = block !== null && program.writesInputs && used.has(block);
    if (block !== null && !twice) {
      used.add(block);
      block.used = memory.clock;
      return { slot, buffer, host, block, own: null };
    }
    const lying = memory.blockOf(buffer);
    if (lying !== null) lying.used = memory.clock;
    if (slot.replaced) {
      const own = this.take(memory.tableOf(buffer), slot.bytes);
      return { slot, buffer, host, block: null, own };
    }
    program.stage(slot);
    return { slot, buffer, host, block: null, own: null };
  }

  /** The block of an input that has one or is to get one: state, and what comes a second time. */
  private blockFor(slot: InputSlot, buffer: Buffer, host: TypedArray | null): Block | null {
    const { memory } = this;
    const resident = () => memory.place(buffer, host ?? hostOf(buffer));
    const block = memory.blockOf(buffer);
    if (buffer.state) return block ?? resident();
    // Others may still read it: the run is to write over a copy.
    if (slot.replaced) return null;
    if (block !== null || slot.bytes < keepFrom || !buffer.cameBefore) return block;
    return resident();
  }

  /** Tells the commands where all lies, and notes the copies that this takes. */
  place(commands: Commands): void {
    const { memory, program } = this;
    commands.place(0, memory.arena);
    for (const input of this.inputs) {
      const { slot, block, own } = input;
      const region = block?.region ?? own;
      if (region !== null) {
        commands.place(slot.slot, region);
        if (own !== null) this.fill(own, 0, input);
        continue;
      }
      const start = program.stagingAt + slot.staged;
      commands.place(slot.slot, memory.slabs.within(memory.arena, start));
      this.fill(memory.arena, start, input);
    }
    program.results.forEach(({ slot }, r) => void commands.place(slot, this.results[r]!));
    for (const [i, to] of this.saved) {
      const { block, slot } = this.inputs[i]!;
      this.before.push({ from: block!.region!, start: 0, to, toStart: 0, bytes: slot.bytes });
    }
    program.copied.forEach(({ from, early }, c) => {
      const { slot, start, bytes } = from;
      const list = early ? this.before : this.after;
      const to = this.copied[c]!;
      list.push({ from: commands.regionOf(slot), start, to, toStart: 0, bytes });
    });
  }

  /** The elements of a buffer are to be there when the run begins. */
  private fill(to: Region, toStart: number, { buffer, host, slot }: Bound): void {
    const from = this.memory.blockOf(buffer)?.region;
    if (from) this.before.push({ from, start: 0, to, toStart, bytes: slot.bytes });
    else this.uploads.push({ region: to, start: toStart, elements: host ?? hostOf(buffer) });
  }

  /** Writes what comes from the host: the run is about to be submitted. */
  upload(): void {
    for (const { region, start, elements } of this.uploads) {
      this.memory.upload(region, start, elements);
    }
    for (const { buffer, slot } of this.inputs)
      if (slot.bytes >= keepFrom) buffer.cameBefore = true;
  }

  /** Where a fresh result will lie; null for one that takes over an input. */
  regionOf(output: number): Region | null {
    const result = this.program.results.findIndex((r) => r.output === output);
    if (result >= 0) return this.results[result]!;
    const copied = this.program.copied.findIndex((c) => c.output === output);
    return copied >= 0 ? this.copied[copied]! : null;
  }

  /** The run has been submitted: outputs have their data from now on. */
  handOut(outputs: readonly Buffer[]): void {
    const { memory, program } = this;
    const { clock } = memory;
    program.results.forEach(({ output }, r) => {
      this.settle(outputs[output]!, this.results[r]!, clock);
    });
    program.copied.forEach(({ output }, c) => {
      this.settle(outputs[output]!, this.copied[c]!, clock);
    });
    program.plan.outputs.forEach(({ into }, k) => {
      if (into < 0) return;
      const { buffer: from, own } = this.inputs[into]!;
      const to = outputs[k]!;
      if (own !== null) {
        this.settle(to, own, clock);
        return;
      }
      const saved = this.saved.get(into) ?? null;
      handOver(from, to);
      const block = blockOf(to);
      if (block !== null) block.mirrored = false;
      if (saved !== null) memory.settle(from, saved, clock);
      this.moves.push({ from, to, saved });
    });
    this.taken.length = 0;
  }

  private settle(buffer: Buffer, region: Region, clock: number): void {
    this.memory.settle(buffer, region, clock);
    this.fresh.push(buffer);
  }

  /** The run has changed nothing after all: inputs have their data again, results have none. Runs after
   *  it must have been undone before. */
  undo(): void {
    for (const { from, to, saved } of this.moves) {
      if (saved !== null) giveBack(from);
      handOver(to, from);
      const block = blockOf(from);
      if (block !== null) block.mirrored = from.host !== null;
    }
    for (const buffer of this.fresh) giveBack(buffer);
    this.moves.length = 0;
    this.fresh.length = 0;
  }

  /** Gives back what was taken: the run cannot be submitted now. */
  release(): void {
    for (const region of this.taken) this.memory.slabs.release(region);
    this.taken.length = 0;
  }
}
