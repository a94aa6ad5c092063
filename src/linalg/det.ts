// Determinants by LU. The gradient of a determinant, its cofactors, is finite for singular matrices
// too: a pivot that is zero is replaced by a tiny one, of which the cofactors are continuous
// functions. Not here: the factors (lu.ts).

import { arange } from "../tensor/create.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { epsilonOf, identity, needSquare } from "./common.ts";
import type { Factors } from "./lu.ts";
import { constantFactors, inverseBy } from "./solve.ts";

const diagonalOf = (x: Tensor): Tensor => x.diagonal(0, -2, -1);

/** 1 or -1: whether the exchanges of rows are even. */
function parity(swaps: Tensor, like: Tensor): Tensor {
  const moved = swaps.ne(arange(swaps.shape.at(-1)!)); // (…, n)
  return where(moved, -1, 1).to(like.dtype).prod(-1);
}

/** LU without a zero on the diagonal. */
function perturbed(LU: Tensor): Tensor {
  if (LU.shape.at(-1) === 0) return LU;
  const pivots = diagonalOf(LU);
  const largest = pivots.abs().amax(-1, { keepdim: true });
  const tiny = where(largest.gt(0), largest, 1).mul(epsilonOf(LU.dtype));
  const missing = where(pivots.eq(0), tiny, 0); // (…, n)
  return LU.add(identity(LU.shape.at(-1)!, LU.dtype).mul(missing.unsqueeze(-1)));
}

// dA = g · cofactors = g · det A · A⁻ᵀ
const determinant = customVjp(
  (_: Tensor, LU: Tensor, _order: Tensor, swaps: Tensor): Tensor =>
    diagonalOf(LU).prod(-1).mul(parity(swaps, LU)),
  (g, [A, LU, order, swaps]) => {
    const factors = { LU: perturbed(LU), order, swaps };
    const value = determinantBy(A, factors);
    const inverse = inverseBy(A, factors);
    return [inverse.mT.mul(g.mul(value).unsqueeze(-1).unsqueeze(-1)), null, null, null];
  },
);

function determinantBy(A: Tensor, { LU, order, swaps }: Factors): Tensor {
  return determinant(A, LU, order, swaps);
}

// dA = g · A⁻ᵀ
const logOfSize = customVjp(
  (_: Tensor, LU: Tensor, _order: Tensor, _swaps: Tensor): Tensor =>
    diagonalOf(LU).abs().log().sum(-1),
  (g, [A, LU, order, swaps]) => {
    const inverse = inverseBy(A, { LU, order, swaps });
    return [inverse.mT.mul(g.unsqueeze(-1).unsqueeze(-1)), null, null, null];
  },
);

/**
 * The determinants of A, (…, n, n) → (…). As torch.linalg.det; the gradient is that of the
 * cofactors, also where A is singular.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix.
 *
 * @example
 * await det(tensor([[1, 2], [3, 4]])).item(); // -2
 */
export function det(A: Tensor): Tensor {
  needSquare("det", A);
  return determinantBy(A, constantFactors(A));
}

/** A determinant as its sign (-1, 0 or 1) and the logarithm of its size. */
export interface SlogDet {
  readonly sign: Tensor;
  readonly logabsdet: Tensor;
}

/**
 * Sign and log|det| of A, (…, n, n) → (…) each: what no determinant is too large or too small for.
 * A singular matrix has sign 0 and -Infinity, and a gradient that is not finite. As
 * torch.linalg.slogdet.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix.
 */
export function slogdet(A: Tensor): SlogDet {
  needSquare("slogdet", A);
  const { LU, order, swaps } = constantFactors(A);
  const sign = diagonalOf(LU).sign().prod(-1).mul(parity(swaps, LU));
  return { sign, logabsdet: logOfSize(A, LU, order, swaps) };
}

/** log det A, (…, n, n) → (…): NaN where the determinant is negative. As torch.logdet. */
export function logdet(A: Tensor): Tensor {
  const { sign, logabsdet } = slogdet(A);
  return where(sign.lt(0), Number.NaN, logabsdet);
}
