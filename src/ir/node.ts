// Node: one immutable value of the graph. Built by the op functions of build.ts, which check
// shapes; equal nodes are merged only inside one program (schedule/), never in a global table.
// Not here: evaluation, gradients, or what the user sees (tensor/).

import { callingMethod } from "../util/calling.ts";
import { DeviceError } from "../util/errors.ts";
import type { Buffer } from "./buffer.ts";
import type { DType } from "./dtype.ts";
import type { Attrs, Op } from "./op.ts";

export type Shape = readonly number[];

/** A device, as far as nodes know it. */
export interface Place {
  readonly name: string;
}

let nextId = 0;
let scope: string | undefined;

export class Node<O extends Op = Op> {
  readonly op: O;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly src: readonly Node[];
  readonly attrs: Attrs[O];
  /** Order of creation: a node's sources have smaller ids. */
  readonly id = nextId++;
  /** The module whose forward built it ("model.fc1"), for errors and profiles. Not structure. */
  readonly scope = scope;
  /** The number of a `scalar`. An input of the program, not structure. May be set by its owner
   *  (a learning rate) between runs. */
  value = 0;
  /** The data of a `buffer`. Which buffer is not structure; which of them are equal is. */
  buffer: Buffer | null = null;
  /** How many ops in a row lie between data and this node: an endless chain shows here. */
  depth: number;
  /** Whether a gradient may flow through this node to a tensor that wants one. */
  tracked: boolean;
  /** The tensor that wants the gradient of this node (tensor/core.ts). Not structure. */
  leaf: object | null = null;
  /** What a `buffer` that holds a computed value was computed by, where a gradient may still be asked
   *  for; the node itself where that was let go. Evaluation never looks at it. */
  origin: Node | null = null;
  /** The device that somebody chose for this value, or for one that it is computed from; null: it goes
   *  where it is wanted. Not structure. */
  placed: Place | null;

  constructor(op: O, dtype: DType, shape: Shape, src: readonly Node[], attrs: Attrs[O]) {
    this.op = op;
    this.dtype = dtype;
    this.shape = shape;
    this.src = src;
    this.attrs = attrs;
    let depth = 0;
    let tracked = false;
    let placed: Place | null = null;
    for (let i = 0; i < src.length; i++) {
      if (src[i]!.depth >= depth) depth = src[i]!.depth + 1;
      if (src[i]!.tracked) tracked = true;
      const there = src[i]!.placed;
      if (there !== null && there !== placed) {
        if (placed !== null) throw twoPlaces(callingMethod() ?? op, placed, there);
        placed = there;
      }
    }
    this.depth = depth;
    this.placed = placed;
    this.tracked = tracked && op !== "detach" && (dtype === "float32" || dtype === "float64");
  }
}

/** The error of whoever joins values that were placed on different devices. */
export function twoPlaces(op: string, first: Place, second: Place): DeviceError {
  const where = `"${first.name}" and "${second.name}"`;
  return new DeviceError(op, `the tensors were placed on different devices, ${where}`, {
    hint: `move one: x.to("${first.name}")`,
  });
}

/** Narrows a node to its op, so that `attrs` has its type. */
export function isOp<O extends Op>(node: Node, op: O): node is Node<O> {
  return node.op === op;
}

/** Runs `f` with new nodes marked as built inside the module `name` (nested: "model.fc1"). */
export function withScope<T>(name: string, f: () => T): T {
  const outer = scope;
  scope = outer === undefined ? name : `${outer}.${name}`;
  try {
    return f();
  } finally {
    scope = outer;
  }
}

/** Runs `f` with new nodes marked as `node` is, unless somebody set another scope: what is derived from a
 *  node belongs to its module. */
export function withScopeOf<T>(node: Node, f: () => T): T {
  return node.scope === undefined || scope !== undefined ? f() : withScope(node.scope, f);
}

/** What a fault of a node says, and of which module. */
export interface Fault {
  readonly op: string;
  readonly detail: string;
  readonly scope: string | undefined;
}

/** What a fault of `node` says: `detail`, or where the node was made within a scope `op: reason`, that. */
export function faultText(node: Node, detail: string): Fault {
  const own = /^(?:(.*)\.)?(\w+): (.+)$/.exec(node.scope ?? "");
  if (own === null) return { op: node.op, detail, scope: node.scope };
  return { op: own[2]!, detail: own[3]!, scope: own[1] };
}

export function currentScope(): string | undefined {
  return scope;
}

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  let n = 1;
  for (const d of shape) n *= d;
  return n;
}

/** All nodes that `roots` need, sources before users. Iterative: graphs may be deep. `stop` keeps a
 *  node but not its sources. */
export function topological(roots: readonly Node[], stop?: (n: Node) => boolean): Node[] {
  const seen = new Set<Node>();
  const order: Node[] = [];
  const stack: Node[] = [];
  const cursor: number[] = [];
  for (const root of roots) {
    if (seen.has(root)) continue;
    seen.add(root);
    stack.push(root);
    cursor.push(0);
    while (stack.length > 0) {
      const top = stack.length - 1;
      const node = stack[top]!;
      const i = cursor[top]!;
      if (i < node.src.length && !stop?.(node)) {
        cursor[top] = i + 1;
        const next = node.src[i]!;
        if (!seen.has(next)) {
          seen.add(next);
          stack.push(next);
          cursor.push(0);
        }
      } else {
        order.push(node);
        stack.pop();
        cursor.pop();
      }
    }
  }
  return order;
}
