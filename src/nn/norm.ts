// Normalisation: by batch, layer, group, instance and root mean square, as PyTorch computes them.
// Batch norm's running statistics are state: they change by assignment while training.
// Not here: dropout, weight normalisation.

import { show } from "../ir/build.ts";
import { currentScope, sizeOf } from "../ir/node.ts";
import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import { setState, stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import * as init from "./init.ts";
import { checkCount } from "./linear.ts";
import { inScope, Module } from "./module.ts";
import { affine, moments, normalize, perChannel, trackedValues } from "./moments.ts";

export interface AffineOption {
  /** False leaves scale and shift out. */
  affine?: boolean | undefined;
}

export interface NormOptions {
  eps?: number | undefined;
  weight?: Tensor | null | undefined;
  bias?: Tensor | null | undefined;
}

// --- layer and group ----------------------------------------------------------------------------------

/** Normalises over the last axes, whose sizes are given. */
export function layerNorm(x: Tensor, sizes: readonly number[], options: NormOptions = {}): Tensor {
  const { eps = 1e-5, weight = null, bias = null } = options;
  const from = x.shape.length - sizes.length;
  if (from < 0 || sizes.some((size, i) => size !== x.shape[from + i])) {
    const shapes = `input ${show(x.shape)} does not end in ${show(sizes)}`;
    throw new ShapeError("layerNorm", shapes, { in: currentScope() });
  }
  const axes = sizes.map((_, i) => from + i);
  const [mean, variance] = moments(x, axes);
  return affine(normalize(x, mean, variance, eps), weight, bias);
}

export interface LayerNormOptions {
  eps?: number | undefined;
  /** False leaves scale and shift out. */
  elementwiseAffine?: boolean | undefined;
  /** False leaves the shift out. */
  bias?: boolean | undefined;
}

/** Normalises over the last axes, as torch.nn.LayerNorm. */
export class LayerNorm extends Module {
  readonly sizes: readonly number[];
  readonly eps: number;
  weight: Tensor | null;
  bias: Tensor | null;

  constructor(sizes: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    this.sizes = typeof sizes === "number" ? [sizes] : sizes;
    for (const size of this.sizes) checkCount("LayerNorm", "a size", size);
    this.eps = eps;
    this.weight = elementwiseAffine ? init.ones(init.emptyParameter(this.sizes)) : null;
    this.bias = elementwiseAffine && bias ? init.emptyParameter(this.sizes) : null;
  }

  forward(x: Tensor): Tensor {
    const { eps, weight, bias } = this;
    return inScope(this, () => layerNorm(x, this.sizes, { eps, weight, bias }));
  }

  override describe(): string {
    return this.sizes.join("x");
  }
}

/** x / √(mean x² + eps) · weight over the last axes, as torch.nn.RMSNorm. */
export class RMSNorm extends Module {
  readonly sizes: readonly number[];
  readonly eps: number;
  weight: Tensor | null;

  constructor(sizes: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const { eps = 2 ** -23, elementwiseAffine = true } = options;
    this.sizes = typeof sizes === "number" ? [sizes] : sizes;
    this.eps = eps;
    this.weight = elementwiseAffine ? init.ones(init.emptyParameter(this.sizes)) : null;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const axes = this.sizes.map((_, i) => i - this.sizes.length);
      const scale = x.square().mean(axes, { keepdim: true }).add(this.eps).rsqrt();
      return affine(x.mul(scale), this.weight, null);
    });
  }

  override describe(): string {
    return this.sizes.join("x");
  }
}

/** Normalises over groups of channels and all that lies behind them. x (B, C, …). */
export function groupNorm(x: Tensor, groups: number, options: NormOptions = {}): Tensor {
  const { eps = 1e-5, weight = null, bias = null } = options;
  const [B, C] = x.shape as [number, number];
  if (x.shape.length < 2 || C % groups !== 0) {
    const detail = `input ${show(x.shape)} has no channels that divide into ${groups} groups`;
    throw new ShapeError("groupNorm", detail, { in: currentScope() });
  }
  const inside = sizeOf(x.shape.slice(2)) * (C / groups);
  const grouped = x.reshape(B, groups, inside); // (B, G, C/G · …)
  const [mean, variance] = moments(grouped, [2]);
  const out = normalize(grouped, mean, variance, eps).reshape(x.shape);
  return affine(out, weight && perChannel(weight, x), bias && perChannel(bias, x));
}

