// Adam (Kingma and Ba 2014) and AdamW (Loshchilov and Hutter 2017), as torch.optim has them.

import type { Tensor } from "../tensor/tensor.ts";
import { average, averageNumbers, correction, type DecayOptions, decayed } from "./decay.ts";
import { checkNumbers, checkRates, type Full, type Parameters } from "./group.ts";
import { type Moments, Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface AdamOptions extends DecayOptions {
  /** How much of the averages of the gradient and of its square stays in each step. */
  betas?: readonly [number, number] | undefined;
  eps?: number | undefined;
  /** Divides by the largest average of squares so far (Reddi et al. 2018). */
  amsgrad?: boolean | undefined;
}

function defaults(op: string, options: AdamOptions, decay: number): Full<AdamOptions> {
  const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = decay } = options;
  const { amsgrad = false, maximize = false } = options;
  checkNumbers(op, { lr, eps, weightDecay });
  checkRates(op, { "betas[0]": betas[0], "betas[1]": betas[1] });
  return { lr, betas, eps, weightDecay, amsgrad, maximize };
}

function numbersOf(options: Full<AdamOptions>) {
  return { ...averageNumbers(options), decayed: 1 - options.lr * options.weightDecay };
}

function momentsOf({ amsgrad }: Full<AdamOptions>): Record<string, number> {
  return amsgrad ? { expAvg: 0, expAvgSq: 0, maxExpAvgSq: 0 } : { expAvg: 0, expAvgSq: 0 };
}

// The step away from the value, and the new state.
function move(now: Update<AdamOptions>, grad: Tensor): { move: Tensor; state: Moments } {
  const { lr, eps, beta1, rest1, logBeta1, beta2, rest2, logBeta2 } = now.hyper;
  const { step } = now.clock;
  const expAvg = average(now.state.expAvg!, grad, beta1!, rest1!);
  const expAvgSq = average(now.state.expAvgSq!, grad.square(), beta2!, rest2!);
  const state: Moments = { expAvg, expAvgSq };
  if (now.options.amsgrad) state.maxExpAvgSq = now.state.maxExpAvgSq!.maximum(expAvgSq);
  const squares = state.maxExpAvgSq ?? expAvgSq;
  const scale = correction(step!, logBeta2!).rsqrt(); // 0-d
  const rate = lr!.div(correction(step!, logBeta1!)); // 0-d
  return { move: expAvg.div(squares.sqrt().mul(scale).add(eps!)).mul(rate), state };
}

/** @example new optim.Adam(model.parameters(), { lr: 1e-3 }) */
export class Adam extends Optimizer<AdamOptions> {
  constructor(params: Parameters<AdamOptions>, options: AdamOptions = {}) {
    super(params, defaults("Adam", options, 0), options);
  }

  protected override numbers(options: Full<AdamOptions>): Record<string, number> {
    return numbersOf(options);
  }

  protected override moments(options: Full<AdamOptions>): Record<string, number> {
    return momentsOf(options);
  }

  protected override update(now: Update<AdamOptions>): Updated {
    const { move: away, state } = move(now, decayed(now));
    return { value: now.value.sub(away), state };
  }
}

/**
 * Adam with weight decay of its own: the parameter shrinks by lr · weightDecay (0.01) in each step.
 *
 * @example new optim.AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.05 })
 */
export class AdamW extends Optimizer<AdamOptions> {
  constructor(params: Parameters<AdamOptions>, options: AdamOptions = {}) {
    super(params, defaults("AdamW", options, 1e-2), options);
  }

  protected override numbers(options: Full<AdamOptions>): Record<string, number> {
    return numbersOf(options);
  }

  protected override moments(options: Full<AdamOptions>): Record<string, number> {
    return momentsOf(options);
  }

  protected override update(now: Update<AdamOptions>): Updated {
    const { move: away, state } = move(now, now.options.maximize ? now.grad.neg() : now.grad);
    const { weightDecay } = now.options;
    const value = weightDecay === 0 ? now.value : now.value.mul(now.hyper.decayed!);
    return { value: value.sub(away), state };
  }
}
