// How well a network foretells, beside the baselines: errors on the test windows, and a chart of one of them.
// Not here: the baselines (baselines.ts).

import type { SeriesWindows } from "anneal/data";
import type { Terminal, Verdict } from "anneal/recipe";
import { type Model, predict } from "anneal/train";
import { lineChart, table } from "anneal/vis";
import { type Foretell, linear, naive, seasonal } from "./baselines.ts";
import { loaderOf, type Scale, type Series } from "./data.ts";

/** The network beside the baselines on the test windows, in units of deviations. */
export async function judge(
  model: Model,
  { windows, scale }: Series,
  config: { readonly horizon: number; readonly season: number },
  terminal: Terminal,
): Promise<Verdict> {
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
  const chart = chartOf(windows.test, methods.slice(0, 3), scale);
  return {
    value: own.square.toFixed(4),
    label: "test squared error",
    shown,
    result: Object.fromEntries(errors.map((e) => [`${key(e.name)}Mse`, e.square])),
    facts: [`${best.name} ${best.square.toFixed(4)}`, `mean error ${own.absolute.toFixed(4)}`],
    files: { "forecast.svg": chart },
    report: {
      drawings: [{ title: `${name}: the middle of the test`, svg: chart }],
      figures: [
        {
          name: "test squared error, in deviations",
          value: own.square.toFixed(4),
          baseline: errors
            .slice(1)
            .map((e) => `${e.square.toFixed(4)} (${e.name})`)
            .join(", "),
        },
      ],
    },
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
