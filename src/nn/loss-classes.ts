// Losses over classes: cross entropy and the margins. A class is picked by comparing positions with the
// label and summing, not by a gather, so that a whole loss is one row kernel and its gradient
// elementwise. Not here: losses between numbers (loss-regression.ts).
//
// A label outside of the classes throws where it can be seen when the loss is written (labels on the
// host, outside `compile`); otherwise it is a fault of the program, which then changes no state.

import { show } from "../ir/build.ts";
import { currentScope, sizeOf, withScope } from "../ir/node.ts";
import { arange, ones } from "../tensor/create.ts";
import { needTensor } from "../tensor/ops/common.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import { type LossOptions, needPair, reduced, type WeightOption } from "./reduction.ts";

export interface NllOptions extends LossOptions, WeightOption {
  /** Samples of this label do not count. */
  ignoreIndex?: number | undefined;
}

export interface CrossEntropyOptions extends NllOptions {
  /** Moves so much of each target's probability to all classes evenly. */
  labelSmoothing?: number | undefined;
  /** The targets are probabilities of the shape of the logits. */
  soft?: boolean | undefined;
}

/** The label of samples that do not count, as PyTorch has it. */
const ignored = -100;

/** Where the classes are: axis 1, or 0 for a single sample (C). */
function classAxis(op: string, input: Tensor): number {
  const rank = input.shape.length;
  if (rank > 0) return rank === 1 ? 0 : 1;
  throw new ShapeError(op, "the input must have an axis of classes, got []", {
    in: currentScope(),
  });
}

/** `values` (C) along the class axis of x. */
function alongClasses(values: Tensor, x: Tensor, axis: number): Tensor {
  return values.reshape(x.shape.map((_, i) => (i === axis ? -1 : 1)));
}

function checkWeight(op: string, weight: Tensor | undefined, classes: number): void {
  if (weight === undefined) return;
  needTensor(op, weight, "the weight");
  if (weight.shape.length === 1 && weight.shape[0] === classes) return;
  const found = `the weight must be [${classes}], one for each class, got ${show(weight.shape)}`;
  throw new ShapeError(op, found, { in: currentScope() });
}

function checkLabels(
  op: string,
  input: Tensor,
  target: Tensor,
  axis: number,
  ignore: number,
): void {
  const wanted = show(input.shape.filter((_, i) => i !== axis));
  if (target.dtype !== "int32" && target.dtype !== "uint8") {
    const soft = op === "crossEntropy" && show(target.shape) === show(input.shape);
    const got = `targets must be int32 class indices, got ${target.dtype} ${show(target.shape)}`;
    throw new DtypeError(op, got, {
      hint: soft
        ? "for probabilities use crossEntropy(logits, targets, { soft: true })"
        : "use targets.int()",
      in: currentScope(),
    });
  }
  if (show(target.shape) !== wanted) {
    const shapes = `input ${show(input.shape)} wants targets ${wanted}, got ${show(target.shape)}`;
    throw new ShapeError(op, shapes, { in: currentScope() });
  }
  const classes = input.shape[axis]!;
  const host = target.current.op === "buffer" ? target.current.buffer?.host : null;
  const bad = host?.findIndex((label) => label !== ignore && (label < 0 || label >= classes)) ?? -1;
  if (bad < 0) return;
  const found = `label ${host![bad]} at position ${bad} is outside of ${classes} classes`;
  throw new ArgumentError(op, found, { in: currentScope() });
}

/** What a table (C) holds for each label; one outside of the classes is a fault of the program. */
function ofClass(op: string, table: Tensor, labels: Tensor): Tensor {
  return withScope(op, () => table.gather(0, labels.flatten()).reshape(labels.shape));
}

/** For each sample: the losses' weight (0 where ignored) and the value of its class. */
function pickClass(op: string, x: Tensor, target: Tensor, axis: number, options: NllOptions) {
  const { weight, ignoreIndex = ignored } = options;
  const labels = target.int();
  const classes = x.shape[axis]!;
  const counts = labels.ne(ignoreIndex);
  const here = alongClasses(arange(classes), x, axis).eq(labels.unsqueeze(axis)); // (B, C, …)
  const value = where(here, x, 0).sum(axis); // (B, …)
  const table = weight ?? ones(classes); // (C)
  const weights = where(counts, ofClass(op, table, where(counts, labels, 0)), 0).to(x.dtype);
  return { value, counts, weights };
}

