// Spectrograms with gaps (SpecAugment, Park et al. 2019), and signals at another rate.
// Not here: making spectrograms (spectrogram.ts).

import { arange, rand } from "../tensor/create.ts";
import { conv } from "../tensor/ops/conv.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { cos, sin } from "../util/math.ts";

/** Covers a band of up to `most` frequencies, another in each spectrogram of (…, frequencies, frames). */
export function frequencyMask(x: Tensor, most: number, fill = 0): Tensor {
  return masked("frequencyMask", x, -2, most, fill);
}

/** Covers up to `most` frames, others in each spectrogram of (…, frequencies, frames). */
export function timeMask(x: Tensor, most: number, fill = 0): Tensor {
  return masked("timeMask", x, -1, most, fill);
}

/** Width and place are uniform: from 0 to `most`, and wherever it fits. */
function masked(op: string, x: Tensor, axis: -1 | -2, most: number, fill: number): Tensor {
  const size = x.shape.at(axis) ?? 0;
  if (x.ndim < 2 || !(most >= 0 && most <= size)) {
    throw new ArgumentError(op, `cannot cover up to ${most} of [${x.shape}]`);
  }
  const each = [...x.shape.slice(0, -2), 1, 1];
  const width = rand(each).mul(most);
  const start = rand(each).mul(width.neg().add(size));
  const places = axis === -1 ? arange(size) : arange(size).unsqueeze(1);
  const covered = places.ge(start.floor()).logicalAnd(places.lt(start.floor().add(width.floor())));
  return where(covered, fill, x);
}

export interface ResampleOptions {
  /** Zero crossings of the sinc on each side (6). */
  lowpassFilterWidth?: number | undefined;
  /** The cutoff, as a part of the lower half rate (0.99). */
  rolloff?: number | undefined;
}

/**
 * A signal (…, samples) at another rate, by a sinc under a Hann window, as torchaudio's `resample`:
 * (…, ⌈samples · to/from⌉).
 *
 * @throws ArgumentError for rates that are no whole numbers.
 *
 * @example
 * const slow = resample(sound, 44100, 16000);
 */
export function resample(
  x: Tensor,
  from: number,
  to: number,
  options: ResampleOptions = {},
): Tensor {
  const { lowpassFilterWidth = 6, rolloff = 0.99 } = options;
  if (!(Number.isInteger(from) && Number.isInteger(to) && from > 0 && to > 0)) {
    throw new ArgumentError("resample", `rates must be whole numbers from 1, got ${from}, ${to}`);
  }
  const common = divisor(from, to);
  const [old, next] = [from / common, to / common];
  if (old === next) return x;
  const cutoff = Math.min(old, next) * rolloff;
  const reach = Math.ceil((lowpassFilterWidth * old) / cutoff);
  const kernel = sincs({ old, next, cutoff, reach, zeros: lowpassFilterWidth });
  const length = x.shape.at(-1) ?? 0;
  const flat = x.reshape(-1, 1, length).pad([reach, reach + old]);
  const phases = conv(1, flat, kernel.to(x.dtype), null, { stride: old }); // (B, next, frames)
  const whole = phases.transpose(1, 2).reshape(flat.shape[0]!, -1); // (B, frames · next)
  const wanted = Math.ceil((next * length) / old);
  return whole.narrow(1, 0, wanted).reshape([...x.shape.slice(0, -1), wanted]);
}

interface Filter {
  readonly old: number;
  readonly next: number;
  readonly cutoff: number;
  readonly reach: number;
  readonly zeros: number;
}

/** One filter for each of the places that new samples have between old ones, (next, 1, 2·reach + old). */
function sincs({ old, next, cutoff, reach, zeros }: Filter): Tensor {
  const size = 2 * reach + old;
  const values = new Float32Array(next * size);
  for (let phase = 0; phase < next; phase++) {
    for (let k = 0; k < size; k++) {
      const at = (k - reach) / old - phase / next;
      const t = Math.max(-zeros, Math.min(zeros, at * cutoff));
      const window = cos((Math.PI * t) / zeros / 2) ** 2;
      const sinc = t === 0 ? 1 : sin(Math.PI * t) / (Math.PI * t);
      values[phase * size + k] = sinc * window * (cutoff / old);
    }
  }
  return Tensor.from(values, [next, 1, size]);
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
