// anneal predict mnist: which digit a picture shows, by the weights of a run.
// Not here: how the picture is made ready (examples/mnist/image.ts).

import { normalized } from "../../examples/mnist/data.ts";
import { readDigit } from "../../examples/mnist/image.ts";
import { models } from "../../examples/mnist/models.ts";
import { type MnistConfig, recipe as mnistRecipe } from "../../examples/mnist.ts";
import { tensor } from "../index.ts";
import type { Terminal } from "../recipe/index.ts";
import { softmax } from "../recipe/index.ts";
import { loadWeights, predict } from "../train/index.ts";
import { bars, drawDigit, percent } from "../vis/index.ts";
import { readConfig, trainedRun, weightsIn } from "./runs.ts";
import { type MachineOptions, useMachine } from "./train.ts";

export interface PredictOptions extends Partial<MachineOptions> {
  readonly image: string;
  /** The folder of the run; the latest without it. */
  readonly run?: string;
  readonly out: string;
}

/** Prints the picture as the model sees it, the digit, and how sure the model is of each. */
export async function predictMnist(options: PredictOptions, terminal: Terminal): Promise<void> {
  await useMachine(options);
  const { pixels } = await readDigit(options.image);
  const run = await trainedRun(options.out, options.run, [mnistRecipe.name]);
  const { config } = await readConfig(run, [mnistRecipe]);
  const model = models[(config as MnistConfig).model].make();
  await loadWeights(model, await weightsIn(run));
  const x = tensor(normalized(pixels)).reshape(1, 1, 28, 28);
  const logits = await (await predict(model, x)).data(); // (1, 10)
  const probabilities = softmax(logits);
  const said = probabilities.indexOf(Math.max(...probabilities));
  const { style, print } = terminal;
  print(drawDigit({ pixels, rows: 28, cols: 28 }, { ...style, margin: 2 }));
  print();
  print(
    bars(
      probabilities.map((value, digit) => ({ label: String(digit), value })),
      style,
    ),
  );
  print();
  const article = said === 8 ? "an" : "a";
  print(
    `${options.image} shows ${article} ${said} (${percent(probabilities[said]!)}), says ${run}`,
  );
}
