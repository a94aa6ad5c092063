// Losses of detectors: how far boxes are from overlapping, and heat maps with a peak at each object.
// Each is a function and a module. Not here: overlaps of plain numbers (metrics/detection.ts), masks
// (loss-overlap.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { softplus } from "../tensor/ops/activations.ts";
import { maximum, minimum, where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";

import { Loss, type LossOptions, reduced, sameShapes } from "./reduction.ts";

export interface BoxLossOptions extends LossOptions {
  /** Added where a size is divided by (1e-7). */
  eps?: number | undefined;
}

/** Overlap over union of two lists of boxes (…, 4), and the sides of the least box around both. */
function overlapOf(op: string, input: Tensor, target: Tensor, eps: number) {
  sameShapes(op, input, target);
  if (input.shape.at(-1) !== 4) {
    const detail = `boxes must be (…, 4), got ${show(input.shape)}`;
    throw new ShapeError(op, detail, { in: currentScope() });
  }
  const [a, b] = [sidesOf(input), sidesOf(target)];
  const width = minimum(a.right, b.right).sub(maximum(a.left, b.left)).relu(); // (…)
  const height = minimum(a.bottom, b.bottom).sub(maximum(a.top, b.top)).relu(); // (…)
  const both = width.mul(height); // (…)
  const union = a.area.add(b.area).sub(both); // (…)
  const wide = maximum(a.right, b.right).sub(minimum(a.left, b.left)); // (…)
  const high = maximum(a.bottom, b.bottom).sub(minimum(a.top, b.top)); // (…)
  return { a, b, union, iou: both.div(union.add(eps)), wide, high };
}

function sidesOf(boxes: Tensor) {
  const [left, top, right, bottom] = boxes.unbind(-1) as [Tensor, Tensor, Tensor, Tensor]; // (…) each
  return { left, top, right, bottom, area: right.sub(left).mul(bottom.sub(top)) };
}

/**
 * 1 - GIoU (Rezatofighi et al. 2019): boxes that do not touch still learn in which direction the other one
 * lies. input and target (…, 4) as left, top, right, bottom; losses (…), their mean where nothing else is
 * said. As torchvision.ops.generalized_box_iou_loss, whose reduction is "none".
 *
 * @throws ShapeError for shapes that differ, or are not (…, 4).
 *
 * @example
 * const loss = nn.generalizedBoxIouLoss(tensor([[0, 0, 4, 4]]), tensor([[2, 0, 6, 4]])); // 0.6667
 */
export function generalizedBoxIouLoss(
  input: Tensor,
  target: Tensor,
  options: BoxLossOptions = {},
): Tensor {
  const { eps = 1e-7 } = options;
  const op = "generalizedBoxIouLoss";
  const { iou, union, wide, high } = overlapOf(op, input, target, eps);
  const around = wide.mul(high); // (…)
  const losses = iou.sub(around.sub(union).div(around.add(eps))).rsub(1); // (…)
  return reduced(op, losses, options);
}

/**
 * 1 - IoU + (distance of the centres / diagonal of the box around both)² (Zheng et al. 2020), as
 * torchvision.ops.distance_box_iou_loss. Shapes and errors of {@link generalizedBoxIouLoss}.
 */
export function distanceBoxIouLoss(
  input: Tensor,
  target: Tensor,
  options: BoxLossOptions = {},
): Tensor {
  const { eps = 1e-7 } = options;
  const op = "distanceBoxIouLoss";
  const { a, b, iou, wide, high } = overlapOf(op, input, target, eps);
  const across = a.left.add(a.right).sub(b.left).sub(b.right).div(2); // (…)
  const down = a.top.add(a.bottom).sub(b.top).sub(b.bottom).div(2); // (…)
  const apart = across.square().add(down.square()); // (…)
  const losses = iou.rsub(1).add(apart.div(wide.square().add(high.square()).add(eps))); // (…)
  return reduced(op, losses, options);
}

export interface GaussianFocalOptions extends LossOptions {
  /** How much less well predicted places count (2). */
  alpha?: number | undefined;
  /** How much less places near a peak count (4). */
  beta?: number | undefined;
}

/**
 * The focal loss of heat maps (Law and Deng 2018; Zhou et al. 2019): of logits with p = sigmoid(x), a
 * target of 1 costs -(1 - p)^α log p, every other target t costs -(1 - t)^β p^α log(1 - p), so that places
 * near a peak are hardly punished. A mean divides by the number of peaks (at least 1), as these papers do.
 * input and target have one shape, often (B, C, H, W).
 *
 * @throws ShapeError for shapes that differ; ArgumentError for a negative alpha or beta.
 *
 * @example
 * const loss = nn.gaussianFocalLoss(model.forward(x), heat); // heat: 1 at centres, falling off around them
 */
export function gaussianFocalLoss(
  input: Tensor,
  target: Tensor,
  options: GaussianFocalOptions = {},
): Tensor {
  const { alpha = 2, beta = 4, reduction = "mean" } = options;
  const op = "gaussianFocalLoss";
  sameShapes(op, input, target);
  for (const [name, value] of Object.entries({ alpha, beta })) {
    if (!(value >= 0)) throw new ArgumentError(op, `${name} must not be negative, got ${value}`);
  }
  const p = input.sigmoid();
  const peak = target.ge(1);
  const found = p.rsub(1).pow(alpha).mul(softplus(input.neg())); // -(1 - p)^α log p
  const spared = target.rsub(1).pow(beta).mul(p.pow(alpha)).mul(softplus(input));
  const losses = where(peak, found, spared);
  if (reduction !== "mean") return reduced(op, losses, { reduction });
  return losses.sum().div(peak.to(losses.dtype).sum().maximum(1));
}

/** {@link generalizedBoxIouLoss} as a module. */
export class GeneralizedBoxIouLoss extends Loss<BoxLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return generalizedBoxIouLoss(input, target, this.options);
  }
}

/** {@link distanceBoxIouLoss} as a module. */
export class DistanceBoxIouLoss extends Loss<BoxLossOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return distanceBoxIouLoss(input, target, this.options);
  }
}

/** {@link gaussianFocalLoss} as a module. */
export class GaussianFocalLoss extends Loss<GaussianFocalOptions> {
  forward(input: Tensor, target: Tensor): Tensor {
    return gaussianFocalLoss(input, target, this.options);
  }
}
