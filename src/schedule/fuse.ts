// Fusion: merges groups that run over the same space, when whoever reads a value reads it at the very
// point that made it: an optimizer's three outputs, the stages of a softmax, the sums of a batch norm.
// Not here: what becomes data at all (groups.ts).

import { isOp, type Node, sizeOf } from "../ir/node.ts";
import { isElementwise } from "../ir/op.ts";
import { dataSources, type Group, type Grouping } from "./groups.ts";
import { joinOf } from "./joins.ts";

const maxItems = 12;
/** A row that several stages walk over should stay in the first caches. */
const maxRow = 16384;
/** Below this many elements a kernel is not worth splitting, so that rows need no parallelism. */
const small = 16384;
const minRows = 32;

/** Groups that must have run before `group`. */
export function dependencies(
  group: Group,
  realized: ReadonlySet<Node>,
  owner: ReadonlyMap<Node, Group>,
): Set<Group> {
  const deps = new Set<Group>();
  const roots = group.contract ? [...group.items, group.contract] : group.items;
  for (const item of roots) {
    for (const s of dataSources(item, realized)) {
      const from = owner.get(s);
      if (from && from !== group) deps.add(from);
    }
  }
  return deps;
}

export function owners(groups: readonly Group[]): Map<Node, Group> {
  const owner = new Map<Node, Group>();
  for (const g of groups) for (const item of g.items) owner.set(item, g);
  return owner;
}

export function fuse(grouping: Grouping): Group[] {
  const { groups, realized } = grouping;
  const owner = owners(groups);
  const deps = new Map<Group, Set<Group>>();
  const users = new Map<Group, Set<Group>>(groups.map((g) => [g, new Set()]));
  for (const g of groups) {
    const mine = dependencies(g, realized, owner);
    deps.set(g, mine);
    for (const d of mine) users.get(d)!.add(g);
  }
  const alive = new Set(groups);
  const tryMerge = (a: Group, b: Group): boolean => {
    if (!alive.has(a) || !alive.has(b) || a === b) return false;
    const merged = mergedSpace(a, b);
    if (!merged || !aligned(b, a, merged.inner, realized)) return false;
    if (reaches(deps, b, a, true) || reaches(deps, a, b, false)) return false;
    b.items.unshift(...a.items);
    b.space = merged.space;
    b.inner = merged.inner;
    alive.delete(a);
    for (const item of a.items) owner.set(item, b);
    replaceGroup(deps, users, a, b);
    return true;
  };
  for (const b of groups) {
    let again = alive.has(b);
    while (again) again = [...(deps.get(b) as Set<Group>)].some((a) => tryMerge(a, b));
  }
  mergeSiblings(alive, realized, tryMerge);
  return groups.filter((g) => alive.has(g));
}

/** `b` takes over what `a` needs and who needs it. */
function replaceGroup(
  deps: ReadonlyMap<Group, Set<Group>>,
  users: ReadonlyMap<Group, Set<Group>>,
  a: Group,
  b: Group,
): void {
  const mine = deps.get(b)!;
  for (const d of deps.get(a)!) {
    mine.add(d);
    users.get(d)!.delete(a);
    users.get(d)!.add(b);
  }
  for (const user of users.get(a)!) {
    const theirs = deps.get(user)!;
    theirs.delete(a);
    theirs.add(b);
    users.get(b)!.add(user);
  }
  mine.delete(a);
  mine.delete(b);
  users.get(b)!.delete(b);
}

/** Reductions over the same data in the same space that do not need each other. */
function mergeSiblings(
  alive: ReadonlySet<Group>,
  realized: ReadonlySet<Node>,
  tryMerge: (a: Group, b: Group) => boolean,
): void {
  const byData = new Map<string, Group[]>();
  for (const g of [...alive]) {
    if (g.kind !== "loop" || !g.inner.includes(true)) continue;
    const size = sizeOf(g.space);
    const wide = new Set<Node>();
    for (const item of g.items) {
      for (const s of dataSources(item, realized)) if (sizeOf(s.shape) * 2 >= size) wide.add(s);
    }
    for (const s of wide) {
      const key = `${s.id}|${g.space}|${g.inner}`;
      const list = byData.get(key) ?? [];
      if (!list.some((a) => tryMerge(a, g))) list.push(g);
      byData.set(key, list);
    }
  }
}

