// Measures: the loss and the metrics of an epoch, summed on the device as the batches go by.
// Not here: what each metric is (metrics.ts), or how sums are kept (totals.ts).

import { noGrad } from "../tensor/core.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { type Metrics, meanLoss, type Results } from "./metrics.ts";
import { Totals } from "./totals.ts";
import type { TypedArray } from "./types.ts";

/** The mean loss and the metrics by name. */
export type Evaluation<M extends Metrics> = { loss: number } & Results<M>;

/** The loss and the metrics of the batches since the last reset. */
export class Measures<M extends Metrics> {
  private readonly metrics: readonly [string, Metrics[string]][];
  private readonly totals: Totals[];

  constructor(metrics: M) {
    if ("loss" in metrics) {
      throw new ArgumentError("metrics", "the name loss is taken by the loss itself");
    }
    this.metrics = [["loss", meanLoss()], ...Object.entries(metrics)];
    this.totals = this.metrics.map(() => new Totals());
  }

  /** Adds a batch; called inside the compiled step. */
  add(output: Tensor, target: Tensor, loss: Tensor): void {
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
    noGrad(() => {
      this.metrics.forEach(([, metric], i) => void this.totals[i].add(metric.measure(batch)));
    });
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

  state(): (Tensor[] | null)[] {
    return this.totals.map((totals) => totals.state());
  }

  loadState(state: readonly (Tensor[] | null)[]): void {
    this.totals.forEach((totals, i) => void totals.loadState(state[i] ?? null));
  }
}
