// One layer of a Transformer's encoder or decoder, after Vaswani et al. 2017, under PyTorch's names.
// Not here: stacks of them and the whole network (transformer.ts), attention itself.

import { gelu, relu } from "../tensor/ops/activations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { MultiheadAttention, type MultiheadAttentionCall } from "./attention-multihead.ts";
import { Dropout } from "./dropout.ts";
import type { KeyValueCache } from "./key-value-cache.ts";
import { checkCount, checkOptions, Linear } from "./linear.ts";
import { inScope, Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";

export interface TransformerLayerOptions {
  /** The width between the two linear layers. */
  dimFeedforward?: number | undefined;
  dropout?: number | undefined;
  activation?: "relu" | "gelu" | ((x: Tensor) => Tensor) | undefined;
  layerNormEps?: number | undefined;
  /** True takes (B, T, E) instead of PyTorch's (T, B, E). */
  batchFirst?: boolean | undefined;
  /** True normalises what goes into each part instead of what comes out. */
  normFirst?: boolean | undefined;
  /** False leaves the biases of linear layers and norms out. */
  bias?: boolean | undefined;
}

/** Masks of an encoder: true hides a key; see {@link HidingMasks}. */
export interface EncoderMasks {
  /** (T, T) or (B·H, T, T). */
  mask?: Tensor | undefined;
  /** (B, T). */
  srcKeyPaddingMask?: Tensor | undefined;
  /** Each place sees itself and what came before. */
  causal?: boolean | undefined;
}

/** Masks of a decoder: true hides a key; see {@link HidingMasks}. */
export interface DecoderMasks {
  /** (T, T) or (B·H, T, T). */
  tgtMask?: Tensor | undefined;
  /** (T, S) or (B·H, T, S). */
  memoryMask?: Tensor | undefined;
  /** (B, T). */
  tgtKeyPaddingMask?: Tensor | undefined;
  /** (B, S). */
  memoryKeyPaddingMask?: Tensor | undefined;
  /** Each place of the target sees itself and what came before. */
  causal?: boolean | undefined;
}

/** How a decoder goes on token by token: kept keys and values, one cache a layer. */
export interface DecoderCall extends DecoderMasks {
  cache?: KeyValueCache | undefined;
}

const activations = { relu: (x: Tensor) => relu(x), gelu: (x: Tensor) => gelu(x) };

function activationOf(given: TransformerLayerOptions["activation"] = "relu") {
  const f = typeof given === "function" ? given : activations[given];
  if (f !== undefined) return f;
  throw new ArgumentError("TransformerLayer", `there is no activation "${String(given)}"`, {
    hint: 'use "relu", "gelu" or a function of a tensor',
  });
}

// What both layers share: the two linear layers and how a part is added to what it was made from.
abstract class TransformerLayer extends Module {
  readonly dModel: number;
  readonly heads: number;
  readonly normFirst: boolean;
  readonly batchFirst: boolean;
  #options: TransformerLayerOptions;

  constructor(dModel: number, heads: number, options: TransformerLayerOptions) {
    super();
    checkOptions(this, options, "use { dimFeedforward: 2048 }");
    this.dModel = checkCount(this.constructor.name, "dModel", dModel);
    this.heads = checkCount(this.constructor.name, "heads", heads);
    checkCount(this.constructor.name, "dimFeedforward", options.dimFeedforward ?? 2048);
    this.normFirst = options.normFirst ?? false;
    this.batchFirst = options.batchFirst ?? false;
    this.#options = options;
    activationOf(options.activation);
  }

  protected get options(): TransformerLayerOptions {
    return this.#options;
  }

  protected attention(): MultiheadAttention {
    const { dropout = 0.1, bias, batchFirst } = this.options;
    return new MultiheadAttention(this.dModel, this.heads, { dropout, bias, batchFirst });
  }

  protected norm(): LayerNorm {
    return new LayerNorm(this.dModel, { eps: this.options.layerNormEps, bias: this.options.bias });
  }

  protected linear(inFeatures: number, outFeatures: number): Linear {
    return new Linear(inFeatures, outFeatures, { bias: this.options.bias });
  }

  protected drop(): Dropout {
    return new Dropout(this.options.dropout ?? 0.1);
  }

  protected activate(x: Tensor): Tensor {
    return activationOf(this.options.activation)(x);
  }

  /** x + f(x), normalised before f or after the sum. */
  protected residual(x: Tensor, norm: LayerNorm, f: (x: Tensor) => Tensor): Tensor {
    return this.normFirst ? x.add(f(norm.forward(x))) : norm.forward(x.add(f(x)));
  }

  override describe(): string {
    return `${this.dModel} in ${this.heads} heads, between ${this.options.dimFeedforward ?? 2048}`;
  }
}

/** The output of an attention layer without its weights. */
function attend(
  layer: MultiheadAttention,
  q: Tensor,
  kv: Tensor,
  masks: MultiheadAttentionCall,
): Tensor {
  return layer.forward(q, kv, kv, { ...masks, needWeights: false })[0];
}

/**
 * Self-attention and two linear layers, each added to its input and normalised, as
 * torch.nn.TransformerEncoderLayer. (T, B, E), or (B, T, E) with `batchFirst`.
 *
 * @example
 * const layer = new nn.TransformerEncoderLayer(128, 4, { dimFeedforward: 512, batchFirst: true });
 * layer.forward(x, { srcKeyPaddingMask: tokens.eq(0) }); // (B, T, 128) → (B, T, 128)
 */
export class TransformerEncoderLayer extends TransformerLayer {
  self_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;

  constructor(dModel: number, heads: number, options: TransformerLayerOptions = {}) {
    super(dModel, heads, options);
    const { dimFeedforward = 2048 } = options;
    this.self_attn = this.attention();
    this.linear1 = this.linear(dModel, dimFeedforward);
    this.dropout = this.drop();
    this.linear2 = this.linear(dimFeedforward, dModel);
    this.norm1 = this.norm();
    this.norm2 = this.norm();
    this.dropout1 = this.drop();
    this.dropout2 = this.drop();
  }

  forward(src: Tensor, masks: EncoderMasks = {}): Tensor {
    return inScope(this, () => {
      const { mask: attnMask, srcKeyPaddingMask: keyPaddingMask, causal } = masks;
      const own = { attnMask, keyPaddingMask, causal };
      const x = this.residual(src, this.norm1, (v) =>
        this.dropout1.forward(attend(this.self_attn, v, v, own)),
      );
      return this.residual(x, this.norm2, (v) => this.dropout2.forward(this.feedForward(v)));
    });
  }

  private feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.dropout.forward(this.activate(this.linear1.forward(x))));
  }

  /** A layer of its own with the same values. */
  clone(): TransformerEncoderLayer {
    const copy = new TransformerEncoderLayer(this.dModel, this.heads, this.options);
    return copy.loadStateDict(this.stateDict());
  }
}

