// Reading ahead: where a kernel reads an operand in many places at once and computes much in between, the
// memory's own prefetching does not follow, and every page would be waited for. Such a kernel first
// reads what one turn of an outer loop will touch, from end to end, a line at a time; the second-level
// cache then holds it (read-ahead.ts). Measured on 8 MB of images: half the time for windows of 3×3.
// Not here: the loops themselves (loop-nest.ts), the epilogues of contractions (contract-render.ts).

import type { Expr } from "../../schedule/kernel.ts";
import { type Affine, type LoopKernel, rootsOf, sources } from "../../schedule/kernel.ts";
import type { Frame, Place } from "./expr.ts";
import type { Access } from "./loop-analysis.ts";
import { emitReadAhead, leastRead } from "./read-ahead.ts";

/** Elements of a turn: fewer are not worth it, more do not stay in the cache. */
const fewest = 8192;
const most = 163840;
/** Places of one operand that are read at once. */
const manyPlaces = 6;

/** A stretch that a turn of a loop will touch: elements [from, to) counted from an access. */
export interface Stretch extends Access {
  readonly from: number;
  readonly to: number;
}

/** What to read ahead in each turn of a loop over an axis. */
export interface Ahead {
  readonly axis: number;
  readonly stretches: readonly Stretch[];
}

/** The outermost loop whose turns fit the cache, and what they touch; null where it does not pay. */
export function readAhead(kernel: LoopKernel, vector: number): Ahead | null {
  const accesses = openLoads(kernel);
  if (vector < 0 || accesses.every((same) => same.length < manyPlaces)) return null;
  for (const axis of loopsAround(kernel, vector)) {
    const stretches = accesses.flatMap((same) => stretchOf(kernel, same, axis, vector) ?? []);
    const total = stretches.reduce((n, { from, to }) => n + to - from, 0);
    if (total <= most) return total >= fewest ? { axis, stretches } : null;
  }
  return null;
}

/** Loops that have others inside, outermost first: those around the lanes, then those of the one stage
 *  that loops. */
function loopsAround({ parallel, stages }: LoopKernel, vector: number): number[] {
  const around = [...Array(parallel).keys()].filter((axis) => axis !== vector);
  const looping = stages.filter((s) => s.axes.length > 0);
  return looping.length === 1 ? [...around, ...looping[0]!.axes.slice(0, -1)] : around;
}

/** The loads that no mask guards, those that differ in their base alone together. Not stores: reading
 *  memory that nobody has written yet gives it a page of zeros, and writing then another. */
function openLoads({ stages, operands }: LoopKernel): Access[][] {
  const found = new Map<string, Access[]>();
  const add = ({ operand, at }: Access) => {
    if (operands[operand]!.dtype !== "float32") return;
    const key = `${operand} ${at.coef}`;
    const list = found.get(key);
    if (list === undefined) found.set(key, [{ operand, at }]);
    else if (list.every((a) => a.at.base !== at.base)) list.push({ operand, at });
  };
  const seen = new Set<Expr>();
  const go = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.k === "load") add(e);
    if (e.k !== "masked") for (const x of sources(e)) go(x);
  };
  for (const root of stages.flatMap(rootsOf)) go(root);
  return [...found.values()];
}

/** What a turn of an axis touches that the turn before has not, if that lies in one piece. */
function stretchOf(
  kernel: LoopKernel,
  same: readonly Access[],
  axis: number,
  vector: number,
): Stretch | null {
  const bases = same.map(({ at }) => at.base);
  const first = same[bases.indexOf(Math.min(...bases))]!;
  const { coef }: Affine = first.at;
  if (coef.some((c) => c < 0) || coef[axis] === 0) return null;
  // Where the lanes' loop is open they have begun somewhere: a vector of them is sure to be there.
  const lanes = vector > axis ? kernel.axes[vector]! : 4;
  const inner = [...coef.keys()].filter((a) => (a > axis || a === vector) && coef[a] !== 0);
  const extent = (a: number) => (a === vector ? Math.min(lanes, kernel.axes[a]!) : kernel.axes[a]!);
  const reach = inner.reduce((n, a) => n + coef[a]! * (extent(a) - 1), 1);
  const to = reach + Math.max(...bases) - first.at.base;
  const from = Math.max(0, to - coef[axis]!);
  const touched = inner.reduce((n, a) => n * kernel.axes[a]!, same.length);
  const enough = 4 * (to - from) >= leastRead && 2 * touched >= to - from;
  return enough ? { ...first, from, to } : null;
}

/** Emits the reading of a stretch; `place` is where its access lies. */
export function emitStretch(frame: Frame, place: Place, { from, to }: Stretch): void {
  const { f } = frame;
  const [at, end] = [frame.take("i32"), frame.take("i32")];
  f.get(place.local);
  f.i32(place.offset + 4 * from);
  f.op("i32.add");
  f.tee(at);
  f.i32(4 * (to - from));
  f.op("i32.add");
  f.set(end);
  emitReadAhead(f, at, end);
  frame.release(at);
  frame.release(end);
}
