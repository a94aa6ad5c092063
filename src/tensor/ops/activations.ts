// Activations, each by its formula in PyTorch's documentation. Where a branch is not taken, its argument
// is replaced first, so that no infinity of it reaches the gradient as 0·∞.

import * as b from "../../ir/build.ts";
import { isFloat } from "../../ir/dtype.ts";
import type { Node } from "../../ir/node.ts";
import { nodeOf, wrap } from "../core.ts";
import type { Tensor } from "../tensor.ts";
import { apply, axisOf, broadcastOf, given, shapeError, toFloat } from "./common.ts";
import * as n from "./nodes.ts";

function float(x: Tensor, f: (node: Node) => Node): Tensor {
  return apply(x, (v) => f(toFloat(v)));
}

const sigmoidOf = (x: Node): Node => b.unary("sigmoid", x);
const tanhOf = (x: Node): Node => b.unary("tanh", x);

/** Held within (low, high), with gradient 0 at the limits (as hardtanh, other than clamp). */
function within(x: Node, low: Node | number, high: Node | number): Node {
  const above = n.where(n.le(x, low), low, x);
  return n.where(n.ge(above, high), high, above);
}

export function relu(x: Tensor): Tensor {
  return apply(x, (v) => b.unary("relu", v));
}

export const sigmoid = (x: Tensor): Tensor => float(x, sigmoidOf);
export const relu6 = (x: Tensor): Tensor => apply(x, (v) => within(v, 0, 6));
export const silu = (x: Tensor): Tensor => float(x, (v) => n.mul(v, sigmoidOf(v)));
export const tanhshrink = (x: Tensor): Tensor => float(x, (v) => n.sub(v, tanhOf(v)));
export const softsign = (x: Tensor): Tensor => float(x, (v) => n.div(v, n.add(n.abs(v), 1)));
export const mish = (x: Tensor): Tensor =>
  float(x, (v) => n.mul(v, tanhOf(softplusOf(v, null, 20))));
export const logsigmoid = (x: Tensor): Tensor =>
  float(x, (v) => n.neg(softplusOf(n.neg(v), null, 20)));

export interface GeluOptions {
  /** "tanh" for the approximation of GPT-2. */
  approximate?: "none" | "tanh" | undefined;
}

/** x · Φ(x), Φ being the normal distribution function. */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  return float(x, (v) => {
    if (options.approximate === "tanh") {
      const cube = n.mul(n.mul(n.mul(v, v), v), 0.044715);
      const t = tanhOf(n.mul(n.add(v, cube), Math.sqrt(2 / Math.PI)));
      return n.mul(n.mul(v, 0.5), n.add(t, 1));
    }
    return n.mul(n.mul(v, 0.5), n.add(b.unary("erf", n.mul(v, Math.SQRT1_2)), 1));
  });
}

/** log(1 + exp(βx)) / β; x itself where βx is above the threshold. */
function softplusOf(x: Node, beta: Node | null, threshold: Node | number): Node {
  const scaled = beta ? n.mul(x, beta) : x;
  const linear = n.gt(scaled, threshold);
  const soft = n.log1p(n.exp(n.where(linear, 0, scaled)));
  return n.where(linear, x, beta ? n.div(soft, beta) : soft);
}

export function softplus(x: Tensor, options: { beta?: number; threshold?: number } = {}): Tensor {
  const { beta = 1, threshold = 20 } = options;
  return float(x, (v) => softplusOf(v, beta === 1 ? null : given(v, beta), given(v, threshold)));
}

export interface AlphaOption {
  alpha?: number | undefined;
}

/** x above 0, alpha · (exp x - 1) below. */
export function elu(x: Tensor, options: AlphaOption = {}): Tensor {
  return float(x, (v) => {
    const positive = n.gt(v, 0);
    return n.where(
      positive,
      v,
      n.mul(n.expm1(n.where(positive, 0, v)), given(v, options.alpha ?? 1)),
    );
  });
}

/** As elu, with a slope that is continuous at 0. */
export function celu(x: Tensor, options: AlphaOption = {}): Tensor {
  return float(x, (v) => {
    const [positive, alpha] = [n.gt(v, 0), given(v, options.alpha ?? 1)];
    return n.where(positive, v, n.mul(n.expm1(n.div(n.where(positive, 0, v), alpha)), alpha));
  });
}

const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

export function selu(x: Tensor): Tensor {
  return float(x, (v) => {
    const positive = n.gt(v, 0);
    const below = n.mul(n.expm1(n.where(positive, 0, v)), seluAlpha);
    return n.mul(n.where(positive, v, below), seluScale);
  });
}

export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return float(x, (v) => n.where(n.gt(v, 0), v, n.mul(v, given(v, negativeSlope))));
}

/** leakyRelu with a learned slope: one number, or one for each channel (axis 1). */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const [v, w] = [nodeOf(x), nodeOf(weight)];
  const channels = x.shape.length > 1 ? x.shape[1] : 1;
  if (weight.shape.length > 1 || (isFloat(w.dtype) && ![1, channels].includes(size(weight)))) {
    throw shapeError("prelu", `weight has ${size(weight)} slopes, the input ${channels} channels`);
  }
  const shape = x.shape.map((_, i) => (i === 1 ? size(weight) : 1));
  const slope = size(weight) === 1 ? b.reshape(w, []) : b.reshape(w, shape);
  broadcastOf("prelu", v.shape, slope.shape);
  return wrap(n.where(n.gt(v, 0), v, n.mul(v, slope)));
}

function size(x: Tensor): number {
  return x.shape.reduce((p, d) => p * d, 1);
}

export function hardtanh(x: Tensor, low = -1, high = 1): Tensor {
  return apply(x, (v) => within(v, given(v, low), given(v, high)));
}

export const hardsigmoid = (x: Tensor): Tensor =>
  float(x, (v) => n.mul(within(n.add(v, 3), 0, 6), 1 / 6));

/** x · relu6(x + 3) / 6, as the three pieces whose slopes PyTorch takes. */
export function hardswish(x: Tensor): Tensor {
  return float(x, (v) => {
    const curve = n.mul(n.mul(v, n.add(v, 3)), 1 / 6);
    return n.where(n.lt(v, -3), 0, n.where(n.le(v, 3), curve, v));
  });
}

export function hardshrink(x: Tensor, lambda = 0.5): Tensor {
  return float(x, (v) => n.where(n.le(n.abs(v), given(v, lambda)), 0, v));
}

export function softshrink(x: Tensor, lambda = 0.5): Tensor {
  return float(x, (v) => {
    const limit = given(v, lambda);
    const low = n.where(n.lt(v, n.neg(limit)), n.add(v, limit), n.mul(v, 0));
    return n.where(n.gt(v, limit), n.sub(v, limit), low);
  });
}

/** x where it is above the threshold, else `value`. */
export function threshold(x: Tensor, limit: number, value: number): Tensor {
  return apply(x, (v) => n.where(n.gt(v, given(v, limit)), v, given(v, value)));
}

/** One half of an axis times the sigmoid of the other. */
export function glu(x: Tensor, axis = -1): Tensor {
  const at = axisOf("glu", axis, x.shape);
  const length = x.shape[at];
  if (length % 2 !== 0) throw shapeError("glu", `axis ${at} of ${b.show(x.shape)} is not even`);
  return float(x, (v) =>
    n.mul(n.narrow(v, at, 0, length / 2), sigmoidOf(n.narrow(v, at, length / 2, length))),
  );
}
