// The models of `anneal train translate`: an encoder reads a sentence, a decoder writes another
// with attention to what was read. Two recurrent ones (Luong et al. 2015, without feeding the
// attention back, so that all places of a sentence are computed at once), and a Transformer
// (transformer.ts).
// Not here: the search for a translation (anneal/text), or the training (../translate.ts).

import { arange, cat, compile, nn, noGrad, Tensor, zeros } from "anneal";
import { checkTokens, type Decoding, type LanguageModel, type Padded } from "anneal/text";
import type { Model } from "anneal/train";

/** Sentences and the beginnings of their translations, by name as `fit` gives them. */
export interface Pairs {
  /** int32 (B, S) */
  readonly source: Tensor;
  /** int32 (B): how many tokens of each source are real. */
  readonly lengths: Tensor;
  /** int32 (B, T): the begin token and what follows it. */
  readonly target: Tensor;
  readonly [name: string]: Tensor;
}

export interface TranslationShape {
  readonly vocabularySize: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly dropout: number;
  /** The longest sentence, in tokens. */
  readonly maxLength: number;
}

/** A model that translates. */
export interface TranslationModel extends Model {
  /** Logits (B, T, V) of what follows each token of the target. */
  forward(pairs: Pairs): Tensor;
  /** Where each place of the target looks in the source: (B, T, S), rows that sum to 1. */
  attention(pairs: Pairs): Tensor;
  /** Reads sentences, and gives the model that writes their translations. */
  read(sources: Padded): LanguageModel;
}

/** (B, S): which tokens of the sources are real. */
export function realTokens(lengths: Tensor, places: number): Tensor {
  return arange(places).lt(lengths.unsqueeze(1)); // (B, S)
}

/** Logits from the embedding itself, transposed: (…, D) → (…, V). */
export function tiedLogits(x: Tensor, embedding: nn.Embedding, bias: Tensor): Tensor {
  return x.matmul(embedding.weight.T).add(bias);
}

/** An embedding whose rows have length 1 or so, as one that also makes logits needs. */
export function smallEmbedding(size: number, width: number): nn.Embedding {
  const embedding = new nn.Embedding(size, width);
  nn.init.normal(embedding.weight, 0, width ** -0.5);
  return embedding;
}

type State = readonly Tensor[];

/** What is kept of sources that were read. */
interface Memory {
  readonly memory: Tensor; // (R, S, 2H)
  readonly mask: Tensor; // (R, S)
  readonly state: State; // (1, R, H) each
}

/** The two kinds of recurrent network, with their states as lists. */
const kinds = {
  gru: {
    states: 1,
    make: (from: number, to: number, bidirectional: boolean) =>
      new nn.GRU(from, to, { batchFirst: true, bidirectional }),
    run(net: nn.Module, x: Tensor, state: State | null, lengths?: Tensor): [Tensor, State] {
      const [out, h] = (net as nn.GRU).forward(x, state?.[0] ?? null, lengths ? { lengths } : {});
      return [out, [h]];
    },
  },
  lstm: {
    states: 2,
    make: (from: number, to: number, bidirectional: boolean) =>
      new nn.LSTM(from, to, { batchFirst: true, bidirectional }),
    run(net: nn.Module, x: Tensor, state: State | null, lengths?: Tensor): [Tensor, State] {
      const given = state as readonly [Tensor, Tensor] | null;
      return (net as nn.LSTM).forward(x, given, lengths ? { lengths } : {});
    },
  },
} as const;

/** A bidirectional encoder and a decoder with multiplicative attention. */
export class RecurrentTranslator extends nn.Module implements TranslationModel {
  readonly #kind: (typeof kinds)[keyof typeof kinds];
  readonly #shape: TranslationShape;
  embed: nn.Embedding;
  encoder: nn.Module;
  bridge: nn.Linear; // 2H → states · H
  decoder: nn.Module;
  look: nn.MultiplicativeAttention;
  combine: nn.Linear; // 3H → D
  bias: nn.Parameter; // (V)
  drop: nn.Dropout;

