// Attention of long sequences: block of queries after block, so that the scores of one block exist at a
// time, in the backward pass too, which computes them again. A query's row is never cut, so the results
// are those of attention in one piece. Not here: when (attention.ts decides).

import * as b from "../ir/build.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { tensor } from "../tensor/create.ts";
import { cat } from "../tensor/ops/join.ts";
import * as n from "../tensor/ops/nodes.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionOptions } from "./attention.ts";

/** Attention in one piece: what {@link inBlocks} calls for a block. */
export type Attend = (q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions) => Tensor;

/**
 * What `attend` gives, `rows` queries at a time. q (…, L, E), k (…, S, E), v (…, S, F) → (…, L, F); the
 * last block is filled up with queries of zeros that nobody reads.
 */
export function inBlocks(
  attend: Attend,
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  options: AttentionOptions,
  rows: number,
): Tensor {
  const L = q.shape.at(-2)!;
  const { mask, offset = tensor(0, { dtype: "int32" }) } = options;
  const byQuery = mask !== undefined && (mask.shape.at(-2) ?? 1) > 1;
  const xs = { q: blocksOf(q, rows), mask: byQuery ? blocksOf(mask, rows) : null };
  const [, out] = scan(
    (carry: null, x: typeof xs, t: Tensor): [null, Tensor] => {
      const place = t.mul(rows).add(offset.reshape([])).int();
      const own = { ...options, mask: x.mask ?? mask, offset: place };
      return [carry, attend(x.q, k, v, own)];
    },
    null,
    xs,
    { checkpoint: 1 },
  ); // (N, …, rows, F)
  const joined = out.movedim(0, -3).flatten(-3, -2); // (…, N·rows, F)
  return joined.narrow(-2, 0, L);
}

/** Into how many stretches of queries a causal attention is cut: 5/8 of its scores are left. */
const stretches = 4;

/**
 * Causal attention of T queries to T keys, a stretch of queries after the other, each with the keys that it
 * can see alone. `attend` is called once a stretch.
 */
export function inStretches(
  attend: (x: readonly [Tensor, Tensor, Tensor], options: AttentionOptions) => Tensor,
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  options: AttentionOptions,
): Tensor {
  const T = q.shape.at(-2)!;
  const parts = Array.from({ length: stretches }, (_, i) => {
    const from = Math.floor((i * T) / stretches);
    const to = Math.floor(((i + 1) * T) / stretches);
    const seen = (x: Tensor) => x.narrow(-2, 0, to);
    const offset = tensor(from, { dtype: "int32" });
    const mask = options.mask && maskOf(options.mask, from, to);
    return attend([q.narrow(-2, from, to - from), seen(k), seen(v)], { ...options, mask, offset });
  });
  return cat(parts, -2); // (…, T, F)
}

/** The rows and columns of a mask that a stretch sees; axes of size 1 stay. */
function maskOf(mask: Tensor, from: number, to: number): Tensor {
  const columns = mask.shape.at(-1)! > 1 ? mask.narrow(-1, 0, to) : mask;
  const rows = mask.shape.length > 1 && mask.shape.at(-2)! > 1;
  return rows ? columns.narrow(-2, from, to - from) : columns;
}

/** (…, L, X) → (N, …, rows, X), filled up with zeros. */
function blocksOf(x: Tensor, rows: number): Tensor {
  const axis = x.shape.length - 2;
  const L = x.shape[axis]!;
  const blocks = Math.ceil(L / rows);
  const filled = wrap(n.padAxis(nodeOf(x), axis, 0, blocks * rows - L));
  const shape = [...x.shape.slice(0, axis), blocks, rows, x.shape[axis + 1]!];
  return wrap(b.reshape(nodeOf(filled), shape)).movedim(axis, 0);
}
