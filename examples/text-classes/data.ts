// Texts in classes as `anneal train sentiment` and `questions` use them: read from three files, and in
// batches of about one length. Not here: the lines of a file, or its words (anneal/text).

import { existsSync } from "node:fs";
import { join } from "node:path";
import { LoadError } from "anneal";
import { ArrayDataset, DataLoader, MapDataset, randomSplit, toTensor } from "anneal/data";
import { type FolderConfig, folderOf, publishedAt } from "anneal/recipe";
import {
  BucketSampler,
  type Labelled,
  padSequences,
  readLabelled,
  type Tokenizer,
} from "anneal/text";
import type { Batch } from "anneal/train";
import type { Task } from "./recipe.ts";

/** Lengths are rounded up to multiples of this: each other length is another program. */
export const multipleOf = 8;

/** Texts that are longer are cut at their end. */
const longest = 64;

/** A text as a model reads it. */
export interface Sample {
  readonly tokens: Int32Array;
  readonly label: number;
}

/** The texts of a task in three parts. */
export interface Texts {
  readonly train: readonly Labelled[];
  readonly validation: readonly Labelled[];
  readonly test: readonly Labelled[];
}

/** Reads the files. */
export async function readTexts(
  { source, files, classes }: Task,
  config: FolderConfig & { readonly limit: number | null },
): Promise<Texts> {
  const folder = await folderOf(config, source);
  const hint = `--data FOLDER with ${Object.values(files).join(", ")}; ${publishedAt(source)}`;
  const read = (file: string) => {
    const path = join(folder, file);
    if (!existsSync(path)) throw new LoadError(path, "is not there", { hint });
    return readLabelled({ from: path }, { classes: classes.length });
  };
  const [all, test] = [await read(files.train), await read(files.test)];
  const some = all.slice(0, config.limit ?? all.length);
  if (files.validation !== undefined) {
    return { train: some, validation: await read(files.validation), test };
  }
  const [train, validation] = randomSplit(new ArrayDataset(some), [0.9, 0.1], { seed: 1 });
  return { train: listOf(train!), validation: listOf(validation!), test };
}

function listOf<T>(set: { readonly length: number; get(index: number): T }): T[] {
  return Array.from({ length: set.length }, (_, i) => set.get(i));
}

/** The tokens of a text as models read them. */
export function tokensOf(tokenizer: Tokenizer, text: string): Int32Array {
  return tokenizer.encode(text).subarray(0, longest);
}

interface LoaderSettings {
  readonly batch: number;
  /** Another order each epoch; without it the order of the texts. */
  readonly seed?: number;
  readonly blind?: number;
}

/** Batches of texts of about one length. */
export function loaderOf(
  texts: readonly Labelled[],
  tokenizer: Tokenizer,
  { batch, seed, blind = 0 }: LoaderSettings,
): DataLoader<Sample, unknown, Batch> {
  const { vocabulary } = tokenizer;
  const unknown = vocabulary.special("unknown");
  const samples = texts.map(
    ({ text, label }): Sample => ({ tokens: tokensOf(tokenizer, text), label }),
  );
  const hidden = new MapDataset(new ArrayDataset(samples), ({ tokens, label }: Sample, rng) => {
    return { tokens: tokens.map((token) => (rng.uniform(0, 1) < blind ? unknown : token)), label };
  });
  const lengths = samples.map(({ tokens }) => tokens.length);
  const shuffle = seed !== undefined;
  const options = { batchSize: batch, multipleOf, shuffle, seed: seed ?? 0 };
  return new DataLoader<Sample, unknown, Batch>(blind > 0 ? hidden : new ArrayDataset(samples), {
    batchSampler: new BucketSampler(lengths, options),
    seed: seed ?? 0,
    collate: (list) => collateTexts(list, vocabulary.special("pad")),
  });
}

function collateTexts(list: readonly Sample[], pad: number): Batch {
  const { tokens } = padSequences(
    list.map((sample) => sample.tokens),
    { pad, multipleOf },
  );
  const labels = Int32Array.from(list, ({ label }) => label);
  return { x: toTensor(tokens), y: toTensor({ data: labels, shape: [labels.length] }) };
}
