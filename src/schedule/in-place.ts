// Large results that may lie over an operand which nobody needs afterwards: each point of the kernel
// reads the element that it then writes, so that memory is fetched and written back once.
// Not here: state that is updated in place (order-groups.ts), or where buffers lie (memory.ts).

import { itemSize } from "../ir/dtype.ts";
import { equalForms } from "./affine.ts";
import { isInjective, type LoopKernel, rootsOf, walk } from "./kernel.ts";
import { type PlanBuffer, type Step, wholeOf } from "./plan.ts";

/** Bytes from which it is worth tying the lives of two buffers together. */
const large = 1 << 18;

/** For each temporary that may take over another's place at step `at`, that other one. */
export function takenOver(
  buffers: readonly PlanBuffer[],
  step: Step,
  dies: (buffer: number) => boolean,
  begins: (buffer: number) => boolean,
): Map<number, number> {
  const found = new Map<number, number>();
  const { kernel } = step;
  if (kernel.kind !== "loop") return found;
  const used = new Set<number>();
  const isLarge = (b: number) => buffers[b].size * itemSize[buffers[b].dtype] >= large;
  const results = step.buffers.filter(
    (to, j) => kernel.operands[j].write && isLarge(to) && begins(to) && isAlone(buffers, step, to),
  );
  if (results.length === 0 || !isPlain(kernel)) return found;
  results.forEach((to) => {
    const j = step.buffers.indexOf(to);
    const i = step.buffers.findIndex(
      (from, k) =>
        !used.has(from) &&
        dies(from) &&
        isAlone(buffers, step, from) &&
        itemSize[buffers[from].dtype] === itemSize[buffers[to].dtype] &&
        buffers[from].size === buffers[to].size &&
        readsWhatItWrites(kernel, k, j),
    );
    if (i < 0) return;
    used.add(step.buffers[i]);
    found.set(to, step.buffers[i]);
  });
  return found;
}

/** Whether a step touches a buffer as one operand, whole. */
function isAlone(buffers: readonly PlanBuffer[], step: Step, b: number): boolean {
  return step.buffers.filter((other) => wholeOf(buffers, other) === b).length === 1;
}

/** Whether a renderer computes all values of a point before it stores any of them: there is one loop
 *  at most in it, and nothing that it writes is read again, or written twice. */
function isPlain({ stages, operands }: LoopKernel): boolean {
  if (stages.filter((s) => s.axes.length > 0).length > 1) return false;
  const stores = stages.flatMap((s) => s.stores);
  if (stores.some((s) => s.scatter !== undefined)) return false;
  if (new Set(stores.map((s) => s.operand)).size < stores.length) return false;
  let plain = true;
  walk(stages.flatMap(rootsOf), (e) => {
    if (e.k === "gather" || (e.k === "load" && operands[e.operand].write)) plain = false;
  });
  return plain;
}

/** Whether operand `from` is read only where operand `to` is written at the same point, and no element
 *  at two points. */
function readsWhatItWrites(kernel: LoopKernel, from: number, to: number): boolean {
  if (kernel.operands[from].write) return false;
  const stage = kernel.stages.find((s) => s.stores.some((store) => store.operand === to));
  const at = stage?.stores.find((store) => store.operand === to)?.at;
  if (stage === undefined || at === undefined) return false;
  const axes = kernel.axes.map((_, a) => a).slice(0, kernel.parallel);
  let same = isInjective(at, [...axes, ...stage.axes], kernel.axes);
  for (const other of kernel.stages) {
    walk(rootsOf(other), (e) => {
      if (e.k !== "load" || e.operand !== from) return;
      if (other !== stage || !equalForms(e.at, at)) same = false;
    });
  }
  return same;
}
