// Dear values that two stages of a kernel compute at the same points (the exponentials of a softmax) are
// kept by the first where the second will store its result, as a rewriting of the kernel before it is
// rendered. Not here: what is shared within a stage (expr.ts).

import {
  type Expr,
  isInjective,
  type LoopKernel,
  mapRoots,
  rootsOf,
  type Stage,
  type Store,
  walk,
} from "../../schedule/kernel.ts";
import { accessesOf, weight } from "./loop-analysis.ts";
import { Rewriter } from "./loop-rewrite.ts";

/** About how many instructions a value must take to be worth a store and a load. */
const dear = 12;

/** The kernel with dear values computed once, where a result can hold them for a while. */
export function keepDear(kernel: LoopKernel): LoopKernel {
  if (kernel.stages.length < 2 || weight(kernel.stages.flatMap(rootsOf)) < 2 * dear) return kernel;
  const rewriter = new Rewriter();
  const same = rewriter.placer(new Map(), (r) => r);
  const stages = kernel.stages.map((s) => mapRoots(s, same));
  for (let later = stages.length - 1; later > 0; later--) {
    for (const store of stages[later]!.stores) {
      if (!isFree(store, kernel, stages, later)) continue;
      const earlier = stages.findIndex((s, i) => i < later && shared(s, store) !== undefined);
      if (earlier < 0 || !sameAxes(stages[earlier]!, stages[later]!)) continue;
      const value = shared(stages[earlier]!, store)!;
      const { operand, at } = store;
      const load: Expr = { k: "load", dtype: value.dtype, operand, at };
      const before = stages[earlier]!;
      stages[earlier] = { ...before, stores: [...before.stores, { operand, at, value }] };
      stages[later] = mapRoots(stages[later]!, (e) => replaced(rewriter, e, value, load));
      return { ...kernel, stages };
    }
  }
  return kernel;
}

/** Whether nothing else touches what a store writes, and each point has an element of its own. */
function isFree(
  { operand, at, value, scatter }: Store,
  kernel: LoopKernel,
  stages: readonly Stage[],
  number: number,
): boolean {
  const uses = stages.flatMap(accessesOf).filter((a) => a.operand === operand);
  const plain = scatter === undefined && value.dtype === kernel.operands[operand]!.dtype;
  const axes = [...kernel.axes.keys()].slice(0, kernel.parallel).concat(stages[number]!.axes);
  // The extent of axis 0 is not known: it must be outermost.
  const extents = [Number.POSITIVE_INFINITY, ...kernel.axes.slice(1)];
  return plain && uses.length === 1 && isInjective(at, axes, extents);
}

/** The dearest value that a store needs and an earlier stage computes. */
function shared(stage: Stage, store: Store): Expr | undefined {
  if (stage.axes.length === 0) return undefined;
  const known = new Set<Expr>();
  walk(rootsOf(stage), (e) => known.add(e));
  let best: Expr | undefined;
  walk([store.value], (e) => {
    if (!known.has(e) || e.dtype !== store.value.dtype || weight([e]) < dear) return;
    if (best === undefined || weight([e]) > weight([best])) best = e;
  });
  return best;
}

function sameAxes(a: Stage, b: Stage): boolean {
  return a.axes.join() === b.axes.join();
}

function replaced(rewriter: Rewriter, root: Expr, from: Expr, to: Expr): Expr {
  return rewriter.placer(new Map(), (r) => r, new Map([[from, to]]))(root);
}
