// Graphs as plain data, to be sent to another thread: a list of nodes that name their sources by number,
// with bodies of loops beside it. Structure only: no elements, no history, no tensors.
// Not here: who sends them (backend/remote).

import { Body } from "./body.ts";
import { Buffer } from "./buffer.ts";
import type { DType } from "./dtype.ts";
import type { Graph } from "./graph.ts";
import { isOp, Node, sizeOf, topological } from "./node.ts";
import type { Op } from "./op.ts";

/** A node; `src` are places in the list. */
interface FlatNode {
  readonly op: Op;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly src: readonly number[];
  /** Its attributes; of a loop, with the number of its body. */
  readonly attrs: unknown;
  readonly scope: string | undefined;
  /** Of a buffer: whether it is state. */
  readonly state: boolean;
}

interface FlatBody {
  readonly nodes: readonly FlatNode[];
  readonly params: readonly number[];
  readonly outputs: readonly number[];
  readonly key: string;
}

/** What `flatten` makes of a graph: arrays, plain objects, numbers and strings. */
export interface FlatGraph {
  readonly nodes: readonly FlatNode[];
  readonly inputs: readonly number[];
  readonly scalars: readonly number[];
  readonly outputs: readonly number[];
  readonly into: readonly number[];
  readonly key: string;
  /** Of loops, inner ones before those around them. */
  readonly bodies: readonly FlatBody[];
}

/** A graph as plain data, which `structuredClone` and `postMessage` take. */
export function flattenGraph(graph: Graph): FlatGraph {
  const bodies = new Bodies();
  const { nodes, placeOf } = flattenNodes(graph.outputs, bodies);
  return {
    nodes,
    inputs: graph.inputs.map(placeOf),
    scalars: graph.scalars.map(placeOf),
    outputs: graph.outputs.map(placeOf),
    into: graph.into,
    key: graph.key,
    bodies: bodies.list,
  };
}

/** The graph that was made flat, over buffers without data. */
export function unflattenGraph(flat: FlatGraph): Graph {
  const bodies: Body[] = [];
  for (const { nodes, params, outputs, key } of flat.bodies) {
    const mine = unflattenNodes(nodes, bodies);
    const at = (places: readonly number[]) => places.map((i) => mine[i]!);
    bodies.push(new Body(at(params), at(outputs), key));
  }
  const nodes = unflattenNodes(flat.nodes, bodies);
  const at = (places: readonly number[]) => places.map((i) => nodes[i]!);
  const { into, key } = flat;
  return {
    inputs: at(flat.inputs),
    scalars: at(flat.scalars),
    outputs: at(flat.outputs),
    into,
    key,
  };
}

/** The bodies met so far, numbered. */
class Bodies {
  readonly list: FlatBody[] = [];
  private readonly numbers = new Map<Body, number>();

  numberOf(body: Body): number {
    const known = this.numbers.get(body);
    if (known !== undefined) return known;
    const { nodes, placeOf } = flattenNodes([...body.params, ...body.outputs], this);
    const { params, outputs, key } = body;
    this.list.push({ nodes, params: params.map(placeOf), outputs: outputs.map(placeOf), key });
    this.numbers.set(body, this.list.length - 1);
    return this.list.length - 1;
  }
}

function flattenNodes(roots: readonly Node[], bodies: Bodies) {
  const places = new Map<Node, number>();
  const placeOf = (node: Node) => places.get(node)!;
  const nodes: FlatNode[] = [];
  for (const node of topological(roots)) {
    const { op, dtype, shape, scope, buffer } = node;
    if (isOp(node, "custom")) {
      places.set(node, placeOf(node.src[node.attrs.index]!)); // its rule is no part of what is computed
      continue;
    }
    const attrs = isOp(node, "scan")
      ? { ...node.attrs, body: bodies.numberOf(node.attrs.body) }
      : node.attrs;
    places.set(node, nodes.length);
    const src = node.src.map(placeOf);
    nodes.push({ op, dtype, shape, src, attrs, scope, state: buffer?.state ?? false });
  }
  return { nodes, placeOf };
}

function unflattenNodes(flat: readonly FlatNode[], bodies: readonly Body[]): Node[] {
  const nodes: Node[] = [];
  for (const { op, dtype, shape, src, attrs, scope, state } of flat) {
    const own = op === "scan" ? withBody(attrs as { body: number }, bodies) : attrs;
    const sources = src.map((i) => nodes[i]!);
    const node = new Node(op, dtype, shape, sources, own as Node["attrs"]);
    (node as { scope: string | undefined }).scope = scope;
    if (op === "buffer") node.buffer = new Buffer(dtype, sizeOf(shape), null, state);
    nodes.push(node);
  }
  return nodes;
}

function withBody(attrs: { readonly body: number }, bodies: readonly Body[]): unknown {
  return { ...attrs, body: bodies[attrs.body] };
}
