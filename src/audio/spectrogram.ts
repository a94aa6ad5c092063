// Spectrograms of signals (…, samples): power, mel, decibels and cepstra, with gradients.
// Source: torchaudio.transforms. Not here: the transform itself (anneal/fft), mel scales (mel.ts).

import { hannWindow, stft } from "../fft/index.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { cos } from "../util/math.ts";
import { type MelOptions, melFilterbank } from "./mel.ts";

export interface SpectrogramOptions {
  /** Samples of a frame (400). */
  nFft?: number | undefined;
  /** Samples of the window in the middle of a frame (nFft). */
  winLength?: number | undefined;
  /** Samples from one frame to the next (half a window). */
  hopLength?: number | undefined;
  /** 2 for power, 1 for magnitude. */
  power?: 1 | 2 | undefined;
  /** Whether frames are around their sample, the signal being reflected at its ends (true). */
  center?: boolean | undefined;
}

export interface MelSpectrogramOptions extends SpectrogramOptions, MelOptions {
  /** Samples a second. */
  sampleRate: number;
}

/**
 * The strength of each frequency over time, by a Hann window: (…, samples) → (…, nFft/2 + 1, frames).
 *
 * @throws ArgumentError, ShapeError as `stft` does.
 */
export function spectrogram(signal: Tensor, options: SpectrogramOptions = {}): Tensor {
  const { nFft = 400, winLength = nFft, power = 2, center = true } = options;
  const hopLength = options.hopLength ?? Math.floor(winLength / 2);
  const window = hannWindow(winLength);
  const { re, im } = stft(signal, nFft, { hopLength, winLength, window, center });
  const squares = re.square().add(im.square());
  return power === 2 ? squares : squares.sqrt();
}

/**
 * A spectrogram with its frequencies gathered in mels: (…, samples) → (…, nMels, frames).
 *
 * @example
 * const heard = amplitudeToDB(melSpectrogram(sound, { sampleRate: 16000, nFft: 400, nMels: 40 }));
 */
export function melSpectrogram(signal: Tensor, options: MelSpectrogramOptions): Tensor {
  const { sampleRate, nFft = 400 } = options;
  const strength = spectrogram(signal, options);
  return melFilterbank(sampleRate, nFft, options).to(strength.dtype).matmul(strength);
}

export interface DecibelOptions {
  /** 2 where the values are powers, 1 where they are amplitudes. */
  power?: 1 | 2 | undefined;
  /** Less counts as so much. */
  least?: number | undefined;
  /** Decibels below the loudest of all values that are kept; null keeps all. */
  topDb?: number | null | undefined;
}

/** Powers in decibels: 10·log₁₀ x (20 for amplitudes). */
export function amplitudeToDB(x: Tensor, options: DecibelOptions = {}): Tensor {
  const { power = 2, least = 1e-10, topDb = null } = options;
  const decibels = x
    .clamp(least, null)
    .log10()
    .mul(power === 2 ? 10 : 20);
  return topDb === null ? decibels : decibels.maximum(decibels.amax().sub(topDb));
}

export interface MfccOptions extends MelSpectrogramOptions {
  /** Cepstral coefficients (40), at most nMels. */
  nMfcc?: number | undefined;
}

/** Mel frequency cepstral coefficients: the orthonormal cosine transform of the mel spectrogram in decibels,
 *  80 dB below the loudest: (…, samples) → (…, nMfcc, frames). */
export function mfcc(signal: Tensor, { nMfcc = 40, ...options }: MfccOptions): Tensor {
  const { nMels = 128 } = options;
  if (!(Number.isInteger(nMfcc) && nMfcc > 0 && nMfcc <= nMels)) {
    throw new ArgumentError("mfcc", `nMfcc must be from 1 to ${nMels} mels, got ${nMfcc}`);
  }
  const mels = amplitudeToDB(melSpectrogram(signal, options), { topDb: 80 });
  return cosineBasis(nMfcc, nMels).to(mels.dtype).matmul(mels);
}

/** The first rows of the orthonormal discrete cosine transform (II), (rows, size). */
function cosineBasis(rows: number, size: number): Tensor {
  const values = new Float32Array(rows * size);
  for (let k = 0; k < rows; k++) {
    const scale = Math.sqrt((k === 0 ? 1 : 2) / size);
    for (let n = 0; n < size; n++) {
      values[k * size + n] = scale * cos((Math.PI * k * (n + 0.5)) / size);
    }
  }
  return Tensor.from(values, [rows, size]);
}
