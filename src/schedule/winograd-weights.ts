// The transforms of a Winograd convolution's weights, as loop kernels: of the weights before its
// products, and of the sums of products into the gradient of the weights.
// Not here: transforms of pixels and results, which backends write out (winograd.ts).

import { type Node, sizeOf } from "../ir/node.ts";
import { tileProducts, weightGradientMatrix, weightMatrix } from "../ir/winograd-algebra.ts";
import { addForms, constForm, dotForms, rowMajor } from "./affine.ts";
import { type Affine, type Expr, type Operand, type Store, walk } from "./kernel.ts";
import { addAxes, withSplits } from "./loops.ts";
import { Lowerer } from "./lower.ts";
import { chooseVector, finish } from "./order.ts";
import { labelOf, type Planner } from "./planner.ts";

/** Elements from one of the 36 matrices of weights to the next: an odd number of cache lines, so that
 *  the 36 elements of a weight lie in different sets of the caches. */
export function matrixOf(channels: number, panels: number): number {
  return 16 * ((channels * panels) | 1);
}

/** Transforms weights (O, C, 3, 3) into [36, panel, C, lane], zeros past the last output. */
export function transformWeights(planner: Planner, w: Node, panels: number): number {
  const [O, C] = w.shape as [number, number];
  const matrix = matrixOf(C, panels);
  const buffer = planner.temp("float32", tileProducts * matrix);
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
      const at = dotForms([p, c, l], [C * 16, 16, 1], k * matrix);
      return { operand, at, value };
    });
    emitStores(planner, lowerer, ids.flat(), stores, `winograd ${labelOf([w])}`);
  });
  return buffer;
}

/** Turns sums of products, [piece, 36, C, panel, lane], into the gradient of the weights (O, C, 3, 3);
 *  pieces are added in their order. Returns where it lies, row-major. */
export function finishWeights(
  planner: Planner,
  node: Node,
  sums: { buffer: number; pieces: number; panels: number },
): number {
  const [O, C] = node.shape as [number, number];
  const outputs = 16 * sums.panels;
  const buffer = planner.temp("float32", sizeOf(node.shape));
  const lowerer = new Lowerer(planner);
  const { coords, ids } = addAxes(lowerer, [[C], [O]]);
  const [c, o] = coords as [Affine, Affine];
  const from = lowerer.operand(sums.buffer);
  const matrix = matrixOf(C, sums.panels);
  const products = Array.from({ length: 6 }, (_, i) =>
    Array.from({ length: 6 }, (_, j): Expr => {
      const piece = (p: number): Expr => {
        const base = (p * tileProducts + 6 * i + j) * matrix;
        return load(from, dotForms([c, o], [outputs, 1], base));
      };
      let sum = piece(0);
      for (let p = 1; p < sums.pieces; p++) sum = add(sum, piece(p));
      return sum;
    }),
  );
  const operand = lowerer.operand(buffer);
  const [perOutput, perChannel] = rowMajor(node.shape) as [number, number];
  const stores = transformed(weightGradientMatrix, products).map((value, k): Store => {
    return { operand, at: dotForms([c, o], [perChannel, perOutput], k), value };
  });
  emitStores(planner, lowerer, ids.flat(), stores, `winograd ${labelOf([node])}`);
  return buffer;
}

function load(operand: number, at: Affine): Expr {
  return { k: "load", dtype: "float32", operand, at };
}

function add(x: Expr, y: Expr): Expr {
  return { k: "binary", dtype: "float32", fn: "add", x, y };
}

/** The elements of m · x · mᵀ as expressions, row by row. */
function transformed(m: readonly (readonly number[])[], x: readonly (readonly Expr[])[]): Expr[] {
  const factors = new Map<number, Expr>();
  for (const value of m.flat()) factors.set(value, { k: "const", dtype: "float32", value });
  const columns = x[0]!.map((_, j) => x.map((r) => r[j]!));
  const left = m.map((row) => columns.map((column) => combine(row, column, factors)));
  return left.flatMap((row) => m.map((other) => combine(other, row, factors)));
}

/** Σ factor · x, the factors as expressions from a table. */
function combine(
  row: readonly number[],
  x: readonly Expr[],
  factors: ReadonlyMap<number, Expr>,
): Expr {
  let sum: Expr | null = null;
  row.forEach((factor, i) => {
    if (factor === 0) return;
    const y = factors.get(factor)!;
    const term: Expr =
      factor === 1 ? x[i]! : { k: "binary", dtype: "float32", fn: "mul", x: x[i]!, y };
    sum = sum === null ? term : add(sum, term);
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
  walk(
    stores.map(({ value }) => value),
    (e) => {
      if (e.k === "load") accesses.push({ at: e.at, weight: 1 });
    },
  );
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

/** The operands of a kernel, those that it writes marked. */
export function operandsOf(
  planner: Planner,
  lowerer: Lowerer,
  written: readonly number[],
): Operand[] {
  return lowerer.buffers.map((b, i) => ({
    dtype: planner.buffers[b]!.dtype,
    write: written.includes(i),
  }));
}
