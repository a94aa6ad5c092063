// The gamma function's family: lgamma, digamma, polygamma, zeta, mvlgamma. Near 1 and 2 by Chebyshev
// series of what is left when the zeros are taken out, from 8 on by Stirling's series (DLMF 5.11), below 0
// by reflection (DLMF 5.5); zeta by Euler and Maclaurin's sum (DLMF 25.11.7), as Cephes does.
// Not here: the incomplete gamma functions (incomplete-gamma.ts).

import { unary } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import { apply, argumentError, floatType, needTensor } from "../tensor/ops/common.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Operand } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { chebyshev, floatPair, ofTensor, pieces, power, same, toNearest } from "./series.ts";
import { DIGAMMA_FAR, DIGAMMA_NEAR, LGAMMA_FAR, LGAMMA_NEAR } from "./tables.ts";

/** B₂ₖ, k = 1 … 12. */
const bernoulli = [
  1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
  -174611 / 330, 854513 / 138, -236364091 / 2730,
]; // biome-ignore format: a table

const stirling = bernoulli.slice(0, 9).map((b, i) => b / ((2 * i + 2) * (2 * i + 1)));
const digammaTail = bernoulli.slice(0, 9).map((b, i) => b / (2 * i + 2));

/** log Γ of x ≥ 0. Between 0 and 1 it is that of x+1, less log x; x-1 is then known without rounding. */
export function lgammaPositive(x: Node): Node {
  const small = n.lt(x, 1);
  const up = n.where(small, n.add(x, 1), x);
  const over = n.where(small, x, n.sub(x, 1)); // up - 1
  const zeros = n.mul(over, n.sub(over, 1));
  const value = pieces(
    up,
    [3, 8],
    [
      (y) => n.mul(zeros, chebyshev(n.max(y, 1), LGAMMA_NEAR, 1, 3)),
      (y) => n.mul(zeros, chebyshev(y, LGAMMA_FAR, 3, 8)),
      (y) => {
        const inverse = unary("reciprocal", y);
        const rest = n.mul(inverse, power(n.mul(inverse, inverse), stirling));
        const main = n.mul(n.sub(y, 0.5), n.sub(n.log(y), 1)); // infinite, not NaN, at infinity
        return n.add(main, n.add(rest, (Math.log(2 * Math.PI) - 1) / 2));
      },
    ],
  );
  return n.sub(value, n.where(small, n.log(x), 0));
}

// Γ(x)·Γ(1-x) = π / sin πx.
function lgammaNode(x: Node): Node {
  const below = n.lt(x, 0);
  const value = lgammaPositive(n.where(below, n.sub(1, x), x));
  const sine = n.abs(unary("sin", n.mul(toNearest(x), Math.PI)));
  const mirrored = n.sub(n.sub(Math.log(Math.PI), n.log(sine)), value);
  return n.where(n.eq(x, -Infinity), Infinity, n.where(below, mirrored, value));
}

/** Where digamma is 0, in two parts: the first has the digits of a float32. */
const digammaZero = [1.4616321325302124, 1.243814993891891e-8] as const;

function digammaPositive(x: Node): Node {
  const small = n.lt(x, 1);
  const value = pieces(
    n.where(small, n.add(x, 1), x),
    [3, 8],
    [
      (y) => {
        const away = n.sub(n.sub(y, digammaZero[0]), digammaZero[1]);
        return n.mul(away, chebyshev(n.max(y, 1), DIGAMMA_NEAR, 1, 3));
      },
      (y) => chebyshev(y, DIGAMMA_FAR, 3, 8),
      (y) => {
        const inverse = unary("reciprocal", y);
        const square = n.mul(inverse, inverse);
        const rest = n.add(n.mul(inverse, 0.5), n.mul(square, power(square, digammaTail)));
        return n.sub(n.log(y), rest);
      },
    ],
  );
  return n.sub(value, n.where(small, unary("reciprocal", x), 0));
}

// ψ(1-x) - ψ(x) = π / tan πx.
function digammaNode(x: Node): Node {
  const below = n.lt(x, 0);
  const value = digammaPositive(n.where(below, n.sub(1, x), x));
  const near = toNearest(x);
  const turn = n.mul(near, Math.PI);
  const cotangent = n.div(unary("cos", turn), unary("sin", turn));
  const mirrored = n.sub(value, n.mul(cotangent, Math.PI));
  return n.where(below, n.where(n.eq(near, 0), Number.NaN, mirrored), value);
}

/**
 * log |Γ(x)|, of the shape of x; infinite at 0, -1, -2, …
 * Source: torch.lgamma; methods at the head of this file. Its gradient is {@link digamma}.
 *
 * @example
 * await lgamma(tensor([5])).array(); // [log 24]
 */
export const lgamma = /* @__PURE__ */ ofTensor("lgamma", lgammaNode, (x) => digamma(x));

/**
 * The derivative of {@link lgamma}; as PyTorch's, infinite at 0 (with the other sign) and NaN at -1, -2, …
 * Source: torch.digamma.
 *
 * @example
 * await digamma(tensor([1])).array(); // [-0.5772…], minus Euler's constant
 */
export const digamma: (x: Tensor) => Tensor = /* @__PURE__ */ ofTensor(
  "digamma",
  digammaNode,
  (x) => polygamma(1, x),
);

/** How many terms are added up before the tail, and how many of the tail's. */
const zetaTerms = { float32: [6, 5], float64: [10, 12] } as const;

