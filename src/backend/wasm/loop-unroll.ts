// Short loops written out, as a rewriting of the kernel before it is rendered: inner axes of a few
// indices (windows, taps, pairs) become one expression, and short parallel axes around a reduction become
// accumulators side by side that share what they load, and so do neighbours whose windows overlap.
// Depends on the shape alone, and not on the extent of axis 0, which the code does not know.
// Not here: expressions at a point (loop-rewrite.ts), which windows overlap (loop-windows.ts).

import type { BinaryOp, ReduceOp } from "../../ir/op.ts";
import {
  type Expr,
  type LoopKernel,
  type Reduce,
  rootsOf,
  type Stage,
  type Store,
  walk,
} from "../../schedule/kernel.ts";
import {
  accessesOf,
  affineKey,
  stripExtent,
  weight,
  widestStrip,
  wideWork,
} from "./loop-analysis.ts";
import { isArg } from "./loop-reduce.ts";
import { type Point, placeAt, Rewriter } from "./loop-rewrite.ts";
import { overlapping, sharedTurns } from "./loop-windows.ts";

/** The longest axis that is written out, and how many points of all such axes together. */
const longest = 7;
const mostPoints = 25;
/** About how many instructions a written-out body may take. */
const mostWork = 360;
/** Accumulators side by side: with 256 bits they fit the registers, with room for what they share. */
const mostAccumulators = 12;

type Plain = Exclude<ReduceOp, "argmax" | "argmin">;
const combine: { [K in Plain]: BinaryOp } = { sum: "add", prod: "mul", max: "max", min: "min" };

export interface Unrolled {
  readonly kernel: LoopKernel;
  /** The additions that sum up a reduction: free to be fused with a multiplication. */
  readonly sums: ReadonlySet<Expr>;
}

/** Writes out the short loops of a kernel that runs in vectors along an axis (-1: in elements). */
export function unroll(kernel: LoopKernel, vector: number): Unrolled {
  const unroller = new Unroller(new Rewriter(), vector);
  const wide = unroller.neighbours(unroller.jam(kernel));
  return { kernel: unroller.inner(wide), sums: unroller.sums };
}

class Unroller {
  readonly sums = new Set<Expr>();
  private readonly rewriter: Rewriter;
  private readonly vector: number;

  constructor(rewriter: Rewriter, vector: number) {
    this.rewriter = rewriter;
    this.vector = vector;
  }

  /** Short parallel axes become accumulators side by side. */
  jam(kernel: LoopKernel): LoopKernel {
    const axes = this.jammed(kernel);
    if (axes.length === 0) return kernel;
    const extents = kernel.axes.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    return this.sideBySide(kernel, extents, pointsOf(kernel, axes));
  }

  /** Neighbours whose windows overlap are computed side by side, where windows are written out. */
  neighbours(kernel: LoopKernel): LoopKernel {
    if (kernel.stages.some((s) => this.left(kernel, s).length > 0)) return kernel;
    const work = kernel.stages.reduce((n, s) => n + weight(rootsOf(s)) * pointsIn(kernel, s), 0);
    const found = overlapping(kernel, this.vector, Math.floor(mostWork / work));
    if (found === null) return kernel;
    const { axis, count } = found;
    const extents = kernel.axes.map((extent, a) => (a === axis ? extent / count : extent));
    return this.sideBySide(kernel, extents, turnsOf(axis, count));
  }

  /** The kernel with what it does at each of some points, each with registers of its own. */
  private sideBySide(
    kernel: LoopKernel,
    axes: readonly number[],
    points: readonly Point[],
  ): LoopKernel {
    const count = kernel.regs.length;
    const stages = kernel.stages.map((stage): Stage => {
      const reduces: Reduce[] = [];
      const stores: Store[] = [];
      points.forEach((point, i) => {
        const value = this.rewriter.placer(point, (r) => ({ ...r, reg: r.reg + i * count }));
        for (const r of stage.reduces) {
          const index = r.index && { index: placeAt(r.index, point) };
          reduces.push({ ...r, reg: r.reg + i * count, value: value(r.value), ...index });
        }
        for (const s of stage.stores) {
          stores.push({ ...s, at: placeAt(s.at, point), value: value(s.value) });
        }
      });
      return { axes: stage.axes, reduces, stores };
    });
    return { ...kernel, axes, regs: points.flatMap(() => kernel.regs), stages };
  }