/** Normalises over groups of channels, as torch.nn.GroupNorm. */
export class GroupNorm extends Module {
  readonly groups: number;
  readonly channels: number;
  readonly eps: number;
  weight: Tensor | null; // (C)
  bias: Tensor | null; // (C)

  constructor(
    groups: number,
    channels: number,
    options: { eps?: number | undefined } & AffineOption = {},
  ) {
    super();
    const { eps = 1e-5, affine = true } = options;
    if (checkCount("GroupNorm", "channels", channels) % checkCount("GroupNorm", "groups", groups)) {
      const detail = `channels ${channels} do not divide into ${groups} groups`;
      throw new ArgumentError("GroupNorm", detail);
    }
    this.groups = groups;
    this.channels = channels;
    this.eps = eps;
    this.weight = affine ? init.ones(init.emptyParameter([channels])) : null;
    this.bias = affine ? init.emptyParameter([channels]) : null;
  }

  forward(x: Tensor): Tensor {
    const { eps, weight, bias } = this;
    return inScope(this, () => groupNorm(x, this.groups, { eps, weight, bias }));
  }

  override describe(): string {
    return `${this.channels} in ${this.groups} groups`;
  }
}

// --- batch and instance -------------------------------------------------------------------------------

export interface BatchNormOptions extends AffineOption {
  eps?: number | undefined;
  /** How much of the running statistics a batch replaces; null gives all batches equal weight. */
  momentum?: number | null | undefined;
  /** False keeps no running statistics: batches are always normalised by their own. */
  trackRunningStats?: boolean | undefined;
}

// What batch and instance norm share: the parameters and the statistics that they keep.
abstract class RunningNorm extends Module {
  readonly channels: number;
  readonly eps: number;
  momentum: number | null;
  weight: Tensor | null; // (C)
  bias: Tensor | null; // (C)
  // The names are PyTorch's, so that state dicts fit.
  running_mean: Tensor | null; // (C)
  running_var: Tensor | null; // (C)
  num_batches_tracked: Tensor | null; // ()
  #ranks: readonly number[];

  constructor(ranks: readonly number[], channels: number, options: Required<BatchNormOptions>) {
    super();
    this.channels = checkCount(this.constructor.name, "channels", channels);
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum === undefined ? 0.1 : options.momentum;
    this.weight = options.affine ? init.ones(init.emptyParameter([channels])) : null;
    this.bias = options.affine ? init.emptyParameter([channels]) : null;
    const track = options.trackRunningStats;
    this.running_mean = track ? stateTensor(new Float32Array(channels), [channels]) : null;
    this.running_var = track ? stateTensor(new Float32Array(channels).fill(1), [channels]) : null;
    this.num_batches_tracked = track ? stateTensor(new Int32Array(1), []) : null;
    this.#ranks = ranks;
  }

  protected check(x: Tensor, channelAxis: number): void {
    const channels = x.shape[channelAxis];
    if (this.#ranks.includes(x.shape.length) && channels === this.channels) return;
    const ranks = this.#ranks.join(" or ");
    const detail = `takes ${ranks} axes with ${this.channels} channels, got ${show(x.shape)}`;
    throw new ShapeError(this.constructor.name, detail, { in: currentScope() });
  }

  /** Forgets what the running statistics have gathered: means of 0, variances of 1. */
  resetRunningStats(): void {
    const { running_mean, running_var, num_batches_tracked } = this;
    if (!running_mean || !running_var || !num_batches_tracked) return;
    setState([
      [running_mean, new Float32Array(this.channels)],
      [running_var, new Float32Array(this.channels).fill(1)],
      [num_batches_tracked, new Int32Array(1)],
    ]);
  }

  /** Moves the running statistics toward those of a batch; `count` elements made each of them. */
  protected track(mean: Tensor, variance: Tensor, count: number): void {
    const { running_mean, running_var, num_batches_tracked } = this;
    if (!running_mean || !running_var || !num_batches_tracked) return;
    noGrad(() => {
      const batches = num_batches_tracked.add(1);
      const factor = this.momentum ?? batches.float().reciprocal();
      const moved = trackedValues([running_mean, running_var], mean, variance, count, factor);
      assignAll([running_mean, running_var, num_batches_tracked], [...moved, batches].map(nodeOf));
    });
  }

  override describe(): string {
    return String(this.channels);
  }
}

function withDefaults(options: BatchNormOptions): Required<BatchNormOptions> {
  const { affine = true, eps = 1e-5, momentum = 0.1, trackRunningStats = true } = options;
  return { affine, eps, momentum, trackRunningStats };
}

class BatchNorm extends RunningNorm {
  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      this.check(x, 1);
      const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
      const [weight, bias] = [this.weight, this.bias].map((v) => v && perChannel(v, x));
      if (!this.training && this.running_mean && this.running_var) {
        const mean = perChannel(this.running_mean, x);
        const out = normalize(x, mean, perChannel(this.running_var, x), this.eps);
        return affine(out, weight!, bias!);
      }
      const count = sizeOf(x.shape) / this.channels;
      if (this.training && count < 2) {
        const detail = `needs more than one value a channel to train, got ${show(x.shape)}`;
        throw new ShapeError(this.constructor.name, detail, { in: currentScope() });
      }
      const [mean, variance] = moments(x, axes); // (1, C, 1, …)
      if (this.training) this.track(mean, variance, count);
      return affine(normalize(x, mean, variance, this.eps), weight!, bias!);
    });
  }
}

