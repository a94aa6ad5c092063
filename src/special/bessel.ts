// The Bessel functions J and Y of orders 0 and 1, the spherical one of order 0, and the Airy function Ai.
// Up to 8 by Chebyshev series in x² (of J with its zeros taken out), beyond by Hankel's modulus and phase
// (DLMF 10.17.3, 9.7.9) with Chebyshev series for P and Q. Derivatives are DLMF 10.6.
// Not here: I and K (bessel-modified.ts).

import { unary } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { overX } from "./bessel-modified.ts";
import { chebyshev, ofTensor, pieces, power, same } from "./series.ts";
import {
  AIRY_ABOVE,
  AIRY_BELOW_P,
  AIRY_BELOW_Q,
  AIRY_NEAR,
  J0_NEAR,
  J1_NEAR,
  P0_FAR,
  P1_FAR,
  Q0_FAR,
  Q1_FAR,
  Y0_NEAR,
  Y1_NEAR,
} from "./tables.ts";

/** A zero of J in two parts, the first with the digits of a float32. */
type Zero = readonly [head: number, rest: number];
const zeros0: readonly Zero[] = [
  [2.404825448989868, 1.0870590460455913e-7],
  [5.520078182220459, -7.19341483347784e-8],
];
const zeros1: readonly Zero[] = [
  [3.8317060470581055, -7.685059315313556e-8],
  [7.015586853027344, -1.8321172499646294e-7],
];

/** Π (x²-z²) over the zeros. */
function zerosOut(x: Node, zeros: readonly Zero[]): Node {
  return zeros
    .map(([head, rest]) => n.mul(n.sub(n.sub(x, head), rest), n.add(n.add(x, head), rest)))
    .reduce((p, q) => n.mul(p, q));
}

const j0Near = (x: Node): Node =>
  n.mul(zerosOut(x, zeros0), chebyshev(n.mul(x, x), J0_NEAR, 0, 64));
const j1Near = (x: Node): Node =>
  n.mul(n.mul(x, zerosOut(x, zeros1)), chebyshev(n.mul(x, x), J1_NEAR, 0, 64));
const y0Near = (x: Node): Node => {
  const even = chebyshev(n.mul(x, x), Y0_NEAR, 0, 64);
  return n.add(even, n.mul(n.mul(n.log(x), j0Near(x)), 2 / Math.PI));
};
const y1Near = (x: Node): Node => {
  const even = n.mul(x, chebyshev(n.mul(x, x), Y1_NEAR, 0, 64));
  const pole = n.sub(n.mul(n.log(x), j1Near(x)), unary("reciprocal", x));
  return n.add(even, n.mul(pole, 2 / Math.PI));
};

/** √(2/πx)·(P·cos χ - Q·sin χ) for J, P·sin χ + Q·cos χ for Y, where χ = x - π/4 less a quarter turn for
 *  each order. The sine and cosine of χ come from those of x, so that x is not rounded first. */
function hankel(kind: "J" | "Y", order: 0 | 1): (x: Node) => Node {
  const [p, q] = order === 0 ? [P0_FAR, Q0_FAR] : [P1_FAR, Q1_FAR];
  return (y) => {
    const x = n.min(y, 1e30);
    const inverse = n.div(8, x);
    const square = n.mul(inverse, inverse);
    const P = chebyshev(square, p, 0, 1);
    const Q = n.mul(inverse, chebyshev(square, q, 0, 1));
    const [sin, cos] = [unary("sin", x), unary("cos", x)];
    const [sum, difference] = [n.add(sin, cos), n.sub(sin, cos)]; // over √2: cos, sin of x - π/4
    const cosine = order === 0 ? sum : difference;
    const sine = order === 0 ? difference : n.neg(sum);
    const wave =
      kind === "J"
        ? n.sub(n.mul(P, cosine), n.mul(Q, sine))
        : n.add(n.mul(P, sine), n.mul(Q, cosine));
    return n.where(n.eq(y, Infinity), 0, n.div(wave, n.sqrt(n.mul(x, Math.PI))));
  };
}

const j0Node = (x: Node): Node => pieces(n.abs(x), [8], [j0Near, hankel("J", 0)]);

function j1Node(x: Node): Node {
  const value = pieces(n.abs(x), [8], [j1Near, hankel("J", 1)]);
  return n.where(n.lt(x, 0), n.neg(value), value);
}

