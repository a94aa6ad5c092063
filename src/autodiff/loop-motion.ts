// What leaves a loop, because it can be done for all steps at once. Before the loop: contractions of
// xs alone (input projections), whose results become xs. After it: contractions that no carry needs
// (projections of results), and sums over the steps (gradients of weights), for which the loop stacks
// the operands: one contraction over all steps stands for one a step.
// Values differ in the order of sums only. Not here: what is the same at each step (loop.ts).

import { binary, contract, iota, permute, reduce, reshape, scatterAdd } from "../ir/build.ts";
import { isOp, type Node, sizeOf, topological } from "../ir/node.ts";
import type { Op } from "../ir/op.ts";
import { constValue } from "../ir/simplify.ts";
import { type Loop, ownNodes, type Results, spreads } from "./loop.ts";
import { add } from "./terms.ts";
import { batch, freeLabel, type Lifted, lift } from "./vmap.ts";

/** What is worth to be done once for all steps. */
const heavy: ReadonlySet<Op> = new Set<Op>(["contract", "conv", "convWeights", "scatterAdd"]);

/** A loop with less in it, and what makes the results of the whole from its own. */
export interface Moved {
  readonly loop: Loop;
  readonly finish: (results: Results) => Results;
}

export function moveOut(loop: Loop): Moved {
  const kinds = kindsOf(loop);
  const sums = sumsOf(loop, kinds);
  const known = outsideOf(loop);
  const hoisted = hoistedOf(loop, kinds, sums);
  const before = batch([...hoisted], known, loop.length, kinds.options);
  const { moved, stacked } = sink(loop, kinds, sums);
  const staying = (i: number) => sums.get(i)?.terms.filter((term) => !moved.has(term));
  const carried = loop.carries.map((_, i) => i).filter((i) => staying(i)?.length !== 0);
  const first = [...hoisted].map((inside, i) => {
    return { inside, outside: lift(before[i]!, loop.length) };
  });
  const stacks = [...stacked];
  const smaller: Loop = {
    ...loop,
    carries: carried.map((i) => loop.carries[i]!),
    xs: [...loop.xs, ...first],
    next: carried.map((i) => staying(i)?.reduce(add, loop.carries[i]!.inside) ?? loop.next[i]!),
    ys: stacks,
  };
  const finish = (results: Results): Results => {
    const after = outsideOf(loop);
    first.forEach(
      ({ inside, outside }) => void after.set(inside, { node: outside, batched: true }),
    );
    stacks.forEach((s, i) => void after.set(s, { node: results.ys[i]!, batched: true }));
    const over = (node: Node) => batch([node], after, loop.length, kinds.options)[0]!;
    const there = (node: Node) => stacked.has(node) || !kinds.own.has(node);
    const carries = loop.carries.map(({ inside, outside }, i) => {
      const at = carried.indexOf(i);
      const begin = at >= 0 ? results.carries[at]! : outside;
      const gone = (sums.get(i)?.terms ?? []).filter((term) => moved.has(term));
      const totals = gone.map((term) => totalOf(term, { over, there, length: loop.length }));
      if (totals.length === 0) return begin;
      // A zero that was made for the loop. One that was there before may be asked a gradient of.
      const none = constValue(begin) === 0 && begin.id > inside.id;
      return none ? totals.reduce(add) : totals.reduce(add, begin);
    });
    return { carries, ys: loop.ys.map((y) => lift(over(y), loop.length)) };
  };
  return { loop: smaller, finish };
}

// --- what depends on what ---------------------------------------------------------------------------

interface Kinds {
  /** The nodes of the body, sources first; without stand-ins. */
  readonly own: ReadonlySet<Node>;
  /** Those that depend on a carry, with the carries' stand-ins. */
  readonly carried: ReadonlySet<Node>;
  /** Those that depend on t and xs only: they can be computed outside. Random numbers cannot. */
  readonly free: ReadonlySet<Node>;
  /** Those that differ among steps, with all stand-ins. */
  readonly varying: ReadonlySet<Node>;
  readonly users: ReadonlyMap<Node, readonly Node[]>;
  readonly options: { randomness: "same"; outside: (node: Node) => boolean };
}

