// Resizing by interpolation, one axis after the other: each is a product with a matrix of weights that
// is computed from positions, so its gradient is a product too. PyTorch's modes and rounding.
// Not here: resizing of pictures on the host (data/).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { arange } from "../tensor/create.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { inScope, Module } from "./module.ts";

export interface InterpolateOptions {
  /** Sizes of the last axes; or a factor for each. One number stands for all. */
  size?: number | readonly number[] | undefined;
  scaleFactor?: number | readonly number[] | undefined;
  /** "linear" is bilinear over two axes and trilinear over three; "nearest-exact" takes the element at the
   *  centre, where "nearest" rounds down; "area" takes means, as adaptive pooling. */
  mode?: Mode | undefined;
  /** Whether the centres of the outermost elements meet, or the outer edges. */
  alignCorners?: boolean | undefined;
  /** Smooths what is made smaller: "bilinear" and "bicubic" look at all elements that an output covers. */
  antialias?: boolean | undefined;
}

type Mode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "trilinear" | "bicubic" | "area";

/** Along one axis: from how many elements to how many, and how far a step reaches in the input. */
interface Way {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
  readonly corners: boolean;
}

type Kernel = keyof typeof weights;

const kernels: { [K in Mode]: Kernel } = {
  nearest: "nearest",
  "nearest-exact": "exact",
  linear: "linear",
  bilinear: "linear",
  trilinear: "linear",
  bicubic: "cubic",
  area: "area",
};

/** Resizes all axes behind batch and channels, as torch.nn.functional.interpolate. x (B, C, …). */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { alignCorners = false } = options;
  const kernel = kernelOf(options);
  if (x.shape.length < 3) {
    const detail = `the input must be (B, C, …), got ${show(x.shape)}`;
    throw new ShapeError("interpolate", detail, { in: currentScope() });
  }
  return targets(x, options).reduce((value, { size, scale }, i) => {
    const axis = i + 2;
    const from = value.shape[axis]!;
    if (from === size && scale === 1) return value;
    const way = { from, to: size, scale, corners: alignCorners };
    const matrix = weights[kernel](arange(size).float().unsqueeze(1), arange(from).float(), way);
    return value.movedim(axis, -1).matmul(matrix.to(value.dtype).T).movedim(-1, axis);
  }, x);
}

function kernelOf({ mode = "nearest", antialias = false }: InterpolateOptions): Kernel {
  const kernel = kernels[mode];
  if (kernel === undefined) {
    throw new ArgumentError("interpolate", `no mode "${mode}"`, {
      hint: `use one of ${Object.keys(kernels).join(", ")}`,
    });
  }
  if (!antialias) return kernel;
  if (mode === "bilinear") return "smoothLinear";
  if (mode === "bicubic") return "smoothCubic";
  throw new ArgumentError("interpolate", `mode "${mode}" has no antialias`, {
    hint: 'use "bilinear" or "bicubic"',
  });
}

// Each axis's new size, and by how much a step there is longer in the input.
function targets(x: Tensor, options: InterpolateOptions): { size: number; scale: number }[] {
  const { size, scaleFactor } = options;
  const axes = x.shape.slice(2);
  const given = size ?? scaleFactor;
  if (given === undefined || (size !== undefined && scaleFactor !== undefined)) {
    throw new ArgumentError("interpolate", "needs either size or scaleFactor");
  }
  const list = typeof given === "number" ? axes.map(() => given) : given;
  if (list.length !== axes.length || list.some((v) => !(v > 0))) {
    const detail = `needs ${axes.length} positive numbers for ${show(x.shape)}, got ${show(list)}`;
    throw new ArgumentError("interpolate", detail, { in: currentScope() });
  }
  return list.map((value, i) =>
    size === undefined
      ? { size: Math.floor(axes[i]! * value), scale: 1 / value }
      : { size: value, scale: axes[i]! / value },
  );
}

/** How much of each input element is in each output element: out (out, 1) and into (in) number them, the
 *  result is (out, in). */
