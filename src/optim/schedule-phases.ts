// Schedules of several phases: warm-up, a stable part and a decay; the way to an average of weights.
// Not here: schedules joined of others (schedule-joined.ts).

import { needOptions } from "../tensor/ops/common.ts";
import { ArgumentError } from "../util/errors.ts";
import {
  type AnyOptimizer,
  type Base,
  baseOf,
  checkSteps,
  cosine,
  LambdaLR,
  LRScheduler,
  type Setting,
} from "./schedule.ts";

export interface WarmupStableDecayOptions {
  /** Steps to the full learning rate, in a line; the first is 1/(warmup + 1) of it. */
  warmup: number;
  /** Steps at it. */
  stable: number;
  /** Steps down from it. */
  decay: number;
  /** The part that is left in the end. */
  floor?: number | undefined;
  /** Along half a cosine, a line, or 1 - √ of the way (Hägele et al. 2024). */
  shape?: "cosine" | "linear" | "sqrt" | undefined;
}

const falls: { readonly [K in "cosine" | "linear" | "sqrt"]: (t: number) => number } = {
  cosine: (t) => cosine(1, 0, t),
  linear: (t) => 1 - t,
  sqrt: (t) => 1 - Math.sqrt(t),
};

/**
 * Up, along, and down (Hu et al. 2024): a run of this schedule can go on from its stable part.
 *
 * @example new optim.WarmupStableDecayLR(optimizer, { warmup: 100, stable: 800, decay: 100 })
 */
export class WarmupStableDecayLR extends LambdaLR {
  constructor(optimizer: AnyOptimizer, options: WarmupStableDecayOptions) {
    const op = "WarmupStableDecayLR";
    needOptions(op, options, "use { warmup: 100, stable: 800, decay: 100 }");
    const { warmup, stable, floor = 0, shape = "cosine" } = options;
    const decay = checkSteps(op, "decay", options.decay);
    if (!Object.hasOwn(falls, shape)) {
      const hint = `use ${Object.keys(falls).join(", ")}`;
      throw new ArgumentError(op, `there is no shape "${shape}"`, { hint });
    }
    if (!(warmup >= 0 && stable >= 0)) {
      throw new ArgumentError(
        op,
        `warmup and stable must not be negative, got ${warmup}, ${stable}`,
      );
    }
    super(optimizer, (epoch) => {
      if (epoch < warmup) return (epoch + 1) / (warmup + 1);
      const left = falls[shape](Math.min(1, Math.max(0, epoch - warmup - stable) / decay));
      return floor + (1 - floor) * left;
    });
  }
}

export interface SWALROptions {
  swaLr: number;
  annealEpochs?: number | undefined;
  annealStrategy?: "cos" | "linear" | undefined;
}

/** From the learning rate that is set now to `swaLr`, and along: for weight averaging (`SWA`). */
export class SWALR extends LRScheduler {
  readonly #target: number;
  readonly #share: (t: number) => number;

  constructor(optimizer: AnyOptimizer, options: SWALROptions) {
    needOptions("SWALR", options, "use { swaLr: 0.05 }");
    const { annealEpochs = 10, annealStrategy = "cos" } = options;
    if (annealStrategy !== "cos" && annealStrategy !== "linear") {
      const hint = "use cos or linear";
      throw new ArgumentError("SWALR", `there is no annealStrategy "${annealStrategy}"`, { hint });
    }
    super(optimizer, (group) => ({ ...baseOf(group), lr: group.lr }));
    this.#target = options.swaLr;
    this.#share = (epoch) => {
      const t = annealEpochs === 0 ? 1 : Math.min(1, epoch / annealEpochs);
      return annealStrategy === "cos" ? 1 - cosine(1, 0, t) : t;
    };
    this.apply();
  }

  at({ lr }: Base, epoch: number): Setting {
    return { lr: lr + (this.#target - lr) * this.#share(epoch) };
  }
}
