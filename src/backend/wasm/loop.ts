// Loop kernels as WebAssembly functions (p, lo, hi): parallel loops, and inside them the stages one
// after the other. Vectors run two by two: both values first, then both stores back to back, because
// that is what V8 packs into vectors of twice the width (and a missed packing costs 2 to 5 times).
// Not here: expressions (expr-vector.ts, expr-scalar.ts), the loops themselves (loop-nest.ts), addresses
// (loop-streams.ts), accumulators (loop-reduce.ts).

import { itemSize } from "../../ir/dtype.ts";
import {
  type Affine,
  type Expr,
  type LoopKernel,
  type Reduce,
  rootsOf,
  type Stage,
  type Store,
  walk,
} from "../../schedule/kernel.ts";
import type { FuncBuilder, ModuleBuilder } from "./assembler.ts";
import { Dependence, Frame, type Place, type RenderOptions, type Site } from "./expr.ts";
import { ScalarEmitter } from "./expr-scalar.ts";
import { sumInStep } from "./expr-sums.ts";
import { VectorEmitter } from "./expr-vector.ts";
import { pushHolds } from "./expr-vector-memory.ts";
import {
  accessesOf,
  affineKey,
  fixedMasks,
  fixedParts,
  laneIndices,
  type MaskGroup,
  stripExtent,
  vectorAxis,
  weight,
  widestStrip,
  wideWork,
} from "./loop-analysis.ts";
import { piecesOf } from "./loop-cuts.ts";
import { type Ahead, emitStretch, readAhead } from "./loop-fetch.ts";
import { keepDear } from "./loop-keep.ts";
import { LoopNest, one, type Span } from "./loop-nest.ts";
import { Accumulators, isArg } from "./loop-reduce.ts";
import { Streams } from "./loop-streams.ts";
import { emitTurn, type Load, side, turnedLoads } from "./loop-turn.ts";
import { unroll } from "./loop-unroll.ts";

/** Masks that get loops of their own, at most: each doubles the code. */
const maxVersions = 2;

/**
 * Renders a loop kernel as a function `(p, lo, hi)` of the module: parameters at p, indices lo to hi of
 * axis 0, whose extent the code does not know. 256 bytes before p are scratch, written and never read.
 * Any division of axis 0 at multiples of the grain gives the same bits.
 */
export function renderLoop(
  kernel: LoopKernel,
  module: ModuleBuilder,
  options: RenderOptions,
): FuncBuilder {
  const f = module.func(["i32", "i32", "i32"], [], "loop");
  new LoopRenderer(kernel, new Frame(module, f, kernel.operands, options)).render();
  return f;
}

class LoopRenderer {
  /** With the stages of the piece of a loop that is being written. */
  private kernel: LoopKernel;
  private readonly frame: Frame;
  private readonly f: FuncBuilder;
  private readonly emitter: VectorEmitter | ScalarEmitter;
  private readonly assumed: Map<Expr, boolean>;
  private readonly streams: Streams;
  /** What each stage loads and stores. */
  private readonly accesses = new Map<Stage, ReturnType<typeof accessesOf>>();
  private hasMasks = false;
  private readonly depends: Dependence;
  /** The axis that lanes run along; -1: elements. */
  private readonly vector: number;
  private readonly nest: LoopNest;
  /** What each turn of an outer loop reads before it computes. */
  private readonly ahead: Ahead | null;
  /** Steps of a loop that code is written for without turning the loop. */
  private onward: { readonly axis: number; readonly steps: number } | null = null;
  /** Values of affine maps that the vectors of a block share. */
  private readonly heldIndices = new Map<string, number>();
  /** For each register the locals of its vectors (one where all lanes are equal). */
  private readonly regs: number[][] = [];
  /** What a loop has computed before it began: locals, one a vector or one for all. */
  private readonly fixed = new Map<Expr, number[]>();
  /** Accumulators of earlier stages of the open point. */
  private finished: Accumulators[] = [];

