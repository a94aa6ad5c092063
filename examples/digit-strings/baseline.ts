// What needs no network: a string is cut where it is quiet, and each piece is the digit of the recording
// whose spectrogram, stretched to one length, is nearest.
// Not here: the strings (data.ts).

import { noGrad, Tensor } from "anneal";
import { characterErrorRate } from "anneal/metrics";
import { logMel, mels, type Recording, sampleRate } from "../digits-spoken/data.ts";
import type { Utterance } from "./data.ts";

/** Samples of a frame of 10 ms. */
const frame = sampleRate / 100;

/** Every piece has so many frames. */
const stretched = 24;

/** Frames above the quietest tenth by so many decibels are sound; shorter gaps and pieces are none. */
interface Rule {
  readonly decibels: number;
  readonly gap: number;
  readonly piece: number;
}

const rules = [4, 7, 10, 14].flatMap((decibels) =>
  [3, 8].flatMap((gap) => [6, 12].map((piece): Rule => ({ decibels, gap, piece }))),
);

/** The character error rate on `test`, cut by the rule that is best for `validation`. */
export async function cutAtSilence(
  recordings: readonly Recording[],
  validation: readonly Utterance[],
  test: readonly Utterance[],
): Promise<number> {
  const known = await features(recordings.map(({ wave }) => wave));
  const digits = recordings.map(({ digit }) => digit);
  const errorOf = async (utterances: readonly Utterance[], rule: Rule) => {
    const pieces = utterances.map(({ wave }) => cut(wave, rule));
    const nearest = await nearestOf(await features(pieces.flat()), known);
    let at = 0;
    const said = pieces.map((own) => own.map(() => digits[nearest[at++]!]!).join(""));
    return characterErrorRate(
      said,
      utterances.map((utterance) => utterance.digits),
    );
  };
  const errors: number[] = [];
  for (const rule of rules) errors.push(await errorOf(validation, rule));
  return errorOf(test, rules[errors.indexOf(Math.min(...errors))]!);
}

/** The pieces of a sound that are louder than its quietest tenth. */
function cut(wave: Float32Array, { decibels, gap, piece }: Rule): Float32Array[] {
  const levels = Array.from({ length: Math.floor(wave.length / frame) }, (_, t) => {
    const power = wave.subarray(t * frame, (t + 1) * frame).reduce((sum, v) => sum + v * v, 0);
    return 10 * Math.log10(power + 1e-9);
  });
  const quiet = [...levels].sort((a, b) => a - b)[Math.floor(levels.length / 10)]!;
  const spans: { from: number; to: number }[] = [];
  levels.forEach((level, t) => {
    if (level < quiet + decibels) return;
    const last = spans.at(-1);
    if (last && t - last.to < gap) last.to = t + 1;
    else spans.push({ from: t, to: t + 1 });
  });
  const long = spans.filter(({ from, to }) => to - from >= piece);
  return long.map(({ from, to }) => wave.subarray(from * frame, to * frame));
}

/** Spectrograms stretched to one length, from 30 dB below their loudest, of mean 0: (N, mels · stretched). */
async function features(waves: readonly Float32Array[]): Promise<Tensor> {
  const size = mels * stretched;
  const rows = new Float32Array(Math.max(1, waves.length) * size);
  for (let from = 0; from < waves.length; from += 250) {
    const group = waves.slice(from, from + 250);
    const length = Math.max(...group.map((wave) => wave.length));
    const N = sampleRate * Math.ceil(length / sampleRate); // few shapes
    const signal = new Float32Array(group.length * N);
    group.forEach((wave, row) => void signal.set(wave, row * N));
    const heard = noGrad(() => logMel(Tensor.from(signal, [group.length, N])));
    const values = (await heard.data()) as Float32Array; // (group, mels, T)
    const T = heard.shape[2]!;
    group.forEach((wave, row) => {
      const own = values.subarray(row * mels * T, (row + 1) * mels * T);
      const count = Math.max(1, Math.floor(wave.length / frame));
      rows.set(stretch(own, T, count), (from + row) * size);
    });
  }
  return Tensor.from(rows, [rows.length / size, size]);
}

/** The first `count` of T frames, as `stretched` frames by linear interpolation. */
function stretch(values: Float32Array, T: number, count: number): Float32Array {
  const out = new Float32Array(mels * stretched);
  for (let m = 0; m < mels; m++) {
    for (let k = 0; k < stretched; k++) {
      const at = (k * (count - 1)) / (stretched - 1);
      const [low, part] = [Math.floor(at), at % 1];
      const high = Math.min(count - 1, low + 1);
      out[m * stretched + k] = (1 - part) * values[m * T + low]! + part * values[m * T + high]!;
    }
  }
  const loudest = out.reduce((a, b) => Math.max(a, b));
  const kept = out.map((value) => Math.max(0, value - loudest + 30));
  const mean = kept.reduce((a, b) => a + b) / kept.length;
  return kept.map((value) => value - mean);
}

/** For each row of x the row of `known` that is nearest. (N, D), (M, D) → N places */
async function nearestOf(x: Tensor, known: Tensor): Promise<ArrayLike<number>> {
  const distances = noGrad(() => known.square().sum(1).sub(x.matmul(known.T).mul(2))); // (N, M)
  return distances.argmin(1).data();
}