  constructor(kind: keyof typeof kinds, shape: TranslationShape) {
    super();
    const { width: H, vocabularySize, dropout } = shape;
    this.#kind = kinds[kind];
    this.#shape = shape;
    this.embed = smallEmbedding(vocabularySize, H);
    this.encoder = this.#kind.make(H, H, true);
    this.bridge = new nn.Linear(2 * H, this.#kind.states * H);
    this.decoder = this.#kind.make(H, H, false);
    this.look = new nn.MultiplicativeAttention(H, 2 * H);
    this.combine = new nn.Linear(3 * H, H);
    this.bias = new nn.Parameter(zeros(vocabularySize));
    this.drop = new nn.Dropout(dropout);
  }

  forward({ source, lengths, target }: Pairs): Tensor {
    return this.write(target, this.encode(source, lengths))[0];
  }

  attention({ source, lengths, target }: Pairs): Tensor {
    return this.write(target, this.encode(source, lengths))[2];
  }

  private encode(source: Tensor, lengths: Tensor): Memory {
    const x = this.drop.forward(this.embed.forward(source)); // (B, S, D)
    const [memory, [last]] = this.#kind.run(this.encoder, x, null, lengths); // (B, S, 2H), (2, B, H)
    const both = cat([last!.select(0, 0), last!.select(0, 1)], 1); // (B, 2H)
    const state = this.bridge.forward(both).tanh().chunk(this.#kind.states, 1); // (B, H) each
    return {
      memory: this.drop.forward(memory),
      mask: realTokens(lengths, source.shape[1]!),
      state: state.map((part) => part.unsqueeze(0)),
    };
  }

  /** Logits (B, T, V), the states after them, and the weights (B, T, S). */
  private write(target: Tensor, { memory, mask, state }: Memory): [Tensor, State, Tensor] {
    const x = this.drop.forward(this.embed.forward(target)); // (B, T, D)
    const [out, next] = this.#kind.run(this.decoder, x, state); // (B, T, H)
    const [context, weights] = this.look.forward(out, memory, { mask }); // (B, T, 2H), (B, T, S)
    const joined = this.combine.forward(cat([out, context], 2)).tanh(); // (B, T, D)
    return [tiedLogits(this.drop.forward(joined), this.embed, this.bias), next, weights];
  }

  read({ tokens, lengths }: Padded): LanguageModel {
    const { vocabularySize, maxLength } = this.#shape;
    checkTokens("read", tokens.data, vocabularySize);
    const encode = compile((source: Tensor, length: Tensor, times: number) =>
      noGrad(() => {
        const { memory, mask, state } = this.encode(source, length);
        const spread = (x: Tensor, axis: number) => x.repeatInterleave(times, axis);
        return [spread(memory, 0), spread(mask, 0), ...state.map((part) => spread(part, 1))];
      }),
    );
    const begin = (rows: number): Decoding => {
      const source = Tensor.from(tokens.data, tokens.shape);
      const count = Tensor.from(lengths.data, lengths.shape);
      const [memory, mask, ...state] = encode(source, count, rows / lengths.data.length);
      return this.decoding({ memory: memory!, mask: mask!, state }, rows);
    };
    return { vocabularySize, contextLength: maxLength, normalized: true, begin };
  }

  private decoding({ memory, mask, state: first }: Memory, rows: number): Decoding {
    const step = compile((token: Tensor, memory: Tensor, mask: Tensor, state: State) =>
      noGrad(() => {
        const [logits, next] = this.write(token, { memory, mask, state }); // (R, T, V)
        return [logits.select(1, token.shape[1]! - 1).logSoftmax(1), ...next];
      }),
    );
    const pick = compile((state: State, from: Tensor) => state.map((s) => s.indexSelect(1, from)));
    let state = first;
    return {
      feed: async (tokens) => {
        checkTokens("feed", tokens, this.#shape.vocabularySize);
        const token = Tensor.from(tokens, [rows, tokens.length / rows]);
        const [logits, ...next] = step(token, memory, mask, state);
        state = next;
        return (await logits!.data()) as Float32Array;
      },
      select: (from) => {
        state = pick(state, Tensor.from(from, [rows]));
      },
    };
  }
}
