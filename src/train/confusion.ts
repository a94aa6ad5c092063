// The confusion matrix, and what follows from it: precision, recall and F1 of classes and in the
// mean. Definitions as in scikit-learn (a class that never occurs counts as 0). Not here: other
// metrics.

import { ArgumentError } from "../util/errors.ts";
import { classesOf, type Measured, type Metric, placesOf } from "./metrics.ts";
import type { TypedArray } from "./types.ts";

/** Counts of samples: row = true class, column = what the model said. */
export type Confusion = number[][];

/** How the classes' numbers become one: evenly, by how often each occurs, or over all samples. */
export type Average = "macro" | "weighted" | "micro";

/** The confusion matrix of outputs (B, C, …) and int targets (B, …); other targets do not count. */
export function confusionMatrix(classes: number): Metric<Confusion> {
  if (!Number.isInteger(classes) || classes < 1) {
    throw new ArgumentError("confusionMatrix", `classes must be an integer from 1, got ${classes}`);
  }
  const measure = ({ output, target }: Measured) => {
    const found = classesOf("confusionMatrix", output, target);
    if (found !== classes) {
      const what = `made for ${classes} classes, the model gives ${found}`;
      throw new ArgumentError("confusionMatrix", what, { hint: `confusionMatrix(${found})` });
    }
    const said = output.argmax(1).reshape(-1, 1); // (N, 1)
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
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const support = matrix.map(sum);
  const said = matrix.map((_, column) => sum(matrix.map((row) => row[column])));
  const right = matrix.map((row, i) => row[i]);
  const part = (a: number, b: number) => (b === 0 ? 0 : a / b);
  return {
    precision: right.map((n, i) => part(n, said[i])),
    recall: right.map((n, i) => part(n, support[i])),
    f1: right.map((n, i) => part(2 * n, said[i] + support[i])),
    support,
    accuracy: part(sum(right), sum(support)),
  };
}

type Score = "precision" | "recall" | "f1";

function averaged(score: Score, matrix: Confusion, average: Average): number {
  const report = classReport(matrix);
  // Over all samples every wrong answer is one class's miss and another's false alarm.
  if (average === "micro") return report.accuracy;
  const weights = average === "macro" ? matrix.map(() => 1) : report.support;
  const total = weights.reduce((a, b) => a + b, 0);
  if (total === 0) return 0;
  return report[score].reduce((acc, value, i) => acc + value * weights[i], 0) / total;
}

function scoreMetric(score: Score, classes: number, average: Average): Metric {
  if (!["macro", "weighted", "micro"].includes(average)) {
    throw new ArgumentError(score, `no average "${String(average)}"`, {
      hint: 'use "macro", "weighted" or "micro"',
    });
  }
  const matrix = confusionMatrix(classes);
  return {
    measure: matrix.measure,
    result: (sums) => averaged(score, matrix.result(sums), average),
  };
}

interface AverageOption {
  average?: Average | undefined;
}

/** The precision of the classes in the mean. */
export function precision(classes: number, { average = "macro" }: AverageOption = {}): Metric {
  return scoreMetric("precision", classes, average);
}

/** The recall of the classes in the mean. */
export function recall(classes: number, { average = "macro" }: AverageOption = {}): Metric {
  return scoreMetric("recall", classes, average);
}

/** The F1 of the classes in the mean. */
export function f1(classes: number, { average = "macro" }: AverageOption = {}): Metric {
  return scoreMetric("f1", classes, average);
}
