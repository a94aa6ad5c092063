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
  maxPoolIndices,
} from "../tensor/ops/pool.ts";
import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inScope, Module } from "./module.ts";
import { adaptiveMaxPoolWithIndices } from "./pool-places.ts";

export interface IndicesOption<I extends boolean> {
  /** Gives also where each element was in its flattened plane, for max unpooling. */
  returnIndices?: I | undefined;
}

/** What a max pooling layer gives: values, or with `returnIndices` values and indices (int32). */
export type Pooled<I extends boolean> = I extends true ? [values: Tensor, indices: Tensor] : Tensor;

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

/** Options of a max pooling layer. */
export type MaxPoolLayerOptions<I extends boolean> = MaxPoolOptions & IndicesOption<I>;

class MaxPool<I extends boolean> extends Pool<MaxPoolLayerOptions<I>> {
  #dims: Dims;

  constructor(dims: Dims, kernelSize: Axes, options: MaxPoolLayerOptions<I>) {
    super(kernelSize, options);
    this.#dims = dims;
  }

  forward(x: Tensor): Pooled<I> {
    return inScope(this, () => {
      const values = maxPool(this.#dims, x, this.kernelSize, this.options);
      if (!this.options.returnIndices) return values as Pooled<I>;
      return [values, maxPoolIndices(this.#dims, x, this.kernelSize, this.options)] as Pooled<I>;
    });
  }
}

/** The largest element of each window, as torch.nn.MaxPool1d. x (B, C, L) → (B, C, L'). */
export class MaxPool1d<I extends boolean = false> extends MaxPool<I> {
  constructor(kernelSize: Axes, options: MaxPoolLayerOptions<I> = {}) {
    super(1, kernelSize, options);
  }
}

/** The largest element of each window, as torch.nn.MaxPool2d. x (B, C, H, W) → (B, C, H', W'). */
export class MaxPool2d<I extends boolean = false> extends MaxPool<I> {
  constructor(kernelSize: Axes, options: MaxPoolLayerOptions<I> = {}) {
    super(2, kernelSize, options);
  }
}

/** The largest element of each window, as torch.nn.MaxPool3d. x (B, C, D, H, W). */
export class MaxPool3d<I extends boolean = false> extends MaxPool<I> {
  constructor(kernelSize: Axes, options: MaxPoolLayerOptions<I> = {}) {
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

export class AdaptiveAvgPool3d extends AdaptivePool {
  forward(x: Tensor): Tensor {
    return inScope(this, () => adaptiveAvgPool(3, x, this.size));
  }
}

class AdaptiveMaxPool<I extends boolean> extends AdaptivePool {
  readonly returnIndices: boolean;
  #dims: Dims;

  constructor(dims: Dims, size: AdaptiveSize, options: IndicesOption<I>) {
    super(size);
    this.returnIndices = options.returnIndices ?? false;
    this.#dims = dims;
  }

  forward(x: Tensor): Pooled<I> {
    return inScope(this, () => {
      if (!this.returnIndices) return adaptiveMaxPool(this.#dims, x, this.size) as Pooled<I>;
      return adaptiveMaxPoolWithIndices(this.#dims, x, this.size) as Pooled<I>;
    });
  }
}

/** The largest elements of nearly equal pieces, as torch.nn.AdaptiveMaxPool1d. */
export class AdaptiveMaxPool1d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  constructor(size: AdaptiveSize, options: IndicesOption<I> = {}) {
    super(1, size, options);
  }
}

/** The largest elements of nearly equal pieces, as torch.nn.AdaptiveMaxPool2d. */
export class AdaptiveMaxPool2d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  constructor(size: AdaptiveSize, options: IndicesOption<I> = {}) {
    super(2, size, options);
  }
}

/** The largest elements of nearly equal pieces, as torch.nn.AdaptiveMaxPool3d. */
export class AdaptiveMaxPool3d<I extends boolean = false> extends AdaptiveMaxPool<I> {
  constructor(size: AdaptiveSize, options: IndicesOption<I> = {}) {
    super(3, size, options);
  }
}

// --- by a norm ----------------------------------------------------------------------------------------

export interface LPPoolOptions {
  /** The window's size by default. */
  stride?: Axes | undefined;
  /** Whether a last window that reaches over the end counts. */
  ceilMode?: boolean | undefined;
}

class LPPool extends Pool<LPPoolOptions & { padding?: undefined }> {
  readonly p: number;
  #dims: Dims;

  constructor(dims: Dims, p: number, kernelSize: Axes, options: LPPoolOptions) {
    super(kernelSize, options);
    this.p = p;
    this.#dims = dims;
  }

  // (Σ x^p)^(1/p), as PyTorch has it: the sum is the mean times the window's size, also where the window
  // reaches over the end, and no negative sum comes under the root.
  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const sizes = [this.kernelSize].flat();
      const inside = sizes.length === 1 ? sizes[0]! ** this.#dims : sizes.reduce((p, k) => p * k);
      const means = avgPool(this.#dims, x.pow(this.p), this.kernelSize, this.options);
      return means
        .mul(inside)
        .relu()
        .pow(1 / this.p);
    });
  }
}

/** The p-norm of each window, as torch.nn.LPPool1d. */
export class LPPool1d extends LPPool {
  constructor(p: number, kernelSize: Axes, options: LPPoolOptions = {}) {
    super(1, p, kernelSize, options);
  }
}

/** The p-norm of each window, as torch.nn.LPPool2d. */
export class LPPool2d extends LPPool {
  constructor(p: number, kernelSize: Axes, options: LPPoolOptions = {}) {
    super(2, p, kernelSize, options);
  }
}

/** The p-norm of each window, as torch.nn.LPPool3d. */
export class LPPool3d extends LPPool {
  constructor(p: number, kernelSize: Axes, options: LPPoolOptions = {}) {
    super(3, p, kernelSize, options);
  }
}
