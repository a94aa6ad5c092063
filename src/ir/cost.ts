// What an element costs to compute, in arithmetic instructions: whoever decides between keeping a value
// and computing it again asks here. Not here: the decisions (schedule/groups.ts, autodiff/residuals.ts).

import { isOp, type Node } from "./node.ts";
import { isElementwise } from "./op.ts";

/** Functions that cost more than a few instructions. */
const weights: Record<string, number> = {
  exp: 6, expm1: 8, log: 8, log1p: 9, sin: 6, cos: 6, atan: 8, tanh: 6, sigmoid: 7, erf: 7, pow: 20,
  div: 3, sqrt: 3, rsqrt: 4, reciprocal: 3, mod: 4,
}; // biome-ignore format: a table

/** What a function of elements costs. */
export function weightOfFn(fn: string): number {
  return weights[fn] ?? 1;
}

export function weightOf(node: Node): number {
  if (node.op === "random") return 40;
  if (node.op === "gather") return 4;
  if (isOp(node, "unary") || isOp(node, "binary")) return weightOfFn(node.attrs.fn);
  return isElementwise(node.op) ? 1 : 0;
}
