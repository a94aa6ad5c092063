// A plan as a graphics card's program, but for the card: which memory each operand of each step lies in.
// All memory that a run may be given anew is a slot: the arena, each input, each result that gets a
// block. Not here: pipelines and uniforms (commands.ts), running (backend.ts).

import type { DType } from "../../ir/dtype.ts";
import { type Fault, sizeOf } from "../../ir/node.ts";
import type { Plan, PlanOutput } from "../../schedule/plan.ts";
import type { Program } from "../backend.ts";
import type { Commands } from "./commands.ts";

/** A stretch of a slot's memory. */
export interface Stretch {
  readonly slot: number;
  /** Bytes. */
  readonly start: number;
  readonly bytes: number;
}

export interface InputSlot {
  readonly slot: number;
  readonly bytes: number;
  /** Some output takes over its memory. */
  readonly replaced: boolean;
  /** Where copies of passing buffers go, from the end of the arena; -1: none came yet. */
  staged: number;
}

/** A result that is written straight into a block of its own. */
export interface ResultSlot {
  readonly slot: number;
  readonly output: number;
  readonly bytes: number;
}

/** A result that is copied into a block of its own: it is an input, or another result too. */
export interface CopiedResult {
  readonly output: number;
  readonly from: Stretch;
  /** Before the first step, because its input is written over. */
  readonly early: boolean;
}

/** The slot of the arena; inputs follow in their order, then results. */
export const arenaSlot = 0;

export class WebgpuProgram implements Program {
  readonly plan: Plan;
  compileMs = 0;
  /** What a card has of it; null until it runs, and again once the card was lost. */
  commands: Commands | null = null;
  readonly inputs: readonly InputSlot[];
  readonly results: readonly ResultSlot[];
  readonly copied: readonly CopiedResult[];
  /** How many slots there are. */
  readonly slots: number;
  /** For each step where its operands lie. */
  readonly operands: readonly (readonly Stretch[])[];
  /** For each step the dtypes of its scalars. */
  readonly scalarTypes: readonly (readonly DType[])[];
  /** For each step the number of its first fault, and what all numbers mean. */
  readonly faultBases: readonly number[];
  readonly faults: readonly Fault[];
  readonly writesInputs: boolean;
  /** Bytes after the arena that copies of inputs take. */
  stagingBytes = 0;

  constructor(plan: Plan) {
    this.plan = plan;
    const { graph, outputs, steps } = plan;
    this.inputs = graph.inputs.map((node, i) => ({
      slot: 1 + i,
      bytes: 4 * sizeOf(node.shape),
      replaced: outputs.some(({ into }) => into === i),
      staged: -1,
    }));
    this.results = resultsOf(plan);
    this.slots = 1 + this.inputs.length + this.results.length;
    const slotOf = new Map(this.results.map((r) => [outputs[r.output]!.buffer, r.slot]));
    const where = (buffer: number) => stretchOf(plan, buffer, slotOf);
    this.operands = steps.map((step) => step.buffers.map(where));
    this.scalarTypes = steps.map(({ kernel }) => kernel.scalars);
    this.copied = copiedOf(plan, this.results, where);
    const faults: Fault[] = [];
    this.faultBases = steps.map((step) => faults.push(...step.faults) - step.faults.length);
    this.faults = faults;
    this.writesInputs = outputs.some(({ into }) => into >= 0);
  }

  /** Bytes of arena that a run needs, copies of inputs included. */
  get needBytes(): number {
    return this.stagingAt + this.stagingBytes;
  }

  /** Where in the arena copies of inputs begin. */
  get stagingAt(): number {
    return align(this.plan.arenaBytes + 64);
  }

  /** Gives an input a place for copies behind the arena. */
  stage(input: InputSlot): void {
    if (input.staged >= 0) return;
    input.staged = this.stagingBytes;
    this.stagingBytes += align(input.bytes + 64);
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

/** Each buffer that is a result, no input, and no other result already. */
function resultsOf({ outputs, buffers, graph }: Plan): ResultSlot[] {
  const first = 1 + graph.inputs.length;
  const found: ResultSlot[] = [];
  const taken = new Set<number>();
  outputs.forEach(({ buffer, into, size }, output) => {
    if (into >= 0 || buffers[buffer]!.input >= 0 || taken.has(buffer)) return;
    taken.add(buffer);
    found.push({ slot: first + found.length, output, bytes: 4 * size });
  });
  return found;
}

function stretchOf(plan: Plan, buffer: number, slotOf: ReadonlyMap<number, number>): Stretch {
  const { input, offset, part, size } = plan.buffers[buffer]!;
  const bytes = 4 * size;
  const result = slotOf.get(part?.of ?? buffer);
  if (result !== undefined) return { slot: result, start: part?.start ?? 0, bytes };
  return { slot: input >= 0 ? 1 + input : arenaSlot, start: offset, bytes };
}

function copiedOf(
  plan: Plan,
  results: readonly ResultSlot[],
  where: (buffer: number) => Stretch,
): CopiedResult[] {
  const own = new Set(results.map((r) => r.output));
  return plan.outputs.flatMap((wanted, output): CopiedResult[] => {
    if (wanted.into >= 0 || own.has(output)) return [];
    const from = { ...where(wanted.buffer), bytes: 4 * wanted.size };
    return [{ output, from, early: isOld(plan, wanted, output) }];
  });
}

/** Whether an output is the old value of an input whose memory another output takes over. */
function isOld({ outputs, buffers, graph }: Plan, { buffer }: PlanOutput, k: number): boolean {
  const input = buffers[buffer]!.input;
  if (input < 0) return false;
  const taker = outputs.findIndex((other) => other.into === input);
  return taker >= 0 && graph.outputs[taker] !== graph.outputs[k];
}
