// What a loop kernel's renderer wants to know of its expressions before it emits code: whether vectors
// can do it, how heavy it is, which parts do not change in a loop, and which masks do not.

import {
  type Affine,
  type Expr,
  type LoopKernel,
  type Range,
  rootsOf,
  type Stage,
  sources,
  walk,
} from "../../schedule/kernel.ts";
import { vectorizable } from "./expr-vector.ts";

/** An access to an operand. */
export interface Access {
  readonly operand: number;
  readonly at: Affine;
}

/** All loads and stores of a stage. */
export function accessesOf(stage: Stage): Access[] {
  const found: Access[] = [...stage.stores];
  walk(rootsOf(stage), (e) => {
    if (e.k === "load" || e.k === "gather") found.push(e);
  });
  return found;
}

/** Vectors side by side at most around loops, and about how many instructions they may take. */
export const widestStrip = 16;
export const wideWork = 720;

/** How many points a strip of vectors along an axis may have: the extent of axis 0 is not known. */
export function stripExtent(kernel: LoopKernel, vector: number): number {
  return vector === 0 ? 32 : kernel.axes[vector]!;
}

/** The axis to vectorize, or -1 where the kernel must run one element at a time. */
export function vectorAxis(kernel: LoopKernel): number {
  const { vector, parallel, stages, operands, regs } = kernel;
  if (vector < 0 || regs.includes("float64")) return -1;
  if (vector < parallel && vector !== parallel - 1) return -1;
  for (const stage of stages) {
    const inside = vector < parallel || stage.axes.includes(vector);
    if (vector >= parallel && inside && stage.axes[stage.axes.length - 1] !== vector) return -1;
    if (!vectorizable(rootsOf(stage), inside ? vector : -1)) return -1;
    for (const store of stage.stores) {
      const { dtype } = operands[store.operand]!;
      if (dtype === "float64" || store.value.dtype !== dtype) return -1;
      if (store.scatter !== undefined && (dtype === "uint8" || dtype === "bool")) return -1;
      if (store.scatter === undefined && inside && store.at.coef[vector] === 0) return -1;
    }
  }
  return vector;
}

const slow = new Set<string>([
  "exp", "expm1", "log", "log1p", "sin", "cos", "atan", "tanh", "sigmoid", "erf",
]); // biome-ignore format: a list

/** The affine maps whose values the expressions use as numbers that differ from lane to lane. */
export function laneIndices(roots: readonly Expr[], laneAxis: number): Affine[] {
  const found = new Map<string, Affine>();
  const add = (at: Affine) => {
    if (at.coef[laneAxis] !== 0) found.set(affineKey(at), at);
  };
  walk(roots, (e) => {
    if (e.k === "axis" || e.k === "random") add(e.at);
    if (e.k === "masked") for (const range of e.ranges) add(range.at);
  });
  return [...found.values()];
}

export function affineKey(at: Affine): string {
  return `${at.base}|${at.coef.join()}`;
}

/** About how many instructions the expressions take. */
export function weight(roots: readonly Expr[]): number {
  let total = 0;
  walk(roots, (e) => {
    if (e.k === "unary" && slow.has(e.fn)) total += 18;
    else if (e.k === "random") total += 120;
    else if (e.k === "gather" || e.k === "masked") total += 8;
    else if (e.k === "binary" && e.fn === "pow") total += 12;
    else if (e.k !== "const" && e.k !== "scalar") total++;
  });
  return total;
}

/** Whether it is worth a local: more than a constant or what is in a local already. */
function isWork(e: Expr): boolean {
  return e.k !== "const" && e.k !== "scalar" && e.k !== "reg" && e.k !== "acc";
}

/** The largest subexpressions for which `fixed` holds. Does not look into masked expressions, which
 *  may only be computed where the mask holds, unless `assumed` says that it does. */
export function fixedParts(
  roots: readonly Expr[],
  fixed: (e: Expr) => boolean,
  assumed: ReadonlyMap<Expr, boolean>,
): Expr[] {
  const found = new Set<Expr>();
  const seen = new Set<Expr>();
  const stack = [...roots].reverse();
  while (stack.length > 0) {
    const e = stack.pop()!;
    if (seen.has(e)) continue;
    seen.add(e);
    const open = e.k !== "masked" || assumed.get(e) === true;
    if (!fixed(e)) {
      if (open) stack.push(...sources(e));
    } else if (isWork(e)) {
      found.add(e);
    }
  }
  return [...found];
}

/** Masked expressions with the same ranges. */
export interface MaskGroup {
  readonly ranges: readonly Range[];
  readonly exprs: readonly Expr[];
}

/** The masks whose ranges do not depend on any of the axes in `bits`, grouped by their ranges. */
export function fixedMasks(
  roots: readonly Expr[],
  axesOfRange: (r: Range) => boolean,
): MaskGroup[] {
  const groups = new Map<string, { ranges: readonly Range[]; exprs: Expr[] }>();
  walk(roots, (e) => {
    if (e.k !== "masked" || !e.ranges.every(axesOfRange)) return;
    const key = JSON.stringify(e.ranges);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ranges: e.ranges, exprs: [e] });
    else group.exprs.push(e);
  });
  return [...groups.values()];
}
