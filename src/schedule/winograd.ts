// Convolutions of 3×3 windows with stride 1 by Winograd's F(4×4, 3×3): 36 products instead of 144 for 16
// results, paid for with transforms of the pixels, the weights and the products. Which convolutions
// are worth it (by shape alone), and how they become kernels: a loop kernel that transforms the weights,
// and one that does the rest. Not here: the algebra (ir/winograd-algebra.ts), code (backend/).

import { type Node, sizeOf } from "../ir/node.ts";
import { tileStep, weightMatrix } from "../ir/winograd-algebra.ts";
import { env } from "../util/env.ts";
import { addForms, axisForm, constForm, dotForms, rowMajor, SplitAxis } from "./affine.ts";
import { CutEpilogue } from "./contraction.ts";
import type { Group } from "./groups.ts";
import {
  type Affine,
  type Expr,
  type Operand,
  type Pixels,
  type Store,
  type WinogradKernel,
  walk,
} from "./kernel.ts";
import { addAxes, copyInto, emitStore, withSplits } from "./loops.ts";
import { Lowerer, type Placement } from "./lower.ts";
import { chooseVector, finish, mapForms } from "./order.ts";
import type { Target } from "./plan.ts";
import { labelOf, type Planner } from "./planner.ts";

const side = 6;
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
  if (!target.winograd || target.strict || env("ANNEAL_WINOGRAD") === "0") return false;
  const { stride, lo, hi, dilation, groups } = node.attrs;
  const [x, w] = node.src as [Node, Node];
  const plain =
    node.dtype === "float32" &&
    node.shape.length === 4 &&
    groups === 1 &&
    [...stride, ...dilation].every((n) => n === 1) &&
    w.shape.slice(2).every((n) => n === 3) &&
    [...lo, ...hi].every((n) => n >= 0);
  if (!plain || sizeOf(node.shape) === 0 || sizeOf(x.shape) === 0) return false;
  return paysOff(node.shape, x.shape[1]!);
}

function paysOff([B, O, U, V]: readonly number[], C: number): boolean {
  if (C < leastChannels || O! < leastChannels) return false;
  const outputs = 16 * Math.ceil(O! / 16);
  const direct = 9 * B! * U! * V! * C * outputs;
  const tiles = B! * Math.ceil(U! / tileStep) * Math.ceil(V! / tileStep);
  const perTile = side * side * (C + shortSum) * outputs + readCost * C + writeCost * outputs;
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
  if (planner.canonical.has(end)) copyOut(planner, end);
}

function onAllAxes({ base, coef }: Affine): Affine {
  return { base, coef: [images, rows, columns, panel, lane].map((axis) => coef[axis] ?? 0) };
}

function operandsOf(planner: Planner, lowerer: Lowerer, written: readonly number[]): Operand[] {
  return lowerer.buffers.map((b, i) => ({
    dtype: planner.buffers[b]!.dtype,
    write: written.includes(i),
  }));
}

/** The result again in row-major order. */
function copyOut(planner: Planner, end: Node): void {
  const buffer = planner.temp(end.dtype, sizeOf(end.shape));
  withSplits(end.shape, (factors) => copyInto(planner, end, buffer, factors));
  planner.placements.set(end, { buffer, strides: rowMajor(end.shape), offset: 0 });
}

/** Transforms weights (O, C, 3, 3) into [36, panel, C, lane], zeros past the last output. */
function transformWeights(planner: Planner, w: Node, panels: number): number {
  const [O, C] = w.shape as [number, number];
  const buffer = planner.temp("float32", side * side * panels * C * 16);
  withSplits([C, panels, 16], (factors) => {
    const lowerer = new Lowerer(planner);
    const { coords, ids } = addAxes(lowerer, factors);
    const [c, p, l] = coords as [Affine, Affine, Affine];
    const column = addForms(dotForms([p], [16]), l);
    const weight = (i: number, j: number): Expr => {
      const x = lowerer.expr(w, [column, c, constForm(i), constForm(j)]);
      if (O % 16 === 0) return x;
      return { k: "masked", dtype: "float32", ranges: [{ at: column, size: O }], x, fill: 0 };
    };
    const taps = [0, 1, 2].map((i) => [0, 1, 2].map((j) => weight(i, j)));
    const operand = lowerer.operand(buffer);
    const stores = transformed(weightMatrix, taps).map((value, k): Store => {
      const at = dotForms([p, c, l], [C * 16, 16, 1], k * panels * C * 16);
      return { operand, at, value };
    });
    emitStores(planner, lowerer, ids.flat(), stores, `winograd ${labelOf([w])}`);
  });
  return buffer;
}

