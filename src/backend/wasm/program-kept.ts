// What a program computes from state alone is the same as long as the state is: weights laid in panels
// or transformed, in inference. A second run that finds the versions of the first keeps it: from then on
// the program runs without those steps, until some version changes. What is kept are results like any
// other, under the same budget. Not here: how a plan is cut (program-cut.ts), or runs (backend.ts).

import { Buffer } from "../../ir/buffer.ts";
import type { Plan } from "../../schedule/plan.ts";
import type { WasmProgram } from "./program.ts";
import { cutPlan } from "./program-cut.ts";

/** What a {@link Keeper} has others do. */
export interface Maker {
  compile(plan: Plan): WasmProgram;
  run(program: WasmProgram, inputs: readonly Buffer[], outputs: readonly Buffer[]): void;
  free(buffer: Buffer): void;
}

/** The two parts of a program. */
interface Parts {
  readonly fixed: readonly number[];
  readonly made: WasmProgram;
  /** The inputs of `made`. */
  readonly from: readonly number[];
  readonly rest: WasmProgram;
}

/** Watches the state that one program reads, run by run. */
export class Keeper {
  /** After `restFor` gave a program: the inputs to run it with. */
  readonly inputs: Buffer[] = [];
  private readonly plan: Plan;
  private readonly limit: number;
  private readonly maker: Maker;
  /** Inputs that something worth keeping may come from, and their versions in the last run: the ids of
   *  the buffers, or -1 where it was no state. */
  private readonly watched: readonly number[];
  private readonly versions: number[];
  private parts: Parts | null = null;
  /** `parts` is right for these versions (null: nothing is worth keeping). */
  private decided = false;
  /** What has been made of these versions. */
  private kept: readonly Buffer[] = [];

  /** `limit`: how many bytes may be kept. */
  constructor(plan: Plan, limit: number, maker: Maker) {
    this.plan = plan;
    this.limit = limit;
    this.maker = maker;
    const stays = (input: number) => plan.outputs.every(({ into }) => into !== input);
    const cut = cutPlan(plan, stays);
    this.watched = cut === null ? [] : cut.inputs;
    this.versions = this.watched.map(() => -1);
  }

  /** Something may be worth keeping one day. */
  get hopeful(): boolean {
    return this.watched.length > 0;
  }

  /** The program to be run in place of the whole one, or null: the whole one is. */
  restFor(inputs: readonly Buffer[]): WasmProgram | null {
    if (!this.unchanged(inputs)) {
      this.decided = false;
      if (this.kept.length > 0) this.forget();
      return null;
    }
    if (!this.decided) this.decide();
    if (this.parts === null) return null;
    const { made, from, rest } = this.parts;
    if (this.kept.length === 0) {
      const fresh = made.plan.outputs.map(({ dtype, size }) => new Buffer(dtype, size, null));
      const fixed = from.map((input) => inputs[input]!);
      this.maker.run(made, fixed, fresh);
      this.kept = fresh;
    }
    const { length } = inputs;
    for (let i = 0; i < length; i++) this.inputs[i] = inputs[i]!;
    for (let k = 0; k < this.kept.length; k++) this.inputs[length + k] = this.kept[k]!;
    return rest;
  }

  /** Lets the inputs of the run go. */
  release(): void {
    this.inputs.length = 0;
  }

  /** Whether there is state, all of the version of the last run. Notes the versions. */
  private unchanged(inputs: readonly Buffer[]): boolean {
    const { watched, versions } = this;
    let [same, some] = [true, false];
    for (let i = 0; i < watched.length; i++) {
      const { id, state } = inputs[watched[i]!]!;
      const version = state ? id : -1;
      if (version !== versions[i]) same = false;
      if (state) some = true;
      versions[i] = version;
    }
    return same && some;
  }

  /** Finds the parts for what is state now. */
  private decide(): void {
    this.decided = true;
    const fixed = this.watched.filter((_, i) => this.versions[i]! >= 0);
    if (this.parts !== null && String(this.parts.fixed) === String(fixed)) return;
    this.disposeParts();
    const cut = cutPlan(this.plan, (input) => fixed.includes(input), this.limit);
    if (cut === null) return;
    const { compile } = this.maker;
    const [made, rest] = [compile(cut.made), compile(cut.rest)];
    this.parts = { fixed, made, from: cut.inputs, rest };
  }

  private forget(): void {
    for (const buffer of this.kept) this.maker.free(buffer);
    this.kept = [];
  }

  private disposeParts(): void {
    this.parts?.made.dispose();
    this.parts?.rest.dispose();
    this.parts = null;
  }

  dispose(): void {
    this.forget();
    this.disposeParts();
    this.decided = false;
  }
}
