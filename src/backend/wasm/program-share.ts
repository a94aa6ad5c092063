// How a program's kernels are shared among threads: which are cut, into how many items, in which phases,
// and the words of memory that say so. Kernels are cut where their plan allows it, so a kernel makes the
// same bits however many items it becomes. Not here: what may lie in one phase (program-phases.ts),
// addresses and parameters (program.ts), the run (driver-share.ts).

import type { Plan, Step } from "../../schedule/plan.ts";
import {
  command,
  commandBytes,
  commandWords,
  item,
  itemBytes,
  itemWords,
  phase,
  phaseBytes,
  phaseWords,
  wakeFrom,
} from "./driver-control.ts";
import { costOf } from "./program-cost.ts";
import { partsOf } from "./program-kinds.ts";
import { type Group, maxGroups, type Phase, phasesOf } from "./program-phases.ts";

/** Microseconds. Kernels from here on are split: a thread that spins takes a part in a fraction of one. */
const splitFrom = 5;
/** Items of large kernels take about so long: a thread that loses its core holds up one of them. */
const itemTime = 25;
/** Items of one kernel, at most: those of a phase can be counted in 12 bits. */
const maxCuts = Math.floor(4000 / maxGroups);

/** How the range of a kernel may be cut. */
interface Share {
  readonly extent: number;
  readonly grain: number;
  readonly pieces: number;
  /** Microseconds on one thread, roughly. */
  readonly cost: number;
}

/** A stretch of a command, or a row of whole commands (then `count` > 0). */
interface Item {
  readonly command: number;
  readonly count: number;
  readonly low: number;
  readonly high: number;
  /** Where it lies in the work of its phase, from 0 to 1. */
  readonly place: number;
}

interface SharedPhase {
  readonly first: number;
  readonly firstCount: number;
  readonly items: readonly Item[];
  readonly check: boolean;
  /** Microseconds that other threads could help with. */
  readonly cost: number;
}

export interface ShareOptions {
  readonly threads: number;
  /** Splits every kernel that has two pieces: for tests. */
  readonly splitAll: boolean;
  /** Every command is a phase of its own, to be timed. */
  readonly apart: boolean;
}

/** The commands of a plan: its steps in the order in which one thread runs them, without those that
 *  have nothing to do. */
export interface Sharing {
  /** Large enough for several threads. */
  readonly threaded: boolean;
  /** The plan's step of each command, and its place in the plan. */
  readonly steps: readonly Step[];
  readonly places: readonly number[];
  /** Copies of each command's parameters: one for each thread that may run it. */
  readonly copies: number;
  readonly extents: readonly number[];
  /** The command before which faults end the run; -1: none. */
  readonly check: number;
  readonly phases: readonly SharedPhase[];
  /** Bytes that the phases take. */
  readonly bytes: number;
}

/** Decides how a plan's kernels are shared. */
export function shareOut(plan: Plan, options: ShareOptions): Sharing {
  const { threads, splitAll } = options;
  const all = plan.steps.map((step) => shareOf(step, splitAll));
  const kept = plan.steps.map((_, i) => i).filter((i) => all[i]!.extent > 0);
  const works = kept.map((i) => {
    const { pieces, cost } = all[i]!;
    return { step: plan.steps[i]!, cost, split: pieces > 1 && (splitAll || cost >= splitFrom) };
  });
  const threaded = threads > 1 && works.some((work) => work.split);
  const hasFaults = plan.steps.some((step) => step.faults.length > 0);
  const commit = hasFaults ? kept.findIndex((i) => i >= plan.commit) : -1;
  const groups = threaded ? phasesOf(plan, works, { commit, apart: options.apart }) : [];
  const order = threaded ? groups.flatMap(stepsOf) : kept.map((_, i) => i);
  const places = order.map((i) => kept[i]!);
  const shares = places.map((i) => all[i]!);
  const phases = cutPhases(groups, shares, options);
  const items = phases.reduce((sum, p) => sum + p.items.length, 0);
  return {
    threaded,
    steps: places.map((i) => plan.steps[i]!),
    places,
    copies: threaded ? threads : 1,
    extents: shares.map(({ extent }) => extent),
    check: commit < 0 ? -1 : order.indexOf(commit),
    phases,
    bytes: phaseBytes * phases.length + itemBytes * items,
  };
}

