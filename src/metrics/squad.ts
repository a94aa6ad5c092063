// How answers to questions are judged: exact match and F1 of words, as SQuAD's own script does.
// Not here: reading such questions (readSquad in anneal/text).

import { ArgumentError } from "../util/errors.ts";

/** The means over questions, from 0 to 1. */
export interface SquadScores {
  readonly exactMatch: number;
  readonly f1: number;
}

/** Small letters, without ASCII punctuation, English articles and spare space: what SQuAD compares. */
export function normalizedAnswer(text: string): string {
  const plain = text.toLowerCase().replace(/[!-/:-@[-`{-~]/g, "");
  return plain
    .replace(/(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu, " ")
    .split(/\s+/u)
    .filter(Boolean)
    .join(" ");
}

/**
 * Exact match and F1 of answers against those of people, each against the one that it is nearest to
 * (Rajpurkar et al. 2016). A question without references is one that cannot be answered: the empty text is
 * right. Throws ArgumentError for other numbers of texts.
 *
 * @example
 * squad(["the Broncos", "in 1066 AD"], [["Broncos"], ["1066"]]); // { exactMatch: 0.5, f1: 0.75 }
 */
export function squad(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
): SquadScores {
  if (hypotheses.length !== references.length || hypotheses.length === 0) {
    const what = `${hypotheses.length} answers for ${references.length} questions`;
    throw new ArgumentError("squad", what);
  }
  let [exact, overlap] = [0, 0];
  hypotheses.forEach((hypothesis, i) => {
    const said = normalizedAnswer(hypothesis);
    const wanted = references[i]!.length > 0 ? references[i]!.map(normalizedAnswer) : [""];
    exact += wanted.includes(said) ? 1 : 0;
    overlap += Math.max(...wanted.map((each) => f1Of(said, each)));
  });
  return { exactMatch: exact / hypotheses.length, f1: overlap / hypotheses.length };
}

function f1Of(said: string, wanted: string): number {
  if (said === "" || wanted === "") return said === wanted ? 1 : 0;
  const [a, b] = [said.split(" "), wanted.split(" ")];
  const left = new Map<string, number>();
  for (const word of b) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of a) {
    const times = left.get(word) ?? 0;
    if (times > 0) common++;
    left.set(word, times - 1);
  }
  return (2 * common) / (a.length + b.length);
}
