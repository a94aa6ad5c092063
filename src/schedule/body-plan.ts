// The plan of a loop's body: lowered once, like any graph, however often it runs. Its params and results
// are places that each iteration names anew; what depends on consts alone (weights laid in panels) is
// apart, to be done before the loop; the other temporaries have offsets in an arena of the body's own.
// Not here: the iterations (scan.ts).

import type { Body } from "../ir/body.ts";
import { Buffer } from "../ir/buffer.ts";
import { bufferNode } from "../ir/build.ts";
import type { Graph } from "../ir/graph.ts";
import { type Node, sizeOf, topological } from "../ir/node.ts";
import type { Attrs } from "../ir/op.ts";
import { rewrite } from "../ir/simplify.ts";
import { planMemory } from "./memory.ts";
import {
  type Plan,
  type PlanBuffer,
  type Step,
  stepsAlone,
  type Target,
  writesOf,
} from "./plan.ts";

export interface BodyPlan {
  /** Offsets of temporaries are in the body's arena. Whoever is no temporary has an `input`: the number
   *  of its param, or a greater one. */
  readonly buffers: readonly PlanBuffer[];
  /** The buffer of each result. May be a param's, or that of another result. */
  readonly outputs: readonly number[];
  /** What is to run before the first iteration. */
  readonly once: readonly Step[];
  /** What they write. */
  readonly kept: readonly number[];
  readonly steps: readonly Step[];
  readonly arenaBytes: number;
}

/** Inputs of a body's graph: those that are the same in each iteration, and the steps of sequences. */
export interface BodyInputs {
  readonly fixed: readonly Node[];
  readonly passing: readonly Node[];
}

export type LowerGraph = (graph: Graph, target: Target, inputs: BodyInputs) => Plan;

/** Plans kept in the process. */
const keptPlans = 256;
const plans = new Map<string, BodyPlan>();

/** Plans the body of a loop. Another loop over an equal body, of any length, has the same plan and
 *  kernels. */
export function planBody(
  { body, carries, xs }: Attrs["scan"],
  target: Target,
  lower: LowerGraph,
): BodyPlan {
  const [firstStep, firstConst] = [1 + carries, 1 + carries + xs];
  const scopes = topological(body.outputs).map((node) => node.scope ?? "");
  const key = `${JSON.stringify(target)} ${firstStep} ${firstConst} ${body.key} ${scopes}`;
  const known = plans.get(key);
  if (known !== undefined) return known;
  const graph = graphOf(body);
  const fixed = graph.inputs.slice(firstConst);
  const passing = graph.inputs.slice(firstStep, firstConst);
  const made = takeApart(lower(graph, target, { fixed, passing }), firstConst, target);
  plans.set(key, made);
  if (plans.size > keptPlans) plans.delete(plans.keys().next().value!);
  return made;
}

/** The body as a graph: its params are data. */
function graphOf({ params, outputs, key }: Body): Graph {
  const inputs = params.map(({ dtype, shape }) =>
    bufferNode(new Buffer(dtype, sizeOf(shape), null), shape),
  );
  const graph = { inputs, scalars: [], outputs, into: outputs.map(() => -1), key };
  return rewrite(graph, { param: (node) => inputs[node.attrs.index] as Node });
}

function takeApart(plan: Plan, firstConst: number, target: Target): BodyPlan {
  const alone = new Set(stepsAlone(plan, (input) => input >= firstConst));
  const once = plan.steps.filter((step) => alone.has(step));
  const steps = plan.steps.filter((step) => !alone.has(step));
  const kept = once.flatMap(writesOf);
  const outputs = plan.outputs.map(({ buffer }) => buffer);
  const { length } = plan.graph.inputs;
  const named = [...new Set([...outputs, ...kept])].filter((b) => plan.buffers[b].input < 0);
  const inputOf = (b: number) => {
    const at = named.indexOf(b);
    return at < 0 ? plan.buffers[b].input : length + at;
  };
  const buffers = plan.buffers.map((buffer, b): PlanBuffer => {
    const input = inputOf(buffer.part?.of ?? b);
    return { ...buffer, input, offset: buffer.part?.start ?? 0 };
  });
  const arenaBytes = planMemory(buffers, steps, [], target);
  return { buffers, outputs, once, kept, steps, arenaBytes };
}
