// From the frames of a network trained by CTC to labels: the likeliest path, the likeliest labels by prefix
// beam search (Hannun et al. 2014), and where in the frames given labels stand (Viterbi). A path says one
// class a frame; it spells labels by taking repetitions once and leaving blanks out. Host arrays, in
// double precision. Not here: the loss (nn.ctcLoss).

import type { NdArray } from "../data/index.ts";
import { ArgumentError, NumericError, ShapeError } from "../util/errors.ts";
import { exp, log1p } from "../util/math.ts";

export interface CtcDecodeOptions {
  /** The class that stands for no label (0). */
  blank?: number | undefined;
}

export interface CtcBeamOptions extends CtcDecodeOptions {
  /** How many beginnings are followed at once, and at most given out (16). */
  beams?: number | undefined;
}

/** Labels with where they stand. */
export interface CtcPath {
  readonly labels: readonly number[];
  /** The frames of each label: from the first on, up to below the last number. */
  readonly spans: readonly { readonly from: number; readonly to: number }[];
  /** Of this one path. */
  readonly logProbability: number;
}

/** Labels that were found, with the probability of all paths that spell them and were followed. */
export interface CtcHypothesis {
  readonly labels: readonly number[];
  readonly logProbability: number;
}

const never = Number.NEGATIVE_INFINITY;

/**
 * What the likeliest path spells. logProbs (T, C) are one sample's log softmax values, as `ctcLoss` takes
 * them. Throws ShapeError for another rank, ArgumentError for a blank that is no class, and NumericError for
 * a NaN.
 *
 * @example
 * const frames = [0.6, 0.4, 0.1, 0.9, 0.2, 0.8].map(Math.log); // blank or label 1, three frames
 * ctcGreedyDecode({ data: Float64Array.from(frames), shape: [3, 2] }).labels; // [1]
 */
export function ctcGreedyDecode(logProbs: NdArray, options: CtcDecodeOptions = {}): CtcPath {
  const { T, row, blank } = checked("ctcGreedyDecode", logProbs, options);
  let logProbability = 0;
  const path = Array.from({ length: T }, (_, t) => {
    const values = row(t);
    const best = values.reduce((at, value, c) => (value > values[at]! ? c : at), 0);
    logProbability += values[best]!;
    return best;
  });
  return { ...spelled(path, blank), logProbability };
}

/** What a path spells, and where. */
function spelled(path: readonly number[], blank: number): Omit<CtcPath, "logProbability"> {
  const labels: number[] = [];
  const spans: { from: number; to: number }[] = [];
  path.forEach((label, t) => {
    if (label === blank) return;
    if (label === path[t - 1]) {
      spans.at(-1)!.to = t + 1;
    } else {
      labels.push(label);
      spans.push({ from: t, to: t + 1 });
    }
  });
  return { labels, spans };
}

/** A beginning of labels, in a tree of them. */
class Prefix {
  readonly label: number;
  readonly parent: Prefix | null;
  private readonly children = new Map<number, Prefix>();

  constructor(label: number, parent: Prefix | null) {
    this.label = label;
    this.parent = parent;
  }

  with(label: number): Prefix {
    let child = this.children.get(label);
    if (child === undefined) this.children.set(label, (child = new Prefix(label, this)));
    return child;
  }

  labels(): number[] {
    const found: number[] = [];
    for (let at: Prefix = this; at.parent !== null; at = at.parent) found.push(at.label);
    return found.reverse();
  }
}

/** Log probabilities of the paths of a prefix that end in a blank, and in its last label. */
interface Ends {
  blank: number;
  label: number;
}

/**
 * The likeliest labels, the best first: for each frame the probabilities of all paths to the `beams`
 * likeliest beginnings. Followed beginnings share no path, so with enough beams nothing is lost.
 * Throws as {@link ctcGreedyDecode}.
 *
 * @example
 * const frames = [0.6, 0.4, 0.6, 0.4].map(Math.log); // the best path is blank, the best labels are not
 * const logProbs = { data: Float64Array.from(frames), shape: [2, 2] };
 * ctcGreedyDecode(logProbs).labels; // []
 * ctcBeamSearch(logProbs, { beams: 4 })[0].labels; // [1]
 */
