// Measures: the loss and the metrics of an epoch, added up as the batches go by.
// Not here: what each metric is (metrics/), or how sums and values are kept (totals.ts).

import { meanLoss } from "../metrics/classification.ts";
import type { Metrics, Results } from "../metrics/metric.ts";
import { noGrad } from "../tensor/core.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { Kept, Totals } from "./totals.ts";
import type { TypedArray } from "./types.ts";

/** The mean loss and the metrics by name. */
export type Evaluation<M extends Metrics> = { loss: number } & Results<M>;

/** What a checkpoint keeps of one measure. */
export type MeasureState = Tensor[] | Tensor[][] | null;

/** The loss and the metrics of the batches since the last reset. */
export class Measures<M extends Metrics> {
  private readonly metrics: readonly [string, Metrics[string]][];
  private readonly totals: (Totals | Kept)[];

  constructor(metrics: M) {
    if ("loss" in metrics) {
      throw new ArgumentError("metrics", "the name loss is taken by the loss itself");
    }
    this.metrics = [["loss", meanLoss()], ...Object.entries(metrics)];
    this.totals = this.metrics.map(([, metric]) => (metric.keep ? new Kept() : new Totals()));
  }

  /** Adds a batch to the sums; called inside the compiled step. What it returns, the step returns too,
   *  and `keep` takes it. */
  add(output: Tensor, target: Tensor, loss: Tensor): Tensor[][] {
    if (!(loss instanceof Tensor)) {
      throw new ArgumentError(
        "loss",
        `must give a tensor, got ${loss === null ? loss : typeof loss}`,
      );
    }
    if (loss.numel !== 1) {
      throw new ShapeError("loss", `must give one number for a batch, got [${loss.shape}]`, {
        hint: "use the mean, for example (output, y) => nn.mseLoss(output, y)",
      });
    }
    const batch = { output, target, loss: loss.reshape([]), count: target.shape[0] ?? 1 };
    const kept: Tensor[][] = [];
    noGrad(() => {
      this.metrics.forEach(([, metric], i) => {
        const values = metric.measure(batch).map((value) => value.detach());
        const totals = this.totals[i];
        if (totals instanceof Totals) totals.add(values);
        else kept.push(values);
      });
    });
    return kept;
  }

  /** Takes what a step's `add` returned. */
  keep(kept: readonly (readonly Tensor[])[]): void {
    let at = 0;
    for (const totals of this.totals) if (totals instanceof Kept) totals.add(kept[at++]);
  }

  reset(): void {
    for (const totals of this.totals) totals.reset();
  }

  /** The results so far; null before the first batch. Waits for the steps that were begun. */
  async read(): Promise<Evaluation<M> | null> {
    const sums = await Promise.all(this.totals.map((totals) => totals.read()));
    if (sums.some((s) => s === null) || sums[0]?.[1][0] === 0) return null;
    const results = this.metrics.map(([name, metric], i) => {
      return [name, metric.result(sums[i] as TypedArray[])] as const;
    });
    return Object.fromEntries(results) as Evaluation<M>;
  }

  state(): MeasureState[] {
    return this.totals.map((totals) => totals.state());
  }

  loadState(state: readonly MeasureState[]): void {
    this.totals.forEach((totals, i) => {
      const saved = state[i] ?? null;
      if (totals instanceof Kept) totals.loadState((saved ?? []) as Tensor[][]);
      else totals.loadState(saved as Tensor[] | null);
    });
  }
}
