// Batch, instance and local response normalisation as functions, which keep no state of their own (as those
// of torch.nn.functional). Not here: the layers, and layer and group norm (norm.ts).

import { show } from "../ir/build.ts";
import { currentScope, sizeOf } from "../ir/node.ts";
import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { affine, moments, normalize, perChannel, trackedValues } from "./moments.ts";
import { LocalResponseNorm, type LocalResponseOptions, type NormOptions } from "./norm.ts";

export interface RunningNormOptions extends NormOptions {
  /** Statistics to normalise by, or, where the input's own count, to move toward those. (C) */
  runningMean?: Tensor | null | undefined;
  runningVar?: Tensor | null | undefined;
  /** How much of the running statistics a batch replaces. */
  momentum?: number | undefined;
}

function checkChannels(op: string, x: Tensor, options: RunningNormOptions): void {
  if (x.shape.length < 2) {
    throw new ShapeError(op, `takes (B, C, …), got ${show(x.shape)}`, { in: currentScope() });
  }
  const { runningMean, runningVar, weight, bias } = options;
  for (const v of [runningMean, runningVar, weight, bias]) {
    if (!v || (v.shape.length === 1 && v.shape[0] === x.shape[1])) continue;
    const detail = `${show(v.shape)} does not fit the channels of ${show(x.shape)}`;
    throw new ShapeError(op, detail, { in: currentScope() });
  }
}

/** By the input's own moments along axes, toward which the running ones move, or by the running ones. */
function normalized(
  op: string,
  x: Tensor,
  options: RunningNormOptions,
  own: readonly number[] | null,
): Tensor {
  const { runningMean, runningVar, eps = 1e-5, momentum = 0.1, weight, bias } = options;
  const [scale, shift] = [weight, bias].map((v) => (v ? perChannel(v, x) : null));
  const running = runningMean && runningVar ? ([runningMean, runningVar] as const) : null;
  if (own === null) {
    if (running === null) {
      const hint = "give runningMean and runningVar, or normalise by the input's own statistics";
      throw new ArgumentError(op, "there are no running statistics", { hint });
    }
    const [mean, variance] = running.map((v) => perChannel(v, x)) as [Tensor, Tensor];
    return affine(normalize(x, mean, variance, eps), scale!, shift!);
  }
  const [mean, variance] = moments(x, own);
  if (running !== null) {
    noGrad(() => {
      const count = sizeOf(own.map((axis) => x.shape[axis]!));
      const each = own.includes(0) ? [mean, variance] : [mean.mean(0), variance.mean(0)];
      const moved = trackedValues(running, each[0]!, each[1]!, count, momentum);
      assignAll([...running], moved.map(nodeOf));
    });
  }
  return affine(normalize(x, mean, variance, eps), scale!, shift!);
}

/**
 * Normalises each channel of x (B, C, …): in training by its moments over the batch, toward which given
 * running statistics move; else by the running statistics. As torch.nn.functional.batch_norm.
 */
export function batchNorm(
  x: Tensor,
  options: RunningNormOptions & { training?: boolean | undefined } = {},
): Tensor {
  if (sizeOf(x.shape) === 0) return x;
  checkChannels("batchNorm", x, options);
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  if (options.training && sizeOf(axes.map((axis) => x.shape[axis]!)) < 2) {
    const detail = `needs more than one value a channel to train, got ${show(x.shape)}`;
    throw new ShapeError("batchNorm", detail, { in: currentScope() });
  }
  return normalized("batchNorm", x, options, options.training ? axes : null);
}

/**
 * Normalises each channel of each sample of x (B, C, …) by its own moments, or by running statistics.
 * As torch.nn.functional.instance_norm.
 */
export function instanceNorm(
  x: Tensor,
  options: RunningNormOptions & { useInputStats?: boolean | undefined } = {},
): Tensor {
  checkChannels("instanceNorm", x, options);
  const { useInputStats = true } = options;
  const axes = x.shape.map((_, i) => i).slice(2);
  return normalized("instanceNorm", x, options, useInputStats ? axes : null);
}

/** As {@link LocalResponseNorm}, over `size` neighbouring channels. x (B, C, …) */
export function localResponseNorm(
  x: Tensor,
  size: number,
  options: LocalResponseOptions = {},
): Tensor {
  return new LocalResponseNorm(size, options).forward(x);
}
