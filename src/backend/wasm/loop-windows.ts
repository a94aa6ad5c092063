// Windows that overlap: which points of an axis share what they load, so that computing a few of them
// side by side loads it once (a depthwise convolution, a pool whose windows are wider than its stride,
// the gradients of a convolution's taps). Depends on the shape alone.
// Not here: how points come to lie side by side (loop-unroll.ts).

import { type Expr, type LoopKernel, type Stage, walk } from "../../schedule/kernel.ts";
import { accessesOf } from "./loop-analysis.ts";

/** How many neighbours are computed together, most wanted first. */
const together = [4, 3, 2];

/** The parallel axis whose neighbours share most of their windows, and how many of them to compute
 *  together: at most `most`. Null where none do. */
export function overlapping(
  kernel: LoopKernel,
  vector: number,
  most: number,
): { axis: number; count: number } | null {
  if (kernel.stages.some((s) => s.stores.some((store) => store.scatter !== undefined))) return null;
  for (let axis = kernel.parallel - 1; axis > 0; axis--) {
    if (axis === vector) continue;
    const fits = (count: number) =>
      count <= most &&
      kernel.axes[axis]! % count === 0 &&
      kernel.stages.some((s) => windowsOverlap(kernel, s, axis, count));
    const count = together.find(fits);
    if (count !== undefined) return { axis, count };
  }
  return null;
}

/** Whether the windows that a stage loads at `count` neighbours along an axis have elements in common. */
function windowsOverlap(kernel: LoopKernel, stage: Stage, axis: number, count: number): boolean {
  return accessesOf(stage).some(({ at: { coef } }) =>
    stage.axes.some((inner) => {
      for (let far = 1; far < count; far++) {
        const steps = (far * coef[axis]!) / coef[inner]!;
        if (Number.isInteger(steps) && steps > 0 && steps < kernel.axes[inner]!) return true;
      }
      return false;
    }),
  );
}

/** How many turns of the innermost loop that is left of stage number `number` are worth writing out
 *  together, because what `values` load at one turn is loaded again at the next ones. */
export function sharedTurns(
  kernel: LoopKernel,
  number: number,
  left: readonly number[],
  vector: number,
  values: readonly Expr[],
): number {
  const stage = kernel.stages[number]!;
  const axis = left[left.length - 1] ?? vector;
  const alone = kernel.stages.every((s, i) => i === number || !s.axes.includes(axis));
  const plain = stage.stores.length === 0 && stage.reduces.every((r) => r.index === undefined);
  if (axis === vector || !alone || !plain) return 1;
  const fits = (count: number) =>
    kernel.axes[axis]! % count === 0 && loadedAgain(values, axis, count);
  return together.find(fits) ?? 1;
}

/** Whether an element that is loaded at one index of an axis is loaded again less than `count` further. */
function loadedAgain(values: readonly Expr[], axis: number, count: number): boolean {
  const bases = new Map<string, number[]>();
  walk(values, (e) => {
    if (e.k !== "load" || e.at.coef[axis] === 0) return;
    const key = `${e.operand} ${e.at.coef}`;
    bases.set(key, [...(bases.get(key) ?? []), e.at.base / e.at.coef[axis]!]);
  });
  return [...bases.values()].some((list) =>
    list.some((p) => list.some((q) => p > q && p - q < count && Number.isInteger(p - q))),
  );
}
