// Singular values and vectors. Tall matrices are first reduced to the triangle of their QR; its
// rows are turned to right angles (one-sided Jacobi), and what they are then, sorted, is U times
// the singular values. A QR of that gives all columns of U, those of singular values zero too.
// Gradients: M. Giles (2008); J. Townsend, "Differentiating the singular value decomposition"
// (2016).

import { customVjp } from "../tensor/custom-vjp.ts";
import { needOptions } from "../tensor/ops/common.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { cat } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  batchOf,
  columns,
  identity,
  needMatrices,
  rows,
  sizesOf,
  takeRows,
  zeros,
} from "./common.ts";
import { scaled } from "./eigh.ts";
import { orthogonalRows } from "./jacobi.ts";
import { productOf, reduceToTriangle } from "./qr.ts";

type Parts = readonly [U: Tensor, S: Tensor, Vh: Tensor];

function decompose(A: Tensor, full: boolean): Parts {
  const [m, n] = sizesOf(A);
  if (m < n) {
    const [U, S, Vh] = decompose(A.mT, full);
    return [Vh.mT, S, U.mT];
  }
  const batch = batchOf(A);
  if (n === 0 || A.numel === 0) {
    const eye = (k: number, count: number) =>
      identity(k, A.dtype)
        .narrow(-1, 0, count)
        .expand([...batch, k, count]);
    return [eye(m, full ? m : n), zeros([...batch, n], A.dtype), eye(n, n)];
  }
  const [X, scale] = scaled(A);
  const qr = m > n ? reduceToTriangle(X) : null;
  const square = qr === null ? X : rows(qr.a, 0, n).triu(); // (…, n, n)
  const [turned, J] = orthogonalRows(square.mT); // J squareᵀ = turned, so square = turnedᵀ J
  const lengths = turned.mul(turned).sum(-1).sqrt(); // (…, n)
  const order = lengths.argsort(-1, { descending: true });
  const S = lengths.gather(-1, order).mul(scale.squeeze(-1));
  const left = reduceToTriangle(takeRows(turned, order).mT);
  const signs = where(left.a.diagonal(0, -2, -1).lt(0), -1, 1)
    .to(A.dtype)
    .unsqueeze(-2); // (…, 1, n)
  const inner = productOf(left, n).mul(signs); // (…, n, n)
  const U = qr === null ? inner : around(productOf(qr, full ? m : n), inner);
  return [U, S, takeRows(J, order)];
}

/** Q times U on its first columns; the others stay. */
function around(Q: Tensor, U: Tensor): Tensor {
  const [n, all] = [U.shape.at(-1)!, Q.shape.at(-1)!];
  const first = columns(Q, 0, n).matmul(U);
  return all === n ? first : cat([first, columns(Q, n)], -1);
}

const skew = (x: Tensor): Tensor => x.sub(x.mT);

// With Eᵢⱼ = sⱼ² - sᵢ² and skew(X) = X - Xᵀ:
//   dA = U (skew(UᵀdU)/E · S + S · skew(VᵀdV)/E + diag(dS)) Vᵀ
//      + (I - UUᵀ) dU S⁻¹ Vᵀ + U S⁻¹ dVᵀ (I - VVᵀ), the last two for tall and wide matrices.
const decomposed = customVjp(decompose, ([gU, gS, gVh], [A], [fullU, S, fullVh]) => {
  const [m, n] = sizesOf(A);
  const k = Math.min(m, n);
  const [U, Vh] = [columns(fullU, 0, k), rows(fullVh, 0, k)];
  const unit = identity(k, A.dtype);
  const [across, down] = [S.unsqueeze(-2), S.unsqueeze(-1)]; // (…, 1, k), (…, k, 1)
  const E = across.sub(down).mul(across.add(down)).add(unit);
  if (gS) return [U.mul(gS.unsqueeze(-2)).matmul(Vh), null];
  if (gU) {
    const dU = columns(gU, 0, k);
    const inner = skew(U.mT.matmul(dU)).div(E).mul(across);
    let left = U.matmul(inner);
    if (m > k) left = left.add(dU.sub(U.matmul(U.mT.matmul(dU))).div(across));
    return [left.matmul(Vh), null];
  }
  const dVh = rows(gVh!, 0, k);
  const inner = skew(Vh.matmul(dVh.mT)).div(E).mul(down);
  let right = inner.matmul(Vh);
  if (n > k) right = right.add(dVh.sub(dVh.matmul(Vh.mT).matmul(Vh)).div(down));
  return [U.matmul(right), null];
});

/** Three factors: A = U diag(S) Vh. */
export interface SVD {
  /** Columns of length 1 at right angles, (…, m, k). */
  readonly U: Tensor;
  /** The singular values, decreasing, (…, k). */
  readonly S: Tensor;
  /** Rows of length 1 at right angles, (…, k, n). */
  readonly Vh: Tensor;
}

/** Options of {@link svd}. */
export interface SVDOptions {
  /** U (…, m, m) and Vh (…, n, n) in place of their first k = min(m, n) columns and rows. */
  fullMatrices?: boolean | undefined;
}

/**
 * A = U diag(S) Vh for any A, (…, m, n). Signs of pairs of vectors, and bases where singular values
 * are equal, are arbitrary: a loss must not depend on them. The gradient through vectors is not
 * finite where singular values are equal, or zero for matrices that are not square; that of S
 * always is. As torch.linalg.svd.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 *
 * @example
 * const { S } = svd(tensor([[3, 0], [0, -4]]));
 * await S.array(); // [4, 3]
 */
export function svd(A: Tensor, options: SVDOptions = {}): SVD {
  needMatrices("svd", A);
  needOptions("svd", options, "use { fullMatrices: false }");
  const [U, S, Vh] = decomposed(A, options.fullMatrices ?? true);
  return { U, S, Vh };
}

/** The singular values of A, decreasing, (…, m, n) → (…, min(m, n)). As torch.linalg.svdvals. */
export function svdvals(A: Tensor): Tensor {
  needMatrices("svdvals", A);
  return decomposed(A, false)[1];
}
