// A Transformer that translates (Vaswani et al. 2017), with the norms before each part, one
// embedding for both languages and for the output, and keys and values of what was written kept
// while it writes.
// Not here: the recurrent models, or what all have in common (models.ts).

import { ArgumentError, compile, dynamicSlice, nn, noGrad, Tensor, where, zeros } from "anneal";
import { checkTokens, type Decoding, type LanguageModel, type Padded } from "anneal/text";
import {
  type Pairs,
  realTokens,
  smallEmbedding,
  type TranslationModel,
  type TranslationShape,
  tiedLogits,
} from "./models.ts";

/** Attention of several heads, its three projections apart so that keys can be kept. */
class Attention extends nn.Module {
  readonly #heads: number;
  q: nn.Linear;
  k: nn.Linear;
  v: nn.Linear;
  out: nn.Linear;

  constructor(width: number, heads: number) {
    super();
    this.#heads = heads;
    this.q = new nn.Linear(width, width);
    this.k = new nn.Linear(width, width);
    this.v = new nn.Linear(width, width);
    this.out = new nn.Linear(width, width);
  }

  seen(x: Tensor): nn.Seen {
    return { keys: this.split(this.k.forward(x)), values: this.split(this.v.forward(x)) };
  }

  /** x (B, T, C) → (B, T, C). */
  look(x: Tensor, { keys, values }: nn.Seen, options: nn.AttentionOptions): Tensor {
    const q = this.split(this.q.forward(x)); // (B, H, T, D)
    const y = nn.scaledDotProductAttention(q, keys, values, options); // (B, H, T, D)
    return this.out.forward(y.transpose(1, 2).flatten(2));
  }

  /** The mean over heads of where each place looks: (B, T, S). */
  weights(x: Tensor, { keys }: nn.Seen, mask: Tensor): Tensor {
    const q = this.split(this.q.forward(x)); // (B, H, T, D)
    const scores = q.matmul(keys.mT).div(Math.sqrt(q.shape.at(-1)!)); // (B, H, T, S)
    return where(mask, scores, -1e30).softmax(-1).mean(1);
  }

