// What a forecast has to be better than: the last value again, the value of a season ago, and a
// linear regression with a little ridge, in double precision on the host.
// Not here: the network (../forecast.ts).

import { NumericError } from "anneal";
import type { SeriesWindow, SeriesWindows } from "anneal/data";

/** The H values that one window lets a method foretell. */
export type Foretell = (window: SeriesWindow) => Float64Array;

interface Sizes {
  readonly horizon: number;
  readonly target: number;
}

/** The target's values of a window that is looked at. */
function seen({ x }: SeriesWindow, target: number): Float64Array {
  const [rows, columns] = x.shape as [number, number];
  return Float64Array.from({ length: rows }, (_, row) => Number(x.data[row * columns + target]));
}

/** The last value again and again. */
export function naive({ horizon, target }: Sizes): Foretell {
  return (window) => new Float64Array(horizon).fill(seen(window, target).at(-1) ?? 0);
}

/** The value of one season before. */
export function seasonal({ horizon, target }: Sizes, season: number): Foretell {
  return (window) => {
    const values = seen(window, target);
    const start = values.length - season;
    return Float64Array.from({ length: horizon }, (_, h) => values[start + (h % season)]!);
  };
}

/** The step from the last value, by least squares from the target's past and the other columns'
 * last values. */
export function linear(train: SeriesWindows, { horizon, target }: Sizes, ridge = 1e-3): Foretell {
  const features = (window: SeriesWindow) => {
    const values = seen(window, target);
    const last = values.at(-1) ?? 0;
    const [rows, columns] = window.x.shape as [number, number];
    const others = Array.from({ length: columns }, (_, c) =>
      Number(window.x.data[(rows - 1) * columns + c]),
    );
    return { last, row: Float64Array.of(1, ...values.map((value) => value - last), ...others) };
  };
  const size = features(train.get(0)).row.length;
  const [gram, sides] = [new Float64Array(size * size), new Float64Array(size * horizon)];
  for (let i = 0; i < train.length; i++) {
    const window = train.get(i);
    const { row, last } = features(window);
    addOuter(gram, row, row);
    addOuter(
      sides,
      row,
      Float64Array.from(window.y.data, (value) => value - last),
    );
  }
  for (let i = 0; i < size; i++) gram[i * size + i]! += ridge * train.length;
  const weights = solve(gram, sides, size, horizon);
  return (window) => {
    const { row, last } = features(window);
    const said = new Float64Array(horizon).fill(last);
    row.forEach((value, f) => {
      for (let h = 0; h < horizon; h++) said[h]! += value * weights[f * horizon + h]!;
    });
    return said;
  };
}

function addOuter(sum: Float64Array, left: Float64Array, right: Float64Array): void {
  left.forEach((value, i) => {
    for (let j = 0; j < right.length; j++) sum[i * right.length + j]! += value * right[j]!;
  });
}

/** X with A X = B by Cholesky's factor of A, which is symmetric and positive: A (n, n), B (n,
 * m). */
export function solve(a: Float64Array, b: Float64Array, n: number, m: number): Float64Array {
  const l = a.slice();
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = l[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      if (i === j && !(sum > 0))
        throw new NumericError("solve", `column ${j} depends on the others`);
      l[i * n + j] = i === j ? Math.sqrt(sum) : sum / l[j * n + j]!;
    }
  }
  const x = b.slice();
  for (let c = 0; c < m; c++) {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) x[i * m + c]! -= l[i * n + k]! * x[k * m + c]!;
      x[i * m + c]! /= l[i * n + i]!;
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) x[i * m + c]! -= l[k * n + i]! * x[k * m + c]!;
      x[i * m + c]! /= l[i * n + i]!;
    }
  }
  return x;
}
