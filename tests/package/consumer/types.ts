// Type-checked against the installed declarations, never run: a user's program in strict TypeScript.
import { compile, nn, type optim, type Tensor, tensor } from "anneal";
import { DataLoader, DigitDataset, type Digits } from "anneal/data";
import { type Complex, fft } from "anneal/fft";
import { readSafetensorsFile } from "anneal/io";
import { accuracy } from "anneal/metrics";
import { Linear } from "anneal/nn";
import { AdamW } from "anneal/optim";
import { type Recipe, whole } from "anneal/recipe";
import { lgamma } from "anneal/special";
import { fit } from "anneal/train";
import * as vis from "anneal/vis";

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

/** Every entry point, as a user meets them in one program. */
export async function learn(digits: Digits): Promise<number> {
  const train = new DataLoader(new DigitDataset(digits), { batchSize: 64, shuffle: true });
  const { history } = await fit(model, {
    ...{ train, loss: nn.crossEntropy, optimizer, epochs: 1 },
    metrics: { accuracy: accuracy() },
  });
  return history.length;
}
const settings = { epochs: whole("times through the digits", 3) } as const;
export type Mine = Parameters<Recipe<typeof settings>["prepare"]>[0]["epochs"];
export const epochs: Mine = 5;
export const weights: Promise<unknown> = readSafetensorsFile("model.safetensors");
export const names: string[] = Object.keys(vis);

export const x: Tensor = tensor([[1, 2]]).matmul(tensor([[1], [2]]));
export const spectrum: Complex = fft(lgamma(x));
nn.init.constant(model.fc1.weight, 0.5);

// @ts-expect-error: sizes are numbers; if this compiles, the declarations say nothing.
new nn.Linear("784", 128);