  constructor(original: LoopKernel, frame: Frame) {
    this.frame = frame;
    this.f = frame.f;
    this.vector = vectorAxis(original);
    const { kernel, sums } = unroll(keepDear(original), this.vector);
    this.kernel = kernel;
    this.ahead = readAhead(kernel, this.vector);
    const emitter = this.vector >= 0 ? new VectorEmitter(frame) : new ScalarEmitter(frame);
    this.emitter = emitter;
    if (emitter instanceof VectorEmitter) emitter.sums = sums;
    this.assumed = emitter instanceof VectorEmitter ? emitter.assumed : new Map();
    this.streams = new Streams(frame);
    this.nest = new LoopNest(frame, this.streams, kernel.axes, this.vector);
    const parallel = 2 ** kernel.parallel - 1;
    this.depends = new Dependence(parallel, (operand) => kernel.operands[operand]!.write);
    for (const stage of kernel.stages) {
      for (const { operand, at } of this.accessesIn(stage)) this.streams.add(operand, at);
    }
    walk(kernel.stages.flatMap(rootsOf), (e) => {
      if (e.k === "masked") this.hasMasks = true;
    });
  }

  private accessesIn(stage: Stage): ReturnType<typeof accessesOf> {
    let accesses = this.accesses.get(stage);
    if (accesses === undefined) this.accesses.set(stage, (accesses = accessesOf(stage)));
    return accesses;
  }

  private get vectorIsParallel(): boolean {
    return this.vector >= 0 && this.vector < this.kernel.parallel;
  }

  render(): void {
    const { axes, parallel, stages } = this.kernel;
    if (axes.slice(1, parallel).some((extent) => extent === 0)) return;
    const roots = stages.flatMap(rootsOf);
    this.withFixed(
      roots,
      (e) => this.depends.of(e) === 0,
      one,
      () => this.parallelLoop(0),
    );
  }

  /** The loop over parallel axis `axis` and all inside it. */
  private parallelLoop(axis: number): void {
    const { kernel } = this;
    const open = axis > 0 && axis !== this.vector && this.hasMasks;
    const pieces = open ? piecesOf(kernel, kernel.stages, axis) : null;
    if (pieces !== null) {
      for (const { from, to, stages } of pieces) {
        this.kernel = { ...kernel, stages };
        this.steps(axis, from, to);
      }
      this.kernel = kernel;
    } else if (axis > 0 && this.turned(axis).length > 0) {
      this.steps(axis, 0, kernel.axes[axis]!);
    } else {
      this.wholeLoop(axis);
    }
  }

  /** The loads to turn in a loop around the lanes. */
  private turned(axis: number): Load[] {
    const { stages, axes, parallel } = this.kernel;
    if (!this.vectorIsParallel || axis !== parallel - 2 || axes[this.vector]! % 8 !== 0) return [];
    return turnedLoads(stages, axis, this.vector);
  }

  /** The indices [from, to) of a parallel axis other than 0 and the lanes', and all inside. */
  private steps(axis: number, from: number, to: number): void {
    const { stages, parallel } = this.kernel;
    const used = this.streams.of(stages.flatMap((s) => this.accessesIn(s)));
    const loads = this.turned(axis);
    const middle = loads.length > 0 ? from + side * Math.floor((to - from) / side) : from;
    this.nest.stepLoop(axis, used, { from, to: middle, step: side }, () => {
      this.nest.vectorLoop(this.vector, used, [2], (span) => this.turnedPoints(loads, axis, span));
    });
    this.nest.stepLoop(axis, used, { from: middle, to, step: 1 }, () => {
      if (axis === parallel - 1) this.point(one);
      else this.parallelLoop(axis + 1);
    });
  }

  /** Two vectors at four steps of the loop around them. */
  private turnedPoints(loads: readonly Load[], axis: number, span: Span): void {
    const { streams, vector } = this;
    const lanes = [0, 1, 2, 3];
    const locals = loads.map(({ operand, at }) =>
      [0, 1].map((v) =>
        emitTurn(
          this.frame,
          lanes.map((lane) => streams.place(operand, at, vector, 4 * v + lane)),
        ),
      ),
    );
    for (let step = 0; step < side; step++) {
      this.onward = { axis, steps: step };
      loads.forEach((e, i) => {
        this.fixed.set(e, [locals[i]![0]![step]!, locals[i]![1]![step]!]);
      });
      this.point(span);
    }
    this.onward = null;
    for (const e of loads) {
      this.fixed.delete(e);
      this.emitter.unpin(e);
    }
    for (const local of locals.flat(2)) this.frame.release(local);
  }

