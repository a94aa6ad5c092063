// What a loop's derivative needs of the loop itself: which values of an iteration are kept (as further
// ys of the scan), and which are computed again from those. Results of contractions and of functions
// that are dear to compute are kept; cheap arithmetic is repeated, unless what it needs is larger than
// its value. Not here: the derivative (scan.ts).

import { makeBody } from "../ir/body.ts";
import { part, scan } from "../ir/build.ts";
import { weightOf } from "../ir/cost.ts";
import { type Node, sizeOf, topological } from "../ir/node.ts";
import { isElementwise, isMovement } from "../ir/op.ts";
import type { Bound } from "./loop.ts";

/** Functions of this weight are kept, */
const dear = 5;
/** but not where they have this many times the elements that they are made of: memory is dearer. */
const wide = 8;

/** Stand-ins of a derivative's body for values of the loop, with what is outside for each step. */
export interface Kept {
  readonly xs: readonly Bound[];
  readonly consts: readonly Bound[];
}

/**
 * The values of a scan's iterations that `roots` read: a graph over the params of the scan's body, its
 * nodes, and `later` (the gradients or tangents that come with the derivative).
 */
export function keepValues(
  node: Node<"scan">,
  roots: readonly Node[],
  later: ReadonlySet<Node>,
): Kept {
  const { body, carries, xs, checkpoint } = node.attrs;
  const [t, ...params] = body.params as [Node, ...Node[]];
  const at = (i: number): Bound => ({ inside: params[i]!, outside: node.src[i]! });
  const all = params.map((_, i) => at(i));
  const state = new Set(params.slice(0, carries));
  const order = topological(roots);
  const read = borderOf(order, roots, later);
  const outputs = [...body.outputs];
  const stacked = new Set(outputs.slice(carries));
  const steps = [t, ...params.slice(0, carries + xs)];
  const costly = checkpoint ? new Set<Node>() : dearOf(order, steps);
  const kept = choose(order, read, { state, stacked, costly, checkpoint: checkpoint === true });
  for (const value of kept) if (!stacked.has(value)) outputs.push(value);
  const sources = {
    carries: node.src.slice(0, carries),
    xs: node.src.slice(carries, carries + xs),
    consts: node.src.slice(carries + xs),
  };
  const made = scan(makeBody(body.params, outputs), sources, node.attrs);
  const extra = [...kept].map((value): Bound => {
    const index = outputs.indexOf(value, carries);
    return { inside: value, outside: part(made, index) };
  });
  return {
    xs: [...all.slice(carries, carries + xs), ...extra],
    consts: all.slice(carries + xs),
  };
}

/** The nodes that do not depend on `later`, but are read by some that do (or are roots). */
function borderOf(
  order: readonly Node[],
  roots: readonly Node[],
  later: ReadonlySet<Node>,
): Node[] {
  const late = new Set<Node>(later);
  const border = new Set<Node>();
  for (const node of order) {
    if (late.has(node) || !node.src.some((s) => late.has(s))) continue;
    late.add(node);
    for (const s of node.src) if (!late.has(s)) border.add(s);
  }
  for (const root of roots) if (!late.has(root)) border.add(root);
  return order.filter((node) => border.has(node));
}

interface Choice {
  /** The carries' params, which cannot be computed again. */
  readonly state: ReadonlySet<Node>;
  /** What the scan stacks as it is. */
  readonly stacked: ReadonlySet<Node>;
  /** What is not computed again. */
  readonly costly: ReadonlySet<Node>;
  readonly checkpoint: boolean;
}

/** Which values are kept so that those of `read` can be computed: by `order`, sources first. */
function choose(
  order: readonly Node[],
  read: readonly Node[],
  { state, stacked, costly, checkpoint }: Choice,
): Set<Node> {
  const mustKeep = (node: Node) => state.has(node) || stacked.has(node) || costly.has(node);
  const kept = new Set<Node>();
  /** What must be kept so that `node` can be computed. */
  const needs = (node: Node): Node[] => {
    const missing: Node[] = [];
    const seen = new Set<Node>([node]);
    const stack = [node];
    while (stack.length > 0) {
      const next = stack.pop()!;
      if (kept.has(next)) continue;
      if (mustKeep(next)) missing.push(next);
      else for (const s of next.src) if (!seen.has(s) && seen.add(s)) stack.push(s);
    }
    return missing;
  };
  for (const node of read) if (mustKeep(node)) kept.add(node);
  const readers = new Map<Node, number>();
  for (const node of read) {
    for (const value of needs(node)) readers.set(value, (readers.get(value) ?? 0) + 1);
  }
  for (const node of read) {
    const missing = needs(node);
    if (missing.length === 0) continue;
    const total = missing.reduce((sum, n) => sum + (stacked.has(n) ? 0 : sizeOf(n.shape)), 0);
    const more = total - sizeOf(node.shape);
    const others = missing.some((value) => readers.get(value)! > 1);
    const alone = more > 0 || (more === 0 && !others && !isMovement(node.op));
    for (const value of alone && !checkpoint ? [node] : missing) kept.add(value);
  }
  return new Set(order.filter((node) => kept.has(node)));
}

/** The values that are kept rather than computed again, among those that differ between `steps`. */
function dearOf(order: readonly Node[], steps: readonly Node[]): Set<Node> {
  const found = new Set<Node>();
  const varying = new Set<Node>(steps);
  /** How many elements are read to compute a node. */
  const reads = new Map<Node, number>(steps.map((p) => [p, sizeOf(p.shape)]));
  for (const node of order) {
    if (varying.has(node) || !node.src.some((s) => varying.has(s))) continue;
    varying.add(node);
    const size = sizeOf(node.shape);
    const inputs = [...new Set(node.src)].reduce((sum, s) => sum + (reads.get(s) ?? 0), 0);
    const again = isElementwise(node.op) && inputs * wide <= size;
    if (isDear(node) && !again) found.add(node);
    reads.set(node, found.has(node) ? size : Math.min(inputs, size));
  }
  return found;
}

function isDear(node: Node): boolean {
  if (node.op === "random" || node.op === "gather" || node.op === "param") return false;
  if (node.op === "const" || node.op === "iota" || isMovement(node.op)) return false;
  return !isElementwise(node.op) || weightOf(node) >= dear;
}
