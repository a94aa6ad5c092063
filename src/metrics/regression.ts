// Metrics of regression: outputs and targets of one shape, samples along the first axis.
// Not here: the loss as a metric (meanLoss in classification.ts).

import { full } from "../tensor/create.ts";
import { where } from "../tensor/ops/elementwise.ts";
import {
  counted,
  type Measured,
  type Metric,
  ratio,
  sameShape,
  type TypedArray,
} from "./metric.ts";

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

/** The root of the mean of (output - target)² over all elements. */
export function rootMeanSquaredError(): Metric {
  const { measure } = meanSquaredError();
  return { measure, result: (sums) => Math.sqrt(ratio(sums)) };
}

/** The mean of |output - target| / |target|; where |target| is below 1e-7 it counts as that, so one
 *  target of 0 makes the result huge. 0.1 is ten per cent. */
export function meanAbsolutePercentageError(): Metric {
  const measure = ({ output, target }: Measured) => {
    sameShape("meanAbsolutePercentageError", output, target);
    const size = target.abs();
    const part = output
      .sub(target)
      .abs()
      .div(where(size.lt(1e-7), 1e-7, size));
    return [part.sum(), counted(target.numel)];
  };
  return { measure, result: ratio };
}

/** The mean over samples of the cosine of the angle between output and target, along axis 1. */
export function cosineSimilarity(): Metric {
  const measure = ({ output, target }: Measured) => {
    sameShape("cosineSimilarity", output, target);
    const norms = output.square().sum(1).sqrt().mul(target.square().sum(1).sqrt());
    const cosines = output
      .mul(target)
      .sum(1)
      .div(where(norms.eq(0), 1, norms));
    return [cosines.sum(), counted(cosines.numel)];
  };
  return { measure, result: ratio };
}

/** A metric of two columns of numbers: evenly averaged where a sample has several. */
function ofColumns(
  op: string,
  score: (output: Float64Array, target: Float64Array) => number,
): Metric {
  const measure = ({ output, target, count }: Measured) => {
    sameShape(op, output, target);
    const width = full([1], output.numel / count, { dtype: "int32" });
    return [output.flatten(), target.flatten(), width];
  };
  const result = ([output, target, widths]: readonly TypedArray[]) => {
    const width = widths![0]!;
    let sum = 0;
    for (let c = 0; c < width; c++)
      sum += score(column(output!, c, width), column(target!, c, width));
    return sum / width;
  };
  return { measure, result, keep: true };
}

function column(values: TypedArray, at: number, width: number): Float64Array {
  return Float64Array.from({ length: values.length / width }, (_, i) => values[i * width + at]!);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Σ (a - ā)(b - b̄). */
function covariation(a: Float64Array, b: Float64Array): number {
  const [midA, midB] = [mean(a), mean(b)];
  return a.reduce((sum, value, i) => sum + (value - midA) * (b[i]! - midB), 0);
}

/** 1 - part / whole; of constant targets 1 where nothing is missed, else 0 (as scikit-learn has it). */
function explained(part: number, whole: number): number {
  if (whole === 0) return part === 0 ? 1 : 0;
  return 1 - part / whole;
}

/** The coefficient of determination: 1 - Σ(target - output)² / Σ(target - mean)². */
export function r2Score(): Metric {
  return ofColumns("r2Score", (output, target) => {
    const missed = output.reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0);
    return explained(missed, covariation(target, target));
  });
}

/** 1 - Var(target - output) / Var(target): as r2Score, but a constant offset does not count. */
export function explainedVariance(): Metric {
  return ofColumns("explainedVariance", (output, target) => {
    const missed = target.map((value, i) => value - output[i]!);
    return explained(covariation(missed, missed), covariation(target, target));
  });
}

/** Pearson's correlation of outputs and targets; NaN where one of them is constant. */
export function pearsonCorrelation(): Metric {
  return ofColumns("pearsonCorrelation", correlation);
}

/** Spearman's correlation: that of the ranks, equal numbers sharing the mean of theirs. */
export function spearmanCorrelation(): Metric {
  return ofColumns("spearmanCorrelation", (a, b) => correlation(ranksOf(a), ranksOf(b)));
}

function correlation(a: Float64Array, b: Float64Array): number {
  return covariation(a, b) / Math.sqrt(covariation(a, a) * covariation(b, b));
}

/** Ranks from 1; equal values share the mean of theirs. */
export function ranksOf(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i);
  order.sort((i, j) => values[i]! - values[j]!);
  const ranks = new Float64Array(values.length);
  for (let i = 0, end = 0; i < order.length; i = end) {
    while (end < order.length && values[order[end]!] === values[order[i]!]) end++;
    if (end === i) end++; // NaN equals nothing
    for (let j = i; j < end; j++) ranks[order[j]!] = (i + 1 + end) / 2;
  }
  return ranks;
}
