// The recipe `mnist`: 60,000 handwritten digits, and how well 10,000 others are told.
// Not here: the models (mnist/models.ts), the batches (mnist/data.ts), the test (mnist/result.ts).

import { nn, optim, tensor } from "anneal";
import { accuracy } from "anneal/metrics";
import {
  choice,
  folderSettings,
  limitTo,
  number,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  softmax,
  toggle,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { bars, drawDigit, percent } from "anneal/vis";
import { mnistBatches, normalized } from "./mnist/data.ts";
import { readDigit } from "./mnist/image.ts";
import { type ModelName, modelNames, models } from "./mnist/models.ts";
import { testModel } from "./mnist/result.ts";
import { showResult } from "./mnist/show.ts";

const settings = {
  model: choice<ModelName>("", modelNames, "cnn"),
  epochs: whole(
    "times through the training digits",
    (c: { model: ModelName }) => models[c.model].epochs,
  ),
  batch: whole("digits in a step", (c: { model: ModelName }) => models[c.model].batch),
  lr: number(
    "the highest learning rate of the cycle",
    (c: { model: ModelName }) => models[c.model].lr,
  ),
  seed: seedOf("weights, order and dropout"),
  augment: toggle("turn, shift and scale the training digits a little"),
  limit: limitTo("digits", 2),
  ...folderSettings,
} as const;

export type MnistConfig = RunConfig<typeof settings>;

export const recipe: Recipe<typeof settings> = {
  name: "mnist",
  help: "train on the 60,000 handwritten digits of MNIST, test on its 10,000",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, seed, augment } = config;
    const data = await mnistBatches(config);
    const model = seeded(seed, () => models[config.model].make());
    const optimizer = new optim.AdamW(model.parameters(), { lr });
    const totalSteps = epochs * data.train.length;
    const count = (n: number) => n.toLocaleString("en");
    const parts = `${count(data.trainCount)} to train, ${count(data.validationCount)} to validate`;
    return {
      model,
      summary: nn.summary(model, [1, 28, 28]),
      data: `${data.source}: ${parts}, ${count(data.testDigits.count)} to test`,
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}${augment ? ", augmented" : ""}`,
      ...{ epochs, train: data.train, validation: data.validation, optimizer },
      loss: nn.crossEntropy,
      metrics: { accuracy: accuracy() },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 }),
      async test(terminal) {
        const test = await testModel(model, data);
        const baseline = data.baseline();
        return {
          value: test.accuracy.toFixed(4),
          label: "test accuracy",
          shown: showResult(test, terminal),
          result: { testAccuracy: test.accuracy, testLoss: test.loss, baselineAccuracy: baseline },
          facts: [
            `${test.mistakes.length} of ${count(test.answers.length)} wrong`,
            `test loss ${test.loss.toFixed(4)}`,
          ],
          report: {
            confusion: { matrix: test.matrix },
            figures: [
              {
                name: "test accuracy",
                value: test.accuracy.toFixed(4),
                baseline: `${baseline.toFixed(3)} (nearest mean picture)`,
                published: "0.9905",
                source: "LeNet-5 (LeCun et al. 1998)",
              },
            ],
            mistakes: test.mistakes.slice(0, 40).map(({ pixels, truth, said, probability }) => {
              const picture = { pixels, rows: 28, cols: 28 };
              return { picture, truth: String(truth), said: String(said), probability };
            }),
          },
        };
      },
    };
  },
  predict: {
    help: "say which digit a picture shows",
    input: {
      option: "image",
      takes: "<file>",
      help: "a PNG of one digit, dark on light or light on dark",
    },
    async run({ input, config, folder, load }, { style, print }) {
      const model = await load(models[config.model].make());
      const { pixels } = await readDigit(input);
      const x = tensor(normalized(pixels)).reshape(1, 1, 28, 28);
      const odds = softmax(await (await predict(model, x)).data()); // of 10 digits
      const said = odds.indexOf(Math.max(...odds));
      const rows = odds.map((value, digit) => ({ label: String(digit), value }));
      print(drawDigit({ pixels, rows: 28, cols: 28 }, { ...style, margin: 2 }));
      print(`\n${bars(rows, style)}\n`);
      const article = said === 8 ? "an" : "a";
      print(`${input} shows ${article} ${said} (${percent(odds[said]!)}), says ${folder}`);
    },
  },
};
