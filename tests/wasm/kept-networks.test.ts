// Inference with kept weights: a trained network's answers are those of a program that keeps nothing,
// bit for bit, before and after every further step of training.
import { expect, it } from "vitest";
import { compile, device, manualSeed, nn, optim, Tensor } from "../../src/index.ts";

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 16, 3, { padding: 1 });
  conv2 = new nn.Conv2d(16, 32, 3, { padding: 1 });
  fc1 = new nn.Linear(32 * 49, 64);
  fc2 = new nn.Linear(64, 10);
  forward(x: Tensor): Tensor {
    const h = this.conv1.forward(x).relu().maxPool2d(2); // (B, 16, 14, 14)
    const maps = this.conv2.forward(h).relu().maxPool2d(2); // (B, 32, 7, 7)
    return this.fc2.forward(this.fc1.forward(maps.flatten(1)).relu()); // (B, 10)
  }
}

it.each([1, 6])("answers the same at batch %i", async (batch) => {
  manualSeed(3);
  device("wasm");
  const model = new Net();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  const step = compile((x: Tensor, y: Tensor) => {
    const loss = nn.crossEntropy(model.forward(x), y);
    optimizer.step(loss);
    return loss;
  });
  const answer = compile((x: Tensor) => model.forward(x));
  const pixels = Float32Array.from({ length: batch * 784 }, (_, i) => Math.sin(i * i));
  const images = () => Tensor.from(pixels, [batch, 1, 28, 28]);
  const labels = Tensor.from(
    Int32Array.from({ length: batch }, (_, i) => i % 10),
    [batch],
  );
  const seen: string[] = [];
  for (let round = 0; round < 3; round++) {
    await step(images(), labels).item();
    // The first answer after an update comes from the whole program.
    const first = await answer(images()).data();
    for (let again = 0; again < 4; again++) expect(await answer(images()).data()).toEqual(first);
    seen.push(String(first));
  }
  expect(new Set(seen).size).toBe(3);
});
