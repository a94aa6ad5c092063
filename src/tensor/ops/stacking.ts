// Joining in the ways that have names of their own: rows, columns and depths, blocks on a diagonal, products
// and combinations of vectors. Functions, not methods, so that they shake off. Not here: cat and stack
// (join.ts), on which all of them stand.

import { show } from "../../ir/build.ts";
import { sizeOf } from "../../ir/node.ts";
import { Tensor } from "../tensor.ts";
import { argumentError, needTensor, needTensors, shapeError } from "./common.ts";
import { atLeast, cat, meshgrid, stack, tensorSplit } from "./join.ts";

type Tensors = readonly Tensor[];

const raised = (op: string, tensors: Tensors, rank: 1 | 2 | 3): Tensor[] => {
  needTensors(op, tensors);
  return tensors.map((t) => atLeast(t, rank));
};

/** Tensors one below another: scalars and vectors are rows. */
export function vstack(tensors: Tensors): Tensor {
  return cat(raised("vstack", tensors, 2));
}

/** Tensors side by side: along the second axis, vectors along their only one. */
export function hstack(tensors: Tensors): Tensor {
  const parts = raised("hstack", tensors, 1);
  return cat(parts, parts[0]?.ndim === 1 ? 0 : 1);
}

/** Tensors one behind another, along the third axis. */
export function dstack(tensors: Tensors): Tensor {
  return cat(raised("dstack", tensors, 3), 2);
}

/** Tensors side by side: scalars and vectors are columns. */
export function columnStack(tensors: Tensors): Tensor {
  needTensors("columnStack", tensors);
  const columns = tensors.map((t) => (t.ndim < 2 ? t.reshape(t.numel, 1) : t));
  return cat(columns, 1);
}

function splitAlong(op: string, x: Tensor, where: number | readonly number[], axis: number) {
  needTensor(op, x);
  if (axis >= x.ndim) throw shapeError(op, `needs ${axis + 1} axes, got ${show(x.shape)}`);
  if (typeof where === "number" && x.shape[axis] % where !== 0) {
    throw shapeError(op, `axis ${axis} of ${show(x.shape)} does not divide by ${where}`);
  }
  return tensorSplit(x, where, axis);
}

/** Equal pieces of the second axis (of a vector: the first), or pieces that begin at places. */
export function hsplit(x: Tensor, where: number | readonly number[]): Tensor[] {
  return splitAlong("hsplit", x, where, x.ndim === 1 ? 0 : 1);
}

/** Equal pieces of the first axis, or pieces that begin at places. */
export function vsplit(x: Tensor, where: number | readonly number[]): Tensor[] {
  return splitAlong("vsplit", x, where, 0);
}

/** Equal pieces of the third axis, or pieces that begin at places. */
export function dsplit(x: Tensor, where: number | readonly number[]): Tensor[] {
  return splitAlong("dsplit", x, where, 2);
}

/**
 * Matrices along a diagonal, 0 elsewhere; scalars and vectors are rows.
 *
 * @example
 * blockDiag([ones(1, 2), ones(2, 1)]); // [[1, 1, 0], [0, 0, 1], [0, 0, 1]]
 */
export function blockDiag(tensors: Tensors): Tensor {
  needTensors("blockDiag", tensors);
  if (tensors.length === 0) throw argumentError("blockDiag", "needs at least one tensor");
  const blocks = tensors.map((t) => atLeast(t, 2));
  const wide = blocks.reduce((sum, t) => sum + (t.shape[1] ?? 0), 0);
  let left = 0;
  const rows = blocks.map((t) => {
    if (t.ndim !== 2) throw shapeError("blockDiag", `takes matrices, got ${show(t.shape)}`);
    const columns = t.shape[1]!;
    left += columns;
    return t.pad([left - columns, wide - left]);
  });
  return cat(rows);
}

/** All combinations of an element of each vector, the last varying fastest: (product of sizes, vectors);
 *  of one vector itself. */
export function cartesianProd(tensors: Tensors): Tensor {
  const grid = meshgrid(tensors);
  if (grid.length === 0) throw argumentError("cartesianProd", "needs at least one vector");
  if (grid.length === 1) return tensors[0]!;
  return stack(
    grid.map((t) => t.reshape(sizeOf(t.shape))),
    1,
  );
}

/** Combinations of r elements of a vector, in its order: (count, r). */
export function combinations(
  x: Tensor,
  r = 2,
  options: { withReplacement?: boolean | undefined } = {},
): Tensor {
  needTensor("combinations", x);
  if (x.ndim !== 1) throw shapeError("combinations", `takes a vector, got ${show(x.shape)}`);
  if (!Number.isInteger(r) || r < 1) {
    throw argumentError("combinations", `r must be a whole number above 0, got ${r}`);
  }
  const step = options.withReplacement ? 0 : 1;
  let rows: number[][] = [[]];
  for (let i = 0; i < r; i++) {
    rows = rows.flatMap((row) => {
      const from = row.length === 0 ? 0 : row.at(-1)! + step;
      return Array.from({ length: Math.max(0, x.numel - from) }, (_, k) => [...row, from + k]);
    });
  }
  const places = Tensor.from(Int32Array.from(rows.flat()));
  return x.indexSelect(0, places).reshape(rows.length, r);
}
