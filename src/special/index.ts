// anneal/special: special functions, orthogonal polynomials, and functions of the parts of numbers.
// Names only.

export {
  airyAi,
  besselJ0,
  besselJ1,
  besselY0,
  besselY1,
  sphericalBesselJ0,
} from "./bessel.ts";
export { i0, i0e, i1, i1e, k0, k0e, k1, k1e } from "./bessel-modified.ts";
export {
  entr,
  erfc,
  erfcx,
  erfinv,
  logNdtr,
  ndtr,
  ndtri,
  xlog1py,
} from "./error-functions.ts";
export {
  copysign,
  type Frexp,
  floatPower,
  frexp,
  heaviside,
  hypot,
  ldexp,
  nextafter,
  signbit,
} from "./floats.ts";
export { digamma, lgamma, mvlgamma, polygamma, zeta } from "./gamma.ts";
export { igamma, igammac } from "./incomplete-gamma.ts";
export { gcd, lcm } from "./integers.ts";
export {
  chebyshevPolynomialT,
  chebyshevPolynomialU,
  chebyshevPolynomialV,
  chebyshevPolynomialW,
  type DegreeOptions,
  hermitePolynomialH,
  hermitePolynomialHe,
  laguerrePolynomialL,
  legendrePolynomialP,
  type Polynomial,
  shiftedChebyshevPolynomialT,
  shiftedChebyshevPolynomialU,
  shiftedChebyshevPolynomialV,
  shiftedChebyshevPolynomialW,
} from "./polynomials.ts";
