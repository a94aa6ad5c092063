// What a dataset is, and the ways to cut and order one: subsets, random splits, samplers.
// Everything random follows from a seed and an epoch alone, so that an order never has to be saved,
// only named. Batches are made in loader.ts; nothing here knows tensors.
import { ArgumentError } from "../util/errors.ts";
import { Rng } from "../util/rng.ts";
import type { NdArray } from "./collate.ts";

/**
 * Samples by number. `get` may return a promise, which the loader awaits; `rng` is the sample's own
 * stream of this epoch, for augmentation, and undefined outside of a loader.
 */
export interface Dataset<T> {
  readonly length: number;
  get(index: number, rng?: Rng): T;
  /** A whole batch at once, collated, where that is faster than sample by sample. */
  batch?(indices: Uint32Array): unknown;
}

/** A dataset over an array of samples. */
export class ArrayDataset<T> implements Dataset<T> {
  private readonly items: ArrayLike<T>;

  constructor(items: ArrayLike<T>) {
    this.items = items;
  }

  get length(): number {
    return this.items.length;
  }

  get(index: number): T {
    checkIndex("ArrayDataset.get", index, this.items.length);
    return this.items[index];
  }
}

/**
 * A dataset whose sample i is row i of every column; all columns have the same first size.
 *
 * @example
 * const digits = new ColumnDataset({
 *   x: { data: images, shape: [60000, 1, 28, 28] },
 *   y: { data: labels, shape: [60000] },
 * });
 */
export class ColumnDataset<K extends string> implements Dataset<Record<K, NdArray>> {
  readonly length: number;
  private readonly columns: [K, NdArray, number][];

  constructor(columns: Readonly<Record<K, NdArray>>) {
    this.columns = Object.entries<NdArray>(columns).map(([name, column]) => {
      return [name as K, column, rowSize(name, column)];
    });
    const lengths = this.columns.map(([, column]) => column.shape[0] ?? 0);
    this.length = lengths[0] ?? 0;
    if (lengths.some((length) => length !== this.length)) {
      throw new ArgumentError("ColumnDataset", `the columns have ${lengths.join(", ")} rows`);
    }
  }

  /** Row `index` of every column, as views. */
  get(index: number): Record<K, NdArray> {
    checkIndex("ColumnDataset.get", index, this.length);
    return this.record(([, { data, shape }, size]) => {
      return { data: data.subarray(index * size, (index + 1) * size), shape: shape.slice(1) };
    });
  }

  /** The rows `indices` of every column, copied. */
  batch(indices: Uint32Array): Record<K, NdArray> {
    for (const index of indices) checkIndex("ColumnDataset.batch", index, this.length);
    return this.record(([, { data, shape }, size]) => {
      const rows = new (data.constructor as new (n: number) => typeof data)(indices.length * size);
      indices.forEach((index, i) => {
        rows.set(data.subarray(index * size, (index + 1) * size), i * size);
      });
      return { data: rows, shape: [indices.length, ...shape.slice(1)] };
    });
  }

  private record(make: (column: [K, NdArray, number]) => NdArray): Record<K, NdArray> {
    return Object.fromEntries(this.columns.map((c) => [c[0], make(c)])) as Record<K, NdArray>;
  }
}

/** The samples of another dataset with these numbers, in this order. */
export class Subset<T> implements Dataset<T> {
  readonly dataset: Dataset<T>;
  readonly indices: Uint32Array;
  readonly batch?: (indices: Uint32Array) => unknown;

  constructor(dataset: Dataset<T>, indices: ArrayLike<number>) {
    for (let i = 0; i < indices.length; i++) {
      checkIndex("Subset", indices[i], dataset.length);
    }
    this.dataset = dataset;
    this.indices = Uint32Array.from(indices);
    if (dataset.batch !== undefined) {
      this.batch = (rows) => dataset.batch?.(rows.map((row) => this.resolve(row)));
    }
  }

  get length(): number {
    return this.indices.length;
  }

  get(index: number, rng?: Rng): T {
    return this.dataset.get(this.resolve(index), rng);
  }

  private resolve(index: number): number {
    checkIndex("Subset.get", index, this.length);
    return this.indices[index];
  }
}

/** Another dataset's samples, each passed through a function. */
export class MapDataset<T, U> implements Dataset<U> {
  private readonly dataset: Dataset<T>;
  private readonly map: (sample: T, rng: Rng) => U;

  constructor(dataset: Dataset<T>, map: (sample: T, rng: Rng) => U) {
    this.dataset = dataset;
    this.map = map;
  }

  get length(): number {
    return this.dataset.length;
  }

  /** Outside of a loader the random stream is that of the index alone. */
  get(index: number, rng: Rng = new Rng(0, 0, index)): U {
    return this.map(this.dataset.get(index, rng), rng);
  }
}

