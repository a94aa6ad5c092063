// Non-maximum suppression: of detections that lie over each other, the one with the highest score. Plain
// numbers. Not here: how much boxes overlap (metrics/detection.ts), or what finds them.

import { type Box, boxIou } from "../metrics/index.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";

/**
 * The indices of the boxes that stay, from the highest score on: each that overlaps none of those before it
 * by more than `iouThreshold`. Of equal scores the first comes first. As torchvision.ops.nms.
 *
 * @throws ShapeError for other numbers of boxes and scores; ArgumentError for a threshold outside of 0 to 1.
 *
 * @example
 * nms([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]], [0.6, 0.9, 0.3], 0.5); // [1, 2]
 */
export function nms(
  boxes: readonly Box[],
  scores: ArrayLike<number>,
  iouThreshold: number,
): number[] {
  return kept("nms", boxes, scores, iouThreshold, () => true);
}

/**
 * {@link nms} within each class: boxes of different labels leave each other alone. As
 * torchvision.ops.batched_nms.
 *
 * @throws ShapeError for other numbers of boxes, scores and labels; ArgumentError as nms.
 */
export function batchedNms(
  boxes: readonly Box[],
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  iouThreshold: number,
): number[] {
  if (labels.length !== boxes.length) {
    throw new ShapeError("batchedNms", `${boxes.length} boxes have ${labels.length} labels`);
  }
  return kept("batchedNms", boxes, scores, iouThreshold, (i, j) => labels[i] === labels[j]);
}

function kept(
  op: string,
  boxes: readonly Box[],
  scores: ArrayLike<number>,
  iouThreshold: number,
  rivals: (i: number, j: number) => boolean,
): number[] {
  if (scores.length !== boxes.length) {
    throw new ShapeError(op, `${boxes.length} boxes have ${scores.length} scores`);
  }
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new ArgumentError(op, `iouThreshold must be from 0 to 1, got ${iouThreshold}`);
  }
  const order = boxes.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const stay: number[] = [];
  for (const i of order) {
    const covered = stay.some((j) => rivals(i, j) && boxIou(boxes[i]!, boxes[j]!) > iouThreshold);
    if (!covered) stay.push(i);
  }
  return stay;
}
