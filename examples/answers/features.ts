// What is told of each word besides the word itself: how rare it is, how it is written, whether the question
// has it, and how well its sentence matches the question by TF-IDF.
// Not here: the network (reader.ts).

import { Vocabulary, type VocabularyJson } from "anneal/text";
import type { Asked, Passage, Words } from "./data.ts";

/** Whether a piece of a text is a word or a number, not a sign. */
export const isWord = /[\p{L}\p{N}]/u;

/** A word as it is compared: small letters, and long ones without their endings. */
export function stemOf(word: string): string {
  const lower = word.toLowerCase();
  return lower.length > 5 ? lower.slice(0, 5) : lower;
}

/** How rare words are in the sentences of a collection: log((1 + N) / (1 + n)) + 1. */
export class Rarity {
  private readonly counts: ReadonlyMap<string, number>;
  private readonly sentences: number;

  constructor(counts: ReadonlyMap<string, number>, sentences: number) {
    this.counts = counts;
    this.sentences = sentences;
  }

  /** Of all passages; no question or answer is looked at. */
  static of(passages: readonly Passage[]): Rarity {
    const counts = new Map<string, number>();
    let sentences = 0;
    for (const passage of passages) {
      for (const terms of termsOf(passage)) {
        sentences++;
        for (const term of new Set(terms)) counts.set(term, (counts.get(term) ?? 0) + 1);
      }
    }
    return new Rarity(counts, sentences);
  }

  idf(term: string): number {
    return Math.log((1 + this.sentences) / (1 + (this.counts.get(term) ?? 0))) + 1;
  }

  toJSON(): RarityJson {
    return { counts: [...this.counts], sentences: this.sentences };
  }
}

interface RarityJson {
  readonly counts: readonly (readonly [string, number])[];
  readonly sentences: number;
}

/** The words of each sentence, in small letters, without signs. */
function termsOf({ words, sentences, sentenceOf }: Passage): string[][] {
  const terms: string[][] = sentences.map(() => []);
  words.forEach(({ word }, i) => {
    if (isWord.test(word)) terms[sentenceOf[i]!]!.push(word.toLowerCase());
  });
  return terms;
}

const wordsIn = ({ words }: Words) => {
  return words.filter(({ word }) => isWord.test(word)).map(({ word }) => word.toLowerCase());
};

/** The cosine of the TF-IDF vectors of the question and of each sentence: the baseline. */
export function cosines({ question, passage }: Asked, rarity: Rarity): number[] {
  const asked = weighted(wordsIn(question), rarity);
  return termsOf(passage).map((terms) => {
    const own = weighted(terms, rarity);
    let sum = 0;
    for (const [term, weight] of asked) sum += weight * (own.get(term) ?? 0);
    return sum;
  });
}

function weighted(terms: readonly string[], rarity: Rarity): Map<string, number> {
  const weights = new Map<string, number>();
  for (const term of terms) weights.set(term, (weights.get(term) ?? 0) + rarity.idf(term));
  const norm = Math.sqrt([...weights.values()].reduce((sum, w) => sum + w * w, 0)) || 1;
  return new Map([...weights].map(([term, weight]) => [term, weight / norm]));
}

/** The part of the question's rarity that each sentence has: a stronger baseline than the cosine. */
export function overlaps(
  { question, passage }: Asked,
  rarity: Rarity,
  form = (term: string) => term,
): number[] {
  const asked = new Map(wordsIn(question).map((term) => [form(term), rarity.idf(term)]));
  const all = [...asked.values()].reduce((a, b) => a + b, 0) || 1;
  return termsOf(passage).map((terms) => {
    const own = new Set(terms.map(form));
    let sum = 0;
    for (const [term, weight] of asked) if (own.has(term)) sum += weight;
    return sum / all;
  });
}

/** Numbers told of a sentence, and of a word. */
export const sentenceWidth = 5;
export const wordWidth = 16;

