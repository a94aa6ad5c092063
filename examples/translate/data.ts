// Sentences in pairs as `anneal train translate` uses them: cut into pieces of words by a tokenizer
// of both languages, in batches of about one length; and translated by a model, by which it is
// judged.
// Not here: reading the files, or the search (anneal/text).

import { ArrayDataset, DataLoader, toTensor } from "anneal/data";
import { inDataFolder } from "anneal/recipe";
import {
  allSpecials,
  BpeTokenizer,
  BucketSampler,
  beamSearch,
  type ParallelText,
  padSequences,
  readParallel,
  type Tokenizer,
} from "anneal/text";
import type { Batch } from "anneal/train";
import { unheard } from "../language/training.ts";
import type { TranslateConfig } from "../translate.ts";
import type { TranslationModel } from "./models.ts";

interface Pair {
  readonly source: Int32Array;
  readonly target: Int32Array;
}

export interface Translations {
  readonly tokenizer: Tokenizer;
  readonly train: DataLoader<Pair, unknown, Batch>;
  readonly validation: DataLoader<Pair, unknown, Batch>;
  readonly test: ParallelText;
  readonly trainCount: number;
  readonly validationCount: number;
}

const splits = { train: "train", validation: "val", test: "test_2016_flickr" } as const;

/** Tokens of a sentence at most, begin and end included. */
export const longest = 96;

/** Lengths are rounded up to multiples of this: each other length is another program. */
const multipleOf = 8;

/** Reads the sentences and cuts them into batches. */
export async function readTranslations(config: TranslateConfig): Promise<Translations> {
  const { from, to, batch, seed, limit } = config;
  const root = config.data ?? inDataFolder("translation");
  const read = async (split: string) => {
    const both = await readParallel({ root, split, from, to });
    const most = limit ?? both.from.length;
    return { from: both.from.slice(0, most), to: both.to.slice(0, most) };
  };
  const [train, validation, test] = [
    await read(splits.train),
    await read(splits.validation),
    await read(splits.test),
  ];
  const specials = { pad: allSpecials.pad, begin: allSpecials.begin, end: allSpecials.end };
  const tokenizer = BpeTokenizer.train([...train.from, ...train.to], {
    size: config.pieces,
    specials,
  });
  const pairs = pairsOf(train, tokenizer);
  const held = pairsOf(validation, tokenizer);
  return {
    tokenizer,
    train: loaderOf(pairs, tokenizer, { batchSize: batch, shuffle: true, seed }),
    validation: loaderOf(held, tokenizer, { batchSize: batch, seed }),
    ...{ test, trainCount: pairs.length, validationCount: held.length },
  };
}

/** The pairs that are short enough. */
function pairsOf({ from, to }: ParallelText, tokenizer: Tokenizer): Pair[] {
  const pairs = from.map((text, i): Pair => {
    const source = tokenizer.encode(text, { end: true });
    return { source, target: tokenizer.encode(to[i]!, { begin: true, end: true }) };
  });
  return pairs.filter(({ source, target }) => Math.max(source.length, target.length) <= longest);
}

function loaderOf(
  pairs: readonly Pair[],
  tokenizer: Tokenizer,
  { batchSize, shuffle = false, seed }: { batchSize: number; shuffle?: boolean; seed: number },
): DataLoader<Pair, unknown, Batch> {
  const lengths = pairs.map(({ source, target }) => Math.max(source.length, target.length - 1));
  const options = {
    batchSize,
    multipleOf,
    shuffle,
    seed,
    dropLast: shuffle && pairs.length >= batchSize,
  };
  const batchSampler = new BucketSampler(lengths, options);
  const pad = tokenizer.vocabulary.special("pad");
  return new DataLoader<Pair, unknown, Batch>(new ArrayDataset(pairs), {
    batchSampler,
    seed,
    collate: (batch) => collatePairs(batch, pad),
  });
}

/** Source and target get one length, so that few shapes come up. */
function collatePairs(batch: readonly Pair[], pad: number): Batch {
  const target = batch.map((pair) => pair.target.subarray(0, -1));
  const next = batch.map((pair) => pair.target.subarray(1));
  const most = (lists: readonly Int32Array[]) =>
    lists.reduce((m, { length }) => Math.max(m, length), 1);
  const sources = batch.map(({ source }) => source);
  const options = { pad, multipleOf, length: Math.max(most(sources), most(target)) };
  const source = padSequences(sources, options);
  return {
    x: {
      source: toTensor(source.tokens),
      lengths: toTensor(source.lengths),
      target: toTensor(padSequences(target, options).tokens),
    },
    y: toTensor(padSequences(next, { ...options, pad: unheard }).tokens),
  };
}

/** Sentences as a model reads them. Those that are too long are cut at their start. */
function asSource(tokenizer: Tokenizer, sentences: readonly string[]) {
  const tokens = sentences.map((text) => tokenizer.encode(text, { end: true }).subarray(-longest));
  return padSequences(tokens, { pad: tokenizer.vocabulary.special("pad"), multipleOf });
}

/** How many sentences are translated side by side. */
const together = 64;

/** The translations of sentences, in their order. Sentences that are too long are cut at their
 * end. */
export async function translateAll(
  model: TranslationModel,
  tokenizer: Tokenizer,
  sentences: readonly string[],
  { beams }: { beams: number },
): Promise<string[]> {
  const { vocabulary } = tokenizer;
  const [begin, end] = [vocabulary.special("begin"), vocabulary.special("end")];
  const forbid = [vocabulary.special("pad"), begin];
  const sorted = sentences
    .map((text, i) => ({ text, i }))
    .sort((a, b) => a.text.length - b.text.length);
  const found = new Array<string>(sentences.length);
  for (let from = 0; from < sorted.length; from += together) {
    const group = sorted.slice(from, from + together);
    const source = asSource(
      tokenizer,
      group.map(({ text }) => text),
    );
    const maxTokens = Math.min(longest, Math.ceil(1.5 * source.tokens.shape[1]!) + 8);
    const options = { begin, end, forbid, beams, sources: group.length, maxTokens };
    const best = await beamSearch(model.read(source), options);
    group.forEach(({ i }, row) => {
      found[i] = tokenizer.decode(best[row]![0]?.tokens ?? []);
    });
  }
  return found;
}