/**
 * Self-attention, attention to the encoder's result and two linear layers, as
 * torch.nn.TransformerDecoderLayer.
 */
export class TransformerDecoderLayer extends TransformerLayer {
  self_attn: MultiheadAttention;
  multihead_attn: MultiheadAttention;
  linear1: Linear;
  dropout: Dropout;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  norm3: LayerNorm;
  dropout1: Dropout;
  dropout2: Dropout;
  dropout3: Dropout;

  constructor(dModel: number, heads: number, options: TransformerLayerOptions = {}) {
    super(dModel, heads, options);
    const { dimFeedforward = 2048 } = options;
    this.self_attn = this.attention();
    this.multihead_attn = this.attention();
    this.linear1 = this.linear(dModel, dimFeedforward);
    this.dropout = this.drop();
    this.linear2 = this.linear(dimFeedforward, dModel);
    this.norm1 = this.norm();
    this.norm2 = this.norm();
    this.norm3 = this.norm();
    this.dropout1 = this.drop();
    this.dropout2 = this.drop();
    this.dropout3 = this.drop();
  }

  /** tgt (T, B, E), memory (S, B, E) → (T, B, E). */
  forward(tgt: Tensor, memory: Tensor, masks: DecoderCall = {}): Tensor {
    return inScope(this, () => {
      const own = {
        cache: masks.cache,
        attnMask: masks.tgtMask,
        keyPaddingMask: masks.tgtKeyPaddingMask,
        causal: masks.causal,
      };
      const other = { attnMask: masks.memoryMask, keyPaddingMask: masks.memoryKeyPaddingMask };
      const x = this.residual(tgt, this.norm1, (v) =>
        this.dropout1.forward(attend(this.self_attn, v, v, own)),
      );
      const y = this.residual(x, this.norm2, (v) =>
        this.dropout2.forward(attend(this.multihead_attn, v, memory, other)),
      );
      return this.residual(y, this.norm3, (v) => this.dropout3.forward(this.feedForward(v)));
    });
  }

  private feedForward(x: Tensor): Tensor {
    return this.linear2.forward(this.dropout.forward(this.activate(this.linear1.forward(x))));
  }

  /** A layer of its own with the same values. */
  clone(): TransformerDecoderLayer {
    const copy = new TransformerDecoderLayer(this.dModel, this.heads, this.options);
    return copy.loadStateDict(this.stateDict());
  }
}
