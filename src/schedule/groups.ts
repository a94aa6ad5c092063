// Grouping: which nodes become data, and which of them one kernel computes. A group is a list of
// nodes over one iteration space; everything else is recomputed inside whoever loads it.
// Not here: loops and addresses (loops.ts, contraction.ts).

import { weightOf } from "../ir/cost.ts";
import type { Graph } from "../ir/graph.ts";
import { isOp, type Node, type Shape, sizeOf, topological } from "../ir/node.ts";
import { isElementwise, isMovement } from "../ir/op.ts";
import { joinOf } from "./joins.ts";

/** What has kernels of its own that end in an epilogue. A convolution that is left in a prepared graph
 *  runs by transforms (winograd.ts). */
export type Contraction = Node<"contract" | "conv" | "convWeights">;

const contractionKinds = {
  contract: "contract",
  conv: "winograd",
  convWeights: "winogradWeights",
} as const;

function isContraction(node: Node): node is Contraction {
  return node.op in contractionKinds;
}

/** What writes where an index says, and how. */
export const scatterings = { scatter: "put", scatterAdd: "add" } as const;
export type Scattering = keyof typeof scatterings;

export function isScattering(node: Node): node is Node<Scattering> {
  return node.op in scatterings;
}

export interface Group {
  kind: "loop" | "contract" | "winograd" | "winogradWeights" | "scatter" | "scan";
  /** Nodes that exist when the group has run, sources first. For a contraction: the end of its
   *  epilogue. For a loop of the graph: its parts. */
  items: Node[];
  /** Extents of the loops, one a logical axis. */
  space: number[];
  /** Axes that reductions of the group run over. */
  inner: boolean[];
  /** The contraction, for kind "contract"; the convolution, for kind "winograd". */
  contract?: Contraction;
}

export interface Grouping {
  readonly groups: Group[];
  readonly realized: Set<Node>;
  readonly users: ReadonlyMap<Node, readonly Node[]>;
}

/** What lowering found out the hard way, carried from one try to the next. */
export interface Hints {
  readonly realize: Set<Node>;
  readonly canonical: Set<Node>;
  /** Contractions without an epilogue, and what can end none. */
  readonly noEpilogue: Set<Node>;
  /** Inputs that are read once and are in no cache: the steps of a sequence. */
  readonly passing: ReadonlySet<Node>;
}

const cheapLimit = 6;
/** What a few light operations make of one stream of data is computed again by up to so many readers:
 *  each reads a stream in any case, and none is written. */
const streamLimit = 12;
const fewReaders = 3;
const depthLimit = 64;

export function usersOf(order: readonly Node[]): Map<Node, Node[]> {
  const users = new Map<Node, Node[]>();
  for (const node of order) {
    for (const s of new Set(node.src)) {
      const list = users.get(s);
      if (list) list.push(node);
      else users.set(s, [node]);
    }
  }
  return users;
}

/** The node whose data a contraction reads through strides alone. */
export function strideBase(node: Node): Node {
  let base = node;
  while (isMovement(base.op) && base.op !== "pad") base = base.src[0];
  return base;
}

/** The padding whose border overlapping windows would test many times over: dearer than a copy. */
export function borderOf(node: Node<"window">): Node<"pad"> | null {
  const base = strideBase(node);
  return isOp(base, "pad") && sizeOf(node.shape) >= 4 * sizeOf(base.shape) ? base : null;
}

/** What a gather reads: data, or numbers that must become data. */
function tableOf(node: Node): Node {
  const [table] = node.src;
  const base = strideBase(table);
  return isSource(base) && base.op !== "buffer" ? table : base;
}

/** Whether the index is read from the numbers that it may be, and so cannot be out of range (prepare.ts). */
export function isChecked({ src, shape, attrs }: Node<Scattering>): boolean {
  const index = strideBase(src[1]);
  if (index.op !== "gather") return false;
  const [table] = index.src;
  return table.op === "iota" && table.shape[0] <= shape[attrs.axis];
}

