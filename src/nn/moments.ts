// What all normalisations share: moments along axes, and how they and the parameters are applied.
// Not here: the layers (norm.ts), or the functions without state (norm-functions.ts).

import type { Tensor } from "../tensor/tensor.ts";

/** The mean and the variance (of the population) along axes, which stay with size 1. */
export function moments(x: Tensor, axes: readonly number[]): [Tensor, Tensor] {
  const mean = x.mean(axes, { keepdim: true });
  return [mean, x.sub(mean).square().mean(axes, { keepdim: true })];
}

export function normalize(x: Tensor, mean: Tensor, variance: Tensor, eps: number): Tensor {
  return x.sub(mean).mul(variance.add(eps).rsqrt());
}

export function affine(x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight === null ? x : x.mul(weight);
  return bias === null ? scaled : scaled.add(bias);
}

/** Values for each channel (C) as (1, C, 1, …), to go with x (B, C, …). */
export function perChannel(values: Tensor, x: Tensor): Tensor {
  return values.reshape(x.shape.map((_, i) => (i === 1 ? -1 : 1)));
}

/** Running mean and variance moved toward those of a batch, in which `count` elements made each. */
export function trackedValues(
  [runningMean, runningVar]: readonly [Tensor, Tensor],
  mean: Tensor,
  variance: Tensor,
  count: number,
  factor: Tensor | number,
): [Tensor, Tensor] {
  const sample = variance.reshape(-1).mul(count / Math.max(1, count - 1)); // of a sample
  return [runningMean.lerp(mean.reshape(-1), factor), runningVar.lerp(sample, factor)];
}
