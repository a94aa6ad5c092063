// The recipe `forecast`: the next values of one column of a table from the last rows of all its
// columns, by an LSTM, and how much better that is than simple means.
// Not here: reading the table (forecast/data.ts), the baselines (forecast/baselines.ts), or judging by them
// (forecast/judge.ts).

import { LoadError, nn, optim, Tensor } from "anneal";
import { type MissingPolicy, readTable } from "anneal/data";
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
  text,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { loaderOf, readSeries, type Scale, scaled, scaleFile } from "./forecast/data.ts";
import { judge } from "./forecast/judge.ts";

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

type ForecastConfig = RunConfig<typeof settings>;

/** Reads how all columns of a window differ from their last values, and foretells how the target will: a
 *  level that was never trained on (another year) is no stranger than others (Zeng et al. 2022). A linear
 *  layer goes straight from the target's past to its future (Lai et al. 2018), the LSTM adds the rest. */
class Forecaster extends nn.Module {
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
  predict: {
    help: "say which values come next",
    input: {
      option: "data",
      takes: "<file>",
      help: "a CSV table with the columns that the run was trained on",
    },
    async run({ input, config, load, read }, { print }) {
      const scale: Scale = JSON.parse(await read(scaleFile));
      const { columns, target, mean, deviation } = scale;
      const rows = await readTable({ from: input }, { columns, missing: config.missing });
      const { lookback } = config;
      if (rows.length < lookback) {
        throw new LoadError(input, `has ${rows.length} rows, the model looks at ${lookback}`);
      }
      const model = await load(new Forecaster(columns.length, target, config));
      const last = scaled(rows, rows.length, scale).slice(-lookback * columns.length);
      const x = Tensor.from(last, [1, lookback, columns.length]);
      for (const value of await (await predict(model, x)).data()) {
        print(String(Number((value * deviation[target]! + mean[target]!).toPrecision(6))));
      }
    },
  },
};
