// What training is about: batches, models, optimizers, and what an epoch leaves behind.
// Types only. Not here: what is done with them.

import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The dtypes and arrays that tensors have. */
export type DType = Tensor["dtype"];
export type TypedArray = Awaited<ReturnType<Tensor["data"]>>;

/** What a model takes: a tensor, or several by name. */
export type Inputs = Tensor | Readonly<Record<string, Tensor>>;

/** What is trained: a module whose `forward` takes the `x` of the batches. */
export interface Model extends Module {
  forward(x: never): Tensor;
}

/** What one step trains on: all with samples along the first axis. */
export interface Batch {
  readonly x: Inputs;
  readonly y: Tensor;
}

/** Batches, over again with each loop. A DataLoader is one; so is an array. */
export interface Batches<B = Batch> {
  /** How many batches a loop gives, if that is known. */
  readonly length?: number | undefined;
  [Symbol.asyncIterator]?(): AsyncIterator<B>;
  [Symbol.iterator]?(): Iterator<B>;
  /** The place in the order of batches; without these two, a resume skips what was trained on. */
  state?(): unknown;
  loadState?(state: never): void;
}

/** The mean loss of a batch, a scalar. */
export type Loss = (output: Tensor, target: Tensor) => Tensor;

/** What `fit` needs of an optimizer; those of `anneal/optim` have it. */
export interface TrainingOptimizer {
  lr: number;
  /** By the gradient of the loss; without one, by the `.grad` of the parameters. */
  step(loss?: Tensor, options?: { clipNorm?: number | undefined }): unknown;
  zeroGrad?(): void;
  stateDict(): unknown;
  loadStateDict(state: never): unknown;
}

/** What `fit` needs of a learning rate schedule; those of `anneal/optim` have it. */
export interface Scheduler {
  step(metric?: number): unknown;
  stateDict(): unknown;
  loadStateDict(state: never): unknown;
}

/** What an epoch leaves behind: the losses, and each metric as `name` and `valName`. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number;
  /** The mean over the epoch's samples, each with the weights of its step. */
  readonly loss: number;
  /** The mean over the validation data, with the weights at the end of the epoch. */
  readonly valLoss?: number;
  /** The learning rate of the epoch's last step. */
  readonly lr: number;
  /** With validation. */
  readonly seconds: number;
  /** Of training alone. */
  readonly samplesPerSecond: number;
  readonly [metric: string]: unknown;
}

/** A run as callbacks see it. */
export interface Run {
  readonly model: Model;
  readonly optimizer: TrainingOptimizer;
  readonly epochs: number;
  /** The epoch in progress, from 1. */
  readonly epoch: number;
  /** Steps done since the very beginning, those before a resume included. */
  readonly step: number;
  readonly history: readonly EpochRecord[];
  /** The loss of the last step. Reading it waits for the step. */
  readonly loss: Tensor | null;
  /** Ends the run with this epoch; asked in `onStep`, the epoch ends after this step. */
  stop(reason: string): void;
}
