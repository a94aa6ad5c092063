// Convolutions of 3×3 windows with stride 1 by Winograd's F(4×4, 3×3): 36 products instead of 144 for 16
// results, paid for with transforms of the pixels, the weights and the products. Which convolutions
// are worth it (by shape alone), and how they become kernels: a loop kernel that transforms the weights,
// and one that does the rest. Not here: the algebra (ir/winograd-algebra.ts), code (backend/).

import { type Node, type Shape, sizeOf } from "../ir/node.ts";
import type { Attrs } from "../ir/op.ts";
import { tileProducts, tileStep } from "../ir/winograd-algebra.ts";
import { env } from "../util/env.ts";
import { addForms, axisForm, rowMajor, SplitAxis } from "./affine.ts";
import { CutEpilogue } from "./contraction.ts";
import type { Group } from "./groups.ts";
import {
  type Affine,
  type Expr,
  type WinogradKernel,
  type WinogradSumsKernel,
  walk,
} from "./kernel.ts";
import { Lowerer, type Placement } from "./lower.ts";
import { mapForms } from "./order.ts";
import { layRowMajor } from "./outputs.ts";
import type { Target } from "./plan.ts";
import { labelOf, type Planner } from "./planner.ts";
import { pixelsOf } from "./winograd-pixels.ts";
import { finishWeights, matrixOf, operandsOf, transformWeights } from "./winograd-weights.ts";

/** Fewer channels than this on either side leave too few products for a transform. */
const leastChannels = 16;
/** What a transform costs, in products of the register tile, for each channel of a tile: of pixels, of
 *  results; and for each weight. Measured. */
const readCost = 300;
const writeCost = 200;
const weightCost = 400;
/** Sums as short as the channels of an image lose about two products at their ends. */
const shortSum = 2;
/** Products below which nothing is to be gained, and how much less the estimate must be. */
const leastProducts = 1 << 20;
const worthIt = 0.85;

/** Whether a convolution runs by transforms on a target. ANNEAL_WINOGRAD=0 turns all of them off. */
export function takesWinograd(node: Node<"conv">, target: Target): boolean {
  const [x, w] = node.src as [Node, Node];
  return fits(node.attrs, w.shape, target) && isPlain(node) && paysOff(node.shape, x.shape[1]!);
}

/** The same of the gradient of its weights. */
export function takesWinogradWeights(node: Node<"convWeights">, target: Target): boolean {
  const [x, g] = node.src as [Node, Node];
  return fits(node.attrs, node.shape, target) && isPlain(node) && paysOff(g.shape, x.shape[1]!);
}

function fits({ stride, lo, hi, dilation, groups }: Attrs["conv"], weights: Shape, target: Target) {
  if (!target.winograd || target.strict || env("ANNEAL_WINOGRAD") === "0") return false;
  return (
    groups === 1 &&
    weights.length === 4 &&
    [...stride, ...dilation].every((n) => n === 1) &&
    weights.slice(2).every((n) => n === 3) &&
    [...lo, ...hi].every((n) => n >= 0)
  );
}

function isPlain(node: Node): boolean {
  return node.dtype === "float32" && [node, ...node.src].every((n) => sizeOf(n.shape) > 0);
}

function paysOff([B, O, U, V]: readonly number[], C: number): boolean {
  if (C < leastChannels || O! < leastChannels) return false;
  const outputs = 16 * Math.ceil(O! / 16);
  const direct = 9 * B! * U! * V! * C * outputs;
  const tiles = B! * Math.ceil(U! / tileStep) * Math.ceil(V! / tileStep);
  const perTile = tileProducts * (C + shortSum) * outputs + readCost * C + writeCost * outputs;
  const cost = tiles * perTile + weightCost * C * outputs;
  return direct >= leastProducts && cost < worthIt * direct;
}

/** Axes of the kernel. */
const [images, rows, columns, panel, lane] = [0, 1, 2, 3, 4] as const;

