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
}

type Mode = "nearest" | "nearest-exact" | "linear" | "bilinear" | "trilinear" | "bicubic" | "area";

type Kernel = "nearest" | "exact" | "linear" | "cubic" | "area";

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
  const { mode = "nearest", alignCorners = false } = options;
  const kernel = kernels[mode];
  if (kernel === undefined) {
    throw new ArgumentError("interpolate", `no mode "${mode}"`, {
      hint: `use one of ${Object.keys(kernels).join(", ")}`,
    });
  }
  if (x.shape.length < 3) {
    const detail = `the input must be (B, C, …), got ${show(x.shape)}`;
    throw new ShapeError("interpolate", detail, { in: currentScope() });
  }
  return targets(x, options).reduce((value, { size, scale }, i) => {
    const axis = i + 2;
    const length = value.shape[axis]!;
    if (length === size && scale === 1) return value;
    const weights = weightsOf(kernel, length, size, scale, alignCorners).to(value.dtype);
    return value.movedim(axis, -1).matmul(weights.T).movedim(-1, axis);
  }, x);
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

/** (out, in): how much of each input element is in each output element. */
function weightsOf(
  kernel: Kernel,
  from: number,
  to: number,
  scale: number,
  corners: boolean,
): Tensor {
  const out = arange(to).float().unsqueeze(1); // (out, 1)
  const into = arange(from).float(); // (in)
  if (kernel === "area") {
    // Of out's share of the input all elements that it touches, as adaptive pooling.
    const first = out.mul(from).div(to, { rounding: "floor" });
    const end = out
      .add(1)
      .mul(from)
      .add(to - 1)
      .div(to, { rounding: "floor" });
    const inside = into.ge(first).logicalAnd(into.lt(end));
    return inside.float().div(end.sub(first));
  }
  if (kernel === "nearest" || kernel === "exact") {
    const at = kernel === "exact" ? out.add(0.5) : out;
    return at
      .mul(scale)
      .floor()
      .minimum(from - 1)
      .eq(into)
      .float();
  }
  const place = corners
    ? out.mul(to > 1 ? (from - 1) / (to - 1) : 0)
    : out.add(0.5).mul(scale).sub(0.5); // (out, 1)
  if (kernel === "linear") {
    const held = place.clamp(0, from - 1);
    return held.sub(into).abs().rsub(1).relu(); // a hat over each input element
  }
  // Four neighbours, those beyond an edge being the edge's.
  const first = place.floor();
  const weight = (shift: number) => {
    const neighbour = first.add(shift);
    const here = neighbour.clamp(0, from - 1).eq(into); // (out, in)
    return where(here, cubicWeight(place.sub(neighbour).abs()), 0);
  };
  return [-1, 0, 1, 2].map(weight).reduce((a, b) => a.add(b));
}

/** Keys' cubic convolution kernel with a = -0.75, for distances below 2. */
export function cubicWeight(d: Tensor): Tensor {
  const a = -0.75;
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
