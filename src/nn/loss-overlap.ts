// Losses for unbalanced classes and for masks: focal, Tversky and dice, each as a function and a module.
// Not here: plain cross entropies (loss-classes.ts, loss-regression.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { crossEntropy } from "./loss-classes.ts";
import { bceWithLogits } from "./loss-regression.ts";
import { Loss, type LossOptions, reduced, sameShapes, type WeightOption } from "./reduction.ts";

export interface FocalOptions extends LossOptions {
  /** How much less well classified examples count (2). */
  gamma?: number | undefined;
  /** The weight of positive examples, 1 - alpha being that of negative ones (0.25); null for none. */
  alpha?: number | null | undefined;
}

function checkGamma(op: string, gamma: number): void {
  if (!(gamma >= 0)) throw new ArgumentError(op, `gamma must not be negative, got ${gamma}`);
}

/**
 * Binary cross entropy of logits, times (1 - p)^γ of the right answer's probability p (Lin et al. 2017), as
 * torchvision.ops.sigmoid_focal_loss, whose reduction is "none" where ours is "mean". Targets of 0 and 1.
 */
export function sigmoidFocalLoss(
  input: Tensor,
  target: Tensor,
  options: FocalOptions = {},
): Tensor {
  const { gamma = 2, alpha = 0.25 } = options;
  sameShapes("sigmoidFocalLoss", input, target);
  checkGamma("sigmoidFocalLoss", gamma);
  const p = input.sigmoid();
  const missed = p.mul(target.rsub(1)).add(p.rsub(1).mul(target)); // 1 - p of the right answer
  const costs = bceWithLogits(input, target, { reduction: "none" }).mul(missed.pow(gamma));
  const losses = alpha === null ? costs : costs.mul(target.mul(2 * alpha - 1).add(1 - alpha));
  return reduced("sigmoidFocalLoss", losses, options);
}

export interface FocalLossOptions extends LossOptions, WeightOption {
  gamma?: number | undefined;
  /** Samples of this label do not count. */
  ignoreIndex?: number | undefined;
}

/** Cross entropy of logits (B, C, …), times (1 - p)^γ of the label's probability p (Lin et al. 2017). A
 *  mean divides by the number of samples. target (B, …) int32. */
export function focalLoss(input: Tensor, target: Tensor, options: FocalLossOptions = {}): Tensor {
  const { gamma = 2, weight, ignoreIndex, reduction } = options;
  checkGamma("focalLoss", gamma);
  const surprise = crossEntropy(input, target, { ignoreIndex, reduction: "none" }); // -log p
  const missed = surprise.neg().expm1().neg(); // 1 - p
  const costs = weight
    ? crossEntropy(input, target, { ignoreIndex, weight, reduction: "none" })
    : surprise;
  return reduced("focalLoss", costs.mul(missed.pow(gamma)), { reduction });
}

export interface OverlapOptions extends LossOptions {
  /** Added above and below: how an empty mask counts (1). */
  smooth?: number | undefined;
  /** What makes probabilities of the input; it holds them already where this is not given. */
  activation?: "sigmoid" | "softmax" | undefined;
}

export interface TverskyOptions extends OverlapOptions {
  /** The weight of what is found and is not there (0.5). */
  alpha?: number | undefined;
  /** The weight of what is there and is not found (0.5). */
  beta?: number | undefined;
}

/**
 * 1 - TP / (TP + α FP + β FN) for each class of each sample (Salehi et al. 2017). input and target
 * (B, C, …), the target one-hot or probabilities.
 */
export function tverskyLoss(input: Tensor, target: Tensor, options: TverskyOptions = {}): Tensor {
  const { alpha = 0.5, beta = 0.5, smooth = 1, activation } = options;
  const op = "tverskyLoss";
  sameShapes(op, input, target);
  if (input.shape.length < 3) {
    const detail = `the input must be (B, C, …), got ${show(input.shape)}`;
    throw new ShapeError(op, detail, { in: currentScope() });
  }
  const p = probabilities(op, input, activation).flatten(2); // (B, C, N)
  const t = target.to(p.dtype).flatten(2); // (B, C, N)
  const both = p.mul(t).sum(-1); // (B, C)
  const wrong = p.sum(-1).sub(both).mul(alpha);
  const lost = t.sum(-1).sub(both).mul(beta);
  const index = both.add(smooth).div(both.add(wrong).add(lost).add(smooth));
  return reduced(op, index.rsub(1), options);
}

function probabilities(op: string, x: Tensor, activation: OverlapOptions["activation"]): Tensor {
  if (activation === undefined) return x;
  if (activation === "sigmoid") return x.sigmoid();
  if (activation === "softmax") return x.softmax(1);
  const hint = 'use "sigmoid" or "softmax"';
  throw new ArgumentError(op, `no activation "${String(activation)}"`, { hint });
}

/** 1 - 2 Σpt / (Σp + Σt) for each class of each sample (Milletari et al. 2016). input and target
 *  (B, C, …). */
export function diceLoss(input: Tensor, target: Tensor, options: OverlapOptions = {}): Tensor {
  const { smooth = 1 } = options;
  return tverskyLoss(input, target, { ...options, alpha: 0.5, beta: 0.5, smooth: smooth / 2 });
}

/** {@link sigmoidFocalLoss} as a module. */
export class SigmoidFocalLoss extends Loss<FocalOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return sigmoidFocalLoss(input, target, this.options);
  }
}

/** {@link focalLoss} as a module. */
export class FocalLoss extends Loss<FocalLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return focalLoss(input, target, this.options);
  }
}

/** {@link tverskyLoss} as a module. */
export class TverskyLoss extends Loss<TverskyOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return tverskyLoss(input, target, this.options);
  }
}

/** {@link diceLoss} as a module. */
export class DiceLoss extends Loss<OverlapOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return diceLoss(input, target, this.options);
  }
}
