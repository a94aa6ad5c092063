// What many updates begin with: the gradient's sign, and the weight decay as part of it.
// Not here: decoupled weight decay (AdamW in adam.ts).

import type { Tensor } from "../tensor/tensor.ts";
import { log } from "../util/math.ts";
import type { BaseOptions } from "./group.ts";
import type { Update } from "./optimizer.ts";

export interface DecayOptions extends BaseOptions {
  /** Adds so much of the parameter to its gradient. */
  weightDecay?: number | undefined;
  /** Climbs instead of descending. */
  maximize?: boolean | undefined;
}

/** The gradient, turned round where the optimizer climbs, plus the weight decay. */
export function decayed<O extends DecayOptions>(now: Update<O>): Tensor {
  const grad = now.options.maximize ? now.grad.neg() : now.grad;
  if (now.options.weightDecay === 0) return grad;
  return grad.add(now.value.mul(now.hyper.weightDecay!));
}

/** rate · average + (1 - rate) · value; `rest` is 1 - rate, rounded once. */
export function average(old: Tensor, value: Tensor, rate: Tensor, rest: Tensor): Tensor {
  return old.mul(rate).add(value.mul(rest));
}

/** 1 - rate^step, from the logarithm of the rate: exact where rate^step is nearly 1. */
export function correction(step: Tensor, logRate: Tensor): Tensor {
  return step.mul(logRate).expm1().neg();
}

/** The numbers of an update by running averages of the gradient and its square (Adam and its kin). */
export function averageNumbers(options: {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
}) {
  const { lr, betas, eps, weightDecay } = options;
  const [beta1, beta2] = betas;
  return {
    lr,
    eps,
    weightDecay,
    beta1,
    rest1: 1 - beta1,
    logBeta1: log(beta1),
    beta2,
    rest2: 1 - beta2,
    logBeta2: log(beta2),
  };
}
