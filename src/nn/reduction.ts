// What all losses share: how values become one number, checks that name the loss, and the class of those
// that are modules.
// Not here: the losses (loss-*.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { needOptions, needTensor } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { Module } from "./module.ts";

/** "none" keeps one loss an element (or a sample), as PyTorch does. */
export type Reduction = "mean" | "sum" | "none";

export interface LossOptions {
  reduction?: Reduction | undefined;
}

export interface WeightOption {
  /** Multiplies the losses: one for each class, or whatever broadcasts. */
  weight?: Tensor | undefined;
}

/** Reduces losses as the options say: to their mean by default. */
export function reduced(op: string, losses: Tensor, options: LossOptions): Tensor {
  const { reduction = "mean" } = options;
  if (reduction === "mean") return losses.mean();
  if (reduction === "sum") return losses.sum();
  if (reduction === "none") return losses;
  throw new ArgumentError(op, `no reduction "${String(reduction)}"`, {
    hint: 'use "mean", "sum" or "none"',
  });
}

/** Refuses a prediction or a target that is no tensor, and options that are none. */
export function needPair(op: string, input: Tensor, target: Tensor, options: object = {}): void {
  needTensor(op, input, "the input");
  needTensor(op, target, "the target");
  needOptions(op, options, 'use { reduction: "sum" }');
}

/** Refuses a prediction and a target of different shapes, which would broadcast to something unmeant. */
export function sameShapes(op: string, input: Tensor, target: Tensor): void {
  needPair(op, input, target);
  const [a, b] = [show(input.shape), show(target.shape)];
  if (a === b) return;
  throw new ShapeError(op, `input ${a} and target ${b} differ`, {
    hint: input.shape.length > target.shape.length ? "target.unsqueeze(-1)?" : undefined,
    in: currentScope(),
  });
}

/** A loss with the options of its function. */
export abstract class Loss<O> extends Module {
  /** Those of the loss's function. */
  readonly options: O;

  constructor(options: O = {} as O) {
    super();
    this.options = options;
  }
}
