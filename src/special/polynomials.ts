// Orthogonal polynomials: each family is a line of a table (its second member and its three-term
// recurrence, DLMF 18.9), and one walk over the degrees serves them all. Their gradients are those of the
// walk. Not here: any closed form.

import { constant, unary } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { argumentError, floatType, pairOf, resultType } from "../tensor/ops/common.ts";
import * as n from "../tensor/ops/nodes.ts";
import { scan } from "../tensor/scan.ts";
import type { Operand } from "../tensor/shape-types.ts";
import { Tensor } from "../tensor/tensor.ts";
import { same } from "./series.ts";

/** p₀ = 1, p₁ = first(x), pₖ₊₁ = next(x, k, pₖ, pₖ₋₁). */
interface Family {
  readonly first: (x: Node) => Node;
  readonly next: (x: Node, k: Node, p: Node, before: Node) => Node;
}

export interface DegreeOptions {
  /** Where the degrees are a tensor: the highest one it may hold (64); beyond it results are NaN. */
  maxDegree?: number | undefined;
}

/** A family of polynomials: of x, and of a degree or one for each element. */
export type Polynomial = (x: Operand, degree: Operand, options?: DegreeOptions) => Tensor;

/** Degrees up to here, given as a number, are written out; higher ones are a loop. */
const writtenOut = 16;

const twice = (x: Node): Node => n.add(x, x);
const odd = (k: Node): Node => n.add(twice(k), 1);
const chebyshevNext: Family["next"] = (x, _, p, before) => n.sub(n.mul(twice(x), p), before);

const families = {
  chebyshevT: { first: (x) => x, next: chebyshevNext },
  chebyshevU: { first: twice, next: chebyshevNext },
  chebyshevV: { first: (x) => n.sub(twice(x), 1), next: chebyshevNext },
  chebyshevW: { first: (x) => n.add(twice(x), 1), next: chebyshevNext },
  hermiteH: { first: twice, next: (x, k, p, b) => twice(n.sub(n.mul(x, p), n.mul(k, b))) },
  hermiteHe: { first: (x) => x, next: (x, k, p, b) => n.sub(n.mul(x, p), n.mul(k, b)) },
  laguerreL: {
    first: (x) => n.sub(1, x),
    next: (x, k, p, b) => n.div(n.sub(n.mul(n.sub(odd(k), x), p), n.mul(k, b)), n.add(k, 1)),
  },
  legendreP: {
    first: (x) => x,
    next: (x, k, p, b) => n.div(n.sub(n.mul(n.mul(odd(k), x), p), n.mul(k, b)), n.add(k, 1)),
  },
} satisfies Record<string, Family>;

/** One degree for all elements. */
function ofDegree({ first, next }: Family, x: Node, degree: number): Node {
  if (degree <= 0) return same(x, degree === 0 ? 1 : 0);
  let [before, p] = [same(x, 1), first(x)];
  for (let k = 1; k < degree; k++) {
    [before, p] = [p, next(x, constant(k, x.dtype), p, before)];
  }
  return p;
}

/** A degree an element: each goes on until its degree is reached, and stays. */
function ofDegrees({ first, next }: Family, x: Node, degree: Node, most: number): Node {
  const [value, degrees] = [wrap(x), wrap(degree)];
  const start = [wrap(first(x)), wrap(same(x, 1))] as const;
  const [[p]] = scan(
    ([now, before]: readonly [Tensor, Tensor], _: null, t: Tensor) => {
      const k = n.add(nodeOf(t.to(x.dtype)), 1);
      const [pn, bn] = [nodeOf(now), nodeOf(before)];
      const goesOn = n.lt(k, nodeOf(degrees));
      const after = n.where(goesOn, next(nodeOf(value), k, pn, bn), pn);
      return [[wrap(after), wrap(n.where(goesOn, pn, bn))] as const, null];
    },
    start,
    null,
    { length: Math.max(most - 1, 0) },
  );
  const low = n.where(n.eq(degree, 0), 1, same(x, 0));
  const known = n.where(n.gt(degree, most), Number.NaN, nodeOf(p));
  return n.where(n.le(degree, 0), low, known);
}

function polynomial(op: string, family: Family, shifted = false): Polynomial {
  return (x, degree, { maxDegree = 64 } = {}) => {
    if (!Number.isInteger(maxDegree) || maxDegree < 0) {
      throw argumentError(op, `maxDegree must be whole and not negative, got ${maxDegree}`);
    }
    const tensors = degree instanceof Tensor;
    const dtype = floatType(tensors ? resultType(x, degree) : resultType(x));
    const [given, raw] = pairOf(op, x, degree, dtype);
    const at = shifted ? n.sub(twice(given), 1) : given;
    if (!tensors && Number(degree) <= writtenOut) {
      return wrap(ofDegree(family, at, Math.trunc(Number(degree))));
    }
    const most = tensors ? maxDegree : Math.trunc(Number(degree));
    return wrap(ofDegrees(family, at, unary("trunc", raw), most));
  };
}

