// A convolutional network on MNIST with fit: validation, early stopping, checkpoints, Ctrl-C.
//   npm run example examples/fit-mnist.ts
// Stop it with Ctrl-C and start it again: it goes on where it was, to the last bit.
// The loop that fit runs, written by hand, is mnist-by-hand.ts.

import { manualSeed, nn, optim, type Tensor } from "anneal";
import { DataLoader, DigitDataset, mnist, randomSplit } from "anneal/data";
import { accuracy } from "anneal/metrics";
import { earlyStopping, evaluate, fit, lineProgress, lrScheduler } from "anneal/train";

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 16, 3, { padding: 1 });
  conv2 = new nn.Conv2d(16, 32, 3, { padding: 1 });
  drop = new nn.Dropout(0.25);
  fc = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    x = this.conv1.forward(x).relu().maxPool2d(2); // (B, 16, 14, 14)
    x = this.conv2.forward(x).relu().maxPool2d(2); // (B, 32, 7, 7)
    return this.fc.forward(this.drop.forward(x.flatten(1))); // (B, 10)
  }
}

const files = await mnist();
const [train, validation] = randomSplit(new DigitDataset(files.train), [0.95, 0.05], { seed: 1 });
const test = new DigitDataset(files.test);
const batchSize = 128;

manualSeed(1);
const model = new Net();
const epochs = 3;
const batches = new DataLoader(train, { batchSize, shuffle: true, seed: 1 });
const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3 });
const schedule = new optim.CosineAnnealingLR(optimizer, { tMax: epochs * batches.length });

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const { interrupted, checkpoint } = await fit(model, {
  train: batches,
  validation: new DataLoader(validation, { batchSize: 500 }),
  loss: nn.crossEntropy,
  optimizer,
  epochs,
  metrics: { accuracy: accuracy() },
  scheduler: lrScheduler(schedule, { per: "step" }),
  callbacks: [earlyStopping({ monitor: "valAccuracy", patience: 2, restoreBest: true })],
  checkpoint: { folder: "runs/fit-mnist", every: 200 },
  resume: true,
  progress: lineProgress(),
  signal: stop.signal,
});

if (interrupted) {
  console.log(`saved ${checkpoint}; run this again to go on`);
} else {
  const result = await evaluate(model, new DataLoader(test, { batchSize: 500 }), {
    loss: nn.crossEntropy,
    metrics: { accuracy: accuracy() },
  });
  console.log(`test accuracy ${result.accuracy.toFixed(4)}`);
}
