// Constraints and penalties of weights, as Keras's: a constraint is a function from a weight to one that
// keeps it, to be applied after an update; a penalty is a number to be added to the loss.
// Not here: weight decay (optim/).

import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import { axesOf, needTensors } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";

/** From a weight to the nearest one that is allowed. */
export type Constraint = (weight: Tensor) => Tensor;

export interface ConstraintOptions {
  /** Along which axes a length is measured; all but the first, the inputs of each output, by default. */
  axes?: number | readonly number[] | undefined;
}

function lengths(op: string, w: Tensor, { axes }: ConstraintOptions): Tensor {
  const usual = w.shape.length < 2 ? undefined : w.shape.map((_, i) => i).slice(1);
  return w.norm(2, axesOf(op, axes ?? usual, w.shape), { keepdim: true });
}

/** Lengths of at most `most`. */
export function maxNorm(most = 2, options: ConstraintOptions = {}): Constraint {
  if (!(most > 0)) throw new ArgumentError("maxNorm", `needs a positive length, got ${most}`);
  return (w) => {
    const length = lengths("maxNorm", w, options);
    return w.mul(length.minimum(most).div(length.maximum(1e-7)));
  };
}

/** Lengths of 1. */
export function unitNorm(options: ConstraintOptions = {}): Constraint {
  return (w) => w.div(lengths("unitNorm", w, options).maximum(1e-7));
}

/** Lengths within [least, most]; with `rate` below 1 they move there by so much of the way. */
export function minMaxNorm(
  least = 0,
  most = 1,
  options: ConstraintOptions & { rate?: number | undefined } = {},
): Constraint {
  const { rate = 1 } = options;
  if (!(least >= 0 && least <= most)) {
    throw new ArgumentError("minMaxNorm", `${least} to ${most} is no range of lengths`);
  }
  return (w) => {
    const length = lengths("minMaxNorm", w, options);
    const wanted = length
      .clamp(least, most)
      .mul(rate)
      .add(length.mul(1 - rate));
    return w.mul(wanted.div(length.maximum(1e-7)));
  };
}

/** No negative numbers. */
export function nonNeg(): Constraint {
  return (w) => w.relu();
}

/**
 * Applies a constraint to parameters where they are. In a compiled step it belongs behind the update.
 *
 * @example
 * const step = compile((x: Tensor, y: Tensor) => {
 *   const loss = nn.mseLoss(model.forward(x), y);
 *   optimizer.step(loss);
 *   nn.constrain([model.fc.weight], nn.maxNorm(3));
 *   return loss;
 * });
 */
export function constrain(parameters: readonly Tensor[], constraint: Constraint): void {
  needTensors("constrain", parameters);
  noGrad(() =>
    assignAll(
      parameters,
      parameters.map((w) => nodeOf(constraint(w))),
    ),
  );
}

// --- penalties ----------------------------------------------------------------------------------------

function total(op: string, parameters: readonly Tensor[], of: (w: Tensor) => Tensor): Tensor {
  needTensors(op, parameters);
  if (parameters.length === 0) throw new ArgumentError(op, "there is no parameter");
  return parameters.map((w) => of(w).sum()).reduce((a, b) => a.add(b));
}

/** factor · Σ|w| over all elements of all parameters. */
export function l1Penalty(parameters: readonly Tensor[], factor = 0.01): Tensor {
  return total("l1Penalty", parameters, (w) => w.abs()).mul(factor);
}

/**
 * factor · Σw² over all elements of all parameters.
 *
 * @example
 * const loss = nn.crossEntropy(logits, y).add(nn.l2Penalty([model.fc.weight], 1e-4));
 */
export function l2Penalty(parameters: readonly Tensor[], factor = 0.01): Tensor {
  return total("l2Penalty", parameters, (w) => w.square()).mul(factor);
}
