// What a metric is: what a batch adds, computed on the device inside the compiled step, and how the
// result of an epoch follows. And what metrics share: checks and small pieces.
// Not here: the metrics, or how batches are added up (meter.ts, train/measures.ts).

import { arange, full } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ShapeError } from "../util/errors.ts";

export type TypedArray = Awaited<ReturnType<Tensor["data"]>>;

/** What a metric sees of a batch, inside the compiled step. */
export interface Measured {
  /** What the model gave. (B, …) */
  readonly output: Tensor;
  readonly target: Tensor;
  /** The loss of the batch, a scalar. */
  readonly loss: Tensor;
  /** B: the number of samples. */
  readonly count: number;
}

/** A quantity of a whole epoch: what its batches add, and a result. */
export interface Metric<R = number> {
  /** What one batch adds; always as many tensors. Values cannot be read here. They are summed over the
   *  batches, and have the same shapes in each. */
  measure(batch: Measured): Tensor[];
  /** True: they are not summed but laid end to end, for results that need every sample. */
  readonly keep?: true;
  /** The result, of the sums (or of all samples) in the same order. */
  result(values: readonly TypedArray[]): R;
}

/** Metrics by the names that the history gives them. */
export type Metrics = Readonly<Record<string, Metric<unknown>>>;

/** The results of metrics, by name. */
export type Results<M extends Metrics> = { [K in keyof M]: ReturnType<M[K]["result"]> };

/** A sum over the sum of what it counts. */
export function ratio([part, whole]: readonly TypedArray[]): number {
  return part[0] / whole[0];
}

/** A number as a tensor that sums exactly. */
export function counted(count: number): Tensor {
  return full([], count, { dtype: "int32" });
}

/** 0, 1, … C-1 along axis 1 of x. */
export function placesOf(x: Tensor, classes: number): Tensor {
  return arange(classes).reshape(x.shape.map((_, axis) => (axis === 1 ? classes : 1)));
}

/** The number of classes C of outputs (B, C, …) for targets (B, …). */
export function classesOf(op: string, output: Tensor, target: Tensor): number {
  const [batch, classes, ...rest] = output.shape;
  const wanted = [batch, ...rest];
  const fits = classes !== undefined && `${wanted}` === `${target.shape}`;
  if (fits && (target.dtype === "int32" || target.dtype === "uint8")) return classes;
  const found = `output [${output.shape}] wants int targets [${wanted}]`;
  throw new ShapeError(op, `${found}, got ${target.dtype} [${target.shape}]`);
}

/** Refuses outputs whose shape is not the targets'. */
export function sameShape(op: string, output: Tensor, target: Tensor): void {
  if (`${output.shape}` === `${target.shape}`) return;
  throw new ShapeError(op, `output [${output.shape}] and target [${target.shape}] differ`);
}
