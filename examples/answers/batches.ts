// Batches of questions for readers side by side: each fold has its own questions in every batch, of about
// one length. Not here: what readers do with them (reader.ts).

import { Tensor } from "anneal";
import { type BatchSampler, Rng } from "anneal/data";
import type { Batch } from "anneal/train";
import type { Asked, Sample, Words } from "./data.ts";
import {
  endingOf,
  isWord,
  type Lexicon,
  type Rarity,
  sentenceFeatures,
  sentenceWidth,
  stemOf,
  wordFeatures,
  wordWidth,
} from "./features.ts";
import type { Reading } from "./reader.ts";

/** Lengths are rounded up to multiples of this: each other length is another program. */
const multipleOf = 64;

/** A question as numbers. */
export interface Encoded {
  readonly words: Int32Array;
  readonly endings: Int32Array;
  readonly askedWords: Int32Array;
  readonly askedEndings: Int32Array;
  readonly stems: Int32Array;
  readonly askedStems: Int32Array;
  readonly askedRarity: Float32Array;
  readonly sentenceOf: Int32Array;
  readonly told: Float32Array;
  readonly toldOfSentences: Float32Array;
  /** Sentence, first and last word; zeros where they are not known. */
  readonly target: Int32Array;
}

export function encode(asked: Asked | Sample, lexicon: Lexicon, rarity: Rarity): Encoded {
  const { question, passage } = asked;
  const numbers = (text: Words, of: (word: string) => number) => {
    return Int32Array.from(text.words, ({ word }) => of(word));
  };
  const word = (w: string) => lexicon.words.id(w.toLowerCase());
  const ending = (w: string) => lexicon.endings.id(endingOf(w));
  // Stems need no vocabulary: numbers of this question's own.
  const stems = new Map<string, number>();
  const stem = (w: string) => {
    if (!isWord.test(w)) return 0;
    const own = stemOf(w);
    if (!stems.has(own)) stems.set(own, stems.size + 1);
    return stems.get(own)!;
  };
  const rare = question.words.map(({ word }) => rarity.idf(word.toLowerCase()) / 8);
  const target = "first" in asked ? [asked.sentence, asked.first, asked.last] : [0, 0, 0];
  return {
    words: numbers(passage, word),
    endings: numbers(passage, ending),
    askedWords: numbers(question, word),
    askedEndings: numbers(question, ending),
    stems: numbers(passage, stem),
    askedStems: numbers(question, stem),
    askedRarity: Float32Array.from(rare),
    sentenceOf: Int32Array.from(passage.sentenceOf),
    told: Float32Array.from(wordFeatures(asked, rarity).flat()),
    toldOfSentences: Float32Array.from(sentenceFeatures(asked, rarity).flat()),
    target: Int32Array.from(target),
  };
}

/** The same question with some of its words unknown, so that a reader does not learn passages by heart. */
export function hidden(encoded: Encoded, part: number, unknown: number, rng: Rng): Encoded {
  const hide = (words: Int32Array) => words.map((w) => (rng.float() < part ? unknown : w));
  return { ...encoded, words: hide(encoded.words), askedWords: hide(encoded.askedWords) };
}

/** Questions one fold after another, F · B of them, as (F, B, …). */
export function batchOf(list: readonly Encoded[], folds: number): Batch & { readonly x: Reading } {
  const B = list.length / folds;
  const widest = (of: (e: Encoded) => number, multiple: number) => {
    return multiple * Math.ceil(Math.max(...list.map(of)) / multiple);
  };
  const T = widest(({ words }) => words.length, multipleOf);
  const Q = widest(({ askedWords }) => askedWords.length, 16);
  const S = widest(({ toldOfSentences }) => toldOfSentences.length / sentenceWidth, 16);
  const ints = (of: (e: Encoded) => Int32Array, width: number) => {
    const data = new Int32Array(list.length * width);
    list.forEach((e, row) => void data.set(of(e), row * width));
    return Tensor.from(data, [folds, B, width]);
  };
  const floats = (of: (e: Encoded) => Float32Array, length: number, width: number) => {
    const data = new Float32Array(list.length * length * width);
    list.forEach((e, row) => void data.set(of(e), row * length * width));
    return Tensor.from(data, [folds, B, length, width]);
  };
  return {
    x: {
      words: ints((e) => e.words, T),
      endings: ints((e) => e.endings, T),
      askedWords: ints((e) => e.askedWords, Q),
      askedEndings: ints((e) => e.askedEndings, Q),
      stems: ints((e) => e.stems, T),
      askedStems: ints((e) => e.askedStems, Q),
      askedRarity: floats((e) => e.askedRarity, Q, 1).squeeze(3),
      sentenceOf: ints((e) => e.sentenceOf, T),
      told: floats((e) => e.told, T, wordWidth),
      toldOfSentences: floats((e) => e.toldOfSentences, S, sentenceWidth),
    },
    y: ints((e) => e.target, 3),
  };
}

/** Batches of B questions of each fold, of about one length; which, and in which order, follows from seed
 *  and epoch. The few that are left over are others in each epoch. */
export class FoldSampler implements BatchSampler {
  readonly length: number;
  private readonly folds: readonly (readonly number[])[];
  private readonly lengths: readonly number[];
  private readonly options: { readonly batch: number; readonly seed: number };

  /** `folds[f]` are the questions that fold f trains on, `lengths` the words of all passages. */
  constructor(
    folds: readonly (readonly number[])[],
    lengths: readonly number[],
    options: { readonly batch: number; readonly seed: number },
  ) {
    this.folds = folds;
    this.lengths = lengths;
    this.options = options;
    this.length = Math.floor(Math.min(...folds.map((own) => own.length)) / options.batch);
  }

  batches(epoch: number): Uint32Array[] {
    const { batch, seed } = this.options;
    const rng = new Rng(seed, epoch);
    const orders = this.folds.map((own) => {
      const drawn = [...rng.permutation(own.length)].slice(0, this.length * batch);
      const order = drawn.map((i) => own[i]!);
      return order.sort((a, b) => this.lengths[a]! - this.lengths[b]!);
    });
    const batches = Array.from({ length: this.length }, (_, i) => {
      return Uint32Array.from(orders.flatMap((order) => order.slice(i * batch, (i + 1) * batch)));
    });
    return rng.shuffle(batches);
  }
}
