// The baseline that every classifier of pictures or sounds should beat: the class whose mean sample is
// nearest. Not here: baselines of one recipe (its own folder).

import { ArgumentError } from "../util/errors.ts";

/** Samples of one size with their classes. */
export interface Rows {
  readonly rows: readonly ArrayLike<number>[];
  readonly labels: ArrayLike<number>;
}

/**
 * The part of test samples whose class is the one whose mean over the training samples is nearest
 * (by squared distance; a class without training samples is never said). Throws ArgumentError for
 * rows of another length.
 *
 * @example
 * const accuracy = nearestMean({ rows: pixels, labels }, { rows: testPixels, labels: testLabels });
 */
export function nearestMean(train: Rows, test: Rows): number {
  const size = train.rows[0]?.length ?? 0;
  const sums = new Map<number, { readonly total: Float64Array; count: number }>();
  train.rows.forEach((row, i) => {
    check(row, size);
    const label = train.labels[i]!;
    const known = sums.get(label) ?? { total: new Float64Array(size), count: 0 };
    for (let j = 0; j < size; j++) known.total[j]! += row[j]!;
    known.count++;
    sums.set(label, known);
  });
  const means = [...sums].map(([label, { total, count }]) => {
    return { label, mean: total.map((sum) => sum / count) };
  });
  const right = test.rows.filter((row, i) => {
    check(row, size);
    let [nearest, least] = [-1, Number.POSITIVE_INFINITY];
    for (const { label, mean } of means) {
      let distance = 0;
      for (let j = 0; j < size && distance < least; j++) distance += (row[j]! - mean[j]!) ** 2;
      if (distance < least) [nearest, least] = [label, distance];
    }
    return nearest === test.labels[i];
  });
  return right.length / test.rows.length;
}

function check(row: ArrayLike<number>, size: number): void {
  if (row.length === size) return;
  throw new ArgumentError("nearestMean", `a row of ${row.length} values, not ${size}`);
}
