// Masks that depend on one axis (the border of a padded image) hold on a stretch of its indices: a loop
// is cut where they begin and end to hold, so that no piece has anything left to test.
// Not here: masks that stay, which are tested before a loop or in it (loop.ts, expr-vector.ts).

import {
  type Expr,
  type LoopKernel,
  mapRoots,
  type Range,
  rebuild,
  rootsOf,
  type Stage,
  sources,
  walk,
} from "../../schedule/kernel.ts";
import { weight } from "./loop-analysis.ts";

/** Pieces of a loop at most, and about how many instructions a body that is written out for each. */
const mostPieces = 3;
const mostWork = 16;

/** The indices [from, to) of an axis, and what the stages are there. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly stages: readonly Stage[];
}

/** A loop over a parallel axis in pieces, or null where there is nothing to cut. */
export function piecesOf({ axes }: LoopKernel, stages: readonly Stage[], axis: number) {
  const roots = stages.flatMap(rootsOf);
  if (stages.some((s) => s.axes.length > 0) || weight(roots) > mostWork) return null;
  const found = new Map<Range, readonly [number, number]>();
  walk(roots, (e) => {
    if (e.k !== "masked") return;
    for (const range of e.ranges) {
      const where = whereItHolds(range, axis, axes[axis]!);
      if (where !== null) found.set(range, where);
    }
  });
  const ends = new Set([0, axes[axis]!, ...[...found.values()].flat()]);
  const cuts = [...ends].sort((p, q) => p - q);
  if (found.size === 0 || cuts.length > mostPieces + 1) return null;
  return cuts.slice(1).map((to, i): Piece => {
    const from = cuts[i]!;
    const holds = (range: Range): boolean | undefined => {
      const where = found.get(range);
      return where && where[0] <= from && to <= where[1];
    };
    const known = new Map<Expr, Expr>();
    return { from, to, stages: stages.map((s) => mapRoots(s, (e) => decided(e, holds, known))) };
  });
}

/** The indices of an axis at which a range holds, where it depends on that axis alone. */
function whereItHolds({ at, size }: Range, axis: number, extent: number): [number, number] | null {
  const step = at.coef[axis]!;
  if (step <= 0 || at.coef.some((c, a) => c !== 0 && a !== axis)) return null;
  const index = (value: number) =>
    Math.min(extent, Math.max(0, Math.ceil((value - at.base) / step)));
  return [index(0), index(size)];
}

/** The expression without ranges of which it is known whether they hold. What does not change stays the
 *  same object. */
function decided(
  e: Expr,
  holds: (range: Range) => boolean | undefined,
  known: Map<Expr, Expr>,
): Expr {
  const before = known.get(e);
  if (before !== undefined) return before;
  const inside = (x: Expr) => decided(x, holds, known);
  let made = e;
  if (e.k === "masked" && e.ranges.some((r) => holds(r) === false)) {
    made = { k: "const", dtype: e.dtype, value: e.fill };
  } else if (e.k === "masked" && e.ranges.some(holds)) {
    const ranges = e.ranges.filter((r) => !holds(r));
    made = ranges.length === 0 ? inside(e.x) : { ...e, ranges, x: inside(e.x) };
  } else if (sources(e).some((x) => inside(x) !== x)) {
    made = rebuild(e, (at) => at, inside);
  }
  known.set(e, made);
  return made;
}
