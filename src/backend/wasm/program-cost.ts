// How long a kernel takes on one thread, roughly: whether it pays to split it among threads. A pure
// function of the kernel, so that the decision is the same on every machine. Not here: the decision.

import { itemSize } from "../../ir/dtype.ts";
import {
  type ContractKernel,
  type Expr,
  type Kernel,
  type LoopKernel,
  type Stage,
  type WinogradKernel,
  type WinogradSumsKernel,
  walk,
} from "../../schedule/kernel.ts";
import { remember } from "../../util/remember.ts";

/** Nanoseconds of a node of an expression at a point, in vectors and one by one. */
const vectorNode = 0.05;
const scalarNode = 0.6;
/** Nodes that a slow function counts for. */
const slowNode = 8;
/** Nanoseconds of a multiplication and addition: vectors of float32, other dtypes. */
const tileProduct = 0.03;
const loopProduct = 0.8;

/** Microseconds. */
export const costOf = remember((kernel: Kernel): number => {
  if (kernel.kind === "loop") return loopCost(kernel) / 1000;
  return (kernel.kind === "contract" ? contractCost(kernel) : winogradCost(kernel)) / 1000;
});

/** Nine products for each channel of each pixel and each output, of which about a third are done. */
function winogradCost(kernel: WinogradKernel | WinogradSumsKernel): number {
  // The sums have the channels among their axes, and the pieces, which share the work.
  const times = kernel.kind === "winograd" ? kernel.image.channels : 1 / kernel.axes[0]!;
  return 3 * product(kernel.axes) * times * tileProduct;
}

function product(extents: readonly number[]): number {
  return extents.reduce((p, d) => p * d, 1);
}

function contractCost({ axes, dtype }: ContractKernel): number {
  return product(axes) * (dtype === "float32" ? tileProduct : loopProduct);
}

function loopCost(kernel: LoopKernel): number {
  const points = product(kernel.axes.slice(0, kernel.parallel));
  const wide = kernel.operands.some(({ dtype }) => itemSize[dtype] === 8);
  const each = kernel.vector < 0 || wide ? scalarNode : vectorNode;
  let nodes = 0;
  for (const stage of kernel.stages) {
    nodes += product(stage.axes.map((a) => kernel.axes[a]!)) * stageNodes(stage);
  }
  return points * nodes * each;
}

function stageNodes({ reduces, stores }: Stage): number {
  const roots = [
    ...reduces.map(({ value }) => value),
    ...stores.flatMap(({ value, scatter }) => (scatter ? [value, scatter.index] : [value])),
  ];
  let nodes = 2 * stores.length;
  walk(roots, (expr) => {
    nodes += isSlow(expr) ? slowNode : 1;
  });
  return nodes;
}

const slowFunctions = new Set("exp expm1 log log1p sin cos atan tanh sigmoid erf".split(" "));

function isSlow(expr: Expr): boolean {
  if (expr.k === "unary") return slowFunctions.has(expr.fn);
  return expr.k === "random" || expr.k === "gather" || (expr.k === "binary" && expr.fn === "pow");
}
