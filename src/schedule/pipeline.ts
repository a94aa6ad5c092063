// The whole lowering, top to bottom, one named line a pass. Where a kernel finds that it cannot read
// something as it lies, this is mended on the spot and noted as a hint; with the hints of the whole plan
// it starts again. The hints only grow, so this ends.

import type { Graph } from "../ir/graph.ts";
import { type Node, topological } from "../ir/node.ts";
import { tidyScans } from "../ir/scans.ts";
import { rewrite, simplifyRules } from "../ir/simplify.ts";
import { debugLevel, say } from "../util/env.ts";
import { rowMajor } from "./affine.ts";
import type { BodyInputs } from "./body-plan.ts";
import { CutEpilogue, lowerContract } from "./contraction.ts";
import { fuse } from "./fuse.ts";
import { type Group, type Grouping, groupOf, type Hints, makeGroups } from "./groups.ts";
import { sumRules } from "./linear-sums.ts";
import { lowerLoop, lowerScatter } from "./loops.ts";
import { isRowMajor, NeedsData } from "./lower.ts";
import { planMemory } from "./memory.ts";
import { orderGroups } from "./order-groups.ts";
import { finishOutputs, layRowMajor, saveOldValues } from "./outputs.ts";
import { type Plan, type Target, withoutSteps } from "./plan.ts";
import { Planner } from "./planner.ts";
import { prepareRules } from "./prepare.ts";
import { lowerScan } from "./scan.ts";
import { lowerWinograd, lowerWinogradWeights } from "./winograd.ts";

/** Lowers a graph for a backend. A null target (a backend that interprets graphs) gets no steps. For the
 *  body of a loop: what comes from `fixed` inputs alone is to be made once, so its cost is nought;
 *  `passing` ones are other data each time. */
export function lower(
  graph: Graph,
  target: Target | null,
  { fixed, passing }: BodyInputs = { fixed: [], passing: [] },
): Plan {
  if (target === null) return withoutSteps(graph);
  const log = debugLevel() >= 4 ? say : null;
  const summed = rewrite(tidyScans(graph), simplifyRules, sumRules);
  const simple = rewrite(summed, simplifyRules, prepareRules(target));
  const count = (g: Graph) => topological(g.outputs).length;
  log?.(`simplify, prepare: ${count(graph)} nodes become ${count(simple)}`);
  const hints: Hints = {
    realize: new Set(),
    canonical: new Set(),
    noEpilogue: new Set(),
    passing: new Set(passing),
  };
  const size = () => hints.realize.size + hints.canonical.size + hints.noEpilogue.size;
  for (;;) {
    const before = size();
    const made = plan(graph, simple, target, { hints, fixed, log });
    if (size() === before) return made;
  }
}

interface Knowledge {
  readonly hints: Hints;
  readonly fixed: readonly Node[];
  readonly log: ((text: string) => void) | null;
}

function plan(
  original: Graph,
  graph: Graph,
  target: Target,
  { hints, fixed, log }: Knowledge,
): Plan {
  const grouping = makeGroups(graph, hints);
  const fused = fuse(grouping);
  log?.(`group, fuse: ${grouping.realized.size} values as data in ${fused.length} groups`);
  const planner = new Planner(graph, target, hints, grouping.realized);
  planner.fix(fixed);
  const { groups, direct } = orderGroups(graph, fused, grouping.realized);
  for (const [node, input] of direct) planner.direct.set(node, input);
  const needed = readers(graph, groups, grouping);
  const saved = saveOldValues(planner);
  for (const group of groups) lowerOrLearn(planner, group, needed, hints, grouping.realized, log);
  const outputs = finishOutputs(planner, saved);
  const arenaBytes = planMemory(planner.buffers, planner.steps, outputs, target);
  const commit = firstWrite(planner);
  log?.(`order, lower: ${planner.steps.length} kernels, ${direct.size} results in place`);
  log?.(`plan memory: ${planner.buffers.length} buffers, arena of ${arenaBytes} bytes`);
  const { buffers, steps } = planner;
  return { graph: original, buffers, steps, outputs, arenaBytes, commit };
}

/** Lowers a group. What it cannot read becomes a hint for the next try, and is mended on the spot, so
 *  that this try goes on and learns the rest: the whole plan starts again once, not once a hint. */
