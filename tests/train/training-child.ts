// The child process that kill.test.ts kills: trains for ever, a checkpoint every second step, and
// tells each step that it has done. Given a number of epochs it ends by itself and tells the
// weights.
import * as nn from "../../src/nn/index.ts";
import { device } from "../../src/tensor/device.ts";
import { type Callback, fit } from "../../src/train/index.ts";
import { classifier, timeless, weights } from "./problem.ts";

const [folder, epochs = "1000000"] = process.argv.slice(2);
device("reference");
const parts = classifier(1);
const tell: Callback = {
  name: "tell",
  onStep: (run) => void process.stdout.write(`${run.step}\n`),
};
const { history } = await fit(parts.model, {
  ...{ ...parts, seed: 6, loss: nn.crossEntropy, epochs: Number(epochs), callbacks: [tell] },
  checkpoint: { folder, every: 2, keep: 2 },
  resume: true,
});
process.stdout.write(
  `${JSON.stringify({ history: timeless(history), weights: await weights(parts.model) })}\n`,
);
