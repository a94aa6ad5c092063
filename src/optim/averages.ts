// Averages of weights beside the weights: exponential (EMA) and even (SWA, Izmailov et al. 2018), as
// torch.optim.swa_utils. Updated inside a compiled step where they are called there.
// Not here: learning rates for SWA (schedule-phases.ts), Lookahead (lookahead.ts).

import { isFloat, makeArray } from "../ir/dtype.ts";
import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { refuseInTrace, setState, snapshot, stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, LoadError } from "../util/errors.ts";

/** What `stateDict` of averages gives. */
export interface AveragesState {
  readonly count: Tensor;
  readonly averages: readonly Tensor[];
}

/** A second value of each tensor: the average over the updates so far. */
abstract class Averages {
  readonly tensors: readonly Tensor[];
  /** In the order of the tensors. Integers are not averaged: they are the newest. */
  readonly averages: readonly Tensor[];
  /** How many updates there were, 0-d. */
  readonly count: Tensor;

  constructor(tensors: Iterable<Tensor>) {
    this.tensors = [...tensors];
    if (this.tensors.length === 0) {
      const hint = "pass model.parameters()";
      throw new ArgumentError(this.constructor.name, "has no tensors to average", { hint });
    }
    this.averages = this.tensors.map((t) =>
      stateTensor(makeArray(t.dtype, t.numel), t.shape, t.dtype),
    );
    this.count = stateTensor(Float32Array.of(0), []);
    setState(this.averages.map((average, i) => [average, snapshot(this.tensors[i]!)]));
  }

  /** How much of the average a new value becomes, 0-d; `count` updates came before. */
  protected abstract share(count: Tensor): Tensor;

  /**
   * Takes the present values in; call it after each optimizer step (or, for SWA, each epoch). The first
   * one replaces what was there.
   *
   * @returns a promise where the device answers later, else null. It need not be awaited.
   */
  update(): Promise<void> | null {
    return noGrad(() => {
      const share = this.share(this.count);
      const next = this.averages.map((average, i) => {
        const value = this.tensors[i]!;
        return isFloat(value.dtype) ? average.add(value.sub(average).mul(share)) : value;
      });
      return assignAll([this.count, ...this.averages], [this.count.add(1), ...next].map(nodeOf));
    });
  }

  /** Puts the averages in the place of the weights, for good. */
  copyTo(): void {
    refuseInTrace("copyTo");
    setState(this.tensors.map((tensor, i) => [tensor, snapshot(this.averages[i]!)]));
  }

  /**
   * Runs `f` with the averages in the place of the weights, which are then as before.
   *
   * @example
   * const test = await ema.use(() => evaluate(model, loader, { loss: nn.crossEntropy }));
   */
  async use<T>(f: () => T | Promise<T>): Promise<T> {
    const own = this.tensors.map(snapshot);
    this.copyTo();
    try {
      return await f();
    } finally {
      setState(this.tensors.map((tensor, i) => [tensor, own[i]!]));
    }
  }

  /** All that a resume needs, as it is now. */
  stateDict(): AveragesState {
    return { count: snapshot(this.count), averages: this.averages.map(snapshot) };
  }

  /** Goes back to a saved state. Throws a LoadError, with nothing changed, if it is of other tensors. */
  loadStateDict(saved: AveragesState): this {
    const shapes = (tensors: readonly Tensor[]) =>
      tensors.map(({ shape }) => `[${shape}]`).join(" ");
    const [own, theirs] = [shapes(this.averages), shapes(saved?.averages ?? [])];
    if (own !== theirs) {
      const lines = [`saved ${theirs}`, `here  ${own}`];
      throw new LoadError("the averages' state", "is of other tensors", { lines });
    }
    setState([
      [this.count, saved.count],
      ...this.averages.map((average, i) => [average, saved.averages[i]!] as const),
    ]);
    return this;
  }
}

export interface EMAOptions {
  /** How much of the average stays at each update. */
  decay?: number | undefined;
  /** Decays less in the first updates: (1 + n) / (10 + n) after n of them, until that is `decay`. */
  warmup?: boolean | undefined;
}

/**
 * The exponential average of weights.
 *
 * @throws ArgumentError for a decay outside of [0, 1).
 *
 * @example
 * const ema = new optim.EMA(model.parameters(), { decay: 0.999 });
 * const step = compile((x, y) => {
 *   const loss = nn.crossEntropy(model.forward(x), y);
 *   optimizer.step(loss);
 *   ema.update();
 *   return loss;
 * });
 */
export class EMA extends Averages {
  readonly decay: number;
  readonly warmup: boolean;

  constructor(tensors: Iterable<Tensor>, { decay = 0.999, warmup = false }: EMAOptions = {}) {
    super(tensors);
    if (!(decay >= 0 && decay < 1)) {
      throw new ArgumentError("EMA", `decay must be in [0,1), got ${decay}`);
    }
    this.decay = decay;
    this.warmup = warmup;
  }

  protected override share(count: Tensor): Tensor {
    const rest = 1 - this.decay;
    const later = this.warmup ? count.add(10).rdiv(9).maximum(rest) : rest;
    return where(count.eq(0), 1, later);
  }
}

/**
 * The even average of weights, of the end of a training at a steady learning rate (`SWALR`). Batch
 * norm's running values are not averages of weights: recompute them with `updateBatchNorm`.
 *
 * @example
 * const swa = new optim.SWA(model.parameters());
 * swa.update(); // after each of the last epochs
 * swa.copyTo();
 */
export class SWA extends Averages {
  protected override share(count: Tensor): Tensor {
    return count.add(1).reciprocal();
  }
}
