// The error function's family and the normal distribution: erfc, erfcx, erfinv, ndtr, ndtri, logNdtr, and
// the entropies entr and xlog1py. Tails come from (1+2x)·erfcx(x) over (x-3)/(x+3) (Shepherd and
// Laframboise, 1981), the inverses from erfinv(x)/x over log(1-x²) (Giles, 2012).
// Not here: erf itself, which is a primitive.

import { unary } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { apply } from "../tensor/ops/common.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Operand } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { chebyshev, gauss, ofPair, ofTensor, pieces } from "./series.ts";
import { ERFCX, ERFINV_CENTRE, ERFINV_END, ERFINV_TAIL } from "./tables.ts";

/** exp(x²) erfc(x) for x ≥ 0. */
function erfcxPositive(x: Node): Node {
  const t = n.sub(1, n.div(6, n.add(x, 3))); // (x-3)/(x+3), at infinity too
  return n.div(chebyshev(t, ERFCX, -1, 1), n.add(n.mul(x, 2), 1));
}

function erfcxNode(x: Node): Node {
  const value = erfcxPositive(n.abs(x));
  return n.where(n.lt(x, 0), n.sub(n.mul(gauss(x, 1), 2), value), value);
}

export function erfcNode(x: Node): Node {
  const tail = n.mul(gauss(x, -1), erfcxPositive(n.max(x, 0)));
  return n.where(n.gt(x, 0.5), tail, n.sub(1, unary("erf", x)));
}

function ndtrNode(x: Node): Node {
  const tail = n.mul(gauss(x, -0.5), erfcxPositive(n.mul(n.max(n.neg(x), 0), Math.SQRT1_2)));
  const centre = n.add(unary("erf", n.mul(x, Math.SQRT1_2)), 1);
  return n.mul(n.where(n.lt(x, -0.7), tail, centre), 0.5);
}

function logNdtrNode(x: Node): Node {
  const below = n.max(n.neg(x), 0);
  const scaled = n.log(n.mul(erfcxPositive(n.mul(below, Math.SQRT1_2)), 0.5));
  const tail = n.sub(scaled, n.mul(n.mul(below, below), 0.5));
  return n.where(n.lt(x, -1), tail, n.log1p(n.neg(ndtrNode(n.neg(x)))));
}

/** erfinv(x)/x from w = -log(1-x²). */
function erfinvRatio(w: Node): Node {
  return pieces(
    w,
    [6.25, 42.25],
    [
      (v) => chebyshev(n.max(v, 0), ERFINV_CENTRE, 0, 6.25),
      (v) => chebyshev(n.sqrt(v), ERFINV_TAIL, 2.5, 6.5),
      (v) => chebyshev(n.min(n.sqrt(v), 28), ERFINV_END, 6.5, 28),
    ],
  );
}

function erfinvNode(x: Node): Node {
  const w = n.neg(n.log(n.mul(n.sub(1, x), n.add(x, 1))));
  const value = n.mul(x, erfinvRatio(n.where(n.lt(w, 2000), w, 0)));
  const edge = n.eq(n.abs(x), 1);
  return n.where(edge, n.mul(x, Infinity), n.where(n.gt(n.abs(x), 1), Number.NaN, value));
}

// Φ⁻¹(p) = √2 erfinv(2p-1), and 1-(2p-1)² = 4p(1-p) keeps the digits of a small p.
function ndtriNode(p: Node): Node {
  const away = n.sub(n.mul(p, 2), 1);
  const w = n.neg(n.log(n.mul(n.mul(p, 4), n.sub(1, p))));
  const value = n.mul(n.mul(away, erfinvRatio(n.where(n.lt(w, 2000), w, 0))), Math.SQRT2);
  const edge = n.eq(n.abs(away), 1);
  const end = n.and(edge, n.or(n.eq(p, 0), n.eq(p, 1)));
  const outside = n.or(n.lt(p, 0), n.gt(p, 1));
  return n.where(end, n.mul(away, Infinity), n.where(outside, Number.NaN, value));
}

