// The adapters of PyTorch's special functions, polynomials and functions of the parts of numbers.
import * as special from "../../src/special/index.ts";
import { logspace } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a case holds is known only to its op
type Any = any;
type Adapter = (x: Tensor, a: Any[], k: Any) => unknown;

/** Functions of tensors in PyTorch's order. */
const plain =
  (f: (...args: Any[]) => unknown): Adapter =>
  (x, a) =>
    f(x, ...a);

const named = (prefix: string, functions: Record<string, (...args: Any[]) => unknown>) =>
  Object.fromEntries(Object.entries(functions).map(([name, f]) => [prefix + name, plain(f)]));

const polynomials: Record<string, Adapter> = Object.fromEntries(
  Object.entries(special)
    .filter(([name]) => name.includes("Polynomial"))
    .map(([name, f]) => [`special.${snake(name)}`, plain(f as (...args: Any[]) => unknown)]),
);

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

/** Both PyTorch's orders: polygamma(n, x) and x.polygamma(n). */
const polygamma: Adapter = (x, a) => special.polygamma(a[0], x);

export const specialFunctions: Record<string, Adapter> = {
  ...polynomials,
  ...named("", {
    copysign: special.copysign,
    digamma: special.digamma,
    erfinv: special.erfinv,
    float_power: special.floatPower,
    gcd: special.gcd,
    heaviside: special.heaviside,
    hypot: special.hypot,
    i0: special.i0,
    igamma: special.igamma,
    igammac: special.igammac,
    lcm: special.lcm,
    ldexp: special.ldexp,
    lgamma: special.lgamma,
    mvlgamma: special.mvlgamma,
    nextafter: special.nextafter,
    sgn: (x: Tensor) => x.sign(),
    signbit: special.signbit,
  }),
  ...named("special.", {
    airy_ai: special.airyAi,
    bessel_j0: special.besselJ0,
    bessel_j1: special.besselJ1,
    bessel_y0: special.besselY0,
    bessel_y1: special.besselY1,
    entr: special.entr,
    erfcx: special.erfcx,
    i0e: special.i0e,
    i1: special.i1,
    i1e: special.i1e,
    log_ndtr: special.logNdtr,
    modified_bessel_i0: special.i0,
    modified_bessel_i1: special.i1,
    modified_bessel_k0: special.k0,
    modified_bessel_k1: special.k1,
    ndtr: special.ndtr,
    ndtri: special.ndtri,
    scaled_modified_bessel_k0: special.k0e,
    scaled_modified_bessel_k1: special.k1e,
    spherical_bessel_j0: special.sphericalBesselJ0,
    xlog1py: special.xlog1py,
    zeta: special.zeta,
  }),
  polygamma,
  "special.polygamma": polygamma,
  frexp: (x) => {
    const { mantissa, exponent } = special.frexp(x);
    return [mantissa, exponent];
  },
  logspace: (x, a, k) => logspace(x as Any, a[0], a[1], { base: a[2], dtype: k.dtype?.dtype }),
};