  /** Parallel axes whose points share loads in a loop, innermost first. */
  private jammed(kernel: LoopKernel): number[] {
    if (kernel.stages.some((s) => s.stores.some((store) => store.scatter !== undefined))) return [];
    const looping = kernel.stages.filter((s) => this.left(kernel, s).length > 0);
    const accumulators = Math.max(0, ...looping.map((s) => s.reduces.length));
    if (accumulators === 0) return [];
    const work = weight(kernel.stages.flatMap(rootsOf));
    const found: number[] = [];
    let points = 1;
    for (let axis = kernel.parallel - 1; axis > 0; axis--) {
      const more = points * kernel.axes[axis]!;
      const short = kernel.axes[axis]! <= longest && kernel.axes[axis]! > 1;
      if (axis === this.vector || !short || !looping.some((s) => this.shares(s, axis))) continue;
      if (more * accumulators > mostAccumulators || more * work > mostWork) continue;
      found.push(axis);
      points = more;
    }
    return found.reverse();
  }

  /** Whether what a stage loads in its loops is partly the same at all indices of an axis. */
  private shares(stage: Stage, axis: number): boolean {
    const loads = accessesOf(stage).filter(({ at }) => stage.axes.some((a) => at.coef[a] !== 0));
    return loads.some(({ at }) => at.coef[axis] === 0);
  }

  /** Short inner axes become part of the expressions. */
  inner(kernel: LoopKernel): LoopKernel {
    const plans = this.plans(kernel);
    const inlined = new Map<number, Expr>();
    const axes = [...kernel.axes];
    const stages = kernel.stages.map((stage, i): Stage => {
      const { left, inline } = plans[i]!;
      const points = pointsOf(
        kernel,
        stage.axes.filter((a) => !left.includes(a)),
      );
      const placer = (p: Point) => this.rewriter.placer(p, (r) => inlined.get(r.reg) ?? r);
      const placers = points.map(placer);
      const stores = stage.stores.flatMap((s) =>
        points.map((p, j): Store => {
          const at = placers[j]!;
          const scatter = s.scatter && { ...s.scatter, index: at(s.scatter.index) };
          return { ...s, at: placeAt(s.at, p), value: at(s.value), ...(scatter && { scatter }) };
        }),
      );
      const values = stage.reduces.map((r) => placers.map((at) => at(r.value)));
      if (!inline) {
        const turns = sharedTurns(kernel, i, left, this.vector, values.flat());
        const last = left[left.length - 1]!;
        if (turns > 1) axes[last] = axes[last]! / turns;
        const further = turnsOf(last, turns).map(placer);
        const reduces = stage.reduces.map((r, j) => {
          const all = further.flatMap((at) => values[j]!.map(at));
          return { ...r, value: this.fold(r, turns > 1 ? all : values[j]!) };
        });
        return { axes: left, reduces, stores };
      }
      stage.reduces.forEach((r, j) => {
        inlined.set(r.reg, this.whole(j, stage.reduces, values, points));
      });
      return { axes: [], reduces: [], stores };
    });
    return { ...kernel, axes, stages: merged(stages) };
  }

  /** For each stage the axes that stay loops, and whether its registers become expressions: they do
   *  where no stage from it on has loops left, and nothing that they read is overwritten. */
  private plans(kernel: LoopKernel): { left: readonly number[]; inline: boolean }[] {
    let flat = true;
    const plans = [...kernel.stages].reverse().map((stage) => {
      const left = this.left(kernel, stage);
      const stays = stage.reduces.every((r) => readsOnly(r.value, kernel));
      const inline = flat && left.length === 0 && stage.axes.length > 0 && stays;
      // The position of the best value is an expression only where no loop is left around it.
      if (!inline && left.length < stage.axes.length && stage.reduces.some(isArg)) {
        flat = false;
        return { left: stage.axes, inline };
      }
      flat &&= left.length === 0;
      return { left, inline };
    });
    return plans.reverse();
  }

  /** The axes of a stage that stay loops. */
  private left(kernel: LoopKernel, stage: Stage): readonly number[] {
    if (stage.stores.some((s) => s.scatter !== undefined) || readsItsStores(stage)) {
      return stage.axes;
    }
    const work = Math.max(1, weight(rootsOf(stage)));
    const short: number[] = [];
    let points = 1;
    for (const axis of [...stage.axes].reverse()) {
      const extent = kernel.axes[axis]!;
      const more = points * extent;
      if (axis === this.vector) continue;
      // Around a longer loop it would walk through several places of the memory at once.
      if (extent > longest || extent === 0) break;
      if (more > mostPoints || more * work > mostWork) break;
      short.push(axis);
      points = more;
    }
    // Loops that stay should run in strips as wide as the rows, whose work is all in one body.
    const strips = this.vector >= 0 && !stage.axes.includes(this.vector);
    if (strips && short.length < stage.axes.length) {
      const room = wideWork / work / Math.min(widestStrip, stripExtent(kernel, this.vector) / 4);
      while (points > room) points /= kernel.axes[short.pop()!]!;
    }
    return stage.axes.filter((a) => !short.includes(a));
  }

