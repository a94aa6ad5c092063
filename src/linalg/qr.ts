// QR by Householder reflections. Matrices are cut in halves by columns down to 16; such a panel is
// reduced column by column in a loop. Many reflections act at once as I - VTVᵀ (R. Schreiber, C.
// Van Loan, "A storage-efficient WY representation", 1989), which is also how products of
// reflections are differentiated. Gradients of QR: H.-J. Liao et al., "Differentiable programming
// tensor networks" (2019).

import { show } from "../ir/build.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { argumentError, shapeError } from "../tensor/ops/common.ts";
import { dynamicSlice } from "../tensor/ops/dynamic.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { cat } from "../tensor/ops/join.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  batchOf,
  columnPlaces,
  columns,
  identity,
  needMatrices,
  needOneDtype,
  rowPlaces,
  rows,
  sizesOf,
  withOneBatch,
  zeros,
} from "./common.ts";
import { halfOf, solveTriangular } from "./triangular.ts";

const panel = 16;

/** Reflections H₁H₂… = Q with QᵀA upper triangular, as LAPACK stores them. */
export interface Reflections {
  /** R on and above the diagonal; below it the vectors of the reflections, whose first element is
   *  1. */
  readonly a: Tensor;
  /** H = I - τ v vᵀ, (…, min(m, n)). */
  readonly tau: Tensor;
}

/** The reflections that reduce any matrix. */
export function reduceToTriangle(A: Tensor): Reflections {
  const [m, n] = sizesOf(A);
  const k = Math.min(m, n);
  if (n > k) {
    const left = reduceToTriangle(columns(A, 0, k));
    const right = reflect(left.a, left.tau, columns(A, k), true);
    return { a: cat([left.a, right], -1), tau: left.tau };
  }
  if (n <= panel) return columnByColumn(A);
  const half = halfOf(n, panel);
  const left = reduceToTriangle(columns(A, 0, half));
  const right = reflect(left.a, left.tau, columns(A, half), true);
  const rest = reduceToTriangle(rows(right, half));
  return {
    a: cat([left.a, cat([rows(right, 0, half), rest.a], -2)], -1),
    tau: cat([left.tau, rest.tau], -1),
  };
}

// What is below the diagonal of column t goes to zero: x - βe₁ is the vector of the reflection,
// with the sign of β that cancels no digits.
function columnByColumn(A: Tensor): Reflections {
  const [m, n] = sizesOf(A);
  const batch = batchOf(A);
  if (n === 0) return { a: A, tau: zeros([...batch, 0], A.dtype) };
  const none = batch.map(() => 0);
  const [down, across] = [rowPlaces(A), columnPlaces(A)]; // (m, 1), (1, n)
  const body = (a: Tensor, _: null, t: Tensor) => {
    const x = dynamicSlice(a, [...none, 0, t], [...batch, m, 1]);
    const top = dynamicSlice(x, [...none, t, 0], [...batch, 1, 1]);
    const below = where(down.gt(t), x, 0);
    const scale = where(down.lt(t), 0, x.abs()).amax(-2, { keepdim: true }); // no square overflows
    const safe = where(scale.gt(0), scale, 1);
    const [p, q] = [top.div(safe), below.div(safe)];
    const rest = q.mul(q).sum(-2, { keepdim: true });
    const length = p.mul(p).add(rest).sqrt().mul(scale);
    const beta = where(top.lt(0), length, length.neg()); // (…, 1, 1)
    const done = rest.eq(0);
    const tau = where(done, 0, beta.sub(top).div(where(done, 1, beta)));
    const v = where(down.eq(t), 1, below.div(where(done, 1, top.sub(beta)))); // (…, m, 1)
    const moved = a.sub(v.mul(tau).mul(v.mT.matmul(a)));
    const column = where(down.gt(t), v, where(down.eq(t), where(done, top, beta), x));
    return [
      where(across.gt(t), moved, where(across.eq(t), column, a)),
      tau.reshape(batch),
    ] as const;
  };
  const [a, tau] = scan(body, A, null, { length: n }) as unknown as [Tensor, Tensor];
  return { a, tau: tau.movedim(0, -1) };
}

