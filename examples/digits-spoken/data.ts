// Spoken digits as `anneal train digits-spoken` uses them: recordings named DIGIT_SPEAKER_INDEX.wav,
// as log-mel spectrograms of one size. Not here: the network (../digits-spoken.ts).

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { LoadError, noGrad, Tensor } from "anneal";
import { amplitudeToDB, melSpectrogram, resample } from "anneal/audio";
import { type BadItem, type NdArray, readAll, readWav } from "anneal/data";
import { nearestMean, type Published, publishedAt, type Rows } from "anneal/recipe";

/** Mel bands, and frames of 10 ms: what is longer is cut, what is shorter stands in the middle of silence. */
export const mels = 40;
export const frames = 64;

/** Samples a second, and from one frame to the next. */
export const sampleRate = 8000;
export const hop = 80;

/** Free Spoken Digit Dataset (Jackson et al. 2018), CC BY-SA 4.0. */
export const published: Published = {
  name: "FSDD",
  place: "speech/fsdd",
  files: [
    {
      from: "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz",
      inside: "free-spoken-digit-dataset-1.0.10/recordings",
    },
  ],
};

/** One spoken digit. */
export interface Recording {
  readonly file: string;
  readonly digit: number;
  readonly speaker: string;
  /** Which of a speaker's recordings of the digit it is. */
  readonly index: number;
  readonly wave: Float32Array;
}

export interface Clip {
  readonly file: string;
  readonly digit: number;
  readonly speaker: string;
  /** Decibels, (1, mels, frames), of mean 0 and spread 1 over the training recordings. */
  readonly heard: NdArray & { readonly data: Float32Array };
}

/** Mean and spread of all values of the training recordings, in decibels. */
export interface Scale {
  readonly mean: number;
  readonly spread: number;
}

export interface Spoken {
  /** Recordings 10 and on of each speaker and digit. */
  readonly train: readonly Clip[];
  /** Recordings 5 to 9. */
  readonly validation: readonly Clip[];
  /** Recordings 0 to 4, as the set's authors test. */
  readonly test: readonly Clip[];
  readonly skipped: readonly BadItem[];
  readonly scale: Scale;
  /** How well the digit with the nearest mean spectrogram is the right one. */
  readonly baseline: number;
}

/** Reads all recordings of a folder, as spectrograms. */
export async function readSpoken(
  folder: string,
  options: { readonly skipBad?: boolean } = {},
): Promise<Spoken> {
  const { recordings, skipped } = await readRecordings(folder, options);
  const heard = await spectrograms(recordings.map(({ wave }) => wave));
  const scale = scaleOf(heard.filter((_, i) => recordings[i]!.index >= 10));
  const clips = recordings.map(({ file, digit, speaker, index }, i) => {
    return { file, digit, speaker, index, heard: scaled(heard[i]!, scale) };
  });
  const parts = partsOf(clips);
  return {
    ...parts,
    skipped,
    scale,
    baseline: nearestMean(rowsOf(parts.train), rowsOf(parts.test)),
  };
}

/** Reads all recordings of a folder: 8 kHz, one channel. With `skipBad` those that cannot be read are listed
 *  instead of thrown. */
export async function readRecordings(
  folder: string,
  { skipBad = false } = {},
): Promise<{ recordings: Recording[]; skipped: BadItem[] }> {
  const hint = `recordings are named DIGIT_SPEAKER_INDEX.wav; ${publishedAt(published)}`;
  const names = await readdir(folder).catch((cause: Error) => {
    throw new LoadError(folder, "cannot be read", { hint, cause });
  });
  const found = names.sort().flatMap((file) => {
    const parts = /^(\d)_([^_]+)_(\d+)\.wav$/i.exec(file);
    return parts
      ? [{ file, digit: Number(parts[1]), speaker: parts[2]!, index: Number(parts[3]) }]
      : [];
  });
  if (found.length === 0) throw new LoadError(folder, "has no recording", { hint });
  const { items: recordings, bad: skipped } = await readAll(
    found,
    async (named) => ({ ...named, wave: await readSound(join(folder, named.file)) }),
    { skipBad },
  );
  const { train, validation, test } = partsOf(recordings);
  if (train.length > 0 && validation.length > 0 && test.length > 0) return { recordings, skipped };
  throw new LoadError(folder, "lacks recordings", {
    hint: "indices 0 to 4 test, 5 to 9 validate",
  });
}

/** Recordings 0 to 4 of each speaker and digit test, as the set's authors do; 5 to 9 validate. */
export function partsOf<T extends { readonly index: number }>(recordings: readonly T[]) {
  const part = (from: number, to: number) => {
    return recordings.filter(({ index }) => index >= from && index < to);
  };
  return { train: part(10, Infinity), validation: part(5, 10), test: part(0, 5) };
}

/**
 * A sound of one channel at 8 kHz. Throws LoadError for several channels, and for another rate unless it may
 * be resampled.
 */
export async function readSound(path: string, { resampled = false } = {}): Promise<Float32Array> {
  const { samples, channels, sampleRate: rate } = await readWav(path);
  if (channels === 1 && rate === sampleRate) return samples;
  if (channels === 1 && resampled) {
    return (await resample(Tensor.from(samples), rate, sampleRate).data()) as Float32Array;
  }
  const what = `has ${channels} channels at ${rate} Hz, not one at ${sampleRate}`;
  const hint = channels === 1 ? "predict with --resample, or convert it first" : undefined;
  throw new LoadError(path, what, { hint });
}

/** The log-mel spectrogram of sounds, in decibels: (B, samples) → (B, mels, frames). */
export function logMel(sounds: Tensor): Tensor {
  const frame = { nFft: 256, winLength: 200, hopLength: hop };
  const heard = melSpectrogram(sounds, { ...frame, sampleRate, nMels: mels, fMin: 60 });
  return amplitudeToDB(heard, { least: 1e-6 });
}

/** Log-mel spectrograms of one size. */
async function spectrograms(waves: readonly Float32Array[]): Promise<Float32Array[]> {
  const length = hop * (frames - 1);
  const found: Float32Array[] = [];
  for (let from = 0; from < waves.length; from += 250) {
    const group = waves.slice(from, from + 250);
    const signal = new Float32Array(group.length * length);
    group.forEach((wave, row) => {
      const start = Math.max(0, Math.floor((length - wave.length) / 2));
      signal.set(wave.subarray(0, length), row * length + start);
    });
    const x = Tensor.from(signal, [group.length, length]);
    const heard = noGrad(() => logMel(x));
    const values = (await heard.data()) as Float32Array;
    const size = mels * frames;
    group.forEach((_, row) => void found.push(values.slice(row * size, (row + 1) * size)));
  }
  return found;
}

function scaleOf(heard: readonly Float32Array[]): Scale {
  let [sum, squares, n] = [0, 0, 0];
  for (const values of heard) {
    for (const value of values) {
      sum += value;
      squares += value * value;
    }
    n += values.length;
  }
  const mean = sum / n;
  return { mean, spread: Math.sqrt(squares / n - mean * mean) };
}

function scaled(values: Float32Array, { mean, spread }: Scale): Clip["heard"] {
  return { data: values.map((value) => (value - mean) / spread), shape: [1, mels, frames] };
}

/** A sound as the network hears it. */
export async function heardOf(wave: Float32Array, scale: Scale): Promise<Clip["heard"]> {
  const [heard] = await spectrograms([wave]);
  return scaled(heard!, scale);
}

function rowsOf(clips: readonly Clip[]): Rows {
  return { rows: clips.map(({ heard }) => heard.data), labels: clips.map(({ digit }) => digit) };
}
