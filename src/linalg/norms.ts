// Norms of vectors and matrices, by torch.linalg's orders. Not here: the p-norm itself
// (tensor/ops/reduce.ts).

import { show } from "../ir/build.ts";
import { argumentError, axesOf, shapeError } from "../tensor/ops/common.ts";
import { norm as pNorm } from "../tensor/ops/reduce.ts";
import type { Axes, ReduceOptions } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { needFloat } from "./common.ts";
import { svdvals } from "./svd.ts";

/** "fro": the root of all squares; "nuc": the sum of singular values; ±2: the largest and the least
 *  of them; ±1: the largest and the least sum of a column; ±Infinity: of a row. */
export type MatrixOrder = "fro" | "nuc" | number;

/**
 * (Σ|x|^ord)^(1/ord) over axes (by default all); ord may be ±Infinity or 0 (how many are not 0). As
 * torch.linalg.vector_norm.
 *
 * @throws ShapeError, DtypeError for axes that are not there and what is no float tensor.
 */
export function vectorNorm(x: Tensor, ord = 2, axes?: Axes, options: ReduceOptions = {}): Tensor {
  needFloat("vectorNorm", x);
  return pNorm(x, ord, axes, options);
}

/**
 * A norm of the matrices along two axes (by default the last). As torch.linalg.matrix_norm.
 *
 * @throws ShapeError, DtypeError for what is no float matrix; ArgumentError for another order.
 */
export function matrixNorm(
  A: Tensor,
  ord: MatrixOrder = "fro",
  axes: readonly [number, number] = [-2, -1],
  options: ReduceOptions = {},
): Tensor {
  const op = "matrixNorm";
  needFloat(op, A);
  if (A.shape.length < 2) throw shapeError(op, `needs matrices, got ${show(A.shape)}`);
  axesOf(op, axes, A.shape, options);
  const [row, column] = axes.map((a) => (a < 0 ? a + A.shape.length : a)) as [number, number];
  const { keepdim = false } = options;
  if (ord === "fro") return pNorm(A, 2, [row, column], { keepdim });
  const keep = (x: Tensor) =>
    keepdim ? x.unsqueeze(Math.min(row, column)).unsqueeze(Math.max(row, column)) : x;
  if (ord === "nuc" || Math.abs(ord) === 2) {
    const S = svdvals(A.movedim([row, column], [-2, -1]));
    return keep(ord === "nuc" ? S.sum(-1) : ord === 2 ? S.amax(-1) : S.amin(-1));
  }
  if (Math.abs(ord) !== 1 && Math.abs(ord) !== Number.POSITIVE_INFINITY) {
    const hint = 'use "fro", "nuc", 1, 2, Infinity, or minus one of these';
    throw argumentError(op, `there is no matrix norm of order ${String(ord)}`, hint);
  }
  const [summed, kept] = Math.abs(ord) === 1 ? [row, column] : [column, row];
  const sums = A.abs().sum(summed, { keepdim: true });
  const found = ord > 0 ? sums.amax(kept, { keepdim: true }) : sums.amin(kept, { keepdim: true });
  return keepdim ? found : found.squeeze([row, column]);
}

/**
 * A norm of vectors (one axis, or a vector) or matrices (two axes, or a matrix with an order);
 * without order and axes the root of all squares. As torch.linalg.norm.
 *
 * @throws ShapeError, DtypeError, ArgumentError where order, axes and tensor do not fit.
 */
export function norm(
  x: Tensor,
  ord?: MatrixOrder,
  axes?: Axes,
  options: ReduceOptions = {},
): Tensor {
  const op = "norm";
  needFloat(op, x);
  if (axes === undefined && ord === undefined) return vectorNorm(x, 2, undefined, options);
  const list = axes === undefined ? x.shape.map((_, i) => i) : [axes].flat();
  if (list.length > 2) {
    throw shapeError(
      op,
      `needs one axis or two with an order, got ${list.length} of ${show(x.shape)}`,
    );
  }
  if (list.length === 2 && (ord !== undefined || axes !== undefined)) {
    return matrixNorm(x, ord ?? "fro", list as [number, number], options);
  }
  if (typeof ord === "string") {
    throw argumentError(op, `"${ord}" is a norm of matrices, got ${show(x.shape)}`);
  }
  return vectorNorm(x, ord ?? 2, list, options);
}
