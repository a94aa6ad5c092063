// Runs a graph node by node on typed arrays. Used by the reference backend, and by whoever wants to see
// every value on the way (the hunt for the first NaN).
// Not here: what one op computes (compute.ts), or Buffers (backend.ts).

import { expand, isComposite } from "../../ir/composite.ts";
import { type DType, makeArray, roundTo, type TypedArray } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import { isOp, Node, sizeOf, topological } from "../../ir/node.ts";
import { compute } from "./compute.ts";

/** Sees each computed node with its row-major elements; returning true stops the run. */
export type OnNode = (node: Node, values: TypedArray) => boolean | undefined;

/**
 * The elements of each output. Inputs and scalars are in the order of the graph's. An output may be an
 * array of `inputs` itself, or the same as another output: copy before changing it.
 *
 * @throws ArgumentError where a gather or scatterAdd meets an index outside of its table.
 */
export function interpret(
  graph: Graph,
  inputs: readonly TypedArray[],
  scalars: readonly number[],
  onNode?: OnNode,
): TypedArray[] {
  const values = new Map<Node, TypedArray>();
  graph.inputs.forEach((node, i) => void values.set(node, inputs[i]!));
  graph.scalars.forEach((node, i) => void values.set(node, single(node.dtype, scalars[i]!)));
  return evaluate(graph.outputs, values, onNode) ?? [];
}

/** What {@link findFirst} found. */
export interface Found {
  readonly node: Node;
  /** The module whose forward built the node, where there is one. */
  readonly scope: string | undefined;
  readonly values: TypedArray;
}

/** The first computed node, sources before users, whose elements meet the predicate; else null. */
export function findFirst(
  graph: Graph,
  inputs: readonly TypedArray[],
  scalars: readonly number[],
  predicate: (values: TypedArray, node: Node) => boolean,
): Found | null {
  let found: Found | null = null;
  interpret(graph, inputs, scalars, (node, values) => {
    if (!predicate(values, node)) return false;
    found = { node, scope: node.scope, values };
    return true;
  });
  return found;
}

// Computes `outputs` from what `known` holds already; null where `onNode` stopped. Arrays are let go
// after their last reader.
function evaluate(
  outputs: readonly Node[],
  known: ReadonlyMap<Node, TypedArray>,
  onNode?: OnNode,
): TypedArray[] | null {
  const values = new Map(known);
  const loops = new Map<Node, readonly TypedArray[]>();
  const order = topological(outputs, (node) => known.has(node));
  const readers = countReaders(order, outputs);
  for (const node of order) {
    if (known.has(node)) continue;
    const src = node.src.map((s) => values.get(s)!);
    if (isOp(node, "scan")) {
      const results = runLoop(node, src, onNode);
      if (results === null) return null;
      loops.set(node, results);
      values.set(node, makeArray(node.dtype, 0));
    } else {
      const result = resultOf(node, src, loops);
      values.set(node, result);
      if (onNode?.(node, result)) return null;
    }
    for (const s of node.src) {
      const left = readers.get(s)! - 1;
      readers.set(s, left);
      if (left > 0) continue;
      values.delete(s);
      loops.delete(s);
    }
  }
  return outputs.map((node) => values.get(node)!);
}

function resultOf(
  node: Node,
  src: readonly TypedArray[],
  loops: ReadonlyMap<Node, readonly TypedArray[]>,
): TypedArray {
  if (isOp(node, "part")) return loops.get(node.src[0]!)![node.attrs.index]!;
  return isComposite(node) ? throughExpansion(node, src) : compute(node, src);
}

// The results of a scan, carries and ys: the body once an iteration, nothing clever.
function runLoop(
  node: Node<"scan">,
  src: readonly TypedArray[],
  onNode?: OnNode,
): TypedArray[] | null {
  const { body, carries, xs, length, reverse } = node.attrs;
  let state = src.slice(0, carries);
  const [sequences, consts] = [src.slice(carries, carries + xs), src.slice(carries + xs)];
  const steps = body.outputs.slice(carries);
  const ys = steps.map((y) => makeArray(y.dtype, length * sizeOf(y.shape)));
  for (let i = 0; i < length; i++) {
    const t = reverse ? length - 1 - i : i;
    const slices = sequences.map((x) =>
      x.slice((t * x.length) / length, ((t + 1) * x.length) / length),
    );
    const given = [single("int32", t), ...state, ...slices, ...consts];
    const known = new Map(body.params.map((p, at) => [p, given[at]!]));
    const results = evaluate(body.outputs, known, onNode);
    if (results === null) return null;
    state = results.slice(0, carries);
    ys.forEach((y, at) => void y.set(results[carries + at]!, t * sizeOf(steps[at]!.shape)));
  }
  return [...state, ...ys];
}

function countReaders(order: readonly Node[], outputs: readonly Node[]): Map<Node, number> {
  const readers = new Map<Node, number>();
  for (const node of order) {
    for (const s of node.src) readers.set(s, (readers.get(s) ?? 0) + 1);
  }
  for (const node of outputs) readers.set(node, (readers.get(node) ?? 0) + 1);
  return readers;
}

// The expansion is built over stand-ins: over the sources themselves it may reach past them (a product
// takes over the permutation of an operand), to nodes whose values are gone.
function throughExpansion(node: Node, src: readonly TypedArray[]): TypedArray {
  const inputs = node.src.map((s) => new Node("buffer", s.dtype, s.shape, [], null));
  const known = new Map(inputs.map((s, i) => [s as Node, src[i]!]));
  const rule = expand[node.op as keyof typeof expand] as (node: Node) => Node;
  const alike = new Node(node.op, node.dtype, node.shape, inputs, node.attrs);
  return evaluate([rule(alike)], known)![0]!;
}

function single(dtype: DType, value: number): TypedArray {
  const array = makeArray(dtype, 1);
  array[0] = roundTo[dtype](value);
  return array;
}