/** The sum of losses that were multiplied by weights, divided by the weights' sum. */
function weighted(op: string, losses: Tensor, weights: Tensor, options: LossOptions): Tensor {
  if ((options.reduction ?? "mean") !== "mean") return reduced(op, losses, options);
  return losses.sum().div(weights.sum());
}

/** The negative of the log probability of each sample's class. input (B, C, …), target (B, …). */
export function nllLoss(input: Tensor, target: Tensor, options: NllOptions = {}): Tensor {
  needPair("nllLoss", input, target, options);
  const axis = classAxis("nllLoss", input);
  checkWeight("nllLoss", options.weight, input.shape[axis]!);
  checkLabels("nllLoss", input, target, axis, options.ignoreIndex ?? ignored);
  const { value, counts, weights } = pickClass("nllLoss", input, target, axis, options);
  const losses = where(counts, value.mul(weights).neg(), 0);
  return weighted("nllLoss", losses, weights, options);
}

/**
 * The cross entropy of logits: the log softmax and nllLoss in one, as torch.nn.functional.cross_entropy.
 * logits (B, C, …) or (C); targets are int32 class indices (B, …), or with `soft` probabilities of the
 * logits' shape.
 *
 * @example
 * const loss = nn.crossEntropy(model.forward(x), y, { labelSmoothing: 0.1 });
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  needPair("crossEntropy", logits, target, options);
  const { labelSmoothing: smoothing = 0, weight, soft = false } = options;
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw new ArgumentError("crossEntropy", `labelSmoothing must be in [0,1], got ${smoothing}`);
  }
  const axis = classAxis("crossEntropy", logits);
  checkWeight("crossEntropy", weight, logits.shape[axis]!);
  if (soft) return softCrossEntropy(logits, target, axis, options);
  checkLabels("crossEntropy", logits, target, axis, options.ignoreIndex ?? ignored);
  const shifted = logits.sub(logits.detach().amax(axis, { keepdim: true })); // (B, C, …)
  const total = shifted.exp().sum(axis).log(); // (B, …)
  const { value, counts, weights } = pickClass("crossEntropy", shifted, target, axis, options);
  let losses = where(counts, total.sub(value).mul(weights), 0); // (B, …)
  if (smoothing > 0) {
    const each = total.unsqueeze(axis).sub(shifted); // (B, C, …): -log p
    const spread = (weight ? each.mul(alongClasses(weight, logits, axis)) : each).sum(axis);
    const even = where(counts, spread, 0).mul(smoothing / logits.shape[axis]!);
    losses = losses.mul(1 - smoothing).add(even);
  }
  return weighted("crossEntropy", losses, weights, options);
}

function softCrossEntropy(
  logits: Tensor,
  target: Tensor,
  axis: number,
  options: CrossEntropyOptions,
): Tensor {
  const { labelSmoothing: smoothing = 0, weight, reduction = "mean" } = options;
  if (show(target.shape) !== show(logits.shape)) {
    const shapes = `logits ${show(logits.shape)} and probabilities ${show(target.shape)} differ`;
    throw new ShapeError("crossEntropy", shapes, { in: currentScope() });
  }
  const classes = logits.shape[axis]!;
  const smooth =
    smoothing > 0 ? target.mul(1 - smoothing).add(smoothing / classes) : target.to(logits.dtype);
  const surprise = logits.logSoftmax(axis).neg(); // (B, C, …)
  const costs = weight ? surprise.mul(alongClasses(weight, logits, axis)) : surprise;
  const losses = costs.mul(smooth).sum(axis); // (B, …)
  if (reduction !== "mean") return reduced("crossEntropy", losses, { reduction });
  return losses.sum().mul(1 / Math.max(1, sizeOf(losses.shape)));
}

// --- margins over classes -----------------------------------------------------------------------------

export interface MultiMarginOptions extends LossOptions, WeightOption {
  /** The power of each violation, 1 or 2. */
  p?: 1 | 2 | undefined;
  margin?: number | undefined;
}

