// Strings of spoken digits: recordings of one speaker, one after another, with small pauses and noise, made
// on the fly. Which string comes follows from seed, epoch and number alone.
// Not here: the recordings (../digits-spoken/data.ts), or the network (../digit-strings.ts).

import { Tensor } from "anneal";
import { type Dataset, Rng, toTensor } from "anneal/data";
import { padSequences } from "anneal/text";
import type { Batch } from "anneal/train";
import { hop, type Recording, sampleRate } from "../digits-spoken/data.ts";

/** Samples to a step of the network, 40 ms. */
export const samplesOfStep = 4 * hop;

/** Digits in a string. */
export const [fewest, most] = [3, 7];

/** Somebody says some digits. */
export interface Utterance {
  readonly digits: string;
  readonly speaker: string;
  readonly wave: Float32Array;
  /** The samples in which each digit is said. */
  readonly spans: readonly { readonly from: number; readonly to: number }[];
}

/** Recordings of one speaker, by digit. */
interface Voice {
  readonly speaker: string;
  readonly digits: readonly (readonly Recording[])[];
}

/** How many digits string `index` has. */
export function countOf(index: number): number {
  return fewest + (index % (most - fewest + 1));
}

/** So many strings, of all speakers in turn. Outside of a loader a string's stream is that of `seed`. */
export class Utterances implements Dataset<Utterance> {
  readonly length: number;
  private readonly voices: readonly Voice[];
  private readonly seed: number;

  constructor(recordings: readonly Recording[], { count, seed }: { count: number; seed: number }) {
    this.length = count;
    this.seed = seed;
    const speakers = [...new Set(recordings.map(({ speaker }) => speaker))].sort();
    this.voices = speakers.map((speaker) => {
      const own = recordings.filter((recording) => recording.speaker === speaker);
      const digits = Array.from({ length: 10 }, (_, d) => own.filter(({ digit }) => digit === d));
      return { speaker, digits };
    });
  }

  get(index: number, rng = new Rng(this.seed, index)): Utterance {
    const { voices } = this;
    const turn = Math.floor(index / (most - fewest + 1));
    return spoken(voices[turn % voices.length]!, countOf(index), rng);
  }

  /** All of them, the same each time. */
  all(): Utterance[] {
    return Array.from({ length: this.length }, (_, i) => this.get(i));
  }
}

const seconds = (from: number, to: number, rng: Rng) => {
  return Math.round(sampleRate * rng.uniform(from, to));
};

/** Pauses of up to 0.15 s, and white noise 10 to 30 dB below the voice. */
function spoken({ speaker, digits }: Voice, count: number, rng: Rng): Utterance {
  const said = digits.flatMap((takes, digit) => (takes.length > 0 ? [digit] : []));
  const recordings = Array.from({ length: count }, () => {
    const takes = digits[said[rng.int(said.length)]!]!;
    return takes[rng.int(takes.length)]!;
  });
  let end = seconds(0.05, 0.2, rng);
  const spans = recordings.map(({ wave }) => {
    const from = end;
    end = from + wave.length + seconds(0, 0.15, rng);
    return { from, to: from + wave.length };
  });
  const wave = new Float32Array(end + seconds(0.05, 0.2, rng));
  recordings.forEach((recording, i) => void wave.set(recording.wave, spans[i]!.from));
  const loudness = 10 ** (-rng.uniform(10, 30) / 20) * levelOf(wave);
  // Uniform noise has the level 1/√3 of its highest value.
  for (let i = 0; i < wave.length; i++) wave[i]! += loudness * Math.sqrt(3) * rng.uniform(-1, 1);
  return { digits: recordings.map(({ digit }) => digit).join(""), speaker, wave, spans };
}

/** The root of the mean square. */
function levelOf(wave: Float32Array): number {
  let sum = 0;
  for (const value of wave) sum += value * value;
  return Math.sqrt(sum / Math.max(1, wave.length));
}

/** A sound at a level that does not depend on how near somebody stood. */
function leveled(wave: Float32Array): Float32Array {
  const factor = 0.1 / Math.max(1e-6, levelOf(wave));
  return wave.map((value) => factor * value);
}

/** Sounds x (B, N) of whole seconds, so that few shapes come up, 0 behind their end; y (B, S) the labels, a
 *  digit and 1 each, 0 behind their end. */
export function batchOf(utterances: readonly Pick<Utterance, "wave" | "digits">[]): Batch {
  const x = soundsOf(utterances.map(({ wave }) => wave));
  const labels = utterances.map(({ digits }) => [...digits].map((digit) => Number(digit) + 1));
  return { x, y: toTensor(padSequences(labels, { pad: 0 }).tokens) };
}

/** Sounds (B, N), each at one level, filled up with 0 to whole seconds. */
export function soundsOf(list: readonly Float32Array[]): Tensor {
  const longest = Math.max(...list.map((wave) => wave.length));
  const N = sampleRate * Math.ceil(longest / sampleRate);
  const waves = new Float32Array(list.length * N);
  list.forEach((wave, row) => void waves.set(leveled(wave), row * N));
  return Tensor.from(waves, [list.length, N]);
}
