// Adafactor (Shazeer and Stern 2018), as torch.optim has it: of a matrix, the average of squared gradients is
// kept by row and by column only. Not here: averages of every number (adam.ts).

import type { Shape } from "../ir/node.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { DecayOptions } from "./decay.ts";
import { checkNumbers, type Full, type Parameters } from "./group.ts";
import { type Moments, Optimizer, type Start, type Update, type Updated } from "./optimizer.ts";

export interface AdafactorOptions extends DecayOptions {
  /** The share of a new square in step t is t to this power. */
  beta2Decay?: number | undefined;
  /** The least average of squares (its root), and the least size of a parameter that a step is
   *  measured by. */
  eps?: readonly [number, number] | undefined;
  /** The largest root mean square of a step before its rate. */
  d?: number | undefined;
}

/**
 * Steps that are relative to the size of the parameter, with a memory of rows + columns for a matrix.
 * `lr` is the most a step moves, as a part of the parameter.
 *
 * @example new optim.Adafactor(model.parameters())
 */
export class Adafactor extends Optimizer<AdafactorOptions> {
  constructor(params: Parameters<AdafactorOptions>, options: AdafactorOptions = {}) {
    const { lr = 1e-2, beta2Decay = -0.8, eps = [2 ** -23, 1e-3], d = 1 } = options;
    const { weightDecay = 0, maximize = false } = options;
    checkNumbers("Adafactor", { lr, "-beta2Decay": -beta2Decay, d, weightDecay });
    checkNumbers("Adafactor", { "eps[0]": eps[0], "eps[1]": eps[1] });
    super(params, { lr, beta2Decay, eps, d, weightDecay, maximize }, options);
  }

  protected override numbers(options: Full<AdafactorOptions>): Record<string, number> {
    const { lr, beta2Decay, eps, d, weightDecay } = options;
    const decayed = 1 - lr * weightDecay;
    return { lr, beta2Decay, eps1: eps[0], least: eps[0] ** 2, eps2: eps[1], d, decayed };
  }

  protected override moments(_: Full<AdafactorOptions>, shape: Shape): Record<string, Start> {
    if (shape.length < 2) return { variance: 0 };
    const [rows, columns] = [[...shape], [...shape]];
    rows[shape.length - 1] = 1;
    columns[shape.length - 2] = 1;
    return { rowVar: { fill: 0, shape: rows }, colVar: { fill: 0, shape: columns } };
  }

  protected override update(now: Update<AdafactorOptions>): Updated {
    const { lr, beta2Decay, least, eps2, d } = now.hyper;
    const { step } = now.clock;
    const grad = now.options.maximize ? now.grad.neg() : now.grad;
    const share = step!.pow(beta2Decay!); // 0-d
    const state = spreadOf(grad, now.state, share);
    const estimate = estimateOf(state, now.hyper.eps1!);
    const direction = estimate.maximum(least!).rsqrt().mul(grad);
    const rate = lr!.minimum(step!.rsqrt()).mul(rootMeanSquare(now.value).maximum(eps2!)); // 0-d
    const size = rootMeanSquare(direction).div(d!).maximum(1); // 0-d
    const kept = now.options.weightDecay === 0 ? now.value : now.value.mul(now.hyper.decayed!);
    return { value: kept.sub(direction.mul(rate.div(size))), state };
  }
}

/** The running averages of squares, of which `share` is new. */
function spreadOf(grad: Tensor, state: Readonly<Moments>, share: Tensor): Moments {
  const toward = (old: Tensor, fresh: Tensor) => old.add(fresh.sub(old).mul(share));
  const squares = grad.square();
  if (state.variance !== undefined) return { variance: toward(state.variance, squares) };
  const mean = (axis: number) => squares.mean(axis, { keepdim: true });
  return { rowVar: toward(state.rowVar!, mean(-1)), colVar: toward(state.colVar!, mean(-2)) };
}

/** The average square of each number: of a matrix, rows times columns over their mean. */
function estimateOf({ variance, rowVar, colVar }: Readonly<Moments>, eps: Tensor): Tensor {
  if (variance !== undefined) return variance;
  return rowVar!.mul(colVar!).div(rowVar!.mean(-2, { keepdim: true }).maximum(eps));
}

function rootMeanSquare(x: Tensor): Tensor {
  return x.square().mean().sqrt();
}
