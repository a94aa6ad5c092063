// A plan cut in two: what depends on fixed inputs alone (weights laid in panels, weights transformed
// for a convolution), and the rest, which takes the results of the first part as further inputs. Each
// step makes the same bits as in the whole. Not here: when that pays (program-kept.ts).

import { itemSize } from "../../ir/dtype.ts";
import { Node } from "../../ir/node.ts";
import {
  type Plan,
  type PlanBuffer,
  type Step,
  stepsAlone,
  wholeOf,
  writesOf,
} from "../../schedule/plan.ts";

/** Smaller results are not worth keeping: they are computed again. */
const keptFrom = 4096;

/** A plan in two parts. */
export interface Cut {
  /** Computes what is to be kept from `inputs` alone, which are numbers of the whole plan's. */
  readonly made: Plan;
  readonly inputs: readonly number[];
  /** The rest: its last inputs are the outputs of `made`. */
  readonly rest: Plan;
}

/** Cuts a plan, or gives null where nothing is worth keeping or more than `limit` bytes would have to
 *  be. `fixed` inputs stay as they are from run to run. */
export function cutPlan(
  plan: Plan,
  fixed: (input: number) => boolean,
  limit = Number.POSITIVE_INFINITY,
): Cut | null {
  const alone = stepsAlone(plan, fixed);
  if (alone.length === 0) return null;
  const large = (b: number) => bytesOf(plan.buffers[b]!) >= keptFrom;
  const early = new Set(alone.filter((step) => writesOf(step).every(large)));
  const rest = plan.steps.filter((step) => !early.has(step));
  const read = new Set<number>();
  for (const { buffers } of rest) for (const b of buffers) read.add(wholeOf(plan.buffers, b));
  const kept = [...early].flatMap(writesOf).filter((b) => read.has(b));
  const bytes = kept.reduce((sum, b) => sum + bytesOf(plan.buffers[b]!), 0);
  if (kept.length === 0 || bytes > limit) return null;
  return { ...planOfMade(plan, alone, kept), rest: planOfRest(plan, rest, kept) };
}

function bytesOf({ dtype, size }: PlanBuffer): number {
  return size * itemSize[dtype];
}

function placeholder({ dtype, size }: PlanBuffer): Node {
  return new Node("buffer", dtype, [size], [], null);
}

/** Those of the steps that the kept buffers come from. */
function planOfMade(plan: Plan, alone: readonly Step[], kept: readonly number[]) {
  const needed = new Set(kept);
  const steps = [...alone]
    .reverse()
    .filter((step) => {
      const wanted = writesOf(step).some((b) => needed.has(b));
      if (wanted) for (const b of step.buffers) needed.add(wholeOf(plan.buffers, b));
      return wanted;
    })
    .reverse();
  const read = steps.flatMap((step) => step.buffers.map((b) => plan.buffers[b]!.input));
  const inputs = [...new Set(read)].filter((input) => input >= 0);
  const buffers = plan.buffers.map((b) => ({ ...b, input: inputs.indexOf(b.input) }));
  const outputs = kept.map((buffer) => {
    const { dtype, size } = plan.buffers[buffer]!;
    return { dtype, size, buffer, into: -1 };
  });
  const graph = {
    ...plan.graph,
    inputs: inputs.map((input) => plan.graph.inputs[input]!),
    scalars: [],
    outputs: kept.map((b) => placeholder(plan.buffers[b]!)),
    into: kept.map(() => -1),
  };
  return { made: { ...plan, graph, buffers, steps, outputs, commit: steps.length }, inputs };
}

function planOfRest(plan: Plan, steps: readonly Step[], kept: readonly number[]): Plan {
  const { inputs } = plan.graph;
  const buffers = plan.buffers.slice();
  kept.forEach((b, k) => {
    buffers[b] = { ...buffers[b]!, input: inputs.length + k, offset: 0 };
  });
  buffers.forEach((buffer, b) => {
    const { part } = buffer;
    const whole = part === undefined ? -1 : kept.indexOf(part.of);
    if (whole < 0) return;
    buffers[b] = { ...buffer, input: inputs.length + whole, offset: part!.start };
  });
  const more = kept.map((b) => placeholder(plan.buffers[b]!));
  const before = new Set(plan.steps.slice(0, plan.commit));
  const commit = steps.filter((step) => before.has(step)).length;
  return {
    ...plan,
    graph: { ...plan.graph, inputs: [...inputs, ...more] },
    buffers,
    steps,
    commit,
  };
}