/** Decides what becomes data. */
function chooseRealized(
  graph: Graph,
  order: readonly Node[],
  users: ReadonlyMap<Node, readonly Node[]>,
  epilogues: ReadonlyMap<Node, Node>,
  hints: Hints,
): Set<Node> {
  const realized = new Set<Node>(hints.realize);
  for (const o of graph.outputs) if (o.op !== "buffer") realized.add(o);
  const cost = new Map<Node, number>();
  const depth = new Map<Node, number>();
  const streams = new Map<Node, Stream>();
  const inEpilogue = new Set(epilogues.values());
  for (const node of order) {
    if (isContraction(node)) {
      realized.add(epilogues.get(node) as Node);
      for (const s of node.src) realized.add(strideBase(s));
    } else if (node.op === "reduce") realized.add(node);
    else if (isScattering(node)) {
      realized.add(node);
      realized.add(node.src[0]);
      if (isChecked(node)) realized.add(strideBase(node.src[1]));
    } else if (node.op === "gather") realized.add(tableOf(node));
    else if (node.op === "part") realized.add(node);
    else if (node.op === "scan") for (const s of node.src) realized.add(s);
    else if (isOp(node, "window")) {
      const base = borderOf(node);
      if (base) realized.add(base);
    }
    let c = weightOf(node);
    let d = 1;
    let stream: Stream = c > 1 ? "several" : "none";
    for (const s of node.src) {
      const data = realized.has(s) || s.op === "buffer";
      if (data) c += 0.5;
      else {
        c += cost.get(s) ?? 0;
        d = Math.max(d, (depth.get(s) ?? 0) + 1);
      }
      stream = together(stream, data ? s : (streams.get(s) ?? "none"));
    }
    if (repeats(node)) [c, stream] = [Math.min(c, 0.125), "none"];
    cost.set(node, c);
    depth.set(node, d);
    streams.set(node, stream);
    if (realized.has(node) || inEpilogue.has(node)) continue;
    if (isSource(node) || epilogues.has(node)) continue;
    if (d > depthLimit || tooDear(node, c, stream, users)) realized.add(node);
  }
  // A source is recomputed by whoever loads it, unless one must have it as data: a gather's table.
  for (const node of realized) if (isSource(node) && !wanted(node, hints)) realized.delete(node);
  return realized;
}

/** The data that a value is computed from by light operations, apart from what is small: none, one, or
 *  several (or by dear operations). */
type Stream = "none" | "several" | Node;

function together(p: Stream, q: Stream): Stream {
  if (p === "none" || p === q) return q;
  return q === "none" ? p : "several";
}

/** Whether every element of a node's source is there many times: then it hardly costs to read. */
function repeats(node: Node): boolean {
  return node.op === "expand" && 16 * sizeOf(node.src[0].shape) <= sizeOf(node.shape);
}

function wanted(node: Node, hints: Hints): boolean {
  return node.op !== "buffer" && hints.realize.has(node);
}

function isSource(node: Node): boolean {
  return ["buffer", "const", "scalar", "iota"].includes(node.op);
}

/** Whether recomputing `node` in each user costs more than writing and reading it once. */
function tooDear(
  node: Node,
  cost: number,
  stream: Stream,
  users: ReadonlyMap<Node, readonly Node[]>,
): boolean {
  if (!isElementwise(node.op) && node.op !== "random" && node.op !== "gather") return false;
  if (cost < 1.5) return false;
  // Who computes with it, through whatever movement.
  const size = sizeOf(node.shape);
  const readers = new Set<Node>();
  const stack = [...(users.get(node) ?? [])];
  while (stack.length > 0) {
    const u = stack.pop() as Node;
    if (readers.has(u)) continue;
    if ((u.op === "expand" || u.op === "window") && sizeOf(u.shape) >= 4 * size) return true;
    if (!isMovement(u.op)) readers.add(u);
    else stack.push(...(users.get(u) ?? []));
  }
  const limit = stream !== "several" && readers.size <= fewReaders ? streamLimit : cheapLimit;
  return readers.size > 1 && cost > limit;
}

