// Triangular systems. Large ones are cut in halves, so that nearly all work is products of
// matrices; a system of up to 32 rows is solved row by row in a loop. Not here: systems in general
// (solve.ts).

import { show } from "../ir/build.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { argumentError, shapeError } from "../tensor/ops/common.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { cat } from "../tensor/ops/join.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  columns,
  needMatrices,
  needOneDtype,
  needSquare,
  rowPlaces,
  rows,
  sizesOf,
  withOneBatch,
} from "./common.ts";

/** Systems of up to this many rows run in one loop. */
const direct = 32;

/** The larger part of n, a multiple of `block`, for n > block. */
export function halfOf(n: number, block: number): number {
  return Math.ceil(n / (2 * block)) * block;
}

/** L⁻¹B for lower triangular L, (…, n, n), whose other half is zero, and B, (…, n, k). `unit`: the
 *  diagonal counts as ones. Not differentiable as fast as it could be: see solveTriangular. */
export function forwardSolve(L: Tensor, B: Tensor, unit = false): Tensor {
  const [n, k] = sizesOf(B);
  if (n === 0 || k === 0) return B;
  if (n <= direct) return rowByRow(L, B, unit);
  const half = halfOf(n, direct);
  const top = forwardSolve(columns(rows(L, 0, half), 0, half), rows(B, 0, half), unit);
  const below = rows(L, half); // (…, n - half, n)
  const rest = rows(B, half).sub(columns(below, 0, half).matmul(top));
  return cat([top, forwardSolve(columns(below, half), rest, unit)], -2);
}

// xᵢ = (bᵢ - Σ Lᵢⱼ xⱼ) / Lᵢᵢ; the rows that are not there yet are zero.
function rowByRow(L: Tensor, B: Tensor, unit: boolean): Tensor {
  const places = rowPlaces(B); // (n, 1)
  const steps = {
    row: L.movedim(-2, 0).unsqueeze(-2), // (n, …, 1, n)
    b: B.movedim(-2, 0).unsqueeze(-2), // (n, …, 1, k)
    pivot: L.diagonal(0, -2, -1).movedim(-1, 0).unsqueeze(-1).unsqueeze(-1), // (n, …, 1, 1)
  };
  const body = (X: Tensor, { row, b, pivot }: typeof steps, t: Tensor) => {
    const rest = b.sub(row.matmul(X)); // (…, 1, k)
    const x = unit ? rest : rest.div(pivot);
    return [where(places.eq(t), x, X), null] as const;
  };
  return scan(body, B.mul(0), steps)[0] as Tensor;
}

/** Options of {@link solveTriangular}. */
export interface SolveTriangularOptions {
  /** Whether A is upper triangular, or lower. The other half is not read. */
  upper: boolean;
  /** Solve AX = B, or XA = B. */
  left?: boolean | undefined;
  /** Take the diagonal of A as ones. */
  unitriangular?: boolean | undefined;
}

type Settings = readonly [upper: boolean, left: boolean, unit: boolean];

const triangle = (x: Tensor, upper: boolean, from: 0 | 1 = 0): Tensor =>
  upper ? x.triu(from) : x.tril(-from);

// AX = B: dA = -A⁻ᵀ g Xᵀ within the triangle, dB = A⁻ᵀ g. XA = B: dA = -Xᵀ g A⁻ᵀ, dB = g A⁻ᵀ.
const solved = customVjp(
  (A: Tensor, B: Tensor, [upper, left, unit]: Settings): Tensor => {
    const T = triangle(A, upper);
    if (!left) return solveLeft(T.mT, B.mT, !upper, unit).mT;
    return solveLeft(T, B, upper, unit);
  },
  (g, [A, , [upper, left, unit]], X): (Tensor | null)[] => {
    const dB: Tensor = solved(A.mT, g, [!upper, left, unit]);
    const dA = left ? dB.matmul(X.mT) : X.mT.matmul(dB);
    return [triangle(dA, upper, unit ? 1 : 0).neg(), dB, null];
  },
);

// Turned around, an upper triangle is a lower one.
function solveLeft(T: Tensor, B: Tensor, upper: boolean, unit: boolean): Tensor {
  return upper
    ? forwardSolve(T.flip([-2, -1]), B.flip(-2), unit).flip(-2)
    : forwardSolve(T, B, unit);
}

/**
 * The solution X of AX = B (or XA = B) for triangular A, (…, n, n), and B, (…, n, k) (or (…, k,
 * n)); batches broadcast. A zero on the diagonal gives infinities or NaN, as in PyTorch
 * (torch.linalg.solve_triangular).
 *
 * @throws ShapeError, DtypeError where the operands do not fit.
 *
 * @example
 * const L = tensor([[2, 0], [1, 4]]);
 * await solveTriangular(L, tensor([[2], [9]]), { upper: false }).array(); // [[1], [2]]
 */
export function solveTriangular(A: Tensor, B: Tensor, options: SolveTriangularOptions): Tensor {
  const op = "solveTriangular";
  if (typeof options?.upper !== "boolean") {
    throw argumentError(op, "which triangle?", "use { upper: true } or { upper: false }");
  }
  const { upper, left = true, unitriangular = false } = options;
  needSquare(op, A);
  needMatrices(op, B);
  needOneDtype(op, A, B);
  if (B.shape.at(left ? -2 : -1) !== A.shape.at(-1)) {
    const shapes = left
      ? `${show(A.shape)} · X = ${show(B.shape)}`
      : `X · ${show(A.shape)} = ${show(B.shape)}`;
    throw shapeError(
      op,
      `${shapes}: sizes ${A.shape.at(-1)} and ${B.shape.at(left ? -2 : -1)} differ`,
    );
  }
  const [a, b] = withOneBatch(op, A, B);
  return solved(a, b, [upper, left, unitriangular]);
}