/** Normalises each channel over the batch, as torch.nn.BatchNorm1d. x (B, C) or (B, C, L). */
export class BatchNorm1d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super([2, 3], channels, withDefaults(options));
  }
}

/** Normalises each channel over the batch, as torch.nn.BatchNorm2d. x (B, C, H, W). */
export class BatchNorm2d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super([4], channels, withDefaults(options));
  }
}

/** Normalises each channel over the batch, as torch.nn.BatchNorm3d. x (B, C, D, H, W). */
export class BatchNorm3d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super([5], channels, withDefaults(options));
  }
}

/** Batch norm for inputs of any rank, as torch.nn.SyncBatchNorm: one process has all of the batch, so
 *  there is nothing to be gathered from others. */
export class SyncBatchNorm extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super([2, 3, 4, 5], channels, withDefaults(options));
  }
}

class InstanceNorm extends RunningNorm {
  #rank: number;

  constructor(rank: number, channels: number, options: BatchNormOptions) {
    const usual = { affine: false, trackRunningStats: false, ...options };
    super([rank - 1, rank], channels, withDefaults(usual));
    this.#rank = rank;
  }

  forward(input: Tensor): Tensor {
    return inScope(this, () => {
      const single = input.shape.length === this.#rank - 1;
      this.check(input, single ? 0 : 1);
      const x = single ? input.unsqueeze(0) : input; // (B, C, …)
      const [weight, bias] = [this.weight, this.bias].map((v) => v && perChannel(v, x));
      const out = affine(this.#normalized(x), weight!, bias!);
      return single ? out.squeeze(0) : out;
    });
  }

  #normalized(x: Tensor): Tensor {
    const { running_mean, running_var, eps } = this;
    if (!this.training && running_mean && running_var) {
      return normalize(x, perChannel(running_mean, x), perChannel(running_var, x), eps);
    }
    const axes = x.shape.map((_, i) => i).slice(2);
    const [mean, variance] = moments(x, axes); // (B, C, 1, …)
    if (this.training) {
      const count = sizeOf(x.shape.slice(2));
      this.track(mean.mean(0), variance.mean(0), count);
    }
    return normalize(x, mean, variance, eps);
  }
}

/** Normalises each channel of each sample, as torch.nn.InstanceNorm1d. x (B, C, L) or (C, L). */
export class InstanceNorm1d extends InstanceNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super(3, channels, options);
  }
}

/** Normalises each channel of each sample, as torch.nn.InstanceNorm2d. */
export class InstanceNorm2d extends InstanceNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super(4, channels, options);
  }
}

/** Normalises each channel of each sample, as torch.nn.InstanceNorm3d. */
export class InstanceNorm3d extends InstanceNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super(5, channels, options);
  }
}

export interface LocalResponseOptions {
  alpha?: number | undefined;
  beta?: number | undefined;
  k?: number | undefined;
}

/** Divides by a power of the mean square of neighbouring channels (Krizhevsky et al. 2012). */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly options: LocalResponseOptions;

  constructor(size: number, options: LocalResponseOptions = {}) {
    super();
    this.size = checkCount("LocalResponseNorm", "size", size);
    this.options = options;
  }

  /** (B, C, …) → the same. */
  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const { alpha = 1e-4, beta = 0.75, k = 1 } = this.options;
      const before = Math.floor(this.size / 2);
      const sizes = [...Array(2 * (x.shape.length - 2)).fill(0), before, this.size - 1 - before];
      const around = x.square().pad(sizes).unfold(1, this.size, 1); // (B, C, …, size)
      return x.div(around.mean(-1).mul(alpha).add(k).pow(beta));
    });
  }

  override describe(): string {
    return `over ${this.size}`;
  }
}
