// Session: all that changes while a model is trained, in one place, so that a checkpoint can take
// it and a resume can put it back. Not here: the loop that changes it (fit.ts), or files
// (checkpoint.ts).

import type { Metrics } from "../metrics/metric.ts";
import { gradOf, setGrad } from "../tensor/autograd.ts";
import { type GeneratorState, generatorState, setGeneratorState } from "../tensor/random.ts";
import { snapshot } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Callback } from "./callbacks.ts";
import type { MeasureState, Measures } from "./measures.ts";
import type { Batches, EpochRecord, Model, Run, TrainingOptimizer } from "./types.ts";

/** How far a run is. */
export interface Place {
  /** Steps in all. */
  readonly step: number;
  /** The epoch in progress, from 1. */
  readonly epoch: number;
  /** Batches and samples of this epoch that were trained on. */
  readonly batches: number;
  readonly samples: number;
  /** Whether this epoch's training is done and only its validation is not. */
  readonly trained: boolean;
  /** What this epoch has taken so far. */
  readonly seconds: number;
  readonly trainSeconds: number;
}

/** A session as data; the weights go apart. */
export interface SavedSession {
  readonly place: Place;
  readonly history: readonly EpochRecord[];
  readonly random: GeneratorState;
  readonly train: unknown;
  readonly validation: unknown;
  readonly measures: readonly MeasureState[];
  /** Gradients that wait for a step, of the model's parameters in order; none: []. */
  readonly gradients: readonly (Tensor | null)[];
  readonly optimizer: unknown;
  readonly callbacks: readonly { readonly name: string; readonly state: unknown }[];
}

export interface SessionParts {
  readonly model: Model;
  readonly optimizer: TrainingOptimizer;
  readonly epochs: number;
  readonly train: Batches;
  readonly validation: Batches | undefined;
  readonly callbacks: readonly Callback[];
  readonly measures: Measures<Metrics>;
}

export class Session implements Run {
  readonly model: Model;
  readonly optimizer: TrainingOptimizer;
  readonly epochs: number;
  readonly parts: SessionParts;
  readonly history: EpochRecord[] = [];
  loss: Tensor | null = null;
  step = 0;
  epoch = 1;
  batches = 0;
  samples = 0;
  trained = false;
  stopReason: string | null = null;
  /** The newest checkpoint that this run has written, or began from. */
  checkpoint: string | undefined;
  private readonly whole = new Stopwatch();
  private readonly training = new Stopwatch();

  constructor(parts: SessionParts) {
    ({ model: this.model, optimizer: this.optimizer, epochs: this.epochs } = parts);
    this.parts = parts;
  }

  stop(reason: string): void {
    this.stopReason ??= reason;
  }

  /** Starts or goes on with this epoch's clocks. */
  resumeClock(): void {
    this.whole.start();
    if (!this.trained) this.training.start();
  }

  endTraining(): void {
    this.trained = true;
    this.training.stop();
  }

  get seconds(): number {
    return this.whole.seconds;
  }

  get samplesPerSecond(): number {
    return this.samples / Math.max(this.training.seconds, 1e-9);
  }

  /** Seconds of training so far for each batch of this epoch. */
  get secondsPerBatch(): number {
    return this.training.seconds / Math.max(this.batches, 1);
  }

  /** The next epoch, from its start. */
  nextEpoch(): void {
    this.epoch++;
    this.batches = 0;
    this.samples = 0;
    this.trained = false;
    this.whole.set(0);
    this.training.set(0);
    this.parts.measures.reset();
  }

  /** Everything as it is now, without the weights; later steps do not change it. */
  capture(): SavedSession {
    const { train, validation, measures, callbacks } = this.parts;
    const { step, epoch, batches, samples, trained, seconds } = this;
    const trainSeconds = this.training.seconds;
    return {
      place: { step, epoch, batches, samples, trained, seconds, trainSeconds },
      history: [...this.history],
      random: generatorState(),
      train: train.state?.() ?? null,
      validation: validation?.state?.() ?? null,
      measures: measures.state(),
      gradients: this.gradients(),
      optimizer: this.optimizer.stateDict(),
      callbacks: callbacks.map((c) => ({ name: c.name, state: c.state?.() ?? null })),
    };
  }

  private gradients(): (Tensor | null)[] {
    const found = this.model.parameters().map((param) => gradOf(param));
    return found.some((grad) => grad !== null) ? found.map((grad) => grad && snapshot(grad)) : [];
  }

  /** What a validation that is broken off must give back. */
  placeOfValidation(): Pick<SavedSession, "random" | "validation"> {
    const validation = this.parts.validation?.state?.() ?? null;
    return { random: generatorState(), validation };
  }

  returnTo({ random, validation }: Pick<SavedSession, "random" | "validation">): void {
    setGeneratorState(random);
    if (validation !== null) this.parts.validation?.loadState?.(validation as never);
  }

  /** Puts back what `capture` gave, here or in another process. Throws what the parts throw when
   *  the state is not theirs; some may have changed then. */
  restore(saved: SavedSession): void {
    const { train, validation, measures, callbacks } = this.parts;
    if (saved.train !== null) train.loadState?.(saved.train as never);
    if (saved.validation !== null) validation?.loadState?.(saved.validation as never);
    this.optimizer.loadStateDict(saved.optimizer as never);
    const states = [...saved.callbacks];
    for (const callback of callbacks) {
      const at = states.findIndex(({ name }) => name === callback.name);
      if (at < 0) continue;
      const [{ state }] = states.splice(at, 1);
      if (state !== null) callback.loadState?.(state as never);
    }
    measures.loadState(saved.measures);
    const gradients = saved.gradients ?? [];
    this.model.parameters().forEach((param, i) => void setGrad(param, gradients[i] ?? null));
    setGeneratorState(saved.random);
    const { seconds, trainSeconds, ...place } = saved.place;
    Object.assign(this, place);
    this.history.splice(0, this.history.length, ...saved.history);
    this.whole.set(seconds);
    this.training.set(trainSeconds);
  }
}

class Stopwatch {
  private before = 0;
  private since: number | null = null;

  get seconds(): number {
    const running = this.since === null ? 0 : performance.now() - this.since;
    return this.before + running / 1000;
  }

  start(): void {
    this.since ??= performance.now();
  }

  stop(): void {
    this.set(this.seconds);
  }

  /** Stands at so many seconds. */
  set(seconds: number): void {
    this.before = seconds;
    this.since = null;
  }
}
