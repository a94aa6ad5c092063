// Progress: what a run tells while it goes, and a reporter of plain lines for pipes and logs.
// Not here: bars in a terminal (cli/progress.ts), or when there is news (fit.ts).

import type { EpochRecord } from "./types.ts";

/** Where a run is. */
export interface ProgressState {
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps of this epoch done, and in all; 0 of unknown. */
  readonly step: number;
  readonly steps: number | undefined;
  /** The loss and the metrics that are numbers, over the epoch so far. */
  readonly values: Readonly<Record<string, number>>;
  readonly samplesPerSecond: number;
  /** Until the end of this epoch's training, where it is known. */
  readonly secondsLeft: number | undefined;
}

/** Shows a run to somebody. `fit` calls it a few times a second at most. */
export interface ProgressReporter {
  start?(plan: { readonly epochs: number; readonly steps: number | undefined }): void;
  update(state: ProgressState): void;
  /** After each epoch and its validation. */
  epoch(record: EpochRecord, epochs: number): void;
  /** Always called, after an error too. */
  end?(): void;
}

export interface LineProgressOptions {
  /** Takes a line without its end. */
  write?: ((line: string) => void) | undefined;
  /** Seconds between lines within an epoch. */
  every?: number | undefined;
}

/** One plain line for each epoch, and one every ten seconds within: nothing but text. */
export function lineProgress(options: LineProgressOptions = {}): ProgressReporter {
  const { write = (line: string) => console.log(line), every = 10 } = options;
  let last = performance.now();
  const due = () => performance.now() - last >= every * 1000;
  return {
    start() {
      last = performance.now();
    },
    update(state) {
      if (!due()) return;
      last = performance.now();
      write(stateLine(state));
    },
    epoch(record, epochs) {
      last = performance.now();
      write(epochLine(record, epochs));
    },
  };
}

/** `epoch 1/3  step 120/469  loss 0.3021  accuracy 0.9102  5,012 samples/s  8 s left`. */
export function stateLine(state: ProgressState): string {
  const { epoch, epochs, step, steps, values, samplesPerSecond, secondsLeft } = state;
  const parts = [
    `epoch ${epoch}/${epochs}`,
    steps === undefined ? `step ${step}` : `step ${step}/${steps}`,
    ...valueParts(values),
    `${rate(samplesPerSecond)} samples/s`,
  ];
  if (secondsLeft !== undefined) parts.push(`${duration(secondsLeft)} left`);
  return parts.join("  ");
}

/** `epoch 1/3  loss 0.2410  accuracy 0.9271  valLoss 0.0712  12 s  4,981 samples/s`. */
export function epochLine(record: EpochRecord, epochs: number): string {
  const { epoch, seconds, samplesPerSecond, lr: _, ...values } = record;
  const numbers = Object.entries(values).filter((pair): pair is [string, number] => {
    return typeof pair[1] === "number";
  });
  return [
    `epoch ${epoch}/${epochs}`,
    ...valueParts(Object.fromEntries(numbers)),
    duration(seconds),
    `${rate(samplesPerSecond)} samples/s`,
  ].join("  ");
}

/** A number in four places, or as few digits as it needs if it is very small or large. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 0.001 && size < 10_000)) return value.toFixed(4);
  return Number.isFinite(value) ? value.toExponential(2) : String(value);
}

/** `8 s`, `2 min 05 s`, `1 h 02 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** A rate with thousands set apart: `5,012`. */
export function rate(perSecond: number): string {
  return perSecond < 100 ? perSecond.toPrecision(3) : Math.round(perSecond).toLocaleString("en");
}

function valueParts(values: Readonly<Record<string, number>>): string[] {
  return Object.entries(values).map(([name, value]) => `${name} ${short(value)}`);
}