type Weights = (out: Tensor, into: Tensor, way: Way) => Tensor;

const nearest =
  (shift: number): Weights =>
  (out, into, { from, scale }) =>
    out
      .add(shift)
      .mul(scale)
      .floor()
      .minimum(from - 1)
      .eq(into)
      .float();

/** Where an output's centre lies in the input: (out, 1). */
function placeOf(out: Tensor, { from, to, scale, corners }: Way): Tensor {
  if (corners) return out.mul(to > 1 ? (from - 1) / (to - 1) : 0);
  return out.add(0.5).mul(scale).sub(0.5);
}

/** A hat over each input element. */
const linear: Weights = (out, into, way) =>
  placeOf(out, way)
    .clamp(0, way.from - 1)
    .sub(into)
    .abs()
    .rsub(1)
    .relu();

/** Four neighbours, those beyond an edge being the edge's. */
const cubic: Weights = (out, into, way) => {
  const place = placeOf(out, way);
  const first = place.floor();
  const weight = (shift: number) => {
    const neighbour = first.add(shift);
    const here = neighbour.clamp(0, way.from - 1).eq(into); // (out, in)
    return where(here, cubicWeight(place.sub(neighbour).abs()), 0);
  };
  return [-1, 0, 1, 2].map(weight).reduce((a, b) => a.add(b));
};

/** Of out's share of the input all elements that it touches, as adaptive pooling. */
const area: Weights = (out, into, { from, to }) => {
  const first = out.mul(from).div(to, { rounding: "floor" });
  const end = out
    .add(1)
    .mul(from)
    .add(to - 1)
    .div(to, { rounding: "floor" });
  const inside = into.ge(first).logicalAnd(into.lt(end));
  return inside.float().div(end.sub(first));
};

/** A filter as wide as what an output covers, whose weights sum to 1 within the image. */
const smooth =
  (filter: (distance: Tensor) => Tensor, reach: number): Weights =>
  (out, into, { from, to, scale, corners }) => {
    const step = corners && to > 1 ? (from - 1) / (to - 1) : scale;
    const width = Math.max(step, 1);
    const centre = out.add(0.5).mul(step); // (out, 1)
    const first = centre
      .sub(reach * width)
      .add(0.5)
      .trunc()
      .maximum(0);
    const end = centre
      .add(reach * width)
      .add(0.5)
      .trunc()
      .minimum(from);
    const inside = into.ge(first).logicalAnd(into.lt(end));
    const distance = into.sub(centre).add(0.5).abs().div(width);
    const raw = where(inside, filter(distance), 0); // (out, in)
    return raw.div(raw.sum(1, { keepdim: true }));
  };

const weights = {
  nearest: nearest(0),
  exact: nearest(0.5),
  linear,
  cubic,
  area,
  smoothLinear: smooth((d) => d.rsub(1).relu(), 1),
  // Antialiasing uses Keys' kernel with a = -0.5, as PyTorch and Pillow do.
  smoothCubic: smooth((d) => where(d.lt(2), cubicWeight(d, -0.5), 0), 2),
};

/** Keys' cubic convolution kernel for distances below 2; a is its slope at 1. */
export function cubicWeight(d: Tensor, a = -0.75): Tensor {
  const near = d
    .mul(a + 2)
    .sub(a + 3)
    .mul(d.square())
    .add(1);
  const far = d.sub(5).mul(d).add(8).mul(d).sub(4).mul(a);
  return where(d.le(1), near, far);
}

/** {@link interpolate} as a module, as torch.nn.Upsample. */
export class Upsample extends Module {
  readonly options: InterpolateOptions;

  constructor(options: InterpolateOptions) {
    super();
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => interpolate(x, this.options));
  }

  override describe(): string {
    const { size, scaleFactor, mode = "nearest" } = this.options;
    return `${size === undefined ? `by ${scaleFactor}` : `to ${size}`}, ${mode}`;
  }
}
