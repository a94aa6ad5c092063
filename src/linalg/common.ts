// What the functions of this folder share: checks of operands, matrices by their last two axes, the
// precision of a dtype, and the error of a matrix that cannot be factored. Leading axes are batches
// everywhere. Not here: what is computed.

import { sameShape, show } from "../ir/build.ts";
import { type DType, isFloat } from "../ir/dtype.ts";
import { type Shape, withScope } from "../ir/node.ts";
import { arange, full, ones } from "../tensor/create.ts";
import { broadcastOf, dtypeError, needTensor, shapeError } from "../tensor/ops/common.ts";
import { cat } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The distance from 1 to the next number of a dtype. */
export function epsilonOf(dtype: DType): number {
  return dtype === "float64" ? 2 ** -52 : 2 ** -23;
}

/** Refuses what is no batch of float matrices. */
export function needMatrices(op: string, x: Tensor): void {
  needFloat(op, x);
  if (x.shape.length >= 2) return;
  throw shapeError(op, `needs matrices, got ${show(x.shape)}`);
}

/** Refuses what is no batch of square float matrices. */
export function needSquare(op: string, x: Tensor): void {
  needMatrices(op, x);
  if (x.shape.at(-1) === x.shape.at(-2)) return;
  throw shapeError(op, `needs square matrices, got ${show(x.shape)}`);
}

export function needFloat(op: string, x: Tensor): void {
  needTensor(op, x);
  if (isFloat(x.dtype)) return;
  throw dtypeError(op, `needs a float tensor, got ${x.dtype}`, "use x.float()");
}

export function needOneDtype(op: string, a: Tensor, b: Tensor): void {
  needTensor(op, b, "the right operand");
  if (a.dtype === b.dtype) return;
  throw dtypeError(op, `operands are ${a.dtype} and ${b.dtype}`, `use b.to("${a.dtype}")`);
}

/** Rows and columns. */
export function sizesOf(x: Tensor): [rows: number, columns: number] {
  return [x.shape.at(-2)!, x.shape.at(-1)!];
}

export function batchOf(x: Tensor): Shape {
  return x.shape.slice(0, -2);
}

/** Two batches of matrices with one batch shape. */
export function withOneBatch(op: string, a: Tensor, b: Tensor): [Tensor, Tensor] {
  const batch = broadcastOf(op, batchOf(a), batchOf(b));
  return [withBatch(a, batch), withBatch(b, batch)];
}

function withBatch(x: Tensor, batch: Shape): Tensor {
  return sameShape(batchOf(x), batch) ? x : x.expand([...batch, ...x.shape.slice(-2)]);
}

/** Part of the rows, from `start` on. */
export function rows(x: Tensor, start: number, count = x.shape.at(-2)! - start): Tensor {
  return x.narrow(-2, start, count);
}

/** Part of the columns, from `start` on. */
export function columns(x: Tensor, start: number, count = x.shape.at(-1)! - start): Tensor {
  return x.narrow(-1, start, count);
}

/** A matrix from four parts. */
export function blocks(parts: readonly [readonly [Tensor, Tensor], readonly [Tensor, Tensor]]) {
  return cat(
    parts.map((row) => cat([...row], -1)),
    -2,
  );
}

/** The places of rows, (m, 1), or of columns, (1, n): to compare with a place that is a tensor. */
export const rowPlaces = (x: Tensor): Tensor => arange(x.shape.at(-2)!).unsqueeze(-1);
export const columnPlaces = (x: Tensor): Tensor => arange(x.shape.at(-1)!).unsqueeze(0);

/** Ones on the diagonal: (n, n). */
export function identity(n: number, dtype: DType): Tensor {
  const places = arange(n);
  return places.unsqueeze(-1).eq(places).to(dtype);
}

/** The rows of matrices in another order, (…, m) → (…, m, n). */
export function takeRows(x: Tensor, order: Tensor): Tensor {
  const index = order.unsqueeze(-1);
  return x.gather(-2, index.expand([...index.shape.slice(0, -1), x.shape.at(-1)!]));
}

/** Zeros of a shape and dtype. */
export function zeros(shape: Shape, dtype: DType): Tensor {
  return full(shape, 0, { dtype });
}

/** The first place (from 1) along the last axis where the condition holds, or 0: (…, n) → (…),
 *  int32. */
export function firstPlace(bad: Tensor): Tensor {
  const n = bad.shape.at(-1)!;
  if (n === 0) return full(bad.shape.slice(0, -1), 0, { dtype: "int32" });
  const found = bad.int();
  return found.argmax(-1).add(1).mul(found.amax(-1));
}

/** x where `info` is 0 in each of its matrices; otherwise reading it, or what is computed of it,
 *  throws an error with the text `what`, "op: reason". */
export function faultUnless(what: string, info: Tensor, x: Tensor): Tensor {
  const one = ones(1, { dtype: x.dtype });
  const bad = info.ne(0).int().neg().reshape(-1); // (B), 0 or -1, which is no place
  const sound = withScope(what, () => one.gather(0, bad)).reshape(info.shape);
  return x.mul(sound.reshape([...info.shape, ...x.shape.slice(info.shape.length).map(() => 1)]));
}
