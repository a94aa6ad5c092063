// What a sampler asks of a model, and nothing else: `begin` opens sequences, `feed` reads tokens
// into them and tells what may come next, `select` lets sequences go on from one another. An LSTM
// keeps its states behind this, a GPT its keys and values, an encoder–decoder the source that it
// read besides.
// Not here: choosing tokens (sampling.ts), writing texts (generate.ts, beam.ts), or any model.

import { ArgumentError } from "../util/errors.ts";

/**
 * Some sequences that a model is reading and writing side by side, one a row. What it remembers of
 * them (states, caches, positions) is its own affair, and so is compiling: `feed` with one token a
 * row should cost no tracing after the first time.
 */
export interface Decoding {
  /**
   * Reads the next tokens of every row, (rows, T) row-major with T ≥ 1, and gives the logits
   * (rows, V) of what follows each row's last token, as an array that stays as it is. Throws
   * ArgumentError for a token out of the vocabulary, and when more tokens come than fit.
   */
  feed(tokens: Int32Array): Promise<Float32Array>;
  /**
   * Row i goes on from where row `rows[i]` is, for all rows at once; `rows` has one entry a row.
   * Beam search needs it, sampling does not.
   */
  select?(rows: Int32Array): void | Promise<void>;
}

/**
 * A model that can be asked for text. `begin` opens `rows` empty sequences; an encoder–decoder that
 * has read S sources gives each of them rows / S neighbouring rows.
 *
 * @example
 * // A bigram model: what follows depends on the last token alone.
 * const follows = [[0, 1], [1, 0]]; // logits (V, V)
 * const model: LanguageModel = {
 *   vocabularySize: 2,
 *   begin: (rows) => ({
 *     async feed(tokens) {
 *       const last = [...tokens].filter((_, i) => (i + 1) % (tokens.length / rows) === 0);
 *       return Float32Array.from(last.flatMap((token) => follows[token]));
 *     },
 *   }),
 * };
 */
export interface LanguageModel {
  /** V: how many logits a row has. */
  readonly vocabularySize: number;
  /** The logits are logarithms of probabilities already, so that a search need not normalise them. */
  readonly normalized?: boolean | undefined;
  /** How many tokens fit into a sequence; without it there is no end. */
  readonly contextLength?: number | undefined;
  begin(rows: number): Decoding | Promise<Decoding>;
}

/** Throws ArgumentError where tokens are not integers from 0 to size - 1, naming the first. */
export function checkTokens(op: string, tokens: ArrayLike<number>, size: number): void {
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (Number.isInteger(token) && token >= 0 && token < size) continue;
    throw new ArgumentError(op, `token ${token} at ${i} is not in a vocabulary of ${size}`);
  }
}

/** What `windowed` needs of a model: all positions at once, each seeing only those before it. */
export interface WindowedOptions {
  readonly vocabularySize: number;
  /** T of the window that `forward` is always given. */
  readonly contextLength: number;
  /** The token that fills what lies behind the end; a causal model cannot see it. */
  readonly filler?: number;
}

/**
 * A language model from a function that gives the logits `(rows, T, V)` of whole windows `(rows,
 * T)`: it computes the window anew for each token. Slow beside a cache, and the measure of whether
 * a cache is right.
 */
export function windowed(
  forward: (tokens: Int32Array, shape: [number, number]) => Promise<ArrayLike<number>>,
  { vocabularySize: size, contextLength: width, filler = 0 }: WindowedOptions,
): LanguageModel {
  const begin = (rows: number): Decoding => {
    let texts = Array.from({ length: rows }, (): number[] => []);
    return {
      async feed(tokens) {
        checkTokens("feed", tokens, size);
        const more = tokens.length / texts.length;
        texts.forEach((text, i) => text.push(...tokens.subarray(i * more, (i + 1) * more)));
        const length = texts[0]?.length ?? 0;
        if (length > width) throw new ArgumentError("feed", `${length} tokens exceed ${width}`);
        const window = new Int32Array(texts.length * width).fill(filler);
        texts.forEach((text, i) => window.set(text, i * width));
        const logits = await forward(window, [texts.length, width]); // (rows, T, V)
        const last = new Float32Array(texts.length * size);
        for (let row = 0; row < texts.length; row++) {
          const from = (row * width + length - 1) * size;
          for (let v = 0; v < size; v++) last[row * size + v] = logits[from + v];
        }
        return last;
      },
      select(from) {
        texts = Array.from(from, (row) => [...texts[row]]);
      },
    };
  };
  return { vocabularySize: size, contextLength: width, begin };
}
