// The DataLoader: an async iterable of batches, in an order that follows from seed and epoch,
// prepared ahead while the model works, and resumable in the middle of an epoch. What a batch is
// made of is collate.ts's affair, how its arrays become tensors that of tensors.ts.
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, StateError } from "../util/errors.ts";
import { Rng } from "../util/rng.ts";
import { type Collated, collate, mapBatch, type NdArray } from "./collate.ts";
import {
  type BatchSampler,
  type Dataset,
  RandomSampler,
  type Sampler,
  SequentialSampler,
} from "./dataset.ts";
import { toTensor } from "./tensors.ts";

export interface LoaderOptions<T, Leaf = Tensor, B = Collated<Awaited<T>, Leaf>> {
  /** Samples per batch; 1 without it. */
  batchSize?: number;
  /** Another order in every epoch. */
  shuffle?: boolean;
  /** Seed of the order and of the samples' own random streams. */
  seed?: number;
  /** Leave out a last batch of fewer samples. */
  dropLast?: boolean;
  /** How many batches are prepared ahead of the one in use. */
  prefetch?: number;
  /** The order, in place of `shuffle`. */
  sampler?: Sampler;
  /** Whole batches, in place of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: BatchSampler;
  /** From samples to a batch, in place of stacking; what it gives is left as it is. */
  collate?: (samples: Awaited<T>[]) => B | Promise<B>;
  /** Changes each stacked batch before its arrays become tensors: `mixup`, say. */
  mix?: (batch: Collated<Awaited<T>, NdArray>, rng: Rng) => Collated<Awaited<T>, NdArray>;
  /** What every stacked array becomes, in place of a tensor; `(array) => array` leaves it. */
  toTensor?: (array: NdArray) => Leaf;
}

/** A place in the order of batches: JSON, for checkpoints. */
export interface LoaderState {
  readonly format: 1;
  readonly epoch: number;
  /** The number of batches of this epoch that were handed out. */
  readonly batch: number;
  readonly seed: number;
  /** What the place depends on; another loader refuses it. */
  readonly samples: number;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
}

/**
 * Batches of a dataset, epoch after epoch: each `for await` is one epoch. Leaving a loop early ends
 * its epoch for this loader; `state()` still names the place, and a loader that was given it goes
 * on there.
 *
 * @example
 * const loader = new DataLoader(dataset, { batchSize: 128, shuffle: true, seed: 1 });
 * for await (const { x, y } of loader) await step(x, y);
 */
