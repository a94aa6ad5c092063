// Errors and overlaps of texts against references: word and character error rates, ROUGE.
// Not here: BLEU (bleu.ts), perplexity (classification.ts).

import { ArgumentError } from "../util/errors.ts";

/** The fewest insertions, deletions and replacements that make b of a (Levenshtein 1966). */
export function editDistance(a: readonly string[], b: readonly string[]): number {
  let row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
  let next = new Uint32Array(b.length + 1);
  for (let i = 0; i < a.length; i++) {
    next[0] = i + 1;
    for (let j = 0; j < b.length; j++) {
      const replaced = row[j]! + (a[i] === b[j] ? 0 : 1);
      next[j + 1] = Math.min(replaced, row[j + 1]! + 1, next[j]! + 1);
    }
    [row, next] = [next, row];
  }
  return row[b.length]!;
}

function pairs(op: string, hypotheses: readonly string[], references: readonly string[]): void {
  if (hypotheses.length === references.length && hypotheses.length > 0) return;
  throw new ArgumentError(
    op,
    `${hypotheses.length} hypotheses for ${references.length} references`,
  );
}

function errorRate(
  op: string,
  hypotheses: readonly string[],
  references: readonly string[],
  cut: (text: string) => string[],
): number {
  pairs(op, hypotheses, references);
  let [errors, length] = [0, 0];
  hypotheses.forEach((hypothesis, i) => {
    const reference = cut(references[i]!);
    errors += editDistance(cut(hypothesis), reference);
    length += reference.length;
  });
  return errors / length;
}

const words = (text: string) => text.split(/\s+/u).filter(Boolean);

/**
 * Word error rate: edits of words over the words of the references, of the whole corpus. It may
 * exceed 1. Throws ArgumentError for other numbers of texts.
 *
 * @example
 * wordErrorRate(["this is the prediction"], ["this is the reference"]); // 0.25
 */
export function wordErrorRate(
  hypotheses: readonly string[],
  references: readonly string[],
): number {
  return errorRate("wordErrorRate", hypotheses, references, words);
}

/** Character error rate: edits of characters (code points) over those of the references. */
export function characterErrorRate(
  hypotheses: readonly string[],
  references: readonly string[],
): number {
  return errorRate("characterErrorRate", hypotheses, references, (text) => [...text]);
}

/** Overlap with a reference: the part of what was said, the part of the reference, and both. */
export interface Overlap {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** ROUGE of words, of pairs of words, and of the longest common subsequence. */
export interface Rouge {
  readonly rouge1: Overlap;
  readonly rouge2: Overlap;
  readonly rougeL: Overlap;
}

/**
 * ROUGE (Lin 2004) as Google's rouge_score counts it, without stemming: lower-case runs of ASCII letters
 * and digits, each pair of texts by itself, then the mean.
 *
 * @example
 * rouge(["the cat was found"], ["the cat was under the bed"]).rougeL.f1.toFixed(2); // "0.60"
 */
export function rouge(hypotheses: readonly string[], references: readonly string[]): Rouge {
  pairs("rouge", hypotheses, references);
  const cut = (text: string) =>
    text
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter(Boolean);
  const texts = hypotheses.map((said, i) => [cut(said), cut(references[i]!)] as const);
  const mean = (overlap: (a: string[], b: string[]) => Overlap): Overlap => {
    const all = texts.map(([said, wanted]) => overlap(said, wanted));
    const of = (name: keyof Overlap) => all.reduce((sum, o) => sum + o[name], 0) / all.length;
    return { precision: of("precision"), recall: of("recall"), f1: of("f1") };
  };
  return {
    rouge1: mean((a, b) => overlapOf(common(a, b), a.length, b.length)),
    rouge2: mean((a, b) => {
      const [p, q] = [couples(a), couples(b)];
      return overlapOf(common(p, q), p.length, q.length);
    }),
    rougeL: mean((a, b) => overlapOf(longestCommon(a, b), a.length, b.length)),
  };
}

function overlapOf(shared: number, said: number, wanted: number): Overlap {
  const [precision, recall] = [said === 0 ? 0 : shared / said, wanted === 0 ? 0 : shared / wanted];
  const f1 = shared === 0 ? 0 : (2 * precision * recall) / (precision + recall);
  return { precision, recall, f1 };
}

const couples = (list: string[]) => list.slice(1).map((word, i) => `${list[i]} ${word}`);

/** How many of a are in b, each at most as often as it is there. */
function common(a: readonly string[], b: readonly string[]): number {
  const left = new Map<string, number>();
  for (const item of b) left.set(item, (left.get(item) ?? 0) + 1);
  let count = 0;
  for (const item of a) {
    const times = left.get(item) ?? 0;
    if (times === 0) continue;
    left.set(item, times - 1);
    count++;
  }
  return count;
}

/** The length of the longest common subsequence. */
function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Uint32Array(b.length + 1);
  for (const item of a) {
    const next = new Uint32Array(b.length + 1);
    b.forEach((other, j) => {
      next[j + 1] = item === other ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!);
    });
    row = next;
  }
  return row[b.length]!;
}
