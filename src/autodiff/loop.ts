// Loops before they are nodes: a body written over stand-ins, which may reach anything outside.
// `makeLoop` makes a scan of it: what is the same at each iteration becomes a const, computed once.
// Not here: what else is done outside (loop-motion.ts), derivatives of a loop (scan.ts), or how a user's
// function becomes one (tensor/).

import { makeBody, substitute } from "../ir/body.ts";
import { constant, full, part, reshape, scan } from "../ir/build.ts";
import { Node, type Shape, topological } from "../ir/node.ts";
import { isElementwise, isMovement } from "../ir/op.ts";
import { moveOut } from "./loop-motion.ts";

/** A place in a body, and what is there. */
export interface Bound {
  readonly inside: Node;
  readonly outside: Node;
}

/** A loop over t = 0 … length-1, or backwards. */
export interface Loop {
  readonly length: number;
  readonly reverse: boolean;
  /** The stand-in of t. */
  readonly t: Node;
  /** Each with its first value. */
  readonly carries: readonly Bound[];
  /** Each with all its steps on a leading axis. */
  readonly xs: readonly Bound[];
  /** Further stand-ins, for what is outside. */
  readonly consts?: readonly Bound[] | undefined;
  /** The carries after an iteration, and its results. */
  readonly next: readonly Node[];
  readonly ys: readonly Node[];
  /** Its gradient keeps the carries alone and computes the rest again. */
  readonly checkpoint?: boolean | undefined;
  /** Nodes with smaller ids, other than stand-ins, are the same at each iteration and may be asked a
   *  gradient of: a path to them leads through them. */
  readonly since?: number | undefined;
}

/** The last carries, and ys stacked on a leading axis. */
export interface Results {
  readonly carries: readonly Node[];
  readonly ys: readonly Node[];
}

let stands = 0;

/** A node that stands for a value of this kind in a body. */
export function standFor(like: { dtype: Node["dtype"]; shape: Shape }): Node {
  // Each has a number of its own: two of one kind are two values.
  return new Node("param", like.dtype, like.shape, [], { index: stands++ });
}

/** A stand-in for one step of `all`. */
export function stepOf(all: Node): Node {
  return standFor({ dtype: all.dtype, shape: all.shape.slice(1) });
}

/** The results of a loop, as nodes of the graph around it. */
export function makeLoop(loop: Loop): Results {
  if (loop.length === 0) return never(loop);
  if (loop.length === 1) return once(loop);
  if (loop.checkpoint) return asScan(loop);
  const { loop: smaller, finish } = moveOut(loop);
  return finish(asScan(smaller));
}

function asScan(loop: Loop): Results {
  const { t, carries, next, ys, length, reverse } = loop;
  const reached = new Set(
    topological([...next, ...ys], (node) => loop.xs.some((x) => x.inside === node)),
  );
  const xs = loop.xs.filter((x) => reached.has(x.inside));
  const lifted = liftConsts(loop);
  const inputs = [t, ...[...carries, ...xs, ...lifted].map((bound) => bound.inside)];
  const body = makeBody(inputs, [...next, ...ys]);
  const outsides = (list: readonly Bound[]) => list.map((bound) => bound.outside);
  const sources = { carries: outsides(carries), xs: outsides(xs), consts: outsides(lifted) };
  const made = scan(body, sources, { length, reverse, checkpoint: loop.checkpoint });
  return {
    carries: next.map((_, i) => part(made, i)),
    ys: ys.map((_, i) => part(made, carries.length + i)),
  };
}

function never({ carries, ys }: Loop): Results {
  return {
    carries: carries.map((bound) => bound.outside),
    ys: ys.map((y) => full(0, [0, ...y.shape], y.dtype)),
  };
}

// One iteration is no loop.
function once({ t, carries, xs, consts = [], next, ys, since = 0 }: Loop): Results {
  const known = new Map<Node, Node>([[t, constant(0, "int32")]]);
  for (const { inside, outside } of [...carries, ...consts]) known.set(inside, outside);
  for (const { inside, outside } of xs) known.set(inside, reshape(outside, inside.shape));
  const made = substitute([...next, ...ys], known, (node) => node.id < since);
  return {
    carries: made.slice(0, next.length),
    ys: made.slice(next.length).map((y) => reshape(y, [1, ...y.shape])),
  };
}

// What an iteration needs from outside: the largest parts of the body that are the same at each, below
// the movement that the body itself made of them (so that a bias is a const, not its repetition).
function liftConsts(loop: Loop): Bound[] {
  const { t, carries, xs, consts = [], next, ys, since = 0 } = loop;
  const varying = new Set([t, ...[...carries, ...xs].map((bound) => bound.inside)]);
  const given = new Map(consts.map(({ inside, outside }) => [inside, outside]));
  const own = (node: Node) => node.id >= since || given.has(node);
  const inner = ownNodes(loop);
  for (const node of inner) if (node.src.some((s) => varying.has(s))) varying.add(node);
  const plain = plainOf(inner);
  const found = new Set<Node>();
  const lift = (node: Node) => {
    if (varying.has(node) || plain.has(node)) return;
    let base = node;
    const mine = (n: Node) => own(n) && n.leaf === null;
    while (spreads(base) && mine(base) && !plain.has(base.src[0]!)) base = base.src[0]!;
    found.add(base);
  };
  for (const node of inner) if (varying.has(node)) node.src.forEach(lift);
  for (const node of [...next, ...ys]) lift(node);
  const outside = substitute([...found], given);
  return [...found].map((inside, i) => ({ inside, outside: outside[i]! }));
}

/** The nodes of a body between its stand-ins and its results, sources first. */
export function ownNodes({ t, carries, xs, consts = [], next, ys, since = 0 }: Loop): Node[] {
  const stands = new Set([t, ...[...carries, ...xs, ...consts].map((bound) => bound.inside)]);
  const leaf = (node: Node) => node.id < since || stands.has(node);
  return topological([...next, ...ys], leaf).filter((node) => !leaf(node));
}

/** Movement that adds no element which is not there already. */
export function spreads(node: Node): boolean {
  return node.op === "reshape" || node.op === "expand" || node.op === "permute";
}

// What is made of constants and positions alone: a body makes it itself.
function plainOf(order: readonly Node[]): Set<Node> {
  const plain = new Set<Node>();
  for (const node of order) {
    if (node.leaf !== null) continue;
    const source = node.op === "const" || node.op === "iota";
    const simple = isMovement(node.op) || isElementwise(node.op);
    if (source || (simple && node.src.every((s) => plain.has(s)))) plain.add(node);
  }
  return plain;
}