  private wholeLoop(axis: number): void {
    const { parallel, stages } = this.kernel;
    const used = this.streams.of(stages.flatMap((s) => this.accessesIn(s)));
    const last = axis === parallel - 1;
    const inner = (span: Span) => {
      this.readAhead(axis);
      if (last) this.point(span);
      else this.parallelLoop(axis + 1);
    };
    const loop = () => {
      if (axis === this.vector) this.nest.vectorLoop(axis, used, this.pointWidths(), inner);
      else this.nest.plainLoop(axis, used, () => inner(one));
    };
    if (!last || axis === 0) {
      loop();
      return;
    }
    // Only stages without loops of their own have nothing further in to compute before.
    const flat = stages.filter((s) => s.axes.length === 0).flatMap(rootsOf);
    this.versions(flat, axis, () => this.withFixed(flat, this.fixedIn(axis), one, loop));
  }

  /** What a turn of the loop over an axis begins with. */
  private readAhead(axis: number): void {
    if (axis !== this.ahead?.axis) return;
    for (const stretch of this.ahead.stretches) {
      const place = this.streams.place(stretch.operand, stretch.at, -1, 0);
      emitStretch(this.frame, place, stretch);
    }
  }

  /** Whether an expression is the same at all indices of an axis. */
  private fixedIn(axis: number): (e: Expr) => boolean {
    return (e) => (this.depends.of(e) & (1 << axis)) === 0;
  }

  /** Vectors side by side where the vector axis is parallel, widest first. */
  private pointWidths(): number[] {
    const { stages } = this.kernel;
    const heavy = Math.max(...stages.map((s) => weight(rootsOf(s))));
    const reduces = stages.reduce((n, s) => n + s.reduces.length, 0);
    if (stages.every((s) => s.axes.length === 0)) {
      // Lanes that lie apart are loaded one by one, which nothing packs: twice the code for nothing.
      const apart = ({ at }: { at: Affine }) => Math.abs(at.coef[this.vector]!) > 1;
      const long = heavy > longBody && stages.some((s) => this.accessesIn(s).some(apart));
      return long ? [] : widths(heavy, reduces);
    }
    // Loops inside walk through memory. Strips as wide as the rows read it in order, which is worth
    // more than accumulators in registers: measured, 16 vectors take half the time of 4.
    const extent = stripExtent(this.kernel, this.vector);
    return [widestStrip, 8, 4, 2].filter(
      (w) => 4 * w <= extent && w * Math.max(heavy, reduces) <= wideWork,
    );
  }

  /** All stages at one point, or at the points of some vectors. */
  private point(span: Span): void {
    this.finished = [];
    for (const stage of this.kernel.stages) this.stage(stage, span);
    for (const a of this.finished) a.release();
    this.finished = [];
  }

  private stage(stage: Stage, span: Span): void {
    const inner = this.vector >= 0 && stage.axes.includes(this.vector);
    const spread = this.vectorIsParallel || inner;
    const roots = rootsOf(stage);
    let blocks = inner ? widths(weight(roots), stage.reduces.length) : [];
    if (stage.reduces.some(isArg) && inner) blocks = [];
    blocks = blocks.filter((w) => 4 * w <= this.kernel.axes[this.vector]!);
    const count = inner ? Math.max(1, ...blocks) : span.vectors;
    const make = (r: Reduce) => new Accumulators(r, this.emitter, { count, inner });
    const accumulators = stage.reduces.map(make);
    for (const a of accumulators) a.start();
    const site = spread ? this.vector : -1;
    this.stageLoops(stage, 0, span, { blocks, accumulators, laneAxis: site });
    for (const a of accumulators) {
      if (inner) a.gather(this.scratch());
      a.finish();
      this.regs[a.reduce.reg] = Array.from({ length: inner ? 1 : count }, (_, i) => a.result(i));
    }
    this.finished.push(...accumulators);
  }

  private scratch(): number {
    return this.frame.once("scratch", "i32", () => {
      this.f.get(this.frame.p);
      this.f.i32(-256);
      this.f.op("i32.add");
    });
  }

