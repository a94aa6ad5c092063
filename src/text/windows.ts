// Next-token windows: T tokens of a long text, and the T tokens that come one place later.
// Not here: how the windows are ordered (data/, samplers).

import type { Dataset, NdArray } from "../data/index.ts";
import { ArgumentError } from "../util/errors.ts";
import { checkTokens } from "./decoding.ts";

/** What is read, and what should be said after each token of it. */
export interface TokenWindow {
  /** int32 (T) */
  readonly x: NdArray;
  /** int32 (T): token t is the one after token t of x. */
  readonly y: NdArray;
}

export interface WindowOptions {
  /** T */
  length: number;
  /** From the begin of one window to that of the next: 1 gives every window, T those without
   * overlap. */
  stride?: number | undefined;
}

/**
 * The windows of a text as a dataset. With stride 1 and `new RandomSampler(windows.length, {
 * replacement: true, count })` it is nanoGPT's batches; with stride T a whole pass over the text,
 * but for a rest of less than T + 1 tokens.
 *
 * @example
 * const windows = new TokenWindows(Int32Array.of(1, 2, 3, 4, 5), { length: 2 });
 * windows.length; // 2
 * windows.get(1).y.data; // [4, 5]
 */
export class TokenWindows implements Dataset<TokenWindow> {
  readonly length: number;
  private readonly tokens: Int32Array;
  private readonly width: number;
  private readonly stride: number;

  constructor(tokens: ArrayLike<number>, { length, stride = length }: WindowOptions) {
    for (const [name, value] of Object.entries({ length, stride })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new ArgumentError("TokenWindows", `${name} must be an integer from 1, got ${value}`);
    }
    if (tokens.length <= length) {
      const what = `${tokens.length} tokens hold no window of ${length} and the token after it`;
      throw new ArgumentError("TokenWindows", what);
    }
    checkTokens("TokenWindows", tokens, 2 ** 31);
    this.tokens = Int32Array.from(tokens);
    this.width = length;
    this.stride = stride;
    this.length = Math.floor((tokens.length - 1 - length) / stride) + 1;
  }

  /** Window `index`, as views. */
  get(index: number): TokenWindow {
    const from = this.at(index);
    const view = (at: number) => ({
      data: this.tokens.subarray(at, at + this.width),
      shape: [this.width],
    });
    return { x: view(from), y: view(from + 1) };
  }

  /** The windows with these numbers, (B, T) each. */
  batch(indices: Uint32Array): TokenWindow {
    const { width, tokens } = this;
    const shape = [indices.length, width];
    const x = new Int32Array(indices.length * width);
    const y = new Int32Array(indices.length * width);
    indices.forEach((index, row) => {
      const from = this.at(index);
      x.set(tokens.subarray(from, from + width), row * width);
      y.set(tokens.subarray(from + 1, from + 1 + width), row * width);
    });
    return { x: { data: x, shape }, y: { data: y, shape } };
  }

  private at(index: number): number {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return index * this.stride;
    throw new ArgumentError("TokenWindows", `window ${index} is not one of ${this.length}`);
  }
}
