// Loop order: which axis runs innermost, which is the vector axis, and which neighbours are one axis.
// The order follows the memory of the largest access, so data is walked as it lies.

import { weightOfFn } from "../ir/cost.ts";
import {
  type Affine,
  type Expr,
  type LoopKernel,
  type Reduce,
  rebuild,
  rootsOf,
  type Stage,
  type Store,
  walk,
} from "./kernel.ts";

/** An access pattern that the order should suit, and how many elements it touches. */
export interface Access {
  readonly at: Affine;
  readonly weight: number;
}

/** Rewrites all affine forms of an expression, keeping what is shared shared. What `memo`
 *  already holds becomes what it says. */
export function mapForms(root: Expr, f: (a: Affine) => Affine, memo: Map<Expr, Expr>): Expr {
  const known = memo.get(root);
  if (known) return known;
  const e = rebuild(root, f, (x) => mapForms(x, f, memo));
  memo.set(root, e);
  return e;
}

function stretch(a: Affine, extents: readonly number[]): number {
  let n = 1;
  for (let i = 0; i < a.coef.length; i++) if (a.coef[i] !== 0) n *= extents[i];
  return n;
}

/** Axes outermost first, as the largest access has them in memory. Axes it does not move along follow
 *  the next largest, and in the end their own order. */
export function orderAxes(
  axes: readonly number[],
  accesses: readonly Access[],
  extents: readonly number[],
): number[] {
  const ranked = [...accesses].sort(
    (p, q) => q.weight * stretch(q.at, extents) - p.weight * stretch(p.at, extents),
  );
  return [...axes].sort((p, q) => {
    for (const { at } of ranked) {
      const [a, b] = [Math.abs(at.coef[p] ?? 0), Math.abs(at.coef[q] ?? 0)];
      if (a !== b && a !== 0 && b !== 0) return b - a;
    }
    return p - q;
  });
}

/** The axis along which most accesses are contiguous (or do not move). */
export function chooseVector(
  axes: readonly number[],
  accesses: readonly Access[],
  extents: readonly number[],
): number {
  let [best, score] = [-1, 0];
  for (const axis of axes) {
    if (extents[axis] < 2) continue;
    let s = 0;
    for (const { at, weight } of accesses) {
      const c = at.coef[axis] ?? 0;
      if (c === 1) s += weight * (1 + Math.min(1, stretch(at, extents) / 1e6));
      else if (c === 0) s += weight * 0.25;
      else s -= weight * 0.5;
    }
    s *= Math.min(extents[axis], 16) / 16;
    if (s > score) [best, score] = [axis, s];
  }
  return best;
}

/** All forms of the stages. */
function formsOf(stages: readonly Stage[]): Affine[] {
  const forms: Affine[] = [];
  const roots: Expr[] = [];
  for (const s of stages) {
    for (const st of s.stores) {
      forms.push(st.at);
      roots.push(st.value);
      if (st.scatter) roots.push(st.scatter.index);
    }
    for (const r of s.reduces) {
      roots.push(r.value);
      if (r.index) forms.push(r.index);
    }
  }
  walk(roots, (e) => {
    if (e.k === "masked") for (const r of e.ranges) forms.push(r.at);
    else if ("at" in e) forms.push(e.at);
  });
  return forms;
}

/** Groups neighbouring axes that every form walks as one. */
export function collapse(
  axes: readonly number[],
  forms: readonly Affine[],
  extents: readonly number[],
): number[][] {
  const runs: number[][] = [];
  for (const axis of axes) {
    if (extents[axis] === 1) continue;
    const run = runs[runs.length - 1];
    const before = run?.[run.length - 1];
    const joins =
      before !== undefined &&
      forms.every((f) => (f.coef[before] ?? 0) === (f.coef[axis] ?? 0) * extents[axis]);
    if (joins) run.push(axis);
    else runs.push([axis]);
  }
  return runs;
}

export interface Draft {
  readonly extents: readonly number[];
  /** In loop order. */
  readonly parallel: readonly number[];
  readonly inner: readonly number[];
  readonly vector: number;
  readonly stages: readonly Stage[];
}

const tile = 8;
/** Loads that step further than this from lane to lane touch a line of memory for each lane. */
const farLanes = 256;
/** Results that stay in the second-level cache while tiles fill them. */
const cachedResults = 131072;

/** Turns data in tiles: where lanes lie far apart in what is read, but the steps of another axis side by
 *  side, that axis runs just outside a few lanes, so that the lines of memory are used up while they
 *  are at hand. */
