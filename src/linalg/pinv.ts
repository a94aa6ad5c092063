// What singular values tell of a matrix that need not be square or of full rank: pseudoinverse,
// rank, condition, least squares. Gradient of the pseudoinverse: G. Golub, V. Pereyra, "The
// differentiation of pseudo-inverses and nonlinear least squares problems" (1973): made of products
// with it, so equal singular values do no harm.

import { show } from "../ir/build.ts";
import { full } from "../tensor/create.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { argumentError, shapeError } from "../tensor/ops/common.ts";
import { maximum, where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  batchOf,
  epsilonOf,
  needMatrices,
  needOneDtype,
  needSquare,
  sizesOf,
  withOneBatch,
  zeros,
} from "./common.ts";
import { eigh, eigvalsh } from "./eigh.ts";
import { type MatrixOrder, matrixNorm } from "./norms.ts";
import { qr } from "./qr.ts";
import { invEx } from "./solve.ts";
import { svd, svdvals } from "./svd.ts";
import { solveTriangular } from "./triangular.ts";

/** Which singular values count as zero: those of at most max(atol, rtol · the largest). */
export interface CutoffOptions {
  atol?: number | Tensor | undefined;
  /** By default max(m, n) times the precision of the dtype; 0 where atol is given. */
  rtol?: number | Tensor | undefined;
  /** A is symmetric, and its lower half is read: its eigenvalues' sizes stand for the singular
   *  values. */
  hermitian?: boolean | undefined;
}

/** The bound for each matrix, (…, 1), given the sizes of its singular values, (…, k). */
function cutoff(A: Tensor, sizes: Tensor, { atol, rtol }: CutoffOptions): Tensor {
  const usual = atol === undefined ? Math.max(...sizesOf(A)) * epsilonOf(A.dtype) : 0;
  const own = (x: number | Tensor): number | Tensor =>
    typeof x === "number" ? x : x.unsqueeze(-1);
  const largest = sizes.amax(-1, { keepdim: true });
  return maximum(largest.mul(own(rtol ?? usual)), own(atol ?? 0));
}

/** 1/s where s counts, else 0. */
function reciprocal(s: Tensor, counts: Tensor): Tensor {
  return where(counts, where(counts, s, 1).reciprocal(), 0);
}

interface Invert {
  readonly atol?: number | undefined;
  readonly rtol?: number | undefined;
  readonly hermitian?: boolean | undefined;
}

function invert(A: Tensor, options: Invert, atol: Tensor | null, rtol: Tensor | null): Tensor {
  if (A.numel === 0) return A.mT;
  const given = { atol: atol ?? options.atol, rtol: rtol ?? options.rtol };
  if (options.hermitian) {
    const { eigenvalues: L, eigenvectors: V } = eigh(A);
    const sizes = L.abs();
    const counts = sizes.gt(cutoff(A, sizes, given));
    return V.mul(reciprocal(L, counts).unsqueeze(-2)).matmul(V.mT);
  }
  const { U, S, Vh } = svd(A, { fullMatrices: false });
  const counts = S.gt(cutoff(A, S, given));
  return Vh.mT.mul(reciprocal(S, counts).unsqueeze(-2)).matmul(U.mT);
}

// With P the pseudoinverse: dA = -(PgᵀP)ᵀ + (I - AP) gᵀ PPᵀ + PᵀP gᵀ (I - PA), in an order that
// multiplies the smaller squares.
const inverted = customVjp(invert, (g, [A], P) => {
  const [m, n] = sizesOf(A);
  const [gT, PT] = [g.mT, P.mT];
  if (m <= n) {
    const K = gT.matmul(P); // (…, m, m)
    const KPT = K.matmul(PT);
    const rest = gT.sub(K.matmul(A)); // (…, m, n)
    const dA = KPT.sub(P.matmul(K).mT).sub(A.matmul(P).matmul(KPT));
    return [dA.add(PT.matmul(P).matmul(rest)), null, null, null];
  }
  const K = P.matmul(gT); // (…, n, n)
  const PTK = PT.matmul(K);
  const rest = gT.sub(A.matmul(K)).matmul(P).matmul(PT);
  const dA = rest.sub(K.matmul(P).mT).add(PTK);
  return [dA.sub(PTK.matmul(P).matmul(A)), null, null, null];
});

/**
 * The pseudoinverse of A, (…, m, n) → (…, n, m): singular values of at most max(atol, rtol · the
 * largest) count as zero. As torch.linalg.pinv. Its gradient holds as long as the rank stays.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 *
 * @example
 * await pinv(tensor([[1, 0], [0, 0]])).array(); // [[1, 0], [0, 0]]
 */
export function pinv(A: Tensor, options: CutoffOptions = {}): Tensor {
  const { atol, rtol, hermitian = false } = options;
  needMatrices("pinv", A);
  if (hermitian) needSquare("pinv", A);
  const plain = (x: number | Tensor | undefined) => (typeof x === "number" ? x : undefined);
  const tensorOr = (x: number | Tensor | undefined) => (typeof x === "object" ? x : null);
  const numbers = { atol: plain(atol), rtol: plain(rtol), hermitian };
  return inverted(A, numbers, tensorOr(atol), tensorOr(rtol));
}

