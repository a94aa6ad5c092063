// Lion (Chen et al. 2023, algorithm 2): steps of one size in the direction of the sign of an average.
// Not here: averages of squares (adam.ts).

import { average, type DecayOptions } from "./decay.ts";
import { checkNumbers, checkRates, type Full, type Parameters } from "./group.ts";
import { Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface LionOptions extends DecayOptions {
  /** How much of the average stays: in the direction of a step, and in what is kept. */
  betas?: readonly [number, number] | undefined;
}

/**
 * Steps of ± lr, whichever way an average of the gradients points; the parameter also shrinks by
 * lr · weightDecay. Half the state of Adam; learning rates are 3 to 10 times smaller than Adam's and
 * weight decays as many times larger.
 *
 * @example new optim.Lion(model.parameters(), { lr: 1e-4, weightDecay: 0.1 })
 */
export class Lion extends Optimizer<LionOptions> {
  constructor(params: Parameters<LionOptions>, options: LionOptions = {}) {
    const { lr = 1e-4, betas = [0.9, 0.99], weightDecay = 0, maximize = false } = options;
    checkNumbers("Lion", { lr, weightDecay });
    checkRates("Lion", { "betas[0]": betas[0], "betas[1]": betas[1] });
    super(params, { lr, betas, weightDecay, maximize }, options);
  }

  protected override numbers(options: Full<LionOptions>): Record<string, number> {
    const { lr, betas, weightDecay } = options;
    const [beta1, beta2] = betas;
    return { lr, beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, decayed: 1 - lr * weightDecay };
  }

  protected override moments(): Record<string, number> {
    return { expAvg: 0 };
  }

  protected override update({
    value,
    state,
    hyper,
    options,
    ...now
  }: Update<LionOptions>): Updated {
    const grad = options.maximize ? now.grad.neg() : now.grad;
    const direction = average(state.expAvg!, grad, hyper.beta1!, hyper.rest1!).sign();
    const kept = options.weightDecay === 0 ? value : value.mul(hyper.decayed!);
    return {
      value: kept.sub(direction.mul(hyper.lr!)),
      state: { expAvg: average(state.expAvg!, grad, hyper.beta2!, hyper.rest2!) },
    };
  }
}
