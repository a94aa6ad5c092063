// What a model says of the test digits: one pass over them, and all that is told of a run follows.
// Not here: how it is shown (show.ts), or the report (anneal/vis).

import type { nn, Tensor } from "anneal";
import type { Digits } from "anneal/data";
import { type Answer, type Classified, classified } from "anneal/recipe";
import { predict } from "anneal/train";
import type { MnistBatches } from "./data.ts";

/** One digit with the model's word on it. */
export interface DigitAnswer extends Answer {
  readonly pixels: Uint8Array;
}

export interface TestResult extends Classified {
  readonly answers: readonly DigitAnswer[];
  readonly mistakes: readonly DigitAnswer[];
}

type Model = nn.Module & { forward(x: Tensor): Tensor };

/** Asks the model about every test digit. */
export async function testModel(
  model: Model,
  { test, testDigits }: MnistBatches,
): Promise<TestResult> {
  const logits = (await (await predict(model, test)).data()) as Float32Array; // (N, 10)
  const found = classified(logits, testDigits.labels, 10);
  const withPixels = (answer: Answer) => ({
    ...answer,
    pixels: pixelsOf(testDigits, answer.index),
  });
  return {
    ...found,
    answers: found.answers.map(withPixels),
    mistakes: found.mistakes.map(withPixels),
  };
}

function pixelsOf({ images, rows, cols }: Digits, index: number): Uint8Array {
  return images.subarray(index * rows * cols, (index + 1) * rows * cols);
}
