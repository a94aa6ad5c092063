// Convolution layers in one, two and three dimensions, and their transposes.
// Not here: the computation (tensor/ops/conv.ts), or pooling (pool.ts).

import { show } from "../ir/build.ts";
import { sizeOf } from "../ir/node.ts";
import { needOptions, perAxis } from "../tensor/ops/common.ts";
import {
  type ConvOptions,
  type ConvTransposeOptions,
  conv,
  convTranspose,
  type Dims,
} from "../tensor/ops/conv.ts";
import { pad } from "../tensor/ops/join.ts";
import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import * as init from "./init.ts";
import { checkCount } from "./linear.ts";
import { inScope, Module } from "./module.ts";

export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

export interface ConvLayerOptions extends ConvOptions {
  /** False leaves the bias out. */
  bias?: boolean | undefined;
  /** What the padding holds. */
  paddingMode?: PaddingMode | undefined;
}

/** One number for each spatial axis. */
function spread(value: Axes, dims: number): number[] {
  const list: number[] = Array.isArray(value) ? [...value] : [value as number];
  return list.length === 1 && dims > 1 ? Array<number>(dims).fill(list[0]!) : list;
}

function kernelOf(op: string, size: Axes, dims: number): number[] {
  const kernel = spread(size, dims);
  for (const k of kernel) checkCount(op, "kernelSize", k);
  if (kernel.length === dims) return kernel;
  const found = `kernelSize has ${kernel.length} sizes ${show(kernel)}`;
  throw new ArgumentError(op, `${found}, it takes ${dims}`);
}

const paddingModes: readonly PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];

type Steps = ConvLayerOptions & Pick<ConvTransposeOptions, "outputPadding">;

// What would otherwise fail in `forward`, away from the line that is wrong.
function checkSteps(op: string, options: Steps, dims: number): void {
  needOptions(op, options, "use { stride: 2, padding: 1 }");
  const { stride = 1, dilation = 1, padding = 0, outputPadding = 0, paddingMode } = options;
  const steps = perAxis(op, "stride", stride, dims, 1);
  perAxis(op, "dilation", dilation, dims, 1);
  perAxis(op, "outputPadding", outputPadding, dims, 0);
  if (padding === "same" && steps.some((s) => s !== 1)) {
    throw new ArgumentError(op, `padding "same" needs stride 1, got ${show(steps)}`);
  }
  if (typeof padding !== "string") perAxis(op, "padding", padding, dims, 0);
  else if (padding !== "same" && padding !== "valid") {
    const hint = 'use "same", "valid" or a number';
    throw new ArgumentError(op, `no padding "${padding as string}"`, { hint });
  }
  if (paddingMode === undefined || paddingModes.includes(paddingMode)) return;
  const hint = `use one of ${paddingModes.join(", ")}`;
  throw new ArgumentError(op, `no paddingMode "${paddingMode as string}"`, { hint });
}

function checkGroups(op: string, groups: number, channels: readonly number[]): void {
  checkCount(op, "groups", groups);
  if (channels.every((c) => c % groups === 0)) return;
  const both = channels.join(" and ");
  throw new ArgumentError(op, `channels ${both} do not divide into ${groups} groups`);
}

