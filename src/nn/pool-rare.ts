// Pooling layers that are seldom used: fractional pooling and max unpooling.
// Not here: the computation (pool-places.ts), everyday pooling (pool.ts).

import { perAxis } from "../tensor/ops/common.ts";
import type { Dims } from "../tensor/ops/conv.ts";
import type { Axes } from "../tensor/shape-types.ts";
import { stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inScope, Module } from "./module.ts";
import type { IndicesOption, Pooled } from "./pool.ts";
import {
  type FractionalPoolOptions,
  fractionalMaxPool,
  fractionalSizes,
  type MaxUnpoolOptions,
  maxUnpool,
} from "./pool-places.ts";

/** Options of a layer: `samples` become its buffer `_random_samples`. */
export type FractionalOptions<I extends boolean> = FractionalPoolOptions & IndicesOption<I>;

class FractionalMaxPool<I extends boolean> extends Module {
  readonly kernelSize: Axes;
  readonly options: FractionalOptions<I>;
  // PyTorch's name, so that state dicts fit.
  _random_samples: Tensor | null; // (B, C, axes)
  #dims: 2 | 3;

  constructor(dims: 2 | 3, kernelSize: Axes, options: FractionalOptions<I>) {
    super();
    const op = this.constructor.name;
    perAxis(op, "the size", kernelSize, dims, 1);
    fractionalSizes(op, dims, null, options);
    const { samples, ...others } = options;
    this.kernelSize = kernelSize;
    this.options = others as FractionalOptions<I>;
    const given = samples && stateTensor(Float32Array.from(samples.dataSync()), samples.shape);
    this._random_samples = given ?? null;
    this.#dims = dims;
  }

  forward(x: Tensor): Pooled<I> {
    return inScope(this, () => {
      const samples = this._random_samples ?? undefined;
      const options = { ...this.options, samples };
      const both = fractionalMaxPool(this.#dims, x, this.kernelSize, options);
      return (this.options.returnIndices ? both : both[0]) as Pooled<I>;
    });
  }

  override describe(): string {
    const { outputSize, outputRatio } = this.options;
    const out = outputSize === undefined ? `by ${outputRatio}` : `to ${outputSize}`;
    return `kernel ${this.kernelSize}, ${out}`;
  }
}

/** Windows at random places, as torch.nn.FractionalMaxPool2d (Graham 2014). x (B, C, H, W). */
export class FractionalMaxPool2d<I extends boolean = false> extends FractionalMaxPool<I> {
  constructor(kernelSize: Axes, options: FractionalOptions<I>) {
    super(2, kernelSize, options);
  }
}

/** Windows at random places, as torch.nn.FractionalMaxPool3d. x (B, C, D, H, W). */
export class FractionalMaxPool3d<I extends boolean = false> extends FractionalMaxPool<I> {
  constructor(kernelSize: Axes, options: FractionalOptions<I>) {
    super(3, kernelSize, options);
  }
}

class MaxUnpool extends Module {
  readonly kernelSize: Axes;
  readonly options: MaxUnpoolOptions;
  #dims: Dims;

  constructor(dims: Dims, kernelSize: Axes, options: MaxUnpoolOptions) {
    super();
    perAxis(this.constructor.name, "the size", kernelSize, dims, 1);
    this.kernelSize = kernelSize;
    this.options = options;
    this.#dims = dims;
  }

  /** The result of max pooling and its indices; `outputSize` where the pooled size was odd. */
  forward(x: Tensor, indices: Tensor, outputSize?: readonly number[]): Tensor {
    const options = { ...this.options, ...(outputSize && { outputSize }) };
    return inScope(this, () => maxUnpool(this.#dims, x, indices, this.kernelSize, options));
  }

  override describe(): string {
    return `kernel ${this.kernelSize}`;
  }
}

/** {@link maxUnpool} over one axis, as torch.nn.MaxUnpool1d. */
export class MaxUnpool1d extends MaxUnpool {
  constructor(kernelSize: Axes, options: MaxUnpoolOptions = {}) {
    super(1, kernelSize, options);
  }
}

/**
 * {@link maxUnpool} over images, as torch.nn.MaxUnpool2d.
 *
 * @example
 * const [y, indices] = new nn.MaxPool2d(2, { returnIndices: true }).forward(x);
 * new nn.MaxUnpool2d(2).forward(y, indices); // (B, C, H/2, W/2) → (B, C, H, W)
 */
export class MaxUnpool2d extends MaxUnpool {
  constructor(kernelSize: Axes, options: MaxUnpoolOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** {@link maxUnpool} over volumes, as torch.nn.MaxUnpool3d. */
export class MaxUnpool3d extends MaxUnpool {
  constructor(kernelSize: Axes, options: MaxUnpoolOptions = {}) {
    super(3, kernelSize, options);
  }
}
