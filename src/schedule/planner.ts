// The planner's notebook: buffers, placements and steps of one plan under construction.
// Not here: what decides them (loops.ts, contraction.ts), or the arena (memory.ts).

import type { DType } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import { isOp, type Node, sizeOf, topological } from "../ir/node.ts";
import { isElementwise } from "../ir/op.ts";
import { rowMajor } from "./affine.ts";
import { borderOf, type Hints, strideBase } from "./groups.ts";
import type { Kernel } from "./kernel.ts";
import type { LowerContext, Placement } from "./lower.ts";
import type { PlanBuffer, Step, Target } from "./plan.ts";

/** With fewer channels rows of pixels make the longer vectors. */
const fewChannels = 8;

export class Planner implements LowerContext {
  readonly graph: Graph;
  readonly target: Target;
  readonly hints: Hints;
  readonly realized: ReadonlySet<Node>;
  readonly placements = new Map<Node, Placement>();
  readonly scalarIndex = new Map<Node, number>();
  readonly buffers: PlanBuffer[] = [];
  readonly steps: Step[] = [];
  /** Outputs that a group may write straight into an input's memory: node to plan buffer. */
  readonly direct = new Map<Node, number>();
  /** Nodes that must end in row-major order. */
  readonly canonical: Set<Node>;
  /** Axes outermost first of nodes that are best laid in that order, whoever makes them. */
  readonly layouts: ReadonlyMap<Node, readonly number[]>;
  /** Nodes that elementwise updates of state read: best laid as the state is. */
  readonly preferred: Set<Node>;
  /** Nodes that cost nothing, as they are computed once however often the plan runs. */
  readonly fixed = new Set<Node>();

  constructor(graph: Graph, target: Target, hints: Hints, realized: ReadonlySet<Node>) {
    this.graph = graph;
    this.target = target;
    this.hints = hints;
    this.realized = realized;
    this.canonical = new Set([...hints.canonical, ...graph.outputs, ...readByScans(graph)]);
    this.preferred = besideState(graph, realized);
    this.layouts = channelsLast(graph);
    graph.inputs.forEach((node, i) => {
      const buffer = this.buffers.push({
        dtype: node.dtype,
        size: sizeOf(node.shape),
        input: i,
        offset: 0,
      });
      const strides = rowMajor(node.shape);
      this.placements.set(node, { buffer: buffer - 1, strides, offset: 0 });
    });
    graph.scalars.forEach((node, i) => {
      this.scalarIndex.set(node, i);
    });
  }

  /** Notes what comes from some inputs alone. */
  fix(inputs: readonly Node[]): void {
    if (inputs.length === 0) return;
    for (const node of inputs) this.fixed.add(node);
    for (const node of topological(this.graph.outputs)) {
      const { src } = node;
      if (src.length > 0 && src.every((s) => this.fixed.has(s))) this.fixed.add(node);
    }
  }

  temp(dtype: DType, size: number): number {
    return this.buffers.push({ dtype, size, input: -1, offset: 0 }) - 1;
  }

  /** A stretch of another buffer, from some bytes on. */
  part(of: number, start: number, { dtype, size }: Pick<PlanBuffer, "dtype" | "size">): number {
    const { part, input } = this.buffers[of];
    const place = { of: part?.of ?? of, start: start + (part?.start ?? 0) };
    return this.buffers.push({ dtype, size, input, offset: place.start, part: place }) - 1;
  }

  step(kernel: Kernel, from: Omit<Step, "kernel">): void {
    this.steps.push({ kernel, ...from });
  }
}

function readByScans(graph: Graph): Node[] {
  const scans = topological(graph.outputs).filter((node) => node.op === "scan");
  return scans.flatMap((node) => [...node.src]);
}

/** Padded images whose windows run tap by tap (not those of contractions, which read what is there). */
function channelsLast(graph: Graph): Map<Node, readonly number[]> {
  const found = new Map<Node, readonly number[]>();
  const contracted = new Set<Node>();
  const order = topological(graph.outputs);
  for (const n of order) {
    if (n.op === "contract") for (const s of n.src) contracted.add(strideBase(s));
  }
  for (const n of order) {
    const base = isOp(n, "window") ? borderOf(n) : null;
    if (!base || contracted.has(base)) continue;
    const { lo, hi } = base.attrs;
    const axes = base.shape.map((_, i) => i);
    const spatial = axes.filter((i) => lo[i] + hi[i] > 0);
    const others = axes.filter((i) => lo[i] + hi[i] === 0);
    const channel = others.pop();
    if (channel === undefined || base.shape[channel] < fewChannels) continue;
    found.set(base, [...others, ...spatial, channel]);
  }
  return found;
}

function besideState(graph: Graph, realized: ReadonlySet<Node>): Set<Node> {
  const found = new Set<Node>();
  const stack = graph.outputs.filter((_, i) => graph.into[i] >= 0);
  const seen = new Set<Node>(stack);
  while (stack.length > 0) {
    const node = stack.pop() as Node;
    if (realized.has(node)) found.add(node);
    if (!isElementwise(node.op)) continue;
    for (const s of node.src) {
      if (!seen.has(s)) stack.push(s);
      seen.add(s);
    }
  }
  return found;
}

/** What a step is called in profiles: its ops, and the module that built the last. */
export function labelOf(nodes: readonly Node[]): string {
  if (nodes.length === 0) return "lanes";
  const names = nodes.map((n) => (n.attrs && "fn" in n.attrs ? n.attrs.fn : n.op));
  const scope = nodes[nodes.length - 1].scope;
  return `${names.join("+")} ${nodes[nodes.length - 1].shape.join("×")}${scope ? ` ${scope}` : ""}`;
}
