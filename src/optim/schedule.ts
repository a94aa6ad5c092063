// Learning-rate schedules, as torch.optim.lr_scheduler names them. Each is a function of the step count
// and of the group's first learning rate, so that a resume needs no history. Setting a learning rate
// writes a 0-d tensor: compiled steps go on without being traced or compiled again.
// Not here: schedules made of schedules (schedule-joined.ts), of several phases (schedule-phases.ts),
// that cycle the momentum too (schedule-cycles.ts), or that watch a metric (plateau.ts).

import { describe, needOptions } from "../tensor/ops/common.ts";
import { ArgumentError } from "../util/errors.ts";
import { cos, pow } from "../util/math.ts";
import type { BaseOptions, ParamGroup } from "./group.ts";
import type { Optimizer } from "./optimizer.ts";

/** A group's learning rate and momentum from before any schedule. */
export interface Base {
  readonly lr: number;
  readonly momentum: number;
}

/** What a schedule sets. */
export interface Setting {
  readonly lr: number;
  readonly momentum?: number | undefined;
}

/** Everything that a schedule needs to continue. */
export interface SchedulerState {
  readonly lastEpoch: number;
  readonly bases: readonly Base[];
}

/** An optimizer of whatever options. */
export type AnyOptimizer = Optimizer<BaseOptions>;

const bases = new WeakMap<object, Base>();

interface WithMomentum extends BaseOptions {
  momentum?: number;
  betas?: readonly [number, number];
}

export function baseOf(group: ParamGroup): Base {
  const known = bases.get(group);
  if (known) return known;
  const { lr, momentum, betas } = group.options as WithMomentum;
  const base = { lr: lr as number, momentum: momentum ?? betas?.[0] ?? 0 };
  bases.set(group, base);
  return base;
}

/** Sets a group's learning rate, and its momentum: `momentum`, or the first of `betas`. */
export function setGroup(group: ParamGroup, { lr, momentum }: Setting): void {
  const options = group.options as WithMomentum;
  const changes: WithMomentum = { lr };
  if (momentum !== undefined && options.momentum !== undefined) changes.momentum = momentum;
  else if (momentum !== undefined && options.betas) changes.betas = [momentum, options.betas[1]];
  group.set(changes);
}

/** The base of schedules: `step()` after each optimizer step (or epoch) moves on. */
export abstract class LRScheduler {
  readonly optimizer: AnyOptimizer;
  /** How often `step` was called. */
  lastEpoch = 0;
  #bases: readonly Base[];

  /** `bases` are the learning rates that the schedule begins from: those from before any schedule,
   *  unless it takes over from another. */
  constructor(optimizer: AnyOptimizer, bases: (group: ParamGroup) => Base = baseOf) {
    this.optimizer = checkOptimizer(this.constructor.name, optimizer);
    this.#bases = optimizer.groups.map((group) => bases(group));
  }

  /** The setting at a step for a group that began with `base`. */
  abstract at(base: Base, epoch: number): Setting;

  step(): void {
    this.lastEpoch++;
    this.apply();
  }

  /** The learning rates that are set now, one a group. */
  get lastLr(): number[] {
    return this.optimizer.groups.map((group) => group.lr);
  }