  /** The reduction of some values, first to last. */
  private fold({ fn, value: { dtype } }: Reduce, values: readonly Expr[]): Expr {
    return values.reduce((x, y) => {
      const e = this.rewriter.intern({ k: "binary", dtype, fn: combine[fn as Plain], x, y });
      if (fn === "sum") this.sums.add(e);
      return e;
    });
  }

  /** Register number `number` of a stage without loops. The largest value is the one that the search
   *  for its position has found, where there is one. */
  private whole(
    number: number,
    all: readonly Reduce[],
    values: readonly (readonly Expr[])[],
    points: readonly Point[],
  ): Expr {
    const [reduce, mine] = [all[number]!, values[number]!];
    if (isArg(reduce)) return this.search(reduce, mine, points).position;
    const partner = all.find(
      (r, i) => r.fn === `arg${reduce.fn}` && values[i]!.every((v, j) => v === mine[j]),
    );
    if (partner === undefined) return this.fold(reduce, mine);
    return this.search(partner, mine, points).best;
  }

  /** The best of some values and its position; the first among equals, and NaN before any number. */
  private search(reduce: Reduce, values: readonly Expr[], points: readonly Point[]) {
    const { rewriter } = this;
    const index = (i: number): Expr => {
      const at = placeAt(reduce.index ?? { base: 0, coef: [] }, points[i]!);
      const fixed = at.coef.every((c) => c === 0);
      if (fixed) return rewriter.intern({ k: "const", dtype: "int32", value: at.base });
      return rewriter.intern({ k: "axis", dtype: "int32", at });
    };
    let [best, position] = [values[0]!, index(0)];
    const { dtype } = best;
    for (let i = 1; i < values.length; i++) {
      const next = values[i]!;
      const [x, y] = reduce.fn === "argmax" ? [next, best] : [best, next];
      let cond = rewriter.intern({ k: "compare", dtype: "bool", fn: "le", x, y });
      if (dtype === "float32" || dtype === "float64") {
        const nan = { k: "compare", dtype: "bool", fn: "ne", x: best, y: best } as const;
        const sticks = rewriter.intern(nan);
        cond = rewriter.intern({ k: "binary", dtype: "bool", fn: "or", x: cond, y: sticks });
      }
      const keep = (kept: Expr, other: Expr): Expr =>
        rewriter.intern({ k: "where", dtype: kept.dtype, cond, x: kept, y: other });
      position = keep(position, index(i));
      best = keep(best, next);
    }
    return { best, position };
  }
}

/** All indices of some axes, the last running fastest. */
function pointsOf(kernel: LoopKernel, axes: readonly number[]): Point[] {
  let points: Point[] = [new Map()];
  for (const axis of axes) {
    const indices = Array.from({ length: kernel.axes[axis]! }, (_, i) => i);
    const fixed = (index: number) => [axis, { index, step: 0 }] as const;
    points = points.flatMap((p) => indices.map((i) => new Map([...p, fixed(i)])));
  }
  return points;
}

/** An axis in steps of `count`: each of the indices in a step. */
function turnsOf(axis: number, count: number): Point[] {
  return Array.from({ length: count }, (_, index) => new Map([[axis, { index, step: count }]]));
}

function pointsIn(kernel: LoopKernel, stage: Stage): number {
  return stage.axes.reduce((n, axis) => n * kernel.axes[axis]!, 1);
}

/** Whether an expression reads nothing that the kernel writes. */
function readsOnly(root: Expr, { operands }: LoopKernel): boolean {
  let only = true;
  walk([root], (e) => {
    if ((e.k === "load" || e.k === "gather") && operands[e.operand]!.write) only = false;
  });
  return only;
}

/** Whether a stage reads elements that it stores at another point: its order then counts. */
function readsItsStores(stage: Stage): boolean {
  const { stores } = stage;
  const loads = accessesOf(stage).slice(stores.length);
  return stores.some((s) =>
    loads.some((l) => l.operand === s.operand && affineKey(l.at) !== affineKey(s.at)),
  );
}

/** Stages without loops that follow each other as one, so that they share what they compute. */
function merged(stages: readonly Stage[]): Stage[] {
  const found: Stage[] = [];
  for (const stage of stages) {
    const before = found[found.length - 1];
    const joins =
      before?.axes.length === 0 &&
      stage.axes.length === 0 &&
      before.reduces.length + stage.reduces.length === 0 &&
      stage.stores.every((s) => s.scatter === undefined) &&
      before.stores.every((s) => s.scatter === undefined && !touches(stage, s.operand));
    if (joins) {
      found[found.length - 1] = { ...before, stores: [...before.stores, ...stage.stores] };
    } else {
      found.push(stage);
    }
  }
  return found;
}

function touches(stage: Stage, operand: number): boolean {
  return accessesOf(stage).some((a) => a.operand === operand);
}