export class DataLoader<T, Leaf = Tensor, B = Collated<Awaited<T>, Leaf>>
  implements AsyncIterable<B>
{
  readonly dataset: Dataset<T>;
  readonly batchSize: number;
  private readonly options: Required<
    Pick<LoaderOptions<T, Leaf, B>, "seed" | "dropLast" | "prefetch" | "shuffle">
  > &
    LoaderOptions<T, Leaf, B>;
  private readonly sampler: BatchSampler & { readonly samples: number };
  private epoch = 0;
  private batch = 0;
  /** Whether the next loop begins here, or with the next epoch because this one was broken off. */
  private fresh = true;

  constructor(dataset: Dataset<T>, options: LoaderOptions<T, Leaf, B> = {}) {
    const { batchSize = 1, prefetch = 2, shuffle = false, seed = 0, dropLast = false } = options;
    for (const [name, value, least] of [
      ["batchSize", batchSize, 1],
      ["prefetch", prefetch, 0],
    ] as const) {
      if (Number.isSafeInteger(value) && value >= least) continue;
      throw new ArgumentError(
        "DataLoader",
        `${name} must be an integer from ${least}, got ${value}`,
      );
    }
    if (shuffle && options.sampler !== undefined) {
      throw new ArgumentError("DataLoader", "shuffle and sampler exclude each other");
    }
    for (const name of ["batchSize", "shuffle", "sampler", "dropLast"] as const) {
      if (options.batchSampler === undefined || !options[name]) continue;
      throw new ArgumentError("DataLoader", `${name} and batchSampler exclude each other`);
    }
    if (options.mix !== undefined && options.collate !== undefined) {
      throw new ArgumentError("DataLoader", "mix and collate exclude each other");
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.options = { ...options, prefetch, shuffle, seed, dropLast };
    const { length } = dataset;
    const usual = () =>
      shuffle ? new RandomSampler(length, { seed }) : new SequentialSampler(length);
    this.sampler = options.batchSampler
      ? wholeBatches(options.batchSampler, length)
      : cutIntoBatches(options.sampler ?? usual(), batchSize, dropLast);
  }

  /** Batches per epoch. */
  get length(): number {
    return this.sampler.length;
  }

  /** The place after the batch that was handed out last. */
  state(): LoaderState {
    const { epoch, batch, batchSize } = this;
    const { seed, shuffle, dropLast } = this.options;
    const { samples } = this.sampler;
    return { format: 1, epoch, batch, seed, samples, batchSize, shuffle, dropLast };
  }

  /**
   * Makes the next loop begin at `state`, with the same batches that would have come. At the end of
   * an epoch that is a loop without batches. Throws StateError when this loader has another order.
   */
  loadState(state: LoaderState): void {
    const own = this.state();
    for (const key of ["format", "seed", "samples", "batchSize", "shuffle", "dropLast"] as const) {
      if (state[key] === own[key]) continue;
      const what = `the state is of a loader with ${key} ${state[key]}, this one has ${own[key]}`;
      throw new StateError("DataLoader.loadState", what);
    }
    const { epoch, batch } = state;
    const whole = [epoch, batch].every((value) => Number.isSafeInteger(value) && value >= 0);
    if (!whole || batch > this.length) {
      const what = `epoch ${epoch}, batch ${batch} is no place among ${this.length} batches`;
      throw new StateError("DataLoader.loadState", what);
    }
    this.moveTo(epoch, batch, true);
  }

  /** Makes the next loop the epoch with this number, from its start. */
  setEpoch(epoch: number): void {
    if (!Number.isSafeInteger(epoch) || epoch < 0) {
      throw new ArgumentError(
        "DataLoader.setEpoch",
        `epoch must be an integer from 0, got ${epoch}`,
      );
    }
    this.moveTo(epoch, 0, true);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    if (!this.fresh) this.moveTo(this.epoch + 1, 0, true);
    const { epoch, batch: first, length } = this;
    this.fresh = false;
    const batches = this.sampler.batches(epoch);
    const make = (i: number) => this.make(batches[i] as Uint32Array, epoch, i);
    const queue = new Ahead(make, first, length, this.options.prefetch);
    try {
      for (let i = first; i < length; i++) {
        const batch = await queue.take(i);
        this.moveTo(epoch, i + 1, false);
        yield batch;
      }
      this.moveTo(epoch + 1, 0, true);
    } finally {
      queue.stop();
    }
  }

  private moveTo(epoch: number, batch: number, fresh: boolean): void {
    this.epoch = epoch;
    this.batch = batch;
    this.fresh = fresh;
  }

  private async make(indices: Uint32Array, epoch: number, i: number): Promise<B> {
    const { dataset, options } = this;
    // Four keys name another stream than a sample's three.
    const rng = () => new Rng(options.seed, epoch, i, 1);
    if (options.collate === undefined && dataset.batch !== undefined) {
      return this.finish(await dataset.batch(indices), rng);
    }
    const samples: T[] = [];
    for (const index of indices)
      samples.push(dataset.get(index, new Rng(options.seed, epoch, index)));
    const ready = await Promise.all(samples);
    return options.collate === undefined
      ? this.finish(collate(ready), rng)
      : options.collate(ready);
  }

  private finish(batch: unknown, rng: () => Rng): B {
    const { mix, toTensor: leaf = toTensor } = this.options;
    const mixed = mix ? mix(batch as Collated<Awaited<T>, NdArray>, rng()) : batch;
    return mapBatch(mixed, leaf) as B;
  }
}

type Cut = BatchSampler & { readonly samples: number };

function cutIntoBatches(sampler: Sampler, size: number, dropLast: boolean): Cut {
  const batches = sampler.length / size;
  const length = dropLast ? Math.floor(batches) : Math.ceil(batches);
  return {
    length,
    samples: sampler.length,
    batches(epoch) {
      const order = sampler.indices(epoch);
      return Array.from({ length }, (_, i) => order.subarray(i * size, (i + 1) * size));
    },
  };
}

function wholeBatches(sampler: BatchSampler, samples: number): Cut {
  return { length: sampler.length, samples, batches: (epoch) => sampler.batches(epoch) };
}

// Batches in the making: up to `depth` are begun beyond the one that was taken, each in a turn of
// its own of the event loop, so that synchronous work on a later batch does not hold up the one
// that is wanted.
class Ahead<B> {
  private readonly make: (i: number) => Promise<B>;
  private readonly begun = new Map<number, Promise<B>>();
  private readonly end: number;
  private readonly depth: number;
  private next: number;
  private taken: number;
  private pumping = false;

  constructor(make: (i: number) => Promise<B>, first: number, end: number, depth: number) {
    this.make = make;
    this.next = first;
    this.taken = first - 1;
    this.end = end;
    this.depth = depth;
  }

  take(i: number): Promise<B> {
    if (this.next <= i) this.begin();
    const batch = this.begun.get(i) as Promise<B>;
    this.begun.delete(i);
    this.taken = i;
    this.pump();
    return batch;
  }

  stop(): void {
    this.next = this.end;
    this.begun.clear();
  }

  private begin(): void {
    const i = this.next++;
    const batch = this.make(i);
    batch.catch(() => {}); // a failure is told when the batch is taken, not before
    this.begun.set(i, batch);
  }

  private pump(): void {
    if (this.pumping || !this.mayBegin()) return;
    this.pumping = true;
    nextTurn(() => {
      this.pumping = false;
      if (!this.mayBegin()) return;
      this.begin();
      this.pump();
    });
  }

  private mayBegin(): boolean {
    return this.next < this.end && this.next <= this.taken + this.depth;
  }
}

// setTimeout waits 4 ms in browsers; a message does not.
function nextTurn(run: () => void): void {
  if (typeof setImmediate === "function") {
    setImmediate(run);
    return;
  }
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    run();
  };
  port2.postMessage(undefined);
}
