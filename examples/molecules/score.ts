// How good answers about molecules are: root mean squared errors, or areas under ROC curves, over what was
// measured.
// Not here: drawing them (report.ts).

import { auroc, meter, rootMeanSquaredError } from "anneal/metrics";
import type { MoleculeSet } from "./data.ts";

export interface Score {
  /** In the mean over the properties; NaN where none could be judged. */
  readonly value: number;
  /** Of each property. */
  readonly tasks: readonly number[];
}

/** Judges answers (N, K), row by row; labels that are NaN do not count. Areas need a yes and a no. */
export async function scoreOf(
  kind: MoleculeSet["kind"],
  said: ArrayLike<number>,
  labels: readonly (readonly number[])[],
): Promise<Score> {
  const width = labels[0]!.length;
  const tasks: number[] = [];
  for (let task = 0; task < width; task++) {
    const known = [...labels.keys()].filter((i) => !Number.isNaN(labels[i]![task]!));
    const measured = meter(kind === "number" ? rootMeanSquaredError() : auroc());
    void measured.update(
      known.map((i) => said[i * width + task]!),
      known.map((i) => labels[i]![task]!),
    );
    tasks.push(known.length === 0 ? Number.NaN : await measured.compute());
  }
  return { value: spreadOf(tasks.filter((value) => !Number.isNaN(value))).mean, tasks };
}

/** Mean and standard deviation, that of a sample. */
export function spreadOf(values: readonly number[]): { mean: number; spread: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: Math.sqrt(squares / Math.max(1, values.length - 1)) };
}

/** How likely a yes is, of a logit. */
export function oddsOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
