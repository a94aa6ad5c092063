// What is known of each function of one tensor in anneal/special: where it is asked for its gradient, its
// values at the corners (PyTorch's), and how many units in the last place it may be off.
import * as special from "../../src/special/index.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

export interface Row {
  readonly f: (x: Tensor) => Tensor;
  /** Points with a derivative. */
  readonly smooth: readonly number[];
  /** Pairs of an argument and what PyTorch gives for it. */
  readonly corners: readonly (readonly [number, number])[];
  /** Units in the last place of values.json's results; beside them `near` of 1, for values near zeros. */
  readonly ulps?: number;
  readonly near?: number;
}

const { Infinity: inf, NaN: nan } = globalThis;
const odd = [-6.2, -1.3, -0.4, 0.3, 0.9, 2.4, 9.5];
const above = [0.2, 0.8, 1.7, 2.4, 5.5, 9.5];
const inside = [-0.95, -0.4, 0.01, 0.3, 0.9];
const gammas = [-3.4, -0.6, 0.3, 0.9, 1.7, 4.4, 12.5];

const polygamma = (k: number): Row => ({
  f: (x) => special.polygamma(k, x),
  smooth: gammas,
  corners: [[nan, nan], [inf, 0]],
  near: 60,
}); // biome-ignore format: a table

export const rows: Readonly<Record<string, Row>> = {
  lgamma: {
    f: special.lgamma,
    smooth: gammas,
    corners: [[nan, nan], [inf, inf], [-inf, inf], [0, inf], [-0, inf], [-2, inf], [1, 0], [2, 0]],
    near: 8,
  },
  digamma: {
    f: special.digamma,
    smooth: gammas,
    corners: [[nan, nan], [inf, inf], [0, -inf], [-0, inf], [-1, nan], [-inf, nan]],
    near: 4,
  },
  "polygamma 1": polygamma(1),
  "polygamma 2": polygamma(2),
  "polygamma 3": polygamma(3),
  "polygamma 4": polygamma(4),
  erfc: { f: special.erfc, smooth: odd, corners: [[nan, nan], [inf, 0], [-inf, 2], [0, 1]] },
  erfcx: {
    f: special.erfcx,
    smooth: [-3, -0.4, 0.3, 1.5, 4],
    corners: [[nan, nan], [inf, 0], [-inf, inf], [0, 1]],
    ulps: 4,
  },
  erfinv: {
    f: special.erfinv,
    smooth: inside,
    corners: [[nan, nan], [1, inf], [-1, -inf], [1.5, nan], [-1.5, nan], [0, 0]],
  },
  ndtr: { f: special.ndtr, smooth: odd, corners: [[nan, nan], [inf, 1], [-inf, 0], [0, 0.5]] },
  ndtri: {
    f: special.ndtri,
    smooth: [0.01, 0.2, 0.5, 0.7, 0.99],
    corners: [[nan, nan], [0, -inf], [1, inf], [-0.1, nan], [1.1, nan], [0.5, 0]],
  },
  logNdtr: {
    f: special.logNdtr,
    smooth: [-40, -5, -0.8, 0.4, 3],
    corners: [[nan, nan], [inf, 0], [-inf, -inf]],
  },
  i0: { f: special.i0, smooth: odd, corners: [[nan, nan], [inf, inf], [-inf, inf], [0, 1]], ulps: 6 },
  i0e: { f: special.i0e, smooth: odd, corners: [[nan, nan], [inf, 0], [0, 1]], ulps: 4 },
  i1: { f: special.i1, smooth: odd, corners: [[nan, nan], [inf, inf], [-inf, -inf], [0, 0]], ulps: 6 },
  i1e: { f: special.i1e, smooth: odd, corners: [[nan, nan], [inf, 0], [0, 0]], ulps: 6 },
  k0: { f: special.k0, smooth: above, corners: [[nan, nan], [0, inf], [-1, nan]], ulps: 6 },
  k0e: { f: special.k0e, smooth: above, corners: [[nan, nan], [0, inf], [-1, nan]], ulps: 6 },
  k1: { f: special.k1, smooth: above, corners: [[nan, nan], [0, inf], [-1, nan]], ulps: 4 },
  k1e: { f: special.k1e, smooth: above, corners: [[nan, nan], [0, inf], [-1, nan]], ulps: 4 },
  besselJ0: { f: special.besselJ0, smooth: odd, corners: [[nan, nan], [0, 1]], near: 4 },
  besselJ1: { f: special.besselJ1, smooth: odd, corners: [[nan, nan], [0, 0]], near: 4 },
  besselY0: { f: special.besselY0, smooth: above, corners: [[0, -inf], [-1, nan]], near: 4 },
  besselY1: { f: special.besselY1, smooth: above, corners: [[0, -inf], [-1, nan]], ulps: 8, near: 4 },
  sphericalBesselJ0: {
    f: special.sphericalBesselJ0,
    smooth: odd,
    corners: [[nan, nan], [inf, 0], [0, 1]],
  },
  airyAi: { f: special.airyAi, smooth: [-6.5, -1.2, 0.4, 1.5, 4], corners: [[nan, nan]], near: 4 },
  entr: {
    f: special.entr,
    smooth: above,
    corners: [[nan, nan], [0, 0], [-1, -inf], [inf, -inf]],
  },
}; // biome-ignore format: a table
