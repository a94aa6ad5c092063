// A plan made runnable: its kernels' functions, a command list in wasm memory for the driver, and for
// every kernel the addresses that it takes. Addresses are written again only when they change.
// Not here: rendering and compiling (program-kernels.ts), how kernels are shared among threads
// (program-share.ts), running (backend.ts).

import { itemSize } from "../../ir/dtype.ts";
import { type Fault, sizeOf } from "../../ir/node.ts";
import type { Plan, PlanOutput, Step } from "../../schedule/plan.ts";
import type { Program } from "../backend.ts";
import { commandBytes } from "./driver-control.ts";
import type { DeviceMemory } from "./memory.ts";
import type { Block } from "./memory-blocks.ts";
import type { Keeper } from "./program-kept.ts";
import { threadBytesOf } from "./program-kinds.ts";
import { type ShareOptions, shareOut, writeCommand, writePhases } from "./program-share.ts";

/** Free bytes before each kernel's parameters. */
const scratchBytes = 256;
/** Results of at least this many bytes get blocks; smaller ones are copied to the host at once. */
const blocksFrom = 4096;

/** An input that a run may write to, or that has been seen before. */
export interface InputSlot {
  /** Words of memory that hold its address, each with some bytes added. */
  readonly words: Int32Array;
  readonly starts: Float64Array;
  readonly bytes: number;
  /** Some output takes over its memory. */
  readonly replaced: boolean;
  /** The address that the words hold. */
  address: number;
  /** Where copies of passing buffers go, from the end of the arena; -1: none came yet. */
  staged: number;
  /** Its block in the present run; null: a copy behind the arena. */
  resident: Block | null;
}

/** A result that is written straight into a block of its own. */
export interface ResultSlot {
  /** Its place among the outputs. */
  readonly output: number;
  readonly words: Int32Array;
  readonly starts: Float64Array;
  readonly bytes: number;
  address: number;
  /** The memory taken for the present run; -1: none. */
  taken: number;
}

export class WasmProgram implements Program {
  readonly plan: Plan;
  compileMs = 0;
  /** Runs it without what is known from the run before, where there is such a thing. */
  keeper: Keeper | null = null;
  readonly memory: DeviceMemory;
  readonly inputs: readonly InputSlot[];
  readonly results: readonly ResultSlot[];
  readonly hasFaults: boolean;
  readonly writesInputs: boolean;
  /** Large enough for all threads. */
  readonly threaded: boolean;
  /** The command list. */
  readonly commands: number;
  readonly count: number;
  /** The same for several threads. */
  readonly phases: number;
  readonly phaseCount: number;
  /** Float64 index of the first scalar. */
  readonly scalarsAt: number;
  /** The plan's step of each command. */
  readonly steps: readonly Step[];
  /** Outputs to be copied before the run: their input is written over. */
  readonly early: readonly number[];
  /** Bytes after the arena that copies of inputs take. */
  stagingBytes = 0;
  /** The arena's address that the parameters hold. */
  arenaAt = -1;
  private readonly arenaWords: Int32Array;
  private readonly arenaOffsets: Float64Array;
  private readonly paramsAt: number[] = [];
  private readonly block: number;
  /** Bytes of the arena, the threads' scratch memory at its end included. */
  private readonly arenaBytes: number;

