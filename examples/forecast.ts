// The recipe `forecast`: the next values of one column of a table from the last rows of all its
// columns, by an LSTM, and how much better that is than simple means.
// Not here: the baselines (forecast/baselines.ts).

import { ArgumentError, nn, optim, type Tensor } from "anneal";
import {
  DataLoader,
  type MissingPolicy,
  type NumberTable,
  readTable,
  type SeriesWindow,
  SeriesWindows,
} from "anneal/data";
import { meanAbsoluteError } from "anneal/metrics";
import {
  choice,
  fileSettings,
  limitTo,
  number,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  sourceOf,
  type Terminal,
  text,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { lineChart, table } from "anneal/vis";
import { type Foretell, linear, naive, seasonal } from "./forecast/baselines.ts";

const settings = {
  target: text("the column that is foretold (the last one)", "<column>"),
  lookback: whole("rows that are looked at", 96),
  horizon: whole("rows that are foretold", 24),
  season: whole("rows of a season, for the seasonal baseline", 24),
  missing: choice<MissingPolicy>(
    "cells without a number: ",
    ["previous", "mean", "drop", "error"],
    "previous",
  ),
  epochs: whole("times through the training windows", 5),
  batch: whole("windows in a step", 64),
  lr: number("the highest learning rate of the cycle", 1e-3),
  layers: whole("layers of the LSTM", 1),
  width: whole("units of a layer", 32),
  seed: seedOf("weights and order"),
  limit: limitTo("rows", 20),
  ...fileSettings,
} as const;

export type ForecastConfig = RunConfig<typeof settings>;

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

/** Reads how all columns of a window differ from their last values, and foretells how the target will: a
 *  level that was never trained on (another year) is no stranger than others (Zeng et al. 2022). A
 * linear
 *  layer goes straight from the target's past to its future (Lai et al. 2018), the LSTM adds the
 * rest. */
export class Forecaster extends nn.Module {
  readonly #target: number;
  lstm: nn.LSTM;
  drop: nn.Dropout;
  out: nn.Linear; // width → horizon
  direct: nn.Linear; // lookback → horizon

  constructor(columns: number, target: number, config: ForecastConfig) {
    super();
    const { layers, width, lookback, horizon } = config;
    this.#target = target;
    this.lstm = new nn.LSTM(columns, width, { numLayers: layers, batchFirst: true });
    this.drop = new nn.Dropout(0.2);
    this.out = new nn.Linear(width, horizon);
    this.direct = new nn.Linear(lookback, horizon, { bias: false });
  }

  forward(x: Tensor): Tensor {
    const last = x.narrow(1, x.shape[1]! - 1, 1); // (B, 1, C)
    const [, [h]] = this.lstm.forward(x.sub(last)); // (layers, B, H)
    const change = this.out.forward(this.drop.forward(h.select(0, h.shape[0]! - 1))); // (B, horizon)
    const before = x.sub(last).select(2, this.#target); // (B, L)
    return change.add(this.direct.forward(before)).add(last.select(2, this.#target)); // (B, horizon)
  }
}

export const recipe: Recipe<typeof settings> = {
  name: "forecast",
  help: "foretell a column of a table (hourly temperatures, ETTh1) by an LSTM",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, seed, lookback, horizon } = config;
    const series = await readSeries(config);
    const { scale, windows, rows, missing } = series;
    const train = loaderOf(windows.train, { batchSize: batch, shuffle: true, seed });
    const model = seeded(seed, () => new Forecaster(scale.columns.length, scale.target, config));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 1e-3 });
    const totalSteps = epochs * train.length;
    const name = scale.columns[scale.target];
    return {
      model,
      summary: nn.summary(model, [lookback, scale.columns.length]),
      data: [
        `${rows.toLocaleString("en")} rows of ${scale.columns.join(", ")}${missing}`,
        `${name} of ${horizon} rows from ${lookback}`,
      ].join("; "),
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}`,
      ...{ epochs, train, validation: loaderOf(windows.validation, { batchSize: 256 }), optimizer },
      loss: nn.mseLoss,
      metrics: { error: meanAbsoluteError() },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 }),
      files: { [scaleFile]: JSON.stringify(scale, null, 2) },
      next: (folder) => `what comes next: anneal predict forecast ${folder} --data FILE`,
      test: (terminal) => judge(model, series, config, terminal),
    };
  },
};

interface Series {
  readonly scale: Scale;
  readonly rows: number;
  /** What became of missing cells, in words; nothing where none were. */
  readonly missing: string;
  readonly windows: Readonly<Record<"train" | "validation" | "test", SeriesWindows>>;
}

async function readSeries(config: ForecastConfig): Promise<Series> {
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
export function targetOf({ columns }: NumberTable, name: string | null): number {
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

function loaderOf(
  windows: SeriesWindows,
  options: { batchSize: number; shuffle?: boolean; seed?: number },
): DataLoader<SeriesWindow> {
  return new DataLoader<SeriesWindow>(windows, options);
}

/** The network beside the baselines on the test windows, in units of deviations. */
async function judge(
  model: Forecaster,
  { windows, scale }: Series,
  config: ForecastConfig,
  terminal: Terminal,
) {
  const { horizon } = config;
  const sizes = { horizon, target: scale.target };
  const said = await (await predict(model, loaderOf(windows.test, { batchSize: 256 }))).data();
  let next = 0;
  const network: Foretell = () => Float64Array.from(said.subarray(next, (next += horizon)));
  const methods: readonly (readonly [string, Foretell])[] = [
    ["LSTM", network],
    ["linear", linear(windows.train, sizes)],
    ["last value", naive(sizes)],
    ["last season", seasonal(sizes, config.season)],
  ];
  const errors = methods.map(([name, foretell]) => ({ name, ...errorsOf(foretell, windows.test) }));
  const [own] = errors as [(typeof errors)[0]];
  const best = errors.slice(1).reduce((a, b) => (b.square < a.square ? b : a));
  const name = scale.columns[scale.target]!;
  const shown = table(
    ["", "squared error", "error", `error in ${name}`].map((title, i) => {
      return { title, align: i > 0 ? ("right" as const) : ("left" as const) };
    }),
    errors.map((e) => [
      e.name,
      e.square.toFixed(4),
      e.absolute.toFixed(4),
      (e.absolute * scale.deviation[scale.target]!).toFixed(3),
    ]),
    terminal.style,
  );
  const key = (method: string) =>
    `test${method.replace(/(^| )(\w)/g, (_, __, c) => c.toUpperCase())}`;
  next = Math.floor(windows.test.length / 2) * horizon;
  return {
    value: own.square.toFixed(4),
    label: "test squared error",
    shown,
    result: Object.fromEntries(errors.map((e) => [`${key(e.name)}Mse`, e.square])),
    facts: [`${best.name} ${best.square.toFixed(4)}`, `mean error ${own.absolute.toFixed(4)}`],
    files: { "forecast.svg": chartOf(windows.test, methods.slice(0, 3), scale) },
  };
}

function errorsOf(
  foretell: Foretell,
  windows: SeriesWindows,
): { square: number; absolute: number } {
  let [square, absolute, count] = [0, 0, 0];
  for (let i = 0; i < windows.length; i++) {
    const window = windows.get(i);
    foretell(window).forEach((value, h) => {
      const error = value - Number(window.y.data[h]);
      square += error * error;
      absolute += Math.abs(error);
      count++;
    });
  }
  return { square: square / count, absolute: absolute / count };
}

/** The window in the middle of the test: what was seen, what came, and what was foretold. */
function chartOf(
  windows: SeriesWindows,
  methods: readonly (readonly [string, Foretell])[],
  { columns, target, mean, deviation }: Scale,
): string {
  const window = windows.get(Math.floor(windows.length / 2));
  const [rows, width] = window.x.shape as [number, number];
  const inUnits = (value: number) => value * deviation[target]! + mean[target]!;
  const past = Array.from({ length: rows }, (_, r) =>
    inUnits(Number(window.x.data[r * width + target])),
  );
  const came = Array.from(window.y.data, (value) => inUnits(Number(value)));
  const after = came.map((_, h) => rows + h);
  const lines = methods.map(([label, foretell]) => {
    return { label, x: after, y: Array.from(foretell(window), inUnits) };
  });
  const name = columns[target]!;
  return lineChart([{ label: name, y: [...past, ...came] }, ...lines], {
    ...{ title: `${name}: the middle of the test`, x: "row", y: name },
  });
}
