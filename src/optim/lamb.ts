// LAMB (You et al. 2020, algorithm 2): Adam's direction, in steps as long as a share of each parameter, for
// very large batches. Not here: Adam itself (adam.ts).

import { where } from "../tensor/ops/elementwise.ts";
import { average, averageNumbers, correction, type DecayOptions } from "./decay.ts";
import { checkNumbers, checkRates, type Full, type Parameters } from "./group.ts";
import { Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface LambOptions extends DecayOptions {
  /** How much of the averages of the gradient and of its square stays in each step. */
  betas?: readonly [number, number] | undefined;
  eps?: number | undefined;
}

/**
 * Each parameter moves by lr times its own norm along Adam's direction plus weightDecay times itself; one
 * whose norm is 0 moves by lr times that sum.
 *
 * @example new optim.Lamb(model.parameters(), { lr: 2e-3, weightDecay: 0.01 })
 */
export class Lamb extends Optimizer<LambOptions> {
  constructor(params: Parameters<LambOptions>, options: LambOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-6, weightDecay = 0 } = options;
    checkNumbers("Lamb", { lr, eps, weightDecay });
    checkRates("Lamb", { "betas[0]": betas[0], "betas[1]": betas[1] });
    super(params, { lr, betas, eps, weightDecay, maximize: options.maximize ?? false }, options);
  }

  protected override numbers(options: Full<LambOptions>): Record<string, number> {
    return { ...averageNumbers(options), weightDecay: options.weightDecay };
  }

  protected override moments(): Record<string, number> {
    return { expAvg: 0, expAvgSq: 0 };
  }

  protected override update({
    value,
    state,
    hyper,
    clock,
    options,
    ...now
  }: Update<LambOptions>): Updated {
    const grad = options.maximize ? now.grad.neg() : now.grad;
    const { lr, eps, beta1, rest1, logBeta1, beta2, rest2, logBeta2 } = hyper;
    const expAvg = average(state.expAvg!, grad, beta1!, rest1!);
    const expAvgSq = average(state.expAvgSq!, grad.square(), beta2!, rest2!);
    const scale = correction(clock.step!, logBeta2!).rsqrt(); // 0-d
    const along = expAvg
      .div(expAvgSq.sqrt().mul(scale).add(eps!))
      .div(correction(clock.step!, logBeta1!));
    const direction = along.add(value.mul(hyper.weightDecay!));
    const [size, length] = [value.norm(), direction.norm()]; // 0-d
    const ratio = where(size.mul(length).gt(0), size.div(length), 1);
    return { value: value.sub(direction.mul(ratio.mul(lr!))), state: { expAvg, expAvgSq } };
  }
}