/**
 * How many singular values of A count, (…, m, n) → (…), int32. As torch.linalg.matrix_rank.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 */
export function matrixRank(A: Tensor, options: CutoffOptions = {}): Tensor {
  needMatrices("matrixRank", A);
  if (options.hermitian) needSquare("matrixRank", A);
  if (A.numel === 0) return full(batchOf(A), 0, { dtype: "int32" });
  const S = options.hermitian ? eigvalsh(A).abs() : svdvals(A);
  return S.gt(cutoff(A, S, options))
    .int()
    .sum(-1);
}

/**
 * The condition of A, (…, m, n) → (…): the largest singular value over the smallest, or for another
 * norm p that of A times that of its inverse (square matrices). Infinite for singular matrices. As
 * torch.linalg.cond.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 */
export function cond(A: Tensor, p: MatrixOrder = 2): Tensor {
  needMatrices("cond", A);
  if (p === 2 || p === -2) {
    const S = svdvals(A);
    if (S.shape.at(-1) === 0) throw shapeError("cond", `has no value for ${show(A.shape)}`);
    const [largest, least] = [S.select(-1, 0), S.select(-1, S.shape.at(-1)! - 1)];
    return p === 2 ? largest.div(least) : least.div(largest);
  }
  needSquare("cond", A);
  const { inverse, info } = invEx(A);
  const product = matrixNorm(A, p).mul(matrixNorm(inverse, p));
  return where(info.eq(0), product, Number.POSITIVE_INFINITY);
}

/** Options of {@link lstsq}. */
export interface LstsqOptions {
  /** Singular values of at most rcond · the largest count as zero; by default max(m, n) times the
   *  precision. */
  rcond?: number | undefined;
  /** "gels" takes A to be of full rank and goes by QR, which is faster; the others go by singular
   *  values. */
  driver?: "gels" | "gelsy" | "gelsd" | "gelss" | undefined;
}

export interface Lstsq {
  /** (…, n, k), or (…, n). */
  readonly solution: Tensor;
  /** The squared lengths of AX - B, (…, k), where there are more rows than columns; else empty. */
  readonly residuals: Tensor;
  /** (…), int32; empty for "gels". */
  readonly rank: Tensor;
  /** (…, min(m, n)) for "gelsd" and "gelss"; else empty. */
  readonly singularValues: Tensor;
}

const drivers = ["gels", "gelsy", "gelsd", "gelss"];

/**
 * The X of least length for which AX - B is shortest, for A, (…, m, n), and B, (…, m, k) or a
 * vector (…, m). As torch.linalg.lstsq, but the residuals are there for matrices that are not of
 * full rank as well.
 *
 * @throws ShapeError, DtypeError where the operands do not fit; ArgumentError for another driver.
 *
 * @example
 * const A = tensor([[1, 0], [1, 1], [1, 2]]);
 * const { solution } = lstsq(A, tensor([[1], [3], [5]])); // 1 + 2x
 * await solution.array(); // [[1], [2]]
 */
export function lstsq(A: Tensor, B: Tensor, options: LstsqOptions = {}): Lstsq {
  const { driver = "gelsy", rcond } = options;
  const op = "lstsq";
  needMatrices(op, A);
  needOneDtype(op, A, B);
  if (!drivers.includes(driver)) {
    throw argumentError(op, `there is no driver "${driver}"`, `use one of ${drivers.join(", ")}`);
  }
  const vector = B.shape.length === A.shape.length - 1;
  const right = vector ? B.unsqueeze(-1) : B;
  if (right.shape.length < 2 || right.shape.at(-2) !== A.shape.at(-2)) {
    throw shapeError(op, `${show(A.shape)} and ${show(B.shape)} differ in their rows`);
  }
  const [a, b] = withOneBatch(op, A, right);
  const [m, n] = sizesOf(a);
  const X = driver === "gels" ? byQR(a, b) : pinv(a, { rtol: rcond }).matmul(b);
  const left = m > n ? a.matmul(X).sub(b) : null;
  const none = zeros([0], A.dtype);
  const values = driver === "gelsd" || driver === "gelss";
  return {
    solution: vector ? X.squeeze(-1) : X,
    residuals: left ? left.mul(left).sum(-2) : none,
    rank: driver === "gels" ? none.int() : matrixRank(A.detach(), { rtol: rcond }),
    singularValues: values ? svdvals(A) : none,
  };
}

// A = QR: RX = QᵀB. For wide matrices Aᵀ = QR: X = QR⁻ᵀB.
function byQR(A: Tensor, B: Tensor): Tensor {
  const [m, n] = sizesOf(A);
  if (m >= n) {
    const { Q, R } = qr(A);
    return solveTriangular(R, Q.mT.matmul(B), { upper: true });
  }
  const { Q, R } = qr(A.mT);
  return Q.matmul(solveTriangular(R.mT, B, { upper: false }));
}
