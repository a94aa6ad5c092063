// The loss of every step, for the curve of a report; a resume goes on where the checkpoint was.
// Not here: the curve (vis/).

import type { Callback } from "../train/index.ts";

export interface StepLosses extends Callback {
  /** Entry i is the loss of step i + 1. */
  readonly losses: readonly number[];
}

/** A callback that keeps each step's loss. It reads every one, which is cheap on an in-process
 * device. */
export function stepLosses(): StepLosses {
  const losses: number[] = [];
  return {
    name: "stepLosses",
    losses,
    async onStep({ loss, step }) {
      if (loss !== null) losses[step - 1] = await loss.item();
    },
    state: () => [...losses],
    loadState(saved: readonly number[]) {
      losses.splice(0, losses.length, ...saved);
    },
  };
}