/**
 * Chebyshev's polynomial of the first kind, cos(n·arccos x), of the common shape of x and the degrees;
 * degrees are truncated to whole numbers, and below 0 the polynomial is 0.
 * Source: torch.special.chebyshev_polynomial_t.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await chebyshevPolynomialT(tensor([0.5]), 2).array(); // [-0.5], which is 2x² - 1
 */
export const chebyshevPolynomialT: Polynomial = /* @__PURE__ */ polynomial(
  "chebyshevPolynomialT",
  families.chebyshevT,
);

/**
 * Chebyshev's polynomial of the second kind.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.chebyshev_polynomial_u.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await chebyshevPolynomialU(tensor([0.5]), 2).array(); // [0], which is 4x² - 1
 */
export const chebyshevPolynomialU: Polynomial = /* @__PURE__ */ polynomial(
  "chebyshevPolynomialU",
  families.chebyshevU,
);

/**
 * Chebyshev's polynomial of the third kind.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.chebyshev_polynomial_v.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await chebyshevPolynomialV(tensor([0.5]), 2).array(); // [-1], which is 4x² - 2x - 1
 */
export const chebyshevPolynomialV: Polynomial = /* @__PURE__ */ polynomial(
  "chebyshevPolynomialV",
  families.chebyshevV,
);

/**
 * Chebyshev's polynomial of the fourth kind.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.chebyshev_polynomial_w.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await chebyshevPolynomialW(tensor([0.5]), 2).array(); // [1], which is 4x² + 2x - 1
 */
export const chebyshevPolynomialW: Polynomial = /* @__PURE__ */ polynomial(
  "chebyshevPolynomialW",
  families.chebyshevW,
);

/**
 * Chebyshev's polynomial of the first kind of 2x - 1; arguments as for {@link chebyshevPolynomialT}.
 * Source: torch.special.shifted_chebyshev_polynomial_t.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await shiftedChebyshevPolynomialT(tensor([0.5]), 2).array(); // [-1]
 */
export const shiftedChebyshevPolynomialT: Polynomial = /* @__PURE__ */ polynomial(
  "shiftedChebyshevPolynomialT",
  families.chebyshevT,
  true,
);

/**
 * Chebyshev's polynomial of the second kind of 2x - 1.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.shifted_chebyshev_polynomial_u.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await shiftedChebyshevPolynomialU(tensor([0.5]), 2).array(); // [-1]
 */
export const shiftedChebyshevPolynomialU: Polynomial = /* @__PURE__ */ polynomial(
  "shiftedChebyshevPolynomialU",
  families.chebyshevU,
  true,
);

/**
 * Chebyshev's polynomial of the third kind of 2x - 1.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.shifted_chebyshev_polynomial_v.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await shiftedChebyshevPolynomialV(tensor([0.5]), 2).array(); // [-1]
 */
export const shiftedChebyshevPolynomialV: Polynomial = /* @__PURE__ */ polynomial(
  "shiftedChebyshevPolynomialV",
  families.chebyshevV,
  true,
);

/**
 * Chebyshev's polynomial of the fourth kind of 2x - 1.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.shifted_chebyshev_polynomial_w.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await shiftedChebyshevPolynomialW(tensor([0.5]), 2).array(); // [-1]
 */
export const shiftedChebyshevPolynomialW: Polynomial = /* @__PURE__ */ polynomial(
  "shiftedChebyshevPolynomialW",
  families.chebyshevW,
  true,
);

/**
 * Hermite's polynomial, the physicists'.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.hermite_polynomial_h.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await hermitePolynomialH(tensor([0.5]), 2).array(); // [-1], which is 4x² - 2
 */
export const hermitePolynomialH: Polynomial = /* @__PURE__ */ polynomial(
  "hermitePolynomialH",
  families.hermiteH,
);

/**
 * Hermite's polynomial, the probabilists'.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.hermite_polynomial_he.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await hermitePolynomialHe(tensor([0.5]), 2).array(); // [-0.75], which is x² - 1
 */
export const hermitePolynomialHe: Polynomial = /* @__PURE__ */ polynomial(
  "hermitePolynomialHe",
  families.hermiteHe,
);

/**
 * Laguerre's polynomial.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.laguerre_polynomial_l.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await laguerrePolynomialL(tensor([0.5]), 2).array(); // [0.125], which is x²/2 - 2x + 1
 */
export const laguerrePolynomialL: Polynomial = /* @__PURE__ */ polynomial(
  "laguerrePolynomialL",
  families.laguerreL,
);

/**
 * Legendre's polynomial.
 * Shapes and degrees are as for {@link chebyshevPolynomialT}.
 * Source: torch.special.legendre_polynomial_p.
 *
 * @throws ArgumentError where maxDegree is no whole number.
 *
 * @example
 * await legendrePolynomialP(tensor([0.5]), 2).array(); // [-0.125], which is (3x² - 1)/2
 */
export const legendrePolynomialP: Polynomial = /* @__PURE__ */ polynomial(
  "legendrePolynomialP",
  families.legendreP,
);