/** The vectors of k reflections as columns, (…, m, k). */
function vectorsOf(a: Tensor, k: number): Tensor {
  const ones = identity(a.shape.at(-2)!, a.dtype).narrow(-1, 0, k);
  return columns(a, 0, k).tril(-1).add(ones);
}

// Q = I - V(D⁻¹ + S)⁻¹Vᵀ with D the taus on a diagonal and S what is above the diagonal of VᵀV.
function reflect(a: Tensor, tau: Tensor, B: Tensor, transpose: boolean): Tensor {
  const V = vectorsOf(a, tau.shape.at(-1)!);
  const d = tau.unsqueeze(-1); // (…, k, 1)
  const S = V.mT.matmul(V).triu(1);
  const y = V.mT.matmul(B);
  const unit = (T: Tensor, x: Tensor, upper: boolean) =>
    solveTriangular(T, x, { upper, unitriangular: true });
  const z = transpose ? unit(S.mT.mul(d.mT), y, false).mul(d) : unit(S.mul(d), y.mul(d), true);
  return B.sub(V.matmul(z));
}

/** The first columns of the product of reflections, (…, m, count). */
export function productOf({ a, tau }: Reflections, count: number): Tensor {
  const m = a.shape.at(-2)!;
  const start = identity(m, a.dtype).narrow(-1, 0, count);
  return reflect(a, tau, start.expand([...batchOf(a), m, count]), false);
}

const symmetric = (x: Tensor): Tensor => x.triu().add(x.triu(1).mT);

// m ≥ n: dA = (dQ + Q sym(dR Rᵀ - Qᵀ dQ)) R⁻ᵀ, sym making it symmetric by its upper half.
// m < n: A = [X Y], R = [U W], W = QᵀY, so dY = Q dW and dQ has Y dWᵀ more; X = QU is as above.
const factored = customVjp(
  (A: Tensor) => {
    const k = Math.min(...sizesOf(A));
    const made = reduceToTriangle(A);
    return [productOf(made, k), rows(made.a, 0, k).triu()] as const;
  },
  ([gQ, gR], [A], [Q, R]) => {
    const [m, n] = sizesOf(A);
    const k = Math.min(m, n);
    let [dQ, dR] = [gQ!, gR!];
    dQ ??= Q.mul(0);
    dR ??= R.mul(0);
    const [U, dU] = [columns(R, 0, k), columns(dR, 0, k)];
    const dW = columns(dR, k);
    if (n > k) dQ = dQ.add(columns(A, k).matmul(dW.mT));
    const M = symmetric(dU.matmul(U.mT).sub(Q.mT.matmul(dQ)));
    const left = dQ.add(Q.matmul(M));
    const dX = solveTriangular(U.mT, left, { upper: false, left: false });
    return [n > k ? cat([dX, Q.matmul(dW)], -1) : dX];
  },
);

/** Two factors of a matrix. */
export interface QR {
  /** Columns of length 1 at right angles. */
  readonly Q: Tensor;
  /** Upper triangular. */
  readonly R: Tensor;
}

/** Options of {@link qr}. */
export interface QROptions {
  /** "reduced": Q is (…, m, k) and R (…, k, n) with k = min(m, n); "complete": (…, m, m) and (…, m,
   *  n); "r": R alone, as reduced; Q is then empty. */
  mode?: "reduced" | "complete" | "r" | undefined;
}

/**
 * A = QR for any A, (…, m, n), by Householder reflections, whose signs are LAPACK's. As
 * torch.linalg.qr. Where the first min(m, n) columns are not independent the gradient is not
 * finite; a complete Q of a tall matrix has none.
 *
 * @throws ShapeError, DtypeError for what is no float matrix; ArgumentError for another mode.
 *
 * @example
 * const { Q, R } = qr(tensor([[3, 1], [4, 2]]));
 * await R.array(); // [[-5, -2.2], [0, 0.4]]
 */
