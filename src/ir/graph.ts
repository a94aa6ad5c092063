// Graph: what one program computes. Its nodes are hash-consed (equal nodes are one), its buffers and
// scalars numbered, so that two graphs of the same structure have the same key and share a program.
// Not here: how a graph is made smaller (simplify.ts) or turned into kernels (schedule/).

import { Buffer } from "./buffer.ts";
import { isOp, Node, sizeOf, topological } from "./node.ts";

export interface Graph {
  /** The distinct buffers, as nodes, in the order a program takes them. */
  readonly inputs: readonly Node[];
  /** The distinct scalars, in the order a program takes their values. */
  readonly scalars: readonly Node[];
  readonly outputs: readonly Node[];
  /** For each output the input whose memory it replaces (an assignment), or -1. */
  readonly into: readonly number[];
  /** Equal keys: equal structure. Names neither buffers nor the values of scalars. */
  readonly key: string;
}

/** Rebuilds nodes with new sources and merges equal ones. One builder serves one graph. */
export class Interner {
  private readonly table = new Map<string, Node>();
  private readonly ids = new Map<Node, number>();
  /** For each node that it knows what it is, by the numbers of its sources; names no data. */
  readonly texts: string[] = [];

  /** A node with the given sources: the known equal one, or `node` (a copy if its sources differ). */
  intern(node: Node, src: readonly Node[]): Node {
    let text = `${node.op} ${node.dtype} ${node.shape} ${attrsKey(node)}`;
    for (const s of src) text += ` ${this.ids.get(s)}`;
    // Distinct buffers stay distinct, as do distinct scalars: both are inputs.
    let key = text;
    if (node.op === "buffer") key += `#${node.buffer!.id}`;
    if (node.op === "scalar") key += `#${node.id}`;
    const known = this.table.get(key);
    if (known) return known;
    const same = src.length === node.src.length && src.every((s, i) => s === node.src[i]);
    const fresh = same ? node : withSources(node, src);
    this.ids.set(fresh, this.ids.size);
    this.texts.push(text);
    this.table.set(key, fresh);
    return fresh;
  }

  /** The number of a node that it knows. */
  numberOf(node: Node): number {
    return this.ids.get(node)!;
  }
}

const attrsKeys = new WeakMap<object, string>();

/** JSON knows neither -0 nor NaN nor the infinities, which constants and paddings may be. */
function attrsKey(node: Node): string {
  if (node.attrs === null) return "";
  const known = attrsKeys.get(node.attrs);
  if (known !== undefined) return known;
  const value = isOp(node, "const") || isOp(node, "pad") ? node.attrs.value : 0;
  const text = JSON.stringify(node.attrs);
  const key =
    Number.isFinite(value) && !Object.is(value, -0) ? text : `${text}${1 / value} ${value}`;
  attrsKeys.set(node.attrs, key);
  return key;
}

/** A copy of a node with other sources of the same kinds. It holds no tensor and no history. */
export function withSources(node: Node, src: readonly Node[]): Node {
  const copy = new Node(node.op, node.dtype, node.shape, src, node.attrs);
  (copy as { scope: string | undefined }).scope = node.scope;
  return copy;
}

/** Collects what `outputs` need. `assign[i]` is the buffer that output i replaces, or null. */
export function makeGraph(outputs: readonly Node[], assign?: readonly (Buffer | null)[]): Graph {
  const interner = new Interner();
  const done = new Map<Node, Node>();
  let inputs: Node[] = [];
  let scalars: Node[] = [];
  let ruled = false;
  for (const node of topological(outputs)) {
    const src = node.src.map((s) => done.get(s)!);
    if (isOp(node, "custom")) {
      done.set(node, src[node.attrs.index]!); // nobody asks a program for gradients
      ruled = true;
      continue;
    }
    const before = interner.texts.length;
    const mine = interner.intern(node, src);
    done.set(node, mine);
    if (interner.texts.length === before) continue;
    if (mine.op === "buffer") inputs.push(mine);
    if (mine.op === "scalar") scalars.push(mine);
  }
  const mine = outputs.map((o) => done.get(o)!);
  if (ruled) {
    // What only a rule would have read is no input.
    const live = new Set(topological(mine));
    inputs = inputs.filter((n) => live.has(n));
    scalars = scalars.filter((n) => live.has(n));
  }
  const buffers = inputs.map((n) => n.buffer);
  const into = outputs.map((_, i) => {
    const target = assign?.[i];
    if (!target) return -1;
    const at = buffers.indexOf(target);
    return at;
  });
  const ends = mine.map((o) => interner.numberOf(o));
  const key = `${interner.texts.join(";")};=> ${ends} into ${into}`;
  return { inputs, scalars, outputs: mine, into, key };
}

/** The same graph over buffers without data, for those who keep it longer than the data is wanted: no
 *  node holds elements, history or a tensor. */
export function withoutData(graph: Graph): Graph {
  const copies = new Map<Node, Node>();
  for (const node of topological(graph.outputs)) {
    const copy = withSources(
      node,
      node.src.map((s) => copies.get(s)!),
    );
    if (node.op === "buffer") {
      copy.buffer = new Buffer(node.dtype, sizeOf(node.shape), null, node.buffer!.state);
    }
    copies.set(node, copy);
  }
  const copiesOf = (nodes: readonly Node[]) => nodes.map((n) => copies.get(n)!);
  return {
    ...graph,
    inputs: copiesOf(graph.inputs),
    scalars: copiesOf(graph.scalars),
    outputs: copiesOf(graph.outputs),
  };
}
