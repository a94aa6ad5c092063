// Pooling over all of a channel: (B, C, …) → (B, C), whatever the number of axes.
// Not here: pooling to a given size (pool.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ShapeError } from "../util/errors.ts";
import { inScope, Module } from "./module.ts";

abstract class GlobalPool extends Module {
  protected abstract pool(x: Tensor): Tensor;

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      if (x.shape.length >= 3) return this.pool(x.flatten(2)); // (B, C, N)
      const detail = `the input must be (B, C, …), got ${show(x.shape)}`;
      throw new ShapeError(this.constructor.name, detail, { in: currentScope() });
    });
  }
}

/** The mean of each channel: (B, C, …) → (B, C). */
export class GlobalAvgPool extends GlobalPool {
  protected pool(x: Tensor): Tensor {
    return x.mean(-1);
  }
}

/** The largest element of each channel: (B, C, …) → (B, C). */
export class GlobalMaxPool extends GlobalPool {
  protected pool(x: Tensor): Tensor {
    return x.amax(-1);
  }
}
