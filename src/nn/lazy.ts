// Layers that learn the size of their input from the first one they see. Until then their parameters
// stand for themselves with the least size there is; they stay the same tensors, so an optimizer that has
// them keeps them. Not here: the layers (linear.ts, conv.ts, norm.ts).

import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { untraced } from "../tensor/trace.ts";
import {
  Conv1d,
  Conv2d,
  Conv3d,
  type ConvLayerOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvTransposeLayerOptions,
} from "./conv.ts";
import { type BiasOption, Linear } from "./linear.ts";
import type { Module } from "./module.ts";
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, type BatchNormOptions } from "./norm.ts";

/** Layers that know the size of their input. */
const known = new WeakSet<Module>();

/** Once: the layer gets its size, and the values of one that is made for it. */
function learn<K extends string>(
  layer: Module & { readonly [name in K]: number },
  field: K,
  size: number,
  make: () => Module,
): void {
  if (known.has(layer)) return;
  const made = new Map(untraced(() => make().namedTensors()));
  for (const [name, tensor] of layer.namedTensors()) tensor.current = made.get(name)!.current;
  (layer as { [name in K]: number })[field] = size as never;
  known.add(layer);
}

/** {@link Linear} whose inputs have as many features as the first one, as torch.nn.LazyLinear. */
export class LazyLinear extends Linear {
  constructor(outFeatures: number, options: BiasOption = {}) {
    super(0, outFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    const size = x.shape.at(-1) ?? 0;
    const options = { bias: this.bias !== null };
    learn(this, "inFeatures", size, () => new Linear(size, this.outFeatures, options));
    return super.forward(x);
  }
}

type AnyConv = Conv1d | ConvTranspose1d;
type ConvClass = new (i: number, o: number, size: Axes, options: object) => Module;

/** A convolution learns its channels, which have `dims` axes behind them. */
function learnChannels(layer: AnyConv, dims: number, x: Tensor, Class: ConvClass): void {
  const C = x.shape[x.shape.length - 1 - dims] ?? 0;
  const made = () => new Class(C, layer.outChannels, [...layer.kernelSize], layer.options);
  learn(layer, "inChannels", C, made);
}

/** {@link Conv1d} with as many channels as its first input, as torch.nn.LazyConv1d. */
export class LazyConv1d extends Conv1d {
  constructor(outChannels: number, size: Axes, options: ConvLayerOptions = {}) {
    super(options.groups ?? 1, outChannels, size, options);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, 1, x, Conv1d);
    return super.forward(x);
  }
}

/** {@link Conv2d} with as many channels as its first input, as torch.nn.LazyConv2d. */
export class LazyConv2d extends Conv2d {
  constructor(outChannels: number, size: Axes, options: ConvLayerOptions = {}) {
    super(options.groups ?? 1, outChannels, size, options);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, 2, x, Conv2d);
    return super.forward(x);
  }
}

/** {@link Conv3d} with as many channels as its first input, as torch.nn.LazyConv3d. */
export class LazyConv3d extends Conv3d {
  constructor(outChannels: number, size: Axes, options: ConvLayerOptions = {}) {
    super(options.groups ?? 1, outChannels, size, options);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, 3, x, Conv3d);
    return super.forward(x);
  }
}

/** {@link ConvTranspose1d} with as many channels as its first input. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(outChannels: number, size: Axes, options: ConvTransposeLayerOptions = {}) {
    super(options.groups ?? 1, outChannels, size, options);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, 1, x, ConvTranspose1d);
    return super.forward(x);
  }
}

/** {@link ConvTranspose2d} with as many channels as its first input. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(outChannels: number, size: Axes, options: ConvTransposeLayerOptions = {}) {
    super(options.groups ?? 1, outChannels, size, options);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, 2, x, ConvTranspose2d);
    return super.forward(x);
  }
}

/** {@link ConvTranspose3d} with as many channels as its first input. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(outChannels: number, size: Axes, options: ConvTransposeLayerOptions = {}) {
    super(options.groups ?? 1, outChannels, size, options);
  }

  override forward(x: Tensor): Tensor {
    learnChannels(this, 3, x, ConvTranspose3d);
    return super.forward(x);
  }
}

type Norm = BatchNorm1d & { readonly given: BatchNormOptions };

/** A norm learns its channels, axis 1. */
function learnNorm(
  layer: Norm,
  x: Tensor,
  Class: new (channels: number, options: BatchNormOptions) => Module,
): void {
  const C = x.shape[1] ?? 0;
  learn(layer, "channels", C, () => new Class(C, layer.given));
}

/** {@link BatchNorm1d} with as many channels as its first input, as torch.nn.LazyBatchNorm1d. */
export class LazyBatchNorm1d extends BatchNorm1d {
  readonly given: BatchNormOptions;

  constructor(options: BatchNormOptions = {}) {
    super(1, options);
    this.given = options;
  }

  override forward(x: Tensor): Tensor {
    learnNorm(this, x, BatchNorm1d);
    return super.forward(x);
  }
}

/** {@link BatchNorm2d} with as many channels as its first input, as torch.nn.LazyBatchNorm2d. */
export class LazyBatchNorm2d extends BatchNorm2d {
  readonly given: BatchNormOptions;

  constructor(options: BatchNormOptions = {}) {
    super(1, options);
    this.given = options;
  }

  override forward(x: Tensor): Tensor {
    learnNorm(this, x, BatchNorm2d);
    return super.forward(x);
  }
}

/** {@link BatchNorm3d} with as many channels as its first input, as torch.nn.LazyBatchNorm3d. */
export class LazyBatchNorm3d extends BatchNorm3d {
  readonly given: BatchNormOptions;

  constructor(options: BatchNormOptions = {}) {
    super(1, options);
    this.given = options;
  }

  override forward(x: Tensor): Tensor {
    learnNorm(this, x, BatchNorm3d);
    return super.forward(x);
  }
}
