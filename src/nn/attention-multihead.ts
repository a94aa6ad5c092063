// MultiheadAttention: projections around scaled dot-product attention, under PyTorch's names and with its
// initial values. Its masks have PyTorch's meaning there: true hides a key, where
// scaledDotProductAttention's true shows it. Not here: the layers that contain it (transformer-layers.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { ones, zeros } from "../tensor/create.ts";
import { cat } from "../tensor/ops/join.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { attentionWeights, causalMask, checkMask, scaledDotProductAttention } from "./attention.ts";
import { checkProbability } from "./dropout.ts";
import * as init from "./init.ts";
import { KeyValueCache } from "./key-value-cache.ts";
import { checkCount, checkOptions, Linear, linear } from "./linear.ts";
import { inScope, Module } from "./module.ts";

export interface MultiheadAttentionOptions {
  /** The probability with which a weight is dropped while training. */
  dropout?: number | undefined;
  /** False leaves the biases of the projections out. */
  bias?: boolean | undefined;
  /** True adds a learned key and a learned value to every sequence. */
  addBiasKv?: boolean | undefined;
  /** True adds a key and a value of zeros to every sequence. */
  addZeroAttn?: boolean | undefined;
  /** The size of keys, where it is not that of queries. */
  kdim?: number | undefined;
  /** The size of values, where it is not that of queries. */
  vdim?: number | undefined;
  /** True takes (B, T, E) instead of PyTorch's (T, B, E). */
  batchFirst?: boolean | undefined;
}

/** What hides keys from queries. A bool mask is true where a key is hidden; a float mask is added. */
export interface HidingMasks {
  /** (B, S): keys that no query of the sequence sees, such as padding. */
  keyPaddingMask?: Tensor | undefined;
  /** (L, S), or (B·H, L, S) for each head of each sequence. */
  attnMask?: Tensor | undefined;
  /** Query i sees the keys 0 … i. */
  causal?: boolean | undefined;
}

export interface MultiheadAttentionCall extends HidingMasks {
  /** False gives null for the weights, which long sequences are then spared. */
  needWeights?: boolean | undefined;
  /** False gives the weights of each head, (B, H, L, S), not their mean over heads, (B, L, S). */
  averageAttnWeights?: boolean | undefined;
  /** Kept keys and values, for self-attention that goes on token by token: key and value are put behind
   *  those of the calls before, and each query sees all up to its own place. Advance it when all layers
   *  have gone by. */
  cache?: KeyValueCache | undefined;
}