  /** The loops of a stage from its axis number `depth` inwards. */
  private stageLoops(stage: Stage, depth: number, span: Span, body: StageBody): void {
    const { axes } = stage;
    if (depth === axes.length) {
      this.body(stage, span, body);
      return;
    }
    const axis = axes[depth]!;
    const used = this.streams.of(this.accessesIn(stage));
    const loop = () => {
      if (axis === this.vector) {
        this.nest.vectorLoop(axis, used, body.blocks, (inner) => this.body(stage, inner, body));
      } else {
        this.nest.plainLoop(axis, used, () => {
          this.readAhead(axis);
          this.stageLoops(stage, depth + 1, span, body);
        });
      }
    };
    if (depth < axes.length - 1 || this.kernel.axes[axis]! < 2) {
      loop();
      return;
    }
    const roots = rootsOf(stage);
    const outside = axis === this.vector ? one : span;
    this.versions(roots, axis, () => this.withFixed(roots, this.fixedIn(axis), outside, loop));
  }

  /** One point of a stage's loops, or some vectors of points. */
  private body(stage: Stage, span: Span, body: StageBody): void {
    const roots = rootsOf(stage);
    const write = () => {
      for (let v = 0; v < span.vectors; v += 2) {
        this.block(stage, { first: v, last: Math.min(v + 2, span.vectors), span }, body);
      }
    };
    // Masks that change in the innermost loop but are the same in all lanes.
    if (body.laneAxis >= 0) this.versions(roots, body.laneAxis, write);
    else write();
  }

  /** One vector or two: all values, then all stores. */
  private block(
    stage: Stage,
    { first, last, span }: { first: number; last: number; span: Span },
    { accumulators, laneAxis }: StageBody,
  ): void {
    const values = stage.stores.map((): number[] => []);
    const sites: Site[] = [];
    if (laneAxis >= 0) this.holdIndices(laneIndices(rootsOf(stage), laneAxis));
    for (let v = first; v < last; v++) {
      const site = this.site(laneAxis, v, span.valid);
      sites.push(site);
      this.select(v);
      this.emitter.begin([...stage.reduces, ...stage.stores].map((s) => s.value));
      const end = this.sumInStep(stage, site);
      stage.stores.forEach((s, i) => {
        this.emitter.emit(s.value, site);
        const local = this.frame.take(this.emitter.typeOf(s.value));
        this.f.set(local);
        values[i]!.push(local);
      });
      for (const a of accumulators) a.take(v, site);
      end();
      this.emitter.finish();
    }
    stage.stores.forEach((s, i) => {
      sites.forEach((site, j) => this.store(s, values[i]![j]!, site, first + j));
    });
    for (const local of values.flat()) this.frame.release(local);
    for (const local of this.heldIndices.values()) this.frame.release(local);
    this.heldIndices.clear();
  }

  /** Computes sums that several stores ask for side by side; returns what ends that. */
  private sumInStep({ stores }: Stage, site: Site): () => void {
    const { emitter } = this;
    if (stores.length < 2 || !(emitter instanceof VectorEmitter)) return () => {};
    return sumInStep(
      emitter,
      stores.map((s) => s.value),
      site,
    );
  }

  /** Computes indices once for both vectors of a block: the packer wants one splat of one value. */
  private holdIndices(maps: readonly Affine[]): void {
    for (const at of maps) {
      const local = this.frame.take("i32");
      this.pushIndex(at);
      this.f.set(local);
      this.heldIndices.set(affineKey(at), local);
    }
  }

  private store(store: Store, value: number, site: Site, vector: number): void {
    if (store.scatter !== undefined) {
      this.select(vector);
      this.emitter.begin([store.scatter.index]);
    }
    this.emitter.store(store, value, site);
    if (store.scatter !== undefined) this.emitter.finish();
  }

  private site(laneAxis: number, vector: number, valid: Site["valid"]): Site {
    return {
      laneAxis,
      valid: laneAxis < 0 ? 1 : valid,
      place: (operand, at) => this.place(operand, at, laneAxis, 4 * vector),
      ahead: laneAxis < 0 ? 0 : 4 * vector,
      pushIndex: (at) => this.pushIndex(at),
      pushReg: (reg) => this.f.get(this.regs[reg]![vector] ?? this.regs[reg]![0]!),
      pushAcc: () => {
        throw new TypeError("a loop kernel has no sum of products");
      },
    };
  }

  /** Where an access lies, some lanes on, and some steps of the loop around the lanes. */
  private place(operand: number, at: Affine, laneAxis: number, lanes: number): Place {
    const { local, offset } = this.streams.place(operand, at, laneAxis, lanes);
    return {
      local,
      offset: offset + this.further(at) * itemSize[this.kernel.operands[operand]!.dtype],
    };
  }