function kindsOf(loop: Loop): Kinds {
  const carried = new Set(loop.carries.map((c) => c.inside));
  const free = new Set([loop.t, ...loop.xs.map((x) => x.inside)]);
  const varying = new Set([...carried, ...free]);
  const users = new Map<Node, Node[]>();
  const own = new Set(ownNodes(loop));
  for (const node of own) {
    for (const s of new Set(node.src)) users.set(s, [...(users.get(s) ?? []), node]);
    if (!node.src.some((s) => varying.has(s))) continue;
    varying.add(node);
    if (node.src.some((s) => carried.has(s))) carried.add(node);
    else if (node.op !== "random" && node.src.every((s) => !varying.has(s) || free.has(s))) {
      free.add(node);
    }
  }
  const since = loop.since ?? 0;
  const outside = (node: Node) => node.id < since;
  return { own, carried, free, varying, users, options: { randomness: "same", outside } };
}

/** What stand-ins are outside: all steps of xs and t, consts as they are. */
function outsideOf(loop: Loop): Map<Node, Lifted> {
  const known = new Map<Node, Lifted>();
  known.set(loop.t, { node: iota(loop.length), batched: true });
  for (const { inside, outside } of loop.xs) known.set(inside, { node: outside, batched: true });
  for (const { inside, outside } of loop.consts ?? []) {
    known.set(inside, { node: outside, batched: false });
  }
  return known;
}

/** What a carry adds up at each step. */
interface Sum {
  readonly terms: readonly Node[];
  /** The additions themselves. */
  readonly additions: readonly Node[];
}

type Sums = ReadonlyMap<number, Sum>;

/** Carries that only add up, by position. */
function sumsOf(loop: Loop, { users }: Kinds): Sums {
  const sums = new Map<number, Sum>();
  const results = [...loop.next, ...loop.ys];
  loop.carries.forEach(({ inside }, i) => {
    const next = loop.next[i]!;
    const alone = results.filter((node) => node === next || node === inside).length === 1;
    const readers = users.get(inside) ?? [];
    if (!isOp(next, "binary") || next.attrs.fn !== "add" || !alone) return;
    if (readers.length !== 1 || readers[0] !== next || users.has(next)) return;
    const [a, b] = next.src as [Node, Node];
    if (a !== b) sums.set(i, sumOf(a === inside ? b : a, next, users, results));
  });
  return sums;
}

/** The terms of what `next` adds: additions that nothing else reads are part of it. */
function sumOf(
  added: Node,
  next: Node,
  users: ReadonlyMap<Node, readonly Node[]>,
  results: readonly Node[],
): Sum {
  const terms: Node[] = [];
  const additions = [next];
  const stack = [added];
  while (stack.length > 0) {
    const node = stack.pop()!;
    const alone = users.get(node)?.length === 1 && !results.includes(node);
    if (isOp(node, "binary") && node.attrs.fn === "add" && alone) {
      additions.push(node);
      stack.push(node.src[1]!, node.src[0]!);
    } else terms.push(node);
  }
  return { terms, additions };
}

// --- before the loop --------------------------------------------------------------------------------

/** Contractions of xs, each with what follows it before a carry comes in. */
function hoistedOf(loop: Loop, kinds: Kinds, sums: Sums): Set<Node> {
  const { own, free, varying } = kinds;
  const worth = new Set<Node>();
  for (const node of own) {
    if (varying.has(node) && (heavy.has(node.op) || node.src.some((s) => worth.has(s)))) {
      worth.add(node);
    }
  }
  const hoisted = new Set<Node>();
  const visit = (node: Node) => {
    if (free.has(node) && worth.has(node)) hoisted.add(baseOf(node, kinds));
  };
  for (const node of own) if (varying.has(node) && !free.has(node)) node.src.forEach(visit);
  loop.next.forEach((node, i) => void (sums.has(i) || visit(node)));
  return hoisted;
}

/** Below movement that adds no element. */
function baseOf(node: Node, { own, varying }: Kinds): Node {
  let base = node;
  while (own.has(base) && spreads(base) && varying.has(base.src[0]!)) base = base.src[0]!;
  return base;
}

// --- after the loop ---------------------------------------------------------------------------------

/** A contraction stays where its operands would be a stack of more than so many times what the steps of
 *  the loop have already. */
const roomy = 2;

