// ReduceLROnPlateau: lowers the learning rate when a metric stops improving, as torch.optim has it.
// Not here: schedules that know only the step (schedule.ts).

import { ArgumentError } from "../util/errors.ts";
import { type AnyOptimizer, checkOptimizer } from "./schedule.ts";

export interface PlateauOptions {
  /** Whether smaller metrics are better, or larger ones. */
  mode?: "min" | "max" | undefined;
  factor?: number | undefined;
  /** How many steps without improvement are put up with. */
  patience?: number | undefined;
  threshold?: number | undefined;
  /** Whether the threshold is a part of the best metric or a difference from it. */
  thresholdMode?: "rel" | "abs" | undefined;
  /** Steps after a change in which nothing is counted. */
  cooldown?: number | undefined;
  minLr?: number | undefined;
  /** Smaller changes are not made. */
  eps?: number | undefined;
}

export interface PlateauState {
  readonly best: number | null;
  readonly bad: number;
  readonly cooling: number;
}

/**
 * Multiplies the learning rate by a factor when the metric has not improved for longer than `patience`.
 *
 * @example
 * scheduler.step(validationLoss); // after each epoch
 */
export class ReduceLROnPlateau {
  readonly optimizer: AnyOptimizer;
  #options: { [K in keyof PlateauOptions]-?: Exclude<PlateauOptions[K], undefined> };
  #best: number | null = null;
  #bad = 0;
  #cooling = 0;

  constructor(optimizer: AnyOptimizer, options: PlateauOptions = {}) {
    const { mode = "min", factor = 0.1, patience = 10, threshold = 1e-4 } = options;
    const { thresholdMode = "rel", cooldown = 0, minLr = 0, eps = 1e-8 } = options;
    if (!(factor < 1)) {
      throw new ArgumentError("ReduceLROnPlateau", `factor must be below 1, got ${factor}`);
    }
    this.optimizer = checkOptimizer("ReduceLROnPlateau", optimizer);
    this.#options = { mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps };
  }

  step(metric: number): void {
    const { patience, cooldown } = this.#options;
    if (this.#improves(metric)) {
      this.#best = metric;
      this.#bad = 0;
    } else {
      this.#bad++;
    }
    if (this.#cooling > 0) {
      this.#cooling--;
      this.#bad = 0;
    }
    if (this.#bad <= patience) return;
    this.#reduce();
    this.#cooling = cooldown;
    this.#bad = 0;
  }

  get lastLr(): number[] {
    return this.optimizer.groups.map((group) => group.lr);
  }

  stateDict(): PlateauState {
    return { best: this.#best, bad: this.#bad, cooling: this.#cooling };
  }

  loadStateDict(state: PlateauState): this {
    this.#best = state.best;
    this.#bad = state.bad;
    this.#cooling = state.cooling;
    return this;
  }

  #improves(metric: number): boolean {
    if (this.#best === null) return !Number.isNaN(metric);
    const { mode, threshold, thresholdMode } = this.#options;
    const sign = mode === "min" ? -1 : 1;
    const margin = thresholdMode === "rel" ? this.#best * threshold : threshold;
    const least = this.#best + sign * margin;
    return mode === "min" ? metric < least : metric > least;
  }

  #reduce(): void {
    const { factor, minLr, eps } = this.#options;
    for (const group of this.optimizer.groups) {
      const lr = Math.max(group.lr * factor, minLr);
      if (group.lr - lr > eps) group.lr = lr;
    }
  }
}
