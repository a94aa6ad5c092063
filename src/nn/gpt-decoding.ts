// Writing text with a GPT token by token: the keys and values of what was read are kept, and each new
// token is computed alone. Not here: the model (gpt.ts), how keys are kept (key-value-cache.ts), or how
// the next token is chosen (anneal/text).

import { compile } from "../tensor/compile.ts";
import { noGrad } from "../tensor/core.ts";
import { dynamicSlice } from "../tensor/ops/dynamic.ts";
import { setState, snapshot } from "../tensor/state.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import type { GPT } from "./gpt.ts";
import { KeyValueCache } from "./key-value-cache.ts";

/** How many tokens of a long prompt are read at once; fewer are read one by one. */
const pieceLength = 32;

/**
 * What all decodings of a model with so many rows share: one compiled function and the caches it works on.
 * They hold the sequences of one decoding at a time. Another that takes its turn has its own put there, and
 * those of the one before are set aside where it can still be asked for them.
 */
export class GptSession {
  readonly caches: readonly KeyValueCache[];
  readonly place: Tensor;
  readonly read: (tokens: Tensor) => Tensor;
  readonly select: (rows: Tensor) => void;
  private owner: WeakRef<GptDecoding> | null = null;

  constructor(model: GPT, rows: number) {
    const { layers, heads, width, contextLength } = model.config;
    this.place = KeyValueCache.place();
    this.caches = Array.from(
      { length: layers },
      () => new KeyValueCache([rows, heads, contextLength, width / heads], this.place),
    );
    this.read = compile((tokens: Tensor) => noGrad(() => this.logits(model, tokens)));
    this.select = compile((from: Tensor) => {
      for (const cache of this.caches) cache.select(from);
    });
  }

  /** tokens (B, T) at the next places → logits (B, V) of what follows the last. */
  private logits(model: GPT, tokens: Tensor): Tensor {
    const T = tokens.shape[1]!;
    const { wpe } = model.transformer;
    const places = dynamicSlice(wpe.weight, [this.place, 0], [T, model.config.width]); // (T, C)
    const last = model.trunk(tokens, places, this.caches).select(1, T - 1); // (B, C)
    this.caches[0]!.advance(T);
    return model.lm_head.forward(last); // (B, V)
  }

  private get kept(): Tensor[] {
    return this.caches.flatMap(({ keys, values }) => [keys, values]);
  }

  /** Gives the caches to a decoding that has `length` tokens, and had them `aside` if any. What lies behind
   *  its place is never read. */
  give(to: GptDecoding, length: number, aside: readonly Tensor[] | null): void {
    const before = this.owner?.deref();
    if (before === to) return;
    before?.setAside(this.kept.map(snapshot));
    const { kept } = this;
    const place = Tensor.from(Int32Array.of(length), []);
    setState([
      [this.place, place],
      ...(aside ?? []).map((t, i): [Tensor, Tensor] => [kept[i]!, t]),
    ]);
    this.owner = new WeakRef(to);
  }
}

/** Sequences that a GPT reads and writes side by side, one a row: a Decoding of anneal/text. The model
 *  should be in evaluation mode (`model.eval()`), or its dropout drops here too. */
export class GptDecoding {
  readonly #model: GPT;
  readonly #rows: number;
  readonly #session: GptSession;
  #aside: readonly Tensor[] | null = null;
  #length = 0;

  constructor(model: GPT, rows: number, session: GptSession) {
    this.#model = model;
    this.#rows = rows;
    this.#session = session;
  }

  /** How many tokens each row has. */
  get length(): number {
    return this.#length;
  }

  /** Keeps its keys and values while another decoding has the caches. */
  setAside(kept: readonly Tensor[]): void {
    this.#aside = kept;
  }

  private open(): GptSession {
    this.#session.give(this, this.#length, this.#aside);
    this.#aside = null;
    return this.#session;
  }

  /**
   * Reads the next tokens of every row, (rows, T) row-major, and gives the logits (rows, V) of what
   * follows. Throws ArgumentError for a token out of the vocabulary, and when more come than fit.
   */
  async feed(tokens: Int32Array): Promise<Float32Array> {
    const rows = this.#rows;
    const T = tokens.length / rows;
    this.check(tokens, T);
    const session = this.open();
    let logits: Tensor | undefined;
    for (let from = 0; from < T; ) {
      const count = T - from >= pieceLength ? pieceLength : 1;
      const piece = new Int32Array(rows * count);
      for (let row = 0; row < rows; row++) {
        const start = row * T + from;
        piece.set(tokens.subarray(start, start + count), row * count);
      }
      logits = session.read(Tensor.from(piece, [rows, count]));
      from += count;
    }
    this.#length += T;
    return (await logits!.data()) as Float32Array;
  }

  private check(tokens: Int32Array, T: number): void {
    const { vocabularySize, contextLength } = this.#model.config;
    if (!Number.isInteger(T) || T < 1) {
      const detail = `${tokens.length} tokens do not divide among ${this.#rows} rows`;
      throw new ArgumentError("feed", detail);
    }
    const bad = tokens.findIndex((token) => token < 0 || token >= vocabularySize);
    if (bad >= 0) {
      const detail = `token ${tokens[bad]} at ${bad} is not in a vocabulary of ${vocabularySize}`;
      throw new ArgumentError("feed", detail);
    }
    if (this.#length + T > contextLength) {
      const detail = `${this.#length + T} tokens do not fit into a context of ${contextLength}`;
      throw new ArgumentError("feed", detail);
    }
  }

  /** Row i goes on from where row `rows[i]` is. */
  select(rows: Int32Array): void {
    const bad = rows.find((row) => row < 0 || row >= this.#rows);
    if (rows.length !== this.#rows || bad !== undefined) {
      const detail = `takes one of ${this.#rows} rows for each row, got [${rows.join(",")}]`;
      throw new ArgumentError("select", detail);
    }
    this.open().select(Tensor.from(rows, [rows.length]));
  }
}
