// Scaled dot-product attention, as torch.nn.functional.scaled_dot_product_attention, and the masks that
// every kind of attention shares.
// Not here: layers with weights (attention-multihead.ts, attention-scores.ts).

import * as b from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { currentScope, type Node, type Shape, sizeOf } from "../ir/node.ts";
import { nodeOf, wrap } from "../tensor/core.ts";
import { broadcastOf, given, needOptions, needTensor } from "../tensor/ops/common.ts";
import { matmul } from "../tensor/ops/linear.ts";
import * as n from "../tensor/ops/nodes.ts";
import { indexNode } from "../tensor/ops/scatter.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { DtypeError, ShapeError } from "../util/errors.ts";
import { inBlocks, inStretches } from "./attention-blocks.ts";
import { dropout } from "./dropout.ts";

/** What decides which keys a query sees. */
export interface MaskOptions {
  /** (…, L, S), broadcast to the scores: a bool mask is true where a query attends to a key, a float
   *  mask is added to the scores. */
  mask?: Tensor | undefined;
  /** Query i sees the keys 0 … i. */
  causal?: boolean | undefined;
  /** With `causal`: the place of the first query among the keys (an int32 scalar of at least 0), which
   *  may change from run to run. Query i then sees the keys 0 … offset + i. */
  offset?: Tensor | undefined;
}

export interface AttentionOptions extends MaskOptions {
  /** The probability with which a weight is dropped. It is always applied, as in PyTorch: pass 0 while
   *  evaluating. */
  dropout?: number | undefined;
  /** What scores are multiplied with; 1/√E where it is not given. */
  scale?: number | undefined;
  /** Keys and values have fewer heads than queries: each serves a group of neighbouring ones. */
  groupedQueries?: boolean | undefined;
}

/** Refuses masks that are neither bool nor float. */
export function checkMask(op: string, mask: Tensor): void {
  needTensor(op, mask, "the mask");
  if (mask.dtype === "bool" || isFloat(mask.dtype)) return;
  throw new DtypeError(op, `a mask must be bool or float, got ${mask.dtype}`, {
    hint: "use mask.bool()",
    in: currentScope(),
  });
}

/** Scores (…, L, S) with -∞ where a query does not see a key. */
export function maskScores(op: string, scores: Tensor, options: MaskOptions): Tensor {
  const { mask, causal = false, offset } = options;
  let v = nodeOf(scores);
  const rank = v.shape.length;
  if (mask !== undefined) {
    checkMask(op, mask);
    if (!b.sameShape(broadcastOf(op, v.shape, mask.shape), v.shape)) {
      const detail = `mask ${b.show(mask.shape)} does not broadcast to the scores ${b.show(v.shape)}`;
      throw new ShapeError(op, detail, { in: currentScope() });
    }
    const m = nodeOf(mask);
    v = m.dtype === "bool" ? n.where(m, v, -Infinity) : n.add(v, b.cast(m, v.dtype));
  }
  if (!causal) return wrap(v);
  const [L, S] = v.shape.slice(-2) as [number, number];
  const own = n.positions(L, rank - 2, rank); // (1, …, L, 1)
  const place = offset === undefined ? own : n.add(own, indexNode(op, offset));
  const sees = n.le(n.positions(S, rank - 1, rank), place); // (1, …, L, S)
  return wrap(n.where(sees, v, -Infinity));
}

/** Softmax over the last axis, where a row of nothing but -∞ gives zeros (as PyTorch's attention does),
 *  not NaN. */
export function maskedSoftmax(scores: Tensor): Tensor {
  const v = nodeOf(scores);
  const last = [v.shape.length - 1];
  const high = b.detach(b.reduce("max", v, last)); // (…, 1)
  const shift = n.where(n.eq(high, -Infinity), 0, high);
  const powers = n.exp(n.sub(v, shift));
  const sum = b.reduce("sum", powers, last); // (…, 1)
  return wrap(n.div(powers, n.where(n.eq(sum, 0), 1, sum)));
}

/** Softmax of masked scores. Only a mask of the user's can hide all keys of a query. */
export function attentionSoftmax(op: string, scores: Tensor, options: MaskOptions): Tensor {
  const masked = maskScores(op, scores, options);
  return options.mask === undefined ? masked.softmax(-1) : maskedSoftmax(masked);
}

/** The weights with which queries see keys: q (…, L, E), k (…, S, E) → (…, L, S). */
export function attentionWeights(q: Tensor, k: Tensor, options: AttentionOptions = {}): Tensor {
  const op = "scaledDotProductAttention";
  const product = nodeOf(matmul(q, k.mT, op)); // (…, L, S)
  const scale = options.scale === undefined ? undefined : given(product, options.scale);
  const scores = wrap(n.mul(product, scale ?? 1 / Math.sqrt(q.shape.at(-1) || 1)));
  const weights = attentionSoftmax(op, scores, options);
  return dropout(weights, options.dropout ?? 0);
}

