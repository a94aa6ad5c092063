// Byte-pair encoding over bytes, as GPT-2's: any text can be written and nothing is unknown. A text
// is cut into words, each word's UTF-8 bytes are the first tokens, and the pair that was learned
// earliest is merged until none is left (Sennrich et al. 2016).
// Not here: learning the merges (bpe-train.ts), or the cutting (bytes.ts).

import { ArgumentError } from "../util/errors.ts";
import { learnMerges } from "./bpe-train.ts";
import { byteCharacters, bytesOf, cutText } from "./bytes.ts";
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

export interface BpeTrainOptions {
  /** How many tokens the vocabulary gets: specials, 256 bytes, merges. Fewer when no pair comes
   * twice. */
  size: number;
  specials?: Specials | undefined;
  /** Pairs that are rarer are not merged. */
  minCount?: number | undefined;
}

export interface BpeJson {
  readonly format: 1;
  readonly kind: "bpe";
  readonly vocabulary: VocabularyJson;
  /** Two tokens with a space between, the earliest merge first. */
  readonly merges: readonly string[];
}

/** Words whose tokens are remembered: the words of a language come again and again. */
const remembered = 50_000;

/**
 * Tokens that are pieces of words, made of bytes.
 *
 * @example
 * const tokenizer = BpeTokenizer.train(["low lower lowest"], { size: 259 });
 * tokenizer.decode(tokenizer.encode("slow")); // "slow"
 * tokenizer.encode("low").length; // 1
 */
export class BpeTokenizer implements Tokenizer {
  readonly vocabulary: Vocabulary;
  /** Pairs of tokens in the order in which they are merged. */
  readonly merges: readonly (readonly [string, string])[];
  /** By `left * size + right`: the place among the merges, and what comes of it. */
  private readonly pairs = new Map<number, { readonly rank: number; readonly id: number }>();
  private readonly byteIds: readonly number[];
  private readonly bytes: readonly (Uint8Array | undefined)[];
  private readonly words = new Map<string, readonly number[]>();

  /** Throws ArgumentError where a byte, or what a merge is made of or gives, is not in the
   * vocabulary. */
  constructor(vocabulary: Vocabulary, merges: Iterable<readonly [string, string]>) {
    this.vocabulary = vocabulary;
    this.merges = [...merges];
    const known = (token: string, what: string) => {
      if (vocabulary.has(token)) return vocabulary.id(token);
      throw new ArgumentError(
        "BpeTokenizer",
        `${what} ${JSON.stringify(token)} is not in the vocabulary`,
      );
    };
    this.byteIds = byteCharacters.map((character, byte) => known(character, `byte ${byte},`));
    this.merges.forEach(([left, right], rank) => {
      const key = this.key(known(left, "part of a merge,"), known(right, "part of a merge,"));
      if (!this.pairs.has(key))
        this.pairs.set(key, { rank, id: known(left + right, "result of a merge,") });
    });
    this.bytes = vocabulary.tokens.map((token, id) =>
      vocabulary.isSpecial(id) ? undefined : bytesOf(token),
    );
  }

  /** Learns the merges: specials first, then the bytes, then what is merged. */
  static train(texts: Iterable<string>, options: BpeTrainOptions): BpeTokenizer {
    const { size, specials = {}, minCount = 2 } = options;
    const first = [...specialTokens(specials), ...byteCharacters];
    if (!Number.isSafeInteger(size) || size < first.length) {
      const what = `size must be an integer from ${first.length} (bytes and specials), got ${size}`;
      throw new ArgumentError("BpeTokenizer.train", what);
    }
    const merges = learnMerges(texts, { count: size - first.length, minCount });
    const merged = merges.map(([left, right]) => left + right);
    return new BpeTokenizer(new Vocabulary([...first, ...merged], specials), merges);
  }

  /** From the texts of GPT-2's `vocab.json` (numbers by token) and `merges.txt` (two tokens a
   * line). */
  static fromGpt2(vocabJson: string, mergesText: string, specials: Specials = {}): BpeTokenizer {
    const ids = Object.entries(JSON.parse(vocabJson) as Record<string, number>);
    const tokens = new Array<string>(ids.length);
    for (const [token, id] of ids) tokens[id] = token;
    const lines = mergesText
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#version"));
    return new BpeTokenizer(new Vocabulary(tokens, specials), lines.map(mergeOf));
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    checkText("BpeTokenizer.encode", text);
    const ids: number[] = [];
    for (const word of cutText(text)) for (const id of this.word(word)) ids.push(id);
    return framed(ids, this.vocabulary, options);
  }

  decode(tokens: ArrayLike<number>, options: DecodeOptions = {}): string {
    return decodeBy(this.stream(options), tokens);
  }

  /** Bytes that are no UTF-8 become U+FFFD. */
  stream({ specials = false }: DecodeOptions = {}): TextStream {
    const { vocabulary, bytes } = this;
    let decoder = utf8();
    return {
      push(token) {
        const spelled = vocabulary.token(token);
        const own = bytes[token];
        if (own !== undefined) return decoder.decode(own, { stream: true });
        const before = decoder.decode();
        decoder = utf8();
        return specials ? before + spelled : before;
      },
      end: () => decoder.decode(),
    };
  }

  toJSON(): BpeJson {
    const merges = this.merges.map(([left, right]) => `${left} ${right}`);
    return { format: 1, kind: "bpe", vocabulary: this.vocabulary.toJSON(), merges };
  }

  private word(word: string): readonly number[] {
    const known = this.words.get(word);
    if (known !== undefined) return known;
    const found = this.merge(
      Array.from(new TextEncoder().encode(word), (byte) => this.byteIds[byte]),
    );
    if (this.words.size >= remembered) this.words.clear();
    this.words.set(word, found);
    return found;
  }

  /** Merges the earliest learned of all neighbours, everywhere in the word, until none is known. */
  private merge(ids: number[]): number[] {
    for (;;) {
      let best: { rank: number; id: number } | undefined;
      for (let i = 0; i + 1 < ids.length; i++) {
        const pair = this.pairs.get(this.key(ids[i], ids[i + 1]));
        if (pair !== undefined && (best === undefined || pair.rank < best.rank)) best = pair;
      }
      if (best === undefined) return ids;
      const merged: number[] = [];
      for (let i = 0; i < ids.length; i++) {
        const pair = i + 1 < ids.length ? this.pairs.get(this.key(ids[i], ids[i + 1])) : undefined;
        merged.push(pair === best ? best.id : ids[i]);
        if (pair === best) i++;
      }
      ids = merged;
    }
  }

  private key(left: number, right: number): number {
    return left * this.vocabulary.size + right;
  }
}

/** The two tokens of a line of merges. */
export function mergeOf(line: string): [string, string] {
  const parts = line.trimEnd().split(" ");
  if (parts.length === 2) return parts as [string, string];
  throw new ArgumentError("BpeTokenizer", `${JSON.stringify(line)} is no merge of two tokens`);
}

function utf8(): TextDecoder {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}