/**
 * Attention in several heads, as torch.nn.MultiheadAttention: (T, B, E) unless `batchFirst`, and (T, E)
 * without a batch.
 *
 * @example
 * const attention = new nn.MultiheadAttention(128, 4, { batchFirst: true });
 * const [out, weights] = attention.forward(x, x, x, { causal: true }); // (B, T, 128), (B, T, T)
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly addZeroAttn: boolean;
  readonly batchFirst: boolean;
  in_proj_weight: Tensor | null = null; // (3E, E)
  q_proj_weight: Tensor | null = null; // (E, E)
  k_proj_weight: Tensor | null = null; // (E, K)
  v_proj_weight: Tensor | null = null; // (E, V)
  in_proj_bias: Tensor | null; // (3E)
  bias_k: Tensor | null; // (1, 1, E)
  bias_v: Tensor | null; // (1, 1, E)
  out_proj: Linear; // E → E

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    checkOptions(this, options, "use { batchFirst: true }");
    const { dropout = 0, bias = true, kdim = embedDim, vdim = embedDim } = options;
    this.embedDim = checkCount("MultiheadAttention", "embedDim", embedDim);
    this.numHeads = checkCount("MultiheadAttention", "numHeads", numHeads);
    if (embedDim % numHeads !== 0) {
      const detail = `embedDim ${embedDim} does not divide into ${numHeads} heads`;
      throw new ArgumentError("MultiheadAttention", detail);
    }
    this.dropout = checkProbability("MultiheadAttention", dropout);
    this.addZeroAttn = options.addZeroAttn ?? false;
    this.batchFirst = options.batchFirst ?? false;
    const E = embedDim;
    const weight = (rows: number, columns: number) =>
      init.xavierUniform(init.emptyParameter([rows, columns], "MultiheadAttention"));
    if (kdim === E && vdim === E) {
      this.in_proj_weight = weight(3 * E, E);
    } else {
      this.q_proj_weight = weight(E, E);
      this.k_proj_weight = weight(E, checkCount("MultiheadAttention", "kdim", kdim));
      this.v_proj_weight = weight(E, checkCount("MultiheadAttention", "vdim", vdim));
    }
    this.in_proj_bias = bias ? init.emptyParameter([3 * E]) : null;
    const extra = () => init.xavierNormal(init.emptyParameter([1, 1, E]));
    this.bias_k = options.addBiasKv ? extra() : null;
    this.bias_v = options.addBiasKv ? extra() : null;
    this.out_proj = new Linear(E, E, { bias });
    if (this.out_proj.bias !== null) init.zeros(this.out_proj.bias);
  }

  /** query (L, B, E), key (S, B, K), value (S, B, V) → out (L, B, E) and weights (B, L, S). */
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: MultiheadAttentionCall = {},
  ): [Tensor, Tensor | null] {
    return inScope(this, () => {
      checkOptions(this, options, "use { attnMask }");
      const batched = this.checkInputs(query, key, value);
      const lead = (x: Tensor) => (this.batchFirst || !batched ? x : x.transpose(0, 1));
      const [q, k, v] = this.project(query, key, value).map((x) =>
        lead(x).unflatten(-1, [this.numHeads, -1]).transpose(-3, -2),
      ) as [Tensor, Tensor, Tensor]; // (B, H, T, D)
      if (options.cache !== undefined) return this.continued([q, k, v], lead, options);
      const [keys, values] = this.extended(k, v); // (B, H, S, D)
      const added = keys.shape.at(-2)! - k.shape.at(-2)!;
      const mask = this.maskOf(q, k.shape.at(-2)!, added, options);
      const causal = mask === undefined && options.causal === true && added === 0;
      const rule = { mask, causal, dropout: this.training ? this.dropout : 0 };
      const { needWeights = true } = options;
      const weights = needWeights ? attentionWeights(q, keys, rule) : null; // (B, H, L, S)
      const heads = weights?.matmul(values) ?? scaledDotProductAttention(q, keys, values, rule);
      return this.results(heads, weights, lead, options);
    });
  }

  private results(
    heads: Tensor,
    weights: Tensor | null,
    lead: (x: Tensor) => Tensor,
    { averageAttnWeights = true }: MultiheadAttentionCall,
  ): [Tensor, Tensor | null] {
    const joined = lead(heads.transpose(-3, -2).flatten(-2)); // (L, B, E)
    const shown = weights && (averageAttnWeights ? weights.mean(-3) : weights);
    return [this.out_proj.forward(joined), shown];
  }

  /** With the keys and values of the calls before. q, k, v (B, H, T, D). */
  private continued(
    [q, k, v]: readonly [Tensor, Tensor, Tensor],
    lead: (x: Tensor) => Tensor,
    options: MultiheadAttentionCall,
  ): [Tensor, Tensor | null] {
    const { cache, needWeights = true, attnMask, keyPaddingMask } = options;
    const masked = attnMask !== undefined || keyPaddingMask !== undefined;
    if (q.shape.length !== 4 || masked || this.bias_k !== null || this.addZeroAttn) {
      const detail = "a cache goes with batches only, not with masks, addBiasKv or addZeroAttn";
      throw new ArgumentError("MultiheadAttention", detail, { in: currentScope() });
    }
    if (!needWeights) return this.results(cache!.attend(q, k, v), null, lead, options);
    const [heads, weights] = cache!.attendWithWeights(q, k, v);
    return this.results(heads, weights, lead, options);
  }

  /** A cache for sequences of up to `length` places. */
  cacheFor(batch: number, length: number, place?: Tensor): KeyValueCache {
    const { numHeads: H, embedDim: E } = this;
    return new KeyValueCache([batch, H, length, E / H], place);
  }

  /** Queries, keys and values by the projections, as few products as the inputs allow. */
  private project(query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
    const E = this.embedDim;
    const { in_proj_weight: all, in_proj_bias: biases } = this;
    const part = (t: Tensor | null, first: number, count: number) =>
      t?.narrow(0, first * E, count * E) ?? null;
    if (all !== null && query === key && key === value) {
      return linear(query, all, biases).chunk(3, -1) as [Tensor, Tensor, Tensor];
    }
    const q = linear(query, this.q_proj_weight ?? part(all, 0, 1)!, part(biases, 0, 1));
    if (all !== null && key === value) {
      const [k, v] = linear(key, part(all, 1, 2)!, part(biases, 1, 2)).chunk(2, -1);
      return [q, k!, v!];
    }
    const k = linear(key, this.k_proj_weight ?? part(all, 1, 1)!, part(biases, 1, 1));
    const v = linear(value, this.v_proj_weight ?? part(all, 2, 1)!, part(biases, 2, 1));
    return [q, k, v];
  }

  /** Keys and values with the learned pair and the pair of zeros behind them. */
  private extended(k: Tensor, v: Tensor): [Tensor, Tensor] {
    const one = [...k.shape.slice(0, -2), 1, k.shape.at(-1)!]; // (B, H, 1, D)
    const heads = (x: Tensor) => x.reshape(this.numHeads, 1, -1).expand(one);
    const [keys, values] = [[k], [v]];
    if (this.bias_k !== null) keys.push(heads(this.bias_k));
    if (this.bias_v !== null) values.push(heads(this.bias_v));
    if (this.addZeroAttn) {
      keys.push(zeros(one, { dtype: k.dtype }));
      values.push(zeros(one, { dtype: k.dtype }));
    }
    return keys.length === 1 ? [k, v] : [cat(keys, -2), cat(values, -2)];
  }

  /** All masks as one, in the meaning of scaledDotProductAttention; undefined where nothing is hidden
   *  or only by `causal`. The keys that were `added` are always seen. */
  private maskOf(q: Tensor, S: number, added: number, options: HidingMasks): Tensor | undefined {
    const { keyPaddingMask, attnMask, causal } = options;
    const L = q.shape.at(-2)!;
    const masks: Tensor[] = [];
    if (attnMask !== undefined) masks.push(this.attnMaskOf(attnMask, q, S));
    if (keyPaddingMask !== undefined) masks.push(this.paddingOf(keyPaddingMask, q, S));
    if (causal && (masks.length > 0 || added > 0)) masks.push(causalMask(L, S));
    if (masks.length === 0) return undefined;
    const mask = masks.reduce(both);
    if (added === 0) return mask;
    const seen = [...mask.shape.slice(0, -1), added];
    const open = mask.dtype === "bool" ? ones(seen).bool() : zeros(seen, { dtype: mask.dtype });
    return cat([mask, open], -1);
  }

  private attnMaskOf(mask: Tensor, q: Tensor, S: number): Tensor {
    checkMask("MultiheadAttention", mask);
    const L = q.shape.at(-2)!;
    const B = q.shape.length === 4 ? q.shape[0]! : 1;
    const wanted = mask.shape.length === 3 ? [B * this.numHeads, L, S] : [L, S];
    this.checkShape("attnMask", mask, wanted);
    const shown = mask.dtype === "bool" ? mask.logicalNot() : mask;
    return mask.shape.length === 3 ? shown.reshape([...q.shape.slice(0, -2), L, S]) : shown;
  }

  private paddingOf(mask: Tensor, q: Tensor, S: number): Tensor {
    checkMask("MultiheadAttention", mask);
    const batch = q.shape.slice(0, -3);
    this.checkShape("keyPaddingMask", mask, [...batch, S]);
    const shown = mask.dtype === "bool" ? mask.logicalNot() : mask;
    return shown.reshape([...batch, 1, 1, S]);
  }

  private checkShape(name: string, mask: Tensor, wanted: readonly number[]): void {
    if (show(mask.shape) === show(wanted)) return;
    const detail = `${name} must be ${show(wanted)}, got ${show(mask.shape)}`;
    throw new ShapeError("MultiheadAttention", detail, { in: currentScope() });
  }

  /** Whether there is a batch axis; refuses inputs that do not fit each other or the weights. */
  private checkInputs(query: Tensor, key: Tensor, value: Tensor): boolean {
    const rank = query.shape.length;
    const shapes = `query ${show(query.shape)}, key ${show(key.shape)}, value ${show(value.shape)}`;
    const refuse = (detail: string) => {
      throw new ShapeError("MultiheadAttention", `${shapes}: ${detail}`, { in: currentScope() });
    };
    if ((rank !== 2 && rank !== 3) || key.shape.length !== rank || value.shape.length !== rank) {
      refuse("each must be (T, B, E), or (T, E) without a batch");
    }
    const sizes = [
      this.embedDim,
      (this.k_proj_weight ?? this.in_proj_weight!).shape[1],
      (this.v_proj_weight ?? this.in_proj_weight!).shape[1],
    ];
    if ([query, key, value].some((x, i) => x.shape.at(-1) !== sizes[i])) {
      refuse(`the last axes must be ${show(sizes as number[])}`);
    }
    const time = this.batchFirst && rank === 3 ? 1 : 0;
    if (key.shape[time] !== value.shape[time]) refuse("key and value differ in length");
    if (rank === 3 && [key, value].some((x) => x.shape[1 - time] !== query.shape[1 - time])) {
      refuse("the batches differ");
    }
    return rank === 3;
  }

  override describe(): string {
    return `${this.embedDim} in ${this.numHeads} heads`;
  }
}

/** Two masks as one: both must show a key; a bool mask beside a float one becomes 0 and -∞. */
function both(a: Tensor, c: Tensor): Tensor {
  if (a.dtype === "bool" && c.dtype === "bool") return a.logicalAnd(c);
  const number = (t: Tensor) =>
    t.dtype === "bool" ? zeros(t.shape).maskedFill(t.logicalNot(), -Infinity) : t;
  return number(a).add(number(c));
}
