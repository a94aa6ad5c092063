// Losses between numbers: squares, absolute values and what lies between; likelihoods of counts and of
// normal variables. Formulas as in PyTorch's documentation. Not here: classes (loss-classes.ts).

import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { log } from "../util/math.ts";
import { type LossOptions, reduced, sameShapes, type WeightOption } from "./reduction.ts";

/** (input - target)². */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  sameShapes("mseLoss", input, target);
  return reduced("mseLoss", input.sub(target).square(), options);
}

/** |input - target|. */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  sameShapes("l1Loss", input, target);
  return reduced("l1Loss", input.sub(target).abs(), options);
}

export interface SmoothL1Options extends LossOptions {
  /** Where the square becomes a line. */
  beta?: number | undefined;
}

/** d² / 2β where |d| < β, else |d| - β/2. */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  const { beta = 1 } = options;
  if (!(beta >= 0))
    throw new ArgumentError("smoothL1Loss", `beta must not be negative, got ${beta}`);
  if (beta === 0) return l1Loss(input, target, options);
  sameShapes("smoothL1Loss", input, target);
  const d = input.sub(target);
  const size = d.abs();
  const losses = where(size.lt(beta), d.square().mul(0.5 / beta), size.sub(0.5 * beta));
  return reduced("smoothL1Loss", losses, options);
}

export interface HuberOptions extends LossOptions {
  /** Where the square becomes a line. */
  delta?: number | undefined;
}

/** d² / 2 where |d| <= δ, else δ (|d| - δ/2). */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  const { delta = 1 } = options;
  if (!(delta > 0)) throw new ArgumentError("huberLoss", `delta must be positive, got ${delta}`);
  sameShapes("huberLoss", input, target);
  const d = input.sub(target);
  const size = d.abs();
  const losses = where(size.le(delta), d.square().mul(0.5), size.sub(0.5 * delta).mul(delta));
  return reduced("huberLoss", losses, options);
}

export interface PoissonOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate (true by default). */
  logInput?: boolean | undefined;
  /** Adds Stirling's approximation of log(target!). */
  full?: boolean | undefined;
  eps?: number | undefined;
}

/** The negative log likelihood of counts under Poisson distributions. */
export function poissonNLLLoss(
  input: Tensor,
  target: Tensor,
  options: PoissonOptions = {},
): Tensor {
  const { logInput = true, full = false, eps = 1e-8 } = options;
  sameShapes("poissonNLLLoss", input, target);
  let losses = logInput
    ? input.exp().sub(target.mul(input))
    : input.sub(target.mul(input.add(eps).log()));
  if (full) {
    const many = target.gt(1);
    const t = where(many, target, 1);
    const stirling = t
      .mul(t.log())
      .sub(t)
      .add(
        t
          .mul(2 * Math.PI)
          .log()
          .mul(0.5),
      );
    losses = losses.add(where(many, stirling, 0));
  }
  return reduced("poissonNLLLoss", losses, options);
}

export interface GaussianOptions extends LossOptions {
  /** Adds the constant log(2π) / 2. */
  full?: boolean | undefined;
  /** The least variance that counts. */
  eps?: number | undefined;
}

/** The negative log likelihood of numbers under normal distributions of the given variance. */
export function gaussianNLLLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianOptions = {},
): Tensor {
  const { full = false, eps = 1e-6 } = options;
  sameShapes("gaussianNLLLoss", input, target);
  // The limit is cut from the gradient, as in PyTorch: a variance below it still learns.
  const v = variance.add(variance.maximum(eps).sub(variance).detach());
  const wide = v.shape.length < input.shape.length ? v.unsqueeze(-1) : v;
  let losses = wide.log().add(input.sub(target).square().div(wide)).mul(0.5);
  if (full) losses = losses.add(0.5 * log(2 * Math.PI));
  return reduced("gaussianNLLLoss", losses, options);
}

// --- probabilities ------------------------------------------------------------------------------------

/** -(t log x + (1 - t) log (1 - x)) of probabilities x; the logarithms stop at -100. */
export function bceLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & WeightOption = {},
): Tensor {
  sameShapes("bceLoss", input, target);
  const yes = input.log().clamp(-100); // log 0 would be -Infinity
  const no = input.neg().log1p().clamp(-100);
  const losses = target.mul(yes).add(target.rsub(1).mul(no)).neg();
  return reduced("bceLoss", options.weight ? losses.mul(options.weight) : losses, options);
}

export interface BceWithLogitsOptions extends LossOptions, WeightOption {
  /** The weight of positive examples, one for each class. */
  posWeight?: Tensor | undefined;
}

/** The binary cross entropy of logits: bceLoss(sigmoid x, t), without overflow. */
export function bceWithLogits(
  input: Tensor,
  target: Tensor,
  options: BceWithLogitsOptions = {},
): Tensor {
  sameShapes("bceWithLogits", input, target);
  const { weight, posWeight } = options;
  // -log σ(x) = log(1 + exp(-|x|)) + max(-x, 0)
  const missed = input.abs().neg().exp().log1p().add(input.neg().relu());
  const rest = target.rsub(1).mul(input); // (1 - t) x
  const factor = posWeight ? posWeight.sub(1).mul(target).add(1) : null;
  const losses = rest.add(factor ? factor.mul(missed) : missed);
  return reduced("bceWithLogits", weight ? losses.mul(weight) : losses, options);
}

export interface KlDivOptions {
  /** "batchmean" divides by the first axis, which is what the mathematics mean. */
  reduction?: "mean" | "sum" | "none" | "batchmean" | undefined;
  /** Whether the target holds log probabilities too. */
  logTarget?: boolean | undefined;
}

/** The Kullback-Leibler divergence t (log t - input) of log probabilities from probabilities t. */
export function klDiv(input: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  const { reduction = "mean", logTarget = false } = options;
  sameShapes("klDiv", input, target);
  const losses = logTarget
    ? target.exp().mul(target.sub(input))
    : target.xlogy(target).sub(target.mul(input));
  if (reduction !== "batchmean") return reduced("klDiv", losses, { reduction });
  return losses.sum().mul(1 / (input.shape[0] ?? 1));
}
