// Metrics of classifiers that are sums: losses, accuracies, distances of distributions.
// Not here: what follows from a confusion matrix (confusion.ts), or needs all samples (curves.ts).

import { arange } from "../tensor/create.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { exp } from "../util/math.ts";
import {
  classesOf,
  counted,
  type Measured,
  type Metric,
  placesOf,
  ratio,
  sameShape,
  type TypedArray,
} from "./metric.ts";

/** The mean of the loss over samples: a short last batch counts for what it is. */
export function meanLoss(): Metric {
  return {
    measure: ({ loss, count }) => [loss.mul(count), counted(count)],
    result: ratio,
  };
}

/**
 * e to the mean loss: of a language model whose loss is the cross entropy. With `ignoreIndex`, the
 * target that the loss leaves out, the mean is over the other targets of all batches.
 */
export function perplexity({ ignoreIndex }: { ignoreIndex?: number | undefined } = {}): Metric {
  const mean = meanLoss();
  const measure = ({ loss, target }: Measured) => {
    const counts = target
      .ne(ignoreIndex ?? -1)
      .int()
      .sum();
    return [loss.mul(counts), counts];
  };
  return {
    measure: ignoreIndex === undefined ? mean.measure : measure,
    result: (sums) => exp(mean.result(sums)),
  };
}

/**
 * The part of samples whose class is the highest output, or with `topK` among the k highest.
 * Outputs (B, C, …) and int targets (B, …); among equal outputs the first is the higher one. A NaN
 * is never right. `ignoreIndex` is a target that does not count.
 *
 * @example
 * const metrics = { accuracy: accuracy(), top5: accuracy({ topK: 5 }) };
 * const { top5 } = await evaluate(model, loader, { loss: nn.crossEntropy, metrics });
 */
export function accuracy({ topK = 1, ignoreIndex = -100 } = {}): Metric {
  if (!Number.isInteger(topK) || topK < 1) {
    throw new ArgumentError("accuracy", `topK must be an integer from 1, got ${topK}`);
  }
  const measure = ({ output, target }: Measured) => {
    const classes = classesOf("accuracy", output, target);
    const labels = target.int().unsqueeze(1); // (B, 1, …)
    const places = placesOf(output, classes); // (1, C, 1 …)
    const chosen = where(places.eq(labels), output, 0).sum(1, { keepdim: true }); // (B, 1, …)
    const tied = output.eq(chosen).logicalAnd(places.gt(labels));
    const behind = output.lt(chosen).logicalOr(tied).int().sum(1); // (B, …)
    const counts = target.ne(ignoreIndex);
    const valid = target.ge(0).logicalAnd(target.lt(classes)).logicalAnd(counts);
    const right = behind.ge(Math.max(0, classes - topK)).logicalAnd(valid);
    return [right.int().sum(), counts.int().sum()];
  };
  return { measure, result: ratio };
}

/** The part of right answers of a model of one logit: above 0 means class 1. Targets are 0 or 1. */
export function binaryAccuracy({ threshold = 0 } = {}): Metric {
  const measure = ({ output, target }: Measured) => {
    sameShape("binaryAccuracy", output, target);
    const right = output.gt(threshold).eq(target.gt(0.5));
    return [right.int().sum(), counted(target.numel)];
  };
  return { measure, result: ratio };
}

/** Whether outputs are logits or, already, probabilities. */
export interface OutputOptions {
  /** True: outputs are probabilities. Without it they are logits: a sigmoid (one for each target) or a
   *  softmax over axis 1 comes first. */
  probabilities?: boolean | undefined;
}

/**
 * Probabilities and labels, a row a sample: of outputs (B, C, …) and int targets (B, …) they are
 * (N, C) and (N), of outputs shaped as their targets of 0 and 1 both are (N). N is B times the rest.
 */
