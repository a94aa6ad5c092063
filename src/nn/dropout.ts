// Dropout: zeros at random while training. The mask is made of counted random bits, so it is computed
// again in the backward pass instead of kept. Not here: the generator (tensor/random.ts).

import * as b from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { currentScope, type Node, type Shape } from "../ir/node.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { nextRandom } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import { inScope, Module } from "./module.ts";

export function checkProbability(op: string, p: number): number {
  if (p >= 0 && p <= 1) return p;
  throw new ArgumentError(op, `p must be in [0,1], got ${p}`, { in: currentScope() });
}

/** True with probability 1 - p, 0 < p < 1. */
export function keepMask(shape: Shape, p: number): Node {
  // 32 bits as a signed number are below this with probability 1 - p.
  const limit = Math.floor((1 - p) * 2 ** 32) - 2 ** 31;
  return b.compare("lt", nextRandom(shape), b.broadcastTo(b.scalar(limit, "int32"), shape));
}

/** The shape of a mask for whole channels of x (B, C, …). */
export function channelMask(op: string, x: Tensor): Shape {
  if (x.shape.length >= 2) return x.shape.map((size, i) => (i < 2 ? size : 1));
  const detail = `the input must be (B, C, …), got ${b.show(x.shape)}`;
  throw new ShapeError(op, detail, { in: currentScope() });
}

// Each element of `mask`'s shape is kept with probability 1 - p; x is scaled so that its mean stays.
function drop(x: Tensor, p: number, mask: Shape): Tensor {
  const v = nodeOf(x);
  if (!isFloat(v.dtype)) {
    const detail = `needs a float tensor, got ${v.dtype}`;
    throw new DtypeError("dropout", detail, { in: currentScope() });
  }
  if (p === 0) return x;
  const zero = b.full(0, v.shape, v.dtype);
  if (p === 1) return wrap(b.binary("mul", v, zero));
  const keep = keepMask(mask, p);
  const scale = b.broadcastTo(b.scalar(1 / (1 - p), v.dtype), v.shape);
  return wrap(b.where(b.broadcastTo(keep, v.shape), b.binary("mul", v, scale), zero));
}

/** Zeros elements with probability p and scales the others by 1 / (1 - p). */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  checkProbability("dropout", p);
  return training ? drop(x, p, x.shape) : x;
}

/** Zeros whole channels with probability p. x (B, C, …). */
export function dropoutChannels(x: Tensor, p = 0.5, training = true): Tensor {
  checkProbability("dropout", p);
  const mask = channelMask("dropoutChannels", x);
  return training ? drop(x, p, mask) : x;
}

/** A layer with a probability. */
export abstract class DropoutLayer extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = checkProbability(this.constructor.name, p);
  }

  override describe(): string {
    return `p ${this.p}`;
  }
}

/** Zeros elements while training, as torch.nn.Dropout. */
export class Dropout extends DropoutLayer {
  forward(x: Tensor): Tensor {
    return inScope(this, () => dropout(x, this.p, this.training));
  }
}

/** Zeros whole channels of (B, C, L) while training, as torch.nn.Dropout1d. */
export class Dropout1d extends DropoutLayer {
  forward(x: Tensor): Tensor {
    return inScope(this, () => dropoutChannels(x, this.p, this.training));
  }
}

/** Zeros whole channels of (B, C, H, W) while training, as torch.nn.Dropout2d. */
export class Dropout2d extends DropoutLayer {
  forward(x: Tensor): Tensor {
    return inScope(this, () => dropoutChannels(x, this.p, this.training));
  }
}

/** Zeros whole channels of (B, C, D, H, W) while training, as torch.nn.Dropout3d. */
export class Dropout3d extends DropoutLayer {
  forward(x: Tensor): Tensor {
    return inScope(this, () => dropoutChannels(x, this.p, this.training));
  }
}
