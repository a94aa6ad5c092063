// RMSprop (Tieleman and Hinton, lecture notes 2012; centered: Graves 2013), as torch.optim.RMSprop.

import { average, type DecayOptions, decayed } from "./decay.ts";
import { checkNumbers, type Full, type Parameters } from "./group.ts";
import { type Moments, Optimizer, type Update, type Updated } from "./optimizer.ts";

export interface RMSpropOptions extends DecayOptions {
  /** How much of the average of squares stays in each step. */
  alpha?: number | undefined;
  eps?: number | undefined;
  momentum?: number | undefined;
  /** Divides by the standard deviation instead of the root of the mean square. */
  centered?: boolean | undefined;
}

/** @example new optim.RMSprop(model.parameters(), { lr: 1e-2, alpha: 0.9 }) */
export class RMSprop extends Optimizer<RMSpropOptions> {
  constructor(params: Parameters<RMSpropOptions>, options: RMSpropOptions = {}) {
    const { lr = 1e-2, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0 } = options;
    const { centered = false, maximize = false } = options;
    checkNumbers("RMSprop", { lr, alpha, eps, weightDecay, momentum });
    super(params, { lr, alpha, eps, weightDecay, momentum, centered, maximize }, options);
  }

  protected override numbers(options: Full<RMSpropOptions>): Record<string, number> {
    const { lr, alpha, eps, weightDecay, momentum } = options;
    return { lr, alpha, rest: 1 - alpha, eps, weightDecay, momentum };
  }

  protected override moments(options: Full<RMSpropOptions>): Record<string, number> {
    const moments: Record<string, number> = { squareAvg: 0 };
    if (options.centered) moments.gradAvg = 0;
    if (options.momentum !== 0) moments.momentum = 0;
    return moments;
  }

  protected override update(now: Update<RMSpropOptions>): Updated {
    const { lr, alpha, rest, eps, momentum } = now.hyper;
    const grad = decayed(now);
    const state: Moments = {
      squareAvg: average(now.state.squareAvg!, grad.square(), alpha!, rest!),
    };
    let squares = state.squareAvg!;
    if (now.options.centered) {
      state.gradAvg = average(now.state.gradAvg!, grad, alpha!, rest!);
      squares = squares.sub(state.gradAvg.square());
    }
    let move = grad.div(squares.sqrt().add(eps!));
    if (now.options.momentum !== 0) {
      move = now.state.momentum!.mul(momentum!).add(move);
      state.momentum = move;
    }
    return { value: now.value.sub(move.mul(lr!)), state };
  }
}
