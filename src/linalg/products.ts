// Products: powers and the exponential of a matrix, chains of matrices, vectors with vectors, and
// systems whose unknowns are tensors. Not here: matmul and its kin, which are methods of tensors.

import { show } from "../ir/build.ts";
import { sizeOf } from "../ir/node.ts";
import { arange } from "../tensor/create.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { argumentError, axisOf, needTensors, shapeError } from "../tensor/ops/common.ts";
import { cross as crossOf } from "../tensor/ops/derived.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { blocks, columns, identity, needFloat, needSquare, rows } from "./common.ts";
import { inv, solve } from "./solve.ts";

/**
 * A·A·…, (…, n, n), by repeated squaring; a negative exponent takes the inverse. As
 * torch.linalg.matrix_power.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix; ArgumentError for another
 * exponent.
 */
export function matrixPower(A: Tensor, exponent: number): Tensor {
  needSquare("matrixPower", A);
  if (!Number.isInteger(exponent)) {
    throw argumentError("matrixPower", `the exponent must be a whole number, got ${exponent}`);
  }
  if (exponent < 0) return matrixPower(inv(A), -exponent);
  let found: Tensor | null = null;
  let square = A;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) found = found === null ? square : found.matmul(square);
    if (left > 1) square = square.matmul(square);
  }
  return found ?? identity(A.shape.at(-1)!, A.dtype).expand(A.shape).add(A.mul(0));
}

/** exp is taken of A / 2^s, of 1-norm at most a half, by its series to this power; then squared s
 *  times. */
const terms = { float32: 8, float64: 16 };
const mostSquarings = 32;

// Σ Aⁱ/i!, in blocks of four powers.
function series(A: Tensor, last: number): Tensor {
  const unit = identity(A.shape.at(-1)!, A.dtype);
  const A2 = A.matmul(A);
  const powers = [unit, A, A2, A2.matmul(A)];
  const A4 = A2.matmul(A2);
  const factor = (i: number): number => (i <= 1 ? 1 : factor(i - 1) / i);
  let sum: Tensor = unit.mul(factor(last));
  for (let from = last - 4; from >= 0; from -= 4) {
    sum = A4.matmul(sum.expand(A.shape));
    powers.forEach((p, i) => void (sum = sum.add(p.mul(factor(from + i)))));
  }
  return sum;
}

function exponential(A: Tensor): Tensor {
  if (A.numel === 0) return A;
  const size = A.abs().sum(-2).amax(-1); // (…)
  const doublings = size
    .mul(2)
    .log2()
    .ceil()
    .clamp(0, mostSquarings + 1); // NaN stays
  const scale = doublings.neg().exp2().unsqueeze(-1).unsqueeze(-1);
  const start = series(A.mul(scale), A.dtype === "float64" ? terms.float64 : terms.float32);
  const body = (E: Tensor, _: null, t: Tensor) => {
    const more = t.lt(doublings).unsqueeze(-1).unsqueeze(-1);
    return [where(more, E.matmul(E), E), null] as const;
  };
  const found = scan(body, start, null, { length: mostSquarings })[0] as Tensor;
  const known = doublings.le(mostSquarings).unsqueeze(-1).unsqueeze(-1);
  return where(known, found, Number.NaN);
}

// dA is the corner of exp [[Aᵀ, g], [0, Aᵀ]] (R. Mathias, "A chain rule for matrix functions",
// 1996).
const exponentiated = customVjp(exponential, (g, [A]): Tensor[] => {
  const n = A.shape.at(-1)!;
  const both = blocks([
    [A.mT, g],
    [A.mul(0), A.mT],
  ]);
  return [columns(rows(exponentiated(both), 0, n), n)];
});

/**
 * The matrix exponential Σ Aⁱ/i!, (…, n, n). As torch.linalg.matrix_exp. NaN for matrices with sums
 * of columns above 2³¹.
 *
 * @throws ShapeError, DtypeError for what is no square float matrix.
 *
 * @example
 * await matrixExp(tensor([[0, 1], [0, 0]])).array(); // [[1, 1], [0, 1]]
 */
export function matrixExp(A: Tensor): Tensor {
  needSquare("matrixExp", A);
  return exponentiated(A);
}

