// Schedules that move the learning rate up and down and, against it, the momentum: one cycle for a whole
// training (Smith and Topin 2017), or cycle after cycle (Smith 2015), as torch.optim.lr_scheduler.

import { needOptions } from "../tensor/ops/common.ts";
import { ArgumentError } from "../util/errors.ts";
import { pow } from "../util/math.ts";
import {
  type AnyOptimizer,
  type Base,
  checkSteps,
  cosine,
  LRScheduler,
  type Setting,
} from "./schedule.ts";

export interface OneCycleOptions {
  maxLr: number;
  /** All steps of the training; or give epochs and stepsPerEpoch. */
  totalSteps?: number | undefined;
  epochs?: number | undefined;
  stepsPerEpoch?: number | undefined;
  /** The part of the steps in which the learning rate grows. */
  pctStart?: number | undefined;
  annealStrategy?: "cos" | "linear" | undefined;
  cycleMomentum?: boolean | undefined;
  baseMomentum?: number | undefined;
  maxMomentum?: number | undefined;
  /** The first learning rate is maxLr / divFactor. */
  divFactor?: number | undefined;
  /** The last learning rate is the first / finalDivFactor. */
  finalDivFactor?: number | undefined;
  /** Down to the first learning rate as fast as up, and only then further. */
  threePhase?: boolean | undefined;
}

interface Phase {
  readonly end: number;
  readonly lr: readonly [number, number];
  readonly momentum: readonly [number, number];
}

/** Up to maxLr and down to almost nothing, once; call `step()` after each batch. */
export class OneCycleLR extends LRScheduler {
  #phases: readonly Phase[];
  #momentum: boolean;
  #linear: boolean;

  constructor(optimizer: AnyOptimizer, options: OneCycleOptions) {
    needOptions("OneCycleLR", options, "use { maxLr: 0.1, totalSteps: 1000 }");
    super(optimizer);
    const { totalSteps, epochs = 0, stepsPerEpoch = 0 } = options;
    const total = checkSteps("OneCycleLR", "totalSteps", totalSteps ?? epochs * stepsPerEpoch);
    this.#phases = phasesOf(options, total);
    this.#momentum = options.cycleMomentum ?? true;
    this.#linear = options.annealStrategy === "linear";
    this.apply();
  }

  at(_base: Base, epoch: number): Setting {
    const last = this.#phases.at(-1)!.end;
    // The usual loop steps once more after its last batch: PyTorch lets the curve run on for that one.
    if (epoch > last + 1) {
      const detail = `step ${epoch} is after the last of ${last + 1} steps`;
      throw new ArgumentError("OneCycleLR", detail, { hint: "give all steps as totalSteps" });
    }
    const found = this.#phases.findIndex(({ end }) => epoch <= end);
    const index = found < 0 ? this.#phases.length - 1 : found;
    const { end, lr, momentum } = this.#phases[index]!;
    const start = index === 0 ? 0 : this.#phases[index - 1]!.end;
    const t = end > start ? (epoch - start) / (end - start) : 1; // a phase of one step is at its end
    const between = ([from, to]: readonly [number, number]) =>
      this.#linear ? from + (to - from) * t : cosine(from, to, t);
    return { lr: between(lr), momentum: this.#momentum ? between(momentum) : undefined };
  }
}

function phasesOf(options: OneCycleOptions, total: number): Phase[] {
  const { maxLr, pctStart = 0.3, baseMomentum: low = 0.85, maxMomentum: high = 0.95 } = options;
  const first = maxLr / (options.divFactor ?? 25);
  const least = first / (options.finalDivFactor ?? 1e4);
  const up: Phase = { end: pctStart * total - 1, lr: [first, maxLr], momentum: [high, low] };
  if (!options.threePhase) {
    return [up, { end: total - 1, lr: [maxLr, least], momentum: [low, high] }];
  }
  return [
    up,
    { end: 2 * pctStart * total - 2, lr: [maxLr, first], momentum: [low, high] },
    { end: total - 1, lr: [first, least], momentum: [high, high] },
  ];
}

export interface CyclicOptions {
  baseLr: number;
  maxLr: number;
  stepSizeUp?: number | undefined;
  stepSizeDown?: number | undefined;
  /** "triangular2" halves each cycle's height, "exp_range" shrinks it by gamma at each step. */
  mode?: "triangular" | "triangular2" | "exp_range" | undefined;
  gamma?: number | undefined;
  cycleMomentum?: boolean | undefined;
  baseMomentum?: number | undefined;
  maxMomentum?: number | undefined;
}

/** Between baseLr and maxLr in lines, again and again. */
export class CyclicLR extends LRScheduler {
  #options: CyclicOptions;
  #up: number;
  #total: number;

  constructor(optimizer: AnyOptimizer, options: CyclicOptions) {
    needOptions("CyclicLR", options, "use { baseLr: 0.01, maxLr: 0.1 }");
    super(optimizer);
    this.#options = options;
    this.#up = checkSteps("CyclicLR", "stepSizeUp", options.stepSizeUp ?? 2000);
    this.#total =
      this.#up + checkSteps("CyclicLR", "stepSizeDown", options.stepSizeDown ?? this.#up);
    this.apply();
  }

  at(_base: Base, epoch: number): Setting {
    const { baseLr, maxLr, cycleMomentum = true } = this.#options;
    const { baseMomentum = 0.8, maxMomentum = 0.9 } = this.#options;
    const cycle = Math.floor(1 + epoch / this.#total);
    const place = 1 + epoch / this.#total - cycle; // [0, 1)
    const top = this.#up / this.#total;
    const height =
      (place <= top ? place / top : (place - 1) / (top - 1)) * this.#scale(cycle, epoch);
    const lr = baseLr + (maxLr - baseLr) * height;
    if (!cycleMomentum) return { lr };
    return { lr, momentum: maxMomentum - (maxMomentum - baseMomentum) * height };
  }

  #scale(cycle: number, epoch: number): number {
    const { mode = "triangular", gamma = 1 } = this.#options;
    if (mode === "triangular") return 1;
    return mode === "triangular2" ? 1 / 2 ** (cycle - 1) : pow(gamma, epoch);
  }
}
