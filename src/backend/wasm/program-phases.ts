// The commands of a program in phases: what lies in one phase needs nothing that the phase makes, so
// threads may share it in any order, and they meet only where one phase ends. Small commands that wait
// for each other go to one thread, before a phase or as one item of it. Not here: how phases run
// (driver-share.ts), how long a kernel takes (program-cost.ts).

import { itemSize } from "../../ir/dtype.ts";
import type { Plan, Step } from "../../schedule/plan.ts";

/** Microseconds: what runs before a phase while the other threads wait, and what is worth less when it
 *  is done at the same time than when it is done in a row. */
const shortTime = 3;
const chainTime = 20;
/** Of a phase. */
export const maxGroups = 32;

interface Access {
  /** An input's number, or -1 for the arena. */
  readonly space: number;
  readonly from: number;
  readonly to: number;
  readonly write: boolean;
}

/** Commands that one thread runs in order, or one command that all threads share. */
export interface Group {
  readonly steps: number[];
  readonly split: boolean;
  cost: number;
  readonly accesses: Access[];
}

export interface Phase {
  /** One thread runs this first. */
  readonly first: Group;
  readonly groups: Group[];
  /** Faults so far end the run before it. */
  readonly check: boolean;
}

/** What is to be known of a step. */
export interface Work {
  readonly step: Step;
  /** Microseconds on one thread, roughly. */
  readonly cost: number;
  readonly split: boolean;
}

/** The steps in phases, by their positions in `works`. `commit`: the first one that must not run after a
 *  fault, or -1. `apart`: each in a phase of its own, to be timed. */
export function phasesOf(
  plan: Plan,
  works: readonly Work[],
  { commit, apart }: { commit: number; apart: boolean },
): Phase[] {
  const phases: Phase[] = [newPhase(commit === 0)];
  works.forEach((work, i) => {
    const accesses = accessesOf(plan, work.step);
    const group: Group = { steps: [i], split: work.split, cost: work.cost, accesses };
    const fence = i > 0 && (apart || i === commit);
    if (!fence && join(phases[phases.length - 1]!, group)) return;
    if (i > 0) phases.push(newPhase(i === commit));
    join(phases[phases.length - 1]!, group);
  });
  return apart ? phases : rowsFirst(phases);
}

/** Phases that have nothing to share become the beginning of the next one: the steps of a loop that are
 *  too small to be split stay on one thread, and in its cache. */
function rowsFirst(phases: readonly Phase[]): Phase[] {
  const made: Phase[] = [];
  let row: Phase | null = null;
  for (const phase of phases) {
    const open: Phase = row !== null && !phase.check ? row : phase;
    if (open !== row && row !== null) made.push(row);
    if (open === row) {
      append(row.first, phase.first);
      row.groups.push(...phase.groups);
    }
    const [group] = open.groups;
    const single = open.groups.length === 1 && !group!.split;
    if (single) append(open.first, open.groups.pop()!);
    row = open.groups.length === 0 ? open : null;
    if (row === null) made.push(open);
  }
  if (row !== null) made.push(row);
  return made;
}

function newPhase(check: boolean): Phase {
  return { first: { steps: [], split: false, cost: 0, accesses: [] }, groups: [], check };
}

/** Adds a command to a phase; false: it needs what the phase makes. */
function join({ first, groups }: Phase, group: Group): boolean {
  const hits = groups.filter((other) => conflict(other, group));
  if (groups.length === maxGroups) return false;
  if (hits.length === 0) {
    const soon = first.cost + group.cost <= shortTime || conflict(first, group);
    if (groups.length === 0 && !group.split && soon) append(first, group);
    else groups.push(group);
    return true;
  }
  const [hit] = hits;
  if (hits.length > 1 || hit!.split || group.split) return false;
  if (hit!.cost + group.cost > chainTime) return false;
  append(hit!, group);
  return true;
}

function append(to: Group, { steps, cost, accesses }: Group): void {
  to.steps.push(...steps);
  to.cost += cost;
  to.accesses.push(...accesses);
}

function accessesOf(plan: Plan, step: Step): Access[] {
  return step.buffers.map((b, k) => {
    const { input, offset, size, dtype } = plan.buffers[b]!;
    // What lies past an end may be read, but for nothing.
    const to = offset + size * itemSize[dtype];
    return { space: input, from: offset, to, write: step.kernel.operands[k]!.write };
  });
}

function conflict(a: Group, b: Group): boolean {
  // From the last one back: what a long row of commands shares with the next, it touched just now.
  for (let i = a.accesses.length - 1; i >= 0; i--) {
    const x = a.accesses[i]!;
    for (const y of b.accesses) {
      if ((x.write || y.write) && x.space === y.space && x.from < y.to && y.from < x.to)
        return true;
    }
  }
  return false;
}