function entrNode(x: Node): Node {
  const value = n.neg(n.mul(x, n.log(n.where(n.gt(x, 0), x, 1))));
  const below = n.where(n.lt(x, 0), -Infinity, n.mul(x, 0));
  return n.where(n.ne(x, x), x, n.where(n.gt(x, 0), value, below));
}

function xlog1pyNode(x: Node, y: Node): Node {
  const none = n.and(n.eq(x, 0), n.eq(y, y));
  return n.mul(x, n.log1p(n.where(none, 0, y)));
}

const twoOverRootPi = 2 / Math.sqrt(Math.PI);

/**
 * 1 - erf(x), of the shape of x, with all its digits in the tail. Source: torch.erfc.
 *
 * @example
 * await erfc(tensor([5])).array(); // [1.537e-12]
 */
export const erfc = /* @__PURE__ */ ofTensor("erfc", erfcNode, (x) =>
  ofGauss(x, -1).mul(-twoOverRootPi),
);

/**
 * exp(x²)·erfc(x), of the shape of x, for large x too. Source: torch.special.erfcx.
 *
 * @example
 * await erfcx(tensor([100])).array(); // [0.005642], near 1/(x√π)
 */
export const erfcx = /* @__PURE__ */ ofTensor("erfcx", erfcxNode, (x, y) =>
  x.mul(y).mul(2).sub(twoOverRootPi),
);

/**
 * The inverse of erf, of the shape of x; ±infinity at ±1, NaN beyond. Source: torch.erfinv.
 *
 * @example
 * await erfinv(tensor([0.5])).array(); // [0.4769]
 */
export const erfinv = /* @__PURE__ */ ofTensor("erfinv", erfinvNode, (_, y) =>
  ofGauss(y, 1).mul(1 / twoOverRootPi),
);

/**
 * The distribution function of the normal distribution, of the shape of x. Source: torch.special.ndtr.
 *
 * @example
 * await ndtr(tensor([0, 1])).array(); // [0.5, 0.8413]
 */
export const ndtr = /* @__PURE__ */ ofTensor("ndtr", ndtrNode, (x) =>
  ofGauss(x, -0.5).mul(1 / Math.sqrt(2 * Math.PI)),
);

/**
 * The inverse of {@link ndtr}, of the shape of p; ±infinity at 0 and 1, NaN outside.
 * Source: torch.special.ndtri.
 *
 * @example
 * await ndtri(tensor([0.975])).array(); // [1.96]
 */
export const ndtri = /* @__PURE__ */ ofTensor("ndtri", ndtriNode, (_, y) =>
  ofGauss(y, 0.5).mul(Math.sqrt(2 * Math.PI)),
);

/**
 * log of {@link ndtr}, of the shape of x, far below 0 too. Source: torch.special.log_ndtr.
 *
 * @example
 * await logNdtr(tensor([-100])).array(); // [-5005.5]
 */
export const logNdtr: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "logNdtr",
  logNdtrNode,
  // √(2/π) exp(-x²/2) / (2Φ(x)), the quotient without its exponentials
  (x) =>
    erfcx(x.mul(-Math.SQRT1_2))
      .reciprocal()
      .mul(Math.sqrt(2 / Math.PI)),
);

/**
 * -x·log x, of the shape of x; 0 at 0, -infinity below. Source: torch.special.entr.
 *
 * @example
 * await entr(tensor([0.5])).array(); // [0.3466]
 */
export const entr = /* @__PURE__ */ ofTensor("entr", entrNode, (x) => x.log().add(1).neg());

/**
 * x·log(1+y), and 0 where x is 0, of the common shape. Source: torch.special.xlog1py.
 *
 * @example
 * await xlog1py(tensor([0, 1]), tensor([-1, 1])).array(); // [0, log 2]
 */
export const xlog1py: (x: Operand, y: Operand) => Tensor = /* @__PURE__ */ ofPair(
  "xlog1py",
  xlog1pyNode,
);

const ofGauss = (x: Tensor, factor: number): Tensor => apply(x, (v) => gauss(v, factor));
