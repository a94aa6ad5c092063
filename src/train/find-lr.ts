// findLr: the learning rate range test (Smith 2015): train with a rate that rises from step to step, and
// look where the loss falls fastest. Not here: schedules of learning rates (optim/).

import { compile } from "../tensor/compile.ts";
import { generatorState, setGeneratorState } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { log, pow } from "../util/math.ts";
import { checkBatch } from "./check.ts";
import { loop } from "./evaluate.ts";
import type { Batches, Inputs, Loss, Model, TrainingOptimizer } from "./types.ts";

export interface FindLrOptions {
  /** Batches of `{ x, y }`, gone through as often as it takes. */
  train: Batches;
  loss: Loss;
  optimizer: TrainingOptimizer;
  /** The first and the last learning rate. */
  from?: number | undefined;
  to?: number | undefined;
  /** Learning rates tried, evenly spaced in their logarithm. */
  steps?: number | undefined;
  /** How much of the running average of the loss stays at each step. */
  smoothing?: number | undefined;
  /** Ends early when the average is so many times its least. */
  divergence?: number | undefined;
}

export interface FoundLr {
  readonly lrs: readonly number[];
  /** The running average of the loss at each. */
  readonly losses: readonly number[];
  /** Where the loss falls fastest as the logarithm of the rate grows; NaN if it never falls. */
  readonly suggestion: number;
}

/**
 * Tries learning rates on a model. Weights, optimizer, random numbers and the place in the data are
 * afterwards what they were before.
 *
 * @throws ArgumentError for options that make no range.
 *
 * @example
 * const { suggestion } = await findLr(model, { train, loss: nn.crossEntropy, optimizer });
 * optimizer.lr = suggestion;
 */
export async function findLr(model: Model, options: FindLrOptions): Promise<FoundLr> {
  const { train, loss, optimizer, from = 1e-7, to = 10, steps = 100 } = options;
  const { smoothing = 0.9, divergence = 4 } = options;
  checkRange(from, to, steps);
  const step = compile((x: Inputs, y: Tensor) => {
    const value = loss(model.forward(x as never), y);
    optimizer.step(value);
    return value;
  });
  const [lrs, losses]: [number[], number[]] = [[], []];
  const restore = remember(model, optimizer, train);
  let average = 0;
  try {
    model.train();
    for await (const { x, y } of endless(train)) {
      const i = lrs.length;
      const lr = from * pow(to / from, i / (steps - 1));
      optimizer.lr = lr;
      const value = await step(x, y).item();
      average = smoothing * average + (1 - smoothing) * value;
      const smooth = average / (1 - pow(smoothing, i + 1));
      if (!Number.isFinite(smooth) || smooth > divergence * Math.min(...losses, smooth)) break;
      lrs.push(lr);
      losses.push(smooth);
      if (lrs.length === steps) break;
    }
  } finally {
    restore();
  }
  if (lrs.length === 0) throw new ArgumentError("findLr", "the first loss is no number");
  return { lrs, losses, suggestion: steepest(lrs, losses) };
}

function checkRange(from: number, to: number, steps: number): void {
  if (!(from > 0 && to > from)) {
    throw new ArgumentError("findLr", `needs 0 < from < to, got ${from} and ${to}`);
  }
  if (Number.isInteger(steps) && steps >= 2) return;
  throw new ArgumentError("findLr", `steps must be an integer from 2, got ${steps}`);
}

/** Keeps what training changes; the function that it returns puts it back. */
function remember(model: Model, optimizer: TrainingOptimizer, train: Batches): () => void {
  const modes = model.modules().map((module) => [module, module.training] as const);
  const [weights, state] = [model.stateDict(), optimizer.stateDict()];
  const [random, place] = [generatorState(), train.state?.()];
  return () => {
    model.loadStateDict(weights);
    optimizer.loadStateDict(state as never);
    setGeneratorState(random);
    if (place !== undefined) train.loadState?.(place as never);
    for (const [module, training] of modes) module.training = training;
  };
}

/** The batches over and over. */
async function* endless(train: Batches) {
  for (let found = true; found; ) {
    found = false;
    for await (const batch of loop(train)) {
      checkBatch(batch);
      found = true;
      yield batch;
    }
  }
  throw new ArgumentError("findLr", "the training data gave no batches");
}

/** The rate at which the loss falls fastest, by the slope between its neighbours. */
function steepest(lrs: readonly number[], losses: readonly number[]): number {
  let [best, least] = [Number.NaN, 0];
  for (let i = 1; i + 1 < lrs.length; i++) {
    const slope = (losses[i + 1] - losses[i - 1]) / (log(lrs[i + 1]) - log(lrs[i - 1]));
    if (slope < least) [best, least] = [lrs[i], slope];
  }
  return best;
}
