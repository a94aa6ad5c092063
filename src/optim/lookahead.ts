// Lookahead (Zhang et al. 2019): slow weights that follow an optimizer's fast ones every k steps.
// Not here: averages beside the weights (averages.ts).

import { makeArray } from "../ir/dtype.ts";
import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import { where } from "../tensor/ops/elementwise.ts";
import { setState, snapshot, stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { checkRates } from "./group.ts";
import type { OptimizerState, StepOptions } from "./optimizer.ts";
import { type AnyOptimizer, checkOptimizer, checkSteps } from "./schedule.ts";

export interface LookaheadOptions {
  /** Steps of the optimizer for one of the slow weights. */
  k?: number | undefined;
  /** How far the slow weights go towards the fast ones. */
  alpha?: number | undefined;
}

/** What `stateDict` of Lookahead gives. */
export interface LookaheadState {
  readonly inner: OptimizerState;
  readonly since: Tensor;
  readonly slow: readonly Tensor[];
}

/**
 * Wraps any optimizer. Every k steps the slow weights go `alpha` of the way to where the optimizer has
 * come, and it goes on from there. Schedules take the optimizer inside.
 *
 * @example
 * const optimizer = new optim.Lookahead(new optim.AdamW(model.parameters()), { k: 6 });
 * const schedule = new optim.CosineAnnealingLR(optimizer.inner, { tMax: 100 });
 */
export class Lookahead {
  readonly inner: AnyOptimizer;
  readonly k: number;
  readonly alpha: number;
  #params: readonly Tensor[];
  #slow: readonly Tensor[];
  /** Steps since the slow weights moved, 0-d. */
  #since: Tensor;

  constructor(inner: AnyOptimizer, { k = 5, alpha = 0.5 }: LookaheadOptions = {}) {
    this.inner = checkOptimizer("Lookahead", inner);
    this.k = checkSteps("Lookahead", "k", k);
    if (alpha !== 1) checkRates("Lookahead", { alpha });
    this.alpha = alpha;
    this.#params = inner.params;
    this.#slow = this.#params.map((p) =>
      stateTensor(makeArray(p.dtype, p.numel), p.shape, p.dtype),
    );
    this.#since = stateTensor(Float32Array.of(0), []);
    setState(this.#slow.map((slow, i) => [slow, snapshot(this.#params[i]!)]));
  }

  get lr(): number {
    return this.inner.lr;
  }

  set lr(value: number) {
    this.inner.lr = value;
  }

  get params(): Tensor[] {
    return this.inner.params;
  }

  /** As `step` of the optimizer inside. */
  step(loss?: Tensor, options: StepOptions = {}): Promise<void> | null {
    const first = this.inner.step(loss, options);
    const second = noGrad(() => {
      const since = this.#since.add(1);
      const due = since.eq(this.k);
      const slow = this.#slow.map((old, i) => {
        return where(due, old.add(this.#params[i]!.sub(old).mul(this.alpha)), old);
      });
      const fast = this.#params.map((param, i) => where(due, slow[i]!, param));
      const next = [where(due, 0, since), ...slow, ...fast];
      return assignAll([this.#since, ...this.#slow, ...this.#params], next.map(nodeOf));
    });
    return first === null && second === null ? null : Promise.all([first, second]).then(() => {});
  }

  zeroGrad(): void {
    this.inner.zeroGrad();
  }

  stateDict(): LookaheadState {
    return {
      inner: this.inner.stateDict(),
      since: snapshot(this.#since),
      slow: this.#slow.map(snapshot),
    };
  }

  /** Goes back to a saved state. Throws a LoadError, with nothing changed, if it does not fit. */
  loadStateDict(saved: LookaheadState): this {
    if (saved?.slow?.length !== this.#slow.length) {
      throw new ArgumentError("loadStateDict", "takes what stateDict() of a like Lookahead gave");
    }
    this.inner.loadStateDict(saved.inner);
    setState([
      [this.#since, saved.since],
      ...this.#slow.map((slow, i) => [slow, saved.slow[i]!] as const),
    ]);
    return this;
  }
}
