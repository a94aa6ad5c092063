// Tokens that are words, numbers and single signs. A token that stands right behind the one before
// it, as a full stop does, carries a joiner (￭, U+FFED) in front, so that decoding gives the text
// back, but for runs of white space, which become one space.
// Not here: parts of words (bpe.ts).

import {
  checkText,
  type DecodeOptions,
  decodeBy,
  type EncodeOptions,
  framed,
  type TextStream,
  type Tokenizer,
} from "./tokenizer.ts";
import { type CountOptions, Vocabulary, type VocabularyJson } from "./vocabulary.ts";

/** What marks a token that stands right behind the one before it. */
export const joiner = "\uffed";

// A run of letters and digits with apostrophes and hyphens inside, or one sign.
const piece = /[\p{L}\p{M}\p{N}]+(?:['’-][\p{L}\p{M}\p{N}]+)*|[^\p{White_Space}]/gu;

export interface WordOptions extends CountOptions {
  /** Capital letters become small ones. */
  lowercase?: boolean | undefined;
}

export interface WordJson {
  readonly format: 1;
  readonly kind: "words";
  readonly lowercase: boolean;
  readonly vocabulary: VocabularyJson;
}

/**
 * One token a word, number or sign.
 *
 * @example
 * const tokenizer = WordTokenizer.train(["A dog. A cat."]);
 * tokenizer.vocabulary.tokens; // ["A", "￭.", "cat", "dog"]
 * tokenizer.decode(tokenizer.encode("A cat.")); // "A cat."
 */
export class WordTokenizer implements Tokenizer {
  readonly vocabulary: Vocabulary;
  readonly lowercase: boolean;

  constructor(vocabulary: Vocabulary, { lowercase = false }: { lowercase?: boolean } = {}) {
    this.vocabulary = vocabulary;
    this.lowercase = lowercase;
  }

  /** The specials, then the words by how often they come. */
  static train(texts: Iterable<string>, options: WordOptions = {}): WordTokenizer {
    const { lowercase = false } = options;
    const words = function* () {
      for (const text of texts) yield* pieces(text, lowercase);
    };
    return new WordTokenizer(Vocabulary.count(words(), options), { lowercase });
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    checkText("WordTokenizer.encode", text);
    const ids = pieces(text, this.lowercase).map((word) => this.vocabulary.id(word));
    return framed(ids, this.vocabulary, options);
  }

  decode(tokens: ArrayLike<number>, options: DecodeOptions = {}): string {
    return decodeBy(this.stream(options), tokens);
  }

  stream({ specials = false }: DecodeOptions = {}): TextStream {
    const { vocabulary } = this;
    let first = true;
    return {
      push(token) {
        const word = vocabulary.token(token);
        // What is unknown was a word: without it the text would look whole.
        const special = vocabulary.isSpecial(token) && token !== vocabulary.unknown;
        if (special && !specials) return "";
        const joined = word.startsWith(joiner) && word.length > joiner.length;
        const text = joined ? word.slice(joiner.length) : first ? word : ` ${word}`;
        first = false;
        return text;
      },
      end: () => "",
    };
  }

  toJSON(): WordJson {
    const { lowercase, vocabulary } = this;
    return { format: 1, kind: "words", lowercase, vocabulary: vocabulary.toJSON() };
  }
}

/** The words, numbers and signs of a text, each with the space before it if there was any. */
export function cutWords(text: string): string[] {
  return pieces(text).map((word, i) => {
    return word.startsWith(joiner) ? word.slice(joiner.length) : i === 0 ? word : ` ${word}`;
  });
}

/** The words, numbers and signs of a text, with joiners. */
export function pieces(text: string, lowercase = false): string[] {
  const found: string[] = [];
  let end = -1;
  for (const match of (lowercase ? text.toLowerCase() : text).matchAll(piece)) {
    found.push(match.index === end ? joiner + match[0] : match[0]);
    end = match.index + match[0].length;
  }
  return found;
}
