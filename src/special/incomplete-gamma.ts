// The regularised incomplete gamma functions P(a, x) and Q(a, x): the power series of P up to x = a, the
// continued fraction of Q beyond (DLMF 8.11.4, 8.9.2), the alternating series of Q for small x and a (8.7.3),
// and Temme's uniform expansion where a is large and x near it (8.12.3). All have as many terms as their
// dtype needs anywhere in their region. Not here: the gamma function (gamma.ts).

import { unary } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { customVjp } from "../tensor/custom-vjp.ts";
import * as n from "../tensor/ops/nodes.ts";
import type { Operand } from "../tensor/shape-types.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { erfcNode } from "./error-functions.ts";
import { lgamma, lgammaPositive } from "./gamma.ts";
import { chebyshev, floatPair, power } from "./series.ts";
import { SCALED_GAMMA, TEMME } from "./tables.ts";

/** How many terms each expansion has. `temme`: orders in 1/a, and powers of η. */
interface Terms {
  readonly series: number;
  readonly fraction: number;
  readonly alternating: number;
  readonly temme: readonly [number, number];
}
const terms32: Terms = { series: 40, fraction: 30, alternating: 13, temme: [4, 10] };
const terms64: Terms = { series: 84, fraction: 90, alternating: 22, temme: [11, 24] };

/** From which a on, and how near to it x is, for Temme's expansion. */
const largeA = 20;
const nearA = 0.4;

/** x^a e^-x / Γ(a+1). For a ≥ 1 the large parts of the exponent are taken together: with λ = x/a it is
 *  a(λ - 1 - log λ). */
function density(a: Node, x: Node): Node {
  const small = n.lt(a, 1);
  const low = n.where(small, a, 1);
  const plain = n.sub(n.sub(n.mul(low, n.log(x)), x), lgammaPositive(n.add(low, 1)));
  const high = n.where(small, 1, a);
  const inverse = unary("reciprocal", high);
  const correction = n.mul(inverse, chebyshev(inverse, SCALED_GAMMA, 0, 1));
  const root = n.sqrt(n.mul(high, 2 * Math.PI));
  const far = n.div(n.exp(n.neg(n.add(n.mul(high, spread(high, x)), correction))), root);
  return n.where(small, n.exp(plain), far);
}

/** λ - 1 - log λ for λ = x/a; near 1 by λ - 1, which is known better than λ. */
function spread(a: Node, x: Node): Node {
  const mu = n.div(n.sub(x, a), a);
  const near = n.lt(n.abs(mu), 0.5);
  const log = n.where(near, n.log1p(n.where(near, mu, 0)), n.log(n.div(x, a)));
  return n.max(n.sub(mu, log), 0);
}

/** P / density = 1 + x/(a+1)·(1 + x/(a+2)·(…)). */
function series(a: Node, x: Node, count: number): Node {
  let sum = n.add(n.mul(x, 0), 1);
  for (let k = count; k >= 1; k--) sum = n.add(n.mul(n.div(x, n.add(a, k)), sum), 1);
  return sum;
}

/** Q / density = a / (x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(…))), for x ≥ a. */
function fraction(a: Node, x: Node, count: number): Node {
  const base = n.sub(x, a);
  let below = n.add(base, 2 * count + 1);
  for (let k = count; k >= 1; k--) {
    below = n.sub(n.add(base, 2 * k - 1), n.div(n.mul(n.sub(k, a), k), below));
  }
  return n.div(a, below);
}

/** Q for small x and a < 1: 1 - x^a/Γ(a+1)·(1 + a Σ (-x)^k / (k!(a+k))). */
function alternating(a: Node, x: Node, count: number): Node {
  const exponent = n.sub(n.mul(a, n.log(x)), lgammaPositive(n.add(a, 1)));
  let sum = n.mul(x, 0);
  let factorial = 1;
  const parts: number[] = [];
  for (let k = 1; k <= count; k++) {
    factorial *= -k;
    parts.push(1 / factorial);
  }
  for (let k = count; k >= 1; k--) {
    sum = n.mul(x, n.add(sum, n.div(parts[k - 1]!, n.add(a, k))));
  }
  return n.sub(n.neg(n.expm1(exponent)), n.mul(n.mul(n.exp(exponent), a), sum));
}

