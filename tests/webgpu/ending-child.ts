// Trains a few steps on WebGPU and says so; that it then ends, and well, is the test.
import { compile, device, nn, optim, Tensor } from "../../src/index.ts";

device("webgpu");
const model = new nn.Linear(2, 1);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
const step = compile((x: Tensor) => {
  const loss = model.forward(x).square().mean();
  optimizer.step(loss);
  return loss;
});
const x = Tensor.from(new Float32Array([1, 2, 3, 4]), [2, 2]);
for (let i = 0; i < 3; i++) await step(x).item();
const last = step(x);
step(x); // nobody waits for this one
console.log(`trained to ${(await last.item()).toFixed(4)}`);
