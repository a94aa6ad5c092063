// Adam's relatives: Adamax (Kingma and Ba 2014), NAdam (Dozat 2016), RAdam (Liu et al. 2019), as
// torch.optim has them. Not here: Adam and AdamW (adam.ts).

import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { log } from "../util/math.ts";
import { average, averageNumbers, correction, type DecayOptions, decayed } from "./decay.ts";
import { checkNumbers, checkRates, type Full, type Hyper, type Parameters } from "./group.ts";
import { type Moments, Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface AdaptiveOptions extends DecayOptions {
  /** How much of the averages of the gradient and of its square stays in each step. */
  betas?: readonly [number, number] | undefined;
  eps?: number | undefined;
}

function defaults(op: string, options: AdaptiveOptions, rate: number): Full<AdaptiveOptions> {
  const { lr = rate, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
  checkNumbers(op, { lr, eps, weightDecay });
  checkRates(op, { "betas[0]": betas[0], "betas[1]": betas[1] });
  return { lr, betas, eps, weightDecay, maximize: options.maximize ?? false };
}

function averages(now: Update<AdaptiveOptions>, grad: Tensor) {
  const { beta1, rest1, beta2, rest2 } = now.hyper;
  return {
    expAvg: average(now.state.expAvg!, grad, beta1!, rest1!),
    expAvgSq: average(now.state.expAvgSq!, grad.square(), beta2!, rest2!),
  };
}

/** Divides by the largest gradient so far instead of a root of squares. */
export class Adamax extends Optimizer<AdaptiveOptions> {
  constructor(params: Parameters<AdaptiveOptions>, options: AdaptiveOptions = {}) {
    super(params, defaults("Adamax", options, 2e-3), options);
  }

  protected override numbers(options: Full<AdaptiveOptions>): Record<string, number> {
    return averageNumbers(options);
  }

  protected override moments(): Record<string, number> {
    return { expAvg: 0, expInf: 0 };
  }

  protected override update(now: Update<AdaptiveOptions>): Updated {
    const { lr, eps, beta1, rest1, logBeta1, beta2 } = now.hyper;
    const grad = decayed(now);
    const expAvg = average(now.state.expAvg!, grad, beta1!, rest1!);
    const expInf = now.state.expInf!.mul(beta2!).maximum(grad.abs().add(eps!));
    const rate = lr!.div(correction(now.clock.step!, logBeta1!)); // 0-d
    return { value: now.value.sub(expAvg.div(expInf).mul(rate)), state: { expAvg, expInf } };
  }
}

export interface NAdamOptions extends AdaptiveOptions {
  /** How fast the momentum grows to betas[0]. */
  momentumDecay?: number | undefined;
}

/**
 * Adam with Nesterov's momentum, as PyTorch 1.13 computes it: there the average's correction has this
 * step's momentum in its product twice, in the paper once. It differs in the first steps only.
 */
export class NAdam extends Optimizer<NAdamOptions> {
  constructor(params: Parameters<NAdamOptions>, options: NAdamOptions = {}) {
    const { momentumDecay = 4e-3 } = options;
    checkNumbers("NAdam", { momentumDecay });
    super(params, { ...defaults("NAdam", options, 2e-3), momentumDecay }, options);
  }

  protected override numbers(options: Full<NAdamOptions>): Record<string, number> {
    return { ...averageNumbers(options), logDecay: options.momentumDecay * log(0.96) };
  }

  protected override moments(): Record<string, number> {
    return { expAvg: 0, expAvgSq: 0 };
  }

  // The product of the momentums of all steps so far.
  protected override clockStart(): Record<string, number> {
    return { product: 1 };
  }

  protected override tick(clock: Readonly<Moments>, hyper: Hyper): Moments {
    return { ...clock, product: clock.product!.mul(momentumAt(clock.step!, hyper)) };
  }

  protected override update(now: Update<NAdamOptions>): Updated {
    const { lr, eps, logBeta2 } = now.hyper;
    const { step, product } = now.clock;
    const grad = decayed(now);
    const state = averages(now, grad);
    const scale = correction(step!, logBeta2!).rsqrt();
    const denominator = state.expAvgSq.sqrt().mul(scale).add(eps!);
    const [mu, next] = [momentumAt(step!, now.hyper), momentumAt(step!.add(1), now.hyper)];
    const ofGrad = lr!.mul(mu.rsub(1)).div(product!.rsub(1)); // 0-d
    const ahead = product!.mul(mu).mul(next);
    const ofAverage = lr!.mul(next).div(ahead.rsub(1)); // 0-d
    const move = grad.mul(ofGrad).add(state.expAvg.mul(ofAverage)).div(denominator);
    return { value: now.value.sub(move), state };
  }
}

/** β₁ (1 - 0.96^(decay · step) / 2). */
function momentumAt(step: Tensor, hyper: Hyper): Tensor {
  return step.mul(hyper.logDecay!).exp().mul(-0.5).add(1).mul(hyper.beta1!);
}

/** Adam that waits with dividing by the squares until their average is worth something. */
export class RAdam extends Optimizer<AdaptiveOptions> {
  constructor(params: Parameters<AdaptiveOptions>, options: AdaptiveOptions = {}) {
    super(params, defaults("RAdam", options, 1e-3), options);
  }

  protected override numbers(options: Full<AdaptiveOptions>): Record<string, number> {
    const beta2 = options.betas[1];
    const x = -log(beta2);
    const longest = 2 / (1 - beta2) - 1;
    return {
      ...averageNumbers(options),
      longest,
      offset: longest - 2 / x,
      scale: 2 / x,
      ratio: longest / ((longest - 4) * (longest - 2)),
    };
  }

  protected override moments(): Record<string, number> {
    return { expAvg: 0, expAvgSq: 0 };
  }

  protected override update(now: Update<AdaptiveOptions>): Updated {
    const { lr, eps, logBeta1, logBeta2 } = now.hyper;
    const { step } = now.clock;
    const state = averages(now, decayed(now));
    const length = averageLength(step!, now.hyper);
    const sure = length.gt(5);
    // The square root is taken of something positive where it does not count.
    const l = where(sure, length, 6);
    const rectified = l.sub(4).mul(l.sub(2)).div(l).mul(now.hyper.ratio!).sqrt();
    const rate = lr!.div(correction(step!, logBeta1!)); // 0-d
    const adaptive = rate.mul(rectified).mul(correction(step!, logBeta2!).sqrt()); // 0-d
    const divided = adaptive.div(state.expAvgSq.sqrt().add(eps!));
    return { value: now.value.sub(state.expAvg.mul(where(sure, divided, rate))), state };
  }
}

// The length of the average of squares, ρ = ρ∞ - 2tβ^t / (1 - β^t). With y = -t log β that is
// (ρ∞ - 2/x) + (2/x)(1 - y / (e^y - 1)), x = -log β; the last bracket by its series where y is small:
// the plain formula subtracts two numbers of some 2000 to get one of about t.
function averageLength(step: Tensor, hyper: Hyper): Tensor {
  const y = step.mul(hyper.logBeta2!).neg();
  const small = y.lt(0.3);
  const y2 = y.square();
  const series = y
    .mul(0.5)
    .sub(y2.div(12))
    .add(y2.square().div(720))
    .sub(y2.square().mul(y2).div(30240));
  const plain = y.div(where(small, 1, y).expm1()).rsub(1);
  return where(small, series, plain).mul(hyper.scale!).add(hyper.offset!);
}
