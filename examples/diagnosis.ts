// The recipe `diagnosis`: who is ill, of three small medical tables, judged by repeated cross-validation: a
// perceptron with one hidden layer beside a logistic regression.
// Not here: reading the tables (diagnosis/data.ts), the folds (diagnosis/folds.ts), or what they say of the
// models (diagnosis/judge.ts).

import { nn, optim, Tensor } from "anneal";
import {
  choice,
  folderOf,
  folderSettings,
  number,
  part,
  type Recipe,
  seeded,
  seedOf,
  whole,
} from "anneal/recipe";
import { type PatientSet, type Patients, readPatients, sources } from "./diagnosis/data.ts";
import { FoldedPair, foldedLoss, standardized, testRows } from "./diagnosis/folds.ts";
import { judge } from "./diagnosis/judge.ts";

// Fixed before a figure was looked at: every patient is in a test fold, so none could choose them.
const settings = {
  set: choice<PatientSet>("", Object.keys(sources) as PatientSet[], "wdbc"),
  folds: whole("parts of the patients; each is the test of a model trained on the others", 10, 2),
  repeats: whole("times that the patients are parted anew", 5),
  units: whole("units of the hidden layer", 16),
  epochs: whole("spans of 20 steps, each over all patients", 10),
  lr: number("learning rate", 0.01),
  weightDecay: number("how much weights shrink", 0.1),
  dropout: part("of hidden units", 0.2),
  seed: seedOf("the folds, weights and dropout"),
  ...folderSettings,
} as const;

const stepsOfEpoch = 20;

export const recipe: Recipe<typeof settings> = {
  name: "diagnosis",
  help: "tell who is ill, of small medical tables, by cross-validation",
  settings,
  async prepare(config) {
    const { set, folds, repeats, units, epochs, lr, weightDecay, dropout, seed } = config;
    const patients = await readPatients(set, await folderOf(config, sources[set].published));
    const tests = testRows(patients.ill, { folds, repeats, seed });
    const x = standardized(patients, tests); // (F, N, D)
    const width = patients.columns.length;
    const model = seeded(seed, () => new FoldedPair(tests.length, width, units, dropout));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay });
    const [training, held] = [targetsOf(patients, tests, 0), targetsOf(patients, tests, 1)];
    const ill = patients.ill.reduce((a, b) => a + b, 0);
    const twice = patients.twice > 0 ? `, ${patients.twice} who stand there twice taken once` : "";
    return {
      model,
      summary: nn.summary(model, [patients.ill.length, width], { batch: tests.length }),
      data: [
        `${sources[set].title}: ${patients.ill.length} patients, ${ill} ill`,
        `${width} columns${twice}`,
      ].join(", "),
      method: `AdamW ${lr}, ${tests.length} models side by side (${repeats} × ${folds} folds), seed ${seed}`,
      ...{ epochs, optimizer, loss: foldedLoss },
      train: Array.from({ length: stepsOfEpoch }, () => ({ x, y: training })),
      validation: [{ x, y: held }],
      schedule: new optim.LambdaLR(optimizer, () => 1),
      test: (terminal) => judge(model, x, tests, patients, config, terminal),
    };
  },
};

/** Who is ill, and who counts: those whom a fold tests (1), or whom it trains on (0). (2, F, N) */
function targetsOf({ ill }: Patients, tests: readonly Uint8Array[], which: 0 | 1): Tensor {
  const rows = [
    ...tests.map(() => [...ill]),
    ...tests.map((test) => Array.from(test, (t) => Number(t === which))),
  ];
  return Tensor.from(Float32Array.from(rows.flat()), [2, tests.length, ill.length]);
}
