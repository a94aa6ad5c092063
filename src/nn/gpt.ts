// GPT: a decoder-only Transformer that predicts the next token (Radford et al. 2019), with the names and
// initial values of nanoGPT, so that its checkpoints load. It is a LanguageModel of anneal/text.
// Not here: writing text with kept keys and values (gpt-decoding.ts), tokenizers, sampling, training.

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { gelu } from "../tensor/ops/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { scaledDotProductAttention } from "./attention.ts";
import { checkProbability, Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import { GptDecoding, GptSession } from "./gpt-decoding.ts";
import * as init from "./init.ts";
import type { KeyValueCache } from "./key-value-cache.ts";
import { checkCount, checkOptions, Linear } from "./linear.ts";
import { inScope, Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";

export interface GPTOptions {
  /** How many different tokens there are. */
  vocabularySize: number;
  /** The longest sequence. */
  contextLength: number;
  layers?: number | undefined;
  heads?: number | undefined;
  /** The size of a token's vector. */
  width?: number | undefined;
  dropout?: number | undefined;
  /** True gives linear layers and norms biases, as GPT-2 has them. */
  bias?: boolean | undefined;
}

/** Options with nothing left out. */
type Config = { readonly [K in keyof GPTOptions]-?: NonNullable<GPTOptions[K]> };

const spread = 0.02;

/** Self-attention of each place to itself and what came before. x (B, T, C) → (B, T, C). */
class CausalSelfAttention extends Module {
  readonly #config: Config;
  c_attn: Linear; // C → 3C
  c_proj: Linear; // C → C
  resid_dropout: Dropout;

  constructor(config: Config) {
    super();
    const { width, bias, dropout } = config;
    this.#config = config;
    this.c_attn = new Linear(width, 3 * width, { bias });
    this.c_proj = new Linear(width, width, { bias });
    this.resid_dropout = new Dropout(dropout);
  }

  forward(x: Tensor, cache?: KeyValueCache): Tensor {
    return inScope(this, () => {
      const { heads, dropout } = this.#config;
      const [q, k, v] = this.c_attn
        .forward(x)
        .chunk(3, -1)
        .map((t) => t.unflatten(-1, [heads, -1]).transpose(1, 2)) as [Tensor, Tensor, Tensor]; // (B, H, T, D)
      const drop = this.training ? dropout : 0;
      const y =
        cache?.attend(q, k, v) ??
        scaledDotProductAttention(q, k, v, { causal: true, dropout: drop }); // (B, H, T, D)
      return this.resid_dropout.forward(this.c_proj.forward(y.transpose(1, 2).flatten(2)));
    });
  }
}

/** Two linear layers around a gelu, at each place. x (B, T, C) → (B, T, C). */
class MLP extends Module {
  c_fc: Linear; // C → 4C
  c_proj: Linear; // 4C → C
  dropout: Dropout;

  constructor({ width, bias, dropout }: Config) {
    super();
    this.c_fc = new Linear(width, 4 * width, { bias });
    this.c_proj = new Linear(4 * width, width, { bias });
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () =>
      this.dropout.forward(this.c_proj.forward(gelu(this.c_fc.forward(x)))),
    );
  }
}

/** Attention and MLP, each on the normalised input and added to it. x (B, T, C) → (B, T, C). */
class Block extends Module {
  ln_1: LayerNorm;
  attn: CausalSelfAttention;
  ln_2: LayerNorm;
  mlp: MLP;

  constructor(config: Config) {
    super();
    const { width, bias } = config;
    this.ln_1 = new LayerNorm(width, { bias });
    this.attn = new CausalSelfAttention(config);
    this.ln_2 = new LayerNorm(width, { bias });
    this.mlp = new MLP(config);
  }

  forward(x: Tensor, cache?: KeyValueCache): Tensor {
    const h = x.add(this.attn.forward(this.ln_1.forward(x), cache));
    return h.add(this.mlp.forward(this.ln_2.forward(h)));
  }
}

/**
 * A GPT. Its output layer is its token embedding, transposed.
 *
 * @example
 * const model = new nn.GPT({ vocabularySize: 65, contextLength: 64, layers: 4, heads: 4, width: 128 });
 * const logits = model.forward(tokens); // (B, T) int32 → (B, T, 65)
 * const loss = nn.crossEntropy(logits.flatten(0, 1), next.flatten());
 */
export class GPT extends Module {
  readonly config: Config;
  transformer: { wte: Embedding; wpe: Embedding; drop: Dropout; h: Block[]; ln_f: LayerNorm };
  lm_head: Linear; // C → V
  readonly #sessions = new Map<number, GptSession>();

  constructor(options: GPTOptions) {
    super();
    checkOptions(this, options, "use { vocabularySize: 65, contextLength: 64 }");
    this.config = configOf(options);
    const { vocabularySize: V, contextLength: T, width: C, dropout, bias, layers } = this.config;
    this.transformer = {
      wte: new Embedding(V, C),
      wpe: new Embedding(T, C),
      drop: new Dropout(dropout),
      h: Array.from({ length: layers }, () => new Block(this.config)),
      ln_f: new LayerNorm(C, { bias }),
    };
    this.lm_head = new Linear(C, V, { bias: false });
    this.lm_head.weight = this.transformer.wte.weight;
    this.initialize();
  }

  /** Normal numbers of deviation 0.02, those that end a residual path the smaller the deeper. */
  private initialize(): void {
    const last = spread / Math.sqrt(2 * this.config.layers);
    for (const [name, tensor] of this.namedParameters()) {
      if (name.endsWith("bias")) init.zeros(tensor);
      else if (tensor.shape.length > 1) {
        init.normal(tensor, 0, name.endsWith("c_proj.weight") ? last : spread);
      }
    }
  }

  /** tokens (B, T) int32 → logits (B, T, V) of what follows each. */
  forward(tokens: Tensor): Tensor {
    return inScope(this, () => {
      const { contextLength } = this.config;
      const [, T] = tokens.shape;
      if (tokens.shape.length !== 2 || T! > contextLength) {
        const detail = `tokens must be (B, T) with T at most ${contextLength}`;
        throw new ShapeError("GPT", `${detail}, got ${show(tokens.shape)}`, { in: currentScope() });
      }
      const places = this.transformer.wpe.weight.narrow(0, 0, T!); // (T, C)
      return this.lm_head.forward(this.trunk(tokens, places)); // (B, T, V)
    });
  }

  /** The vectors that the output layer reads. places (T, C) → (B, T, C). */
  trunk(tokens: Tensor, places: Tensor, caches: readonly KeyValueCache[] = []): Tensor {
    const { wte, drop, h, ln_f } = this.transformer;
    let x = drop.forward(wte.forward(tokens).add(places)); // (B, T, C)
    h.forEach((block, i) => {
      x = block.forward(x, caches[i]);
    });
    return ln_f.forward(x);
  }

  /** The parameters in two groups: matrices, which decay, and vectors, which do not. */
  parameterGroups(weightDecay: number): { params: Tensor[]; weightDecay: number }[] {
    const isMatrix = (t: Tensor) => t.shape.length > 1;
    const all = this.parameters();
    return [
      { params: all.filter(isMatrix), weightDecay },
      { params: all.filter((t) => !isMatrix(t)), weightDecay: 0 },
    ].filter(({ params }) => params.length > 0);
  }

  // --- as a language model of anneal/text -------------------------------------------------------------

  get vocabularySize(): number {
    return this.config.vocabularySize;
  }

  get contextLength(): number {
    return this.config.contextLength;
  }

  /** Opens `rows` empty sequences, to be fed with tokens. */
  begin(rows = 1): GptDecoding {
    checkCount("GPT", "rows", rows);
    let session = this.#sessions.get(rows);
    if (!session) this.#sessions.set(rows, (session = new GptSession(this, rows)));
    return new GptDecoding(this, rows, session);
  }

  override describe(): string {
    const { layers, heads, width } = this.config;
    return `${layers} layers, ${heads} heads, width ${width}`;
  }
}

function configOf(options: GPTOptions): Config {
  const { layers = 12, heads = 12, width = 768, dropout = 0, bias = false } = options;
  const { vocabularySize, contextLength } = options;
  const counts = { vocabularySize, contextLength, layers, heads, width };
  for (const [name, value] of Object.entries(counts)) checkCount("GPT", name, value);
  checkProbability("GPT", dropout);
  if (width % heads !== 0) {
    throw new ArgumentError("GPT", `width ${width} does not divide into ${heads} heads`);
  }
  return { ...counts, dropout, bias };
}