  /** How much an affine map grows by the steps that are taken without turning the loop. */
  private further({ coef }: Affine): number {
    return this.onward === null ? 0 : this.onward.steps * coef[this.onward.axis]!;
  }

  private pushIndex(at: Affine): void {
    const held = this.heldIndices.size > 0 ? this.heldIndices.get(affineKey(at)) : undefined;
    if (held !== undefined) {
      this.f.get(held);
      return;
    }
    this.nest.pushIndex({ base: at.base + this.further(at), coef: at.coef });
  }

  /** Makes the emitter use the locals of vector number `v` for what is fixed. */
  private select(v: number): void {
    for (const [e, locals] of this.fixed) this.emitter.pin(e, locals[v] ?? locals[0]!);
  }

  /** Computes what is fixed in a loop before it, then writes the loop. */
  private withFixed(
    roots: readonly Expr[],
    fixed: (e: Expr) => boolean,
    span: Span,
    write: () => void,
  ): void {
    const isFixed = (e: Expr) => this.fixed.has(e) || fixed(e);
    const parts = fixedParts(roots, isFixed, this.assumed).filter((e) => !this.fixed.has(e));
    const laneAxis = this.vectorIsParallel && this.nest.isOpen(this.vector) ? this.vector : -1;
    const locals = new Map(parts.map((e): [Expr, number[]] => [e, []]));
    // What is the same in all lanes is so in all vectors, and the packer wants to see that it is.
    const differs = laneAxis < 0 ? [] : parts.filter((e) => !this.fixedIn(laneAxis)(e));
    for (let v = 0; v < (laneAxis < 0 ? 1 : span.vectors); v++) {
      const some = v === 0 ? parts : differs;
      this.select(v);
      this.emitter.begin(some);
      for (const e of some) {
        this.emitter.emit(e, this.site(laneAxis, v, span.valid));
        const local = this.frame.take(this.emitter.typeOf(e));
        this.f.set(local);
        locals.get(e)!.push(local);
      }
      this.emitter.finish();
    }
    for (const [e, own] of locals) this.fixed.set(e, own);
    write();
    for (const e of parts) {
      this.fixed.delete(e);
      this.emitter.unpin(e);
    }
    for (const own of locals.values()) for (const local of own) this.frame.release(local);
  }

  /** Writes code once for masks that hold and once for masks that do not, where masks are the same at
   *  all indices of an axis. */
  private versions(roots: readonly Expr[], axis: number, write: () => void): void {
    if (this.vector < 0 || !this.hasMasks) {
      write();
      return;
    }
    const groups = fixedMasks(
      roots,
      ({ at }) => at.coef[axis] === 0 && (!this.vectorIsParallel || at.coef[this.vector] === 0),
    ).filter((g) => !this.assumed.has(g.exprs[0]!));
    if (groups.length === 0 || groups.length > maxVersions) write();
    else this.version(groups, write);
  }

  private version([group, ...others]: readonly MaskGroup[], write: () => void): void {
    if (group === undefined) {
      write();
      return;
    }
    pushHolds(this.frame, group.ranges, this.site(-1, 0, 1));
    this.f.if();
    for (const holds of [true, false]) {
      for (const e of group.exprs) this.assumed.set(e, holds);
      this.version(others, write);
      if (holds) this.f.else();
    }
    this.f.end();
    for (const e of group.exprs) this.assumed.delete(e);
  }
}

/** What the body of a stage's loops needs. */
interface StageBody {
  /** Vectors side by side, widest first. */
  readonly blocks: readonly number[];
  readonly accumulators: readonly Accumulators[];
  readonly laneAxis: number;
}

/** A body of this weight keeps the processor busy with one vector. */
const longBody = 150;

/** Vectors side by side for a body of some weight, widest first: pairs, and light bodies in more pairs.
 *  Reductions share the registers. */
function widths(bodyWeight: number, reduces: number): number[] {
  const most = bodyWeight <= 24 ? 8 : bodyWeight <= 64 ? 4 : 2;
  const room = reduces > 2 ? 2 : reduces > 1 ? 4 : 8;
  const width = Math.min(most, room);
  return width === 2 ? [2] : [width, 2];
}
