// What the networks of `mri` must beat: a logistic regression on the pixels of small pictures, in the same
// folds. Not here: the networks (folds.ts).

import { compile, nn, optim, Tensor } from "anneal";
import { type ImageArray, resizeTo } from "anneal/data";
import { evened } from "./folds.ts";

const [side, steps] = [16, 500];

/** How dear squared weights are. On the public set any value from 0.003 to 1 stays below 0.64. */
const penalty = 0.1;

/** Of each picture how likely the regression of its own fold calls it a tumour; it trained on the others. */
export async function logistic(
  pictures: readonly ImageArray[],
  labels: readonly number[],
  tests: readonly (readonly number[])[],
): Promise<number[]> {
  const [count, folds] = [pictures.length, tests.length];
  const seen = pictures.flatMap((picture) => [...evened(resizeTo(picture, side, side).data)]);
  const x = Tensor.from(Float32Array.from(seen), [count, side * side]); // (N, D)
  const counts = new Float32Array(count * folds).fill(1);
  for (const [fold, test] of tests.entries()) for (const i of test) counts[i * folds + fold] = 0;
  const y = Tensor.from(
    Float32Array.from(counts, (_, i) => labels[Math.floor(i / folds)]!),
    [count, folds],
  );
  const trains = Tensor.from(counts, [count, folds]); // (N, F)
  // One column of weights a fold, all from zero: side by side they are regressions of their own.
  const model = new nn.Linear(side * side, folds);
  nn.init.zeros(model.weight);
  const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
  const step = compile(() => {
    const losses = nn.bceWithLogits(model.forward(x), y, { reduction: "none" }).mul(trains);
    const squares = model.weight
      .square()
      .sum()
      .mul(penalty / 2);
    const loss = losses.sum().div(trains.sum()).mul(folds).add(squares);
    optimizer.step(loss);
    return loss;
  });
  for (let i = 0; i < steps; i++) step();
  const odds = await model.forward(x).sigmoid().data(); // (N, F)
  const of = new Array<number>(count).fill(0);
  for (const [fold, test] of tests.entries()) for (const i of test) of[i] = odds[i * folds + fold]!;
  return of;
}
