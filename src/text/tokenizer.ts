// What every tokenizer does: text to numbers and back, whole or as a stream; and the little that
// they share. Special tokens are only ever put in by `encode`'s options: a text that spells one is
// text.
// Not here: the ways to cut a text (characters.ts, words.ts, bpe.ts), or their files (files.ts).

import { ArgumentError } from "../util/errors.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface EncodeOptions {
  /** Put the begin token in front. */
  begin?: boolean | undefined;
  /** Put the end token behind. */
  end?: boolean | undefined;
}

export interface DecodeOptions {
  /** Spell special tokens out; they are left out without it. */
  specials?: boolean | undefined;
}

/** Text from tokens that come one at a time. */
export interface TextStream {
  /** The text that this token completes, which may be none. */
  push(token: number): string;
  /** What is left: the beginning of a character whose end never came, as U+FFFD. */
  end(): string;
}

/** Text to tokens and back. */
export interface Tokenizer {
  readonly vocabulary: Vocabulary;
  /** Throws ArgumentError for what is not in a vocabulary without an unknown token. */
  encode(text: string, options?: EncodeOptions): Int32Array;
  /** Throws ArgumentError for numbers that are none of the vocabulary's. */
  decode(tokens: ArrayLike<number>, options?: DecodeOptions): string;
  /** A decoder for tokens that come one by one. */
  stream(options?: DecodeOptions): TextStream;
  toJSON(): object;
}

/** The numbers of a text's tokens with begin and end around them where they are asked for. */
export function framed(ids: number[], vocabulary: Vocabulary, options: EncodeOptions): Int32Array {
  const { begin = false, end = false } = options;
  const front = begin ? [vocabulary.special("begin")] : [];
  const back = end ? [vocabulary.special("end")] : [];
  const framed = new Int32Array(front.length + ids.length + back.length);
  framed.set(front);
  framed.set(ids, front.length);
  framed.set(back, front.length + ids.length);
  return framed;
}

/** The whole of a stream. */
export function decodeBy(stream: TextStream, tokens: ArrayLike<number>): string {
  const parts: string[] = [];
  for (let i = 0; i < tokens.length; i++) parts.push(stream.push(tokens[i]));
  parts.push(stream.end());
  return parts.join("");
}

/** Throws ArgumentError for what is no string. */
export function checkText(op: string, text: unknown): asserts text is string {
  if (typeof text === "string") return;
  throw new ArgumentError(
    op,
    `the text must be a string, got ${text === null ? text : typeof text}`,
  );
}