/**
 * Cuts a dataset into random parts without overlap. Parts are counts that sum to the dataset's
 * length, or fractions that sum to 1; what rounding leaves over goes to the first parts, one each.
 *
 * @example
 * const [train, validation] = randomSplit(dataset, [0.9, 0.1], { seed: 1 });
 */
export function randomSplit<T>(
  dataset: Dataset<T>,
  parts: readonly number[],
  { seed = 0 }: { seed?: number } = {},
): Subset<T>[] {
  const lengths = partLengths(dataset.length, parts);
  const order = new Rng(seed).permutation(dataset.length);
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return new Subset(dataset, order.subarray(at - length, at));
  });
}

/**
 * Cuts samples into folds for cross-validation, each with its share of every class: lists of places, of which
 * each is tested on once. As scikit-learn's StratifiedKFold, shuffled.
 *
 * @throws ArgumentError for fewer than two folds, or more than there are samples.
 *
 * @example
 * const tests = stratifiedFolds(labels, 5, new Rng(seed)); // tests[f] are the places that fold f tests
 */
export function stratifiedFolds(labels: ArrayLike<number>, folds: number, rng: Rng): number[][] {
  if (!Number.isInteger(folds) || folds < 2 || folds > labels.length) {
    const detail = `${folds} folds cannot be made of ${labels.length} samples`;
    throw new ArgumentError("stratifiedFolds", detail);
  }
  // Class after class is dealt out like cards.
  const dealt = [...rng.permutation(labels.length)].sort((a, b) => labels[a]! - labels[b]!);
  const tests = Array.from({ length: folds }, (): number[] => []);
  dealt.forEach((place, i) => void tests[i % folds]!.push(place));
  return tests;
}

function partLengths(total: number, parts: readonly number[]): number[] {
  const sum = parts.reduce((a, b) => a + b, 0);
  if (parts.length === 0 || parts.some((part) => !(part >= 0))) {
    throw new ArgumentError("randomSplit", `the parts must be numbers from 0, got [${parts}]`);
  }
  if (parts.every(Number.isInteger) && sum === total) return [...parts];
  if (Math.abs(sum - 1) > 1e-6) {
    const hint = "pass counts that sum to dataset.length, or fractions that sum to 1";
    throw new ArgumentError("randomSplit", `[${parts}] sums to ${sum}, not ${total} or 1`, {
      hint,
    });
  }
  const lengths = parts.map((part) => Math.floor(part * total + 1e-9));
  let rest = total - lengths.reduce((a, b) => a + b, 0);
  for (let i = 0; rest > 0; i = (i + 1) % lengths.length) {
    if (parts[i] === 0) continue;
    lengths[i]++;
    rest--;
  }
  return lengths;
}

/**
 * The order of samples in an epoch: a pure function of the epoch's number, so that resuming needs
 * no more.
 */
export interface Sampler {
  readonly length: number;
  indices(epoch: number): Uint32Array;
}

/** The batches of an epoch, each a list of samples: as many in every epoch. */
export interface BatchSampler {
  readonly length: number;
  batches(epoch: number): readonly Uint32Array[];
}

/** 0, 1, 2, … in every epoch. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  indices(): Uint32Array {
    return new Uint32Array(this.length).map((_, i) => i);
  }
}

/** Another order in every epoch; with `replacement`, `count` independent draws. */
export class RandomSampler implements Sampler {
  readonly length: number;
  private readonly size: number;
  private readonly seed: number;
  private readonly replacement: boolean;

  constructor(
    size: number,
    options: { seed?: number; replacement?: boolean; count?: number } = {},
  ) {
    const { seed = 0, replacement = false, count = size } = options;
    if (!replacement && count > size) {
      const hint = "pass { replacement: true }";
      throw new ArgumentError("RandomSampler", `cannot draw ${count} of ${size}`, { hint });
    }
    this.size = size;
    this.seed = seed;
    this.replacement = replacement;
    this.length = count;
  }

  indices(epoch: number): Uint32Array {
    const rng = new Rng(this.seed, epoch);
    if (!this.replacement) return rng.permutation(this.size).slice(0, this.length);
    return new Uint32Array(this.length).map(() => rng.int(this.size));
  }
}

function checkIndex(op: string, index: number, length: number): void {
  if (Number.isInteger(index) && index >= 0 && index < length) return;
  throw new ArgumentError(op, `index ${index} is not in a dataset of ${length} samples`);
}

function rowSize(name: string, { data, shape }: NdArray): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (shape.length === 0 || count !== data.length) {
    const what = `column ${name} has shape [${shape}] but ${data.length} values`;
    throw new ArgumentError("ColumnDataset", what);
  }
  return shape.slice(1).reduce((product, size) => product * size, 1);
}
