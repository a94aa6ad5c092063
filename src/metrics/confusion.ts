// The confusion matrix, and what follows from it: scores of classes and in the mean, agreement beyond
// chance. Definitions as in scikit-learn (a class that never occurs counts as 0). Not here: other
// metrics.

import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { classesOf, type Measured, type Metric, placesOf, type TypedArray } from "./metric.ts";

/** Counts of samples: row = true class, column = what the model said. */
export type Confusion = number[][];

/** How the classes' numbers become one: evenly, by how often each occurs, over all samples, or, of two
 *  classes, that of class 1. */
export type Average = "macro" | "weighted" | "micro" | "binary";

/**
 * The confusion matrix of outputs (B, C, …) and int targets (B, …); targets that are no class do not
 * count. Outputs of two classes may be one logit each, shaped as their targets of 0 and 1, and int
 * outputs shaped as the targets are the answers themselves.
 */
export function confusionMatrix(classes: number): Metric<Confusion> {
  if (!Number.isInteger(classes) || classes < 1) {
    throw new ArgumentError("confusionMatrix", `classes must be an integer from 1, got ${classes}`);
  }
  const measure = ({ output, target }: Measured) => {
    const said = answersOf(output, target, classes).reshape(-1, 1); // (N, 1)
    const truth = target.int().reshape(-1, 1); // (N, 1)
    const places = placesOf(said, classes); // (1, C)
    const ones = truth.eq(places).float().T.matmul(said.eq(places).float()); // (C, C)
    return [ones.int()];
  };
  const result = ([counts]: readonly TypedArray[]) => {
    return Array.from({ length: classes }, (_, row) => {
      return Array.from(counts.subarray(row * classes, (row + 1) * classes));
    });
  };
  return { measure, result };
}

/** The class that each output says. */
function answersOf(output: Tensor, target: Tensor, classes: number): Tensor {
  if (`${output.shape}` === `${target.shape}`) {
    if (output.dtype === "int32" || output.dtype === "uint8") return output.int();
    if (classes === 2) return output.gt(0).int();
  }
  const found = classesOf("confusionMatrix", output, target);
  if (found === classes) return output.argmax(1);
  const what = `made for ${classes} classes, the model gives ${found}`;
  throw new ArgumentError("confusionMatrix", what, { hint: `confusionMatrix(${found})` });
}

/** What a confusion matrix says of each class and of all. */
export interface ClassReport {
  /** Of the samples said to be of the class, the part that are. */
  readonly precision: readonly number[];
  /** Of the samples of the class, the part said to be. */
  readonly recall: readonly number[];
  /** The harmonic mean of both. */
  readonly f1: readonly number[];
  /** How many samples of each class there are. */
  readonly support: readonly number[];
  readonly accuracy: number;
}

/** Precision, recall and F1 of every class. */
export function classReport(matrix: Confusion): ClassReport {
  const counts = countsOf(matrix);
  return {
    precision: counts.map(({ hit, alarm }) => part(hit, hit + alarm)),
    recall: counts.map(({ hit, miss }) => part(hit, hit + miss)),
    f1: counts.map((c) => part(...weighed(1)(c))),
    support: counts.map(({ hit, miss }) => hit + miss),
    accuracy: part(total(counts.map(({ hit }) => hit)), total(matrix.map(total))),
  };
}

/** What each class has of a matrix: hits, false alarms, misses, and all the rest. */
interface Counts {
  readonly hit: number;
  readonly alarm: number;
  readonly miss: number;
  readonly rest: number;
}

function countsOf(matrix: Confusion): Counts[] {
  const all = total(matrix.map(total));
  return matrix.map((row, i) => {
    const hit = row[i];
    const miss = total(row) - hit;
    const alarm = total(matrix.map((other) => other[i])) - hit;
    return { hit, alarm, miss, rest: all - hit - miss - alarm };
  });
}