/** Whether `from` needs `to`: by any way, or (`indirect`) by a way over a third group. */
function reaches(
  deps: ReadonlyMap<Group, ReadonlySet<Group>>,
  from: Group,
  to: Group,
  indirect: boolean,
): boolean {
  const seen = new Set<Group>();
  const stack = [...(deps.get(from) as Set<Group>)];
  if (indirect) {
    const at = stack.indexOf(to);
    if (at >= 0) stack.splice(at, 1);
  }
  while (stack.length > 0) {
    const g = stack.pop() as Group;
    if (g === to) return true;
    if (seen.has(g)) continue;
    seen.add(g);
    for (const d of deps.get(g) ?? []) stack.push(d);
  }
  return false;
}

function mergedSpace(a: Group, b: Group): { space: number[]; inner: boolean[] } | null {
  if (a.kind !== "loop" || b.kind !== "loop" || a.space.length !== b.space.length) return null;
  if (a.items.length + b.items.length > maxItems) return null;
  const hasInner = a.inner.includes(true) || b.inner.includes(true);
  const inner = a.space.map((_, i) => a.inner[i] || b.inner[i]);
  const space = a.space.map((d, i) => Math.max(d, b.space[i]));
  for (let i = 0; i < space.length; i++) {
    if (a.space[i] === 0 || b.space[i] === 0) return null;
    const same = a.space[i] === b.space[i];
    if (!same && !(inner[i] && Math.min(a.space[i], b.space[i]) === 1)) return null;
    // Both reduce, but not over the same axes.
    const differ = a.inner[i] !== b.inner[i] && a.space[i] > 1 && b.space[i] > 1;
    if (differ && a.inner.includes(true) && b.inner.includes(true)) return null;
  }
  if (!hasInner) return { space, inner };
  let [rows, row] = [1, 1];
  space.forEach((d, i) => {
    if (inner[i]) row *= d;
    else rows *= d;
  });
  const items = [...a.items, ...b.items];
  if (!items.every((n) => fitsRows(n, space, inner))) return null;
  // Reductions that run side by side in one pass cost no parallelism they did not cost before.
  const onePass = items.every((n) => n.op === "reduce" || isNarrow(n, inner));
  if (onePass && a.inner.includes(true) && b.inner.includes(true)) return { space, inner };
  if (onePass) return { space, inner };
  if (rows * row > small && (rows < minRows || row > maxRow)) return null;
  return { space, inner };
}

/** One value a row (or none of the inner axes are real). */
export function isNarrow(node: Node, inner: readonly boolean[]): boolean {
  return node.shape.every((d, i) => !inner[i] || d === 1);
}

/** A reduction walks the whole space; other items do, or run once a row. A join runs over the points of a
 *  piece, which the rows of its result only look like. */
function fitsRows(node: Node, space: readonly number[], inner: readonly boolean[]): boolean {
  if (joinOf(node) !== null) return false;
  const reduces = node.op === "reduce";
  const shape = reduces ? node.src[0].shape : node.shape;
  return (!reduces && isNarrow(node, inner)) || shape.every((d, i) => d === space[i]);
}

/** Whether all that `b` reads of `a` it reads at the point that it is computing. */
function aligned(
  b: Group,
  a: Group,
  inner: readonly boolean[],
  realized: ReadonlySet<Node>,
): boolean {
  const mine = new Set(a.items);
  const seen = new Map<Node, boolean>();
  const stack: [Node, boolean][] = [];
  for (const item of b.items) {
    const join = joinOf(item);
    if (join !== null) {
      for (const piece of join.pieces) stack.push([piece.node, true]);
      continue;
    }
    const same = isElementwise(item.op) || item.op === "reduce";
    for (const s of item.src) stack.push([s, same || keepsPlace(item, s, inner)]);
  }
  while (stack.length > 0) {
    const [node, ok] = stack.pop() as [Node, boolean];
    const before = seen.get(node);
    if (before === ok || before === false) continue;
    seen.set(node, ok);
    if (mine.has(node)) {
      if (!ok || joinOf(node) !== null) return false;
      continue;
    }
    if (realized.has(node) || node.op === "buffer") continue;
    for (const s of node.src) stack.push([s, ok && keepsPlace(node, s, inner)]);
  }
  return true;
}

function keepsPlace(node: Node, source: Node, inner: readonly boolean[]): boolean {
  if (isElementwise(node.op)) return true;
  if (isOp(node, "gather")) return node.src[1] === source && node.src[0] !== source;
  if (node.op !== "expand") return false;
  return node.shape.every((d, i) => d === source.shape[i] || inner[i]);
}
