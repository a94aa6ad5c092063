// What a model says of the test digits: one pass over them, and all that is told of a run follows.
// Not here: how it is shown (show.ts), or the report (vis/).

import type { Digits } from "../data/index.ts";
import { predict } from "../train/index.ts";
import type { MnistBatches } from "./mnist-data.ts";
import type { Recipe } from "./models.ts";

/** One digit with the model's word on it. */
export interface Answer {
  readonly index: number;
  readonly pixels: Uint8Array;
  readonly truth: number;
  readonly said: number;
  /** How sure it was of what it said. */
  readonly probability: number;
}

export interface TestResult {
  readonly accuracy: number;
  readonly loss: number;
  /** Row = true class, column = what the model said. */
  readonly matrix: readonly (readonly number[])[];
  readonly answers: readonly Answer[];
  /** The wrong answers, the surest first. */
  readonly mistakes: readonly Answer[];
}

type Model = ReturnType<Recipe["make"]>;

/** Asks the model about every test digit. */
export async function testModel(model: Model, data: MnistBatches): Promise<TestResult> {
  const logits = await (await predict(model, data.test)).data(); // (N, 10)
  const { testDigits } = data;
  const matrix = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
  let loss = 0;
  const answers = Array.from({ length: testDigits.count }, (_, index): Answer => {
    const probabilities = softmax(logits.subarray(10 * index, 10 * index + 10));
    const truth = testDigits.labels[index]!;
    const said = probabilities.indexOf(Math.max(...probabilities));
    const row = matrix[truth]!;
    row[said] = (row[said] ?? 0) + 1;
    loss -= Math.log(Math.max(probabilities[truth]!, 1e-30));
    const pixels = pixelsOf(testDigits, index);
    return { index, pixels, truth, said, probability: probabilities[said]! };
  });
  const mistakes = answers.filter(({ truth, said }) => truth !== said);
  mistakes.sort((a, b) => b.probability - a.probability);
  const { count } = testDigits;
  return {
    accuracy: (count - mistakes.length) / count,
    loss: loss / count,
    ...{ matrix, answers, mistakes },
  };
}

/** Logits as probabilities, in double precision. */
export function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function pixelsOf({ images, rows, cols }: Digits, index: number): Uint8Array {
  return images.subarray(index * rows * cols, (index + 1) * rows * cols);
}