/** The elements of m · x · mᵀ as expressions, row by row. */
function transformed(m: readonly (readonly number[])[], x: readonly (readonly Expr[])[]): Expr[] {
  const left = m.map((row) =>
    x[0]!.map((_, j) =>
      combine(
        row,
        x.map((r) => r[j]!),
      ),
    ),
  );
  return left.flatMap((row) => m.map((other) => combine(other, row)));
}

/** Σ factor · x. */
function combine(factors: readonly number[], x: readonly Expr[]): Expr {
  let sum: Expr | null = null;
  factors.forEach((factor, i) => {
    if (factor === 0) return;
    const value: Expr = { k: "const", dtype: "float32", value: factor };
    const term: Expr =
      factor === 1 ? x[i]! : { k: "binary", dtype: "float32", fn: "mul", x: x[i]!, y: value };
    sum = sum === null ? term : { k: "binary", dtype: "float32", fn: "add", x: sum, y: term };
  });
  return sum ?? { k: "const", dtype: "float32", value: 0 };
}

/** Pieces that a loop over weights is cut into. */
const weightPieces = 8;

/** A loop kernel with many stores at each point; `axes` in the order of the loops. */
function emitStores(
  planner: Planner,
  lowerer: Lowerer,
  axes: readonly number[],
  stores: readonly Store[],
  label: string,
): void {
  const accesses = stores.map(({ at }) => ({ at, weight: 1 }));
  const vector = chooseVector(axes, accesses, lowerer.extents);
  const parallel = [...axes.filter((a) => a !== vector), ...(vector >= 0 ? [vector] : [])];
  const written = [...new Set(stores.map(({ operand }) => operand))];
  const kernel = finish(
    {
      extents: lowerer.extents,
      parallel,
      inner: [],
      vector,
      stages: [{ axes: [], reduces: [], stores }],
    },
    {
      operands: operandsOf(planner, lowerer, written),
      regs: [],
      scalars: lowerer.scalarTypes,
    },
  );
  const grain = Math.ceil(kernel.axes[0]! / weightPieces);
  planner.step(kernel.vector === 0 ? kernel : { ...kernel, grain }, {
    buffers: [...lowerer.buffers],
    scalars: [...lowerer.scalars],
    label,
    faults: lowerer.faults,
  });
}

/** How a kernel of `lowerer` reads the pixels of a node (B, C, H, W): as they lie if their channels are
 *  neighbours, else from a copy. */
function pixelsOf(
  planner: Planner,
  lowerer: Lowerer,
  x: Node,
  [top, left]: readonly number[],
): Pixels {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const { buffer, base, strides } = inPlace(planner, x) ?? copied(planner, x);
  const operand = lowerer.operand(buffer);
  return { operand, base, strides, height, width, channels, top: top!, left: left! };
}

interface Lying {
  readonly buffer: number;
  readonly base: number;
  readonly strides: readonly [number, number, number];
}

function inPlace(planner: Planner, x: Node): Lying | null {
  const probe = new Lowerer(planner);
  const { coords } = addAxes(
    probe,
    x.shape.map((extent) => [extent]),
  );
  try {
    const expr = probe.expr(x, coords);
    if (expr.k !== "load") return null;
    const [b, c, y, xs] = x.shape.map((_, axis) => expr.at.coef[axis] ?? 0) as [
      number,
      number,
      number,
      number,
    ];
    const near = c === 1 && [b, y, xs].every((step) => step >= 0) && xs <= 4 * x.shape[1]!;
    const buffer = probe.buffers[expr.operand]!;
    return near ? { buffer, base: expr.at.base, strides: [b, y, xs] } : null;
  } catch (error) {
    if (error instanceof SplitAxis) return null;
    throw error;
  }
}

function copied(planner: Planner, x: Node): Lying {
  const [, C, H, W] = x.shape as [number, number, number, number];
  const buffer = planner.temp(x.dtype, sizeOf(x.shape));
  const strides = [H * W * C, W * C, C] as const;
  withSplits(x.shape, (factors) => {
    const lowerer = new Lowerer(planner);
    const { coords, ids } = addAxes(lowerer, factors);
    const at = dotForms(coords, [strides[0], 1, strides[1], strides[2]]);
    emitStore(planner, lowerer, ids.flat(), lowerer.expr(x, coords), at, buffer, [x]);
  });
  return { buffer, base: 0, strides };
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
