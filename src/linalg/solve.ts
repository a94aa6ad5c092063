// Systems with one solution, by LU: solve, inverse, luSolve, tensorsolve. The rules solve with the
// factors that are there already, so a gradient factors nothing again. Gradients: M. Giles, "An
// extended collection of matrix derivative results" (2008).

import { show } from "../ir/build.ts";
import { noGrad } from "../tensor/core.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { shapeError } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  faultUnless,
  identity,
  needMatrices,
  needOneDtype,
  needSquare,
  takeRows,
  withOneBatch,
} from "./common.ts";
import {
  type Factors,
  factorsOf,
  firstZero,
  inverseOrder,
  lowerOf,
  orderOf,
  upperOf,
} from "./lu.ts";
import { forwardSolve, solveTriangular } from "./triangular.ts";

// A⁻¹B (or A⁻ᵀB) by the factors of A.
function byFactors(LU: Tensor, order: Tensor, B: Tensor, adjoint: boolean): Tensor {
  const lower = (T: Tensor, x: Tensor, unit: boolean) => forwardSolve(T, x, unit);
  const upper = (T: Tensor, x: Tensor, unit: boolean) =>
    lower(T.flip([-2, -1]), x.flip(-2), unit).flip(-2);
  const [L, U] = [LU.tril(), LU.triu()];
  if (!adjoint) return upper(U, lower(L, takeRows(B, order), true), false);
  const X = upper(L.mT, lower(U.mT, B, false), true);
  return takeRows(X, inverseOrder(order));
}

// AX = B: dB = A⁻ᵀ g, dA = -dB Xᵀ. AᵀX = B: dB = A⁻¹ g, dA = -X dBᵀ. Of A only its factors are
// read.
const solvedBy = customVjp(
  (_: Tensor, LU: Tensor, order: Tensor, B: Tensor, adjoint: boolean): Tensor =>
    byFactors(LU, order, B, adjoint),
  (g, [A, LU, order, , adjoint], X): (Tensor | null)[] => {
    const dB: Tensor = solvedBy(A, LU, order, g, !adjoint);
    const dA = adjoint ? X.matmul(dB.mT) : dB.matmul(X.mT);
    return [dA.neg(), null, null, dB, null];
  },
);

// dA = -A⁻ᵀ g A⁻ᵀ
const inverted = customVjp(
  (A: Tensor, LU: Tensor, order: Tensor): Tensor =>
    byFactors(LU, order, identity(A.shape.at(-1)!, A.dtype).expand(A.shape), false),
  (g, _, Y) => [Y.mT.matmul(g).matmul(Y.mT).neg(), null, null],
);

/** The factors of A as constants: rules take care of A. */
export function constantFactors(A: Tensor): Factors {
  return noGrad(() => factorsOf(A, true));
}

/** A⁻¹ by its factors. */
export function inverseBy(A: Tensor, { LU, order }: Factors): Tensor {
  return inverted(A, LU, order);
}

/** What an Ex function gives, and of each matrix whether it could. */
export interface SolveEx {
  readonly result: Tensor;
  /** int32: 0, or the first i for which U[i-1, i-1] is zero. */
  readonly info: Tensor;
}

/** Which side the unknown is on. */
export interface SideOptions {
  /** Solve AX = B, or XA = B. */
  left?: boolean | undefined;
}

/** As {@link solve} and, instead of an error, `info`; where a matrix is singular the result holds
 *  infinities and NaN. As torch.linalg.solve_ex. */
export function solveEx(A: Tensor, B: Tensor, options: SideOptions = {}): SolveEx {
  return solveWith("solveEx", A, B, options);
}

