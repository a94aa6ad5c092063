// What cross-validation says of the perceptron and of the logistic regression: figures over the test folds,
// and how far a probability can be trusted. Not here: the models and the folds (folds.ts).

import type { Tensor } from "anneal";
import {
  auroc,
  calibrationError,
  confusionMatrix,
  type Metric,
  meter,
  rocCurve,
} from "anneal/metrics";
import type { Terminal, Verdict } from "anneal/recipe";
import { predict } from "anneal/train";
import { drawMatrix, lineChart, percent, table } from "anneal/vis";
import { type PatientSet, type Patients, sources } from "./data.ts";
import type { FoldedPair } from "./folds.ts";

/** Figures of one model: the means over its test folds, and how far folds are from them. */
interface Figures {
  readonly accuracy: number;
  readonly accuracySpread: number;
  readonly area: number;
  readonly areaSpread: number;
  /** Of each patient, over the repeats. */
  readonly odds: Float64Array;
}

async function figuresOf(
  odds: Float32Array,
  tests: readonly Uint8Array[],
  { ill }: Patients,
  repeats: number,
): Promise<Figures> {
  const [rights, areas]: [number[], number[]] = [[], []];
  const mean = new Float64Array(ill.length);
  for (const [fold, test] of tests.entries()) {
    const own = [...test.keys()].filter((i) => test[i] === 1);
    const said = own.map((i) => odds[fold * ill.length + i]!);
    const truth = own.map((i) => ill[i]!);
    rights.push(own.filter((_, k) => said[k]! > 0.5 === (truth[k] === 1)).length / own.length);
    areas.push(await over(auroc({ probabilities: true }), said, truth));
    own.forEach((i, k) => void (mean[i]! += said[k]! / repeats));
  }
  const [right, area] = [spreadOf(rights), spreadOf(areas)];
  return {
    accuracy: right.mean,
    accuracySpread: right.spread,
    area: area.mean,
    areaSpread: area.spread,
    odds: mean,
  };
}

function spreadOf(values: readonly number[]): { mean: number; spread: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
  return { mean, spread: Math.sqrt(squares / Math.max(1, values.length - 1)) };
}

/** Judges the perceptron beside the logistic regression, both on patients that they were not trained on. */
export async function judge(
  model: FoldedPair,
  x: Tensor,
  tests: readonly Uint8Array[],
  patients: Patients,
  { set, repeats }: { set: PatientSet; repeats: number },
  { style }: Terminal,
): Promise<Verdict> {
  const all = (await (await predict(model, x)).sigmoid().data()) as Float32Array; // (2, F, N)
  const half = all.length / 2;
  const network = await figuresOf(all.subarray(0, half), tests, patients, repeats);
  const logistic = await figuresOf(all.subarray(half), tests, patients, repeats);
  const truth = Array.from(patients.ill);
  const [odds, plain] = [[...network.odds], [...logistic.odds]];
  const matrix = await over(
    confusionMatrix(2),
    odds.map((p) => p - 0.5),
    truth,
  );
  const error = await over(calibrationError({ probabilities: true, bins: 10 }), odds, truth);
  const { classes, title, reached: published } = sources[set];
  const byAccuracy = set === "wdbc";
  const row = (name: string, f: Figures) => [
    name,
    `${percent(f.accuracy)} ± ${(100 * f.accuracySpread).toFixed(1)}`,
    `${f.area.toFixed(3)} ± ${f.areaSpread.toFixed(3)}`,
  ];
  const drawings = [
    { title: "How sure, and how often right", svg: calibrationChart(odds, plain, truth) },
    { title: "Receiver operating characteristic", svg: await rocChart(odds, plain, truth) },
  ];
  return {
    value: byAccuracy ? network.accuracy.toFixed(4) : network.area.toFixed(4),
    label: `${byAccuracy ? "accuracy" : "area under the ROC curve"} on patients not trained on`,
    shown: [
      table(
        [{ title: "model" }, { title: "accuracy" }, { title: "area" }],
        [row("perceptron", network), row("logistic regression", logistic)],
      ),
      drawMatrix(matrix, { ...style, labels: classes }),
    ].join("\n\n"),
    result: {
      accuracy: network.accuracy,
      area: network.area,
      logisticAccuracy: logistic.accuracy,
      logisticArea: logistic.area,
      calibrationError: error,
    },
    facts: [
      title,
      `accuracy ${percent(network.accuracy)}, area ${network.area.toFixed(3)}`,
      `logistic regression ${percent(logistic.accuracy)}, ${logistic.area.toFixed(3)}`,
      `calibration error ${error.toFixed(3)}`,
      "a small table is no medical device",
    ],
    files: { "calibration.svg": drawings[0]!.svg },
    report: {
      confusion: { matrix, labels: classes },
      drawings,
      figures: [
        {
          name: "accuracy",
          value: `${network.accuracy.toFixed(3)} ± ${network.accuracySpread.toFixed(3)}`,
          baseline: `${logistic.accuracy.toFixed(3)} (logistic regression)`,
          published: published.accuracy,
          source: published.source,
        },
        {
          name: "area under the ROC curve",
          value: `${network.area.toFixed(3)} ± ${network.areaSpread.toFixed(3)}`,
          baseline: `${logistic.area.toFixed(3)} (logistic regression)`,
        },
      ],
    },
  };
}

/** The result of a metric over all patients. */
function over<R>(metric: Metric<R>, odds: number[], truth: number[]): Promise<R> {
  const measured = meter(metric);
  void measured.update(odds, truth);
  return measured.compute();
}

/** Patients in tenths by how likely the model calls them ill, and how many of each tenth are. */
function calibrationChart(
  odds: readonly number[],
  plain: readonly number[],
  truth: readonly number[],
): string {
  const line = (label: string, said: readonly number[]) => {
    const order = [...said.keys()].sort((a, b) => said[a]! - said[b]!);
    const groups = Array.from({ length: 10 }, (_, g) => {
      return order.slice(
        Math.round((g * order.length) / 10),
        Math.round(((g + 1) * order.length) / 10),
      );
    });
    const mean = (list: readonly number[], of: readonly number[]) => {
      return list.reduce((sum, i) => sum + of[i]!, 0) / list.length;
    };
    return { label, x: groups.map((g) => mean(g, said)), y: groups.map((g) => mean(g, truth)) };
  };
  const right = { label: "as it should be", x: [0, 1], y: [0, 1] };
  return lineChart([line("perceptron", odds), line("logistic regression", plain), right], {
    x: "said to be ill, in the mean of a tenth of the patients",
    y: "part that is ill",
  });
}

async function rocChart(odds: number[], plain: number[], truth: number[]): Promise<string> {
  const line = async (label: string, said: number[]) => {
    const curve = await over(rocCurve({ probabilities: true }), said, truth);
    return { label, x: curve.falsePositiveRate, y: curve.truePositiveRate };
  };
  const lines = [await line("perceptron", odds), await line("logistic regression", plain)];
  return lineChart(lines, { x: "part of the well called ill", y: "part of the ill called ill" });
}
