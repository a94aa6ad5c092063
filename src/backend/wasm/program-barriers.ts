// Where the threads of a run must meet: before a command that needs what commands since the last
// meeting made, or that writes what they use. Commands that only the first thread runs need no meeting
// among themselves. Not here: how threads meet (driver.ts).

import { itemSize } from "../../ir/dtype.ts";
import type { Plan, Step } from "../../schedule/plan.ts";

/** Kernels may read and write this far past the end of a buffer. */
const spill = 64;

interface Access {
  /** An input's number, or -1 for the arena. */
  readonly space: number;
  readonly from: number;
  readonly to: number;
  readonly write: boolean;
  readonly parallel: boolean;
}

/** For each step: do all threads meet before it? `parallel` says which steps all threads share. */
export function barriersOf(
  plan: Plan,
  steps: readonly Step[],
  parallel: readonly boolean[],
): boolean[] {
  let since: Access[] = [];
  return steps.map((step, i) => {
    const mine = accessesOf(plan, step, parallel[i]!);
    const meet = mine.some((m) => since.some((s) => conflict(s, m)));
    since = meet ? mine : [...since, ...mine];
    return meet;
  });
}

function accessesOf(plan: Plan, step: Step, parallel: boolean): Access[] {
  return step.buffers.map((b, k) => {
    const { input, offset, size, dtype } = plan.buffers[b]!;
    const from = input >= 0 ? 0 : offset;
    // What lies past an end is read for nothing; what is written there belongs to nobody.
    const to = from + size * itemSize[dtype] + spill;
    return { space: input, from, to, write: step.kernel.operands[k]!.write, parallel };
  });
}

function conflict(a: Access, b: Access): boolean {
  if (!a.write && !b.write) return false;
  if (!a.parallel && !b.parallel) return false;
  return a.space === b.space && a.from < b.to && b.from < a.to;
}
