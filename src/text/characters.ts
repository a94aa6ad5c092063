// Tokens that are characters: Unicode code points, as `for (const c of text)` gives them.
// Not here: bytes (bpe.ts, whose vocabulary without merges is that of bytes).

import { ArgumentError } from "../util/errors.ts";
import {
  checkText,
  type DecodeOptions,
  decodeBy,
  type EncodeOptions,
  framed,
  type TextStream,
  type Tokenizer,
} from "./tokenizer.ts";
import { type Specials, specialTokens, Vocabulary, type VocabularyJson } from "./vocabulary.ts";

export interface CharacterJson {
  readonly format: 1;
  readonly kind: "characters";
  readonly vocabulary: VocabularyJson;
}

/**
 * One token a character.
 *
 * @example
 * const tokenizer = CharacterTokenizer.train(["hello"]);
 * tokenizer.encode("hell"); // [1, 0, 2, 2]
 * tokenizer.decode([1, 0, 2, 2]); // "hell"
 */
export class CharacterTokenizer implements Tokenizer {
  readonly vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
  }

  /** The specials, then every character of the texts, in the order of their code points (as
   * nanoGPT has it). */
  static train(
    texts: Iterable<string>,
    { specials = {} }: { specials?: Specials } = {},
  ): CharacterTokenizer {
    const found = new Set<string>();
    for (const text of texts) for (const character of text) found.add(character);
    const sorted = [...found].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
    const first = specialTokens(specials);
    if (first.length + sorted.length === 0) {
      throw new ArgumentError("CharacterTokenizer.train", "the texts have no characters");
    }
    const rest = sorted.filter((character) => !first.includes(character));
    return new CharacterTokenizer(new Vocabulary([...first, ...rest], specials));
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    checkText("CharacterTokenizer.encode", text);
    return framed(
      Array.from(text, (character) => this.vocabulary.id(character)),
      this.vocabulary,
      options,
    );
  }

  decode(tokens: ArrayLike<number>, options: DecodeOptions = {}): string {
    return decodeBy(this.stream(options), tokens);
  }

  stream({ specials = false }: DecodeOptions = {}): TextStream {
    const { vocabulary } = this;
    return {
      push(token) {
        const text = vocabulary.token(token);
        return vocabulary.isSpecial(token) && !specials ? "" : text;
      },
      end: () => "",
    };
  }

  toJSON(): CharacterJson {
    return { format: 1, kind: "characters", vocabulary: this.vocabulary.toJSON() };
  }
}
