// Type-checked against the installed declarations, never run: a user's program in strict TypeScript.
import { compile, nn, type optim, type Tensor } from "anneal";
import { Linear } from "anneal/nn";
import { AdamW } from "anneal/optim";

class Net extends nn.Module {
  fc1 = new Linear(784, 128);
  fc2 = new nn.Linear(128, 10);
  forward(x: Tensor): Tensor {
    return this.fc2.forward(this.fc1.forward(x).relu()); // (B, 10)
  }
}

const model = new Net();
const optimizer: optim.AdamW = new AdamW(model.parameters(), { lr: 1e-3 });
export const step = compile((x: Tensor, y: Tensor) => {
  const loss = nn.crossEntropy(model.forward(x), y);
  optimizer.step(loss);
  return loss;
});
export async function loss(x: Tensor, y: Tensor): Promise<number> {
  return await step(x, y).item();
}

// @ts-expect-error: sizes are numbers; if this compiles, the declarations say nothing.
new nn.Linear("784", 128);
