// anneal predict forecast: the values that come after the last rows of a table, by the model of a
// run.
// Not here: the model and its training (examples/forecast.ts).

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type ForecastConfig,
  Forecaster,
  recipe as forecastRecipe,
  type Scale,
  scaled,
  scaleFile,
} from "../../examples/forecast.ts";
import { readTable } from "../data/index.ts";
import { Tensor } from "../index.ts";
import type { Terminal } from "../recipe/index.ts";
import { loadWeights, predict } from "../train/index.ts";
import { LoadError } from "../util/errors.ts";
import { readConfig, trainedRun, weightsIn } from "./runs.ts";
import { type MachineOptions, useMachine } from "./train.ts";

export interface ForecastCommand extends MachineOptions {
  readonly run?: string | undefined;
  /** A table with the columns that the run was trained on. */
  readonly data: string;
}

/** Prints one value a line: what comes after the last row, and after that. */
export async function predictForecast(options: ForecastCommand, terminal: Terminal): Promise<void> {
  await useMachine(options);
  const folder = await trainedRun(options.out, options.run, [forecastRecipe.name]);
  const { config } = await readConfig(folder, [forecastRecipe]);
  const known = config as unknown as ForecastConfig;
  const scale: Scale = JSON.parse(await readFile(join(folder, scaleFile), "utf8"));
  const { columns, target, mean, deviation } = scale;
  const table = await readTable({ from: options.data }, { columns, missing: known.missing });
  const { lookback } = known;
  if (table.length < lookback) {
    throw new LoadError(options.data, `has ${table.length} rows, the model looks at ${lookback}`);
  }
  const model = new Forecaster(columns.length, target, known);
  await loadWeights(model, await weightsIn(folder));
  const last = scaled(table, table.length, scale).slice(-lookback * columns.length);
  const said = await (
    await predict(model, Tensor.from(last, [1, lookback, columns.length]))
  ).data();
  for (const value of said) {
    terminal.print(String(Number((value * deviation[target]! + mean[target]!).toPrecision(6))));
  }
}
