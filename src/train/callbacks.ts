// Callbacks: plain objects with hooks that `fit` calls, and the usual ones: early stopping, the
// best weights as a file, logs, learning rate schedules.
// Not here: the loop (fit.ts), or checkpoints to resume from (checkpoint.ts).

import { writeFileAtomic } from "../io/index.ts";
import type { StateDict } from "../nn/index.ts";
import { ArgumentError } from "../util/errors.ts";
import type { EpochRecord, Run, Scheduler } from "./types.ts";
import { saveWeights } from "./weights.ts";

/** Hooks into a run, each awaited. What `state` gives is kept in checkpoints. */
export interface Callback {
  /** What a checkpoint calls its state. */
  readonly name: string;
  /** Before the first step, after a resume has loaded everything. */
  onStart?(run: Run): void | Promise<void>;
  /** After each step. The step's values may not be there yet: reading them waits. */
  onStep?(run: Run): void | Promise<void>;
  /** After each epoch and its validation; `record` is the last entry of `run.history`. */
  onEpoch?(run: Run, record: EpochRecord): void | Promise<void>;
  /** When the run has ended by itself, been stopped or interrupted; not after an error. */
  onEnd?(run: Run): void | Promise<void>;
  /** Numbers, strings, arrays, plain objects and tensors. */
  state?(): unknown;
  loadState?(state: never): void;
}

export interface MonitorOptions {
  /** A field of the history. */
  monitor?: string | undefined;
  /** Whether less is better; by default for names that end in loss, error or perplexity. */
  mode?: "min" | "max" | undefined;
  /** Less of an improvement does not count. */
  minDelta?: number | undefined;
}

/** Compares the epochs' values of one field of the history. */
class Best {
  value: number;
  epoch = 0;
  private readonly op: string;
  private readonly field: string;
  private readonly sign: 1 | -1;
  private readonly minDelta: number;

  constructor(op: string, { monitor = "valLoss", mode, minDelta = 0 }: MonitorOptions) {
    if (!(minDelta >= 0)) throw new ArgumentError(op, `minDelta must be from 0, got ${minDelta}`);
    const less = mode === undefined ? /(loss|error|perplexity)$/i.test(monitor) : mode === "min";
    this.op = op;
    this.field = monitor;
    this.sign = less ? -1 : 1;
    this.minDelta = minDelta;
    this.value = less ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  /** Whether this epoch is the best so far. */
  update(record: EpochRecord): boolean {
    const value = numberOf(this.op, record, this.field);
    if (!((value - this.value) * this.sign > this.minDelta)) return false;
    this.value = value;
    this.epoch = record.epoch;
    return true;
  }
}

/** A field of the history that must be a number. */
function numberOf(op: string, record: EpochRecord, field: string): number {
  const value = record[field];
  if (typeof value === "number") return value;
  const numbers = Object.keys(record).filter((key) => typeof record[key] === "number");
  throw new ArgumentError(op, `the history has no number "${field}"`, {
    hint: `monitor one of ${numbers.join(", ")}`,
  });
}

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs without improvement before the run ends. */
  patience?: number | undefined;
  /** Go back to the best epoch's weights at the end. */
  restoreBest?: boolean | undefined;
}

/**
 * Ends the run when a field of the history has stopped improving.
 *
 * @example
 * callbacks: [earlyStopping({ monitor: "valAccuracy", patience: 3, restoreBest: true })]
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const { patience = 5, restoreBest = false } = options;
  if (!Number.isInteger(patience) || patience < 1) {
    throw new ArgumentError("earlyStopping", `patience must be an integer from 1, got ${patience}`);
  }
  const best = new Best("earlyStopping", options);
  let waited = 0;
  let weights: StateDict | null = null;
  const check = (run: Run) => {
    if (waited < patience) return;
    run.stop(`${options.monitor ?? "valLoss"} has not improved since epoch ${best.epoch}`);
  };
  return {
    name: "earlyStopping",
    onStart: check,
    onEpoch(run, record) {
      if (best.update(record)) {
        waited = 0;
        if (restoreBest) weights = run.model.stateDict();
      } else waited++;
      check(run);
    },
    onEnd(run) {
      if (weights !== null) run.model.loadStateDict(weights);
    },
    state: () => ({ value: best.value, epoch: best.epoch, waited, weights }),
    loadState(state: { value: number; epoch: number; waited: number; weights: StateDict | null }) {
      best.value = state.value;
      best.epoch = state.epoch;
      ({ waited, weights } = state);
    },
  };
}

/** Keeps the weights of the best epoch in a safetensors file, replaced atomically. */
export function saveBest(path: string, options: MonitorOptions = {}): Callback {
  const best = new Best("saveBest", options);
  return {
    name: "saveBest",
    async onEpoch(run, record) {
      if (best.update(record)) await saveWeights(run.model, path);
    },
    state: () => ({ value: best.value, epoch: best.epoch }),
    loadState(state: { value: number; epoch: number }) {
      best.value = state.value;
      best.epoch = state.epoch;
    },
  };
}

/** Writes the history as CSV after each epoch, one line an epoch; matrices are left out. */
export function csvLog(path: string): Callback {
  return {
    name: "csvLog",
    onEpoch: (run) => writeFileAtomic(path, toCsv(run.history)),
  };
}

function toCsv(history: readonly EpochRecord[]): string {
  const isPlain = (value: unknown) => typeof value === "number" || typeof value === "string";
  const first = history[0] ?? {};
  const columns = Object.keys(first).filter((key) => isPlain(first[key as keyof typeof first]));
  const cell = (value: unknown) => {
    const text = isPlain(value) ? String(value) : "";
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const rows = history.map((record) => columns.map((key) => cell(record[key])).join(","));
  return `${[columns.map(cell).join(","), ...rows].join("\n")}\n`;
}

/** Writes the history as a JSON array after each epoch. */
export function jsonLog(path: string): Callback {
  return {
    name: "jsonLog",
    onEpoch: (run) => writeFileAtomic(path, `${JSON.stringify(run.history, null, 2)}\n`),
  };
}

export interface LrSchedulerOptions {
  /** When the schedule moves on. */
  per?: "epoch" | "step" | undefined;
  /** The field of the history that the schedule is given, as ReduceLROnPlateau wants it. */
  monitor?: string | undefined;
}

/** Moves a learning rate schedule on, and keeps its place in checkpoints. */
export function lrScheduler(scheduler: Scheduler, options: LrSchedulerOptions = {}): Callback {
  const { per = "epoch", monitor } = options;
  if (per === "step" && monitor !== undefined) {
    throw new ArgumentError("lrScheduler", "a step has no entry in the history to monitor", {
      hint: '{ per: "epoch", monitor }',
    });
  }
  const advance: Pick<Callback, "onStep" | "onEpoch"> =
    per === "step"
      ? { onStep: () => void scheduler.step() }
      : {
          onEpoch: (_, record) => {
            if (monitor === undefined) scheduler.step();
            else scheduler.step(numberOf("lrScheduler", record, monitor));
          },
        };
  return {
    name: "lrScheduler",
    ...advance,
    state: () => scheduler.stateDict(),
    loadState: (state: never) => void scheduler.loadStateDict(state),
  };
}