function stepsOf({ first, groups }: Phase): number[] {
  return [first, ...groups].flatMap(({ steps }) => steps);
}

/** Depends on the kernel alone, never on the number of threads. */
function shareOf({ kernel }: Step, splitAll: boolean): Share {
  const loop = kernel.kind === "loop";
  const extent = partsOf(kernel);
  const least = loop && kernel.vector === 0 ? 16 : 1;
  const grain = loop && !splitAll ? kernel.grain : least;
  return { extent, grain, pieces: Math.ceil(extent / grain), cost: costOf(kernel) };
}

/** The phases with their commands by number and their groups as items. `shares`: of the commands. */
function cutPhases(
  phases: readonly Phase[],
  shares: readonly Share[],
  options: ShareOptions,
): SharedPhase[] {
  let next = 0;
  let asleep = true;
  return phases.map(({ first, groups, check }) => {
    const firstAt = next;
    next += first.steps.length;
    const items = groups.flatMap((group, i) => {
      const at = next;
      next += group.steps.length;
      return itemsOf(group, at, shares[at]!, (i + 0.5) / groups.length, options);
    });
    items.sort((a, b) => a.place - b.place);
    const whole = items.length > 1 ? groups.reduce((sum, group) => sum + group.cost, 0) : 0;
    const forced = asleep && options.splitAll && items.length > 1;
    const cost = Math.round(forced ? Math.max(whole, wakeFrom) : whole);
    if (cost >= wakeFrom) asleep = false;
    return { first: firstAt, firstCount: first.steps.length, items, check, cost };
  });
}

/** A group as items, of which each thread gets the same number and the same stretch of the range, so that
 *  it finds in its cache what it made a phase before. */
function itemsOf(
  group: Group,
  at: number,
  share: Share,
  place: number,
  { threads, splitAll }: ShareOptions,
): Item[] {
  const { cost, steps, split } = group;
  if (!split) return [{ command: at, count: steps.length, low: 0, high: 0, place }];
  const { extent, grain, pieces } = share;
  const rounds = splitAll ? 4 : Math.max(1, Math.round(cost / (itemTime * threads)));
  const cuts = Math.min(pieces, rounds * threads, maxCuts);
  const bound = (i: number) => Math.min(extent, grain * Math.floor((pieces * i) / cuts));
  return Array.from({ length: cuts }, (_, i) => ({
    command: at,
    count: 0,
    low: bound(i),
    high: bound(i + 1),
    place: (i + 0.5) / cuts,
  }));
}

/** What a command is made of that only the program knows. */
export interface CommandWords {
  readonly func: number;
  readonly params: number;
  readonly stride: number;
}

/** Writes command `i` of the list that starts at an address. */
export function writeCommand(
  i32: Int32Array,
  list: number,
  { extents, check }: Sharing,
  i: number,
  { func, params, stride }: CommandWords,
): void {
  const word = list / 4 + commandWords * i;
  i32[word + command.func] = func;
  i32[word + command.params] = params;
  i32[word + command.stride] = stride;
  i32[word + command.extent] = extents[i]!;
  i32[word + command.check] = i === check ? 1 : 0;
}

/** Writes the phases from an address on; their commands are the list at another. */
export function writePhases(i32: Int32Array, at: number, { phases }: Sharing, list: number): void {
  let itemsAt = at + phaseBytes * phases.length;
  phases.forEach(({ first, firstCount, items, check, cost }, p) => {
    const word = at / 4 + phaseWords * p;
    i32[word + phase.first] = list + commandBytes * first;
    i32[word + phase.firstCount] = firstCount;
    i32[word + phase.items] = itemsAt;
    i32[word + phase.itemCount] = items.length;
    i32[word + phase.check] = check ? 1 : 0;
    i32[word + phase.cost] = cost;
    items.forEach((one, i) => {
      const itemWord = itemsAt / 4 + itemWords * i;
      i32[itemWord + item.command] = list + commandBytes * one.command;
      i32[itemWord + item.count] = one.count;
      i32[itemWord + item.low] = one.low;
      i32[itemWord + item.high] = one.high;
    });
    itemsAt += itemBytes * items.length;
  });
}
