// Metrics of a classifier's scores over all thresholds: ROC, precision and recall, and the areas under
// them. Exact, hence of all samples at once. Conventions are scikit-learn's.
// Not here: scores at one threshold (confusion.ts).

import { ArgumentError } from "../util/errors.ts";
import { type OutputOptions, scoresOf } from "./classification.ts";
import type { Measured, Metric, TypedArray } from "./metric.ts";
import { ranksOf } from "./regression.ts";

/** How the areas of several classes, each against the rest, become one. */
export interface AreaOptions extends OutputOptions {
  /** Evenly, or by how often each class occurs. Classes of which there is no sample, or nothing
   *  else, do not count. */
  average?: "macro" | "weighted" | undefined;
}

/** Points of a ROC curve, from the strictest threshold (none is positive) to the mildest. */
export interface RocCurve {
  readonly falsePositiveRate: number[];
  readonly truePositiveRate: number[];
  readonly thresholds: number[];
}

/** Points of a precision-recall curve by rising threshold; the last, of precision 1 and recall 0, has no
 *  threshold. */
export interface PrecisionRecallCurve {
  readonly precision: number[];
  readonly recall: number[];
  readonly thresholds: number[];
}

/** Of every distinct score, from the highest: how many samples reach it, and how many of the positive. */
interface Steps {
  readonly thresholds: number[];
  readonly reached: number[];
  readonly found: number[];
}

function stepsOf(scores: ArrayLike<number>, isPositive: (i: number) => boolean): Steps {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
  order.sort((i, j) => scores[j]! - scores[i]!);
  const steps: Steps = { thresholds: [], reached: [], found: [] };
  let found = 0;
  for (let n = 0; n < order.length; n++) {
    const score = scores[order[n]!]!;
    if (isPositive(order[n]!)) found++;
    if (n + 1 < order.length && scores[order[n + 1]!] === score) continue;
    steps.thresholds.push(score);
    steps.reached.push(n + 1);
    steps.found.push(found);
  }
  return steps;
}

function keptScores<R>(
  op: string,
  options: OutputOptions,
  result: (scores: TypedArray, labels: TypedArray) => R,
): Metric<R> {
  const measure = (batch: Measured) => {
    const { scores, labels } = scoresOf(op, batch, options);
    return [scores, labels];
  };
  return { measure, keep: true, result: ([scores, labels]) => result(scores!, labels!) };
}

/** Refuses the scores of more than two classes. */
function binary(op: string, scores: TypedArray, labels: TypedArray): void {
  if (scores.length === labels.length) return;
  throw new ArgumentError(op, "is of one score a sample, with targets of 0 and 1");
}

/** The ROC curve of one score a sample, (B) or (B, 1), with targets of 0 and 1 of the same shape. */
export function rocCurve(options: OutputOptions = {}): Metric<RocCurve> {
  return keptScores("rocCurve", options, (scores, labels) => {
    binary("rocCurve", scores, labels);
    const { thresholds, reached, found } = stepsOf(scores, (i) => labels[i]! > 0.5);
    const positive = found.at(-1) ?? 0;
    const negative = scores.length - positive;
    return {
      falsePositiveRate: [0, ...reached.map((n, i) => (n - found[i]!) / negative)],
      truePositiveRate: [0, ...found.map((n) => n / positive)],
      thresholds: [Number.POSITIVE_INFINITY, ...thresholds],
    };
  });
}

/** Precision and recall of one score a sample, (B) or (B, 1), with targets of 0 and 1. */
export function precisionRecallCurve(options: OutputOptions = {}): Metric<PrecisionRecallCurve> {
  return keptScores("precisionRecallCurve", options, (scores, labels) => {
    binary("precisionRecallCurve", scores, labels);
    const { thresholds, reached, found } = stepsOf(scores, (i) => labels[i]! > 0.5);
    const positive = found.at(-1) ?? 0;
    return {
      precision: [...found.map((n, i) => n / reached[i]!).reverse(), 1],
      recall: [...found.map((n) => n / positive).reverse(), 0],
      thresholds: thresholds.reverse(),
    };
  });
}

/** An area of one class against the rest, or of each of several in the mean. */
function area(
  op: string,
  { average = "macro", ...options }: AreaOptions,
  score: (scores: ArrayLike<number>, isPositive: (i: number) => boolean) => number,
): Metric {
  if (average !== "macro" && average !== "weighted") {
    throw new ArgumentError(op, `no average "${String(average)}"`, {
      hint: 'use "macro" or "weighted"',
    });
  }
  return keptScores(op, options, (scores, labels) => {
    if (scores.length === labels.length) return score(scores, (i) => labels[i]! > 0.5);
    const classes = scores.length / labels.length;
    let [sum, whole] = [0, 0];
    for (let c = 0; c < classes; c++) {
      const own = Array.from(labels).filter((label) => label === c).length;
      if (own === 0 || own === labels.length) continue;
      const weight = average === "macro" ? 1 : own;
      const column = Float64Array.from(labels, (_, i) => scores[i * classes + c]!);
      sum += weight * score(column, (i) => labels[i] === c);
      whole += weight;
    }
    return sum / whole;
  });
}

/**
 * The area under the ROC curve: how likely a positive sample has a higher score than a negative one,
 * equal scores counting half. One score a sample, (B) or (B, 1), with targets of 0 and 1; or outputs
 * (B, C, …) with int targets, each class against the rest. NaN where one side has no sample.
 */
export function auroc(options: AreaOptions = {}): Metric {
  return area("auroc", options, (scores, isPositive) => {
    const ranks = ranksOf(scores);
    let [positive, sum] = [0, 0];
    for (let i = 0; i < ranks.length; i++) {
      if (!isPositive(i)) continue;
      positive++;
      sum += ranks[i]!;
    }
    return (sum - (positive * (positive + 1)) / 2) / (positive * (ranks.length - positive));
  });
}

/** Average precision: the sum of precision times the rise of recall, from the highest score on. Shapes as
 *  for `auroc`. NaN without a positive sample. */
export function averagePrecision(options: AreaOptions = {}): Metric {
  return area("averagePrecision", options, (scores, isPositive) => {
    const { reached, found } = stepsOf(scores, isPositive);
    const positive = found.at(-1) ?? 0;
    return (
      found.reduce((sum, n, i) => sum + (n / reached[i]!) * (n - (found[i - 1] ?? 0)), 0) / positive
    );
  });
}
