// The ends of a plan: where each output lies, and the copies that give assigned state its new value
// when no kernel could write it in place.

import { type Node, sizeOf } from "../ir/node.ts";
import { rowMajor } from "./affine.ts";
import { copyInto, withSplits } from "./loops.ts";
import { isRowMajor, type Placement } from "./lower.ts";
import type { PlanOutput } from "./plan.ts";
import type { Planner } from "./planner.ts";

function copyTo(planner: Planner, node: Node, buffer: number): void {
  if (sizeOf(node.shape) === 0) return;
  withSplits(node.shape, (factors) => copyInto(planner, node, buffer, factors));
}

/** A copy of a node in row-major order in a buffer of its own. */
function toTemp(planner: Planner, node: Node): number {
  const buffer = planner.temp(node.dtype, sizeOf(node.shape));
  copyTo(planner, node, buffer);
  return buffer;
}

/** Lays a node again, in row-major order. */
export function layRowMajor(planner: Planner, node: Node): void {
  const buffer = toTemp(planner, node);
  planner.placements.set(node, { buffer, strides: rowMajor(node.shape), offset: 0 });
}

/** Old values of inputs that are both a result and overwritten: saved before anything runs. */
export function saveOldValues(planner: Planner): Map<Node, number> {
  const { graph } = planner;
  const saved = new Map<Node, number>();
  for (const node of graph.outputs) {
    const input = graph.inputs.indexOf(node);
    if (input < 0 || saved.has(node) || !graph.into.includes(input)) continue;
    saved.set(node, toTemp(planner, node));
  }
  return saved;
}

/** Whether a node is all that its buffer holds, in row-major order. */
function isWhole({ buffers }: Planner, node: Node, placed: Placement): boolean {
  const { size, part } = buffers[placed.buffer];
  return part === undefined && size === sizeOf(node.shape) && isRowMajor(placed, node.shape);
}

/** Finds or makes the buffer of each output; assignments that no kernel did are copies at the very end. */
export function finishOutputs(planner: Planner, saved: ReadonlyMap<Node, number>): PlanOutput[] {
  const { graph } = planner;
  const late: [number, number, Node][] = [];
  const outputs = graph.outputs.map((node, i): PlanOutput => {
    const into = graph.into[i];
    const common = { dtype: node.dtype, size: sizeOf(node.shape), into };
    const placed = planner.placements.get(node);
    const ready = placed && isWhole(planner, node, placed) ? placed.buffer : -1;
    if (into < 0) {
      const buffer = saved.get(node) ?? (ready >= 0 ? ready : toTemp(planner, node));
      return { ...common, buffer };
    }
    if (planner.direct.get(node) !== into) {
      const own = ready >= 0 && planner.buffers[ready].input < 0;
      late.push([own ? ready : (saved.get(node) ?? toTemp(planner, node)), into, node]);
    }
    return { ...common, buffer: into };
  });
  for (const [from, into, node] of late) {
    planner.placements.set(node, { buffer: from, strides: rowMajor(node.shape), offset: 0 });
    copyTo(planner, node, into);
  }
  return outputs;
}
