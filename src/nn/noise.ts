// Noise while training beyond plain dropout: alpha dropout for self-normalising networks, Gaussian noise
// and dropout, leaky relu with a random slope. Not here: dropout (dropout.ts).

import { wrap } from "../tensor/core.ts";
import { randn, uniform } from "../tensor/create.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { channelMask, checkProbability, DropoutLayer, keepMask } from "./dropout.ts";
import { inScope, Module } from "./module.ts";

/** Where selu saturates, with the opposite sign: λα of Klambauer et al. 2017. */
const saturation = 1.7580993408473766;

function alpha(x: Tensor, p: number, mask: readonly number[]): Tensor {
  if (p === 0) return x;
  if (p === 1) return x.mul(0);
  // Dropped elements become -λα; then mean 0 and variance 1 come back.
  const scale = 1 / Math.sqrt((saturation ** 2 * p + 1) * (1 - p));
  const held = where(wrap(keepMask(mask, p)), x, -saturation);
  return held.add(saturation * p).mul(scale);
}

/** Dropout that keeps mean 0 and variance 1 behind selu (Klambauer et al. 2017), as
 *  torch.nn.functional.alpha_dropout. */
export function alphaDropout(x: Tensor, p = 0.5, training = true): Tensor {
  checkProbability("alphaDropout", p);
  return training ? alpha(x, p, x.shape) : x;
}

/** {@link alphaDropout} of whole channels. x (B, C, …). */
export function featureAlphaDropout(x: Tensor, p = 0.5, training = true): Tensor {
  checkProbability("featureAlphaDropout", p);
  const mask = channelMask("featureAlphaDropout", x);
  return training ? alpha(x, p, mask) : x;
}

/** {@link alphaDropout} as a module, as torch.nn.AlphaDropout. */
export class AlphaDropout extends DropoutLayer {
  forward(x: Tensor): Tensor {
    return inScope(this, () => alphaDropout(x, this.p, this.training));
  }
}

/** {@link featureAlphaDropout} as a module, as torch.nn.FeatureAlphaDropout. */
export class FeatureAlphaDropout extends DropoutLayer {
  forward(x: Tensor): Tensor {
    return inScope(this, () => featureAlphaDropout(x, this.p, this.training));
  }
}

/** Multiplies by normal numbers of mean 1 and variance p / (1 - p) while training, as Keras's
 *  GaussianDropout (Srivastava et al. 2014). */
export class GaussianDropout extends DropoutLayer {
  constructor(p = 0.5) {
    super(p);
    if (p === 1) throw new ArgumentError("GaussianDropout", "p must be below 1, got 1");
  }

  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    const std = Math.sqrt(this.p / (1 - this.p));
    return inScope(this, () => x.mul(randn(x.shape, { dtype: x.dtype }).mul(std).add(1)));
  }
}

/** Adds normal numbers while training, as Keras's GaussianNoise. */
export class GaussianNoise extends Module {
  readonly std: number;

  constructor(std: number) {
    super();
    if (!(std >= 0))
      throw new ArgumentError("GaussianNoise", `std must not be negative, got ${std}`);
    this.std = std;
  }

  forward(x: Tensor): Tensor {
    if (!this.training) return x;
    return inScope(this, () => x.add(randn(x.shape, { dtype: x.dtype }).mul(this.std)));
  }

  override describe(): string {
    return `std ${this.std}`;
  }
}

/** Leaky relu whose slope is drawn for each element while training and is the mean of the range
 *  otherwise, as torch.nn.RReLU (Xu et al. 2015). */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;

  constructor(lower = 1 / 8, upper = 1 / 3) {
    super();
    if (!(lower <= upper)) throw new ArgumentError("RReLU", `${lower} to ${upper} is no range`);
    this.lower = lower;
    this.upper = upper;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const { lower, upper } = this;
      if (!this.training) return x.leakyRelu((lower + upper) / 2);
      const slope = uniform(lower, upper, x.shape, { dtype: x.dtype });
      return where(x.lt(0), x.mul(slope), x);
    });
  }

  override describe(): string {
    return `${this.lower} to ${this.upper}`;
  }
}
