// Stochastic gradient descent, with momentum, Nesterov's momentum and weight decay, as torch.optim.SGD.

import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { decayed } from "./decay.ts";
import { checkNumbers, type Full, type Parameters } from "./group.ts";
import { Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface SGDOptions {
  lr?: number | undefined;
  momentum?: number | undefined;
  /** How much less of a new gradient enters the momentum (not in its first step). */
  dampening?: number | undefined;
  nesterov?: boolean | undefined;
  /** Adds so much of the parameter to its gradient. */
  weightDecay?: number | undefined;
  /** Climbs instead of descending. */
  maximize?: boolean | undefined;
}

/** @example new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }) */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: Parameters<SGDOptions>, options: SGDOptions = {}) {
    const { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0 } = options;
    const { nesterov = false, maximize = false } = options;
    checkNumbers("SGD", { lr, momentum, weightDecay });
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ArgumentError("SGD", "nesterov needs a momentum and no dampening");
    }
    super(params, { lr, momentum, dampening, nesterov, weightDecay, maximize }, options);
  }

  protected override numbers(o: Full<SGDOptions>): Record<string, number> {
    const { lr, momentum, dampening, weightDecay } = o;
    return { lr, momentum, dampening, weightDecay };
  }

  protected override moments(o: Full<SGDOptions>): Record<string, number> {
    return o.momentum === 0 ? {} : { momentum: 0 };
  }

  protected override update(now: Update<SGDOptions>): Updated {
    const { value, hyper, options } = now;
    const grad = decayed(now);
    if (options.momentum === 0) return { value: value.sub(grad.mul(hyper.lr!)) };
    const old = now.state.momentum!;
    // PyTorch starts the momentum with the whole first gradient, whatever the dampening.
    const share = options.dampening === 0 ? null : firstOr(now, hyper.dampening!.rsub(1));
    const momentum = old.mul(hyper.momentum!).add(share === null ? grad : grad.mul(share));
    const move = options.nesterov ? grad.add(momentum.mul(hyper.momentum!)) : momentum;
    return { value: value.sub(move.mul(hyper.lr!)), state: { momentum } };
  }
}

/** 1 in the first step, then `later`. */
function firstOr(now: Update<SGDOptions>, later: Tensor): Tensor {
  const first = now.clock.step!.le(1).float();
  return later.add(first.mul(later.rsub(1)));
}
