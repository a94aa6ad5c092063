// Sums of several terms that may be fused with their multiplications. Sums that stand side by side are
// computed in step, first term by first term, second by second: what their terms share (the weights
// of a tap, the pixels of a row) is then needed for a short while, and stays in registers.
// Not here: how one product is added (expr-vector.ts).

import { type Expr, sources, walk } from "../../schedule/kernel.ts";
import type { Site } from "./expr.ts";
import type { VectorEmitter } from "./expr-vector.ts";

/** The terms of a sum, first to last; the expression itself where it is none. */
export function termsOf(emitter: VectorEmitter, sum: Expr): Expr[] {
  if (emitter.isPinned(sum)) return [sum];
  const terms: Expr[] = [];
  let e = sum;
  while (e.k === "binary" && emitter.sums.has(e) && (e === sum || emitter.usedOnce(e))) {
    terms.push(e.y);
    e = e.x;
  }
  return [...terms, e].reverse();
}

/** The sums that the expressions are computed from and that no mask guards. */
function sumsIn(emitter: VectorEmitter, roots: readonly Expr[]): Expr[] {
  const found = new Set<Expr>();
  const seen = new Set<Expr>();
  const go = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (emitter.sums.has(e)) found.add(e);
    else if (e.k !== "masked") for (const x of sources(e)) go(x);
  };
  for (const root of roots) go(root);
  return [...found];
}

/** Whether none of some sums is computed from another. */
function independent(sums: readonly Expr[]): boolean {
  const all = new Set(sums);
  const found: Expr[] = [];
  walk(
    sums.flatMap((sum) => sources(sum)),
    (e) => {
      if (all.has(e)) found.push(e);
    },
  );
  return found.length === 0;
}

/** Computes the sums of some expressions in step, where there are several of one length. They are
 *  pinned to locals until the function that comes back is called. */
export function sumInStep(emitter: VectorEmitter, roots: readonly Expr[], site: Site): () => void {
  const { frame } = emitter;
  const sums = sumsIn(emitter, roots);
  const terms = sums.map((sum) => termsOf(emitter, sum));
  const length = terms[0]?.length ?? 0;
  if (sums.length < 2 || terms.some((list) => list.length !== length)) return () => {};
  if (!independent(sums)) return () => {};
  const locals = sums.map(() => frame.take("v128"));
  for (let t = 0; t < length; t++) {
    terms.forEach((list, i) => {
      if (t === 0) emitter.emit(list[0]!, site);
      else emitter.addTerm(list[t]!, locals[i]!, site);
      frame.f.set(locals[i]!);
    });
  }
  sums.forEach((sum, i) => {
    emitter.pin(sum, locals[i]!);
  });
  return () => {
    for (const sum of sums) emitter.unpin(sum);
    for (const local of locals) frame.release(local);
  };
}
