// Runs a graph node by node on typed arrays. Used by the reference backend, and by whoever wants to see
// every value on the way (the hunt for the first NaN).
// Not here: what one op computes (compute.ts), or Buffers (backend.ts).

import { expand, isComposite } from "../../ir/composite.ts";
import { type DType, makeArray, roundTo, type TypedArray } from "../../ir/dtype.ts";
import type { Graph } from "../../ir/graph.ts";
import { Node, topological } from "../../ir/node.ts";
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
  return evaluate(graph.outputs, values, onNode);
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

// Computes `outputs` from what `known` holds already. Arrays are let go after their last reader.
function evaluate(
  outputs: readonly Node[],
  known: ReadonlyMap<Node, TypedArray>,
  onNode?: OnNode,
): TypedArray[] {
  const values = new Map(known);
  const order = topological(outputs, (node) => known.has(node));
  const readers = countReaders(order, outputs);
  for (const node of order) {
    if (known.has(node)) continue;
    const src = node.src.map((s) => values.get(s)!);
    const result = isComposite(node) ? throughExpansion(node, src) : compute(node, src);
    values.set(node, result);
    if (onNode?.(node, result)) return [];
    for (const s of node.src) {
      const left = readers.get(s)! - 1;
      readers.set(s, left);
      if (left === 0) values.delete(s);
    }
  }
  return outputs.map((node) => values.get(node)!);
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
  return evaluate([rule(alike)], known)[0]!;
}

function single(dtype: DType, value: number): TypedArray {
  const array = makeArray(dtype, 1);
  array[0] = roundTo[dtype](value);
  return array;
}