/** Y of x > 0; minus infinity at 0, NaN below. */
function yNode(x: Node, near: (x: Node) => Node, far: (x: Node) => Node): Node {
  const value = pieces(n.where(n.gt(x, 0), x, 1), [8], [near, far]);
  return n.where(n.gt(x, 0), value, n.where(n.eq(x, 0), -Infinity, same(x, Number.NaN)));
}

/** 1/(2k+1)! with alternating signs: sin x / x in x². */
const sincTerms = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800];

function sphericalJ0Node(x: Node): Node {
  const size = n.abs(x);
  const value = pieces(
    size,
    [0.5],
    [(y) => power(n.mul(y, y), sincTerms), (y) => n.div(unary("sin", n.min(y, 1e30)), y)],
  );
  return n.where(n.eq(size, Infinity), 0, value);
}

const airyEdge = (2 / 3) * 2 ** 1.5;
const airyZeta = (x: Node): Node => n.mul(n.mul(x, n.sqrt(x)), 2 / 3);

function airyAbove(x: Node): Node {
  const zeta = airyZeta(n.min(x, 1e20));
  const main = chebyshev(n.div(airyEdge, zeta), AIRY_ABOVE, 0, 1);
  const scale = n.mul(n.sqrt(n.sqrt(x)), 2 * Math.sqrt(Math.PI));
  return n.div(n.mul(n.exp(n.neg(zeta)), main), scale);
}

function airyBelow(x: Node): Node {
  const zeta = airyZeta(n.min(x, 1e20));
  const inverse = n.div(airyEdge, zeta);
  const square = n.mul(inverse, inverse);
  const P = chebyshev(square, AIRY_BELOW_P, 0, 1);
  const Q = n.mul(inverse, chebyshev(square, AIRY_BELOW_Q, 0, 1));
  const [sin, cos] = [unary("sin", zeta), unary("cos", zeta)];
  const wave = n.add(n.mul(P, n.add(sin, cos)), n.mul(Q, n.sub(sin, cos)));
  return n.div(wave, n.mul(n.sqrt(n.sqrt(x)), Math.sqrt(2 * Math.PI)));
}

const airyNode = (x: Node): Node =>
  pieces(
    x,
    [-2, 2],
    [(y) => airyBelow(n.neg(y)), (y) => chebyshev(y, AIRY_NEAR, -2, 2), airyAbove],
  );

/**
 * The Bessel function of the first kind of order 0, of the shape of x. Source: torch.special.bessel_j0.
 *
 * @example
 * await besselJ0(tensor([1])).array(); // [0.7652]
 */
export const besselJ0: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor("besselJ0", j0Node, (x) =>
  besselJ1(x).neg(),
);

/**
 * The Bessel function of the first kind of order 1, of the shape of x. Source: torch.special.bessel_j1.
 *
 * @example
 * await besselJ1(tensor([1])).array(); // [0.4401]
 */
export const besselJ1: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "besselJ1",
  j1Node,
  (x, y) => besselJ0(x).sub(overX(y, x)),
);

/**
 * The Bessel function of the second kind of order 0, of the shape of x; minus infinity at 0, NaN below.
 * Source: torch.special.bessel_y0.
 *
 * @example
 * await besselY0(tensor([1])).array(); // [0.08826]
 */
export const besselY0: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "besselY0",
  (x) => yNode(x, y0Near, hankel("Y", 0)),
  (x) => besselY1(x).neg(),
);

/**
 * The Bessel function of the second kind of order 1, of the shape of x; minus infinity at 0, NaN below.
 * Source: torch.special.bessel_y1.
 *
 * @example
 * await besselY1(tensor([1])).array(); // [-0.7812]
 */
export const besselY1: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "besselY1",
  (x) => yNode(x, y1Near, hankel("Y", 1)),
  (x, y) => besselY0(x).sub(y.div(x)),
);

/**
 * sin(x)/x, of the shape of x. Source: torch.special.spherical_bessel_j0.
 *
 * @example
 * await sphericalBesselJ0(tensor([0, 1])).array(); // [1, 0.8415]
 */
export const sphericalBesselJ0 = /* @__PURE__ */ ofTensor("sphericalBesselJ0", sphericalJ0Node);

/**
 * The Airy function Ai, of the shape of x. Source: torch.special.airy_ai.
 *
 * @example
 * await airyAi(tensor([0])).array(); // [0.3550]
 */
export const airyAi = /* @__PURE__ */ ofTensor("airyAi", airyNode);