class Conv extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly options: ConvLayerOptions;
  weight: Tensor; // (O, C/groups, …K)
  bias: Tensor | null; // (O)
  #dims: Dims;

  constructor(dims: Dims, channels: [number, number], size: Axes, options: ConvLayerOptions) {
    super();
    const op = this.constructor.name;
    checkSteps(op, options, dims);
    const { groups = 1 } = options;
    checkGroups(op, groups, [
      checkCount(op, "inChannels", channels[0]),
      checkCount(op, "outChannels", channels[1]),
    ]);
    this.#dims = dims;
    [this.inChannels, this.outChannels] = channels;
    this.kernelSize = kernelOf(op, size, dims);
    this.options = options;
    const shape = [channels[1], channels[0] / groups, ...this.kernelSize];
    this.weight = init.kaimingUniform(init.emptyParameter(shape, op), { a: Math.sqrt(5) });
    const bias = () => init.biasLike(init.emptyParameter([channels[1]]), shape);
    this.bias = options.bias === false ? null : bias();
  }

  /** (B, C, …) → (B, O, …), or one sample without B. */
  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const { paddingMode = "zeros", padding = 0 } = this.options;
      if (paddingMode === "zeros" || padding === "valid") {
        return conv(this.#dims, x, this.weight, this.bias, this.options);
      }
      const padded = pad(x, this.#paddingSizes(padding), { mode: paddingMode });
      return conv(this.#dims, padded, this.weight, this.bias, { ...this.options, padding: 0 });
    });
  }

  // From the last axis to the first, as `pad` takes them.
  #paddingSizes(padding: Axes | "same" | "valid"): number[] {
    const dilation = spread(this.options.dilation ?? 1, this.#dims);
    const pairs = this.kernelSize.map((k, i) => {
      if (padding !== "same") {
        const p = spread(padding as Axes, this.#dims)[i]!;
        return [p, p];
      }
      const total = dilation[i]! * (k - 1);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
    return pairs.reverse().flat();
  }

  override describe(): string {
    const { stride, padding, dilation, groups, bias, paddingMode } = this.options;
    const parts = [
      `${this.inChannels} -> ${this.outChannels}, kernel ${this.kernelSize.join("x")}`,
    ];
    const say = (name: string, value: unknown, usual: unknown) => {
      if (value !== undefined && value !== usual) parts.push(`${name} ${String(value)}`);
    };
    say("stride", stride, 1);
    say("padding", padding, 0);
    say("dilation", dilation, 1);
    say("groups", groups, 1);
    say("padding mode", paddingMode, "zeros");
    if (bias === false) parts.push("no bias");
    return parts.join(", ");
  }
}

/** Cross-correlation along one axis, as torch.nn.Conv1d. x (B, C, L) → (B, O, L'). */
export class Conv1d extends Conv {
  constructor(inChannels: number, outChannels: number, size: Axes, options: ConvLayerOptions = {}) {
    super(1, [inChannels, outChannels], size, options);
  }
}

/**
 * Cross-correlation over images, as torch.nn.Conv2d. x (B, C, H, W) → (B, O, H', W').
 *
 * @example
 * new nn.Conv2d(1, 32, 3, { padding: 1 }).forward(x); // (B, 1, 28, 28) → (B, 32, 28, 28)
 */
export class Conv2d extends Conv {
  constructor(inChannels: number, outChannels: number, size: Axes, options: ConvLayerOptions = {}) {
    super(2, [inChannels, outChannels], size, options);
  }
}

/** Cross-correlation over volumes, as torch.nn.Conv3d. x (B, C, D, H, W) → (B, O, D', H', W'). */
export class Conv3d extends Conv {
  constructor(inChannels: number, outChannels: number, size: Axes, options: ConvLayerOptions = {}) {
    super(3, [inChannels, outChannels], size, options);
  }
}

// --- transposed ---------------------------------------------------------------------------------------

export interface ConvTransposeLayerOptions extends ConvTransposeOptions {
  bias?: boolean | undefined;
}

class ConvTranspose extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly options: ConvTransposeLayerOptions;
  weight: Tensor; // (C, O/groups, …K)
  bias: Tensor | null; // (O)
  #dims: Dims;

  constructor(
    dims: Dims,
    channels: [number, number],
    size: Axes,
    options: ConvTransposeLayerOptions,
  ) {
    super();
    const op = this.constructor.name;
    checkSteps(op, options, dims);
    const { groups = 1 } = options;
    checkGroups(op, groups, [
      checkCount(op, "inChannels", channels[0]),
      checkCount(op, "outChannels", channels[1]),
    ]);
    this.#dims = dims;
    [this.inChannels, this.outChannels] = channels;
    this.kernelSize = kernelOf(op, size, dims);
    this.options = options;
    const shape = [channels[0], channels[1] / groups, ...this.kernelSize];
    this.weight = init.kaimingUniform(init.emptyParameter(shape, op), { a: Math.sqrt(5) });
    const bias = () => init.biasLike(init.emptyParameter([channels[1]]), shape);
    this.bias = options.bias === false || sizeOf(shape) === 0 ? null : bias();
  }

  /** (B, C, …) → (B, O, …). `outputSize` chooses among the sizes that a stride leaves open. */
  forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    return inScope(this, () => {
      const own = outputSize === undefined ? {} : { outputPadding: this.#padded(x, outputSize) };
      const options = { ...this.options, ...own };
      return convTranspose(this.#dims, x, this.weight, this.bias, options);
    });
  }

  /** What has to be added to the least size. */
  #padded(x: Tensor, outputSize: readonly number[]): number[] {
    const { stride = 1, padding = 0, dilation = 1 } = this.options;
    const [s, p, d] = [stride, padding, dilation].map((v) => spread(v, this.#dims));
    const wanted = outputSize.slice(-this.#dims);
    const least = this.kernelSize.map((k, i) => {
      const n = x.shape[x.shape.length - this.#dims + i]!;
      return (n - 1) * s![i]! - 2 * p![i]! + d![i]! * (k - 1) + 1;
    });
    const more = least.map((size, i) => (wanted[i] ?? Number.NaN) - size);
    if (more.every((v, i) => Number.isInteger(v) && v >= 0 && v < s![i]!)) return more;
    const most = least.map((size, i) => size + s![i]! - 1);
    const range = `${show(least)} to ${show(most)}`;
    throw new ArgumentError(this.constructor.name, `outputSize is ${show(wanted)}, not ${range}`);
  }

  override describe(): string {
    return `${this.inChannels} -> ${this.outChannels}, kernel ${this.kernelSize.join("x")}`;
  }
}

/** The transpose of Conv1d, as torch.nn.ConvTranspose1d. */
export class ConvTranspose1d extends ConvTranspose {
  constructor(
    inChannels: number,
    outChannels: number,
    size: Axes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(1, [inChannels, outChannels], size, options);
  }
}

/** The transpose of Conv2d, as torch.nn.ConvTranspose2d. */
export class ConvTranspose2d extends ConvTranspose {
  constructor(
    inChannels: number,
    outChannels: number,
    size: Axes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(2, [inChannels, outChannels], size, options);
  }
}

/** The transpose of Conv3d, as torch.nn.ConvTranspose3d. */
export class ConvTranspose3d extends ConvTranspose {
  constructor(
    inChannels: number,
    outChannels: number,
    size: Axes,
    options: ConvTransposeLayerOptions = {},
  ) {
    super(3, [inChannels, outChannels], size, options);
  }
}
