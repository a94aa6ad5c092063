// How much work a graph is, whoever does it: products of contractions, instructions on elements, and
// steps that must come one after the other. Rough, from the graph as the user wrote it: for choices
// between devices. Not here: what an element costs (cost.ts), or how long a device takes (tensor/auto.ts).

import { weightOf } from "./cost.ts";
import { isOp, type Node, sizeOf, topological } from "./node.ts";

export interface Work {
  /** Multiplications with addition in contractions. */
  readonly products: number;
  /** Arithmetic instructions on elements. */
  readonly instructions: number;
  /** Kernels at least: contractions and reductions, again in each iteration of a loop. */
  readonly steps: number;
}

/** Instructions of a softmax on an element. */
const softmaxWeight = 10;

/** The work of computing nodes. */
export function workOf(outputs: readonly Node[]): Work {
  let [products, instructions, steps] = [0, 0, 1];
  for (const node of topological(outputs)) {
    const { op, shape, src } = node;
    if (isOp(node, "scan")) {
      const { length, body } = node.attrs;
      const each = workOf(body.outputs);
      products += length * each.products;
      instructions += length * each.instructions;
      steps += length * each.steps;
      continue;
    }
    const size = sizeOf(shape);
    const mine = productsOf(node, size);
    products += mine;
    if (op === "reduce") instructions += sizeOf(src[0]!.shape);
    else if (op === "softmax") instructions += size * softmaxWeight;
    else instructions += size * weightOf(node);
    if (mine > 0 || op === "reduce" || op === "softmax") steps++;
  }
  return { products, instructions, steps };
}

function productsOf(node: Node, size: number): number {
  const [a, b] = node.src.map((s) => s.shape);
  if (isOp(node, "contract")) {
    const extents = new Map<string, number>();
    [...node.attrs.a].forEach((label, i) => void extents.set(label, a![i]!));
    [...node.attrs.b].forEach((label, i) => void extents.set(label, b![i]!));
    return [...extents.values()].reduce((p, d) => p * d, 1);
  }
  // x (B,C,…), w (O,C/groups,…): one product for each weight of an output.
  if (node.op === "conv") return size * sizeOf(b!.slice(1));
  // The gradient (B,O,…) of the result: one for each of its places.
  if (node.op === "convWeights") return (size * sizeOf(b!)) / Math.max(1, b![1]!);
  return 0;
}
