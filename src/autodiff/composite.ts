// Gradients of composites that are quicker by their own rule than by those of their parts: what a rule
// reads must be kept until the backward pass. Not here: convolutions (conv.ts).

import { reduce } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { grow, mul, sub } from "./terms.ts";

/** The Jacobian of a softmax times g: y·(g - Σ g·y). Of all its parts, only y is kept. */
export function softmaxSlope(y: Node<"softmax">, g: Node): Node {
  const mean = reduce("sum", mul(g, y), y.attrs.axes);
  return mul(y, sub(g, grow(mean, y)));
}