/** Lowers a convolution that {@link takesWinograd}, with its epilogue. */
export function lowerWinograd(planner: Planner, group: Group): void {
  const conv = group.contract as Node<"conv">;
  const end = group.items[0]!;
  const [B, O, U, V] = conv.shape as [number, number, number, number];
  const panels = Math.ceil(O / 16);
  const lowerer = new Lowerer(planner);
  for (const extent of [B, U, V, panels, 16]) lowerer.addAxis(extent);
  const [x, w] = conv.src as [Node, Node];
  const weights = transformWeights(planner, w, panels);
  const image = pixelsOf(planner, lowerer, x, conv.attrs.lo);
  const value = epilogueOf(lowerer, conv, end);
  const buffer = planner.temp("float32", B * U * V * panels * 16);
  const [yStep, xStep] = [V * panels * 16, panels * 16];
  const placement: Placement = { buffer, strides: [U * yStep, 1, yStep, xStep], offset: 0 };
  const at = { base: 0, coef: [U * yStep, yStep, xStep, 16, 1] };
  const operand = lowerer.operand(buffer);
  const weightsOperand = lowerer.operand(weights);
  const kernel: WinogradKernel = {
    kind: "winograd",
    axes: [B, U, V, panels, 16],
    operands: operandsOf(planner, lowerer, [operand]),
    image,
    weights: weightsOperand,
    matrix: matrixOf(image.channels, panels),
    store: { operand, at, value: mapForms(value, onAllAxes, new Map()) },
    scalars: lowerer.scalarTypes,
    regs: [],
  };
  planner.step(kernel, {
    buffers: [...lowerer.buffers],
    scalars: [...lowerer.scalars],
    label: labelOf(end === conv ? [end] : [conv, end]),
    faults: lowerer.faults,
  });
  planner.placements.set(end, placement);
  if (planner.canonical.has(end)) layRowMajor(planner, end);
}

function onAllAxes({ base, coef }: Affine): Affine {
  return { base, coef: [images, rows, columns, panel, lane].map((axis) => coef[axis] ?? 0) };
}

/** Tiles that a piece of a weight gradient should have at least, and the most pieces: each has 36 sums
 *  for every weight, which are read again in the end. */
const pieceTiles = 48;
const mostPieces = 4;

/** Lowers the gradient of weights that {@link takesWinogradWeights}. */
export function lowerWinogradWeights(planner: Planner, group: Group): void {
  const node = group.contract as Node<"convWeights">;
  const [x, g] = node.src as [Node, Node];
  const [B, O, U, V] = g.shape as [number, number, number, number];
  const channels = x.shape[1]!;
  const panels = Math.ceil(O / 16);
  const rows = B * Math.ceil(U / tileStep);
  const tiles = rows * Math.ceil(V / tileStep);
  const pieces = Math.max(1, Math.min(mostPieces, rows, Math.floor(tiles / pieceTiles)));
  const matrix = matrixOf(channels, panels);
  const lowerer = new Lowerer(planner);
  const image = pixelsOf(planner, lowerer, x, node.attrs.lo);
  const gradient = pixelsOf(planner, lowerer, g, [0, 0]);
  const buffer = planner.temp("float32", pieces * tileProducts * matrix);
  const sums = lowerer.operand(buffer);
  const kernel: WinogradSumsKernel = {
    kind: "winogradSums",
    axes: [pieces, B, U, V, channels, panels, 16],
    operands: operandsOf(planner, lowerer, [sums]),
    image,
    gradient,
    sums,
    matrix,
    scalars: [],
    regs: [],
  };
  const label = labelOf([node]);
  planner.step(kernel, { buffers: [...lowerer.buffers], scalars: [], label, faults: [] });
  const to = finishWeights(planner, node, { buffer, pieces, panels });
  planner.placements.set(node, { buffer: to, strides: rowMajor(node.shape), offset: 0 });
}

/** Operations that an epilogue may have: it is written out for each pixel of a tile. */
const epilogueLimit = 12;
const cheap = new Set(
  "neg abs sqrt relu sign reciprocal rsqrt add sub mul div max min and or xor not".split(" "),
);

/** The value of `end` with the convolution as `acc`, if the kernel can run it. */
function epilogueOf(lowerer: Lowerer, conv: Node<"conv">, end: Node): Expr {
  const acc: Expr = { k: "acc", dtype: conv.dtype };
  if (end === conv) return acc;
  lowerer.local.set(conv, () => acc);
  const column = addForms(axisForm(panel, 16), axisForm(lane));
  const coords = [axisForm(images), column, axisForm(rows), axisForm(columns)];
  let value: Expr;
  try {
    value = lowerer.computeHere(end, coords);
  } catch (error) {
    if (error instanceof SplitAxis) throw new CutEpilogue(conv);
    throw error;
  }
  let count = 0;
  let fits = true;
  walk([value], (e) => {
    count++;
    if (e.k === "load") fits &&= isStraight(e.at);
    else if (e.k === "unary" || e.k === "binary") fits &&= cheap.has(e.fn);
    else if (["masked", "gather", "axis", "random", "reg"].includes(e.k)) fits = false;
  });
  if (!fits || count > 2 * epilogueLimit) throw new CutEpilogue(conv);
  return value;
}

/** The channels of a pixel are neighbours, or all the same element. */
function isStraight({ coef }: Affine): boolean {
  const step = coef[lane] ?? 0;
  return (step === 0 || step === 1) && (coef[panel] ?? 0) === 16 * step;
}
