// Losses that Keras has and PyTorch has not, and those of contrastive learning, each as a function and a
// module. Not here: PyTorch's own (loss-*.ts), masks (loss-overlap.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { arange } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { crossEntropy } from "./loss-classes.ts";
import { type MarginOption, pairwiseDistance } from "./loss-pairs.ts";
import { Loss, type LossOptions, reduced, sameShapes } from "./reduction.ts";

// --- between numbers ----------------------------------------------------------------------------------

/** 100 |target - input| / |target|, in per cent; a target of 0 counts as 1e-7. */
export function mapeLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  sameShapes("mapeLoss", input, target);
  const share = target.sub(input).abs().div(target.abs().maximum(1e-7));
  return reduced("mapeLoss", share.mul(100), options);
}

/** (log(1 + input) - log(1 + target))²; negative numbers count as 0. */
export function msleLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  sameShapes("msleLoss", input, target);
  const logOf = (x: Tensor) => x.maximum(0).log1p();
  return reduced("msleLoss", logOf(input).sub(logOf(target)).square(), options);
}

/** log(cosh(input - target)): a square for small differences, a line for large ones. */
export function logCoshLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  sameShapes("logCoshLoss", input, target);
  const size = input.sub(target).abs();
  // log cosh d = |d| + log(1 + exp(-2|d|)) - log 2
  const losses = size.add(size.mul(-2).exp().log1p()).sub(Math.LN2);
  return reduced("logCoshLoss", losses, options);
}

// --- hinges -------------------------------------------------------------------------------------------

/** max(0, 1 - target · input), targets of 1 and -1. */
export function hingeLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  sameShapes("hingeLoss", input, target);
  return reduced("hingeLoss", target.mul(input).rsub(1).relu(), options);
}

/** max(0, 1 - target · input)², targets of 1 and -1. */
export function squaredHingeLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  sameShapes("squaredHingeLoss", input, target);
  return reduced("squaredHingeLoss", target.mul(input).rsub(1).relu().square(), options);
}

/** max(0, 1 + the largest score of a wrong class - the score of the right one). input and one-hot target
 *  (B, C). */
export function categoricalHingeLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions = {},
): Tensor {
  sameShapes("categoricalHingeLoss", input, target);
  const right = target.mul(input).sum(-1); // (B)
  const wrong = target.rsub(1).mul(input).amax(-1); // (B)
  return reduced("categoricalHingeLoss", wrong.sub(right).add(1).relu(), options);
}

// --- classes ------------------------------------------------------------------------------------------

export interface GeneralizedOptions extends LossOptions {
  /** From 0 (cross entropy) to 1 (absolute error): how little wrong labels count (0.7). */
  q?: number | undefined;
}

/** (1 - p^q) / q of the label's probability p, for noisy labels (Zhang and Sabuncu 2018). logits (B, C, …),
 *  target (B, …) int32. */
export function generalizedCrossEntropy(
  logits: Tensor,
  target: Tensor,
  options: GeneralizedOptions = {},
): Tensor {
  const { q = 0.7, reduction } = options;
  const op = "generalizedCrossEntropy";
  if (!(q > 0 && q <= 1)) throw new ArgumentError(op, `q must be in (0,1], got ${q}`);
  const surprise = crossEntropy(logits, target, { reduction: "none" }); // -log p
  const losses = surprise
    .mul(-q)
    .expm1()
    .mul(-1 / q);
  return reduced(op, losses, { reduction });
}

// --- contrast -----------------------------------------------------------------------------------------

export interface InfoNceOptions extends LossOptions {
  /** What similarities are divided by (0.1). */
  temperature?: number | undefined;
  /** False takes rows as they are; otherwise they get length 1. */
  normalize?: boolean | undefined;
  /** Whether keys also look for their queries, as CLIP has it; the mean of both. */
  symmetric?: boolean | undefined;
}

/**
 * The cross entropy of finding, for each query, its key among all keys (van den Oord et al. 2018). Row i of
 * one belongs to row i of the other: (B, D) each.
 *
 * @example
 * const loss = nn.infoNceLoss(images, texts, { temperature: 0.07, symmetric: true });
 */
export function infoNceLoss(query: Tensor, key: Tensor, options: InfoNceOptions = {}): Tensor {
  const { temperature = 0.1, normalize = true, symmetric = false, reduction } = options;
  const op = "infoNceLoss";
  sameShapes(op, query, key);
  if (query.shape.length !== 2) {
    const detail = `query and key must be (B, D), got ${show(query.shape)}`;
    throw new ShapeError(op, detail, { in: currentScope() });
  }
  if (!(temperature > 0)) {
    throw new ArgumentError(op, `temperature must be positive, got ${temperature}`);
  }
  const unit = (x: Tensor) => x.div(x.norm(2, -1, { keepdim: true }).maximum(1e-8));
  const [q, k] = normalize ? [unit(query), unit(key)] : [query, key];
  const logits = q.matmul(k.T).div(temperature); // (B, B)
  const own = arange(query.shape[0]!); // (B)
  const there = crossEntropy(logits, own, { reduction });
  if (!symmetric) return there;
  return there.add(crossEntropy(logits.T, own, { reduction })).mul(0.5);
}

export interface TripletDistanceOptions extends LossOptions, MarginOption {
  /** From two tensors of rows to their distances; the Euclidean one by default. */
  distance?: ((a: Tensor, b: Tensor) => Tensor) | undefined;
  /** Whether the distance of the positive from the negative counts where it is the smaller one. */
  swap?: boolean | undefined;
}

/** max(0, d(anchor, positive) - d(anchor, negative) + margin) for any distance, as
 *  torch.nn.functional.triplet_margin_with_distance_loss. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletDistanceOptions = {},
): Tensor {
  const { distance = pairwiseDistance, margin = 1, swap = false } = options;
  const op = "tripletMarginWithDistanceLoss";
  sameShapes(op, anchor, positive);
  sameShapes(op, anchor, negative);
  const near = distance(anchor, positive);
  const far = distance(anchor, negative);
  const least = swap ? far.minimum(distance(positive, negative)) : far;
  return reduced(op, near.sub(least).add(margin).relu(), options);
}

// --- as modules ---------------------------------------------------------------------------------------

/** {@link mapeLoss} as a module. */
export class MAPELoss extends Loss<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return mapeLoss(input, target, this.options);
  }
}

/** {@link msleLoss} as a module. */
export class MSLELoss extends Loss<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return msleLoss(input, target, this.options);
  }
}

/** {@link logCoshLoss} as a module. */
export class LogCoshLoss extends Loss<LossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return logCoshLoss(input, target, this.options);
  }
}

/** {@link infoNceLoss} as a module. */
export class InfoNCELoss extends Loss<InfoNceOptions> {
  forward(query: Tensor, key: Tensor): Tensor {
    return infoNceLoss(query, key, this.options);
  }
}

/** {@link tripletMarginWithDistanceLoss} as a module. */
export class TripletMarginWithDistanceLoss extends Loss<TripletDistanceOptions> {
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}