/** From each contraction to the elementwise node that ends its epilogue (itself, if none). */
function findEpilogues(
  graph: Graph,
  order: readonly Node[],
  users: ReadonlyMap<Node, readonly Node[]>,
  hints: Hints,
): Map<Node, Node> {
  const outputs = new Set(graph.outputs);
  const claimed = new Set<Node>(hints.noEpilogue);
  const ends = new Map<Node, Node>();
  for (const node of [...order].reverse()) {
    if (!isContraction(node)) continue;
    let end: Node = node;
    const chain: Node[] = [];
    const bare = node.op === "convWeights";
    while (!bare && !hints.noEpilogue.has(node) && !outputs.has(end) && !hints.realize.has(end)) {
      const next = users.get(end);
      if (next?.length !== 1) break;
      const user = next[0];
      const fits =
        isElementwise(user.op) &&
        user.op !== "compare" &&
        user.dtype === node.dtype &&
        user.src.every((s) => s.shape.length === node.shape.length) &&
        sizeOf(user.shape) === sizeOf(node.shape);
      if (!fits || claimed.has(user)) break;
      claimed.add(user);
      chain.push(end);
      end = user;
    }
    while (!outputs.has(end) && isLeftToReaders(end, users, hints)) {
      end = chain.pop() ?? node;
      if (end === node) break;
    }
    ends.set(node, end);
  }
  return ends;
}

/** Whether the end of an epilogue reads data that is in no cache, and whoever reads the result are loops:
 *  these walk through such data in order, which hides how far it is; tiles do not. */
function isLeftToReaders(
  end: Node,
  users: ReadonlyMap<Node, readonly Node[]>,
  { passing }: Hints,
): boolean {
  if (passing.size === 0 || !end.src.some((s) => passing.has(strideBase(s)))) return false;
  const stack = [...(users.get(end) ?? [])];
  while (stack.length > 0) {
    const u = stack.pop() as Node;
    if (isMovement(u.op)) stack.push(...(users.get(u) ?? []));
    else if (!isElementwise(u.op) && u.op !== "reduce") return false;
  }
  return true;
}

/** Nodes that exist as data and that computing `node` reads. */
export function dataSources(node: Node, realized: ReadonlySet<Node>): Node[] {
  const found: Node[] = [];
  const seen = new Set<Node>();
  const stack = [...node.src];
  while (stack.length > 0) {
    const n = stack.pop() as Node;
    if (seen.has(n)) continue;
    seen.add(n);
    if (realized.has(n) || n.op === "buffer") found.push(n);
    else stack.push(...n.src);
  }
  return found;
}

/** The group that makes one node by itself. */
export function groupOf(node: Node, contracts: ReadonlyMap<Node, Contraction>): Group {
  const contract = contracts.get(node);
  if (contract) {
    const space = [...node.shape];
    const kind = contractionKinds[contract.op];
    return { kind, items: [node], space, inner: space.map(() => false), contract };
  }
  if (isScattering(node)) {
    const space = [...node.src[2].shape];
    return { kind: "scatter", items: [node], space, inner: space.map(() => false) };
  }
  if (node.op === "part") return { kind: "scan", items: [node], space: [], inner: [] };
  const shape: Shape =
    node.op === "reduce" ? node.src[0].shape : (joinOf(node)?.shape ?? node.shape);
  const axes = isOp(node, "reduce") ? node.attrs.axes : [];
  return {
    kind: "loop",
    items: [node],
    space: [...shape],
    inner: shape.map((_, i) => axes.includes(i)),
  };
}

/** Groups in an order in which they could run, one a realised node. */
export function makeGroups(graph: Graph, hints: Hints): Grouping {
  const order = topological(graph.outputs);
  const users = usersOf(order);
  const ends = findEpilogues(graph, order, users, hints);
  const realized = chooseRealized(graph, order, users, ends, hints);
  const contracts = new Map<Node, Contraction>();
  for (const [c, end] of ends) {
    // Something inside the epilogue may have become data on its own: then the epilogue ends there.
    let stop = c;
    while (stop !== end && !realized.has(stop)) stop = (users.get(stop) as Node[])[0];
    contracts.set(stop, c as Contraction);
    realized.add(stop);
  }
  const groups: Group[] = [];
  const scans = new Map<Node, Group>();
  for (const node of order) {
    if (!realized.has(node)) continue;
    const scan = node.op === "part" ? scans.get(node.src[0]) : undefined;
    if (scan !== undefined) {
      scan.items.push(node);
      continue;
    }
    const group = groupOf(node, contracts);
    if (node.op === "part") scans.set(node.src[0], group);
    groups.push(group);
  }
  return { groups, realized, users };
}