function total(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** a / b, and 0 where there is nothing. */
function part(a: number, b: number): number {
  return b === 0 ? 0 : a / b;
}

/** A score of a class: one number over another, each of the class's counts. */
type Score = (counts: Counts) => readonly [part: number, whole: number];

interface AverageOption {
  average?: Average | undefined;
}

const averages: { readonly [K in Average]: (score: Score, counts: readonly Counts[]) => number } = {
  macro: (score, counts) => total(counts.map((c) => part(...score(c)))) / counts.length,
  weighted: (score, counts) => {
    const weights = counts.map(({ hit, miss }) => hit + miss);
    return part(total(counts.map((c, i) => weights[i] * part(...score(c)))), total(weights));
  },
  micro: (score, counts) => {
    const parts = counts.map(score);
    return part(total(parts.map(([a]) => a)), total(parts.map(([, b]) => b)));
  },
  binary: (score, counts) => part(...score(counts[1])),
};

function scoreMetric(
  op: string,
  classes: number,
  { average = "macro" }: AverageOption,
  score: Score,
): Metric {
  if (!Object.hasOwn(averages, average)) {
    const names = Object.keys(averages).map((name) => `"${name}"`);
    throw new ArgumentError(op, `no average "${String(average)}"`, {
      hint: `use ${names.join(", ")}`,
    });
  }
  if (average === "binary" && classes !== 2) {
    throw new ArgumentError(op, `average "binary" is of 2 classes, not of ${classes}`);
  }
  return ofMatrix(classes, (matrix) => averages[average](score, countsOf(matrix)));
}

/** A metric that is a function of the confusion matrix. */
function ofMatrix(classes: number, score: (matrix: Confusion) => number): Metric {
  const { measure, result } = confusionMatrix(classes);
  return { measure, result: (sums) => score(result(sums)) };
}

/** Of the samples said to be of a class, the part that are; over the classes in the mean. */
export function precision(classes: number, options: AverageOption = {}): Metric {
  return scoreMetric("precision", classes, options, ({ hit, alarm }) => [hit, hit + alarm]);
}

/** Of the samples of a class, the part said to be; over the classes in the mean. */
export function recall(classes: number, options: AverageOption = {}): Metric {
  return scoreMetric("recall", classes, options, ({ hit, miss }) => [hit, hit + miss]);
}

/** Of the samples that are not of a class, the part not said to be; over the classes in the mean. */
export function specificity(classes: number, options: AverageOption = {}): Metric {
  return scoreMetric("specificity", classes, options, ({ rest, alarm }) => [rest, rest + alarm]);
}

/** The harmonic mean of precision and recall; over the classes in the mean. */
export function f1(classes: number, options: AverageOption = {}): Metric {
  return scoreMetric("f1", classes, options, weighed(1));
}

/** As f1, recall counting `beta` times as much as precision (van Rijsbergen 1979). */
export function fBeta(classes: number, beta: number, options: AverageOption = {}): Metric {
  if (!(beta > 0)) throw new ArgumentError("fBeta", `beta must be above 0, got ${beta}`);
  return scoreMetric("fBeta", classes, options, weighed(beta * beta));
}

function weighed(weight: number): Score {
  return ({ hit, alarm, miss }) => [(1 + weight) * hit, (1 + weight) * hit + weight * miss + alarm];
}

/** Intersection over union of what is of a class and what is said to be (Jaccard 1912). */
export function jaccard(classes: number, options: AverageOption = {}): Metric {
  return scoreMetric("jaccard", classes, options, union);
}

const union: Score = ({ hit, alarm, miss }) => [hit, hit + alarm + miss];

/** The Dice coefficient of segments: twice the intersection over the sum of both; the same number as
 *  f1, here over the classes that occur or were said. */
export function dice(classes: number): Metric {
  return ofMatrix(classes, (matrix) => meanOfFound(weighed(1), matrix));
}

/** Mean intersection over union of a segmentation: over the classes that occur or were said. Outputs
 *  (B, C, H, W) with int targets (B, H, W); a target that is no class (255, -1) does not count. */
export function meanIou(classes: number): Metric {
  return ofMatrix(classes, (matrix) => meanOfFound(union, matrix));
}

function meanOfFound(score: Score, matrix: Confusion): number {
  const found = countsOf(matrix).filter(({ hit, alarm, miss }) => hit + alarm + miss > 0);
  return averages.macro(score, found);
}

/** The mean recall of the classes that occur. */
export function balancedAccuracy(classes: number): Metric {
  return ofMatrix(classes, (matrix) => {
    const found = countsOf(matrix).filter(({ hit, miss }) => hit + miss > 0);
    return averages.macro(({ hit, miss }) => [hit, hit + miss], found);
  });
}

/** Cohen's kappa: agreement of answers and targets beyond what chance gives; 1 is perfect, 0 chance. */
export function cohenKappa(classes: number): Metric {
  return ofMatrix(classes, (matrix) => {
    const { all, right, chance } = marginsOf(matrix);
    return (right / all - chance / all ** 2) / (1 - chance / all ** 2);
  });
}

/** The correlation of Matthews of answers and targets, for any number of classes (Gorodkin 2004); 0
 *  where all answers or all targets are one class. */
export function matthewsCorrelation(classes: number): Metric {
  return ofMatrix(classes, (matrix) => {
    const { all, right, chance, said, support } = marginsOf(matrix);
    const spread = (margin: readonly number[]) => all ** 2 - total(margin.map((n) => n * n));
    return part(right * all - chance, Math.sqrt(spread(said) * spread(support)));
  });
}

function marginsOf(matrix: Confusion) {
  const support = matrix.map(total);
  const said = matrix.map((_, i) => total(matrix.map((row) => row[i])));
  const chance = total(support.map((n, i) => n * said[i]));
  return {
    all: total(support),
    right: total(matrix.map((row, i) => row[i])),
    chance,
    said,
    support,
  };
}
