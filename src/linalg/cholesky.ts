// Cholesky factors of positive definite matrices, and what is solved with them. Matrices are cut in
// halves down to 32 rows; such a block is factored column by column in a loop. Gradients: I.
// Murray, "Differentiation of the Cholesky decomposition" (2016).

import { show } from "../ir/build.ts";
import { arange } from "../tensor/create.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { shapeError } from "../tensor/ops/common.ts";
import { dynamicSlice } from "../tensor/ops/dynamic.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  batchOf,
  blocks,
  columns,
  faultUnless,
  firstPlace,
  identity,
  needMatrices,
  needOneDtype,
  needSquare,
  rowPlaces,
  rows,
  withOneBatch,
  zeros,
} from "./common.ts";
import { forwardSolve, halfOf, solveTriangular } from "./triangular.ts";

const direct = 32;

// [A11 ·; A21 A22] = [L11 ·; L21 L22] times its transpose. Only the lower half of A is read.
function factor(A: Tensor): Tensor {
  const n = A.shape.at(-1)!;
  if (n === 0) return A;
  if (n <= direct) return columnByColumn(A);
  const half = halfOf(n, direct);
  const [top, below] = [rows(A, 0, half), rows(A, half)];
  const L11 = factor(columns(top, 0, half));
  const L21 = forwardSolve(L11, columns(below, 0, half).mT).mT;
  const L22 = factor(columns(below, half).sub(L21.matmul(L21.mT)));
  return blocks([
    [L11, zeros(L21.mT.shape, A.dtype)],
    [L21, L22],
  ]);
}

// Column t of L is what is left of A's after the columns before it, over the root of its diagonal.
function columnByColumn(A: Tensor): Tensor {
  const n = A.shape.at(-1)!;
  const [down, across] = [rowPlaces(A), arange(n)]; // (n, 1), (n)
  const batch = batchOf(A);
  const none = batch.map(() => 0);
  const steps = A.movedim(-1, 0).unsqueeze(-1); // (n, …, n, 1)
  const body = (L: Tensor, column: Tensor, t: Tensor) => {
    const row = dynamicSlice(L, [...none, t, 0], [...batch, 1, n]); // (…, 1, n)
    const rest = column.sub(L.matmul(row.mT)); // (…, n, 1)
    const square = dynamicSlice(rest, [...none, t, 0], [...batch, 1, 1]);
    const made = where(down.lt(t), 0, rest.div(square.sqrt()));
    return [where(across.eq(t), made, L), null] as const;
  };
  return scan(body, zeros(A.shape, A.dtype), steps)[0] as Tensor;
}

/** The lower half with half of the diagonal: what a symmetric change of A does to its factor. */
const lowerHalf = (x: Tensor): Tensor =>
  x.tril().sub(x.mul(identity(x.shape.at(-1)!, x.dtype)).mul(0.5));

// dA = L⁻ᵀ Φ(Lᵀg) L⁻¹, Φ taking the lower half, made symmetric.
const factored = customVjp(factor, (g, _, L) => {
  const phi = lowerHalf(L.mT.matmul(g));
  const right = solveTriangular(L, phi, { upper: false, left: false }); // Φ L⁻¹
  const S = solveTriangular(L.mT, right, { upper: true });
  return [S.add(S.mT).mul(0.5)];
});

/** Options of functions that make or take a triangular factor. */
export interface UpperOptions {
  /** A = UᵀU with U upper triangular, in place of LLᵀ. */
  upper?: boolean | undefined;
}

/** A factor and, of each matrix, whether it is one. */
export interface CholeskyEx {
  readonly L: Tensor;
  /** int32: 0, or the order of the first leading minor that is not positive. */
  readonly info: Tensor;
}

/**
 * The Cholesky factor of A and, instead of an error, `info`: 0 where A is positive definite. Where
 * it is not, L holds NaN or infinities from that column on. As torch.linalg.cholesky_ex.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix.
 */
export function choleskyEx(A: Tensor, options: UpperOptions = {}): CholeskyEx {
  return withInfo("choleskyEx", A, options);
}

function withInfo(op: string, A: Tensor, { upper = false }: UpperOptions): CholeskyEx {
  needSquare(op, A);
  const L = factored(upper ? A.mT : A);
  const info = firstPlace(L.detach().diagonal(0, -2, -1).gt(0).logicalNot());
  return { L: upper ? L.mT : L, info };
}

/**
 * The lower triangular L with LLᵀ = A for symmetric positive definite A, (…, n, n), of which only
 * the lower half is read (with `upper` U with UᵀU = A, and the upper half). As
 * torch.linalg.cholesky.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix; ArgumentError when the result
 * is read, where a matrix is not positive definite (choleskyEx says so in numbers).
 *
 * @example
 * await cholesky(tensor([[4, 2], [2, 10]])).array(); // [[2, 0], [1, 3]]
 */
export function cholesky(A: Tensor, options: UpperOptions = {}): Tensor {
  const { L, info } = withInfo("cholesky", A, options);
  return faultUnless("cholesky: a matrix is not positive definite", info, L);
}

// dB = A⁻¹ g = Y, dL = -(Y Xᵀ + X Yᵀ) L: the gradient of A = LLᵀ for any L, as PyTorch's, though
// the other half of L is not read.
const solvedBy = customVjp(
  (B: Tensor, L: Tensor): Tensor => {
    const Y = forwardSolve(L.tril(), B);
    return forwardSolve(L.tril().mT.flip([-2, -1]), Y.flip(-2)).flip(-2);
  },
  (g, [, L], X): Tensor[] => {
    const Y = solvedBy(g, L);
    const outer = Y.matmul(X.mT);
    return [Y, outer.add(outer.mT).matmul(L).neg()];
  },
);

/**
 * The solution X of AX = B, (…, n, k), given A's Cholesky factor, (…, n, n); batches broadcast. As
 * torch.cholesky_solve.
 *
 * @throws ShapeError, DtypeError where the operands do not fit.
 */
export function choleskySolve(B: Tensor, factor: Tensor, options: UpperOptions = {}): Tensor {
  const op = "choleskySolve";
  needSquare(op, factor);
  needMatrices(op, B);
  needOneDtype(op, factor, B);
  if (B.shape.at(-2) !== factor.shape.at(-1)) {
    const sizes = `sizes ${factor.shape.at(-1)} and ${B.shape.at(-2)} differ`;
    throw shapeError(op, `factor ${show(factor.shape)} and ${show(B.shape)}: ${sizes}`);
  }
  const [b, L] = withOneBatch(op, B, options.upper ? factor.mT : factor);
  return solvedBy(b, L);
}

/**
 * The inverse of A given its Cholesky factor, (…, n, n). As torch.cholesky_inverse.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix.
 */
export function choleskyInverse(factor: Tensor, options: UpperOptions = {}): Tensor {
  needSquare("choleskyInverse", factor);
  const n = factor.shape.at(-1)!;
  return choleskySolve(identity(n, factor.dtype), factor, options);
}
