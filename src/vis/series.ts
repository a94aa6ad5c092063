// Series of numbers as one line of text. Not here: charts in reports (report-charts.ts).

import type { TextStyle } from "./style.ts";

const blocks = "▁▂▃▄▅▆▇█";
const marks = "_.-=^";

export interface SparklineOptions extends TextStyle {
  /** At most so many cells; longer series are averaged. */
  readonly width?: number | undefined;
  /** Equal factors are equal heights: for losses that fall by powers of ten. */
  readonly log?: boolean | undefined;
}

/**
 * A series as one line of small bars between its least and its greatest value; what is no finite
 * number is an `x`.
 *
 * @example
 * console.log(sparkline([3, 2, 1.5, 1.2], { unicode: true })); // █▄▂▁
 */
export function sparkline(values: readonly number[], options: SparklineOptions = {}): string {
  const { width = 40, log = false, unicode = false } = options;
  const scaled = log ? values.map((v) => Math.log(v)) : values;
  const means = averaged(scaled, width);
  const finite = means.filter(Number.isFinite);
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  const levels = unicode ? blocks : marks;
  return means
    .map((value) => {
      if (!Number.isFinite(value)) return "x";
      const part = most > least ? (value - least) / (most - least) : 0;
      return levels[Math.round(part * (levels.length - 1))];
    })
    .join("");
}

/** The means of at most `count` equal pieces of a series. */
export function averaged(values: readonly number[], count: number): number[] {
  if (values.length <= count) return [...values];
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const to = Math.floor(((i + 1) * values.length) / count);
    return values.slice(from, to).reduce((a, b) => a + b, 0) / (to - from);
  });
}

/** An exponential moving average, without the pull of its start towards 0. */
export function smoothed(values: readonly number[], factor = 0.97): number[] {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    sum = factor * sum + (1 - factor) * value;
    weight = factor * weight + (1 - factor);
    return sum / weight;
  });
}