/** Σ (q+k)^-s for k ≥ 0, q > 0, s > 1. */
function zetaPositive(s: Node, q: Node): Node {
  const [count, tail] = zetaTerms[q.dtype === "float64" ? "float64" : "float32"];
  const minus = n.neg(s);
  let sum = n.pow(q, minus);
  for (let k = 1; k < count; k++) sum = n.add(sum, n.pow(n.add(q, k), minus));
  const a = n.add(q, count);
  const edge = n.pow(a, minus);
  sum = n.add(sum, n.mul(edge, n.add(n.div(a, n.sub(s, 1)), 0.5)));
  // B₂ⱼ/(2j)! · s(s+1)…(s+2j-2) · a^-(s+2j-1)
  let term = n.div(n.mul(edge, s), a);
  let factorial = 2;
  for (let j = 1; j <= tail; j++) {
    sum = n.add(sum, n.mul(term, bernoulli[j - 1]! / factorial));
    const next = n.mul(n.div(n.add(s, 2 * j - 1), a), n.div(n.add(s, 2 * j), a));
    term = n.mul(term, next);
    factorial *= (2 * j + 1) * (2 * j + 2);
  }
  return sum;
}

// For whole s the sum goes on below 0: Σ over q+k < 0 is that over u, u+1, …, |q|.
function zetaWhole(s: Node, q: Node, sign: Node | number): Node {
  const below = n.lt(q, 0);
  const steps = n.add(unary("floor", n.neg(q)), 1);
  const first = n.where(below, n.add(q, steps), q); // the least positive q+k
  const last = n.where(below, n.sub(1, first), 1); // the least |q+k| of the negative ones
  const beyond = n.where(below, n.sub(1, q), 2);
  const negative = n.sub(zetaPositive(s, last), zetaPositive(s, beyond));
  const sum = n.add(zetaPositive(s, first), n.where(below, n.mul(negative, sign), 0));
  const pole = n.and(n.le(q, 0), n.eq(toNearest(q), 0));
  return n.where(pole, Infinity, n.where(n.eq(q, Infinity), 0, sum));
}

function zetaNode(s: Node, q: Node): Node {
  const half = n.mul(s, 0.5);
  const sign = n.where(n.eq(toNearest(half), 0), 1, same(s, -1));
  const value = zetaWhole(s, q, sign);
  const broken = n.and(n.lt(q, 0), n.ne(toNearest(s), 0));
  const pole = n.and(n.le(q, 0), n.eq(toNearest(q), 0));
  const inside = n.where(n.and(broken, n.not(pole)), Number.NaN, value);
  return n.where(n.gt(s, 1), inside, n.where(n.eq(s, 1), Infinity, same(s, Number.NaN)));
}

/**
 * The Hurwitz zeta function Σ (q+k)^-s over k ≥ 0, of the common shape of s and q. As PyTorch's:
 * infinite for s = 1 and where q is 0, -1, …; NaN for s < 1 and where q is negative and s not whole.
 * Source: torch.special.zeta. Its gradient flows to q alone, as -s·zeta(s+1, q).
 *
 * @example
 * await zeta(2, tensor([1])).array(); // [π²/6]
 */
export function zeta(s: Operand, q: Operand): Tensor {
  return zetaOf(...floatPair("zeta", s, q));
}

const zetaOf = /* @__PURE__ */ customVjp(
  (s: Tensor, q: Tensor) => wrap(zetaNode(nodeOf(s), nodeOf(q))),
  (g: Tensor, [s, q]) => [
    null,
    g
      .mul(zeta(s.add(1), q))
      .mul(s)
      .neg(),
  ],
);

/**
 * The derivative of order `order` of {@link digamma}, of the shape of x: (-1)^(k+1) k! zeta(k+1, x).
 * Source: torch.polygamma.
 *
 * @throws ArgumentError where the order is not whole or is negative.
 *
 * @example
 * await polygamma(1, tensor([1])).array(); // [π²/6]
 */
export function polygamma(order: number, x: Tensor): Tensor {
  if (!Number.isInteger(order) || order < 0) {
    throw argumentError("polygamma", `the order must be whole and not negative, got ${order}`);
  }
  needTensor("polygamma", x);
  return order === 0 ? digamma(x) : polygammaOf(order, x.to(floatType(x.dtype)));
}

const polygammaOf = /* @__PURE__ */ customVjp(
  (order: number, x: Tensor) =>
    apply(x, (q) => {
      const sign = order % 2 === 0 ? -1 : 1; // (-1)^(k+1), which is (-1)^s too
      return n.mul(zetaWhole(same(q, order + 1), q, sign), sign * factorialOf(order));
    }),
  (g: Tensor, [order, x]) => [null, g.mul(polygamma(order + 1, x))],
);

function factorialOf(k: number): number {
  return k < 2 ? 1 : k * factorialOf(k - 1);
}

/**
 * The logarithm of the multivariate gamma function of dimension p, of the shape of x:
 * p(p-1)/4 · log π + Σ lgamma(x - j/2) over j < p. Source: torch.mvlgamma.
 *
 * @throws ArgumentError where p is no whole number ≥ 1.
 *
 * @example
 * mvlgamma(tensor([3.5]), 2);
 */
export function mvlgamma(x: Tensor, p: number): Tensor {
  if (!Number.isInteger(p) || p < 1) {
    throw argumentError("mvlgamma", `p must be a whole number from 1 on, got ${p}`);
  }
  let sum = lgamma(x).add((p * (p - 1) * Math.log(Math.PI)) / 4);
  for (let j = 1; j < p; j++) sum = sum.add(lgamma(x.sub(j / 2)));
  return sum;
}