  constructor(
    plan: Plan,
    memory: DeviceMemory,
    functions: readonly number[],
    options: ShareOptions,
  ) {
    this.plan = plan;
    this.memory = memory;
    const sharing = shareOut(plan, options);
    const { steps, places, copies } = sharing;
    this.steps = steps;
    this.count = steps.length;
    this.threaded = sharing.threaded;
    this.hasFaults = plan.steps.some((step) => step.faults.length > 0);
    this.writesInputs = plan.outputs.some(({ into }) => into >= 0);
    const strides = this.steps.map(strideOf);
    const scalarBytes = 8 * plan.graph.scalars.length;
    const phasesAt = align(commandBytes * this.count + scalarBytes);
    const headBytes = align(phasesAt + sharing.bytes);
    const bytes = strides.reduce((sum, stride) => sum + stride * copies, headBytes);
    this.block = memory.allocate(bytes, "a program's commands");
    this.commands = this.block;
    this.phases = this.block + phasesAt;
    this.phaseCount = sharing.phases.length;
    writePhases(memory.i32, this.phases, sharing, this.commands);
    this.scalarsAt = (this.block + commandBytes * this.count) / 8;
    const words = new AddressWords(plan);
    const scratchAt = align(plan.arenaBytes + 64);
    const scratches = this.steps.map(({ kernel }) => threadBytesOf(kernel));
    const threadBytes = align(scratches.reduce((most, b) => Math.max(most, b), 0));
    this.arenaBytes = scratchAt + threadBytes * copies;
    let at = this.block + headBytes;
    this.steps.forEach((step, i) => {
      const params = at + scratchBytes;
      this.paramsAt.push(params);
      for (let copy = 0; copy < copies; copy++) {
        const end = this.writeParams(step, params + copy * strides[i]!, words);
        if (scratches[i]! > 0) words.noteArena(scratchAt + copy * threadBytes, end);
      }
      at += copies * strides[i]!;
      const func = functions[places[i]!]!;
      writeCommand(memory.i32, this.commands, sharing, i, { func, params, stride: strides[i]! });
    });
    this.inputs = words.inputSlots();
    this.results = words.resultSlots();
    this.arenaWords = Int32Array.from(words.arenaWords);
    this.arenaOffsets = Float64Array.from(words.arenaOffsets);
    this.early = earlyOutputs(plan);
  }

  /** Returns the word after the last one. */
  private writeParams(step: Step, params: number, words: AddressWords): number {
    let word = params / 4;
    for (const buffer of step.buffers) words.note(buffer, word++);
    const { i32 } = this.memory;
    for (const scalar of step.scalars) i32[word++] = 8 * (this.scalarsAt + scalar);
    return word;
  }

  /** Where the arena lies now. */
  bindArena(arenaAt: number): void {
    if (arenaAt === this.arenaAt) return;
    const { arenaWords, arenaOffsets } = this;
    const { i32 } = this.memory;
    for (let i = 0; i < arenaWords.length; i++) i32[arenaWords[i]!] = arenaAt + arenaOffsets[i]!;
    this.arenaAt = arenaAt;
  }

  /** Where an input or a result lies now. */
  bind(slot: InputSlot | ResultSlot, address: number): void {
    if (address === slot.address) return;
    const { words, starts } = slot;
    const { i32 } = this.memory;
    for (let i = 0; i < words.length; i++) i32[words[i]!] = address + starts[i]!;
    slot.address = address;
  }

  /** Takes memory for the results of a run. */
  takeResults(): void {
    const { memory, results } = this;
    for (let i = 0; i < results.length; i++) {
      const slot = results[i]!;
      slot.taken = memory.makeRoom(memory.results, slot.bytes);
      this.bind(slot, slot.taken);
    }
  }

  /** Gives the memory of results back that a failed run will not make. */
  giveBack(): void {
    for (const slot of this.results) {
      if (slot.taken >= 0) this.memory.release(slot.taken);
      slot.taken = -1;
    }
  }

  /** Gives an input a place for copies behind the arena. */
  stage(slot: InputSlot): void {
    slot.staged = this.stagingBytes;
    this.stagingBytes += align(slot.bytes + 64);
  }

  /** Bytes of arena that a run needs, copies of inputs included. */
  get needBytes(): number {
    return this.arenaBytes + this.stagingBytes;
  }

  /** Where copies of inputs begin. */
  get stagingAt(): number {
    return this.memory.arenaAt + this.arenaBytes;
  }

