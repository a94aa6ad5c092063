// Functions of calculus: exp, log, the trigonometric and hyperbolic ones and their inverses. Ints become
// float32 first. Those that are no primitives are compositions, written so that neither the value nor
// the gradient breaks down at 0 or at large arguments.

import * as b from "../../ir/build.ts";
import type { Node } from "../../ir/node.ts";
import type { UnaryOp } from "../../ir/op.ts";
import { wrap } from "../core.ts";
import type { Operand } from "../shape-types.ts";
import type { Tensor } from "../tensor.ts";
import { apply, floatType, given, pairOf, resultType, toFloat } from "./common.ts";
import * as n from "./nodes.ts";

function primitive(fn: UnaryOp): (x: Tensor) => Tensor {
  return (x) => apply(x, (v) => b.unary(fn, toFloat(v)));
}

function composite(f: (x: Node) => Node): (x: Tensor) => Tensor {
  return (x) => apply(x, (v) => f(toFloat(v)));
}

export const sqrt = primitive("sqrt");
export const rsqrt = primitive("rsqrt");
export const exp = primitive("exp");
export const expm1 = primitive("expm1");
export const log = primitive("log");
export const log1p = primitive("log1p");
export const sin = primitive("sin");
export const cos = primitive("cos");
export const tanh = primitive("tanh");
export const atan = primitive("atan");
export const erf = primitive("erf");

export const exp2 = composite((x) => n.exp(n.mul(x, Math.LN2)));
export const log2 = composite((x) => n.mul(n.log(x), 1 / Math.LN2));
export const log10 = composite((x) => n.mul(n.log(x), 1 / Math.LN10));
export const tan = composite((x) => n.div(b.unary("sin", x), b.unary("cos", x)));
export const erfc = composite((x) => n.sub(1, b.unary("erf", x)));
export const deg2rad = composite((x) => n.mul(x, Math.PI / 180));
export const rad2deg = composite((x) => n.mul(x, 180 / Math.PI));

/** f(|x|) with the sign of x, for odd f. At 0 the gradient is f's. */
function odd(x: Node, f: (size: Node) => Node): Node {
  const negative = n.lt(x, 0);
  const size = f(n.where(negative, n.neg(x), x));
  return n.where(negative, n.neg(size), size);
}

/** sinh x = (e + e/(e+1)) / 2 with e = expm1 x, which keeps its digits near 0. */
export const sinh = composite((x) =>
  odd(x, (y) => {
    const e = n.expm1(y);
    const t = n.where(n.lt(e, 1e30), e, 1e30); // beyond it t/(t+1) is 1
    return n.mul(n.add(e, n.div(t, n.add(t, 1))), 0.5);
  }),
);

export const cosh = composite((x) => n.mul(n.add(n.exp(x), n.exp(n.neg(x))), 0.5));

/** asin x = 2 atan(x / (1 + √(1-x²))). */
export const asin = composite((x) => {
  const root = n.sqrt(n.mul(n.sub(1, x), n.add(1, x)));
  return n.mul(b.unary("atan", n.div(x, n.add(root, 1))), 2);
});

/** acos x = 2 atan √((1-x)/(1+x)). */
export const acos = composite((x) =>
  n.mul(b.unary("atan", n.sqrt(n.div(n.sub(1, x), n.add(1, x)))), 2),
);

/** asinh y = log1p(y + y·y/(1+√(1+y²))) for y ≥ 0. */
export const asinh = composite((x) =>
  odd(x, (y) => {
    const small = n.where(n.lt(y, 1e9), y, 1e9);
    const root = n.where(n.lt(y, 1e9), n.sqrt(n.add(n.mul(small, small), 1)), y);
    return n.log1p(n.add(y, n.mul(y, n.div(y, n.add(root, 1)))));
  }),
);

/** acosh x = log1p(t + √t·√(t+2)) with t = x-1. */
export const acosh = composite((x) => {
  const t = n.sub(x, 1);
  return n.log1p(n.add(t, n.mul(n.sqrt(t), n.sqrt(n.add(t, 2)))));
});

export const atanh = composite((x) => n.mul(n.sub(n.log1p(x), n.log1p(n.neg(x))), 0.5));

/** The angle of the point (x, y), from -π to π. */
export function atan2(first: Operand, second: Operand): Tensor {
  const [y, x] = pairOf("atan2", first, second, floatType(resultType(first, second)));
  const [below, left] = [n.lt(y, 0), n.lt(x, 0)];
  const height = n.where(below, n.neg(y), y);
  const width = n.where(left, n.neg(x), x);
  const steep = n.gt(height, width);
  const long = n.where(steep, height, width);
  const short = n.where(steep, width, height);
  const origin = n.eq(long, 0);
  const flat = b.unary("atan", n.div(short, n.where(origin, 1, long)));
  const acute = n.where(steep, n.sub(Math.PI / 2, flat), flat);
  const upper = n.where(left, n.sub(Math.PI, acute), acute);
  return wrap(n.where(below, n.neg(upper), upper));
}

/** log(exp a + exp b). */
export function logaddexp(a: Operand, c: Operand): Tensor {
  return wrap(logAddExp(...pairOf("logaddexp", a, c, floatType(resultType(a, c)))));
}

/** log2(2^a + 2^b). */
export function logaddexp2(a: Operand, c: Operand): Tensor {
  const [x, y] = pairOf("logaddexp2", a, c, floatType(resultType(a, c)));
  return wrap(n.mul(logAddExp(n.mul(x, Math.LN2), n.mul(y, Math.LN2)), 1 / Math.LN2));
}

function logAddExp(x: Node, y: Node): Node {
  const high = b.detach(n.max(x, y));
  const shift = n.where(n.eq(n.sub(high, high), 0), high, 0); // 0 for infinities
  return n.add(n.log(n.add(n.exp(n.sub(x, shift)), n.exp(n.sub(y, shift)))), shift);
}

/** x · log y, and 0 where x is 0. */
export function xlogy(a: Operand, c: Operand): Tensor {
  const [x, y] = pairOf("xlogy", a, c, floatType(resultType(a, c)));
  const none = n.and(n.eq(x, 0), n.eq(y, y));
  const safe = n.where(none, 1, y);
  return wrap(n.mul(x, n.log(safe)));
}

/** sin(πx) / (πx), and 1 at 0. */
export const sinc = composite((x) => {
  const zero = n.eq(x, 0);
  const y = n.mul(n.where(zero, 1, x), Math.PI);
  return n.where(zero, 1, n.div(b.unary("sin", y), y));
});

/** log(p / (1-p)); with `eps`, p is first held within [eps, 1-eps]. */
export function logit(x: Tensor, eps?: number): Tensor {
  return apply(x, (v) => {
    let p = toFloat(v);
    if (eps !== undefined) {
      const [low, high] = [given(p, eps), given(p, 1 - eps)];
      p = n.where(n.lt(p, low), low, n.where(n.gt(p, high), high, p));
    }
    return n.sub(n.log(p), n.log1p(n.neg(p)));
  });
}
