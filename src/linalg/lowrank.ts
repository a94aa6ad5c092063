// Singular value decompositions of large matrices by a random sketch of their columns.
// N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness" (2009).

import { show } from "../ir/build.ts";
import { randn } from "../tensor/create.ts";
import { shapeError } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { needMatrices, sizesOf } from "./common.ts";
import { qr } from "./qr.ts";
import { svd } from "./svd.ts";

/** Factors of rank q: about U diag(S) Vᵀ. */
export interface LowRank {
  /** (…, m, q). */
  readonly U: Tensor;
  /** (…, q). */
  readonly S: Tensor;
  /** (…, n, q). */
  readonly V: Tensor;
}

/** Options of svdLowrank and pcaLowrank. */
export interface LowRankOptions {
  /** The rank: a little more than wanted. */
  q?: number | undefined;
  /** How often the sketch is multiplied by A and Aᵀ, where singular values fall slowly. */
  niter?: number | undefined;
}

function sketched(op: string, A: Tensor, q: number, niter: number): LowRank {
  needMatrices(op, A);
  const [m, n] = sizesOf(A);
  if (!Number.isInteger(q) || q < 0 || q > Math.min(m, n)) {
    throw shapeError(
      op,
      `the rank must be a whole number up to the sizes of ${show(A.shape)}, got ${q}`,
    );
  }
  const basis = (x: Tensor) => qr(x).Q;
  let Q = basis(A.matmul(randn([n, q], { dtype: A.dtype }))); // (…, m, q)
  for (let i = 0; i < niter; i++) Q = basis(A.matmul(basis(A.mT.matmul(Q))));
  const { U, S, Vh } = svd(Q.mT.matmul(A), { fullMatrices: false });
  return { U: Q.matmul(U), S, V: Vh.mT };
}

/**
 * The first q singular values and vectors of A, (…, m, n), about. As torch.svd_lowrank; for A - M
 * give A.sub(M).
 *
 * @throws ShapeError, DtypeError where A is no float matrix of rank q or more.
 */
export function svdLowrank(A: Tensor, { q = 6, niter = 2 }: LowRankOptions = {}): LowRank {
  return sketched("svdLowrank", A, q, niter);
}

/** Options of {@link pcaLowrank}. */
export interface PcaOptions extends LowRankOptions {
  /** Take the mean of each column away first. */
  center?: boolean | undefined;
}

/**
 * The first q principal components of the rows of A, (…, m, n), about: columns of V are the
 * directions. By default q = min(6, m, n). As torch.pca_lowrank.
 *
 * @throws ShapeError, DtypeError where A is no float matrix of rank q or more.
 */
export function pcaLowrank(A: Tensor, options: PcaOptions = {}): LowRank {
  needMatrices("pcaLowrank", A);
  const { q = Math.min(6, ...sizesOf(A)), niter = 2, center = true } = options;
  const x = center ? A.sub(A.mean(-2, { keepdim: true })) : A;
  return sketched("pcaLowrank", x, q, niter);
}
