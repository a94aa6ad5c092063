// From a loop to steps: those of its body's plan once an iteration, over places that differ. A slice of
// xs and a step of ys are read and written where they lie in the whole; a carry goes from the place of
// its first value through two places in turn, or through the steps of ys where it is stacked. So nothing
// is copied but what the body hands on as it got it.
// Not here: the body's own plan (body-plan.ts).

import { type Node, sizeOf } from "../ir/node.ts";
import { axisForm, rowMajor } from "./affine.ts";
import { type BodyPlan, type LowerGraph, planBody } from "./body-plan.ts";
import type { Group } from "./groups.ts";
import type { Expr } from "./kernel.ts";
import { emitStore } from "./loops.ts";
import { isRowMajor, Lowerer, NeedsData } from "./lower.ts";
import { bytesOf, type PlanBuffer, type Step, wholeOf } from "./plan.ts";
import type { Planner } from "./planner.ts";

type Kind = Pick<PlanBuffer, "dtype" | "size">;

/** Lowers the loop of a group, whose items are those of its parts that somebody reads. */
export function lowerScan(planner: Planner, group: Group, lower: LowerGraph): void {
  const parts = group.items as Node<"part">[];
  const scan = parts[0].src[0] as Node<"scan">;
  const sources = scan.src.map((node) => dataOf(planner, node));
  const plan = planBody(scan.attrs, planner.target, lower);
  const wanted = new Map(parts.map((part) => [part.attrs.index, part]));
  new Unroller(planner, scan, plan, { sources, wanted }).run();
}

/** The plan buffer that holds a node in row-major order. */
function dataOf(planner: Planner, node: Node): number {
  const placed = planner.placements.get(node);
  if (!placed) throw new NeedsData(node);
  if (!isRowMajor(placed, node.shape)) throw new NeedsData(node, true);
  const { dtype, shape } = node;
  const { buffer, offset } = placed;
  if (offset === 0) return buffer;
  return planner.part(buffer, offset * bytesOf(dtype, planner.target), {
    dtype,
    size: sizeOf(shape),
  });
}

/** Values of one kind side by side. */
interface Stack extends Kind {
  readonly buffer: number;
}

/** A value that the body computes, and who has it, as positions among its outputs. */
interface Result {
  readonly carries: number[];
  readonly ys: number[];
  /** Ys that are the first of these carries as it was when the iteration began. */
  readonly before: number[];
  /** All iterations' values, those of the beginnings shifted by one where both are wanted. */
  stack: Stack | null;
}

class Unroller {
  private readonly planner: Planner;
  private readonly scan: Node<"scan">;
  private readonly body: BodyPlan;
  private readonly wanted: ReadonlyMap<number, Node>;
  /** The plan buffer of each source. */
  private readonly sources: readonly number[];
  /** For each buffer of the body the plan buffer that it is in the present iteration. Those of params
   *  come first, in their order. */
  private readonly place: number[];
  /** By the body's buffer. */
  private readonly results = new Map<number, Result>();
  /** Ys that the body hands on and that must be copied. */
  private readonly gathered = new Map<number, Stack>();
  /** The two places of a carry, by name. */
  private readonly turns = new Map<string, number>();
  private readonly copies = new Map<string, Step>();
  private readonly times: Stack | null;
  /** Parts, in the body's plan, of what is elsewhere in each iteration. */
  private readonly moving: number[] = [];

  constructor(
    planner: Planner,
    scan: Node<"scan">,
    body: BodyPlan,
    { sources, wanted }: { sources: readonly number[]; wanted: ReadonlyMap<number, Node> },
  ) {
    this.planner = planner;
    this.scan = scan;
    this.body = body;
    this.sources = sources;
    this.wanted = wanted;
    this.place = body.buffers.map(() => -1);
    this.findResults();
    const counts = body.outputs.includes(0) || body.steps.some((s) => s.buffers.includes(0));
    this.times = counts ? this.count() : null;
  }

  run(): void {
    const { length, carries } = this.scan.attrs;
    let state: readonly number[] = this.sources.slice(0, carries);
    if (length > 0) this.begin();
    for (let k = 0; k < length; k++) {
      this.enter(k, state);
      this.emit(this.body.steps);
      state = this.leave(k, state);
    }
    for (const [o, node] of this.wanted) this.give(node, o < carries ? state[o] : this.stepsOf(o));
  }