function lowerOrLearn(
  planner: Planner,
  group: Group,
  needed: (n: Node) => boolean,
  hints: Hints,
  realized: Set<Node>,
  log: ((text: string) => void) | null,
): void {
  for (;;) {
    const mark = planner.steps.length;
    try {
      lowerGroup(planner, group, needed);
      return;
    } catch (error) {
      planner.steps.length = mark;
      const again = (g: Group) => lowerOrLearn(planner, g, () => true, hints, realized, log);
      if (error instanceof CutEpilogue) {
        log?.(`again: ${describe(error)}`);
        const fresh = !hints.noEpilogue.has(error.contract);
        hints.noEpilogue.add(error.contract);
        for (const end of group.items) hints.noEpilogue.add(end);
        if (!fresh) throw new Error(`lowering does not end: ${describe(error)}`);
        cutEpilogue(group, realized, again);
        return;
      }
      if (!(error instanceof NeedsData)) throw error;
      log?.(`again: ${describe(error)}`);
      const { node, canonical } = error;
      const fresh = !hints.realize.has(node) || (canonical && !hints.canonical.has(node));
      if (!fresh) throw new Error(`lowering does not end: ${describe(error)}`);
      hints.realize.add(node);
      if (canonical) hints.canonical.add(node);
      makeData(planner, node, realized, again);
    }
  }
}

/** The contraction by itself, and what was its epilogue as a pass over its result. */
function cutEpilogue(group: Group, realized: Set<Node>, lower: (g: Group) => void): void {
  const contract = group.contract as Node;
  realized.add(contract);
  lower({ ...group, items: [contract] });
  const { contract: _, ...rest } = group;
  lower({ ...rest, kind: "loop" });
}

/** Gives a node that the next try will have as data a place in this one: row-major, to be read by any
 *  means. */
function makeData(
  planner: Planner,
  node: Node,
  realized: Set<Node>,
  lower: (g: Group) => void,
): void {
  planner.canonical.add(node);
  realized.add(node);
  if (planner.placements.has(node)) layRowMajor(planner, node);
  else lower(groupOf(node, new Map()));
}

function describe(error: NeedsData | CutEpilogue): string {
  const cut = error instanceof CutEpilogue;
  const node = cut ? error.contract : error.node;
  return `${node.op} ${node.dtype} [${node.shape}] ${cut ? "ends its epilogue" : "must be data"}`;
}

function lowerGroup(planner: Planner, group: Group, needed: (n: Node) => boolean): void {
  if (group.items.length === 1 && aliases(planner, group.items[0])) return;
  if (group.space.includes(0) && group.kind !== "scatter" && !group.inner.includes(true)) {
    for (const item of group.items) placeEmpty(planner, item);
  } else if (group.kind === "contract") lowerContract(planner, group);
  else if (group.kind === "winograd") lowerWinograd(planner, group);
  else if (group.kind === "winogradWeights") lowerWinogradWeights(planner, group);
  else if (group.kind === "scatter") lowerScatter(planner, group);
  else if (group.kind === "scan") lowerScan(planner, group, lower);
  else lowerLoop(planner, group, needed);
}

/** Data without elements needs no kernel. */
function placeEmpty(planner: Planner, node: Node): void {
  const buffer = planner.temp(node.dtype, 0);
  planner.placements.set(node, { buffer, strides: rowMajor(node.shape), offset: 0 });
}

/** A reshape of data in row-major order is that data. */
function aliases(planner: Planner, node: Node): boolean {
  const placed = node.op === "reshape" ? planner.placements.get(node.src[0]) : undefined;
  if (!placed || planner.direct.has(node) || !isRowMajor(placed, node.src[0].shape)) return false;
  planner.placements.set(node, { ...placed, strides: rowMajor(node.shape) });
  return true;
}

/** Whether anything outside its group reads a node. */
function readers(graph: Graph, groups: readonly Group[], grouping: Grouping) {
  const outputs = new Set(graph.outputs);
  const owner = new Map<Node, Group>();
  for (const g of groups) for (const item of g.items) owner.set(item, g);
  const outside = new Set<Node>();
  for (const g of groups) {
    const seen = new Set<Node>();
    const stack = g.items.flatMap((n) => [...n.src]);
    if (g.contract) stack.push(...g.contract.src);
    while (stack.length > 0) {
      const n = stack.pop() as Node;
      if (seen.has(n)) continue;
      seen.add(n);
      if (grouping.realized.has(n)) {
        if (owner.get(n) !== g) outside.add(n);
      } else stack.push(...n.src);
    }
  }
  return (n: Node) => outputs.has(n) || outside.has(n);
}

function firstWrite(planner: Planner): number {
  const at = planner.steps.findIndex((step) =>
    step.kernel.operands.some((o, i) => o.write && planner.buffers[step.buffers[i]].input >= 0),
  );
  return at < 0 ? planner.steps.length : at;
}
