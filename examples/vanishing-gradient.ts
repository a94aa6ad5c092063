// The vanishing gradient, shown on the adding problem (Hochreiter and Schmidhuber 1997): 200 numbers, two
// of them marked, and the network is to say the sum of the two at the end. Always answering 1 has a mean
// squared error of 1/6; to do better the gradient must reach back a hundred steps.
//   npm run example examples/vanishing-gradient.ts
// Trains a plain network and an LSTM until they can, or for 3,000 steps, and draws how much of the
// gradient is left after how many steps back, as runs/vanishing-gradient.svg.

import { mkdir, writeFile } from "node:fs/promises";
import {
  arange,
  compile,
  gradients,
  manualSeed,
  nn,
  optim,
  rand,
  randint,
  scan,
  stack,
  type Tensor,
  zeros,
} from "anneal";
import { lineChart } from "anneal/vis";

const [T, B, H] = [200, 32, 24]; // steps, batch, hidden

/** `--steps 100` trains for at most so many, for those in a hurry. */
const steps = Number(process.argv[process.argv.indexOf("--steps") + 1]) || 3000;

class Adder extends nn.Module {
  net: nn.RNN | nn.LSTM;
  head = new nn.Linear(H, 1);

  constructor(net: nn.RNN | nn.LSTM) {
    super();
    this.net = net;
  }

  forward(x: Tensor): Tensor {
    const [out] = this.net.forward(x); // (T, B, 2) → (T, B, H)
    return this.head.forward(out.select(0, -1)).squeeze(1); // (B)
  }
}

/** Numbers in [0, 1), a mark on one of the first half and on one of the second: x (T, B, 2), y (B). */
function batch() {
  const at = arange(T).unsqueeze(1); // (T, 1)
  const values = rand(T, B);
  const first = at.eq(randint(0, T / 2, [B]));
  const second = at.eq(randint(T / 2, T, [B]));
  const marks = first.logicalOr(second).float(); // (T, B)
  return { x: stack([values, marks], 2), y: values.mul(marks).sum(0) };
}

async function train(name: string, model: Adder, lr: number): Promise<void> {
  const optimizer = new optim.Adam(model.parameters(), { lr });
  const step = compile(() => {
    const { x, y } = batch();
    const loss = nn.mseLoss(model.forward(x), y);
    optimizer.step(loss, { clipNorm: 1 });
    return loss;
  });
  const losses: number[] = [];
  for (let i = 1; i <= steps; i++) {
    losses.push(await step().item());
    if (i % 200 > 0 && i < steps) continue;
    const mean = losses.slice(-100).reduce((a, b) => a + b, 0) / Math.min(100, losses.length);
    console.log(`${name}  step ${i}  mean squared error ${mean.toFixed(4)}`);
    if (mean < 0.01) break;
  }
}

/** The norm of the loss's gradient by the state 1, 2, … T steps before the end. The network's own
 *  weights are in a cell here, whose state gets a nudge of 0 before each step. */
async function gradientNorms({ net, head }: Adder): Promise<number[]> {
  const cell = net instanceof nn.LSTM ? new nn.LSTMCell(2, H) : new nn.RNNCell(2, H);
  cell.weight_ih = net.weight_ih_l0;
  cell.weight_hh = net.weight_hh_l0;
  cell.bias_ih = net.bias_ih_l0!;
  cell.bias_hh = net.bias_hh_l0!;
  const count = net instanceof nn.LSTM ? 2 : 1; // h, or h and c
  const norms = compile(() => {
    const { x, y } = batch();
    const nudges = Array.from({ length: count }, () => zeros(T, B, H));
    for (const nudge of nudges) nudge.requiresGrad = true;
    const body = (state: Tensor[], [x, ...nudge]: Tensor[]): [Tensor[], null] => {
      const [h, c] = state.map((s, i) => s.add(nudge[i]!)); // (B, H)
      if (cell instanceof nn.RNNCell) return [[cell.forward(x!, h)], null];
      return [cell.forward(x!, [h!, c!]), null];
    };
    const start = nudges.map(() => zeros(B, H));
    const [last] = scan(body, start, [x, ...nudges]);
    const loss = nn.mseLoss(head.forward(last[0]!).squeeze(1), y);
    const squares = gradients(loss, nudges).map((g) => g!.square().sum([1, 2])); // (T)
    return squares.reduce((a, b) => a.add(b)).sqrt();
  });
  return Array.from(await norms().data()).reverse();
}

// Each with the learning rate that suits it; a plain network diverges with the LSTM's. A forget bias of
// 3 lets the LSTM keep 95 % of its memory a step from the start; with 0 it learns the same, later.
const networks = {
  RNN: { make: () => new nn.RNN(2, H), lr: 0.005 },
  LSTM: { make: () => new nn.LSTM(2, H, { forgetBias: 3 }), lr: 0.03 },
};
const lines: { label: string; x: number[]; y: number[] }[] = [];
for (const [name, { make, lr }] of Object.entries(networks)) {
  manualSeed(1);
  const model = new Adder(make());
  await train(name, model, lr);
  const y = await gradientNorms(model);
  lines.push({ label: name, x: y.map((_, i) => i + 1), y });
}

await mkdir("runs", { recursive: true });
const title = "What is left of the gradient";
const axes = { x: "steps before the end", y: "norm", log: true };
await writeFile("runs/vanishing-gradient.svg", lineChart(lines, { title, ...axes }));
console.log("runs/vanishing-gradient.svg shows the gradient's norm against the lag");
