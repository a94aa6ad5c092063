// A stranger's first program, run by every runtime and by the page: one linear layer learns y = 3a - 2b + 1.
// The problem is convex, so it gets there from any initial weights.
import { compile, nn, optim, tensor } from "anneal";

export async function train() {
  const inputs = Array.from({ length: 32 }, (_, i) => [(i % 8) / 4 - 1, Math.floor(i / 8) / 2 - 1]);
  const x = tensor(inputs); // (32, 2)
  const y = tensor(inputs.map(([a, b]) => [3 * a - 2 * b + 1])); // (32, 1)
  const model = new nn.Linear(2, 1);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.3 });
  const step = compile((x, y) => {
    const difference = model.forward(x).sub(y); // (32, 1)
    const loss = difference.mul(difference).mean();
    optimizer.step(loss);
    return loss;
  });
  const first = await step(x, y).item();
  for (let i = 0; i < 200; i++) await step(x, y).item();
  const last = await step(x, y).item();
  const weight = Array.from(await model.weight.data());
  const bias = Array.from(await model.bias.data());
  return { first, last, weight, bias };
}
