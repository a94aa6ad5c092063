// Metrics of ranked lists: a row is a query, its outputs (B, N) are the scores of N documents, its
// targets (B, N) how relevant each is (0: not). Of equal scores the first document ranks higher.
// Each is the mean over queries; a query without a relevant document counts 0.
// Not here: ranking of classes (accuracy with topK in classification.ts).

import { arange, full } from "../tensor/create.ts";
import { where } from "../tensor/ops/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { counted, type Measured, type Metric, ratio, sameShape } from "./metric.ts";

/** How far down the list is looked. */
export interface RankingOptions {
  /** Only the k highest; without it, all. */
  k?: number | undefined;
}

/** Places from 0 of each document of (B, N) by falling score. */
function placesOf(scores: Tensor): Tensor {
  const n = scores.shape[1]!;
  const [own, other] = [scores.unsqueeze(2), scores.unsqueeze(1)]; // (B, N, 1), (B, 1, N)
  const earlier = arange(n).unsqueeze(0).lt(arange(n).unsqueeze(1)); // (N, N): other before own
  return other.gt(own).logicalOr(other.eq(own).logicalAnd(earlier)).int().sum(2);
}

/** A mean over queries of a score of (places, relevance, within the first k), each (B, N) → (B). */
function ofQueries(
  op: string,
  { k }: RankingOptions,
  score: (places: Tensor, target: Tensor, within: Tensor) => Tensor,
): Metric {
  if (k !== undefined && (!Number.isInteger(k) || k < 1)) {
    throw new ArgumentError(op, `k must be an integer from 1, got ${k}`);
  }
  const measure = ({ output, target }: Measured) => {
    sameShape(op, output, target);
    if (output.ndim !== 2)
      throw new ShapeError(op, `wants queries by documents, got [${output.shape}]`);
    const places = placesOf(output);
    const within = places.lt(k ?? output.shape[1]!);
    return [score(places, target.float(), within).sum(), counted(output.shape[0]!)];
  };
  return { measure, result: ratio };
}

/** a / b, and 0 where b is 0. */
function part(a: Tensor, b: Tensor): Tensor {
  return where(b.gt(0), a.div(where(b.gt(0), b, 1)), 0);
}

const relevant = (target: Tensor) => target.gt(0).float();

/**
 * Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002): Σ relevance / log2(1 + rank)
 * over what the best order would give. With `exponential`, the gain is 2^relevance - 1.
 */
export function ndcg({
  exponential = false,
  ...options
}: RankingOptions & { exponential?: boolean } = {}): Metric {
  return ofQueries("ndcg", options, (places, target, within) => {
    const gains = exponential ? target.exp2().sub(1) : target;
    const discounted = (at: Tensor, counts: Tensor) => {
      return gains.div(at.add(2).float().log2()).mul(counts.float()).sum(1);
    };
    const ideal = placesOf(target);
    const best = options.k === undefined ? full(ideal.shape, 1) : ideal.lt(options.k);
    return part(discounted(places, within), discounted(ideal, best));
  });
}

/** The mean of 1 / rank of the first relevant document. */
export function meanReciprocalRank(options: RankingOptions = {}): Metric {
  return ofQueries("meanReciprocalRank", options, (places, target, within) => {
    const hits = relevant(target).mul(within.float());
    return hits.div(places.add(1).float()).amax(1);
  });
}

/** The part of queries with a relevant document among the first k. */
export function hitRate(options: RankingOptions = {}): Metric {
  return ofQueries("hitRate", options, (_, target, within) =>
    relevant(target).mul(within.float()).amax(1),
  );
}

/** The part of the first k documents that are relevant. */
export function precisionAt(k: number): Metric {
  return ofQueries("precisionAt", { k }, (_, target, within) => {
    return relevant(target).mul(within.float()).sum(1).div(k);
  });
}

/** The part of the relevant documents that are among the first k. */
export function recallAt(k: number): Metric {
  return ofQueries("recallAt", { k }, (_, target, within) => {
    const hits = relevant(target);
    return part(hits.mul(within.float()).sum(1), hits.sum(1));
  });
}

/** Mean average precision of retrieval: the precision at each relevant document, in the mean over them. */
export function retrievalMap(): Metric {
  return ofQueries("retrievalMap", {}, (places, target) => {
    const hits = relevant(target); // (B, N)
    const notAfter = places.unsqueeze(1).le(places.unsqueeze(2)).float(); // (B, N, N): [own, other]
    const before = notAfter.matmul(hits.unsqueeze(2)).squeeze(2); // (B, N)
    return part(before.div(places.add(1).float()).mul(hits).sum(1), hits.sum(1));
  });
}
