// The modified Bessel functions I and K of orders 0 and 1, plain and scaled by exp(∓x): Chebyshev series
// over [0, 8] and beyond for I, over (0, 2] and beyond for K, the intervals of Cephes (S. Moshier).
// Derivatives are DLMF 10.29. Not here: J and Y (bessel.ts).

import type { Node } from "../ir/node.ts";
import { where } from "../tensor/ops/elementwise.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { chebyshev, ofTensor, pieces, same } from "./series.ts";
import { I0_FAR, I0_NEAR, I1_FAR, I1_NEAR, K0_FAR, K0_NEAR, K1_FAR, K1_NEAR } from "./tables.ts";

/** c(edge/x)/√x, the form of all four far out. */
function far(x: Node, c: readonly number[], edge: number): Node {
  return n.div(chebyshev(n.div(edge, x), c, 0, 1), n.sqrt(x));
}

/** value · exp(x), in two steps: the exponential alone may be too large. */
function timesExp(value: Node, x: Node): Node {
  const half = n.exp(n.mul(x, 0.5));
  return n.where(n.eq(x, Infinity), x, n.mul(n.mul(value, half), half));
}

/** exp(-x) I(x) for x ≥ 0. */
const i0Scaled = (x: Node): Node =>
  pieces(x, [8], [(y) => chebyshev(y, I0_NEAR, 0, 8), (y) => far(y, I0_FAR, 8)]);
const i1Scaled = (x: Node): Node =>
  pieces(x, [8], [(y) => n.mul(y, chebyshev(y, I1_NEAR, 0, 8)), (y) => far(y, I1_FAR, 8)]);

const oddly = (x: Node, value: Node): Node => n.where(n.lt(x, 0), n.neg(value), value);

/** K0 + log(x/2)·I0 and its like are even in x and smooth: K up to 2. */
function k0Near(x: Node): Node {
  const even = chebyshev(n.mul(x, x), K0_NEAR, 0, 4);
  return n.sub(even, n.mul(n.log(n.mul(x, 0.5)), timesExp(i0Scaled(x), x)));
}

function k1Near(x: Node): Node {
  const even = n.div(chebyshev(n.mul(x, x), K1_NEAR, 0, 4), x);
  return n.add(even, n.mul(n.log(n.mul(x, 0.5)), timesExp(i1Scaled(x), x)));
}

/** K of x > 0, with exp(x) or not; infinite at 0, NaN below. */
function kNode(x: Node, near: (x: Node) => Node, c: readonly number[], scaled: boolean): Node {
  const value = pieces(
    n.where(n.gt(x, 0), x, 1),
    [2],
    [
      (y) => (scaled ? n.mul(near(y), n.exp(y)) : near(y)),
      (y) => (scaled ? far(y, c, 2) : n.mul(n.exp(n.neg(y)), far(y, c, 2))),
    ],
  );
  return n.where(n.gt(x, 0), value, n.where(n.eq(x, 0), Infinity, same(x, Number.NaN)));
}

/**
 * The modified Bessel function of the first kind of order 0, of the shape of x.
 * Source: torch.special.i0 and torch.special.modified_bessel_i0.
 *
 * @example
 * await i0(tensor([1])).array(); // [1.2661]
 */
export const i0: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "i0",
  (x) => timesExp(i0Scaled(n.abs(x)), n.abs(x)),
  (x) => i1(x),
);

/**
 * exp(-|x|)·{@link i0}. Source: torch.special.i0e.
 *
 * @example
 * await i0e(tensor([100])).array(); // [0.03994]
 */
export const i0e: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "i0e",
  (x) => i0Scaled(n.abs(x)),
  (x, y) => i1e(x).sub(x.sign().mul(y)),
);

/**
 * The modified Bessel function of the first kind of order 1, of the shape of x.
 * Source: torch.special.i1 and torch.special.modified_bessel_i1.
 *
 * @example
 * await i1(tensor([1])).array(); // [0.5652]
 */
export const i1: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "i1",
  (x) => oddly(x, timesExp(i1Scaled(n.abs(x)), n.abs(x))),
  (x, y) => i0(x).sub(overX(y, x)),
);

/**
 * exp(-|x|)·{@link i1}. Source: torch.special.i1e.
 *
 * @example
 * await i1e(tensor([100])).array(); // [0.03974]
 */
export const i1e: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "i1e",
  (x) => oddly(x, i1Scaled(n.abs(x))),
  (x, y) => i0e(x).sub(x.sign().mul(y)).sub(overX(y, x)),
);

/** y/x, which is ½ at 0 for I1 and J1. */
export function overX(y: Tensor, x: Tensor): Tensor {
  const zero = x.eq(0);
  return where(zero, y.add(0.5), y.div(where(zero, 1, x)));
}

/**
 * The modified Bessel function of the second kind of order 0, of the shape of x; infinite at 0, NaN below.
 * Source: torch.special.modified_bessel_k0.
 *
 * @example
 * await k0(tensor([1])).array(); // [0.4210]
 */
export const k0: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "k0",
  (x) => kNode(x, k0Near, K0_FAR, false),
  (x) => k1(x).neg(),
);

/**
 * exp(x)·{@link k0}. Source: torch.special.scaled_modified_bessel_k0.
 *
 * @example
 * await k0e(tensor([100])).array(); // [0.1252]
 */
export const k0e: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "k0e",
  (x) => kNode(x, k0Near, K0_FAR, true),
  (x, y) => y.sub(k1e(x)),
);

/**
 * The modified Bessel function of the second kind of order 1, of the shape of x; infinite at 0, NaN below.
 * Source: torch.special.modified_bessel_k1.
 *
 * @example
 * await k1(tensor([1])).array(); // [0.6019]
 */
export const k1: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "k1",
  (x) => kNode(x, k1Near, K1_FAR, false),
  (x, y) => k0(x).add(y.div(x)).neg(),
);

/**
 * exp(x)·{@link k1}. Source: torch.special.scaled_modified_bessel_k1.
 *
 * @example
 * await k1e(tensor([100])).array(); // [0.1258]
 */
export const k1e: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "k1e",
  (x) => kNode(x, k1Near, K1_FAR, true),
  (x, y) => y.sub(y.div(x)).sub(k0e(x)),
);
