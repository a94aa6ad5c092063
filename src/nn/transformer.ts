// Stacks of Transformer layers, and the encoder-decoder of Vaswani et al. 2017, under PyTorch's names.
// Not here: the layers (transformer-layers.ts), positions (positions.ts), embeddings.

import { full } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { ModuleList } from "./containers.ts";
import * as init from "./init.ts";
import { KeyValueCache } from "./key-value-cache.ts";
import { checkCount, checkOptions } from "./linear.ts";
import { inScope, Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";
import {
  type DecoderMasks,
  type EncoderMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer-layers.ts";

/** The layer and copies of it: they start with the same values, as PyTorch's do. */
function stacked<M extends Module & { clone(): M }>(layer: M, count: number): ModuleList<M> {
  const copies = Array.from({ length: count - 1 }, () => layer.clone());
  return new ModuleList(count === 0 ? [] : [layer, ...copies]);
}

/**
 * Encoder layers one after the other, as torch.nn.TransformerEncoder. Its layers start as copies of the
 * one given.
 *
 * @example
 * const layer = new nn.TransformerEncoderLayer(128, 4, { batchFirst: true });
 * new nn.TransformerEncoder(layer, 6).forward(x, { causal: true }); // (B, T, 128) → (B, T, 128)
 */
export class TransformerEncoder extends Module {
  layers: ModuleList<TransformerEncoderLayer>;
  norm: LayerNorm | null;

  constructor(layer: TransformerEncoderLayer, count: number, norm: LayerNorm | null = null) {
    super();
    this.layers = stacked(layer, checkCount("TransformerEncoder", "count", count, 0));
    this.norm = norm;
  }

  /** src (T, B, E) → (T, B, E). */
  forward(src: Tensor, masks: EncoderMasks = {}): Tensor {
    return inScope(this, () => {
      let x = src;
      for (const layer of this.layers) x = layer.forward(x, masks);
      return this.norm?.forward(x) ?? x;
    });
  }
}

/** Decoder layers one after the other, as torch.nn.TransformerDecoder. */
export class TransformerDecoder extends Module {
  layers: ModuleList<TransformerDecoderLayer>;
  norm: LayerNorm | null;

  constructor(layer: TransformerDecoderLayer, count: number, norm: LayerNorm | null = null) {
    super();
    this.layers = stacked(layer, checkCount("TransformerDecoder", "count", count, 0));
    this.norm = norm;
  }

  /** tgt (T, B, E), memory (S, B, E) → (T, B, E). With `caches` the target goes on from the calls before;
   *  they move on by themselves. */
  forward(
    tgt: Tensor,
    memory: Tensor,
    masks: DecoderMasks & { caches?: readonly KeyValueCache[] | undefined } = {},
  ): Tensor {
    return inScope(this, () => {
      const { caches, ...others } = masks;
      if (caches !== undefined && caches.length !== this.layers.length) {
        const detail = `${caches.length} caches for ${this.layers.length} layers`;
        throw new ArgumentError("TransformerDecoder", detail, { hint: "use cachesFor(B, length)" });
      }
      let [x, i] = [tgt, 0];
      for (const layer of this.layers) {
        x = layer.forward(x, memory, { ...others, cache: caches?.[i++] });
      }
      caches?.[0]?.advance(tgt.shape[this.layers.at(0).batchFirst ? 1 : 0]!);
      return this.norm?.forward(x) ?? x;
    });
  }

  /**
   * A cache for each layer, for targets of up to `length` places.
   *
   * @example
   * const caches = decoder.cachesFor(1, 100);
   * const step = compile((token: Tensor) => decoder.forward(token, memory, { caches })); // (1, 1, E)
   */
  cachesFor(batch: number, length: number): KeyValueCache[] {
    const place = KeyValueCache.place();
    return [...this.layers].map((layer) => layer.self_attn.cacheFor(batch, length, place));
  }
}

export interface TransformerOptions extends TransformerLayerOptions {
  dModel?: number | undefined;
  heads?: number | undefined;
  encoderLayers?: number | undefined;
  decoderLayers?: number | undefined;
}

/** Masks of a whole Transformer: true hides a key. */
export interface TransformerMasks extends DecoderMasks {
  /** (S, S) or (B·H, S, S). */
  srcMask?: Tensor | undefined;
  /** (B, S). */
  srcKeyPaddingMask?: Tensor | undefined;
}

/**
 * The encoder-decoder, as torch.nn.Transformer: without embeddings and positions.
 *
 * @example
 * const model = new nn.Transformer({ dModel: 256, heads: 8, batchFirst: true });
 * model.forward(src, tgt, { causal: true }); // (B, S, 256), (B, T, 256) → (B, T, 256)
 */
export class Transformer extends Module {
  encoder: TransformerEncoder;
  decoder: TransformerDecoder;

  constructor(options: TransformerOptions = {}) {
    super();
    checkOptions(this, options, "use { dModel: 512, heads: 8 }");
    const { dModel = 512, heads = 8, encoderLayers = 6, decoderLayers = 6, ...layer } = options;
    const norm = () => new LayerNorm(dModel, { eps: layer.layerNormEps, bias: layer.bias });
    const first = new TransformerEncoderLayer(dModel, heads, layer);
    this.encoder = new TransformerEncoder(first, encoderLayers, norm());
    const second = new TransformerDecoderLayer(dModel, heads, layer);
    this.decoder = new TransformerDecoder(second, decoderLayers, norm());
    for (const tensor of this.parameters()) {
      if (tensor.shape.length > 1) init.xavierUniform(tensor);
    }
  }

  /** src (S, B, E), tgt (T, B, E) → (T, B, E). */
  forward(src: Tensor, tgt: Tensor, masks: TransformerMasks = {}): Tensor {
    return inScope(this, () => {
      checkOptions(this, masks, "use { srcMask }");
      const { srcMask, srcKeyPaddingMask, ...others } = masks;
      const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask });
      return this.decoder.forward(tgt, memory, others);
    });
  }

  /** -∞ where a place would see a later one, else 0: a float mask (size, size), to be added. */
  static generateSquareSubsequentMask(size: number): Tensor {
    if (!Number.isInteger(size) || size < 1) {
      throw new ArgumentError("generateSquareSubsequentMask", `takes a size, got ${size}`);
    }
    return full([size, size], -Infinity).triu(1);
  }
}
