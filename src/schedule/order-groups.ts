// The order in which groups run, and which of them may write a new value straight over the old one:
// only when every other reader of the old value has run, and its own reads are at the same place.

import { itemSize } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import { isOp, type Node, sizeOf } from "../ir/node.ts";
import { isElementwise } from "../ir/op.ts";
import { dependencies, owners } from "./fuse.ts";
import {
  dataSources,
  type Group,
  isChecked,
  isScattering,
  type Scattering,
  strideBase,
} from "./groups.ts";

export interface Order {
  readonly groups: Group[];
  /** Outputs written in place, with the position of the input that they replace. */
  readonly direct: Map<Node, number>;
}

export function orderGroups(
  graph: Graph,
  groups: readonly Group[],
  realized: ReadonlySet<Node>,
): Order {
  const owner = owners(groups);
  const deps = new Map(groups.map((g) => [g, dependencies(g, realized, owner)]));
  const users = readersOfLarge(deps);
  const readers = readersOfInputs(graph, groups, realized);
  const faulting = groups.filter((g) => mayFault(g, realized));
  const direct = new Map<Node, number>();
  graph.outputs.forEach((node, i) => {
    const into = graph.into[i];
    const group = owner.get(node);
    if (into < 0 || !group || direct.has(node)) return;
    const target = graph.inputs[into];
    if (!fitsInPlace(graph, group, node, target, realized)) return;
    const before = (readers.get(target) ?? []).filter((g) => g !== group);
    // What may fault behind the new value has to come before anything is written.
    const others = faulting.filter((g) => g !== group);
    if (needs(deps, before, group) || needs(deps, others, group)) return;
    const mine = deps.get(group) as Set<Group>;
    for (const g of before) mine.add(g);
    direct.set(node, into);
  });
  const writing = new Set([...direct.keys()].map((n) => owner.get(n) as Group));
  return { groups: sort(groups, deps, users, writing, hasFaults(groups)), direct };
}

function readersOfInputs(
  graph: Graph,
  groups: readonly Group[],
  realized: ReadonlySet<Node>,
): Map<Node, Group[]> {
  const readers = new Map<Node, Group[]>(graph.inputs.map((n) => [n, []]));
  for (const g of groups) {
    const found = new Set<Node>();
    const roots = g.contract ? [...g.items, g.contract] : g.items;
    for (const item of roots) for (const s of dataSources(item, realized)) found.add(memoryOf(s));
    for (const s of found) readers.get(s)?.push(g);
  }
  return readers;
}

/** The data in whose memory a node may lie. */
function memoryOf(node: Node): Node {
  let n = node;
  while (n.op === "reshape") n = n.src[0];
  return n;
}

/** One elementwise pass whose reads of the target lie where it writes. */
function fitsInPlace(
  graph: Graph,
  group: Group,
  node: Node,
  target: Node,
  realized: ReadonlySet<Node>,
): boolean {
  const scatters = isScattering(node) && scattersInto(node, target, realized);
  if (!scatters && (group.kind !== "loop" || group.inner.includes(true))) return false;
  if (target.dtype !== node.dtype || graph.outputs.filter((o) => o === node).length > 1)
    return false;
  if (graph.inputs.filter((n) => n.buffer === target.buffer).length > 1) return false;
  const seen = new Map<Node, boolean>();
  const roots = scatters ? node.src.slice(1) : group.items;
  const stack: [Node, boolean][] = roots.map((n) => [n, !scatters]);
  while (stack.length > 0) {
    const [n, ok] = stack.pop() as [Node, boolean];
    if (n === target) {
      if (!ok) return false;
      continue;
    }
    if (seen.get(n) === false || seen.get(n) === ok) continue;
    seen.set(n, ok);
    if (realized.has(n) && !group.items.includes(n)) continue;
    for (const s of n.src) stack.push([s, ok && isElementwise(n.op)]);
  }
  return true;
}

/** Whether a scatter writes over data itself, and at places that were found to exist before anything is
 *  written. */
function scattersInto(node: Node<Scattering>, target: Node, realized: ReadonlySet<Node>): boolean {
  const [base, index] = node.src;
  return base === target && isChecked(node) && realized.has(strideBase(index));
}