/** The nodes that are computed after the loop, and those that it stacks for them. */
function sink(loop: Loop, kinds: Kinds, sums: Sums) {
  const { own, free, varying } = kinds;
  const kept = loop.next.filter((_, i) => !sums.has(i));
  const needed = new Set(topological(kept, (node) => !own.has(node)));
  // Sums of the terms take the place of additions.
  for (const { additions } of sums.values()) for (const node of additions) needed.add(node);
  const terms = [...sums.values()].flatMap((sum) => sum.terms);
  const inside = (node: Node) => varying.has(node) && !free.has(node);
  const moved = new Set<Node>(terms.filter((node) => !inside(node)));
  const steps = [...loop.carries, ...loop.xs].map((bound) => bound.inside);
  const room = roomy * [...steps, ...loop.ys].reduce((sum, node) => sum + sizeOf(node.shape), 0);
  const fits = (node: Node) => {
    const operands = node.src.filter((s) => inside(s) && !moved.has(s));
    return operands.reduce((sum, s) => sum + sizeOf(baseOf(s, kinds).shape), 0) <= room;
  };
  for (const node of own) {
    if (!inside(node) || needed.has(node)) continue;
    const follows = node.src.some((s) => moved.has(s) && inside(s));
    if (follows || (heavy.has(node.op) && fits(node))) moved.add(node);
  }
  const stacked = new Set<Node>();
  const stack = (node: Node) => {
    if (inside(node) && !moved.has(node)) stacked.add(baseOf(node, kinds));
  };
  for (const node of moved) if (inside(node)) node.src.forEach(stack);
  loop.ys.forEach(stack);
  // Sums of what is there already, the stacks, need no carry either.
  for (const node of terms) {
    const cone = coneOver(node, (n) => !inside(n) || moved.has(n) || stacked.has(n), needed);
    for (const each of cone ?? []) moved.add(each);
  }
  return { moved, stacked };
}

/** The nodes between `root` and what is there; null where something else is needed. */
function coneOver(
  root: Node,
  there: (node: Node) => boolean,
  needed: ReadonlySet<Node>,
): Set<Node> | null {
  const cone = new Set<Node>();
  const stack = [root];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (cone.has(node)) continue;
    if (there(node) && node !== root) continue;
    if (!there(node) && (needed.has(node) || node.src.length === 0 || node.op === "random")) {
      return null;
    }
    cone.add(node);
    if (!there(node)) stack.push(...node.src);
  }
  return cone;
}

/** What is known of the steps outside the loop. */
interface Outside {
  /** A node for all steps. */
  readonly over: (node: Node) => Lifted;
  /** Whether it is known as it is, without what it was made of. */
  readonly there: (node: Node) => boolean;
  readonly length: number;
}

/** The sum of a node over all steps, with one contraction where the node is one. */
function totalOf(node: Node, outside: Outside): Node {
  const { over, there, length } = outside;
  if (there(node)) return sumOfSteps(lift(over(node), length), node);
  const total = (s: Node) => totalOf(s, outside);
  if (isOp(node, "binary") && (node.attrs.fn === "add" || node.attrs.fn === "sub")) {
    return binary(node.attrs.fn, total(node.src[0]!), total(node.src[1]!));
  }
  const [x] = node.src;
  if (isOp(node, "reshape")) return reshape(total(x!), node.shape);
  if (isOp(node, "permute")) return permute(total(x!), node.attrs.axes);
  if (isOp(node, "reduce") && node.attrs.fn === "sum" && over(x!).batched) {
    const axes = [0, ...node.attrs.axes.map((a) => a + 1)];
    return reshape(reduce("sum", over(x!).node, axes), node.shape);
  }
  if (isOp(node, "contract")) {
    const [a, b] = node.src.map(over) as [Lifted, Lifted];
    const { attrs } = node;
    if (a.batched && b.batched) {
      const step = freeLabel(attrs);
      return contract(a.node, b.node, { ...attrs, a: step + attrs.a, b: step + attrs.b });
    }
    if (a.batched) return contract(total(node.src[0]!), b.node, attrs);
    if (b.batched) return contract(a.node, total(node.src[1]!), attrs);
  }
  if (isOp(node, "scatterAdd")) {
    const [base, index, update] = node.src as [Node, Node, Node];
    const { axis } = node.attrs;
    const joined = (s: Node) => joinSteps(lift(over(s), length), axis);
    const none = constValue(base) === 0 && base.id > index.id;
    if (none) return scatterAdd(base, joined(index), joined(update), axis);
  }
  return sumOfSteps(lift(over(node), length), node);
}

function sumOfSteps(all: Node, { shape }: Node): Node {
  return reshape(reduce("sum", all, [0]), shape);
}

/** (T, …, n, …) to (…, T·n, …), n at `axis` of a step. */
function joinSteps(all: Node, axis: number): Node {
  const [T, ...shape] = all.shape as [number, ...number[]];
  const later = shape.map((_, i) => i + 1);
  const order = [...later.slice(0, axis), 0, ...later.slice(axis)];
  const whole = shape.map((d, i) => (i === axis ? T * d : d));
  return reshape(permute(all, order), whole);
}