  /** Where the data of an output lies after a run. */
  addressOf(output: PlanOutput): number {
    const { input, offset } = this.plan.buffers[output.buffer]!;
    if (input >= 0) return this.inputs[input]!.address;
    for (const slot of this.results) {
      if (this.plan.outputs[slot.output]!.buffer === output.buffer) return slot.address;
    }
    return this.memory.arenaAt + offset;
  }

  /** What fault `number` means in the kernel whose parameters lie at `params` (of any thread). */
  faultOf(params: number, number: number): Fault | undefined {
    let last = -1;
    for (let i = 0; i < this.count; i++) if (this.paramsAt[i]! <= params >>> 0) last = i;
    return this.steps[last]?.faults[number];
  }

  /** The label of the command at an address. */
  labelAt(address: number): string {
    return this.steps[((address >>> 0) - this.commands) / commandBytes]?.label ?? "unknown";
  }

  /** Gives its memory back. Not to be run again. */
  dispose(): void {
    this.memory.release(this.block);
  }
}

function strideOf(step: Step): number {
  return align(scratchBytes + 4 * (step.buffers.length + step.scalars.length + 1));
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

/** Outputs that are an old value of an input whose memory another output takes over. */
function earlyOutputs({ outputs, buffers, graph }: Plan): number[] {
  const isOld = (output: PlanOutput, k: number) => {
    const input = buffers[output.buffer]?.input ?? -1;
    if (output.into >= 0 || input < 0) return false;
    const taker = outputs.findIndex((other) => other.into === input);
    return taker >= 0 && graph.outputs[taker] !== graph.outputs[k];
  };
  return outputs.map((_, k) => k).filter((k) => isOld(outputs[k]!, k));
}

/** Words of memory that hold addresses in one buffer, and how many bytes from its start these are. */
class Words {
  private readonly words: number[] = [];
  private readonly starts: number[] = [];

  add(word: number, start: number): void {
    this.words.push(word);
    this.starts.push(start);
  }

  done() {
    return { words: Int32Array.from(this.words), starts: Float64Array.from(this.starts) };
  }
}

/** Collects which words of memory hold addresses of what. */
class AddressWords {
  readonly arenaWords: number[] = [];
  readonly arenaOffsets: number[] = [];
  private readonly plan: Plan;
  private readonly perInput: Words[];
  /** By plan buffer: the words of each result that is to have a block. */
  private readonly perResult = new Map<number, { output: number; words: Words }>();

  constructor(plan: Plan) {
    this.plan = plan;
    this.perInput = plan.graph.inputs.map(() => new Words());
    plan.outputs.forEach(({ buffer, into, dtype, size }, output) => {
      if (into >= 0 || plan.buffers[buffer]!.input >= 0) return;
      if (size * itemSize[dtype] < blocksFrom || this.perResult.has(buffer)) return;
      this.perResult.set(buffer, { output, words: new Words() });
    });
  }

  note(buffer: number, word: number): void {
    const { input, offset, part } = this.plan.buffers[buffer]!;
    const result = this.perResult.get(part?.of ?? buffer);
    if (result !== undefined) {
      result.words.add(word, part?.start ?? 0);
    } else if (input >= 0) {
      this.perInput[input]!.add(word, offset);
    } else this.noteArena(offset, word);
  }

  noteArena(offset: number, word: number): void {
    this.arenaWords.push(word);
    this.arenaOffsets.push(offset);
  }

  inputSlots(): InputSlot[] {
    const { graph, outputs } = this.plan;
    return graph.inputs.map((node, i) => ({
      ...this.perInput[i]!.done(),
      bytes: sizeOf(node.shape) * itemSize[node.dtype],
      replaced: outputs.some(({ into }) => into === i),
      address: -1,
      staged: -1,
      resident: null,
    }));
  }

  resultSlots(): ResultSlot[] {
    return [...this.perResult.values()].map(({ output, words }) => {
      const { dtype, size } = this.plan.outputs[output]!;
      const bytes = size * itemSize[dtype];
      return { output, ...words.done(), bytes, address: -1, taken: -1 };
    });
  }
}