/** Of each sentence: cosine, overlap of words, overlap of stems, whether it is the first, its length. */
export function sentenceFeatures(asked: Asked, rarity: Rarity): number[][] {
  const [cosine, exact] = [cosines(asked, rarity), overlaps(asked, rarity)];
  const stems = overlaps(asked, rarity, stemOf);
  const lengths = termsOf(asked.passage).map((terms) => Math.log(1 + terms.length) / 4);
  return cosine.map((c, i) => [c, exact[i]!, stems[i]!, i === 0 ? 1 : 0, lengths[i]!]);
}

/** Of each word of a passage. Distances decay over words: what is asked for stands near what is told. */
export function wordFeatures(asked: Asked, rarity: Rarity): number[][] {
  const { question, passage } = asked;
  const questioned = wordsIn(question);
  const [words, stems] = [new Set(questioned), new Set(questioned.map(stemOf))];
  const pairs = new Set(questioned.slice(1).map((word, i) => `${questioned[i]} ${word}`));
  const sentences = sentenceFeatures(asked, rarity);
  const best = Math.max(...sentences.map(([, , stem]) => stem!));
  const rows = passage.words.map(({ word }, i) => {
    const lower = word.toLowerCase();
    const idf = isWord.test(word) ? rarity.idf(lower) / 8 : 0;
    const [exact, stem] = [words.has(lower), isWord.test(word) && stems.has(stemOf(word))];
    const before = passage.words[i - 1]?.word.toLowerCase();
    const begins = i === 0 || passage.sentenceOf[i - 1] !== passage.sentenceOf[i];
    const [cosine, , overlap] = sentences[passage.sentenceOf[i]!]!;
    const isUpper = /^\p{Lu}/u.test(word);
    return [
      ...[exact, stem, pairs.has(`${before} ${lower}`)].map(Number),
      ...[idf, exact ? idf : 0, stem ? idf : 0],
      ...[/\d/.test(word), isUpper && !begins, isUpper && begins, !isWord.test(word)].map(Number),
      ...[cosine!, overlap!, overlap === best ? 1 : 0, 1 / (1 + passage.sentenceOf[i]!)],
    ];
  });
  const near = rows.map((row) => row[5]!);
  const [left, right] = [decayed(near), decayed(near.toReversed()).toReversed()];
  return rows.map((row, i) => [...row, left[i]!, right[i]!]);
}

/** What came before, less by a quarter with each word. */
function decayed(values: readonly number[]): number[] {
  let level = 0;
  return values.map((value) => {
    const seen = level;
    level = 0.75 * level + value;
    return seen;
  });
}

/** Words by number, and their last three letters, where the passages have them often enough. */
export interface Lexicon {
  readonly words: Vocabulary;
  readonly endings: Vocabulary;
}

export const specials = { pad: "<pad>", unknown: "<unk>" };

export function lexiconOf(samples: readonly Asked[]): Lexicon {
  const texts = new Set<Words>(samples.flatMap(({ question, passage }) => [question, passage]));
  const all = [...texts].flatMap(({ words }) => words.map(({ word }) => word.toLowerCase()));
  return {
    words: Vocabulary.count(all, { specials, minCount: 5 }),
    endings: Vocabulary.count(all.map(endingOf), { specials, minCount: 5 }),
  };
}

/** What a run knows of words, as it is kept beside the weights. */
export function lexiconText(lexicon: Lexicon, rarity: Rarity): string {
  return JSON.stringify({ ...lexicon, rarity });
}

/** What {@link lexiconText} wrote. */
export function parseLexicon(text: string): { lexicon: Lexicon; rarity: Rarity } {
  const { words, endings, rarity } = JSON.parse(text) as {
    readonly words: VocabularyJson;
    readonly endings: VocabularyJson;
    readonly rarity: RarityJson;
  };
  const vocabulary = (json: VocabularyJson) => new Vocabulary(json.tokens, json.specials);
  return {
    lexicon: { words: vocabulary(words), endings: vocabulary(endings) },
    rarity: new Rarity(new Map(rarity.counts), rarity.sentences),
  };
}

export function endingOf(word: string): string {
  return word.toLowerCase().slice(-3);
}