  private split(x: Tensor): Tensor {
    return x.unflatten(-1, [this.#heads, -1]).transpose(1, 2); // (B, H, T, D)
  }
}

class FeedForward extends nn.Module {
  up: nn.Linear;
  down: nn.Linear;

  constructor(width: number) {
    super();
    this.up = new nn.Linear(width, 2 * width);
    this.down = new nn.Linear(2 * width, width);
  }

  forward(x: Tensor): Tensor {
    return this.down.forward(this.up.forward(x).relu());
  }
}

class EncoderBlock extends nn.Module {
  norm1: nn.LayerNorm;
  self: Attention;
  norm2: nn.LayerNorm;
  feed: FeedForward;
  drop: nn.Dropout;

  constructor({ width, heads, dropout }: TranslationShape) {
    super();
    this.norm1 = new nn.LayerNorm(width);
    this.self = new Attention(width, heads);
    this.norm2 = new nn.LayerNorm(width);
    this.feed = new FeedForward(width);
    this.drop = new nn.Dropout(dropout);
  }

  forward(x: Tensor, mask: Tensor): Tensor {
    const own = this.norm1.forward(x);
    x = x.add(this.drop.forward(this.self.look(own, this.self.seen(own), { mask })));
    return x.add(this.drop.forward(this.feed.forward(this.norm2.forward(x))));
  }
}

class DecoderBlock extends nn.Module {
  norm1: nn.LayerNorm;
  self: Attention;
  norm2: nn.LayerNorm;
  cross: Attention;
  norm3: nn.LayerNorm;
  feed: FeedForward;
  drop: nn.Dropout;

  constructor({ width, heads, dropout }: TranslationShape) {
    super();
    this.norm1 = new nn.LayerNorm(width);
    this.self = new Attention(width, heads);
    this.norm2 = new nn.LayerNorm(width);
    this.cross = new Attention(width, heads);
    this.norm3 = new nn.LayerNorm(width);
    this.feed = new FeedForward(width);
    this.drop = new nn.Dropout(dropout);
  }

  /** `own` makes of this block's own keys and values those that are looked at. */
  forward(
    x: Tensor,
    memory: nn.Seen,
    mask: Tensor,
    own: (seen: nn.Seen) => nn.Seen,
    offset: Offset,
  ): Tensor {
    const before = this.norm1.forward(x); // (B, T, C)
    const seen = own(this.self.seen(before));
    x = x.add(this.drop.forward(this.self.look(before, seen, { causal: true, ...offset })));
    x = x.add(this.drop.forward(this.cross.look(this.norm2.forward(x), memory, { mask })));
    return x.add(this.drop.forward(this.feed.forward(this.norm3.forward(x))));
  }
}

type Offset = Pick<nn.AttentionOptions, "offset">;

/** Encoder and decoder of a few blocks each. */
export class TransformerTranslator extends nn.Module implements TranslationModel {
  readonly #shape: TranslationShape;
  readonly #places: Tensor; // (M, C)
  embed: nn.Embedding;
  encoder: nn.ModuleList<EncoderBlock>;
  encoderNorm: nn.LayerNorm;
  decoder: nn.ModuleList<DecoderBlock>;
  decoderNorm: nn.LayerNorm;
  bias: nn.Parameter; // (V)
  drop: nn.Dropout;

  constructor(shape: TranslationShape) {
    super();
    const { width, heads, layers, vocabularySize, dropout, maxLength } = shape;
    if (width % heads !== 0) {
      throw new ArgumentError("--width", `${width} does not divide into ${heads} heads`);
    }
    this.#shape = shape;
    this.#places = nn.sinusoidalPositions(maxLength, width);
    this.embed = smallEmbedding(vocabularySize, width);
    const times = Array.from({ length: layers });
    this.encoder = new nn.ModuleList(times.map(() => new EncoderBlock(shape)));
    this.encoderNorm = new nn.LayerNorm(width);
    this.decoder = new nn.ModuleList(times.map(() => new DecoderBlock(shape)));
    this.decoderNorm = new nn.LayerNorm(width);
    this.bias = new nn.Parameter(zeros(vocabularySize));
    this.drop = new nn.Dropout(dropout);
  }

  forward({ source, lengths, target }: Pairs): Tensor {
    const mask = maskOf(lengths, source.shape[1]!);
    const memory = this.encode(source, mask); // (B, S, C)
    let x = this.embedded(target, this.#places.narrow(0, 0, target.shape[1]!)); // (B, T, C)
    for (const block of this.decoder) {
      x = block.forward(x, block.cross.seen(memory), mask, (seen) => seen, {});
    }
    return this.logits(x);
  }

  attention({ source, lengths, target }: Pairs): Tensor {
    const mask = maskOf(lengths, source.shape[1]!);
    const memory = this.encode(source, mask);
    let x = this.embedded(target, this.#places.narrow(0, 0, target.shape[1]!));
    let weights: Tensor | undefined;
    for (const block of this.decoder) {
      const seen = block.cross.seen(memory);
      const before = block.norm1.forward(x);
      const own = block.self.look(before, block.self.seen(before), { causal: true });
      weights = block.cross.weights(block.norm2.forward(x.add(own)), seen, mask);
      x = block.forward(x, seen, mask, (same) => same, {});
    }
    return weights!; // of the last block
  }

  private encode(source: Tensor, mask: Tensor): Tensor {
    let x = this.embedded(source, this.#places.narrow(0, 0, source.shape[1]!)); // (B, S, C)
    for (const block of this.encoder) x = block.forward(x, mask);
    return this.encoderNorm.forward(x);
  }

  private embedded(tokens: Tensor, places: Tensor): Tensor {
    const x = this.embed.forward(tokens).mul(Math.sqrt(this.#shape.width));
    return this.drop.forward(x.add(places)); // (B, T, C)
  }

  private logits(x: Tensor): Tensor {
    return tiedLogits(this.decoderNorm.forward(x), this.embed, this.bias);
  }

  read({ tokens, lengths }: Padded): LanguageModel {
    const { vocabularySize, maxLength } = this.#shape;
    checkTokens("read", tokens.data, vocabularySize);
    const encode = compile((source: Tensor, count: Tensor, times: number) =>
      noGrad(() => {
        const mask = maskOf(count, source.shape[1]!);
        const memory = this.encode(source, mask).repeatInterleave(times, 0); // (R, S, C)
        const seen = [...this.decoder].map((block) => block.cross.seen(memory));
        return { mask: mask.repeatInterleave(times, 0), seen };
      }),
    );
    const begin = (rows: number): Decoding => {
      const source = Tensor.from(tokens.data, tokens.shape);
      const count = Tensor.from(lengths.data, lengths.shape);
      const { mask, seen } = encode(source, count, rows / lengths.data.length);
      return this.decoding(rows, mask, seen);
    };
    return { vocabularySize, contextLength: maxLength, normalized: true, begin };
  }

  private decoding(rows: number, mask: Tensor, memory: readonly nn.Seen[]): Decoding {
    const { vocabularySize, maxLength, width, heads } = this.#shape;
    const place = nn.KeyValueCache.place();
    const room = [rows, heads, maxLength, width / heads] as const;
    const kept = memory.map(() => new nn.KeyValueCache(room, place));
    const step = compile((token: Tensor, mask: Tensor, memory: readonly nn.Seen[]) =>
      noGrad(() => {
        const T = token.shape[1]!;
        const places = dynamicSlice(this.#places, [place, 0], [T, width]); // (T, C)
        let x = this.embedded(token, places); // (R, T, C)
        [...this.decoder].forEach((block, i) => {
          const add = ({ keys, values }: nn.Seen) => kept[i]!.put(keys, values);
          x = block.forward(x, memory[i]!, mask, add, { offset: place });
        });
        kept[0]!.advance(T);
        return this.logits(x.select(1, T - 1)).logSoftmax(1); // (R, V)
      }),
    );
    const pick = compile((from: Tensor) => {
      for (const cache of kept) cache.select(from);
    });
    let length = 0;
    return {
      feed: async (tokens) => {
        checkTokens("feed", tokens, vocabularySize);
        const count = tokens.length / rows;
        if (length + count > maxLength) {
          const what = `${length + count} tokens do not fit into ${maxLength}`;
          throw new ArgumentError("feed", what);
        }
        length += count;
        const logits = step(Tensor.from(tokens, [rows, count]), mask, memory);
        return (await logits.data()) as Float32Array;
      },
      select: (from) => void pick(Tensor.from(from, [rows])),
    };
  }
}

/** (B, 1, 1, S): what may be looked at, for all heads and places. */
function maskOf(lengths: Tensor, places: number): Tensor {
  return realTokens(lengths, places).unsqueeze(1).unsqueeze(1);
}
