// Writing on from a prompt, token by token, through the interface of decoding.ts: one text as a
// stream, or many rows at once, each until its end. A model with a limited context reads the last
// half of it anew when the context is full.
// Not here: how a token is chosen (sampling.ts), or the search for the likeliest text (beam.ts).

import { ArgumentError } from "../util/errors.ts";
import { checkTokens, type Decoding, type LanguageModel } from "./decoding.ts";
import { type Choose, type SamplingOptions, sampler } from "./sampling.ts";

export interface GenerateOptions extends SamplingOptions {
  /** How many tokens are written at most. */
  maxTokens: number;
  /** A token that ends the text; it is not given out. */
  end?: number | undefined;
  /** Ends the text after the token in progress. */
  signal?: AbortSignal | undefined;
}

/**
 * Writes on from a prompt of at least one token, and gives each token as it comes. The same model,
 * prompt, seed and options give the same text. Throws ArgumentError for a prompt that is empty or
 * out of the vocabulary.
 *
 * @example
 * for await (const token of generate(model, tokenizer.encode("ROMEO:"), { maxTokens: 200, seed: 1
 * })) {
 *   process.stdout.write(stream.push(token));
 * }
 */
export async function* generate(
  model: LanguageModel,
  prompt: ArrayLike<number>,
  options: GenerateOptions,
): AsyncGenerator<number, void, undefined> {
  const { maxTokens, end, signal } = options;
  checkPrompt(prompt, model, maxTokens);
  const choose = sampler(options);
  const writer = new Writer(model, 1);
  let next: readonly number[] | ArrayLike<number> = prompt;
  for (let count = 0; count < maxTokens; count++) {
    const token = choose(await writer.feed([next]));
    if (token === end) return;
    yield token;
    if (signal?.aborted) return;
    next = [token];
  }
}

export interface GenerateBatchOptions extends GenerateOptions {
  /** How many rows write side by side. */
  rows: number;
}

/**
 * Writes `rows` texts from the same prompt at once; each ends by itself. Row i draws from a stream
 * of its own. For an encoder–decoder the rows are the sources, and the prompt is the token that
 * begins a text.
 *
 * @example
 * const names = await generateBatch(model, [tokenizer.vocabulary.begin], { rows: 20, maxTokens: 30,
 * end });
 */
export async function generateBatch(
  model: LanguageModel,
  prompt: ArrayLike<number>,
  options: GenerateBatchOptions,
): Promise<number[][]> {
  const { rows, maxTokens, end, signal } = options;
  checkPrompt(prompt, model, maxTokens);
  const choose = Array.from({ length: rows }, (_, row): Choose => sampler(options, row));
  const texts = choose.map((): number[] => []);
  const done = choose.map(() => false);
  const writer = new Writer(model, rows);
  let next: ArrayLike<number>[] = choose.map(() => prompt);
  for (let count = 0; count < maxTokens && done.includes(false) && !signal?.aborted; count++) {
    const logits = await writer.feed(next);
    const size = logits.length / rows;
    next = choose.map((pick, row) => {
      // What has ended is fed its last token again, and nobody listens.
      if (done[row]) return [end ?? 0];
      const token = pick(logits.subarray(row * size, (row + 1) * size));
      if (token === end) done[row] = true;
      else texts[row].push(token);
      return [token];
    });
  }
  return texts;
}

/** A decoding that begins anew with the last half of its text when the context is full. */
class Writer {
  private readonly model: LanguageModel;
  private readonly texts: number[][];
  private decoding: Decoding | undefined;
  /** How many tokens the decoding has read. */
  private read = 0;

  constructor(model: LanguageModel, rows: number) {
    this.model = model;
    this.texts = Array.from({ length: rows }, () => []);
  }

  async feed(more: readonly ArrayLike<number>[]): Promise<Float32Array> {
    const { model, texts } = this;
    const { contextLength = Number.POSITIVE_INFINITY } = model;
    texts.forEach((text, row) => text.push(...Array.from(more[row])));
    let fresh = more[0].length;
    if (this.decoding === undefined || this.read + fresh > contextLength) {
      this.decoding = await model.begin(texts.length);
      this.read = 0;
      const length = texts[0].length;
      fresh = length <= contextLength ? length : Math.max(1, contextLength >> 1);
    }
    this.read += fresh;
    // What is past the context will never be read again.
    for (const text of texts)
      if (text.length > contextLength) text.splice(0, text.length - contextLength);
    const tokens = new Int32Array(texts.length * fresh);
    texts.forEach((text, row) => tokens.set(text.slice(text.length - fresh), row * fresh));
    return this.decoding.feed(tokens);
  }
}

function checkPrompt(prompt: ArrayLike<number>, model: LanguageModel, maxTokens: number): void {
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 0) {
    throw new ArgumentError("generate", `maxTokens must be an integer from 0, got ${maxTokens}`);
  }
  if (prompt.length === 0) {
    const hint = "begin with the token that begins every text";
    throw new ArgumentError("generate", "the prompt is an empty sequence", { hint });
  }
  checkTokens("generate", prompt, model.vocabularySize);
}
