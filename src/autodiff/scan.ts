// The derivatives of a scan, each a scan again, so that they can be differentiated further. Backwards
// the loop runs the other way: its carries are the gradients of the carries, and its body is the
// gradient of the body. Not here: what is kept for it (residuals.ts), or how a loop becomes a scan
// (loop.ts).

import { permute } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import { dependents, grad } from "./backward.ts";
import { jvp } from "./jvp.ts";
import { type Bound, makeLoop, standFor, stepOf } from "./loop.ts";
import { keepValues } from "./residuals.ts";
import { add, zeros } from "./terms.ts";
import { batch, type Lifted, lift } from "./vmap.ts";

type Maybe = Node | null;

/** A scan's pieces, by their role. */
function open(node: Node<"scan">) {
  const { body, carries, xs, length, reverse, checkpoint } = node.attrs;
  const [t, ...params] = body.params as [Node, ...Node[]];
  return {
    t,
    params,
    length,
    reverse,
    checkpoint,
    counts: { carries, xs },
    state: params.slice(0, carries),
    next: body.outputs.slice(0, carries),
    ys: body.outputs.slice(carries),
  };
}

/** Adds to a set of carries those whose next value depends on it, until it stays. */
function close(found: Set<number>, more: (found: ReadonlySet<number>) => Iterable<number>): void {
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const i of [...more(found)]) found.add(i);
  }
}

/**
 * The gradients of a scan's sources, given those of its parts (null: not read). Only where `wanted`.
 *   dc_t = ∂c_{t+1}/∂c_t · dc_{t+1} + ∂y_t/∂c_t · dy_t, and so for xs; those of consts are summed over t.
 */
export function scanVjp(
  node: Node<"scan">,
  given: readonly Maybe[],
  wanted: readonly boolean[],
): Maybe[] {
  const { t, params, state, next, ys, counts, length, reverse, checkpoint } = open(node);
  const active = activeCarries(node, wanted);
  const isWanted = (i: number) => (i < counts.carries ? active.has(i) : wanted[i]!);
  const wrt = params.filter((p, i) => isFloat(p.dtype) && isWanted(i));
  const dy = ys.map((_, i) => given[counts.carries + i] ?? null);
  const dyAt = dy.map((g) => g && stepOf(g));
  const dc = state.map((c) => standFor(c));
  const reached = new Set(indices(state).filter((i) => active.has(i) && given[i] !== null));
  const pull = () => {
    const outputs = [...next.filter((_, i) => reached.has(i)), ...ys.filter((_, i) => dy[i])];
    const seeds = [...dc.filter((_, i) => reached.has(i)), ...dyAt.filter((g) => g !== null)];
    const found = grad(outputs, seeds, wrt);
    return new Map(wrt.map((p, i) => [p, found[i]!]));
  };
  let gradients = pull();
  close(reached, () => {
    gradients = pull();
    return indices(state).filter((i) => active.has(i) && gradients.get(state[i]!));
  });
  const of = (i: number): Maybe => gradients.get(params[i]!) ?? null;
  const carried = [...reached];
  const sources = indices(params).slice(counts.carries);
  const stepped = sources.filter((i) => i < counts.carries + counts.xs && of(i));
  const summed = sources.filter((i) => i >= counts.carries + counts.xs && of(i));
  const totals = summed.map((i) => standFor(params[i]!));
  const nextGradients = [
    ...carried.map((i) => of(i) ?? zeros(state[i]!)),
    ...summed.map((i, at) => add(totals[at]!, of(i)!)),
  ];
  const steps = stepped.map((i) => of(i)!);
  const later = new Set([...dc, ...dyAt.filter((g) => g !== null), ...totals]);
  const kept = keepValues(node, [...nextGradients, ...steps], later);
  const arriving = dyAt.flatMap((g, i): Bound[] => (g ? [{ inside: g, outside: dy[i]! }] : []));
  const back = makeLoop({
    t,
    length,
    reverse: !reverse,
    checkpoint,
    carries: [
      ...carried.map((i) => ({ inside: dc[i]!, outside: given[i] ?? zeros(state[i]!) })),
      ...totals.map((inside) => ({ inside, outside: zeros(inside) })),
    ],
    xs: [...arriving, ...kept.xs],
    consts: kept.consts,
    next: nextGradients,
    ys: steps,
  });
  const results: Maybe[] = params.map(() => null);
  carried.forEach((i, at) => void (results[i] = of(i) && back.carries[at]!));
  summed.forEach((i, at) => void (results[i] = back.carries[carried.length + at]!));
  stepped.forEach((i, at) => void (results[i] = back.ys[at]!));
  return results.map((g, i) => (wanted[i] ? g : null));
}

/** The float carries that a change of the wanted sources can reach. */
function activeCarries(node: Node<"scan">, wanted: readonly boolean[]): Set<number> {
  const { params, state, next, counts } = open(node);
  const active = new Set(indices(state).filter((i) => wanted[i] && isFloat(state[i]!.dtype)));
  close(active, (known) => {
    const moving = params.filter((_, i) => (i < counts.carries ? known.has(i) : wanted[i]));
    const reach = dependents(next, moving);
    return indices(state).filter((i) => reach.has(next[i]!));
  });
  return active;
}

