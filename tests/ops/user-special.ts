// The rows of the user's table (user-table.ts) for anneal/special and anneal/fft. Values by others than our own
// reference are in tests/special and tests/fft.
import * as f from "../../src/fft/index.ts";
import type { Tensor } from "../../src/index.ts";
import * as special from "../../src/special/index.ts";
import type { UserOp } from "./user-table.ts";

type Row = Partial<UserOp>;
type Functions = Record<string, (x: Tensor, y: Tensor) => unknown>;

const rows = (arity: 1 | 2, functions: Functions, row: Row = {}): UserOp[] =>
  Object.entries(functions).map(([name, run]) => ({ name, arity, run, ...row }));

const smooth = { smooth: true };
// Near zeros of the function, and where a series cancels, a rounding counts for more.
const above: Row = { range: [0.2, 6], smooth: true, loose: 8 };
const waves: Row = { range: [-9, 9], smooth: true, loose: 8 };

export const specialOps: UserOp[] = [
  ...rows(1, {
    lgamma: special.lgamma,
    digamma: special.digamma,
    k0: special.k0,
    k0e: special.k0e,
    k1: special.k1,
    k1e: special.k1e,
    besselY0: special.besselY0,
    besselY1: special.besselY1,
    entr: special.entr,
    trigamma: (x) => special.polygamma(1, x),
    tetragamma: (x) => special.polygamma(3, x),
    mvlgamma: (x) => special.mvlgamma(x.add(1), 3),
  }, above),
  ...rows(1, {
    i0e: special.i0e,
    i1e: special.i1e,
    besselJ0: special.besselJ0,
    besselJ1: special.besselJ1,
    sphericalBesselJ0: special.sphericalBesselJ0,
    airyAi: special.airyAi,
    ndtr: special.ndtr,
    logNdtr: special.logNdtr,
  }, waves),
  ...rows(1, {
    i0: special.i0,
    i1: special.i1,
    "special erfc": special.erfc,
    erfcx: special.erfcx,
    laguerrePolynomialL: (x) => special.laguerrePolynomialL(x, 5),
    frexp: special.frexp,
  }, { smooth: true, loose: 8 }),
  ...rows(1, {
    legendrePolynomialP: (x) => special.legendrePolynomialP(x, 20),
  }, { range: [-0.9, 0.9], smooth: true, loose: 8 }),
  ...rows(1, { erfinv: special.erfinv }, { range: [-0.9, 0.9], smooth: true, loose: 4 }),
  ...rows(1, { ndtri: special.ndtri }, { range: [0.05, 0.95], smooth: true, loose: 4 }),
  ...rows(1, { signbit: special.signbit }),
]; // biome-ignore format: a table

export const specialPairs: UserOp[] = [
  ...rows(2, { hypot: special.hypot, "special copysign": special.copysign }, smooth),
  ...rows(2, { heaviside: special.heaviside, nextafter: special.nextafter }),
  ...rows(2, { ldexp: special.ldexp, floatPower: special.floatPower }, { range: [0.5, 4], loose: 8 }),
  ...rows(2, { xlog1py: special.xlog1py }, { range: [-0.8, 2], smooth: true, loose: 4 }),
  ...rows(2, { igamma: special.igamma, igammac: special.igammac }, { range: [0.2, 30], loose: 60 }),
  ...rows(2, { zeta: special.zeta }, { range: [1.5, 9], loose: 16 }),
  ...rows(2, { gcd: special.gcd, lcm: special.lcm }, { dtype: "int32" }),
  ...rows(2, { hermitePolynomialHe: (x, n) => special.hermitePolynomialHe(x, n, { maxDegree: 9 }) }, { range: [-1, 9], loose: 16 }),
]; // biome-ignore format: a table

const both = (re: Tensor, im: Tensor): f.Complex => f.complex(re, im);
// Sums over an axis or two; the largest elements are some ten times what the smallest are off by.
const sums = { smooth: true, loose: 16 };

export const fourierOps: UserOp[] = [
  ...rows(1, {
    fft: (x) => f.fft(x),
    "fft, longer": (x) => f.fft(x, { n: 100, axis: 0, norm: "ortho" }),
    "fft by a chirp": (x) => f.fft(x, { n: 67, norm: "forward" }),
    ifft: (x) => f.ifft(x),
    rfft: (x) => f.rfft(x),
    "rfft, longer": (x) => f.rfft(x, { n: 130 }),
    irfft: (x) => f.irfft(x, { n: 9 }),
    "irfft, longer": (x) => f.irfft(x, { n: 130 }),
    hfft: (x) => f.hfft(x, { n: 6 }),
    ihfft: (x) => f.ihfft(x),
    rfft2: (x) => f.rfft2(x),
    irfft2: (x) => f.irfft2(x, { s: [4, 9] }),
    fftshift: (x) => f.fftshift(x),
    ifftshift: (x) => f.ifftshift(x, -1),
    stft: (x) => f.stft(x, 6, { window: f.hannWindow(6, { dtype: x.dtype }), hopLength: 2 }),
    angle: (x) => f.angle(x),
  }, sums),
  ...rows(2, {
    fftn: (x, y) => f.fftn(both(x, y)),
    ifft2: (x, y) => f.ifft2(both(x, y), { s: [3, 8] }),
    hfftn: (x, y) => f.hfftn(both(x, y)),
    istft: (x, y) => f.istft(both(x, y), 8, { hopLength: 3 }),
    "complex mul": (x, y) => f.mul(both(x, y), both(y, x)),
    "complex div": (x, y) => f.div(x, both(x, y)),
    "complex abs": (x, y) => f.abs(both(x, y)),
    "complex angle": (x, y) => f.angle(both(x, y)),
    "complex exp": (x, y) => f.exp(both(x, y)),
    polar: (x, y) => f.polar(x, y),
    viewAsReal: (x, y) => f.viewAsReal(both(x, y)),
  }, sums),
]; // biome-ignore format: a table
