// A table as `anneal train forecast` uses it: windows of its rows, in units of the deviations of those that
// are trained on. Not here: reading CSV (anneal/data), or the network (../forecast.ts).

import { ArgumentError } from "anneal";
import {
  DataLoader,
  type MissingPolicy,
  type NumberTable,
  readTable,
  type SeriesWindow,
  SeriesWindows,
} from "anneal/data";
import { type FileConfig, sourceOf } from "anneal/recipe";

/** ETTh1 (Zhou et al. 2021): two years of a transformer's hours. */
const published = {
  from: "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv",
  checksum: "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
};

/** In time: what is trained on comes before what validates, and that before the test. */
const [trainPart, validationPart] = [0.6, 0.2];

/** How numbers become those of the model, and back. */
export interface Scale {
  readonly columns: readonly string[];
  readonly target: number;
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

export const scaleFile = "scale.json";

/** What of a run's settings says how its table is read. */
interface SeriesConfig extends FileConfig {
  readonly target: string | null;
  readonly lookback: number;
  readonly horizon: number;
  readonly season: number;
  readonly missing: MissingPolicy;
  readonly limit: number | null;
}

/** A table in three parts, in time. */
export interface Series {
  readonly scale: Scale;
  readonly rows: number;
  /** What became of missing cells, in words; nothing where none were. */
  readonly missing: string;
  readonly windows: Readonly<Record<"train" | "validation" | "test", SeriesWindows>>;
}

/** Reads a table and cuts it into windows. */
export async function readSeries(config: SeriesConfig): Promise<Series> {
  const source = sourceOf(config, "timeseries/ETTh1.csv", published);
  const whole = await readTable(source, { missing: config.missing });
  const rows = config.limit === null ? whole.length : Math.min(whole.length, config.limit);
  const target = targetOf(whole, config.target);
  const [first, second] = [trainPart, trainPart + validationPart].map((p) => Math.floor(p * rows));
  const scale = scaleOf(whole, first!, target);
  const series = { data: scaled(whole, rows, scale), shape: [rows, whole.columns.length] };
  const { lookback, horizon, season } = config;
  if (season > lookback) {
    throw new ArgumentError("--season", `is ${season}, more than the ${lookback} rows looked at`);
  }
  const part = (from: number, to: number) => {
    return new SeriesWindows(series, { lookback, horizon, target, from, to });
  };
  const windows = {
    train: part(0, first!),
    validation: part(first!, second!),
    test: part(second!, rows),
  };
  return { scale, rows, missing: missingOf(whole), windows };
}

/** The column that is foretold. Throws ArgumentError for one that is not there. */
function targetOf({ columns }: NumberTable, name: string | null): number {
  const at = name === null ? columns.length - 1 : columns.indexOf(name);
  if (at >= 0) return at;
  const hint = `there are ${columns.join(", ")}`;
  throw new ArgumentError("--target", `${JSON.stringify(name)} is no column of numbers`, { hint });
}

const policies: Record<MissingPolicy, string> = {
  previous: "took the value before",
  mean: "took the column's mean",
  drop: "were left out with their rows",
  error: "",
};

function missingOf({ missing }: NumberTable): string {
  const count = Object.values(missing.cells).reduce((sum, n) => sum + n, 0);
  return count === 0 ? "" : ` (${count} missing cells ${policies[missing.policy]})`;
}

/** Means and deviations of the rows that are trained on: the others are not known yet. */
function scaleOf({ columns, values }: NumberTable, rows: number, target: number): Scale {
  const width = columns.length;
  const column = (c: number) => Array.from({ length: rows }, (_, row) => values[row * width + c]!);
  const mean = columns.map((_, c) => column(c).reduce((sum, v) => sum + v, 0) / rows);
  const deviation = columns.map((_, c) => {
    const square = column(c).reduce((sum, v) => sum + (v - mean[c]!) ** 2, 0) / rows;
    return Math.sqrt(square) || 1;
  });
  return { columns, target, mean, deviation };
}

/** The first rows of a table as the model takes them. */
export function scaled({ values }: NumberTable, rows: number, scale: Scale): Float32Array {
  const { mean, deviation } = scale;
  const width = mean.length;
  return Float32Array.from({ length: rows * width }, (_, i) => {
    return (values[i]! - mean[i % width]!) / deviation[i % width]!;
  });
}

/** Batches of windows. */
export function loaderOf(
  windows: SeriesWindows,
  options: { batchSize: number; shuffle?: boolean; seed?: number },
): DataLoader<SeriesWindow> {
  return new DataLoader<SeriesWindow>(windows, options);
}
