// Windows of a time series: some rows to look at, and the rows of one column that come after them.
// Not here: reading tables (csv.ts), or scaling them.

import { ArgumentError } from "../util/errors.ts";
import type { NdArray } from "./collate.ts";
import type { Dataset } from "./dataset.ts";

/** What is looked at, and what came after it. */
export interface SeriesWindow {
  /** float32 (L, C): all columns of L rows. */
  readonly x: NdArray;
  /** float32 (H): the target of the H rows after them. */
  readonly y: NdArray;
}

export interface SeriesOptions {
  /** L: the rows that are looked at. */
  lookback: number;
  /** H: the rows that are foretold. */
  horizon: number;
  /** The column that is foretold. */
  target: number;
  /** The rows that are foretold lie from here … */
  from?: number | undefined;
  /** … to before here; what is looked at may lie before. */
  to?: number | undefined;
}

/**
 * The windows of a series whose foretold rows lie in a part of it, one row further each. Throws
 * ArgumentError where there is none.
 *
 * @example
 * const series = { data: Float32Array.of(1, 2, 3, 4, 5), shape: [5, 1] };
 * const windows = new SeriesWindows(series, { lookback: 2, horizon: 1, target: 0 });
 * windows.length; // 3
 * windows.get(1).x.data; // [2, 3]
 * windows.get(1).y.data; // [4]
 */
export class SeriesWindows implements Dataset<SeriesWindow> {
  readonly length: number;
  private readonly values: Float32Array;
  private readonly columns: number;
  private readonly options: SeriesOptions;
  /** The first row of the first window. */
  private readonly first: number;

  constructor({ data, shape }: NdArray, options: SeriesOptions) {
    const [rows = 0, columns = 0] = shape;
    const { lookback, horizon, target, from = 0, to = rows } = options;
    for (const [name, value] of Object.entries({ lookback, horizon })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new ArgumentError("SeriesWindows", `${name} must be an integer from 1, got ${value}`);
    }
    if (shape.length !== 2 || rows * columns !== data.length) {
      throw new ArgumentError("SeriesWindows", `${data.length} values are no table [${shape}]`);
    }
    if (!Number.isInteger(target) || target < 0 || target >= columns) {
      throw new ArgumentError("SeriesWindows", `there is no column ${target} among ${columns}`);
    }
    this.values = Float32Array.from(data);
    this.columns = columns;
    this.options = options;
    this.first = Math.max(0, from - lookback);
    this.length = Math.min(to, rows) - this.first - lookback - horizon + 1;
    if (this.length >= 1) return;
    const what = `${Math.min(to, rows) - from} rows hold no window of ${lookback} and ${horizon}`;
    throw new ArgumentError("SeriesWindows", what);
  }

  get(index: number): SeriesWindow {
    const { x, y } = this.batch(Uint32Array.of(index));
    return { x: { ...x, shape: x.shape.slice(1) }, y: { ...y, shape: y.shape.slice(1) } };
  }

  /** The windows with these numbers: (B, L, C) and (B, H). */
  batch(indices: Uint32Array): SeriesWindow {
    const { values, columns, first } = this;
    const { lookback, horizon, target } = this.options;
    const x = new Float32Array(indices.length * lookback * columns);
    const y = new Float32Array(indices.length * horizon);
    indices.forEach((index, b) => {
      if (index >= this.length) {
        throw new ArgumentError("SeriesWindows", `window ${index} is not one of ${this.length}`);
      }
      const start = (first + index) * columns;
      x.set(values.subarray(start, start + lookback * columns), b * lookback * columns);
      for (let h = 0; h < horizon; h++) {
        y[b * horizon + h] = values[start + (lookback + h) * columns + target]!;
      }
    });
    return {
      x: { data: x, shape: [indices.length, lookback, columns] },
      y: { data: y, shape: [indices.length, horizon] },
    };
  }
}
