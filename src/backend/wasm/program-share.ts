// How a program's kernels are shared among threads: which are cut into pieces, where threads meet, and
// the words of the command list that say so. All of it depends on the plan alone, never on how many
// threads there are. Not here: addresses and parameters (program.ts), the walk (driver.ts).

import type { Plan, Step } from "../../schedule/plan.ts";
import { contractParts } from "./contract.ts";
import { barrierFlag, checkFlag, command, commandWords, parallelFlag } from "./driver-control.ts";
import { barriersOf } from "./program-barriers.ts";
import { costOf } from "./program-cost.ts";

/** Kernels below this stay on one thread; programs whose large kernels sum to less than the second
 *  figure do not wake the workers. Microseconds. */
const splitFrom = 5;
const wakeFrom = 20;

/** How the range of a kernel is cut. */
interface Share {
  readonly extent: number;
  readonly grain: number;
  readonly pieces: number;
  readonly parallel: boolean;
  /** Microseconds on one thread, roughly. */
  readonly cost: number;
}

/** The commands of a plan: its steps without those that have nothing to do. */
export interface Sharing {
  /** Large enough for several threads. */
  readonly threaded: boolean;
  /** The plan's step of each command, and its place in the plan. */
  readonly steps: readonly Step[];
  readonly places: readonly number[];
  /** Copies of its parameters that each command needs: one for each thread that may run it. */
  readonly copies: readonly number[];
  readonly shares: readonly Share[];
  readonly flags: readonly number[];
}

/** Decides how a plan's kernels are shared. `splitAll`: all that have two pieces are, for tests. */
export function shareOut(plan: Plan, threads: number, splitAll: boolean): Sharing {
  const all = plan.steps.map((step) => shareOf(step, splitAll));
  const places = plan.steps.map((_, i) => i).filter((i) => all[i]!.extent > 0);
  const steps = places.map((i) => plan.steps[i]!);
  const shares = places.map((i) => all[i]!);
  const large = shares.filter((s) => s.parallel);
  const worth = large.reduce((sum, s) => sum + s.cost, 0) >= wakeFrom;
  const threaded = threads > 1 && (worth || (splitAll && large.length > 0));
  const parallel = shares.map((s) => threaded && s.parallel);
  return {
    threaded,
    steps,
    places,
    copies: parallel.map((p) => (p ? threads : 1)),
    shares,
    flags: flagsOf(plan, steps, places, parallel),
  };
}

/** Writes the words of a command that starts at an address. */
export function writeCommand(
  i32: Int32Array,
  at: number,
  sharing: Sharing,
  i: number,
  { func, params, stride }: { func: number; params: number; stride: number },
): void {
  const { extent, grain, pieces } = sharing.shares[i]!;
  const word = at / 4 + commandWords * i;
  i32[word + command.func] = func;
  i32[word + command.params] = params;
  i32[word + command.stride] = stride;
  i32[word + command.extent] = extent;
  i32[word + command.grain] = grain;
  i32[word + command.pieces] = pieces;
  i32[word + command.flags] = sharing.flags[i]!;
}

/** Depends on the kernel alone, never on the number of threads. */
function shareOf({ kernel }: Step, splitAll: boolean): Share {
  const loop = kernel.kind === "loop";
  const extent = loop ? kernel.axes[0]! : contractParts(kernel);
  const least = loop && kernel.vector === 0 ? 16 : 1;
  const own = loop && !splitAll ? kernel.grain : least;
  // Products of pieces and threads must stay below 2^32.
  const grain = Math.max(own, extent > 2 ** 25 ? 16 * Math.ceil(extent / 2 ** 29) : 1);
  const pieces = Math.ceil(extent / grain);
  const cost = costOf(kernel);
  return { extent, grain, pieces, cost, parallel: pieces > 1 && (splitAll || cost >= splitFrom) };
}

function flagsOf(
  plan: Plan,
  steps: readonly Step[],
  places: readonly number[],
  parallel: readonly boolean[],
): number[] {
  const barriers = barriersOf(plan, steps, parallel);
  const hasFaults = plan.steps.some((step) => step.faults.length > 0);
  const commit = hasFaults ? places.findIndex((i) => i >= plan.commit) : -1;
  return steps.map((_, i) => {
    const meet = (parallel[i] ? parallelFlag : 0) | (barriers[i] ? barrierFlag : 0);
    return i === commit ? meet | checkFlag : meet;
  });
}
