// The watch over the loss: one counter on the device that stops at the first loss that is no
// number, so that the loop need not read every loss and the error still names the step.
// Not here: which op made it (tensor/anomaly.ts).

import { noGrad } from "../tensor/core.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { setState, stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A loss that was NaN or infinite. */
export interface BadLoss {
  /** How many steps of this run came before it. */
  readonly after: number;
  readonly loss: number;
}

export class LossWatch {
  /** Finite losses so far; -1 - that number since one was not. */
  private readonly count = stateTensor(new Int32Array(1), []);
  /** The first loss that was not finite. */
  private readonly bad = stateTensor(new Float32Array(1), []);

  /** Called inside the step. */
  follow(loss: Tensor): void {
    noGrad(() => {
      const { count, bad } = this;
      const value = loss.detach().reshape([]);
      const finite = value.isfinite();
      const well = count.ge(0);
      const now = where(finite, count.add(1), count.neg().sub(1));
      const first = well.logicalAnd(finite.logicalNot());
      bad.assign(where(first, value.float(), bad));
      count.assign(where(well, now, count));
    });
  }

  /** The first bad loss, if there was one. */
  async look(): Promise<BadLoss | null> {
    const count = await this.count.item();
    return count >= 0 ? null : { after: -1 - count, loss: await this.bad.item() };
  }

  reset(): void {
    setState([
      [this.count, new Int32Array(1)],
      [this.bad, new Float32Array(1)],
    ]);
  }
}
