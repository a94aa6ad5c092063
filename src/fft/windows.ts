// Window functions: the weights of the samples of a frame before its Fourier transform. A periodic window
// (for spectra) is a symmetric one (for filters) of one more sample, without its last.
// Source: torch.hann_window and torch.signal.windows. Not here: frames (stft.ts).

import { type TensorOptions, tensor } from "../tensor/create.ts";
import { argumentError } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface WindowOptions extends TensorOptions {
  /** Whether the window goes on after its last sample with its first (true). */
  periodic?: boolean | undefined;
}

/** The window of `f`, which takes a place from 0 to 1, its two ends. */
function windowOf(
  op: string,
  length: number,
  { periodic = true, ...options }: WindowOptions,
  f: (t: number, places: number) => number,
): Tensor {
  if (!Number.isInteger(length) || length < 0) {
    throw argumentError(op, `the length must be whole and not negative, got ${length}`);
  }
  const places = length + (periodic ? 1 : 0);
  const at = (i: number) => (length === 1 ? 1 : f(i / (places - 1), places));
  return tensor(
    Float64Array.from({ length }, (_, i) => at(i)),
    { dtype: "float32", ...options },
  );
}

/** Σ (-1)^k a(k) cos(2πkt). */
const cosines =
  (...a: readonly number[]) =>
  (t: number) =>
    a.reduce((sum, v, k) => sum + (k % 2 === 0 ? v : -v) * Math.cos(2 * Math.PI * k * t), 0);

/**
 * Hann's window, ½ - ½ cos 2πt, (length).
 *
 * @throws ArgumentError where the length is no whole number.
 *
 * @example
 * await hannWindow(4).array(); // [0, 0.5, 1, 0.5]
 */
export function hannWindow(length: number, options: WindowOptions = {}): Tensor {
  return windowOf("hannWindow", length, options, cosines(0.5, 0.5));
}

/** Hamming's window, alpha - beta·cos 2πt (0.54 and 0.46), (length). */
export function hammingWindow(
  length: number,
  options: WindowOptions & { alpha?: number; beta?: number } = {},
): Tensor {
  const { alpha = 0.54, beta = 0.46, ...rest } = options;
  return windowOf("hammingWindow", length, rest, cosines(alpha, beta));
}

/** Blackman's window, 0.42 - ½ cos 2πt + 0.08 cos 4πt, (length). */
export function blackmanWindow(length: number, options: WindowOptions = {}): Tensor {
  return windowOf("blackmanWindow", length, options, cosines(0.42, 0.5, 0.08));
}

/** Bartlett's window, a triangle that is 0 at its ends, (length). */
export function bartlettWindow(length: number, options: WindowOptions = {}): Tensor {
  return windowOf("bartlettWindow", length, options, (t) => 1 - Math.abs(2 * t - 1));
}

/** Half a period of a sine that would be 0 half a sample outside, (length). */
export function cosineWindow(length: number, options: WindowOptions = {}): Tensor {
  return windowOf("cosineWindow", length, options, (t, places) =>
    Math.sin((Math.PI * (t * (places - 1) + 0.5)) / places),
  );
}

/** A Gaussian of `std` samples (1), (length). */
export function gaussianWindow(
  length: number,
  options: WindowOptions & { std?: number } = {},
): Tensor {
  const { std = 1, ...rest } = options;
  return windowOf("gaussianWindow", length, rest, (t, places) => {
    const away = ((t - 0.5) * (places - 1)) / std;
    return Math.exp(-0.5 * away * away);
  });
}

/** Kaiser's window of shape `beta` (12), I0(β√(1-(2t-1)²)) / I0(β), (length). */
export function kaiserWindow(
  length: number,
  options: WindowOptions & { beta?: number } = {},
): Tensor {
  const { beta = 12, ...rest } = options;
  const whole = i0(beta);
  return windowOf("kaiserWindow", length, rest, (t) => {
    return i0(beta * Math.sqrt(Math.max(0, 1 - (2 * t - 1) ** 2))) / whole;
  });
}

/** I0 of a number by its power series, which has no cancellation (DLMF 10.25.2). */
function i0(x: number): number {
  let sum = 0;
  let term = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    sum += term;
    term *= (x / (2 * k)) ** 2;
  }
  return sum;
}