/**
 * softmax(q · kᵀ · scale) · v, as torch.nn.functional.scaled_dot_product_attention. q (…, L, E),
 * k (…, S, E), v (…, S, F) → (…, L, F); leading axes are batches and heads and broadcast. A query that
 * sees no key at all gives zeros. Beyond 1024 × 1024 scores a head, queries go in blocks, whose scores
 * the backward pass computes again: they are never all in memory. With `groupedQueries` heads are the
 * third axis from the end, and those of q a multiple of those of k and v.
 *
 * @example
 * nn.scaledDotProductAttention(q, k, v, { causal: true }); // (B, H, T, E) each → (B, H, T, E)
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions = {},
): Tensor {
  checkOperands(q, k, v, options);
  if (options.groupedQueries) return grouped(q, k, v, options);
  const rows = blockRows(q, k);
  if (rows === null) return whole(q, k, v, options);
  const [L, S] = [q.shape.at(-2)!, k.shape.at(-2)!];
  const triangle = options.causal === true && options.offset === undefined && L === S;
  const blocks = (x: readonly [Tensor, Tensor, Tensor], own: AttentionOptions) =>
    inBlocks(whole, x, own, rows);
  return triangle && L >= longTriangle
    ? inStretches(blocks, [q, k, v], options)
    : blocks([q, k, v], options);
}

function whole(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  return attentionWeights(q, k, options).matmul(v); // (…, L, F)
}

/** Scores of a head from which queries go in blocks, and scores of all heads that a block has about. */
const manyScores = 2 ** 20;
const blockScores = 2 ** 20;
/** Queries from which those of a causal attention are taken apart by how many keys they can see. */
const longTriangle = 2048;

/** How many queries a block has; null for all of them at once. */
function blockRows(q: Tensor, k: Tensor): number | null {
  const [L, S] = [q.shape.at(-2)!, k.shape.at(-2)!];
  if (L * S <= manyScores) return null;
  const heads = Math.max(sizeOf(q.shape.slice(0, -2)), sizeOf(k.shape.slice(0, -2)));
  const fitting = Math.max(16, Math.floor(blockScores / (heads * S)));
  return Math.min(L, 2 ** Math.floor(Math.log2(fitting)));
}

/** Each head of k and v becomes an axis of groups, which q has too and k and v repeat. */
function grouped(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const [heads, shared] = [q.shape.at(-3)!, k.shape.at(-3)!];
  const spread = (x: Tensor, groups: number) => x.unflatten(-3, [shared, groups]);
  const { mask } = options;
  const perHead = mask !== undefined && (mask.shape.at(-3) ?? 1) > 1;
  const out = scaledDotProductAttention(
    spread(q, heads / shared),
    k.unsqueeze(-3),
    v.unsqueeze(-3),
    {
      ...options,
      groupedQueries: false,
      mask: mask && (perHead ? spread(mask, heads / shared) : withHeads(mask)),
    },
  ); // (…, G, H/G, L, F)
  return out.flatten(-4, -3);
}

/** A mask that is the same for all heads, with one more axis for groups of them. */
function withHeads(mask: Tensor): Tensor {
  return mask.shape.length > 2 ? mask.unsqueeze(-3) : mask;
}

function checkOperands(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): void {
  const op = "scaledDotProductAttention";
  needTensor(op, q, "the query");
  needTensor(op, k, "the key");
  needTensor(op, v, "the value");
  needOptions(op, options, "use { causal: true }");
  const shapes = `query ${b.show(q.shape)}, key ${b.show(k.shape)}, value ${b.show(v.shape)}`;
  const refuse = (detail: string, hint?: string) => {
    throw new ShapeError(op, `${shapes}: ${detail}`, { hint, in: currentScope() });
  };
  if (q.shape.length < 2 || k.shape.length < 2 || v.shape.length < 2) {
    refuse("each needs at least the axes of length and size");
  }
  if (q.shape.at(-1) !== k.shape.at(-1)) refuse("query and key differ in size");
  if (k.shape.at(-2) !== v.shape.at(-2)) refuse("key and value differ in length");
  if (k.shape.at(-2) === 0) refuse("there is no key");
  if (!options.groupedQueries) return;
  const [heads, shared, others] = [q, k, v].map((x) => x.shape.at(-3));
  if (heads === undefined || shared === undefined || others === undefined) {
    refuse("groupedQueries needs an axis of heads");
  } else if (shared !== others || shared === 0 || heads % shared !== 0) {
    refuse(`${heads} query heads do not divide among ${shared} key and ${others} value heads`);
  }
}

/** True where query i may see key j ≤ i. (L, S) bool, S = L unless given. */
export function causalMask(length: number, keys = length): Tensor {
  return wrap(causalNode([length, keys]));
}

function causalNode(shape: Shape): Node {
  const sees = n.le(n.positions(shape[1]!, 1, 2), n.positions(shape[0]!, 0, 2));
  return b.broadcastTo(sees, shape);
}
