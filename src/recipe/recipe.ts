// A recipe: what `anneal train NAME` trains, on what, how, and how the result is judged. One file a
// recipe says this; everything else of a run (its folder, progress, checkpoints, Ctrl-C, resuming,
// the report) is the same for all (cli/train.ts).

import type { nn } from "../index.ts";
import type { Metrics } from "../metrics/index.ts";
import type { Batches, Loss, Model, Scheduler, TrainingOptimizer } from "../train/index.ts";
import type { ReportRun } from "../vis/index.ts";
import type { Config, RunConfig, Settings } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

/** One thing that can be trained. */
export interface Recipe<S extends Settings = Settings, A extends Settings = Settings> {
  /** What it is called on the command line. */
  readonly name: string;
  readonly help: string;
  readonly settings: S;
  /** Reads the data and makes the model; weights follow from the seed alone. */
  prepare(config: RunConfig<S>): Promise<Prepared>;
  /** How a trained model is asked: `anneal predict RUN INPUT`. */
  readonly predict?: Predict<S, A>;
}

/** A recipe whose settings nobody needs to know. */
export interface AnyRecipe extends Omit<Recipe, "prepare" | "predict"> {
  prepare(config: never): Promise<Prepared>;
  readonly predict?: Omit<Predict, "run"> & {
    run(asked: never, terminal: Terminal): Promise<void>;
  };
}

/** How a trained model of a recipe is asked. */
export interface Predict<S extends Settings = Settings, A extends Settings = Settings> {
  readonly help: string;
  /** What it is asked about; `--option` names it too. */
  readonly input: { readonly option: string; readonly takes: string; readonly help: string };
  /** What else can be asked for. */
  readonly settings?: A;
  /** Asks, and prints the answer. */
  run(asked: Asked<S, A>, terminal: Terminal): Promise<void>;
}

/** A trained run, and what it is asked. */
export interface Asked<S extends Settings = Settings, A extends Settings = Settings> {
  /** What the command line gives: a text, or a file's path. Never empty. */
  readonly input: string;
  readonly options: Config<A>;
  /** The settings that the run was trained with. */
  readonly config: RunConfig<S>;
  readonly folder: string;
  /** Puts the run's weights into a model and lets it evaluate. Throws LoadError if they do not fit. */
  load<M extends nn.Module>(model: M): Promise<M>;
  /** What the run left beside its weights, by name (see `Prepared.files`). */
  read(name: string): Promise<string>;
}

/** All that a run needs. */
export interface Prepared {
  readonly model: Model;
  /** The table of layers; what prints as one. */
  readonly summary: NonNullable<ReportRun["model"]> & { toString(): string };
  /** What is trained on, in words. */
  readonly data: string;
  /** How, in words. */
  readonly method: string;
  readonly epochs: number;
  readonly train: Batches & { readonly length: number };
  readonly validation: Batches;
  readonly loss: Loss;
  readonly metrics?: Metrics;
  readonly optimizer: TrainingOptimizer;
  /** Moved on after every step. */
  readonly schedule: Scheduler;
  readonly clipNorm?: number;
  /** What a user of the weights needs beside them, by name: a tokenizer, say. */
  readonly files?: Readonly<Record<string, string>>;
  /** What was left out since it could not be read (`skipBadOf`): counted, named and kept with the run. */
  readonly skipped?: readonly Skipped[];
  /** What to do with the trained model, for the last line but one. */
  readonly next?: (folder: string) => string;
  /** Judges the model as it is now. */
  test(terminal: Terminal): Promise<Verdict>;
}

/** An item that could not be read, as `readAll` lists it. */
export interface Skipped {
  readonly file: string;
  /** The rest of the sentence that begins with the file's name. */
  readonly reason: string;
}

/** How good a model is. */
export interface Verdict {
  /** The one number that counts, and what it is. */
  readonly value: string;
  readonly label: string;
  /** What is drawn on the terminal. */
  readonly shown: string;
  /** The figures of result.json. */
  readonly result: Readonly<Record<string, number>>;
  /** A few words for the report. */
  readonly facts: readonly string[];
  /** What is left in the run's folder besides, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the report shows besides curves and model. */
  readonly report?: Partial<ReportRun>;
}
