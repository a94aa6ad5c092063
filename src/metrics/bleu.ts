// BLEU (Papineni et al. 2002) as sacreBLEU defines it (Post 2018): of a whole corpus, over
// detokenised text, which it cuts itself by mteval-v13a's rules, with exponential smoothing of what
// never matched.
// Not here: translating.

import { ArgumentError } from "../util/errors.ts";
import { exp, log } from "../util/math.ts";

export interface BleuOptions {
  /** Compare without regard to capital letters. */
  lowercase?: boolean | undefined;
  /** `13a` cuts signs off words; `none` takes what white space separates. */
  tokenize?: "13a" | "none" | undefined;
}

/** BLEU and what it is made of. */
export interface Bleu {
  /** From 0 to 100. */
  readonly score: number;
  /** Of 1 to 4 words, in per cent, smoothed. */
  readonly precisions: readonly number[];
  /** 1, or less where the hypotheses are shorter than the references. */
  readonly brevityPenalty: number;
  /** Words of the hypotheses. */
  readonly hypothesisLength: number;
  /** Words of the references, each the nearest in length. */
  readonly referenceLength: number;
}

const order = 4;

/**
 * BLEU of translations against one reference each, or several. Throws ArgumentError for other
 * numbers of lines.
 *
 * @example
 * bleu(["A dog runs on the grass."], ["A dog runs over the grass."]).score.toFixed(2); // "41.11"
 */
export function bleu(
  hypotheses: readonly string[],
  references: readonly (string | readonly string[])[],
  { lowercase = false, tokenize = "13a" }: BleuOptions = {},
): Bleu {
  if (hypotheses.length !== references.length || hypotheses.length === 0) {
    const what = `${hypotheses.length} hypotheses for ${references.length} references`;
    throw new ArgumentError("bleu", what);
  }
  const cut = (text: string) => {
    const cased = lowercase ? text.toLowerCase() : text;
    return (tokenize === "13a" ? tokenize13a(cased) : cased.trim()).split(space).filter(Boolean);
  };
  const matched = new Array<number>(order).fill(0);
  const total = new Array<number>(order).fill(0);
  let [hypothesisLength, referenceLength] = [0, 0];
  hypotheses.forEach((hypothesis, i) => {
    const words = cut(hypothesis);
    const others = [references[i]].flat().map((text) => cut(text as string));
    if (others.length === 0) throw new ArgumentError("bleu", `line ${i + 1} has no reference`);
    hypothesisLength += words.length;
    referenceLength += nearest(
      words.length,
      others.map(({ length }) => length),
    );
    for (let n = 1; n <= order; n++) {
      total[n - 1] += Math.max(0, words.length - n + 1);
      matched[n - 1] += matches(words, others, n);
    }
  });
  return compute(matched, total, hypothesisLength, referenceLength);
}

const space = /\p{White_Space}+/u;

// The rules of mteval-v13a, in its order. Digits and the like are ASCII's.
const rules13a: readonly [RegExp, string][] = [
  [/<skipped>/g, ""],
  [/-\n/g, ""],
  [/\n/g, " "],
  [/&quot;/g, '"'],
  [/&amp;/g, "&"],
  [/&lt;/g, "<"],
  [/&gt;/g, ">"],
];
const cuts13a: readonly [RegExp, string][] = [
  [/([{-~[-` -&(-+:-@/])/g, " $1 "],
  [/([^0-9])([.,])/g, "$1 $2 "],
  [/([.,])([^0-9])/g, " $1 $2"],
  [/([0-9])(-)/g, "$1 $2 "],
];

/** A text with spaces around what mteval-v13a takes for words. */
export function tokenize13a(text: string): string {
  let cut = text.trimEnd();
  for (const [pattern, by] of rules13a) cut = cut.replace(pattern, by);
  cut = ` ${cut} `;
  for (const [pattern, by] of cuts13a) cut = cut.replace(pattern, by);
  return cut.split(space).filter(Boolean).join(" ");
}

function counted(words: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= words.length; i++) {
    const gram = words.slice(i, i + n).join(" ");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}

/** How many runs of n words are in a reference too, each at most as often as in the one that has
 * it most. */
function matches(
  words: readonly string[],
  references: readonly (readonly string[])[],
  n: number,
): number {
  const known = references.map((reference) => counted(reference, n));
  let sum = 0;
  for (const [gram, count] of counted(words, n)) {
    const most = known.reduce((best, counts) => Math.max(best, counts.get(gram) ?? 0), 0);
    sum += Math.min(count, most);
  }
  return sum;
}

/** The length that is nearest, of two the shorter. */
function nearest(length: number, lengths: readonly number[]): number {
  const from = (other: number) => Math.abs(other - length);
  return lengths.reduce((best, other) => {
    return from(other) < from(best) || (from(other) === from(best) && other < best) ? other : best;
  });
}

function compute(matched: number[], total: number[], length: number, wanted: number): Bleu {
  const brevityPenalty = length >= wanted ? 1 : length > 0 ? exp(1 - wanted / length) : 0;
  const rest = { brevityPenalty, hypothesisLength: length, referenceLength: wanted };
  if (!matched.some((count) => count > 0)) return { score: 0, precisions: [0, 0, 0, 0], ...rest };
  let halves = 1;
  const precisions = matched.map((count, i) => {
    if (total[i] === 0) return 0; // no text was long enough
    if (count > 0) return (100 * count) / total[i];
    halves *= 2; // the k-th order without a match counts as 1 / 2^k of one
    return 100 / (halves * total[i]);
  });
  const mean = precisions.reduce((sum, value) => sum + log(value), 0) / order;
  return { score: precisions.includes(0) ? 0 : brevityPenalty * exp(mean), precisions, ...rest };
}