/**
 * The product of two or more matrices in the order of least work; the first and the last may be
 * vectors. As torch.linalg.multi_dot.
 *
 * @throws ShapeError where neighbours do not fit; ArgumentError for fewer than two.
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  const op = "multiDot";
  needTensors(op, tensors);
  const count = tensors.length;
  if (count < 2) throw argumentError(op, `needs two tensors or more, got ${count}`);
  tensors.forEach((t, i) => {
    const end = i === 0 || i === count - 1;
    if (t.shape.length === 2 || (end && t.shape.length === 1)) return;
    throw shapeError(
      op,
      `operand ${i + 1} must be a matrix${end ? " or a vector" : ""}, got ${show(t.shape)}`,
    );
  });
  const [first, last] = [tensors[0]!, tensors[count - 1]!];
  const matrices = tensors.map((t, i) => {
    if (t.shape.length === 2) return t;
    return i === 0 ? t.unsqueeze(0) : t.unsqueeze(1);
  });
  const out = chain(matrices);
  const [vectorFirst, vectorLast] = [first.shape.length === 1, last.shape.length === 1];
  const sizes = [...(vectorFirst ? [] : [out.shape[0]!]), ...(vectorLast ? [] : [out.shape[1]!])];
  return out.reshape(sizes);
}

// The least work for each stretch of the chain, from short ones to long ones.
function chain(matrices: readonly Tensor[]): Tensor {
  const sizes = [matrices[0]!.shape[0]!, ...matrices.map((m) => m.shape[1]!)];
  const best = new Map<string, { work: number; cut: number }>();
  const at = (i: number, j: number) => best.get(`${i} ${j}`)!;
  for (let length = 1; length <= matrices.length; length++) {
    for (let i = 0; i + length <= matrices.length; i++) {
      const j = i + length - 1;
      let found = { work: length === 1 ? 0 : Number.POSITIVE_INFINITY, cut: i };
      for (let cut = i; cut < j; cut++) {
        const product = sizes[i]! * sizes[cut + 1]! * sizes[j + 1]!;
        const work = at(i, cut).work + at(cut + 1, j).work + product;
        if (work < found.work) found = { work, cut };
      }
      best.set(`${i} ${j}`, found);
    }
  }
  const make = (i: number, j: number): Tensor => {
    if (i === j) return matrices[i]!;
    const { cut } = at(i, j);
    return make(i, cut).matmul(make(cut + 1, j));
  };
  return make(0, matrices.length - 1);
}

/** Σ x·y along an axis, the others broadcast. As torch.linalg.vecdot. */
export function vecdot(x: Tensor, y: Tensor, axis = -1): Tensor {
  return x.mul(y).sum(axis);
}

/**
 * The cross product of vectors of three along an axis, the others broadcast. As torch.linalg.cross.
 *
 * @throws ShapeError where the axis is not of size 3.
 */
export function cross(x: Tensor, y: Tensor, axis = -1): Tensor {
  return crossOf(x, y, axis);
}

/** Options of {@link vander}. */
export interface VanderOptions {
  /** How many powers; by default as many as there are numbers. */
  N?: number | undefined;
}

/**
 * The powers 0 … N-1 of each element, (…, n) → (…, n, N). As torch.linalg.vander.
 *
 * @throws ArgumentError for an N that is no whole number above 1.
 */
export function vander(x: Tensor, { N }: VanderOptions = {}): Tensor {
  needFloat("vander", x);
  const v = x.shape.length === 0 ? x.unsqueeze(0) : x;
  const count = N ?? v.shape.at(-1)!;
  if (!Number.isInteger(count) || (N !== undefined && count <= 1)) {
    throw argumentError("vander", `N must be a whole number above 1, got ${count}`);
  }
  return v.unsqueeze(-1).pow(arange(count).to(x.dtype));
}

/**
 * The inverse of A as a map from tensors of its last axes to tensors of its first `ind` axes. As
 * torch.linalg.tensorinv.
 *
 * @throws ShapeError where the products of both groups of sizes differ; ArgumentError for another
 * ind.
 */
export function tensorinv(A: Tensor, ind = 2): Tensor {
  const op = "tensorinv";
  if (!Number.isInteger(ind) || ind < 1) {
    throw argumentError(op, `ind must be a whole number above 0, got ${ind}`);
  }
  const [lead, tail] = [A.shape.slice(0, ind), A.shape.slice(ind)];
  const n = sizeOf(lead);
  if (sizeOf(tail) !== n) {
    throw shapeError(op, `${show(lead)} and ${show(tail)} are not of one number of elements`);
  }
  return inv(A.reshape(n, n)).reshape([...tail, ...lead]);
}

/**
 * The X with tensordot(A, X, X.ndim) = B; `axes` of A are first moved to its end. As
 * torch.linalg.tensorsolve.
 *
 * @throws ShapeError where the sizes do not fit.
 */
export function tensorsolve(A: Tensor, B: Tensor, axes?: readonly number[]): Tensor {
  const op = "tensorsolve";
  const from = (axes ?? []).map((a) => axisOf(op, a, A.shape));
  const end = from.map((_, i) => A.shape.length - from.length + i);
  const moved = from.length > 0 ? A.movedim(from, end) : A;
  const unknowns = moved.shape.slice(B.shape.length);
  const n = sizeOf(B.shape);
  if (sizeOf(unknowns) !== n || sizeOf(moved.shape) !== n * n) {
    throw shapeError(op, `${show(moved.shape)} does not map a tensor to ${show(B.shape)}`);
  }
  return solve(moved.reshape(n, n), B.reshape(n)).reshape(unknowns);
}
