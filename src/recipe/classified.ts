// What a classifier says of samples whose classes are known: how often it is right, which classes it
// takes for which, and which of its mistakes it was surest of.
// Not here: asking the model (anneal/train), or drawing the answers (anneal/vis).

import { ShapeError } from "../util/errors.ts";

/** What a model says of one sample. */
export interface Answer {
  /** Which sample, counted from 0. */
  readonly index: number;
  readonly truth: number;
  readonly said: number;
  /** How sure it was of what it said, from 0 to 1. */
  readonly probability: number;
}

/** What a model says of all of them. */
export interface Classified {
  /** The part that it says rightly. */
  readonly accuracy: number;
  /** The mean cross entropy. */
  readonly loss: number;
  /** Row = true class, column = what the model said. */
  readonly matrix: readonly (readonly number[])[];
  readonly answers: readonly Answer[];
  /** The wrong answers, the surest first. */
  readonly mistakes: readonly Answer[];
}

/**
 * Judges the logits (N, classes) of N samples by their true classes. Throws ShapeError where their numbers
 * differ.
 *
 * @example
 * const logits = await (await predict(model, batches)).data(); // (N, 10)
 * const { accuracy, matrix, mistakes } = classified(logits, labels, 10);
 */
export function classified(
  logits: Float32Array | Float64Array | readonly number[],
  truths: ArrayLike<number>,
  classes: number,
): Classified {
  const count = truths.length;
  if (logits.length !== count * classes) {
    throw new ShapeError(
      "classified",
      `${logits.length} logits, ${count} samples of ${classes} classes`,
    );
  }
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let loss = 0;
  const answers = Array.from({ length: count }, (_, index): Answer => {
    const probabilities = softmax(logits.slice(index * classes, (index + 1) * classes));
    const truth = truths[index]!;
    const said = probabilities.indexOf(Math.max(...probabilities));
    matrix[truth]![said]! += 1;
    loss -= Math.log(Math.max(probabilities[truth]!, 1e-30));
    return { index, truth, said, probability: probabilities[said]! };
  });
  const mistakes = answers.filter(({ truth, said }) => truth !== said);
  mistakes.sort((a, b) => b.probability - a.probability);
  const accuracy = (count - mistakes.length) / count;
  return { accuracy, loss: loss / count, matrix, answers, mistakes };
}

/** Logits as probabilities, in double precision. */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
