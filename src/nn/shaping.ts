// Layers that only rearrange, cut, scale or join: what Keras's functional models are put together with.
// Not here: padding and pixels (padding.ts), Flatten and Unflatten (linear.ts), time (time.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { needTensors } from "../tensor/ops/common.ts";
import { cat } from "../tensor/ops/join.ts";
import { stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { checkCount } from "./linear.ts";
import { inScope, Module } from "./module.ts";
import type { PaddingSizes } from "./padding.ts";

/** Axes in another order, the batch's included: `new Permute(0, 2, 1)`. */
export class Permute extends Module {
  readonly axes: readonly number[];

  constructor(...axes: number[]) {
    super();
    this.axes = axes;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => x.permute(this.axes));
  }

  override describe(): string {
    return this.axes.join(", ");
  }
}

/** Each sample in another shape, as Keras's Reshape: the batch stays. One size may be -1. */
export class Reshape extends Module {
  readonly sizes: readonly number[];

  constructor(...sizes: number[]) {
    super();
    this.sizes = sizes;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => x.reshape([x.shape[0] ?? 1, ...this.sizes]));
  }

  override describe(): string {
    return show(this.sizes);
  }
}

// --- cutting ------------------------------------------------------------------------------------------

abstract class Cropping extends Module {
  readonly sizes: readonly number[];

  constructor(dims: 1 | 2 | 3, sizes: PaddingSizes) {
    super();
    const op = this.constructor.name;
    this.sizes = typeof sizes === "number" ? Array<number>(2 * dims).fill(sizes) : sizes;
    if (this.sizes.length !== 2 * dims) {
      throw new ArgumentError(op, `takes one size or ${2 * dims}, got ${show(this.sizes)}`);
    }
    for (const size of this.sizes) checkCount(op, "a size", size, 0);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      let out = x;
      for (let i = 0; i < this.sizes.length; i += 2) {
        const axis = x.shape.length - 1 - i / 2;
        const [before, after] = this.sizes.slice(i, i + 2) as [number, number];
        const length = (x.shape[axis] ?? 0) - before - after;
        if (length < 1) {
          const detail = `nothing is left of ${show(x.shape)} without ${show(this.sizes)}`;
          throw new ShapeError(this.constructor.name, detail, { in: currentScope() });
        }
        out = out.narrow(axis, before, length);
      }
      return out;
    });
  }

  override describe(): string {
    return show(this.sizes);
  }
}

/** Cuts `[left, right]` off the last axis; one number cuts all sides. */
export class Cropping1d extends Cropping {
  constructor(sizes: PaddingSizes) {
    super(1, sizes);
  }
}

/** Cuts `[left, right, top, bottom]` off. */
export class Cropping2d extends Cropping {
  constructor(sizes: PaddingSizes) {
    super(2, sizes);
  }
}

/** Cuts `[left, right, top, bottom, front, back]` off. */
export class Cropping3d extends Cropping {
  constructor(sizes: PaddingSizes) {
    super(3, sizes);
  }
}

// --- scaling ------------------------------------------------------------------------------------------

/** x · scale + offset, for pixels of 0 … 255: `new Rescaling(1 / 255)`. */
export class Rescaling extends Module {
  readonly scale: number;
  readonly offset: number;

  constructor(scale: number, options: { offset?: number | undefined } = {}) {
    super();
    this.scale = scale;
    this.offset = options.offset ?? 0;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => x.to("float32").mul(this.scale).add(this.offset));
  }

  override describe(): string {
    return `times ${this.scale}, plus ${this.offset}`;
  }
}

/**
 * (x - mean) / √variance for each feature of the last axis, whose statistics `adapt` takes from data, as
 * Keras's Normalization. They are saved with the model.
 *
 * @example
 * const layer = new nn.Normalization(4);
 * await layer.adapt(features); // (N, 4)
 */
export class Normalization extends Module {
  readonly features: number;
  mean: Tensor; // (F)
  variance: Tensor; // (F)

  constructor(features: number) {
    super();
    this.features = checkCount("Normalization", "features", features);
    this.mean = stateTensor(new Float32Array(features), [features]);
    this.variance = stateTensor(new Float32Array(features).fill(1), [features]);
  }

  /** Takes mean and variance from samples (…, F). */
  async adapt(samples: Tensor): Promise<this> {
    this.check(samples);
    const rows = samples.detach().flatten(0, -2); // (N, F)
    const mean = rows.mean(0);
    const variance = rows.sub(mean).square().mean(0);
    this.mean.assign(mean);
    this.variance.assign(variance);
    await Promise.all([this.mean.data(), this.variance.data()]);
    return this;
  }

  private check(x: Tensor): void {
    if (x.shape.length >= 2 && x.shape.at(-1) === this.features) return;
    const detail = `takes (…, ${this.features}), got ${show(x.shape)}`;
    throw new ShapeError("Normalization", detail, { in: currentScope() });
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      this.check(x);
      const scale = this.variance.sqrt().maximum(1e-7); // a constant feature becomes 0
      return x.sub(this.mean).div(scale);
    });
  }

  override describe(): string {
    return String(this.features);
  }
}

// --- joining ------------------------------------------------------------------------------------------

abstract class Merge extends Module {
  protected abstract merge(a: Tensor, b: Tensor): Tensor;

  /** Two tensors or more, which broadcast. */
  forward(...inputs: Tensor[]): Tensor {
    return inScope(this, () =>
      joined(this.constructor.name, inputs).reduce((a, b) => this.merge(a, b)),
    );
  }
}

function joined(op: string, inputs: readonly Tensor[]): readonly Tensor[] {
  needTensors(op, inputs);
  if (inputs.length > 0) return inputs;
  throw new ArgumentError(op, "needs at least one tensor", { in: currentScope() });
}

/** The sum of its inputs. */
export class Add extends Merge {
  protected merge(a: Tensor, b: Tensor): Tensor {
    return a.add(b);
  }
}

/** The first input less the others. */
export class Subtract extends Merge {
  protected merge(a: Tensor, b: Tensor): Tensor {
    return a.sub(b);
  }
}

/** The product of its inputs, element by element. */
export class Multiply extends Merge {
  protected merge(a: Tensor, b: Tensor): Tensor {
    return a.mul(b);
  }
}

/** The largest of its inputs, element by element. */
export class Maximum extends Merge {
  protected merge(a: Tensor, b: Tensor): Tensor {
    return a.maximum(b);
  }
}

/** The smallest of its inputs, element by element. */
export class Minimum extends Merge {
  protected merge(a: Tensor, b: Tensor): Tensor {
    return a.minimum(b);
  }
}

/** The mean of its inputs. */
export class Average extends Add {
  override forward(...inputs: Tensor[]): Tensor {
    return super.forward(...inputs).div(inputs.length);
  }
}

/**
 * Its inputs one behind the other along an axis, the last by default (channels are axis 1).
 *
 * @example
 * new nn.Concatenate(1).forward(skip, x); // (B, 64, H, W) twice → (B, 128, H, W)
 */
export class Concatenate extends Module {
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  forward(...inputs: Tensor[]): Tensor {
    return inScope(this, () => cat(joined("Concatenate", inputs), this.axis));
  }

  override describe(): string {
    return `axis ${this.axis}`;
  }
}