/** Σ max(0, margin - x[label] + x[i])^p / C over all i but the label. input (B, C) or (C). */
export function multiMarginLoss(
  input: Tensor,
  target: Tensor,
  options: MultiMarginOptions = {},
): Tensor {
  needPair("multiMarginLoss", input, target, options);
  const { p = 1, margin = 1, weight } = options;
  const x = input.shape.length === 0 ? input.reshape(1) : input;
  const labels = x.shape.length === 1 ? target.reshape([]) : target;
  const axis = classAxis("multiMarginLoss", x);
  checkWeight("multiMarginLoss", weight, x.shape[axis]!);
  checkLabels("multiMarginLoss", x, labels, axis, Number.NaN);
  const classes = x.shape[axis]!;
  const own = ofClass("multiMarginLoss", arange(classes), labels.int());
  const here = alongClasses(arange(classes), x, axis).eq(own.unsqueeze(axis));
  const value = where(here, x, 0).sum(axis); // (B)
  const violation = x.sub(value.unsqueeze(axis)).add(margin).relu(); // (B, C)
  let costs = p === 2 ? violation.square() : violation;
  if (weight) {
    costs = costs.mul(where(here, alongClasses(weight, x, axis), 0).sum(axis, { keepdim: true }));
  }
  const losses = where(here, 0, costs)
    .sum(axis)
    .mul(1 / classes);
  // A single sample (C) whose label is [1] gives [1], as PyTorch's does.
  const shaped = x.shape.length === 1 ? losses.reshape(target.shape) : losses;
  return reduced("multiMarginLoss", shaped, options);
}

/** The margin between every label of a sample and every other class. target (B, C) int32 lists labels
 *  up to the first -1. */
export function multiLabelMarginLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions = {},
): Tensor {
  needPair("multiLabelMarginLoss", input, target, options);
  const single = input.shape.length < 2;
  const x = input.reshape(single ? [1, -1] : input.shape); // (B, C)
  const labels = target.int().reshape(x.shape); // (B, K), K = C
  const [B, C] = x.shape as [number, number];
  const places = arange(C);
  // A label counts while no -1 stands before it.
  const before = places.unsqueeze(0).le(places.unsqueeze(1)); // (K, K)
  const ended = labels.lt(0).unsqueeze(1).logicalAnd(before); // (B, K, K)
  const counts = ended.any(2).logicalNot(); // (B, K)
  const own = ofClass("multiLabelMarginLoss", places, where(counts, labels, 0)); // (B, K)
  const here = own.unsqueeze(2).eq(places).logicalAnd(counts.unsqueeze(2)); // (B, K, C)
  const other = here.any(1).logicalNot(); // (B, C)
  const value = where(here, x.unsqueeze(1), 0).sum(2); // (B, K)
  const violation = x.unsqueeze(1).sub(value.unsqueeze(2)).add(1).relu(); // (B, K, C)
  const pairs = counts.unsqueeze(2).logicalAnd(other.unsqueeze(1)); // (B, K, C)
  const losses = where(pairs, violation, 0)
    .reshape(B, C * C)
    .sum(1)
    .mul(1 / C); // (B)
  return reduced("multiLabelMarginLoss", single ? losses.reshape([]) : losses, options);
}

/** The mean over classes of binary cross entropies of logits. target (B, C) of 0 and 1. */
export function multiLabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options: LossOptions & WeightOption = {},
): Tensor {
  needPair("multiLabelSoftMarginLoss", input, target, options);
  const yes = target.mul(input.logsigmoid());
  const no = target.rsub(1).mul(input.neg().logsigmoid());
  const costs = yes.add(no).neg();
  const losses = (options.weight ? costs.mul(options.weight) : costs).mean(-1);
  return reduced("multiLabelSoftMarginLoss", losses, options);
}
