// Losses between embeddings and between pairs, and the distances they are made of. Targets of 1 and -1
// say "alike" and "not alike". Not here: losses over classes (loss-classes.ts).

import { where } from "../tensor/ops/elementwise.ts";
import { broadcastTensors } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type LossOptions, reduced } from "./reduction.ts";

export interface MarginOption {
  margin?: number | undefined;
}

/** The cosine of the angle between a and b, broadcast to each other, along an axis. */
export function cosineSimilarity(
  a: Tensor,
  b: Tensor,
  options: { axis?: number | undefined; eps?: number | undefined } = {},
): Tensor {
  const { axis = 1, eps = 1e-8 } = options;
  const unit = (x: Tensor) => x.div(x.norm(2, axis, { keepdim: true }).maximum(eps));
  const [x, y] = broadcastTensors(a, b) as [Tensor, Tensor];
  return unit(x).mul(unit(y)).sum(axis);
}

/** The p-norm of a - b + eps along the last axis. */
export function pairwiseDistance(
  a: Tensor,
  b: Tensor,
  options: { p?: number | undefined; eps?: number | undefined; keepdim?: boolean | undefined } = {},
): Tensor {
  const { p = 2, eps = 1e-6, keepdim = false } = options;
  return a.sub(b).add(eps).norm(p, -1, { keepdim });
}

/** x where the target is 1, max(0, margin - x) where it is -1, and both where it is neither. */
export function hingeEmbeddingLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & MarginOption = {},
): Tensor {
  const { margin = 1 } = options;
  const alike = where(target.ne(-1), input, 0);
  const losses = alike.add(where(target.ne(1), input.rsub(margin).relu(), 0));
  return reduced("hingeEmbeddingLoss", losses, options);
}

/** max(0, -target (a - b) + margin): a should rank above b where the target is 1. */
export function marginRankingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & MarginOption = {},
): Tensor {
  const { margin = 0 } = options;
  const losses = b.sub(a).mul(target).add(margin).relu();
  return reduced("marginRankingLoss", losses, options);
}

/** 1 - cos(a, b) where the target is 1, max(0, cos(a, b) - margin) where it is -1. */
export function cosineEmbeddingLoss(
  a: Tensor,
  b: Tensor,
  target: Tensor,
  options: LossOptions & MarginOption = {},
): Tensor {
  const { margin = 0 } = options;
  const squares = (x: Tensor) => x.square().sum(-1).add(1e-12);
  const cosine = a
    .mul(b)
    .sum(-1)
    .div(squares(a).mul(squares(b)).sqrt());
  const losses = where(target.eq(1), cosine.rsub(1), cosine.sub(margin).relu());
  return reduced("cosineEmbeddingLoss", losses, options);
}

/** log(1 + exp(-target · x)). */
export function softMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  return reduced("softMarginLoss", target.mul(input).logsigmoid().neg(), options);
}

export interface TripletOptions extends LossOptions, MarginOption {
  /** The norm of the distance. */
  p?: number | undefined;
  eps?: number | undefined;
  /** Whether the distance of the positive from the negative counts where it is the smaller one. */
  swap?: boolean | undefined;
}

/** max(0, d(anchor, positive) - d(anchor, negative) + margin). Rows (B, D). */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  options: TripletOptions = {},
): Tensor {
  const { margin = 1, p = 2, eps = 1e-6, swap = false } = options;
  const distance = (a: Tensor, b: Tensor) => pairwiseDistance(a, b, { p, eps });
  const near = distance(anchor, positive); // (B)
  const far = distance(anchor, negative); // (B)
  const least = swap ? far.minimum(distance(positive, negative)) : far;
  return reduced("tripletMarginLoss", near.sub(least).add(margin).relu(), options);
}
