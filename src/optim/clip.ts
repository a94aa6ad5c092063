// Clipping of gradients, by their common norm or each number by itself.
// Not here: clipping inside `optimizer.step(loss, { clipNorm })`, which uses the same factor.

import { gradOf, setGrad } from "../tensor/autograd.ts";
import { noGrad } from "../tensor/core.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, StateError } from "../util/errors.ts";

/** The common norm of gradients, and what to multiply each with so that it becomes at most `max`. */
export function clipFactor(
  op: string,
  grads: readonly Tensor[],
  max: number,
  normType = 2,
): { total: Tensor; factor: Tensor } {
  if (!(max > 0)) throw new ArgumentError(op, `the largest norm must be positive, got ${max}`);
  const total = normOf(grads, normType);
  return { total, factor: total.add(1e-6).rdiv(max).clamp(null, 1) };
}

function normOf(grads: readonly Tensor[], p: number): Tensor {
  const most = (a: Tensor, b: Tensor) => a.maximum(b);
  if (p === Number.POSITIVE_INFINITY) return grads.map((g) => g.abs().amax()).reduce(most);
  const powers = grads.map((g) => (p === 2 ? g.square() : g.abs().pow(p)).sum());
  const sum = powers.reduce((a, b) => a.add(b));
  return p === 2 ? sum.sqrt() : sum.pow(1 / p);
}

/**
 * Scales the `.grad` of parameters so that the norm of all of them together is at most `max`, as
 * torch.nn.utils.clip_grad_norm_. Returns the norm from before.
 *
 * @example
 * loss.backward();
 * optim.clipGradNorm(model.parameters(), 1);
 * optimizer.step();
 */
export function clipGradNorm(
  params: Iterable<Tensor>,
  max: number,
  options: { normType?: number | undefined } = {},
): Tensor {
  const tensors = [...params].filter((param) => gradOf(param) !== null);
  if (tensors.length === 0) {
    throw new StateError("clipGradNorm", "no parameter has a gradient", {
      hint: "call loss.backward() before",
    });
  }
  return noGrad(() => {
    const grads = tensors.map((param) => gradOf(param) as Tensor);
    const { total, factor } = clipFactor("clipGradNorm", grads, max, options.normType);
    tensors.forEach((param, i) => setGrad(param, grads[i]!.mul(factor)));
    return total;
  });
}

/** Holds each number of the `.grad` of parameters within [-max, max]. */
export function clipGradValue(params: Iterable<Tensor>, max: number): void {
  if (!(max > 0)) {
    throw new ArgumentError("clipGradValue", `the largest value must be positive, got ${max}`);
  }
  noGrad(() => {
    for (const param of params) {
      const grad = gradOf(param);
      if (grad !== null) setGrad(param, grad.clamp(-max, max));
    }
  });
}
