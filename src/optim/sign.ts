// Rprop (Riedmiller and Braun 1993), which looks at signs only, and ASGD (Polyak and Juditsky 1992),
// as torch.optim has them.

import { where } from "../tensor/ops/elementwise.ts";
import { type DecayOptions, decayed } from "./decay.ts";
import { type BaseOptions, checkNumbers, type Full, type Parameters } from "./group.ts";
import { Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface RpropOptions extends BaseOptions {
  /** The factors of a step whose gradient has turned round, and of one whose has not. */
  etas?: readonly [number, number] | undefined;
  /** The least and the largest step. */
  stepSizes?: readonly [number, number] | undefined;
  maximize?: boolean | undefined;
}

/** Steps of each number's own size, which grows while its gradient keeps its sign. For whole batches. */
export class Rprop extends Optimizer<RpropOptions> {
  constructor(params: Parameters<RpropOptions>, options: RpropOptions = {}) {
    const { lr = 1e-2, etas = [0.5, 1.2], stepSizes = [1e-6, 50], maximize = false } = options;
    checkNumbers("Rprop", { lr, "etas[0]": etas[0], "stepSizes[0]": stepSizes[0] });
    super(params, { lr, etas, stepSizes, maximize }, options);
  }

  protected override numbers({ lr, etas, stepSizes }: Full<RpropOptions>): Record<string, number> {
    return { lr, shrink: etas[0], grow: etas[1], least: stepSizes[0], most: stepSizes[1] };
  }

  protected override moments(options: Full<RpropOptions>): Record<string, number> {
    return { previous: 0, stepSize: options.lr };
  }

  protected override update(now: Update<RpropOptions>): Updated {
    const { shrink, grow, least, most } = now.hyper;
    const grad = now.options.maximize ? now.grad.neg() : now.grad;
    const agreement = grad.mul(now.state.previous!);
    const turned = agreement.lt(0);
    const factor = where(turned, shrink!, where(agreement.gt(0), grow!, 1));
    const stepSize = now.state.stepSize!.mul(factor).maximum(least!).minimum(most!);
    const previous = where(turned, 0, grad); // no step where the sign has turned
    const value = now.value.sub(previous.sign().mul(stepSize));
    return { value, state: { previous, stepSize } };
  }
}

export interface ASGDOptions extends DecayOptions {
  lambd?: number | undefined;
  alpha?: number | undefined;
  /** The step from which on the average is taken. */
  t0?: number | undefined;
}

/** Gradient descent that also keeps the average of the parameters, in its state as `average`. */
export class ASGD extends Optimizer<ASGDOptions> {
  constructor(params: Parameters<ASGDOptions>, options: ASGDOptions = {}) {
    const { lr = 1e-2, lambd = 1e-4, alpha = 0.75, t0 = 1e6, weightDecay = 0 } = options;
    checkNumbers("ASGD", { lr, lambd, alpha, t0, weightDecay });
    super(
      params,
      { lr, lambd, alpha, t0, weightDecay, maximize: options.maximize ?? false },
      options,
    );
  }

  protected override numbers(options: Full<ASGDOptions>): Record<string, number> {
    const { lr, lambd, alpha, t0, weightDecay } = options;
    return { lr, lambd, alpha, t0, weightDecay };
  }

  protected override moments(): Record<string, number> {
    return { average: 0 };
  }

  protected override update(now: Update<ASGDOptions>): Updated {
    const { lr, lambd, alpha, t0 } = now.hyper;
    const grad = decayed(now);
    const before = now.clock.step!.sub(1);
    const shrink = before.mul(lambd!.mul(lr!)).add(1).pow(alpha!);
    const eta = lr!.div(shrink); // 0-d
    const value = now.value.mul(lambd!.mul(eta).rsub(1)).sub(grad.mul(eta));
    const share = before.sub(t0!).maximum(1).reciprocal(); // 0-d: 1 until t0
    const old = now.state.average!;
    return { value, state: { average: old.add(value.sub(old).mul(share)) } };
  }
}
