// Kept keys and values, for attention that goes on token by token: each step puts its own behind those of
// the steps before and looks at all. The place is a value, so that all steps run one program.
// Not here: attention itself (attention.ts), or how the next token is chosen (anneal/text).

import { makeArray } from "../ir/dtype.ts";
import { sizeOf } from "../ir/node.ts";
import { dynamicUpdate } from "../tensor/ops/dynamic.ts";
import { stateNode } from "../tensor/state.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ShapeError } from "../util/errors.ts";
import { attentionWeights, scaledDotProductAttention } from "./attention.ts";

/** Keys and values (B, H, S, D). */
export interface Seen {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * Keys and values of one attention, as state: room for M places, filled from the first on. All caches of a
 * model share one `place`, which moves when a step has been through all of them.
 *
 * @example
 * const cache = new nn.KeyValueCache([1, 4, 256, 32]); // (B, H, M, D)
 * const step = compile((x: Tensor) => {
 *   const [y] = attention.forward(x, x, x, { cache }); // (B, 1, E)
 *   cache.advance(1);
 *   return y;
 * });
 */
export class KeyValueCache {
  readonly keys: Tensor; // (B, H, M, D)
  readonly values: Tensor; // (B, H, M, D)
  /** The place of the next token, an int32 scalar. */
  readonly place: Tensor;

  constructor(
    shape: readonly [number, number, number, number],
    place: Tensor = KeyValueCache.place(),
  ) {
    if (shape.length !== 4 || shape.some((size) => !Number.isInteger(size) || size < 1)) {
      throw new ShapeError("KeyValueCache", `takes sizes (B, H, M, D), got [${shape}]`);
    }
    const empty = () => new Tensor(stateNode(makeArray("float32", sizeOf(shape)), shape));
    this.keys = empty();
    this.values = empty();
    this.place = place;
  }

  /** A place for several caches to share: 0. */
  static place(): Tensor {
    return new Tensor(stateNode(new Int32Array(1), [], "int32"));
  }

  /** Puts keys and values (B, H, T, D) at the next places, and gives those of all M: what lies behind is
   *  not to be looked at. More than fit are a fault of the run. */
  put(keys: Tensor, values: Tensor): Seen {
    const from = [0, 0, this.place, 0];
    const all = {
      keys: dynamicUpdate(this.keys, keys, from),
      values: dynamicUpdate(this.values, values, from),
    };
    this.keys.assign(all.keys);
    this.values.assign(all.values);
    return all;
  }

  /** Puts keys and values and looks at all so far: q, k, v (B, H, T, D) → (B, H, T, D). */
  attend(q: Tensor, k: Tensor, v: Tensor, options: { groupedQueries?: boolean } = {}): Tensor {
    const { keys, values } = this.put(k, v);
    const rule = { ...options, causal: true, offset: this.place };
    return scaledDotProductAttention(q, keys, values, rule);
  }

  /** As {@link attend}, with the weights (B, H, T, M). */
  attendWithWeights(q: Tensor, k: Tensor, v: Tensor): [Tensor, Tensor] {
    const { keys, values } = this.put(k, v);
    const weights = attentionWeights(q, keys, { causal: true, offset: this.place });
    return [weights.matmul(values), weights];
  }

  /** Moves the place on, behind `count` tokens that all caches have. */
  advance(count: number): void {
    this.place.assign(this.place.add(count));
  }

  /** Row i goes on from where row `rows[i]` is: (B) int32. */
  select(rows: Tensor): void {
    for (const kept of [this.keys, this.values]) kept.assign(kept.indexSelect(0, rows));
  }

  /** Begins again. */
  reset(): void {
    this.place.assign(this.place.mul(0));
  }
}
