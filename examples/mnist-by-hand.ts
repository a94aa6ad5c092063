// A convolutional network on MNIST with nothing but a loop: the network, one compiled step, the batches.
//   npm run example examples/mnist-by-hand.ts
// The same with validation, checkpoints and resume is fit-mnist.ts.

import { compile, manualSeed, nn, optim, type Tensor } from "anneal";
import { DataLoader, DigitDataset, mnist } from "anneal/data";

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 32, 3, { padding: 1 });
  conv2 = new nn.Conv2d(32, 64, 3, { padding: 1 });
  fc = new nn.Linear(64 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    x = this.conv1.forward(x).relu().maxPool2d(2); // (B, 32, 14, 14)
    x = this.conv2.forward(x).relu().maxPool2d(2); // (B, 64, 7, 7)
    return this.fc.forward(x.flatten(1)); // (B, 10)
  }
}

/** `--steps 100` stops after so many steps, for those in a hurry. */
const limit = Number(process.argv[process.argv.indexOf("--steps") + 1]) || Number.POSITIVE_INFINITY;

manualSeed(1);
const model = new Net();
const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
console.log(String(nn.summary(model, [1, 28, 28])));

const step = compile((x: Tensor, y: Tensor) => {
  const loss = nn.crossEntropy(model.forward(x), y);
  optimizer.step(loss); // gradient and update, fused into the program
  return loss;
});
const count = compile((x: Tensor, y: Tensor) => model.forward(x).argmax(1).eq(y).sum());

const digits = await mnist();
const train = new DataLoader(new DigitDataset(digits.train), { batchSize: 64, shuffle: true });
const test = new DataLoader(new DigitDataset(digits.test), { batchSize: 500 });

let steps = 0;
for await (const { x, y } of train) {
  const loss = step(x, y);
  if (++steps % 100 === 0) console.log(`step ${steps}  loss ${(await loss.item()).toFixed(4)}`);
  if (steps >= limit) break;
}

model.eval();
let correct = 0;
for await (const { x, y } of test) correct += await count(x, y).item();
console.log(`test accuracy ${(correct / digits.test.count).toFixed(4)}`);
