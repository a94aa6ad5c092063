// Eigenvalues and eigenvectors of symmetric matrices. Not here: the method (jacobi.ts), or matrices
// that are not symmetric, whose eigenvalues may be complex.

import { customVjp } from "../tensor/custom-vjp.ts";
import { argumentError } from "../tensor/ops/common.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { identity, needSquare, takeRows } from "./common.ts";
import { eigenByJacobi } from "./jacobi.ts";

/** x over its largest element, (…, 1, 1), and that; 1 for zeros. */
export function scaled(x: Tensor): [Tensor, Tensor] {
  const largest = x.abs().amax([-2, -1], { keepdim: true });
  const scale = where(largest.gt(0), largest, 1);
  return [x.div(scale), scale];
}

function decompose(A: Tensor, lower: boolean): readonly [Tensor, Tensor] {
  const n = A.shape.at(-1)!;
  if (A.numel === 0) return [A.reshape(A.shape.slice(0, -1)), A];
  const half = lower ? A.tril(-1) : A.triu(1);
  const [S, scale] = scaled(half.add(half.mT).add(A.mul(identity(n, A.dtype))));
  const [values, vectors] = eigenByJacobi(S);
  const order = values.argsort(-1);
  const sorted = values.gather(-1, order).mul(scale.squeeze(-1));
  return [sorted, takeRows(vectors, order).mT];
}

// dA = V (diag(dλ) + (Vᵀ dV) / E) Vᵀ with Eᵢⱼ = λⱼ - λᵢ, the diagonal of VᵀdV left out.
const decomposed = customVjp(decompose, ([gL, gV], _, [L, V]) => {
  const n = L.shape.at(-1)!;
  const unit = identity(n, L.dtype);
  let inner: Tensor = gL ? unit.mul(gL.unsqueeze(-1)) : unit.mul(0);
  if (gV) {
    const gaps = L.unsqueeze(-2).sub(L.unsqueeze(-1)).add(unit); // (…, n, n)
    const turn = V.mT.matmul(gV);
    inner = inner.add(turn.sub(turn.mul(unit)).div(gaps));
  }
  return [V.matmul(inner).matmul(V.mT), null];
});

/** Eigenvalues and eigenvectors. */
export interface Eigh {
  /** Increasing, (…, n). */
  readonly eigenvalues: Tensor;
  /** As columns of length 1, (…, n, n). */
  readonly eigenvectors: Tensor;
}

/** Options of eigh and eigvalsh. */
export interface EighOptions {
  /** Which half of A is read. */
  UPLO?: "L" | "U" | undefined;
}

function eigen(op: string, A: Tensor, { UPLO = "L" }: EighOptions): readonly [Tensor, Tensor] {
  needSquare(op, A);
  if (UPLO !== "L" && UPLO !== "U") {
    throw argumentError(op, `UPLO must be "L" or "U", got ${String(UPLO)}`);
  }
  return decomposed(A, UPLO === "L");
}

/**
 * Eigenvalues and eigenvectors of symmetric A, (…, n, n): A = V diag(λ) Vᵀ. Signs of vectors, and
 * bases where eigenvalues are equal, are arbitrary: a loss must not depend on them, and the
 * gradient through vectors is not finite where eigenvalues are equal. As torch.linalg.eigh.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix.
 *
 * @example
 * const { eigenvalues } = eigh(tensor([[2, 1], [1, 2]]));
 * await eigenvalues.array(); // [1, 3]
 */
export function eigh(A: Tensor, options: EighOptions = {}): Eigh {
  const [eigenvalues, eigenvectors] = eigen("eigh", A, options);
  return { eigenvalues, eigenvectors };
}

/** The eigenvalues of symmetric A, increasing, (…, n, n) → (…, n). As torch.linalg.eigvalsh. */
export function eigvalsh(A: Tensor, options: EighOptions = {}): Tensor {
  return eigen("eigvalsh", A, options)[0];
}
