// Spoken digits as `anneal train digits-spoken` uses them: recordings named DIGIT_SPEAKER_INDEX.wav,
// as log-mel spectrograms of one size. Not here: the network (../digits-spoken.ts).

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { LoadError, noGrad, Tensor } from "anneal";
import { amplitudeToDB, melSpectrogram } from "anneal/audio";
import { type NdArray, readWav } from "anneal/data";
import { type Published, publishedAt } from "anneal/recipe";

/** Mel bands, and frames of 10 ms: what is longer is cut, what is shorter stands in the middle of silence. */
export const mels = 40;
export const frames = 64;

const sampleRate = 8000;
const hop = 80;

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

export interface Clip {
  readonly file: string;
  readonly digit: number;
  readonly speaker: string;
  /** Decibels, (1, mels, frames), of mean 0 and spread 1 over the training recordings. */
  readonly heard: NdArray & { readonly data: Float32Array };
}

export interface Spoken {
  /** Recordings 10 and on of each speaker and digit. */
  readonly train: readonly Clip[];
  /** Recordings 5 to 9. */
  readonly validation: readonly Clip[];
  /** Recordings 0 to 4, as the set's authors test. */
  readonly test: readonly Clip[];
  /** How well the digit with the nearest mean spectrogram is the right one. */
  readonly baseline: number;
}

/** Reads all recordings of a folder. */
export async function readSpoken(folder: string): Promise<Spoken> {
  const hint = `recordings are named DIGIT_SPEAKER_INDEX.wav; ${publishedAt(published)}`;
  const names = await readdir(folder).catch((cause: Error) => {
    throw new LoadError(folder, "cannot be read", { hint, cause });
  });
  const recordings = names.flatMap((file) => {
    const parts = /^(\d)_([^_]+)_(\d+)\.wav$/i.exec(file);
    return parts
      ? [{ file, digit: Number(parts[1]), speaker: parts[2]!, index: Number(parts[3]) }]
      : [];
  });
  if (recordings.length === 0) throw new LoadError(folder, "has no recording", { hint });
  const waves = await Promise.all(recordings.map(({ file }) => waveOf(join(folder, file))));
  const heard = await spectrograms(waves);
  const isTraining = recordings.map(({ index }) => index >= 10);
  const scaled = standardized(heard, isTraining);
  const clips = recordings.map(({ file, digit, speaker }, i) => {
    return { file, digit, speaker, heard: { data: scaled[i]!, shape: [1, mels, frames] } };
  });
  const part = (from: number, to: number) => {
    return clips.filter((_, i) => recordings[i]!.index >= from && recordings[i]!.index < to);
  };
  const [train, validation, test] = [part(10, Infinity), part(5, 10), part(0, 5)];
  if (train.length === 0 || validation.length === 0 || test.length === 0) {
    throw new LoadError(folder, "lacks recordings", {
      hint: "indices 0 to 4 test, 5 to 9 validate",
    });
  }
  return { train, validation, test, baseline: nearestMean(train, test) };
}

async function waveOf(path: string): Promise<Float32Array> {
  const { samples, channels, sampleRate: rate } = await readWav(path);
  if (rate !== sampleRate || channels !== 1) {
    const what = `has ${channels} channels at ${rate} Hz, not one at ${sampleRate}`;
    throw new LoadError(path, what, { hint: "resample it (anneal/audio)" });
  }
  return samples;
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
    const options = {
      sampleRate,
      nFft: 256,
      winLength: 200,
      hopLength: hop,
      nMels: mels,
      fMin: 60,
    };
    const heard = noGrad(() => amplitudeToDB(melSpectrogram(x, options), { least: 1e-6 }));
    const values = (await heard.data()) as Float32Array;
    const size = mels * frames;
    group.forEach((_, row) => void found.push(values.slice(row * size, (row + 1) * size)));
  }
  return found;
}

function standardized(heard: readonly Float32Array[], counts: readonly boolean[]): Float32Array[] {
  let [sum, squares, n] = [0, 0, 0];
  heard.forEach((values, i) => {
    if (!counts[i]) return;
    for (const value of values) {
      sum += value;
      squares += value * value;
    }
    n += values.length;
  });
  const mean = sum / n;
  const spread = Math.sqrt(squares / n - mean * mean);
  return heard.map((values) => values.map((value) => (value - mean) / spread));
}

function nearestMean(train: readonly Clip[], test: readonly Clip[]): number {
  const means = Array.from({ length: 10 }, (_, digit) => {
    const own = train.filter((clip) => clip.digit === digit);
    const mean = new Float64Array(mels * frames);
    for (const { heard } of own) heard.data.forEach((v, i) => void (mean[i]! += v / own.length));
    return mean;
  });
  const distance = (a: Float32Array, b: Float64Array) => {
    return a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0);
  };
  const right = test.filter(({ heard, digit }) => {
    const distances = means.map((mean) => distance(heard.data, mean));
    return distances.indexOf(Math.min(...distances)) === digit;
  });
  return right.length / test.length;
}