  /** The iteration that runs as number k. */
  private timeOf(k: number): number {
    const { length, reverse } = this.scan.attrs;
    return reverse ? length - 1 - k : k;
  }

  /** The param that an output is, or -1. */
  private paramOf(output: number): number {
    const b = this.body.outputs[output];
    return b < this.scan.attrs.body.params.length ? b : -1;
  }

  /** Whether a param's values lie side by side before the loop begins. */
  private isSequence(param: number): boolean {
    const { carries, xs } = this.scan.attrs;
    return param === 0 || (param > carries && param <= carries + xs);
  }

  private findResults(): void {
    const { carries } = this.scan.attrs;
    this.body.outputs.forEach((b, o) => {
      if (this.paramOf(o) >= 0) return;
      const result = this.results.get(b) ?? { carries: [], ys: [], before: [], stack: null };
      if (o < carries) result.carries.push(o);
      else if (this.wanted.has(o)) result.ys.push(o);
      this.results.set(b, result);
    });
    for (const o of this.wanted.keys()) {
      const p = this.paramOf(o);
      if (o < carries || p < 0 || this.isSequence(p)) continue;
      const result = p <= carries ? this.results.get(this.body.outputs[p - 1]) : undefined;
      if (result?.carries[0] === p - 1) result.before.push(o);
      else this.gathered.set(o, this.newStack(p, 0));
    }
    for (const [b, result] of this.results) {
      const { ys, before } = result;
      if (ys.length > 0) result.stack = this.newStack(b, before.length > 0 ? 1 : 0);
      else if (before.length > 0) result.stack = this.newStack(b, 0);
    }
  }

  /** A stack of what a buffer of the body holds in each iteration, and some more. */
  private newStack(b: number, more: number): Stack {
    const { dtype, size } = this.body.buffers[b];
    const buffer = this.planner.temp(dtype, (this.scan.attrs.length + more) * size);
    return { buffer, dtype, size };
  }

  /** Position in its stack of a result of iteration t, or of what the carry was at its beginning. */
  private positionOf({ ys, before }: Result, t: number, atBeginning: boolean): number {
    const both = ys.length > 0 && before.length > 0;
    return both && atBeginning === this.scan.attrs.reverse ? t + 1 : t;
  }

  /** `count` values from a position on. */
  private slot({ buffer, dtype, size }: Stack, position: number, count = 1): number {
    const start = position * size * bytesOf(dtype, this.planner.target);
    return this.planner.part(buffer, start, { dtype, size: count * size });
  }

  /** 0, 1, … as data. */
  private count(): Stack {
    const { planner } = this;
    const { length } = this.scan.attrs;
    const buffer = planner.temp("int32", length);
    const lowerer = new Lowerer(planner);
    const at = axisForm(lowerer.addAxis(length));
    if (length > 0) {
      const value: Expr = { k: "axis", dtype: "int32", at };
      emitStore(planner, lowerer, [0], value, at, buffer, [this.scan]);
    }
    return { buffer, dtype: "int32", size: 1 };
  }

  /** All that does not change from iteration to iteration, and what runs before the first. */
  private begin(): void {
    const { body, planner, place, sources } = this;
    const { params } = this.scan.attrs.body;
    const { carries, xs } = this.scan.attrs;
    for (let p = 1 + carries + xs; p < params.length; p++) place[p] = sources[p - 1];
    for (const b of body.kept) place[b] = planner.temp(body.buffers[b].dtype, body.buffers[b].size);
    const arena = planner.temp("int32", body.arenaBytes / 4);
    body.buffers.forEach(({ dtype, size, input, offset, part }, b) => {
      if (input < 0) place[b] = planner.part(arena, offset, { dtype, size });
      else if (part === undefined) return;
      else if (place[part.of] < 0) this.moving.push(b);
      else place[b] = planner.part(place[part.of], part.start, { dtype, size });
    });
    this.emit(body.once);
    for (const result of this.results.values()) {
      const { stack, before } = result;
      if (stack === null || before.length === 0) continue;
      const first = this.positionOf(result, this.timeOf(0), true);
      this.copy(sources[result.carries[0]], this.slot(stack, first), stack);
    }
  }

