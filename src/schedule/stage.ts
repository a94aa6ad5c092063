// Staging: a small operand that a loop would read with a stride along its lanes, again and again, is
// first copied so that the lanes lie side by side: the weights of a depthwise convolution.
// Not here: panels of contractions (contraction.ts).

import { axisForm, dotForms, rowMajor } from "./affine.ts";
import { type Affine, type Expr, mapRoots, type Stage, walk } from "./kernel.ts";
import { emitStore } from "./loops.ts";
import { Lowerer } from "./lower.ts";
import { mapForms } from "./order.ts";
import type { Planner } from "./planner.ts";

type Load = Extract<Expr, { k: "load" }>;

/** An element is staged that is read at least as often as this. */
const leastReads = 16;

/** A kernel before its axes are renumbered. */
export interface Loops {
  readonly lowerer: Lowerer;
  /** All axes, outermost first. */
  readonly axes: readonly number[];
  readonly vector: number;
}

/** The stages with strided small operands replaced by copies, which it emits as steps. */
export function stageOperands(
  planner: Planner,
  loops: Loops,
  stages: readonly Stage[],
): readonly Stage[] {
  if (loops.vector < 0) return stages;
  const memo = new Map<Expr, Expr>();
  for (const alike of stridedLoads(loops, stages)) {
    const bases = [...new Set(alike.map((e) => e.at.base))].sort((p, q) => p - q);
    const step = bases.length > 1 ? bases[1] - bases[0] : 1;
    if (bases.some((b, i) => b !== bases[0] + i * step)) continue;
    copyLanes(planner, loops, alike, { first: bases[0], step, count: bases.length }, memo);
  }
  if (memo.size === 0) return stages;
  return stages.map((s) => mapRoots(s, (e) => mapForms(e, (x) => x, memo)));
}

/** Loads worth staging, those that differ in their base alone together. */
function stridedLoads({ lowerer, axes, vector }: Loops, stages: readonly Stage[]): Load[][] {
  const points = axes.reduce((n, a) => n * lowerer.extents[a], 1);
  const written = new Set(stages.flatMap((s) => s.stores.map((st) => st.operand)));
  const roots = stages.flatMap((s) => [...s.stores, ...s.reduces].map((x) => x.value));
  const guarded = new Set<Expr>();
  const found = new Map<string, Load[]>();
  const masked: Expr[] = [];
  walk(roots, (e) => {
    if (e.k === "masked") masked.push(e.x);
  });
  walk(masked, (e) => guarded.add(e));
  walk(roots, (e) => {
    if (e.k !== "load" || guarded.has(e) || written.has(e.operand)) return;
    const coef = axes.map((a) => e.at.coef[a] ?? 0);
    const lanes = e.at.coef[vector] ?? 0;
    const elements = axes.reduce((n, a, i) => (coef[i] === 0 ? n : n * lowerer.extents[a]), 1);
    if (lanes === 0 || lanes === 1 || elements * leastReads > points) return;
    const key = `${e.operand} ${coef}`;
    found.set(key, [...(found.get(key) ?? []), e]);
  });
  return [...found.values()];
}

function copyLanes(
  planner: Planner,
  { lowerer, axes, vector }: Loops,
  loads: readonly Load[],
  bases: { first: number; step: number; count: number },
  memo: Map<Expr, Expr>,
): void {
  const { at, dtype, operand } = loads[0];
  const outer = axes.filter((a) => a !== vector && (at.coef[a] ?? 0) !== 0);
  const moving = [...outer, vector];
  const shape = [bases.count, ...moving.map((a) => lowerer.extents[a])];
  const strides = rowMajor(shape);
  const inner = new Lowerer(planner);
  const ids = shape.map((extent) => inner.addAxis(extent));
  const forms = ids.map((id) => axisForm(id));
  const from = [bases.step, ...moving.map((a) => at.coef[a])];
  const source = inner.operand(lowerer.buffers[operand]);
  const value: Expr = {
    k: "load",
    dtype,
    operand: source,
    at: dotForms(forms, from, bases.first),
  };
  const buffer = planner.temp(
    dtype,
    shape.reduce((n, d) => n * d, 1),
  );
  emitStore(planner, inner, ids, value, dotForms(forms, strides), buffer, []);
  const copy = lowerer.operand(buffer);
  const along = dotForms(
    moving.map((a) => axisForm(a)),
    strides.slice(1),
  );
  for (const load of loads) {
    const base = ((load.at.base - bases.first) / bases.step) * strides[0];
    const there: Affine = { base, coef: along.coef };
    memo.set(load, { k: "load", dtype, operand: copy, at: there });
  }
}
