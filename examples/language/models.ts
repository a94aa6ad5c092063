// The language models of `anneal train lm` and `names`: each gives logits for every place of a
// window, and writes text through the interface of anneal/text. Nothing that a user could not
// write.
// Not here: GPT (nn/), the training (lm.ts, names.ts), or the choice of tokens (text/).

import { ArgumentError, cat, compile, nn, Tensor, zeros } from "anneal";
import { checkTokens, type Decoding, type LanguageModel, windowed } from "anneal/text";
import type { Model } from "anneal/train";

/** What a language model is made of. */
export interface LanguageShape {
  readonly vocabularySize: number;
  /** Tokens in a window. */
  readonly contextLength: number;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly dropout: number;
}

/** Logits (B, T, V) of windows (B, T), and text token by token. */
export type TextModel = Model & LanguageModel & { forward(tokens: Tensor): Tensor };

/** How many tokens the multilayer perceptron looks back. */
const lookBack = 8;

/** A multilayer perceptron over the last eight tokens, after Bengio et al. 2003. */
export class MlpLanguageModel extends nn.Module implements LanguageModel {
  readonly vocabularySize: number;
  readonly contextLength: number;
  embed: nn.Embedding;
  hidden: nn.Linear;
  out: nn.Linear;
  private readonly writer: LanguageModel;

  constructor({ vocabularySize, contextLength, width }: LanguageShape) {
    super();
    this.vocabularySize = vocabularySize;
    this.contextLength = contextLength;
    this.embed = new nn.Embedding(vocabularySize, 32);
    this.hidden = new nn.Linear(lookBack * 32, width);
    this.out = new nn.Linear(width, vocabularySize);
    const forward = compile((tokens: Tensor) => this.forward(tokens).detach());
    this.writer = windowed(
      (tokens, shape) => forward(Tensor.from(tokens, shape)).data() as Promise<Float32Array>,
      { vocabularySize, contextLength },
    );
  }

  forward(tokens: Tensor): Tensor {
    const [B, T] = tokens.shape as [number, number];
    const x = this.embed.forward(tokens); // (B, T, 32)
    const before = cat([zeros(B, lookBack - 1, 32), x], 1); // (B, 7 + T, 32)
    const last = Array.from({ length: lookBack }, (_, i) => before.narrow(1, i, T));
    const h = this.hidden.forward(cat(last, 2)).tanh(); // (B, T, width)
    return this.out.forward(h); // (B, T, V)
  }

  begin(rows: number): Decoding | Promise<Decoding> {
    return this.writer.begin(rows);
  }
}

/** How many tokens of a prompt are read at once; the rest one by one, so that few programs come
 * up. */
const piece = 16;

/** An LSTM with an embedding before it and a linear layer behind it. */
export class LstmLanguageModel extends nn.Module implements LanguageModel {
  readonly vocabularySize: number;
  private readonly layers: number;
  private readonly width: number;
  embed: nn.Embedding;
  lstm: nn.LSTM;
  drop: nn.Dropout;
  out: nn.Linear;

  constructor({ vocabularySize, layers, width, dropout }: LanguageShape) {
    super();
    Object.assign(this, { vocabularySize, layers, width });
    this.vocabularySize = vocabularySize;
    this.layers = layers;
    this.width = width;
    this.embed = new nn.Embedding(vocabularySize, 64);
    this.lstm = new nn.LSTM(64, width, { numLayers: layers, batchFirst: true, dropout });
    this.drop = new nn.Dropout(dropout);
    this.out = new nn.Linear(width, vocabularySize);
  }

  forward(tokens: Tensor): Tensor {
    const [y] = this.lstm.forward(this.embed.forward(tokens)); // (B, T, H)
    return this.out.forward(this.drop.forward(y)); // (B, T, V)
  }

  /** The states are all that is kept, so that a text may be as long as one likes. */
  begin(rows: number): Decoding {
    const step = compile((tokens: Tensor, h: Tensor, c: Tensor) => {
      const [y, [nextH, nextC]] = this.lstm.forward(this.embed.forward(tokens), [h, c]); // (B, T, H)
      const last = y.select(1, tokens.shape[1]! - 1); // (B, H)
      return [this.out.forward(last).detach(), nextH.detach(), nextC.detach()] as const;
    });
    const pick = compile((state: Tensor, from: Tensor) => state.indexSelect(1, from));
    let [h, c] = [zeros(this.layers, rows, this.width), zeros(this.layers, rows, this.width)];
    return {
      feed: async (tokens) => {
        checkTokens("feed", tokens, this.vocabularySize);
        let logits: Tensor | undefined;
        for (const part of pieces(tokens, rows)) {
          [logits, h, c] = step(part, h, c);
        }
        if (logits === undefined) throw new ArgumentError("feed", "there is no token to read");
        return (await logits.data()) as Float32Array;
      },
      select: (from) => {
        const index = Tensor.from(from, [rows]);
        [h, c] = [pick(h, index), pick(c, index)];
      },
    };
  }
}

/** Tokens (rows, T) as tensors (rows, 16) and (rows, 1). */
function pieces(tokens: Int32Array, rows: number): Tensor[] {
  const length = tokens.length / rows;
  const found: Tensor[] = [];
  for (let from = 0; from < length; ) {
    const count = length - from >= piece ? piece : 1;
    const part = new Int32Array(rows * count);
    for (let row = 0; row < rows; row++) {
      const start = row * length + from;
      part.set(tokens.subarray(start, start + count), row * count);
    }
    found.push(Tensor.from(part, [rows, count]));
    from += count;
  }
  return found;
}

/** The models by name. */
export const languageModels = {
  mlp: (shape: LanguageShape): TextModel => new MlpLanguageModel(shape),
  lstm: (shape: LanguageShape): TextModel => new LstmLanguageModel(shape),
  gpt: (shape: LanguageShape): TextModel => new nn.GPT(shape),
} as const;

export type LanguageModelName = keyof typeof languageModels;