  /** Where all is in the iteration that runs as number k. */
  private enter(k: number, state: readonly number[]): void {
    const { body, place, planner, sources } = this;
    const { carries, xs } = this.scan.attrs;
    const t = this.timeOf(k);
    if (this.times !== null) place[0] = this.slot(this.times, t);
    for (let c = 0; c < carries; c++) place[1 + c] = state[c];
    for (let p = 1 + carries; p <= carries + xs; p++) {
      const { dtype, size } = body.buffers[p];
      place[p] = this.slot({ buffer: sources[p - 1], dtype, size }, t);
    }
    for (const [b, result] of this.results) place[b] = this.placeOf(b, result, k);
    for (const b of this.moving) {
      const { part, dtype, size } = body.buffers[b];
      place[b] = planner.part(place[part!.of], part!.start, { dtype, size });
    }
  }

  /** Where a result goes in the iteration that runs as number k. */
  private placeOf(b: number, result: Result, k: number): number {
    const { stack, ys } = result;
    if (stack !== null && ys.length > 0) {
      return this.slot(stack, this.positionOf(result, this.timeOf(k), false));
    }
    if (stack !== null && k + 1 < this.scan.attrs.length) {
      return this.slot(stack, this.positionOf(result, this.timeOf(k + 1), true));
    }
    return this.turn(`result ${b}`, k, this.body.buffers[b]);
  }

  /** One of two places. */
  private turn(name: string, k: number, { dtype, size }: Kind): number {
    const key = `${name} ${k % 2}`;
    const known = this.turns.get(key) ?? this.planner.temp(dtype, size);
    this.turns.set(key, known);
    return known;
  }

  /** Copies what was handed on; gives where each carry is now. */
  private leave(k: number, state: readonly number[]): number[] {
    const { body, place } = this;
    const { carries } = this.scan.attrs;
    for (const [o, stack] of this.gathered) {
      this.copy(place[this.paramOf(o)], this.slot(stack, this.timeOf(k)), stack);
    }
    return state.map((at, c) => {
      const p = this.paramOf(c);
      if (p < 0) return place[body.outputs[c]];
      if (p === 1 + c) return at;
      if (p === 0 || p > carries) return place[p];
      const to = this.turn(`carry ${c}`, k, body.buffers[p]);
      this.copy(state[p - 1], to, body.buffers[p]);
      return to;
    });
  }

  private emit(steps: readonly Step[]): void {
    for (const { kernel, buffers, scalars, label, faults } of steps) {
      const places = buffers.map((b) => this.place[b]);
      this.planner.steps.push({ kernel, buffers: places, scalars, label, faults });
    }
  }

  private copy(from: number, to: number, { dtype, size }: Kind): void {
    if (size === 0) return;
    const { planner } = this;
    const key = `${dtype} ${size}`;
    const known = this.copies.get(key);
    if (known !== undefined) {
      planner.steps.push({ ...known, buffers: [from, to] });
      return;
    }
    const lowerer = new Lowerer(planner);
    const at = axisForm(lowerer.addAxis(size));
    const value: Expr = { k: "load", dtype, operand: lowerer.operand(from), at };
    emitStore(planner, lowerer, [0], value, at, to, [this.scan]);
    this.copies.set(key, planner.steps[planner.steps.length - 1]);
  }

  /** All steps of a stacked output. */
  private stepsOf(output: number): number {
    const { length, carries } = this.scan.attrs;
    const p = this.paramOf(output);
    if (p === 0) return this.times!.buffer;
    if (this.isSequence(p)) return this.sources[p - 1];
    const stack = this.gathered.get(output);
    if (stack !== undefined) return stack.buffer;
    const b = this.body.outputs[p < 0 ? output : p - 1];
    const result = this.results.get(b)!;
    const first = this.positionOf(result, 0, p >= 0 && p <= carries);
    const whole = result.ys.length === 0 || result.before.length === 0;
    return whole ? result.stack!.buffer : this.slot(result.stack!, first, length);
  }

  /** Lays a part. The memory of an input is not lent: it may be written over. */
  private give(node: Node, buffer: number): void {
    const { planner } = this;
    const { dtype, shape } = node;
    let own = buffer;
    if (planner.buffers[wholeOf(planner.buffers, buffer)].input >= 0) {
      own = planner.temp(dtype, sizeOf(shape));
      this.copy(buffer, own, { dtype, size: sizeOf(shape) });
    }
    planner.placements.set(node, { buffer: own, strides: rowMajor(shape), offset: 0 });
  }
}
