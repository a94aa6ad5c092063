// Attention of sequence-to-sequence models: a decoder's state asks what of the encoder's results it needs.
// Additive (Bahdanau et al. 2015) and multiplicative (Luong et al. 2015). Not here: attention of
// Transformers (attention.ts, attention-multihead.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { attentionSoftmax } from "./attention.ts";
import { checkCount, checkOptions, Linear } from "./linear.ts";
import { inScope, Module } from "./module.ts";

export interface MemoryOptions {
  /** (B, S) or (B, L, S), bool: true where a query may look. Without it, everywhere. */
  mask?: Tensor | undefined;
}

// What both kinds share: queries with and without an axis of time, masks, and the weighted sum.
abstract class MemoryAttention extends Module {
  /** query (B, L, Q), memory (B, S, M) → scores (B, L, S). */
  protected abstract scores(query: Tensor, memory: Tensor): Tensor;

  /**
   * What each query finds in the memory, and with which weights: query (B, L, Q), memory (B, S, M) →
   * context (B, L, M), weights (B, L, S). One query, (B, Q), gives (B, M) and (B, S).
   */
  forward(query: Tensor, memory: Tensor, options: MemoryOptions = {}): [Tensor, Tensor] {
    return inScope(this, () => {
      const op = this.constructor.name;
      checkOptions(this, options, "use { mask }");
      const rank = query.shape.length;
      if ((rank !== 2 && rank !== 3) || memory.shape.length !== 3) {
        const shapes = `query ${show(query.shape)} must be (B, Q) or (B, L, Q)`;
        const detail = `${shapes}, memory ${show(memory.shape)} (B, S, M)`;
        throw new ShapeError(op, detail, { in: currentScope() });
      }
      const single = rank === 2;
      const asked = single ? query.unsqueeze(1) : query; // (B, L, Q)
      const { mask } = options;
      const shown = mask?.shape.length === 2 ? mask.unsqueeze(1) : mask; // (B, 1 or L, S)
      const scores = this.scores(asked, memory); // (B, L, S)
      const weights = attentionSoftmax(op, scores, { mask: shown });
      const context = weights.matmul(memory); // (B, L, M)
      return single ? [context.squeeze(1), weights.squeeze(1)] : [context, weights];
    });
  }
}

/**
 * Scores vᵀ · tanh(W · query + U · memory), from Bahdanau et al. 2015. Its names: query_layer (W),
 * key_layer (U), energy_layer (v).
 *
 * @example
 * const attention = new nn.AdditiveAttention(256, 512, 128);
 * const [context, weights] = attention.forward(state, memory, { mask }); // (B, 512), (B, S)
 */
export class AdditiveAttention extends MemoryAttention {
  query_layer: Linear; // Q → H
  key_layer: Linear; // M → H
  energy_layer: Linear; // H → 1

  constructor(querySize: number, memorySize: number, hidden = querySize) {
    super();
    this.query_layer = new Linear(querySize, hidden, { bias: false });
    this.key_layer = new Linear(memorySize, hidden, { bias: false });
    this.energy_layer = new Linear(hidden, 1, { bias: false });
  }

  protected scores(query: Tensor, memory: Tensor): Tensor {
    const asked = this.query_layer.forward(query).unsqueeze(2); // (B, L, 1, H)
    const keys = this.key_layer.forward(memory).unsqueeze(1); // (B, 1, S, H)
    return this.energy_layer.forward(asked.add(keys).tanh()).squeeze(-1); // (B, L, S)
  }

  override describe(): string {
    const [H, Q] = this.query_layer.weight.shape;
    return `${Q} and ${this.key_layer.inFeatures} over ${H}`;
  }
}

export type MultiplicativeScore = "dot" | "general" | "scaled";

export interface MultiplicativeOptions {
  /** "general": query · W · memory; "dot": query · memory, of one size; "scaled": that by 1/√M. */
  score?: MultiplicativeScore | undefined;
}

/** Scores that are products of query and memory, from Luong et al. 2015. */
export class MultiplicativeAttention extends MemoryAttention {
  readonly score: MultiplicativeScore;
  key_layer: Linear | null; // M → Q

  constructor(querySize: number, memorySize: number, options: MultiplicativeOptions = {}) {
    super();
    checkOptions(this, options, 'use { score: "dot" }');
    checkCount("MultiplicativeAttention", "querySize", querySize);
    checkCount("MultiplicativeAttention", "memorySize", memorySize);
    const { score = "general" } = options;
    if (!["dot", "general", "scaled"].includes(score)) {
      throw new ArgumentError("MultiplicativeAttention", `there is no score "${score}"`, {
        hint: 'use "general", "dot" or "scaled"',
      });
    }
    if (score !== "general" && querySize !== memorySize) {
      const detail = `score "${score}" needs one size, got ${querySize} and ${memorySize}`;
      throw new ArgumentError("MultiplicativeAttention", detail);
    }
    this.score = score;
    this.key_layer =
      score === "general" ? new Linear(memorySize, querySize, { bias: false }) : null;
  }

  protected scores(query: Tensor, memory: Tensor): Tensor {
    const keys = this.key_layer?.forward(memory) ?? memory; // (B, S, Q)
    const products = query.matmul(keys.mT); // (B, L, S)
    return this.score === "scaled" ? products.div(Math.sqrt(keys.shape.at(-1)!)) : products;
  }

  override describe(): string {
    return this.score;
  }
}
