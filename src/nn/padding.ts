// Layers that pad, resize and rearrange images. Not here: the computation of padding (tensor/ops/join.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { pad } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { checkCount } from "./linear.ts";
import { inScope, Module } from "./module.ts";

type Mode = "constant" | "reflect" | "replicate" | "circular";

/** `[left, right]` of the last axis, then of the one before it; one number pads all sides. */
export type PaddingSizes = number | readonly number[];

abstract class Padding extends Module {
  readonly sizes: readonly number[];
  readonly value: number;
  #mode: Mode;

  constructor(dims: 1 | 2 | 3, sizes: PaddingSizes, mode: Mode, value = 0) {
    super();
    this.sizes = typeof sizes === "number" ? Array<number>(2 * dims).fill(sizes) : sizes;
    if (this.sizes.length !== 2 * dims) {
      const detail = `takes one size or ${2 * dims}, got ${show(this.sizes)}`;
      throw new ArgumentError(this.constructor.name, detail);
    }
    this.value = value;
    this.#mode = mode;
  }

  forward(x: Tensor): Tensor {
    const options = { mode: this.#mode, value: this.value };
    return inScope(this, () => pad(x, this.sizes, options));
  }

  override describe(): string {
    return show(this.sizes);
  }
}

export class ZeroPad1d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(1, sizes, "constant");
  }
}

export class ZeroPad2d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(2, sizes, "constant");
  }
}

export class ZeroPad3d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(3, sizes, "constant");
  }
}

export class ConstantPad1d extends Padding {
  constructor(sizes: PaddingSizes, value: number) {
    super(1, sizes, "constant", value);
  }
}

export class ConstantPad2d extends Padding {
  constructor(sizes: PaddingSizes, value: number) {
    super(2, sizes, "constant", value);
  }
}

export class ConstantPad3d extends Padding {
  constructor(sizes: PaddingSizes, value: number) {
    super(3, sizes, "constant", value);
  }
}

/** Mirrors at the edge, whose own element does not repeat. */
export class ReflectionPad1d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(1, sizes, "reflect");
  }
}

export class ReflectionPad2d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(2, sizes, "reflect");
  }
}

export class ReflectionPad3d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(3, sizes, "reflect");
  }
}

/** Repeats the elements at the edge. */
export class ReplicationPad1d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(1, sizes, "replicate");
  }
}

export class ReplicationPad2d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(2, sizes, "replicate");
  }
}

export class ReplicationPad3d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(3, sizes, "replicate");
  }
}

/** Goes on at the other end. */
export class CircularPad1d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(1, sizes, "circular");
  }
}

export class CircularPad2d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(2, sizes, "circular");
  }
}

export class CircularPad3d extends Padding {
  constructor(sizes: PaddingSizes) {
    super(3, sizes, "circular");
  }
}

// --- channels to pixels -------------------------------------------------------------------------------

/** (…, C·r², H, W) → (…, C, H·r, W·r), as torch.nn.PixelShuffle. */
export class PixelShuffle extends Module {
  readonly factor: number;

  constructor(factor: number) {
    super();
    this.factor = checkCount("PixelShuffle", "factor", factor);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const r = this.factor;
      const [C, H, W] = imageSizes("PixelShuffle", x);
      if (C % (r * r) !== 0) {
        const detail = `${C} channels do not divide by ${r}² in ${show(x.shape)}`;
        throw new ShapeError("PixelShuffle", detail, { in: currentScope() });
      }
      const out = x.reshape(-1, C / (r * r), r, r, H, W).permute(0, 1, 4, 2, 5, 3);
      return out.reshape([...x.shape.slice(0, -3), C / (r * r), H * r, W * r]);
    });
  }

  override describe(): string {
    return `by ${this.factor}`;
  }
}

/** (…, C, H·r, W·r) → (…, C·r², H, W): the inverse of PixelShuffle. */
export class PixelUnshuffle extends Module {
  readonly factor: number;

  constructor(factor: number) {
    super();
    this.factor = checkCount("PixelUnshuffle", "factor", factor);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const r = this.factor;
      const [C, H, W] = imageSizes("PixelUnshuffle", x);
      if (H % r !== 0 || W % r !== 0) {
        const detail = `${H}x${W} pixels do not divide by ${r} in ${show(x.shape)}`;
        throw new ShapeError("PixelUnshuffle", detail, { in: currentScope() });
      }
      const out = x.reshape(-1, C, H / r, r, W / r, r).permute(0, 1, 3, 5, 2, 4);
      return out.reshape([...x.shape.slice(0, -3), C * r * r, H / r, W / r]);
    });
  }

  override describe(): string {
    return `by ${this.factor}`;
  }
}

/** Groups of channels dealt out in turn, as torch.nn.ChannelShuffle (Zhang et al. 2018): channel i of
 *  group g goes to i · groups + g. (B, C, …) → the same. */
export class ChannelShuffle extends Module {
  readonly groups: number;

  constructor(groups: number) {
    super();
    this.groups = checkCount("ChannelShuffle", "groups", groups);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const C = x.shape[1];
      if (C === undefined || x.shape.length < 3 || C % this.groups !== 0) {
        const detail = `needs (B, C, …) with channels in ${this.groups} groups, got ${show(x.shape)}`;
        throw new ShapeError("ChannelShuffle", detail, { in: currentScope() });
      }
      return x.unflatten(1, [this.groups, -1]).transpose(1, 2).flatten(1, 2);
    });
  }

  override describe(): string {
    return `${this.groups} groups`;
  }
}

function imageSizes(op: string, x: Tensor): [number, number, number] {
  if (x.shape.length >= 3) return x.shape.slice(-3) as [number, number, number];
  const detail = `the input must be (…, C, H, W), got ${show(x.shape)}`;
  throw new ShapeError(op, detail, { in: currentScope() });
}
