// Blocks of images as columns and back: unfold (im2col) and its transpose fold (col2im), which sums
// where blocks overlap. Not here: windows along one axis (Tensor.unfold), convolution.

import * as b from "../ir/build.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { zeros } from "../tensor/create.ts";
import { needOptions, needTensor, perAxis, shapeError } from "../tensor/ops/common.ts";
import type { Axes } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { vjp } from "../tensor/transforms.ts";
import { inScope, Module } from "./module.ts";

/** How blocks lie in an image: one number for both axes, or [rows, columns]. */
export interface FoldOptions {
  dilation?: Axes | undefined;
  /** Zeros around the image. */
  padding?: Axes | undefined;
  stride?: Axes | undefined;
}

interface Blocks {
  readonly size: number[];
  readonly dilation: number[];
  readonly padding: number[];
  readonly stride: number[];
  /** Rows and columns of blocks. */
  readonly count: number[];
}

function blocksOf(op: string, image: readonly number[], size: Axes, options: FoldOptions): Blocks {
  needOptions(op, options, "use { stride: 2, padding: 1 }");
  const kernel = perAxis(op, "kernelSize", size, 2, 1);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, 2, 1);
  const padding = perAxis(op, "padding", options.padding ?? 0, 2, 0);
  const stride = perAxis(op, "stride", options.stride ?? 1, 2, 1);
  const count = kernel.map((k, i) => {
    const span = dilation[i]! * (k - 1) + 1;
    const room = image[i]! + 2 * padding[i]! - span;
    if (room >= 0) return Math.floor(room / stride[i]!) + 1;
    const padded = image[i]! + 2 * padding[i]!;
    throw shapeError(op, `a block of ${span} does not fit the padded image of ${padded}`);
  });
  return { size: kernel, dilation, padding, stride, count };
}

/**
 * The blocks of images as columns, as torch.nn.functional.unfold: (B, C, H, W) → (B, C·kh·kw, L), or
 * without B.
 *
 * @example
 * nn.unfold(x, 3, { padding: 1 }); // (B, C, H, W) → (B, 9C, H·W)
 */
export function unfold(x: Tensor, kernelSize: Axes, options: FoldOptions = {}): Tensor {
  needTensor("unfold", x, "the input");
  if (x.shape.length !== 3 && x.shape.length !== 4) {
    throw shapeError(
      "unfold",
      `the input must be (B, C, H, W) or (C, H, W), got ${b.show(x.shape)}`,
    );
  }
  const blocks = blocksOf("unfold", x.shape.slice(-2), kernelSize, options);
  const lead = x.shape.slice(0, -3);
  const rank = lead.length;
  const edges = [...lead.map(() => 0), 0, ...blocks.padding];
  const padded = b.pad(nodeOf(x), edges, edges);
  const axes = [rank + 1, rank + 2];
  const view = b.window(padded, axes, blocks.size, blocks.stride, blocks.dilation);
  // (…, C, rows, columns, kh, kw) → (…, C, kh, kw, rows, columns)
  const order = [...lead.map((_, i) => i), ...[0, 3, 4, 1, 2].map((i) => i + rank)];
  const columns = x.shape[rank]! * blocks.size[0]! * blocks.size[1]!;
  const L = blocks.count[0]! * blocks.count[1]!;
  return wrap(b.reshape(b.permute(view, order), [...lead, columns, L]));
}

/**
 * Images from columns, as torch.nn.functional.fold: the transpose of {@link unfold}, so that what several
 * blocks give to one pixel is summed. (B, C·kh·kw, L) → (B, C, H, W), or without B.
 */
export function fold(
  x: Tensor,
  outputSize: Axes,
  kernelSize: Axes,
  options: FoldOptions = {},
): Tensor {
  needTensor("fold", x, "the input");
  if (x.shape.length !== 2 && x.shape.length !== 3) {
    throw shapeError("fold", `the input must be (B, C·k, L) or (C·k, L), got ${b.show(x.shape)}`);
  }
  const image = perAxis("fold", "outputSize", outputSize, 2, 1);
  const blocks = blocksOf("fold", image, kernelSize, options);
  const [columns, L] = x.shape.slice(-2) as [number, number];
  const inside = blocks.size[0]! * blocks.size[1]!;
  if (columns % inside !== 0) {
    throw shapeError("fold", `${columns} rows do not divide by ${inside} places of a block`);
  }
  const expected = blocks.count[0]! * blocks.count[1]!;
  if (L !== expected) {
    throw shapeError("fold", `${b.show(image)} has ${expected} blocks, got ${L} columns`);
  }
  const shape = [...x.shape.slice(0, -2), columns / inside, ...image];
  const empty = zeros(shape, { dtype: x.dtype });
  const [, back] = vjp((z: Tensor) => unfold(z, kernelSize, options), empty);
  return back(x)[0] as Tensor; // (B, C, H, W)
}

/** {@link unfold} as a module, as torch.nn.Unfold. */
export class Unfold extends Module {
  readonly kernelSize: Axes;
  readonly options: FoldOptions;

  constructor(kernelSize: Axes, options: FoldOptions = {}) {
    super();
    perAxis("Unfold", "kernelSize", kernelSize, 2, 1);
    needOptions("Unfold", options, "use { stride: 2, padding: 1 }");
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => unfold(x, this.kernelSize, this.options));
  }

  override describe(): string {
    return `kernel ${this.kernelSize}`;
  }
}

/** {@link fold} as a module, as torch.nn.Fold. */
export class Fold extends Module {
  readonly outputSize: Axes;
  readonly kernelSize: Axes;
  readonly options: FoldOptions;

  constructor(outputSize: Axes, kernelSize: Axes, options: FoldOptions = {}) {
    super();
    blocksOf("Fold", perAxis("Fold", "outputSize", outputSize, 2, 1), kernelSize, options);
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => fold(x, this.outputSize, this.kernelSize, this.options));
  }

  override describe(): string {
    return `to ${this.outputSize}, kernel ${this.kernelSize}`;
  }
}