function solveWith(op: string, A: Tensor, B: Tensor, { left = true }: SideOptions): SolveEx {
  needSquare(op, A);
  needOneDtype(op, A, B);
  const vector = isVector(A, B);
  const right = vector ? B.unsqueeze(-1) : B;
  if (vector && !left) throw shapeError(op, "XA = B needs a matrix B", "use B.unsqueeze(-2)");
  if (!vector) needMatrices(op, B);
  if (right.shape.at(left ? -2 : -1) !== A.shape.at(-1)) {
    const sizes = `sizes ${A.shape.at(-1)} and ${right.shape.at(left ? -2 : -1)} differ`;
    const shapes = left
      ? `${show(A.shape)} · X = ${show(B.shape)}`
      : `X · ${show(A.shape)} = ${show(B.shape)}`;
    throw shapeError(op, `${shapes}: ${sizes}`);
  }
  const { LU, order } = constantFactors(A);
  const info = firstZero(LU);
  const [a, b] = withOneBatch(op, A, left ? right : right.mT);
  const [lu] = withOneBatch(op, LU, b);
  const places = order.expand([...a.shape.slice(0, -1)]);
  const X = solvedBy(a, lu, places, b, !left);
  const result = left ? X : X.mT;
  return { result: vector ? result.squeeze(-1) : result, info };
}

/** As PyTorch: B is a vector, or a batch of as many vectors as there are matrices. */
function isVector(A: Tensor, B: Tensor): boolean {
  if (B.shape.length === 1) return true;
  return B.shape.length === A.shape.length - 1 && show(B.shape) === show(A.shape.slice(0, -1));
}

/**
 * The X with AX = B (or XA = B), for square A, (…, n, n), and B, (…, n, k), or a vector (…, n). As
 * torch.linalg.solve; faster and more exact than inv(A) times B.
 *
 * @throws ShapeError, DtypeError where the operands do not fit; ArgumentError when the result is
 * read, where a matrix is singular (solveEx says so in numbers).
 *
 * @example
 * await solve(tensor([[2, 0], [0, 4]]), tensor([2, 2])).array(); // [1, 0.5]
 */
export function solve(A: Tensor, B: Tensor, options: SideOptions = {}): Tensor {
  const { result, info } = solveWith("solve", A, B, options);
  return faultUnless(
    "solve: a matrix is singular",
    info.expand(result.shape.slice(0, info.shape.length)),
    result,
  );
}

/** An inverse and, of each matrix, whether it is one. */
export interface InvEx {
  readonly inverse: Tensor;
  /** int32: 0, or the first i for which U[i-1, i-1] is zero. */
  readonly info: Tensor;
}

/** As {@link inv} and, instead of an error, `info`; where a matrix is singular the inverse holds
 *  infinities and NaN. As torch.linalg.inv_ex. */
export function invEx(A: Tensor): InvEx {
  needSquare("invEx", A);
  const factors = constantFactors(A);
  return { inverse: inverseBy(A, factors), info: firstZero(factors.LU) };
}

/**
 * The inverse of A, (…, n, n). As torch.linalg.inv.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix; ArgumentError when the result
 * is read, where a matrix is singular (invEx says so in numbers).
 */
export function inv(A: Tensor): Tensor {
  needSquare("inv", A);
  const factors = constantFactors(A);
  return faultUnless("inv: a matrix is singular", firstZero(factors.LU), inverseBy(A, factors));
}

/** Options of {@link luSolve}. */
export interface LuSolveOptions extends SideOptions {
  /** Solve with the transpose of A. */
  adjoint?: boolean | undefined;
}

/**
 * The X with AX = B, given what luFactor made of A. As torch.linalg.lu_solve.
 *
 * @throws ShapeError, DtypeError where the operands do not fit.
 */
export function luSolve(
  LU: Tensor,
  pivots: Tensor,
  B: Tensor,
  options: LuSolveOptions = {},
): Tensor {
  const op = "luSolve";
  needSquare(op, LU);
  needMatrices(op, B);
  const { left = true, adjoint = false } = options;
  if (!left) return luSolve(LU, pivots, B.mT, { adjoint: !adjoint }).mT;
  const [lu, b] = withOneBatch(op, LU, B);
  const order = orderOf(pivots.sub(1), LU.shape.at(-1)!).expand(lu.shape.slice(0, -1));
  const [L, U] = [lowerOf(lu), upperOf(lu)];
  if (!adjoint) {
    const Y = solveTriangular(L, takeRows(b, order), { upper: false, unitriangular: true });
    return solveTriangular(U, Y, { upper: true });
  }
  const Y = solveTriangular(U.mT, b, { upper: false });
  const X = solveTriangular(L.mT, Y, { upper: true, unitriangular: true });
  return takeRows(X, inverseOrder(order));
}
