// Meters: metrics by hand, outside of fit: batches go in one after the other, the result comes when it
// is asked for. Not here: metrics inside a compiled step (train/measures.ts).

import { noGrad } from "../tensor/core.ts";
import { tensor } from "../tensor/create.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, StateError } from "../util/errors.ts";
import type { Measured, Metric, TypedArray } from "./metric.ts";

/** What adds batches up. */
export interface Meter<Batch extends readonly unknown[], R> {
  /** Adds a batch. Need not be awaited; batches count in the order of the calls. */
  update(...batch: Batch): Promise<void>;
  /** The result so far; rejects with a StateError before the first batch, or with the error of an
   *  update. */
  compute(): Promise<R>;
  /** Forgets all batches. */
  reset(): void;
}

type Numbers = Parameters<typeof tensor>[0];

/** Outputs, targets and, for metrics of the loss, the loss of the batch. */
type Sample = readonly [
  output: Tensor | Numbers,
  target: Tensor | Numbers,
  loss?: Tensor | number | undefined,
];

type Lists = readonly (readonly unknown[])[];

/**
 * A meter of a metric, or of a function of lists such as `bleu` (which are then laid end to end).
 * Plain numbers become tensors; targets of another shape than the outputs are classes.
 *
 * @example
 * const area = meter(auroc());
 * area.update([0.1, 0.4], [0, 0]);
 * area.update([0.35, 0.8], [1, 1]);
 * await area.compute(); // 0.75
 */
export function meter<R>(metric: Metric<R>): Meter<Sample, R>;
export function meter<L extends Lists, R>(score: (...lists: L) => R): Meter<L, R>;
export function meter(
  of: Metric<unknown> | ((...lists: Lists) => unknown),
): Meter<Sample, unknown> | Meter<Lists, unknown> {
  return typeof of === "function" ? new ListMeter(of) : new MetricMeter(of);
}

/** Sums, or all samples, of a metric; in double precision. */
class MetricMeter<R> implements Meter<Sample, R> {
  private readonly metric: Metric<R>;
  private values: TypedArray[] | null = null;
  private kept: TypedArray[][] = [];
  private tail: Promise<void> = Promise.resolve();

  constructor(metric: Metric<R>) {
    this.metric = metric;
  }

  update(
    output: Tensor | Numbers,
    target: Tensor | Numbers,
    loss?: Tensor | number,
  ): Promise<void> {
    const added = noGrad(() => this.metric.measure(batchOf(output, target, loss)));
    const parts = Promise.all(added.map((part) => part.data()));
    this.tail = Promise.all([parts, this.tail]).then(([arrays]) => this.add(arrays));
    this.tail.catch(() => {}); // compute tells
    return this.tail;
  }

  private add(arrays: readonly TypedArray[]): void {
    if (this.metric.keep) {
      this.kept.push([...arrays]);
      return;
    }
    this.values ??= arrays.map((array) => new Float64Array(array.length));
    this.values.forEach((sums, i) => {
      for (let k = 0; k < sums.length; k++) sums[k]! += arrays[i]![k]!;
    });
  }

  async compute(): Promise<R> {
    await this.tail;
    const values = this.metric.keep ? endToEnd(this.kept) : this.values;
    if (values === null) throw nothingYet();
    return this.metric.result(values);
  }

  reset(): void {
    this.values = null;
    this.kept = [];
    this.tail = this.tail.then(
      () => this.clear(),
      () => this.clear(),
    );
  }

  private clear(): void {
    this.values = null;
    this.kept = [];
  }
}

/** Lists laid end to end. */
class ListMeter<L extends Lists, R> implements Meter<L, R> {
  private readonly score: (...lists: L) => R;
  private lists: unknown[][] | null = null;

  constructor(score: (...lists: L) => R) {
    this.score = score;
  }

  async update(...batch: L): Promise<void> {
    this.lists ??= batch.map(() => []);
    this.lists.forEach((list, i) => void list.push(...(batch[i] ?? [])));
  }

  async compute(): Promise<R> {
    if (this.lists === null) throw nothingYet();
    return this.score(...(this.lists as unknown as L));
  }

  reset(): void {
    this.lists = null;
  }
}

function nothingYet(): StateError {
  return new StateError("meter", "nothing was measured yet", { hint: "call update first" });
}

function batchOf(
  output: Tensor | Numbers,
  target: Tensor | Numbers,
  loss?: Tensor | number,
): Measured {
  const x = asTensor(output);
  const given = asTensor(target);
  const classes = !(target instanceof Tensor) && `${x.shape}` !== `${given.shape}`;
  const y = classes ? given.int() : given;
  const count = x.shape[0] ?? 1;
  return {
    output: x,
    target: y,
    count,
    get loss(): Tensor {
      if (loss === undefined) {
        throw new ArgumentError("meter", "this metric needs the loss of the batch", {
          hint: "update(output, target, loss)",
        });
      }
      return asTensor(loss);
    },
  };
}

function asTensor(value: Tensor | Numbers): Tensor {
  return value instanceof Tensor ? value : tensor(value);
}

/** For each place of the batches' lists, the arrays of all batches as one; null without a batch. */
export function endToEnd(batches: readonly (readonly TypedArray[])[]): TypedArray[] | null {
  return (
    batches[0]?.map((first, place) => {
      const size = batches.reduce((sum, batch) => sum + batch[place]!.length, 0);
      const all = new (first.constructor as new (size: number) => TypedArray)(size);
      let at = 0;
      for (const batch of batches) {
        all.set(batch[place]!, at);
        at += batch[place]!.length;
      }
      return all;
    }) ?? null
  );
}
