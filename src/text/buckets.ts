// Batches of sequences of about equal length, so that little is filled up and few shapes come up.
// Which batches there are follows from seed and epoch alone.
// Not here: the filling up (padding.ts), or the loading (data/loader.ts).

import type { BatchSampler } from "../data/index.ts";
import { ArgumentError } from "../util/errors.ts";
import { Rng } from "../util/rng.ts";

export interface BucketOptions {
  /** Sequences in a batch. */
  batchSize: number;
  /** Lengths that round up to the same multiple count as equal. */
  multipleOf?: number | undefined;
  /** Another order of batches, and other neighbours of the same length, in every epoch. */
  shuffle?: boolean | undefined;
  seed?: number | undefined;
  /** Leave out the one batch that has fewer sequences. */
  dropLast?: boolean | undefined;
}

/**
 * Sorts sequences by length, those of equal length at random, cuts the order into batches, and
 * shuffles these. Every epoch has the same number of batches.
 *
 * @example
 * const batchSampler = new BucketSampler([3, 9, 4, 8], { batchSize: 2, multipleOf: 4 });
 * batchSampler.batches(0).map((batch) => [...batch]); // [[0, 2], [3, 1]]
 */
export class BucketSampler implements BatchSampler {
  readonly length: number;
  private readonly lengths: readonly number[];
  private readonly options: BucketOptions;

  /** `lengths[i]` is how long sequence i is. */
  constructor(lengths: ArrayLike<number>, options: BucketOptions) {
    const { batchSize, multipleOf = 1, dropLast = false } = options;
    for (const [name, value] of Object.entries({ batchSize, multipleOf })) {
      if (Number.isSafeInteger(value) && value >= 1) continue;
      throw new ArgumentError("BucketSampler", `${name} must be an integer from 1, got ${value}`);
    }
    this.lengths = Array.from(lengths, (length) => Math.ceil(length / multipleOf));
    this.options = options;
    const batches = lengths.length / batchSize;
    this.length = dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  batches(epoch: number): Uint32Array[] {
    const { shuffle = false, seed = 0, batchSize } = this.options;
    const { lengths } = this;
    const rng = new Rng(seed, epoch);
    const order = shuffle
      ? rng.permutation(lengths.length)
      : Uint32Array.from(lengths, (_, i) => i);
    order.sort((a, b) => lengths[a] - lengths[b]); // stable: equals stay in their random order
    const batches = Array.from({ length: this.length }, (_, i) => {
      return order.slice(i * batchSize, (i + 1) * batchSize);
    });
    return shuffle ? rng.shuffle(batches) : batches;
  }
}
