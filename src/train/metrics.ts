// Metrics: what is measured beside the loss. Each says which sums a batch adds, computed inside the
// compiled step, and how the number follows from the sums of an epoch.
// Not here: summing (totals.ts), or what follows from a confusion matrix (confusion.ts).

import { arange, full } from "../tensor/create.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { exp } from "../util/math.ts";
import type { TypedArray } from "./types.ts";

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

/** A quantity of a whole epoch: sums over its batches, and a result. */
export interface Metric<R = number> {
  /** The summands of one batch; always as many, of the same shapes. Values cannot be read here. */
  measure(batch: Measured): Tensor[];
  /** The result, of the sums over all batches in the same order. */
  result(sums: readonly TypedArray[]): R;
}

/** Metrics by the names that the history gives them. */
export type Metrics = Readonly<Record<string, Metric<unknown>>>;

/** The results of metrics, by name. */
export type Results<M extends Metrics> = { [K in keyof M]: ReturnType<M[K]["result"]> };

function ratio([part, whole]: readonly TypedArray[]): number {
  return part[0] / whole[0];
}

/** A number as a tensor that sums exactly. */
function counted(count: number): Tensor {
  return full([], count, { dtype: "int32" });
}

/** The mean of the loss over samples: a short last batch counts for what it is. */
export function meanLoss(): Metric {
  return {
    measure: ({ loss, count }) => [loss.mul(count), counted(count)],
    result: ratio,
  };
}

/**
 * e to the mean loss: of a language model whose loss is the cross entropy. With `ignoreIndex`, the
 * target that the loss leaves out, the mean is over the other targets of all batches.
 */
export function perplexity({ ignoreIndex }: { ignoreIndex?: number | undefined } = {}): Metric {
  const mean = meanLoss();
  const measure = ({ loss, target }: Measured) => {
    const counts = target
      .ne(ignoreIndex ?? -1)
      .int()
      .sum();
    return [loss.mul(counts), counts];
  };
  return {
    measure: ignoreIndex === undefined ? mean.measure : measure,
    result: (sums) => exp(mean.result(sums)),
  };
}

/**
 * The part of samples whose class is the highest output, or with `topK` among the k highest.
 * Outputs (B, C, …) and int targets (B, …); among equal outputs the first is the higher one. A NaN
 * is never right. `ignoreIndex` is a target that does not count.
 *
 * @example
 * await fit(model, { …, metrics: { accuracy: accuracy(), top5: accuracy({ topK: 5 }) } });
 */
export function accuracy({ topK = 1, ignoreIndex = -100 } = {}): Metric {
  if (!Number.isInteger(topK) || topK < 1) {
    throw new ArgumentError("accuracy", `topK must be an integer from 1, got ${topK}`);
  }
  const measure = ({ output, target }: Measured) => {
    const classes = classesOf("accuracy", output, target);
    const labels = target.int().unsqueeze(1); // (B, 1, …)
    const places = placesOf(output, classes); // (1, C, 1 …)
    const chosen = where(places.eq(labels), output, 0).sum(1, { keepdim: true }); // (B, 1, …)
    const tied = output.eq(chosen).logicalAnd(places.gt(labels));
    const behind = output.lt(chosen).logicalOr(tied).int().sum(1); // (B, …)
    const counts = target.ne(ignoreIndex);
    const valid = target.ge(0).logicalAnd(target.lt(classes)).logicalAnd(counts);
    const right = behind.ge(Math.max(0, classes - topK)).logicalAnd(valid);
    return [right.int().sum(), counts.int().sum()];
  };
  return { measure, result: ratio };
}

/** The part of right answers of a model of one logit: above 0 means class 1. Targets are 0 or 1. */
export function binaryAccuracy({ threshold = 0 } = {}): Metric {
  const measure = ({ output, target }: Measured) => {
    sameShape("binaryAccuracy", output, target);
    const right = output.gt(threshold).eq(target.gt(0.5));
    return [right.int().sum(), counted(target.numel)];
  };
  return { measure, result: ratio };
}

/** The mean of (output - target)² over all elements. */
export function meanSquaredError(): Metric {
  const measure = ({ output, target }: Measured) => {
    sameShape("meanSquaredError", output, target);
    return [output.sub(target).square().sum(), counted(target.numel)];
  };
  return { measure, result: ratio };
}

/** The mean of |output - target| over all elements. */
export function meanAbsoluteError(): Metric {
  const measure = ({ output, target }: Measured) => {
    sameShape("meanAbsoluteError", output, target);
    return [output.sub(target).abs().sum(), counted(target.numel)];
  };
  return { measure, result: ratio };
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

function sameShape(op: string, output: Tensor, target: Tensor): void {
  if (`${output.shape}` === `${target.shape}`) return;
  throw new ShapeError(op, `output [${output.shape}] and target [${target.shape}] differ`);
}