function turnInTiles(draft: Draft): Draft {
  const { extents, parallel, vector, stages } = draft;
  if (draft.inner.length > 0 || vector < 0 || extents[vector] % tile !== 0) return draft;
  if (extents[vector] === tile) return draft;
  const roots = stages.flatMap((s) => s.stores.map((st) => st.value));
  let along = -1;
  let far: Affine | undefined;
  walk(roots, (e) => {
    if (e.k !== "load" || Math.abs(e.at.coef[vector] ?? 0) < farLanes) return;
    const beside = parallel.find((a) => e.at.coef[a] === 1 && extents[a] >= tile);
    if (beside !== undefined) [along, far] = [beside, e.at];
  });
  const plain = stages.every((s) => s.reduces.length === 0 && s.stores.every((st) => !st.scatter));
  if (far === undefined || !plain) return draft;
  const tiles = extents.length;
  const others = parallel.filter((a) => a !== vector && a !== along);
  const outside = outsideTiles(draft, [...others, along], far);
  const split = (f: Affine): Affine => {
    const lanes = f.coef[vector] ?? 0;
    const coef = Array.from({ length: tiles + 1 }, (_, i) => f.coef[i] ?? 0);
    coef[tiles] = lanes * tile;
    return { base: f.base, coef };
  };
  const memo = new Map<Expr, Expr>();
  return {
    ...draft,
    extents: [...extents.map((n, a) => (a === vector ? tile : n)), extents[vector] / tile],
    parallel: [...outside, tiles, ...others.slice(outside.length), along, vector],
    stages: stages.map((s) => ({
      ...s,
      stores: s.stores.map((st) => ({
        ...st,
        at: split(st.at),
        value: mapForms(st.value, split, memo),
      })),
    })),
  };
}

/** The axes around the tiles: those that are around the lanes in what is read, so that a tile reads a
 *  few streams from end to end, as long as the tiles' results fit the second-level cache together. */
function outsideTiles(
  { extents, vector }: Draft,
  others: readonly number[],
  far: Affine,
): readonly number[] {
  const step = (a: number) => Math.abs(far.coef[a] ?? 0);
  const inside = others.findIndex((a) => extents[a] > 1 && step(a) < step(vector));
  const results = others.slice(inside).reduce((n, a) => n * extents[a], extents[vector]);
  return results > cachedResults ? others.slice(0, -1) : others.slice(0, inside);
}

/** Renumbers axes (parallel first), merges neighbours and picks the grain. */
export function finish(
  given: Draft,
  rest: Pick<LoopKernel, "operands" | "regs" | "scalars">,
): LoopKernel {
  const draft = turnInTiles(given);
  const { extents } = draft;
  const forms = formsOf(draft.stages);
  const outer = collapse(draft.parallel, forms, extents);
  if (outer.length === 0) outer.push([]);
  const inner = collapse(draft.inner, forms, extents);
  const runs = [...outer, ...inner];
  const axes = runs.map((run) => run.reduce((n, a) => n * extents[a], 1));
  const convert = (f: Affine): Affine => ({
    base: f.base,
    coef: runs.map((run) => (run.length > 0 ? (f.coef[run[run.length - 1]] ?? 0) : 0)),
  });
  const innerIds = inner.map((_, i) => outer.length + i);
  const stages = draft.stages.map((stage): Stage => {
    const memo = new Map<Expr, Expr>();
    const go = (e: Expr) => mapForms(e, convert, memo);
    return {
      axes: stage.axes.length > 0 ? innerIds : [],
      stores: stage.stores.map(
        (s): Store => ({
          ...s,
          at: convert(s.at),
          value: go(s.value),
          ...(s.scatter && { scatter: { ...s.scatter, index: go(s.scatter.index) } }),
        }),
      ),
      reduces: stage.reduces.map(
        (r): Reduce => ({ ...r, value: go(r.value), ...(r.index && { index: convert(r.index) }) }),
      ),
    };
  });
  const vector = runs.findIndex((run) => run.includes(draft.vector));
  const kernel = { kind: "loop" as const, axes, parallel: outer.length, vector, ...rest, stages };
  return { ...kernel, grain: chooseGrain(kernel) };
}

/** Steps of a light body that a piece has at least, and how many operations such a body has. */
const pieceSteps = 8192;
const lightBody = 8;

/** Pieces whose number is a power of two, so that threads get equal shares, in whole blocks of vectors
 *  where axis 0 is the vector axis. */
function chooseGrain(kernel: Omit<LoopKernel, "grain">): number {
  const [first] = kernel.axes;
  const halvings = Math.floor(Math.log2(Math.max(1, stepsOf(kernel) / (2 * pieceSteps))));
  const pieces = halvings < 1 ? 1 : 2 ** halvings;
  return roundUp(Math.max(1, Math.ceil(first / pieces)), kernel.vector === 0 ? 16 : 1);
}

/** How many times a light body it would take to be as much work. */
function stepsOf({ axes, stages }: Pick<LoopKernel, "axes" | "stages">): number {
  const points = axes.reduce((n, d) => n * d, 1);
  let bodies = 0;
  for (const stage of stages) {
    let weight = 0;
    walk(rootsOf(stage), (e) => {
      weight += "fn" in e ? weightOfFn(e.fn) : e.k === "random" ? 40 : 1;
    });
    bodies += Math.max(1, weight / lightBody);
  }
  return points * bodies;
}

function roundUp(n: number, to: number): number {
  return Math.ceil(n / to) * to;
}
