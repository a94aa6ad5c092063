// Pooling layers over one, two or three axes. Not here: the computation (tensor/ops/pool.ts).

import type { Dims } from "../tensor/ops/conv.ts";
import {
  type AdaptiveSize,
  type AvgPoolOptions,
  adaptiveAvgPool,
  adaptiveMaxPool,
  avgPool,
  type MaxPoolOptions,
  maxPool,
} from "../tensor/ops/pool.ts";
import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inScope, Module } from "./module.ts";

abstract class Pool<
  O extends { stride?: Axes | undefined; padding?: Axes | undefined },
> extends Module {
  readonly kernelSize: Axes;
  readonly options: O;

  constructor(kernelSize: Axes, options: O) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }

  override describe(): string {
    const { stride, padding } = this.options;
    const text = `kernel ${this.kernelSize}`;
    const strides = stride === undefined ? "" : `, stride ${stride}`;
    return text + strides + (padding === undefined ? "" : `, padding ${padding}`);
  }
}

class MaxPool extends Pool<MaxPoolOptions> {
  #dims: Dims;

  constructor(dims: Dims, kernelSize: Axes, options: MaxPoolOptions) {
    super(kernelSize, options);
    this.#dims = dims;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => maxPool(this.#dims, x, this.kernelSize, this.options));
  }
}

/** The largest element of each window, as torch.nn.MaxPool1d. x (B, C, L) → (B, C, L'). */
export class MaxPool1d extends MaxPool {
  constructor(kernelSize: Axes, options: MaxPoolOptions = {}) {
    super(1, kernelSize, options);
  }
}

/** The largest element of each window, as torch.nn.MaxPool2d. x (B, C, H, W) → (B, C, H', W'). */
export class MaxPool2d extends MaxPool {
  constructor(kernelSize: Axes, options: MaxPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** The largest element of each window, as torch.nn.MaxPool3d. x (B, C, D, H, W). */
export class MaxPool3d extends MaxPool {
  constructor(kernelSize: Axes, options: MaxPoolOptions = {}) {
    super(3, kernelSize, options);
  }
}

class AvgPool extends Pool<AvgPoolOptions> {
  #dims: Dims;

  constructor(dims: Dims, kernelSize: Axes, options: AvgPoolOptions) {
    super(kernelSize, options);
    this.#dims = dims;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => avgPool(this.#dims, x, this.kernelSize, this.options));
  }
}

/** The mean of each window, as torch.nn.AvgPool1d. */
export class AvgPool1d extends AvgPool {
  constructor(kernelSize: Axes, options: AvgPoolOptions = {}) {
    super(1, kernelSize, options);
  }
}

/** The mean of each window, as torch.nn.AvgPool2d. */
export class AvgPool2d extends AvgPool {
  constructor(kernelSize: Axes, options: AvgPoolOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** The mean of each window, as torch.nn.AvgPool3d. */
export class AvgPool3d extends AvgPool {
  constructor(kernelSize: Axes, options: AvgPoolOptions = {}) {
    super(3, kernelSize, options);
  }
}

// --- to a given size ----------------------------------------------------------------------------------

abstract class AdaptivePool extends Module {
  /** The size of the output; null keeps the input's. */
  readonly size: AdaptiveSize;

  constructor(size: AdaptiveSize) {
    super();
    this.size = size;
  }

  override describe(): string {
    return `to ${this.size}`;
  }
}

export class AdaptiveAvgPool1d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return inScope(this, () => adaptiveAvgPool(1, x, this.size));
  }
}

/** Means of nearly equal pieces; size 1 is the mean of the whole image. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return inScope(this, () => adaptiveAvgPool(2, x, this.size));
  }
}

export class AdaptiveMaxPool1d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return inScope(this, () => adaptiveMaxPool(1, x, this.size));
  }
}

export class AdaptiveMaxPool2d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return inScope(this, () => adaptiveMaxPool(2, x, this.size));
  }
}

export class AdaptiveAvgPool3d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return inScope(this, () => adaptiveAvgPool(3, x, this.size));
  }
}

export class AdaptiveMaxPool3d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return inScope(this, () => adaptiveMaxPool(3, x, this.size));
  }
}

// --- by a norm ----------------------------------------------------------------------------------------

class LPPool extends Pool<{ stride?: Axes | undefined; padding?: Axes | undefined }> {
  readonly p: number;
  #dims: Dims;

  constructor(dims: Dims, p: number, kernelSize: Axes, options: { stride?: Axes | undefined }) {
    super(kernelSize, options);
    this.p = p;
    this.#dims = dims;
  }

  // (Σ x^p)^(1/p), as PyTorch has it: sign(s) |s| lets no negative sum under the root, relu of it.
  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const options = { ...this.options, divisorOverride: 1 };
      const sums = avgPool(this.#dims, x.pow(this.p), this.kernelSize, options);
      return sums.relu().pow(1 / this.p);
    });
  }
}

/** The p-norm of each window, as torch.nn.LPPool1d. */
export class LPPool1d extends LPPool {
  constructor(p: number, kernelSize: Axes, options: { stride?: Axes | undefined } = {}) {
    super(1, p, kernelSize, options);
  }
}

/** The p-norm of each window, as torch.nn.LPPool2d. */
export class LPPool2d extends LPPool {
  constructor(p: number, kernelSize: Axes, options: { stride?: Axes | undefined } = {}) {
    super(2, p, kernelSize, options);
  }
}
