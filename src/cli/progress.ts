// The progress bar of a terminal: one live line under the finished epochs, drawn by cli-progress.
// Where nobody watches (a pipe, a log, CI, a dumb terminal) plain lines and not a single control
// code.
// Not here: what there is to tell, or when (train/).

import cliProgress from "cli-progress";
import {
  duration,
  epochLine,
  lineProgress,
  type ProgressReporter,
  type ProgressState,
  rate,
  short,
} from "../train/index.ts";

/** Where progress is written: process.stdout, process.stderr, or what stands for them. */
export interface ProgressStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface TerminalProgressOptions {
  stream?: ProgressStream | undefined;
  /** Whether to draw a bar; by default where the stream is a terminal that somebody watches. */
  bar?: boolean | undefined;
}

/** Reports a run to a terminal or a pipe, as fits. */
export function terminalProgress(options: TerminalProgressOptions = {}): ProgressReporter {
  const { stream = process.stdout } = options;
  const { bar = stream.isTTY === true && !process.env.CI && process.env.TERM !== "dumb" } = options;
  if (bar) return new BarProgress(stream);
  return lineProgress({ write: (line) => void stream.write(`${line}\n`) });
}

class BarProgress implements ProgressReporter {
  private readonly stream: ProgressStream;
  private readonly bar: cliProgress.SingleBar;
  private drawn = false;

  constructor(stream: ProgressStream) {
    this.stream = stream;
    this.bar = new cliProgress.SingleBar({
      stream,
      fps: 20, // it redraws at once only when two frames are over
      clearOnComplete: true,
      format: (_, __, { state }: { state: ProgressState }) => barLine(state, stream.columns ?? 80),
    });
  }

  update(state: ProgressState): void {
    if (this.drawn) {
      this.bar.update(state.step, { state });
      return;
    }
    this.bar.start(state.steps ?? 0, state.step, { state });
    this.drawn = true;
  }

  epoch(record: Parameters<ProgressReporter["epoch"]>[0], epochs: number): void {
    this.end();
    this.stream.write(`${epochLine(record, epochs)}\n`);
  }

  end(): void {
    if (this.drawn) this.bar.stop();
    this.drawn = false;
  }
}

const barWidth = 20;

/** `epoch 1/3 ██████░░░░ 120/469  loss 0.3021  accuracy 0.9102  5,012/s  8 s left`, in one row. */
export function barLine(state: ProgressState, columns: number): string {
  const { epoch, epochs, step, steps, values, samplesPerSecond, secondsLeft } = state;
  const parts = [`epoch ${epoch}/${epochs}`];
  if (steps === undefined) parts.push(`step ${step}`);
  else {
    const full = Math.min(barWidth, Math.floor((step / Math.max(steps, 1)) * barWidth));
    parts[0] += ` ${"█".repeat(full)}${"░".repeat(barWidth - full)} ${step}/${steps}`;
  }
  for (const [name, value] of Object.entries(values)) parts.push(`${name} ${short(value)}`);
  parts.push(`${rate(samplesPerSecond)}/s`);
  if (secondsLeft !== undefined) parts.push(`${duration(secondsLeft)} left`);
  const line = parts.join("  ");
  // A line that reached the edge would wrap, and its first row would stay behind.
  return line.length < columns ? line : line.slice(0, Math.max(0, columns - 1));
}
