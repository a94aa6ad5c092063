// Attention whose keys and values have fewer heads than its queries, with rotary positions: that of Llama
// and its kin, under their names (Ainslie et al. 2023). Not here: one head a key (attention-multihead.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { scaledDotProductAttention } from "./attention.ts";
import { KeyValueCache } from "./key-value-cache.ts";
import { type BiasOption, checkCount, checkOptions, Linear } from "./linear.ts";
import { inScope, Module } from "./module.ts";
import { rotaryPositions } from "./positions.ts";

export interface GroupedQueryOptions extends BiasOption {
  /** The size of a head; embedDim / heads by default. */
  headDim?: number | undefined;
  /** The base of the rotary positions (10000); null for none. */
  rotaryBase?: number | null | undefined;
}

/**
 * Self-attention of which each key and value head serves a group of query heads. Without biases unless
 * asked for. x (B, T, E) → (B, T, E).
 *
 * @example
 * const attention = new nn.GroupedQueryAttention(512, 8, 2);
 * attention.forward(x); // each place sees itself and what came before
 */
export class GroupedQueryAttention extends Module {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rotaryBase: number | null;
  q_proj: Linear; // E → H·D
  k_proj: Linear; // E → G·D
  v_proj: Linear; // E → G·D
  o_proj: Linear; // H·D → E

  constructor(embedDim: number, heads: number, kvHeads: number, options: GroupedQueryOptions = {}) {
    super();
    const op = "GroupedQueryAttention";
    checkOptions(this, options, "use { rotaryBase: 10000 }");
    checkCount(op, "embedDim", embedDim);
    checkCount(op, "heads", heads);
    if (heads % checkCount(op, "kvHeads", kvHeads) !== 0) {
      throw new ArgumentError(op, `${heads} heads do not divide among ${kvHeads}`);
    }
    const { headDim = embedDim / heads, bias = false, rotaryBase = 10000 } = options;
    this.heads = heads;
    this.kvHeads = kvHeads;
    this.headDim = checkCount(op, "headDim", headDim);
    this.rotaryBase = rotaryBase;
    this.q_proj = new Linear(embedDim, heads * headDim, { bias });
    this.k_proj = new Linear(embedDim, kvHeads * headDim, { bias });
    this.v_proj = new Linear(embedDim, kvHeads * headDim, { bias });
    this.o_proj = new Linear(heads * headDim, embedDim, { bias });
  }

  /** Causal unless told otherwise. A cache goes on from the calls before, always causally: advance it when
   *  all layers have gone by. */
  forward(
    x: Tensor,
    options: {
      causal?: boolean | undefined;
      mask?: Tensor | undefined;
      cache?: KeyValueCache | undefined;
    } = {},
  ): Tensor {
    return inScope(this, () => {
      if (x.shape.length !== 3) {
        const detail = `the input must be (B, T, E), got ${show(x.shape)}`;
        throw new ShapeError("GroupedQueryAttention", detail, { in: currentScope() });
      }
      const { causal = true, mask, cache } = options;
      if (cache !== undefined && mask !== undefined) {
        throw new ArgumentError("GroupedQueryAttention", "a cache goes with no mask");
      }
      const split = (t: Tensor) => t.unflatten(-1, [-1, this.headDim]).transpose(1, 2);
      const turn = (t: Tensor) =>
        this.rotaryBase === null
          ? t
          : rotaryPositions(t, { base: this.rotaryBase, offset: cache?.place ?? 0 });
      const q = turn(split(this.q_proj.forward(x))); // (B, H, T, D)
      const k = turn(split(this.k_proj.forward(x))); // (B, G, T, D)
      const v = split(this.v_proj.forward(x)); // (B, G, T, D)
      const y =
        cache?.attend(q, k, v, { groupedQueries: true }) ??
        scaledDotProductAttention(q, k, v, { groupedQueries: true, causal, mask }); // (B, H, T, D)
      return this.o_proj.forward(y.transpose(1, 2).flatten(2));
    });
  }

  /** A cache for sequences of up to `length` places. */
  cacheFor(batch: number, length: number, place?: Tensor): KeyValueCache {
    return new KeyValueCache([batch, this.kvHeads, length, this.headDim], place);
  }

  override describe(): string {
    return `${this.heads} heads of ${this.headDim} over ${this.kvHeads}`;
  }
}