  stateDict(): SchedulerState {
    return { lastEpoch: this.lastEpoch, bases: this.#bases };
  }

  loadStateDict(state: SchedulerState): this {
    if (!Number.isInteger(state?.lastEpoch) || state.bases?.length !== this.#bases.length) {
      throw new ArgumentError("loadStateDict", "takes what stateDict() of a like schedule gave");
    }
    this.lastEpoch = state.lastEpoch;
    this.#bases = state.bases;
    this.apply();
    return this;
  }

  /** Sets what holds at `lastEpoch`; a subclass calls it when it has been constructed. */
  protected apply(): void {
    this.optimizer.groups.forEach((group, i) => {
      setGroup(group, this.at(this.#bases[i]!, this.lastEpoch));
    });
  }
}

/** Multiplies the first learning rate with a function of the step. */
export class LambdaLR extends LRScheduler {
  #factor: (epoch: number) => number;

  constructor(optimizer: AnyOptimizer, factor: (epoch: number) => number) {
    super(optimizer);
    if (typeof factor !== "function") {
      const got = `takes a function of the step, got ${describe(factor)}`;
      throw new ArgumentError(this.constructor.name, got);
    }
    this.#factor = factor;
    this.apply();
  }

  at(base: Base, epoch: number): Setting {
    return { lr: base.lr * this.#factor(epoch) };
  }
}

/** Multiplies the learning rate by gamma every stepSize steps. */
export class StepLR extends LambdaLR {
  constructor(optimizer: AnyOptimizer, options: { stepSize: number; gamma?: number | undefined }) {
    needOptions("StepLR", options, "use { stepSize: 30 }");
    const { gamma = 0.1 } = options;
    const size = checkSteps("StepLR", "stepSize", options.stepSize);
    super(optimizer, (epoch) => pow(gamma, Math.floor(epoch / size)));
  }
}

/** Multiplies the learning rate by gamma at each milestone. */
export class MultiStepLR extends LambdaLR {
  constructor(
    optimizer: AnyOptimizer,
    options: { milestones: readonly number[]; gamma?: number | undefined },
  ) {
    needOptions("MultiStepLR", options, "use { milestones: [30, 80] }");
    const { milestones, gamma = 0.1 } = options;
    super(optimizer, (epoch) => pow(gamma, milestones.filter((m) => m <= epoch).length));
  }
}

/** A factor for the first totalIters steps. */
export class ConstantLR extends LambdaLR {
  constructor(
    optimizer: AnyOptimizer,
    options: { factor?: number | undefined; totalIters?: number | undefined } = {},
  ) {
    const { factor = 1 / 3, totalIters = 5 } = options;
    super(optimizer, (epoch) => (epoch < totalIters ? factor : 1));
  }
}

export interface LinearLROptions {
  startFactor?: number | undefined;
  endFactor?: number | undefined;
  totalIters?: number | undefined;
}

/** A factor that goes in a line from startFactor to endFactor: the usual warm-up. */
export class LinearLR extends LambdaLR {
  constructor(optimizer: AnyOptimizer, options: LinearLROptions = {}) {
    const { startFactor = 1 / 3, endFactor = 1 } = options;
    const total = checkSteps("LinearLR", "totalIters", options.totalIters ?? 5);
    super(
      optimizer,
      (epoch) => startFactor + ((endFactor - startFactor) * Math.min(epoch, total)) / total,
    );
  }
}

/** Multiplies the learning rate by gamma at each step. */
export class ExponentialLR extends LambdaLR {
  constructor(optimizer: AnyOptimizer, options: { gamma: number }) {
    needOptions("ExponentialLR", options, "use { gamma: 0.9 }");
    super(optimizer, (epoch) => pow(options.gamma, epoch));
  }
}

/** Falls to 0 within totalIters steps, along a power of what is left. */
export class PolynomialLR extends LambdaLR {
  constructor(
    optimizer: AnyOptimizer,
    options: { totalIters?: number | undefined; power?: number | undefined } = {},
  ) {
    const { power = 1 } = options;
    const total = checkSteps("PolynomialLR", "totalIters", options.totalIters ?? 5);
    super(optimizer, (epoch) => pow(1 - Math.min(epoch, total) / total, power));
  }
}

/** Half a cosine from the first learning rate to etaMin in tMax steps, and back. */
export class CosineAnnealingLR extends LRScheduler {
  #tMax: number;
  #etaMin: number;

  constructor(optimizer: AnyOptimizer, options: { tMax: number; etaMin?: number | undefined }) {
    needOptions("CosineAnnealingLR", options, "use { tMax: 100 }");
    super(optimizer);
    this.#tMax = checkSteps("CosineAnnealingLR", "tMax", options.tMax);
    this.#etaMin = options.etaMin ?? 0;
    this.apply();
  }

  at({ lr }: Base, epoch: number): Setting {
    return { lr: cosine(lr, this.#etaMin, epoch / this.#tMax) };
  }
}

export interface RestartOptions {
  /** Steps until the first restart. */
  t0: number;
  /** By how much each run is longer than the one before; a whole number. */
  tMult?: number | undefined;
  etaMin?: number | undefined;
}

/** Half cosines that start over (Loshchilov and Hutter 2016). */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  #t0: number;
  #tMult: number;
  #etaMin: number;

  constructor(optimizer: AnyOptimizer, { t0, tMult = 1, etaMin = 0 }: RestartOptions) {
    super(optimizer);
    this.#t0 = checkSteps("CosineAnnealingWarmRestarts", "t0", t0);
    this.#tMult = checkSteps("CosineAnnealingWarmRestarts", "tMult", tMult);
    this.#etaMin = etaMin;
    this.apply();
  }

  at({ lr }: Base, epoch: number): Setting {
    let [start, length] = [0, this.#t0];
    if (this.#tMult === 1) start = epoch - (epoch % length);
    while (epoch >= start + length) {
      start += length;
      length *= this.#tMult;
    }
    return { lr: cosine(lr, this.#etaMin, (epoch - start) / length) };
  }
}

/** Multiplies the learning rate at each step with a function of the step. */
export class MultiplicativeLR extends LRScheduler {
  #factor: (epoch: number) => number;
  /** The products up to each step. */
  #products = [1];

  constructor(optimizer: AnyOptimizer, factor: (epoch: number) => number) {
    super(optimizer);
    if (typeof factor !== "function") {
      const got = `takes a function of the step, got ${describe(factor)}`;
      throw new ArgumentError("MultiplicativeLR", got);
    }
    this.#factor = factor;
    this.apply();
  }

  at(base: Base, epoch: number): Setting {
    const products = this.#products;
    for (let i = products.length; i <= epoch; i++) products[i] = products[i - 1]! * this.#factor(i);
    return { lr: base.lr * products[epoch]! };
  }
}

/** From `high` (at 0) to `low` (at 1) along half a cosine, and on. */
export function cosine(high: number, low: number, t: number): number {
  return low + ((high - low) * (1 + cos(Math.PI * t))) / 2;
}

/** Refuses what is no optimizer. */
export function checkOptimizer(op: string, optimizer: AnyOptimizer): AnyOptimizer {
  if (Array.isArray(optimizer?.groups)) return optimizer;
  throw new ArgumentError(op, `takes an optimizer first, got ${describe(optimizer)}`, {
    hint: `use new ${op}(optimizer, { … })`,
  });
}

/** Refuses a number of steps that is not whole or not positive. */
export function checkSteps(op: string, name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(op, `${name} must be a positive whole number, got ${value}`);
}
