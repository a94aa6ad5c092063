// Mel scales and the banks of triangular filters on them. Source: Slaney's Auditory Toolbox (1998) and
// HTK's, as librosa and torchaudio have them.
// Not here: spectrograms (spectrogram.ts).

import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { exp, log } from "../util/math.ts";

/** Slaney's scale is a line up to 1 kHz and logarithmic above; HTK's is logarithmic throughout. */
export type MelScale = "slaney" | "htk";

interface Scale {
  readonly toMel: (hertz: number) => number;
  readonly toHertz: (mel: number) => number;
}

const step = 200 / 3; // Hz a mel below 1 kHz
const bend = 1000 / step; // mels at 1 kHz
const growth = log(6.4) / 27; // of the logarithm a mel, above

const scales: { readonly [K in MelScale]: Scale } = {
  slaney: {
    toMel: (hertz) => (hertz < 1000 ? hertz / step : bend + log(hertz / 1000) / growth),
    toHertz: (mel) => (mel < bend ? mel * step : 1000 * exp(growth * (mel - bend))),
  },
  htk: {
    toMel: (hertz) => (2595 / Math.LN10) * log(1 + hertz / 700),
    toHertz: (mel) => 700 * (exp((mel * Math.LN10) / 2595) - 1),
  },
};

export interface MelOptions {
  /** Number of filters. */
  nMels?: number | undefined;
  /** The band that they cover, in Hz; up to half the sample rate, if not given. */
  fMin?: number | undefined;
  fMax?: number | undefined;
  /** ("htk") */
  melScale?: MelScale | undefined;
  /** "slaney" gives each filter the area 1 in Hz; null the height 1 (null). */
  norm?: "slaney" | null | undefined;
}

/** A frequency in Hz on a mel scale. */
export function hzToMel(hertz: number, scale: MelScale = "htk"): number {
  return scales[scale].toMel(hertz);
}

/** A place on a mel scale in Hz. */
export function melToHz(mel: number, scale: MelScale = "htk"): number {
  return scales[scale].toHertz(mel);
}

/**
 * Triangular filters, evenly spaced in mels, over the frequencies of a transform of nFft samples:
 * (nMels, nFft/2 + 1).
 *
 * @throws ArgumentError for a band that is none, or reaches above half the sample rate.
 *
 * @example
 * const mels = melFilterbank(16000, 400, { nMels: 40 }).matmul(power); // (40, 201) (201, T) → (40, T)
 */
export function melFilterbank(sampleRate: number, nFft: number, options: MelOptions = {}): Tensor {
  const { nMels = 128, fMin = 0, fMax = sampleRate / 2, melScale = "htk", norm = null } = options;
  if (!Object.hasOwn(scales, melScale)) {
    throw new ArgumentError("melFilterbank", `no scale "${String(melScale)}"`, {
      hint: 'use "htk" or "slaney"',
    });
  }
  if (!(Number.isInteger(nMels) && nMels > 0 && Number.isInteger(nFft) && nFft > 0)) {
    throw new ArgumentError(
      "melFilterbank",
      `nMels and nFft must be whole numbers from 1, got ${nMels}, ${nFft}`,
    );
  }
  if (!(fMin >= 0 && fMin < fMax && fMax <= sampleRate / 2)) {
    const what = `${fMin} to ${fMax} Hz is no band below ${sampleRate / 2} Hz`;
    throw new ArgumentError("melFilterbank", what);
  }
  const { toMel, toHertz } = scales[melScale];
  const [low, high] = [toMel(fMin), toMel(fMax)];
  const corners = Array.from({ length: nMels + 2 }, (_, i) => {
    return toHertz(low + ((high - low) * i) / (nMels + 1));
  });
  const bins = Math.floor(nFft / 2) + 1;
  const bank = new Float32Array(nMels * bins);
  for (let m = 0; m < nMels; m++) {
    const [left, peak, right] = corners.slice(m, m + 3) as [number, number, number];
    const height = norm === "slaney" ? 2 / (right - left) : 1;
    for (let k = 0; k < bins; k++) {
      const hertz = (k * sampleRate) / nFft;
      const rise = Math.min((hertz - left) / (peak - left), (right - hertz) / (right - peak));
      bank[m * bins + k] = height * Math.max(0, rise);
    }
  }
  return Tensor.from(bank, [nMels, bins]);
}