/**
 * The tangents of a scan's parts, given those of its sources: a loop beside it whose carries are the
 * tangents of the carries.
 */
export function scanJvp(node: Node<"scan">, tangents: readonly Maybe[]): Maybe[] {
  const { t, params, state, next, ys, counts, length, reverse, checkpoint } = open(node);
  const moving = new Set(indices(state).filter((i) => tangents[i] !== null));
  const stands = params.map((p) => (isFloat(p.dtype) ? standFor(p) : null));
  const push = () => {
    const live = (i: number) => (i < counts.carries ? moving.has(i) : tangents[i] !== null);
    const wrt = params.filter((_, i) => live(i));
    const along = stands.filter((_, i) => live(i)) as Node[];
    return jvp([...next, ...ys], wrt, along);
  };
  let moved = push();
  close(moving, () => {
    moved = push();
    return indices(state).filter((i) => moved[i] !== null);
  });
  const carried = [...moving];
  const stepped = indices(ys).filter((i) => moved[counts.carries + i] !== null);
  const nextTangents = carried.map((i) => moved[i] ?? zeros(state[i]!));
  const steps = stepped.map((i) => moved[counts.carries + i]!);
  const later = new Set(stands.filter((s) => s !== null));
  const kept = keepValues(node, [...nextTangents, ...steps], later);
  const bound = (from: number, to?: number) =>
    params.flatMap((_, i): Bound[] => {
      const inside = i >= from && i < (to ?? params.length) ? stands[i] : null;
      const outside = tangents[i];
      return inside && outside ? [{ inside, outside }] : [];
    });
  const { carries, xs } = counts;
  const along = makeLoop({
    t,
    length,
    reverse,
    checkpoint,
    carries: carried.map((i) => ({
      inside: stands[i]!,
      outside: tangents[i] ?? zeros(node.src[i]!),
    })),
    xs: [...bound(carries, carries + xs), ...kept.xs],
    consts: [...bound(carries + xs), ...kept.consts],
    next: nextTangents,
    ys: steps,
  });
  const results: Maybe[] = [...next, ...ys].map(() => null);
  carried.forEach((i, at) => void (results[i] = along.carries[at]!));
  stepped.forEach((i, at) => void (results[carries + i] = along.ys[at]!));
  return results;
}

/**
 * The parts of a scan for V samples: a loop whose carries and sequences have the batch behind the steps.
 * What no sample enters stays as it is, once for all.
 */
export function scanVmap(
  node: Node<"scan">,
  src: readonly Lifted[],
  V: number,
  randomness: "error" | "same" | "different",
): Lifted[] {
  const { t, params, state, next, ys, counts, length, reverse, checkpoint } = open(node);
  const stands = params.map((p) => standFor({ dtype: p.dtype, shape: [V, ...p.shape] }));
  const batched = new Set(indices(src).filter((i) => src[i]!.batched));
  const push = () => {
    const known = new Map<Node, Lifted>([[t, { node: t, batched: false }]]);
    params.forEach((p, i) => {
      known.set(
        p,
        batched.has(i) ? { node: stands[i]!, batched: true } : { node: p, batched: false },
      );
    });
    return batch([...next, ...ys], known, V, { randomness });
  };
  let made = push();
  close(batched, () => {
    made = push();
    return indices(state).filter((i) => made[i]!.batched);
  });
  const bound = (i: number, outside: Node): Bound => {
    return { inside: batched.has(i) ? stands[i]! : params[i]!, outside };
  };
  const inits = indices(state).map((i) => {
    return bound(i, batched.has(i) ? lift(src[i]!, V) : src[i]!.node);
  });
  const sources = indices(params).slice(counts.carries);
  const steps = counts.carries + counts.xs;
  const results = makeLoop({
    t,
    length,
    reverse,
    checkpoint,
    carries: inits,
    xs: sources.filter((i) => i < steps).map((i) => bound(i, stepsFirst(src[i]!))),
    consts: sources.filter((i) => i >= steps).map((i) => bound(i, src[i]!.node)),
    next: indices(next).map((i) => (batched.has(i) ? lift(made[i]!, V) : made[i]!.node)),
    ys: made.slice(counts.carries).map((y) => y.node),
  });
  return [
    ...results.carries.map((node, i) => ({ node, batched: batched.has(i) })),
    ...results.ys.map((y, i) => {
      const { batched } = made[counts.carries + i]!;
      return { node: stepsFirst({ node: y, batched }), batched };
    }),
  ];
}

/** Exchanges the axes of steps and samples. */
function stepsFirst({ node, batched }: Lifted): Node {
  const order = indices(node.shape);
  return batched ? permute(node, [1, 0, ...order.slice(2)]) : node;
}

function indices(list: readonly unknown[]): number[] {
  return list.map((_, i) => i);
}