/** P (sign -1) or Q (sign 1) near a large a: ½ erfc(±η√(a/2)) ± R, ½η² = λ - 1 - log λ. */
function temme(a: Node, x: Node, sign: 1 | -1, [orders, powers]: Terms["temme"]): Node {
  const half = spread(a, x);
  const size = n.sqrt(n.mul(half, 2));
  const eta = n.where(n.lt(x, a), n.neg(size), size);
  const inverse = unary("reciprocal", a);
  let sum = power(eta, TEMME[orders - 1]!.slice(0, powers));
  for (let k = orders - 2; k >= 0; k--) {
    sum = n.add(n.mul(sum, inverse), power(eta, TEMME[k]!.slice(0, powers)));
  }
  const scale = n.div(n.exp(n.neg(n.mul(a, half))), n.sqrt(n.mul(a, 2 * Math.PI)));
  const tail = n.mul(erfcNode(n.mul(n.mul(eta, n.sqrt(n.mul(a, 0.5))), sign)), 0.5);
  return n.add(tail, n.mul(n.mul(scale, sum), sign));
}

/** P (sign -1) or Q (sign 1) of finite a > 0, x > 0. */
function inside(a: Node, x: Node, sign: 1 | -1): Node {
  const terms = a.dtype === "float64" ? terms64 : terms32;
  const uniform = n.and(n.gt(a, largeA), n.lt(n.abs(n.sub(x, a)), n.mul(a, nearA)));
  const beyond = n.and(n.gt(x, a), n.gt(x, 1.1));
  const tiny = n.and(n.le(x, 1.1), n.lt(a, 1));
  const scale = density(a, x);
  const p = n.mul(scale, series(a, n.where(beyond, a, x), terms.series));
  const q = n.mul(scale, fraction(a, n.max(x, n.max(a, 1.1)), terms.fraction));
  const value =
    sign < 0
      ? n.where(beyond, n.sub(1, q), p)
      : n.where(beyond, q, n.where(tiny, small(a, x, terms), n.sub(1, p)));
  const largeOne = n.max(a, largeA);
  const near = n.max(n.mul(largeOne, 1 - nearA), n.min(x, n.mul(largeOne, 1 + nearA)));
  return n.where(uniform, temme(largeOne, near, sign, terms.temme), value);
}

function small(a: Node, x: Node, terms: Terms): Node {
  return alternating(n.min(a, 1), n.min(x, 1.1), terms.alternating);
}

/** `none`: the value at x = 0; `all`: at infinity. */
function incomplete(a: Node, x: Node, sign: 1 | -1): Node {
  const [none, all] = sign < 0 ? [0, 1] : [1, 0];
  const finite = (v: Node) => n.and(n.gt(v, 0), n.lt(v, Infinity));
  const both = n.and(finite(a), finite(x));
  const value = inside(n.where(both, a, 1), n.where(both, x, 1), sign);
  const atZero = n.where(n.eq(a, 0), Number.NaN, n.mul(a, 0));
  const atEnd = n.where(n.eq(a, Infinity), Number.NaN, n.mul(a, 0));
  let out = n.where(both, value, Number.NaN);
  out = n.where(n.and(n.eq(a, 0), n.gt(x, 0)), all, out);
  out = n.where(n.and(n.eq(a, Infinity), n.and(n.ge(x, 0), n.lt(x, Infinity))), none, out);
  out = n.where(n.and(n.eq(x, Infinity), n.ge(a, 0)), n.add(atEnd, all), out);
  return n.where(n.and(n.eq(x, 0), n.ge(a, 0)), n.add(atZero, none), out);
}

const P = /* @__PURE__ */ customVjp(
  (a: Tensor, x: Tensor) => wrap(incomplete(nodeOf(a), nodeOf(x), -1)),
  (g: Tensor, [a, x]) => [null, g.mul(slope(a, x))],
);

const Q = /* @__PURE__ */ customVjp(
  (a: Tensor, x: Tensor) => wrap(incomplete(nodeOf(a), nodeOf(x), 1)),
  (g: Tensor, [a, x]) => [null, g.mul(slope(a, x)).neg()],
);

/** ∂P/∂x = x^(a-1) e^-x / Γ(a). */
function slope(a: Tensor, x: Tensor): Tensor {
  return x.log().mul(a.sub(1)).sub(x).sub(lgamma(a)).exp();
}

/**
 * The regularised lower incomplete gamma function P(a, x), of the common shape; NaN where a or x is
 * negative. Source: torch.special.gammainc (torch.igamma). Its gradient flows to x alone.
 *
 * @example
 * await igamma(tensor([1]), tensor([2])).array(); // [1 - e^-2]
 */
export function igamma(a: Operand, x: Operand): Tensor {
  return P(...floatPair("igamma", a, x));
}

/**
 * The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x), with its digits where it is
 * small. Source: torch.special.gammaincc (torch.igammac). Its gradient flows to x alone.
 *
 * @example
 * await igammac(tensor([1]), tensor([2])).array(); // [e^-2]
 */
export function igammac(a: Operand, x: Operand): Tensor {
  return Q(...floatPair("igammac", a, x));
}
