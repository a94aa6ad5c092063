// Tokenizers as JSON: a text, or a file beside the weights. Not here: what each writes (its own
// toJSON), or Hugging Face's files (hugging-face.ts).

import { readText, writeFileAtomic } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";
import { BpeTokenizer, mergeOf } from "./bpe.ts";
import { CharacterTokenizer } from "./characters.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { Vocabulary, type VocabularyJson } from "./vocabulary.ts";
import { WordTokenizer } from "./words.ts";

/** What each kind is made of again. */
const kinds: Record<string, (json: Record<string, unknown>, vocabulary: Vocabulary) => Tokenizer> =
  {
    characters: (_, vocabulary) => new CharacterTokenizer(vocabulary),
    words: ({ lowercase }, vocabulary) =>
      new WordTokenizer(vocabulary, { lowercase: lowercase === true }),
    bpe: ({ merges }, vocabulary) =>
      new BpeTokenizer(vocabulary, (merges as string[]).map(mergeOf)),
  };

/**
 * A tokenizer from what its `toJSON` gave, as a text. Throws LoadError, which calls it `file`.
 *
 * @example
 * const same = parseTokenizer(JSON.stringify(CharacterTokenizer.train(["hello"])));
 * same.decode(same.encode("hello")); // "hello"
 */
export function parseTokenizer(text: string, file = "tokenizer"): Tokenizer {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new LoadError(file, "is not JSON", { cause });
  }
  const kind = json?.format === 1 && typeof json.kind === "string" ? json.kind : "";
  const make = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  if (make === undefined) {
    throw new LoadError(file, "is not a tokenizer that this version knows", {
      hint: "for tokenizer.json of Hugging Face: fromHuggingFace(json, config)",
    });
  }
  try {
    const { tokens, specials } = json.vocabulary as VocabularyJson;
    return make(json, new Vocabulary(tokens, specials));
  } catch (cause) {
    throw new LoadError(file, `is a broken tokenizer: ${(cause as Error).message}`, { cause });
  }
}

/** Writes a tokenizer, replacing the file in one step. */
export function saveTokenizer(tokenizer: Tokenizer, path: string): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(tokenizer)}\n`);
}

/** Reads what `saveTokenizer` wrote. */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  return parseTokenizer(await readText(path), path);
}
