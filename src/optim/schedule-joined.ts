// Schedules made of schedules: one after the other, or several at once.
// Not here: what each does (schedule.ts).

import { ArgumentError } from "../util/errors.ts";
import { type AnyOptimizer, type Base, LRScheduler, type Setting } from "./schedule.ts";

/**
 * One schedule after the other: the next one begins, at its own step 0, at each milestone.
 *
 * @example
 * const warmup = new optim.LinearLR(optimizer, { startFactor: 0.01, totalIters: 100 });
 * const decay = new optim.CosineAnnealingLR(optimizer, { tMax: 900 });
 * const schedule = new optim.SequentialLR(optimizer, [warmup, decay], { milestones: [100] });
 */
export class SequentialLR extends LRScheduler {
  #parts: readonly LRScheduler[];
  #milestones: readonly number[];

  constructor(
    optimizer: AnyOptimizer,
    parts: readonly LRScheduler[],
    { milestones }: { milestones: readonly number[] },
  ) {
    super(optimizer);
    if (parts.length !== milestones.length + 1) {
      const counts = `${parts.length} schedules and ${milestones.length} milestones`;
      throw new ArgumentError("SequentialLR", `needs a milestone between each two, got ${counts}`);
    }
    this.#parts = parts;
    this.#milestones = milestones;
    this.apply();
  }

  at(base: Base, epoch: number): Setting {
    const passed = this.#milestones.filter((m) => m <= epoch).length;
    const start = passed === 0 ? 0 : this.#milestones[passed - 1]!;
    return this.#parts[passed]!.at(base, epoch - start);
  }
}

/** Several schedules at once: the factors by which each changes the learning rate, multiplied. */
export class ChainedScheduler extends LRScheduler {
  #parts: readonly LRScheduler[];

  constructor(optimizer: AnyOptimizer, parts: readonly LRScheduler[]) {
    super(optimizer);
    this.#parts = parts;
    this.apply();
  }

  at(base: Base, epoch: number): Setting {
    return {
      lr: this.#parts.reduce(
        (lr, part) => (base.lr === 0 ? 0 : lr * (part.at(base, epoch).lr / base.lr)),
        base.lr,
      ),
    };
  }
}
