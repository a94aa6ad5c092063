// Muon (Jordan 2024), as torch.optim has it: momentum whose matrix is made nearly orthogonal before each
// step, by iterations of Newton and Schulz. PyTorch iterates in bfloat16, this in the parameter's dtype.
// Not here: parameters that are no matrices (use AdamW for those).

import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { average, type DecayOptions } from "./decay.ts";
import { checkNumbers, checkRates, type Full, type Parameters } from "./group.ts";
import { Optimizer, type Update, type Updated } from "./optimizer.ts";

/** How the learning rate follows the shape (rows, columns) of a matrix. */
const adjustments = {
  original: (rows: number, columns: number) => Math.sqrt(Math.max(1, rows / columns)),
  matchRmsAdamW: (rows: number, columns: number) => 0.2 * Math.sqrt(Math.max(rows, columns)),
};

export interface MuonOptions extends Omit<DecayOptions, "maximize"> {
  momentum?: number | undefined;
  /** Steps from where the momentum leads, as Nesterov. */
  nesterov?: boolean | undefined;
  /** Of the polynomial a·x + b·x³ + c·x⁵ of an iteration. */
  nsCoefficients?: readonly [a: number, b: number, c: number] | undefined;
  nsSteps?: number | undefined;
  eps?: number | undefined;
  /** "original" scales by √max(1, rows/columns); "matchRmsAdamW" by 0.2·√max(rows, columns), so that
   *  learning rates of AdamW fit (Liu et al. 2025). */
  adjustLr?: keyof typeof adjustments | undefined;
}

/**
 * For the hidden matrices of a network; train the rest (embeddings, the last layer, biases, norms)
 * with AdamW beside it. The parameter also shrinks by lr · weightDecay.
 *
 * @throws ArgumentError for a parameter that is no matrix.
 *
 * @example
 * const matrices = model.parameters().filter((p) => p.ndim === 2);
 * const muon = new optim.Muon(matrices, { lr: 0.02 });
 */
export class Muon extends Optimizer<MuonOptions> {
  constructor(params: Parameters<MuonOptions>, options: MuonOptions = {}) {
    const { lr = 1e-3, weightDecay = 0.1, momentum = 0.95, nesterov = true, eps = 1e-7 } = options;
    const {
      nsCoefficients = [3.4445, -4.775, 2.0315],
      nsSteps = 5,
      adjustLr = "original",
    } = options;
    checkNumbers("Muon", { lr, weightDecay, eps, nsSteps });
    checkRates("Muon", { momentum });
    if (!Object.hasOwn(adjustments, adjustLr)) {
      throw new ArgumentError("Muon", `there is no adjustLr "${adjustLr}"`, {
        hint: `use ${Object.keys(adjustments).join(" or ")}`,
      });
    }
    const all = { lr, weightDecay, momentum, nesterov, eps, nsCoefficients, nsSteps, adjustLr };
    super(params, all, options);
    for (const { shape } of this.params) {
      if (shape.length === 2) continue;
      throw new ArgumentError("Muon", `trains matrices, got a parameter of shape [${shape}]`, {
        hint: "give this parameter to AdamW",
      });
    }
  }

  protected override numbers(options: Full<MuonOptions>): Record<string, number> {
    const { lr, weightDecay, momentum, eps } = options;
    return { lr, eps, momentum, rest: 1 - momentum, decayed: 1 - lr * weightDecay };
  }

  protected override moments(): Record<string, number> {
    return { momentumBuffer: 0 };
  }

  protected override update({ value, grad, state, hyper, options }: Update<MuonOptions>): Updated {
    const { momentum, rest } = hyper;
    const momentumBuffer = average(state.momentumBuffer!, grad, momentum!, rest!);
    const ahead = options.nesterov
      ? average(momentumBuffer, grad, momentum!, rest!)
      : momentumBuffer;
    const [rows, columns] = value.shape as [number, number];
    const rate = hyper.lr!.mul(adjustments[options.adjustLr](rows, columns)); // 0-d
    const kept = options.weightDecay === 0 ? value : value.mul(hyper.decayed!);
    const direction = orthogonal(ahead, hyper.eps!, options);
    return { value: kept.sub(direction.mul(rate)), state: { momentumBuffer } };
  }
}

/** A matrix with about the same directions and all singular values near 1. */
function orthogonal(
  matrix: Tensor,
  eps: Tensor,
  { nsCoefficients, nsSteps }: Full<MuonOptions>,
): Tensor {
  const [rows, columns] = matrix.shape as [number, number];
  const [a, b, c] = nsCoefficients;
  const wide = rows > columns ? matrix.T : matrix;
  let x = wide.div(wide.square().sum().sqrt().maximum(eps));
  for (let i = 0; i < nsSteps; i++) {
    const gram = x.matmul(x.T);
    x = x.mul(a).add(gram.mul(b).add(gram.matmul(gram).mul(c)).matmul(x));
  }
  return rows > columns ? x.T : x;
}