export function qr(A: Tensor, { mode = "reduced" }: QROptions = {}): QR {
  needMatrices("qr", A);
  const [m, n] = sizesOf(A);
  if (mode === "complete" && m > n) return complete(A);
  if (mode !== "reduced" && mode !== "complete" && mode !== "r") {
    throw argumentError("qr", `there is no mode "${mode}"`, 'use "reduced", "complete" or "r"');
  }
  const [Q, R] = factored(A);
  return { Q: mode === "r" ? zeros([0], A.dtype) : Q, R };
}

const completed = customVjp(
  (A: Tensor) => {
    const made = reduceToTriangle(A);
    return [productOf(made, A.shape.at(-2)!), made.a.triu()] as const;
  },
  () => {
    throw argumentError(
      "qr",
      "a complete Q of a tall matrix has no gradient",
      'use { mode: "reduced" }',
    );
  },
);

function complete(A: Tensor): QR {
  const [Q, R] = completed(A);
  return { Q, R };
}

/**
 * The reflections of the QR of A, (…, m, n), as LAPACK stores them. Not differentiable, as
 * torch.geqrf.
 *
 * @throws ShapeError, DtypeError for what is no float matrix.
 */
export function geqrf(A: Tensor): Reflections {
  needMatrices("geqrf", A);
  return reduceToTriangle(A.detach());
}

function needTaus(op: string, a: Tensor, tau: Tensor): void {
  needMatrices(op, a);
  needOneDtype(op, a, tau);
  const k = tau.shape.at(-1);
  const same = show(tau.shape.slice(0, -1)) === show(batchOf(a));
  if (k !== undefined && same && k <= Math.min(...sizesOf(a))) return;
  throw shapeError(op, `tau ${show(tau.shape)} does not fit reflections ${show(a.shape)}`);
}

/**
 * The first n columns of the product of reflections H₁H₂…, H = I - τ v vᵀ, whose vectors are the
 * columns of a, (…, m, n), below the diagonal, and τ (…, k) with k ≤ n ≤ m. As
 * torch.linalg.householder_product.
 *
 * @throws ShapeError, DtypeError where the operands do not fit.
 */
export function householderProduct(a: Tensor, tau: Tensor): Tensor {
  const op = "householderProduct";
  needTaus(op, a, tau);
  const [m, n] = sizesOf(a);
  if (m < n) throw shapeError(op, `needs at least as many rows as columns, got ${show(a.shape)}`);
  return productOf({ a, tau }, n);
}

/** Options of {@link ormqr}. */
export interface OrmqrOptions {
  /** Multiply from the left, or from the right. */
  left?: boolean | undefined;
  /** By Qᵀ in place of Q. */
  transpose?: boolean | undefined;
}

/**
 * Q·C or C·Q (or Qᵀ) for the full product Q of reflections, (m, m), without making Q. As
 * torch.ormqr.
 *
 * @throws ShapeError, DtypeError where the operands do not fit.
 */
export function ormqr(a: Tensor, tau: Tensor, C: Tensor, options: OrmqrOptions = {}): Tensor {
  const { left = true, transpose = false } = options;
  needTaus("ormqr", a, tau);
  needMatrices("ormqr", C);
  needOneDtype("ormqr", a, C);
  if (C.shape.at(left ? -2 : -1) !== a.shape.at(-2)) {
    throw shapeError("ormqr", `Q of ${show(a.shape)} and ${show(C.shape)} do not fit`);
  }
  if (!left) return ormqr(a, tau, C.mT, { transpose: !transpose }).mT;
  const [x, y] = withOneBatch("ormqr", a, C);
  return reflect(x, tau.expand([...batchOf(x), tau.shape.at(-1)!]), y, transpose);
}
