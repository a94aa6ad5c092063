// Depthwise and separable convolutions, as Keras names them. They are Conv1d and Conv2d with groups.
// Not here: the computation (tensor/ops/conv.ts).

import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Conv1d, Conv2d, type ConvLayerOptions } from "./conv.ts";
import { checkCount } from "./linear.ts";
import { inScope, Module } from "./module.ts";

export interface DepthwiseOptions extends Omit<ConvLayerOptions, "groups"> {
  /** How many outputs each channel has (1). */
  multiplier?: number | undefined;
}

const spread = (op: string, channels: number, { multiplier = 1 }: DepthwiseOptions): number =>
  checkCount(op, "inChannels", channels) * checkCount(op, "multiplier", multiplier);

/** A kernel for each channel. x (B, C, L) → (B, C · multiplier, L'). */
export class DepthwiseConv1d extends Conv1d {
  constructor(inChannels: number, size: Axes, options: DepthwiseOptions = {}) {
    const { multiplier: _, ...others } = options;
    const out = spread("DepthwiseConv1d", inChannels, options);
    super(inChannels, out, size, { ...others, groups: inChannels });
  }
}

/** A kernel for each channel. x (B, C, H, W) → (B, C · multiplier, H', W'). */
export class DepthwiseConv2d extends Conv2d {
  constructor(inChannels: number, size: Axes, options: DepthwiseOptions = {}) {
    const { multiplier: _, ...others } = options;
    const out = spread("DepthwiseConv2d", inChannels, options);
    super(inChannels, out, size, { ...others, groups: inChannels });
  }
}

/** The options of the two parts: everything but the bias belongs to the first. */
function parts(options: DepthwiseOptions): [DepthwiseOptions, ConvLayerOptions] {
  return [{ ...options, bias: false }, { bias: options.bias }];
}

/** A kernel for each channel, then all channels mixed at each place (Chollet 2017). */
export class SeparableConv1d extends Module {
  depthwise: DepthwiseConv1d;
  pointwise: Conv1d;

  constructor(inChannels: number, outChannels: number, size: Axes, options: DepthwiseOptions = {}) {
    super();
    const [first, second] = parts(options);
    this.depthwise = new DepthwiseConv1d(inChannels, size, first);
    this.pointwise = new Conv1d(this.depthwise.outChannels, outChannels, 1, second);
  }

  /** (B, C, L) → (B, O, L'). */
  forward(x: Tensor): Tensor {
    return inScope(this, () => this.pointwise.forward(this.depthwise.forward(x)));
  }
}

/**
 * A kernel for each channel, then all channels mixed at each pixel (Chollet 2017).
 *
 * @example
 * new nn.SeparableConv2d(32, 64, 3, { padding: 1 }).forward(x); // (B, 32, H, W) → (B, 64, H, W)
 */
export class SeparableConv2d extends Module {
  depthwise: DepthwiseConv2d;
  pointwise: Conv2d;

  constructor(inChannels: number, outChannels: number, size: Axes, options: DepthwiseOptions = {}) {
    super();
    const [first, second] = parts(options);
    this.depthwise = new DepthwiseConv2d(inChannels, size, first);
    this.pointwise = new Conv2d(this.depthwise.outChannels, outChannels, 1, second);
  }

  /** (B, C, H, W) → (B, O, H', W'). */
  forward(x: Tensor): Tensor {
    return inScope(this, () => this.pointwise.forward(this.depthwise.forward(x)));
  }
}
