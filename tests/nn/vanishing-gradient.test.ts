// The adding problem over 200 steps (Hochreiter and Schmidhuber 1997): an LSTM learns it, a plain network
// stays with the answer 1, whose mean squared error is 1/6, because its gradient does not reach back.
// On the strict device, so that every machine trains the same. examples/vanishing-gradient.ts draws it.
import { beforeAll, describe, expect, it } from "vitest";
import {
  arange,
  compile,
  device,
  grad,
  manualSeed,
  nn,
  optim,
  rand,
  randint,
  stack,
  type Tensor,
} from "../../src/index.ts";

const [T, B, H] = [200, 32, 16]; // steps, batch, hidden

/** Numbers in [0, 1) and marks on two of them (T, B, 2), and the sums of the two (B). */
function batch(): [Tensor, Tensor] {
  const at = arange(T).unsqueeze(1); // (T, 1)
  const values = rand(T, B);
  const first = at.eq(randint(0, T / 2, [B]));
  const marks = first.logicalOr(at.eq(randint(T / 2, T, [B]))).float(); // (T, B)
  return [stack([values, marks], 2), values.mul(marks).sum(0)];
}

class Adder extends nn.Module {
  net: nn.RNN | nn.LSTM;
  head = new nn.Linear(H, 1);

  constructor(net: nn.RNN | nn.LSTM) {
    super();
    this.net = net;
  }

  loss(x: Tensor, y: Tensor): Tensor {
    const [out] = this.net.forward(x); // (T, B, H)
    return nn.mseLoss(this.head.forward(out.select(0, -1)).squeeze(1), y);
  }
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** The mean loss of 50 steps, when it is below the goal or after all steps. */
async function train(model: Adder, lr: number, steps: number, goal: number): Promise<number> {
  const optimizer = new optim.Adam(model.parameters(), { lr });
  const step = compile(() => {
    const loss = model.loss(...batch());
    optimizer.step(loss, { clipNorm: 1 });
    return loss;
  });
  const losses: number[] = [];
  while (losses.length < steps) {
    losses.push(await step().item());
    if (losses.length % 50 === 0 && mean(losses.slice(-50)) < goal) break;
  }
  return mean(losses.slice(-50));
}

/** How much smaller the gradient by the first input is than that by the last. */
async function fading(model: Adder): Promise<number> {
  const [x, y] = batch();
  const byInput = grad((x: Tensor) => model.loss(x, y))(x) as Tensor; // (T, B, 2)
  const norms = Array.from(await byInput.square().sum([1, 2]).sqrt().data());
  return norms[0]! / norms[T - 1]!;
}

describe("the adding problem over 200 steps", () => {
  beforeAll(() => {
    device("wasm", { strict: true });
  });

  it("is learned by an LSTM, whose gradient reaches back", async () => {
    manualSeed(1);
    const model = new Adder(new nn.LSTM(2, H, { forgetBias: 3 }));
    expect(await train(model, 0.03, 4000, 0.02)).toBeLessThan(0.02);
    expect(await fading(model)).toBeGreaterThan(1e-2);
  });

  it("is not by a plain network, whose gradient fades", async () => {
    manualSeed(1);
    const model = new Adder(new nn.RNN(2, H));
    expect(await train(model, 0.005, 1000, 0.02)).toBeGreaterThan(0.14);
    expect(await fading(model)).toBeLessThan(1e-6);
  });
});