export function ctcBeamSearch(logProbs: NdArray, options: CtcBeamOptions = {}): CtcHypothesis[] {
  const { T, row, blank } = checked("ctcBeamSearch", logProbs, options);
  const { beams = 16 } = options;
  if (!(Number.isSafeInteger(beams) && beams >= 1)) {
    throw new ArgumentError("ctcBeamSearch", `beams must be an integer from 1, got ${beams}`);
  }
  let live: [Prefix, Ends][] = [[new Prefix(blank, null), { blank: 0, label: never }]];
  for (let t = 0; t < T; t++) {
    const next = new Map<Prefix, Ends>();
    const endsOf = (prefix: Prefix): Ends => {
      let ends = next.get(prefix);
      if (ends === undefined) next.set(prefix, (ends = { blank: never, label: never }));
      return ends;
    };
    const values = row(t);
    for (const [prefix, ends] of live) {
      const both = logAdd(ends.blank, ends.label);
      const own = endsOf(prefix);
      own.blank = logAdd(own.blank, both + values[blank]!);
      if (prefix.parent !== null) own.label = logAdd(own.label, ends.label + values[prefix.label]!);
      values.forEach((value, label) => {
        if (label === blank || value === never) return;
        // The same label again is another one only behind a blank.
        const before = label === prefix.label ? ends.blank : both;
        if (before === never) return;
        const longer = endsOf(prefix.with(label));
        longer.label = logAdd(longer.label, before + value);
      });
    }
    live = [...next].sort(([, a], [, b]) => logAdd(b.blank, b.label) - logAdd(a.blank, a.label));
    live.length = Math.min(live.length, beams);
  }
  return live.map(([prefix, { blank: a, label: b }]) => {
    return { labels: prefix.labels(), logProbability: logAdd(a, b) };
  });
}

/**
 * The likeliest path that spells given labels, as torchaudio's `forced_align`: where each of them stands.
 * Throws as {@link ctcGreedyDecode}, and ArgumentError for labels that do not fit into the frames.
 *
 * @example
 * const frames = [0.9, 0.1, 0.2, 0.8, 0.9, 0.1].map(Math.log);
 * ctcAlign({ data: Float64Array.from(frames), shape: [3, 2] }, [1]).spans; // [{ from: 1, to: 2 }]
 */
export function ctcAlign(
  logProbs: NdArray,
  labels: readonly number[],
  options: CtcDecodeOptions = {},
): CtcPath {
  const { T, C, row, blank } = checked("ctcAlign", logProbs, options);
  const wrong = labels.find((label) => !(label >= 0 && label < C) || label === blank);
  if (wrong !== undefined) {
    throw new ArgumentError("ctcAlign", `label ${wrong} is none of ${C} classes, or the blank`);
  }
  const places = [blank, ...labels.flatMap((label) => [label, blank])]; // ∅ l₁ ∅ … l_S ∅
  const mayStay = (s: number, from: number) => {
    return s - from < 2 || (places[s] !== blank && places[s] !== places[s - 2]);
  };
  let scores = places.map((_, s) => (s === 0 ? 0 : never)); // before the first frame
  const steps: number[][] = [];
  for (let t = 0; t < T; t++) {
    const values = row(t);
    const from = places.map((_, s) => {
      const ways = [s, s - 1, s - 2].filter((at) => at >= 0 && mayStay(s, at));
      return ways.reduce((best, at) => (scores[at]! > scores[best]! ? at : best), s);
    });
    scores = places.map((place, s) => scores[from[s]!]! + values[place]!);
    steps.push(from);
  }
  const last = places.length - 1;
  let at = last > 0 && scores[last - 1]! > scores[last]! ? last - 1 : last;
  const logProbability = scores[at]!;
  if (logProbability === never) {
    throw new ArgumentError("ctcAlign", `${labels.length} labels do not fit into ${T} frames`);
  }
  const path: number[] = [];
  for (let t = T - 1; t >= 0; t--) {
    path.push(places[at]!);
    at = steps[t]![at]!;
  }
  return { ...spelled(path.reverse(), blank), logProbability };
}

/** The log of a sum of two numbers given by their logs. */
function logAdd(a: number, b: number): number {
  const [more, less] = a > b ? [a, b] : [b, a];
  return less === never ? more : more + log1p(exp(less - more));
}

function checked(op: string, { data, shape }: NdArray, { blank = 0 }: CtcDecodeOptions) {
  const [T = 0, C = 0] = shape;
  if (shape.length !== 2 || data.length !== T * C) {
    const what = `log probabilities must be (T, C), got [${shape}] of ${data.length} values`;
    throw new ShapeError(op, what, { hint: "decode sample by sample" });
  }
  if (!(Number.isInteger(blank) && blank >= 0 && blank < C)) {
    throw new ArgumentError(op, `blank ${blank} is outside of ${C} classes`);
  }
  const bad = data.findIndex((value: number) => Number.isNaN(value));
  if (bad >= 0) throw new NumericError(op, `frame ${Math.floor(bad / C)} has a NaN`);
  const row = (t: number): number[] => Array.from(data.subarray(t * C, (t + 1) * C));
  return { T, C, row, blank };
}