export function scoresOf(
  op: string,
  { output, target }: Measured,
  { probabilities = false }: OutputOptions,
): { scores: Tensor; labels: Tensor } {
  if (`${output.shape}` === `${target.shape}`) {
    const scores = probabilities ? output : output.sigmoid();
    return { scores: scores.flatten(), labels: target.float().flatten() };
  }
  const classes = classesOf(op, output, target);
  const scores = probabilities ? output : output.softmax(1);
  return { scores: scores.movedim(1, -1).reshape(-1, classes), labels: target.flatten() };
}

/**
 * The mean square distance of probabilities from what was the case (Brier 1950): of two classes in
 * (B) or (B, 1) the square of one difference, of C classes in (B, C, …) the sum over all C.
 */
export function brierScore(options: OutputOptions = {}): Metric {
  const measure = (batch: Measured) => {
    const { scores, labels } = scoresOf("brierScore", batch, options);
    const truth =
      scores.ndim === 1
        ? labels
        : placesOf(scores, scores.shape[1]!).eq(labels.unsqueeze(1)).float();
    return [scores.sub(truth).square().sum(), counted(labels.numel)];
  };
  return { measure, result: ratio };
}

/** The part of wrong answers of a model of many yes-or-no questions: outputs and targets (B, L), an
 *  output above `threshold` says yes. */
export function hammingLoss({ threshold = 0 } = {}): Metric {
  const { measure, result } = binaryAccuracy({ threshold });
  return { measure, result: (sums) => 1 - result(sums) };
}

/** The mean over samples of Σ p·log(p/q) along axis 1, for targets p and outputs q, both
 *  probabilities of shape (B, C, …) (Kullback and Leibler 1951). Where p is 0 it adds 0. */
export function klDivergence(): Metric {
  const measure = ({ output, target }: Measured) => {
    sameShape("klDivergence", output, target);
    const ratios = where(target.gt(0), target.div(output), 1);
    const classes = output.shape[1] ?? 1;
    return [target.mul(ratios.log()).sum(), counted(output.numel / classes)];
  };
  return { measure, result: ratio };
}

/**
 * How far a classifier's confidence is from the part of its answers that are right, over `bins` of
 * equal width (Naeini et al. 2015): the expected error, or with `norm: "max"` that of the worst bin.
 * Outputs (B, C, …) with int targets; or one logit for targets of 0 and 1, whose confidence is that
 * of the answer given.
 */
export function calibrationError({
  bins = 15,
  norm = "l1",
  ...options
}: OutputOptions & { bins?: number | undefined; norm?: "l1" | "max" | undefined } = {}): Metric {
  if (!Number.isInteger(bins) || bins < 1) {
    throw new ArgumentError("calibrationError", `bins must be an integer from 1, got ${bins}`);
  }
  const measure = (batch: Measured) => {
    const { scores, labels } = scoresOf("calibrationError", batch, options);
    const said = scores.ndim === 1 ? scores.gt(0.5).int() : scores.argmax(1); // (N)
    const best =
      scores.ndim === 1 ? where(scores.gt(0.5), scores, scores.neg().add(1)) : scores.amax(1);
    const right = said.eq(labels.int()).float(); // (N)
    const bin = best
      .mul(bins)
      .ceil()
      .sub(1)
      .clamp(0, bins - 1); // (N), bins are (a, b]
    const inBin = arange(bins).unsqueeze(1).eq(bin.int()).float(); // (bins, N)
    return [inBin.sum(1), inBin.matmul(best), inBin.matmul(right)];
  };
  const result = ([counts, confidence, right]: readonly TypedArray[]) => {
    const all = Array.from(counts!).reduce((sum, n) => sum + n, 0);
    const gaps = Array.from(counts!, (_, i) => Math.abs(confidence![i]! - right![i]!));
    if (norm === "l1") return gaps.reduce((sum, gap) => sum + gap, 0) / all;
    return Math.max(...gaps.map((gap, i) => (counts![i] === 0 ? 0 : gap / counts![i]!)));
  };
  return { measure, result };
}
