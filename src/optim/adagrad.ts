// Adagrad (Duchi et al. 2011) and Adadelta (Zeiler 2012), as torch.optim has them.

import { average, type DecayOptions, decayed } from "./decay.ts";
import { checkNumbers, type Full, type Parameters } from "./group.ts";
import { Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface AdagradOptions extends DecayOptions {
  /** The learning rate is divided by 1 + lrDecay · (step - 1). */
  lrDecay?: number | undefined;
  /** Where the sums of squares begin. */
  initialAccumulatorValue?: number | undefined;
  eps?: number | undefined;
}

/** @example new optim.Adagrad(model.parameters(), { lr: 0.1 }) */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Parameters<AdagradOptions>, options: AdagradOptions = {}) {
    const { lr = 1e-2, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0 } = options;
    const { eps = 1e-10, maximize = false } = options;
    checkNumbers("Adagrad", { lr, lrDecay, weightDecay, initialAccumulatorValue, eps });
    super(params, { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize }, options);
  }

  protected override numbers(options: Full<AdagradOptions>): Record<string, number> {
    const { lr, lrDecay, weightDecay, eps } = options;
    return { lr, lrDecay, weightDecay, eps };
  }

  protected override moments(options: Full<AdagradOptions>): Record<string, number> {
    return { sum: options.initialAccumulatorValue };
  }

  protected override update(now: Update<AdagradOptions>): Updated {
    const { lr, lrDecay, eps } = now.hyper;
    const grad = decayed(now);
    const sum = now.state.sum!.add(grad.square());
    const rate = lr!.div(now.clock.step!.sub(1).mul(lrDecay!).add(1)); // 0-d
    return { value: now.value.sub(grad.div(sum.sqrt().add(eps!)).mul(rate)), state: { sum } };
  }
}

export interface AdadeltaOptions extends DecayOptions {
  /** How much of the averages stays in each step. */
  rho?: number | undefined;
  eps?: number | undefined;
}

/** @example new optim.Adadelta(model.parameters(), { rho: 0.95 }) */
export class Adadelta extends Optimizer<AdadeltaOptions> {
  constructor(params: Parameters<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    const { lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0, maximize = false } = options;
    checkNumbers("Adadelta", { lr, rho, eps, weightDecay });
    super(params, { lr, rho, eps, weightDecay, maximize }, options);
  }

  protected override numbers(options: Full<AdadeltaOptions>): Record<string, number> {
    const { lr, rho, eps, weightDecay } = options;
    return { lr, rho, rest: 1 - rho, eps, weightDecay };
  }

  protected override moments(): Record<string, number> {
    return { squareAvg: 0, accDelta: 0 };
  }

  protected override update(now: Update<AdadeltaOptions>): Updated {
    const { lr, rho, rest, eps } = now.hyper;
    const grad = decayed(now);
    const squareAvg = average(now.state.squareAvg!, grad.square(), rho!, rest!);
    const old = now.state.accDelta!;
    const delta = old.add(eps!).sqrt().div(squareAvg.add(eps!).sqrt()).mul(grad);
    const accDelta = average(old, delta.square(), rho!, rest!);
    return { value: now.value.sub(delta.mul(lr!)), state: { squareAvg, accDelta } };
  }
}