/** Whether one of some groups needs another group. */
function needs(
  deps: ReadonlyMap<Group, ReadonlySet<Group>>,
  from: readonly Group[],
  to: Group,
): boolean {
  const seen = new Set<Group>();
  const stack = [...from];
  while (stack.length > 0) {
    const g = stack.pop() as Group;
    if (g === to) return true;
    if (seen.has(g)) continue;
    seen.add(g);
    stack.push(...(deps.get(g) as Set<Group>));
  }
  return false;
}

/** Whether a kernel of the group itself looks for indices outside their range. */
function mayFault({ items, contract }: Group, realized: ReadonlySet<Node>): boolean {
  const seen = new Set<Node>();
  const stack: Node[] = contract ? [...items, contract] : [...items];
  while (stack.length > 0) {
    const n = stack.pop()!;
    if (seen.has(n)) continue;
    seen.add(n);
    if (n.op === "gather" || isScattering(n)) return true;
    if (isOp(n, "scan") && hasGather(n.attrs.body.outputs)) return true;
    for (const s of n.src) if (!realized.has(s)) stack.push(s);
  }
  return false;
}

function hasFaults(groups: readonly Group[]): boolean {
  return hasGather(groups.flatMap((g) => [...g.items]));
}

/** Whether an index is used on the way to some nodes. */
function hasGather(roots: readonly Node[]): boolean {
  const seen = new Set<Node>();
  const stack = [...roots];
  while (stack.length > 0) {
    const n = stack.pop() as Node;
    if (seen.has(n)) continue;
    seen.add(n);
    if (n.op === "gather" || isScattering(n)) return true;
    stack.push(...n.src);
    if (isOp(n, "scan")) stack.push(...n.attrs.body.outputs);
  }
  return false;
}

/** Depth first, in the given order; but what is the last to read something large comes as soon as it can,
 *  while that is still in the caches. With faults, all that writes into state comes last. */
function sort(
  groups: readonly Group[],
  deps: ReadonlyMap<Group, ReadonlySet<Group>>,
  users: ReadonlyMap<Group, readonly Group[]>,
  writing: ReadonlySet<Group>,
  writesLast: boolean,
): Group[] {
  const done = new Set<Group>(); // or waiting for what it needs
  const placed = new Set<Group>();
  const order: Group[] = [];
  const late = new Map<Group, boolean>();
  const isLate = (g: Group): boolean => {
    const known = late.get(g);
    if (known !== undefined) return known;
    late.set(g, false);
    const answer = writing.has(g) || [...(deps.get(g) as Set<Group>)].some(isLate);
    late.set(g, answer);
    return answer;
  };
  const visit = (g: Group): void => {
    if (done.has(g)) return;
    done.add(g);
    for (const d of deps.get(g) as Set<Group>) visit(d);
    order.push(g);
    placed.add(g);
    for (const d of deps.get(g) as Set<Group>) {
      for (const r of users.get(d) ?? []) if (isDue(r)) visit(r);
    }
  };
  /** Whether a group could run, and then frees more memory than it takes. */
  const isDue = (g: Group): boolean => {
    const mine = [...(deps.get(g) as Set<Group>)];
    if (done.has(g) || (holdsBack && isLate(g))) return false;
    if (!mine.every((d) => placed.has(d))) return false;
    const ends = (d: Group) => users.get(d)?.every((u) => u === g || done.has(u)) ?? false;
    return mine.reduce((sum, d) => sum + (ends(d) ? bytesOf(d) : 0), 0) > bytesOf(g);
  };
  let holdsBack = writesLast;
  if (holdsBack) for (const g of groups) if (!isLate(g)) visit(g);
  holdsBack = false;
  for (const g of groups) visit(g);
  return order;
}

/** Bytes from which it matters how long a result must be kept. */
const large = 1 << 17;

function bytesOf({ items }: Group): number {
  return items.reduce((sum, n) => sum + sizeOf(n.shape) * itemSize[n.dtype], 0);
}

/** Who reads each large result. */
function readersOfLarge(deps: ReadonlyMap<Group, ReadonlySet<Group>>): Map<Group, Group[]> {
  const users = new Map<Group, Group[]>();
  for (const g of deps.keys()) if (bytesOf(g) >= large) users.set(g, []);
  for (const [g, mine] of deps) for (const d of mine) users.get(d)?.push(g);
  return users;
}
