// fit: the training loop that a reader would have written by hand: one compiled step, epochs of
// batches, validation, a record of each epoch. The loop never waits for a step's result; it looks
// up about ten times a second, and at the end of each epoch.
// Not here: what is measured (measures.ts), saved (checkpoint.ts), or shown (progress.ts).

import type { Metrics, Results } from "../metrics/metric.ts";
import { detectNaN, detectsNaN } from "../tensor/anomaly.ts";
import { compile } from "../tensor/compile.ts";
import { manualSeed } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DeviceError, LoadError, NumericError } from "../util/errors.ts";
import { type Callback, lrScheduler } from "./callbacks.ts";
import { checkBatch, checkFolder, checkOptions } from "./check.ts";
import { badHint, brokenOff, resumeSession, saveSession } from "./checkpoint.ts";
import { Evaluator, loop } from "./evaluate.ts";
import { type Evaluation, Measures } from "./measures.ts";
import { Pace } from "./pace.ts";
import type { ProgressReporter } from "./progress.ts";
import { Session } from "./session.ts";
import type {
  Batches,
  EpochRecord,
  Inputs,
  Loss,
  Model,
  Scheduler,
  TrainingOptimizer,
} from "./types.ts";
import { LossWatch } from "./watch.ts";

export interface CheckpointOptions {
  /** Where the checkpoints lie, each in a folder of its own. */
  folder: string;
  /** Steps between checkpoints, besides those at the end of each epoch. */
  every?: number | undefined;
  /** How many of the newest are kept; 3 without it. */
  keep?: number | undefined;
}

export interface FitOptions<M extends Metrics = Metrics> {
  /** Batches of `{ x, y }`: a DataLoader, or an array. The model is given x, the loss y. */
  train: Batches;
  validation?: Batches | undefined;
  loss: Loss;
  optimizer: TrainingOptimizer;
  epochs: number;
  /** What to measure besides the loss, by the names that the history gives them. */
  metrics?: M | undefined;
  /** Moved on after each epoch; for steps, or with a metric, pass `lrScheduler(…)`. */
  scheduler?: Scheduler | Callback | undefined;
  callbacks?: readonly Callback[] | undefined;
  /** Seed of dropout and the like; without it the generator goes on from where it is. */
  seed?: number | undefined;
  /** Batches whose gradients, divided by their number, make one step of the optimizer: a batch that many
   *  times as large without its memory. The epoch's last batches step though they be fewer. */
  accumulate?: number | undefined;
  /** Scales gradients down whose common norm is larger. */
  clipNorm?: number | undefined;
  checkpoint?: CheckpointOptions | undefined;
  /** True goes on from the newest checkpoint of `checkpoint.folder`, if there is one; a folder goes
   *  on from there and must have one. */
  resume?: boolean | string | undefined;
  progress?: ProgressReporter | undefined;
  /** Name the op and the layer that made a NaN. Slow. */
  detectNaN?: boolean | undefined;
  /** When it aborts, the step in progress is finished, a checkpoint saved, and `fit` returns. */
  signal?: AbortSignal | undefined;
}

/** A record of the history with the metrics of these options. */
export type RecordOf<M extends Metrics> = EpochRecord &
  Results<M> & { readonly [K in keyof M as `val${Capitalize<K & string>}`]?: Results<M>[K] };

export interface FitResult<M extends Metrics = Metrics> {
  /** One record for each epoch, those before a resume included. */
  readonly history: RecordOf<M>[];
  readonly steps: number;
  /** Whether the signal ended the run. Fit again with `resume` to go on, as if nothing had
   *  happened. */
  readonly interrupted: boolean;
  /** Why a callback ended the run. */
  readonly stopped: string | undefined;
  /** The folder of the last checkpoint. */
  readonly checkpoint: string | undefined;
  /** The folder of the checkpoint that it went on from. */
  readonly resumedFrom: string | undefined;
}

/**
 * Trains a model. It is left in training mode.
 *
 * @throws NumericError when the loss is no longer a number, naming the step; the last good
 * checkpoint is kept. DeviceError when a device is lost, naming the last checkpoint. LoadError or
 * StateError when a checkpoint to resume from does not fit.
 *
 * @example
 * const { history } = await fit(model, {
 *   train: new DataLoader(digits, { batchSize: 128, shuffle: true }),
 *   loss: nn.crossEntropy,
 *   optimizer: new optim.AdamW(model.parameters(), { lr: 1e-3 }),
 *   epochs: 3,
 *   metrics: { accuracy: accuracy() },
 * });
 */
export async function fit<M extends Metrics = Record<never, never>>(
  model: Model,
  options: FitOptions<M>,
): Promise<FitResult<M>> {
  checkOptions(model, options);
  await checkFolder(options);
  const { epochs, signal, seed, progress } = options;
  const training = new Training(model, options);
  const { session } = training;
  const watched = detectsNaN();
  detectNaN(options.detectNaN ?? watched);
  try {
    if (seed !== undefined) manualSeed(seed);
    const resumedFrom = await resume(session, options);
    progress?.start?.({ epochs, steps: options.train.length });
    await training.tell((callback) => callback.onStart?.(session));
    while (session.epoch <= epochs && session.stopReason === null && !signal?.aborted) {
      const finished = await training.epoch();
      if (!finished || options.checkpoint) await training.save();
    }
    await training.tell((callback) => callback.onEnd?.(session));
    return {
      history: session.history as RecordOf<M>[],
      steps: session.step,
      interrupted: signal?.aborted === true && session.epoch <= epochs,
      stopped: session.stopReason ?? undefined,
      checkpoint: session.checkpoint,
      resumedFrom,
    };
  } catch (error) {
    throw error instanceof DeviceError ? brokenOff(error, session) : error;
  } finally {
    detectNaN(watched);
    progress?.end?.();
  }
}

type Step = (x: Inputs, y: Tensor) => { loss: Tensor; kept: Tensor[][] };

/** A model in training: the compiled step, and the epochs made of it. */
class Training<M extends Metrics> {
  readonly session: Session;
  private readonly options: FitOptions<M>;
  private readonly callbacks: readonly Callback[];
  private readonly measures: Measures<M>;
  private readonly evaluator: Evaluator<M>;
  private readonly watch = new LossWatch();
  private readonly pace = new Pace(100);
  private readonly step: Step;
  /** Adds the gradients of a batch to those that wait for a step. */
  private readonly gather: Step;
  private readonly listeners: readonly Callback[];
  /** The step at which the watch began. */
  private watchedFrom = 0;

  constructor(model: Model, options: FitOptions<M>) {
    const { loss, optimizer, epochs, train, validation, scheduler, accumulate = 1 } = options;
    const metrics = options.metrics ?? ({} as M);
    this.options = options;
    this.callbacks = [...scheduled(scheduler), ...(options.callbacks ?? [])];
    this.listeners = this.callbacks.filter((callback) => callback.onStep);
    this.measures = new Measures(metrics);
    this.evaluator = new Evaluator(model, loss, metrics);
    const { callbacks, measures, watch } = this;
    this.session = new Session({
      ...{ model, optimizer, epochs, train, validation, callbacks },
      measures: measures as Measures<Metrics>,
    });
    const stepOf = (learn: (loss: Tensor) => void): Step => {
      return compile((x: Inputs, y: Tensor) => {
        const output = model.forward(x as never);
        const value = loss(output, y);
        const kept = measures.add(output, y, value); // sums stay on the device
        watch.follow(value);
        learn(value);
        return { loss: value, kept };
      });
    };
    const gather = (value: Tensor) => value.div(accumulate).backward();
    this.gather = stepOf(gather);
    this.step = stepOf((value) => {
      if (accumulate === 1) {
        optimizer.step(value, { clipNorm: options.clipNorm });
      } else {
        gather(value);
        this.stepByGradients();
      }
    });
  }

  private stepByGradients(): void {
    const { optimizer, clipNorm } = this.options;
    optimizer.step(undefined, { clipNorm });
    optimizer.zeroGrad?.();
  }

  /** Trains for what is left of the epoch, validates, and records it; false if interrupted. */
  async epoch(): Promise<boolean> {
    const { session, options } = this;
    session.resumeClock();
    this.watch.reset();
    this.watchedFrom = session.step;
    if (!session.trained && !(await this.trainEpoch())) return false;
    const trained = await this.measures.read();
    this.pace.check();
    await this.refuseNaN();
    if (trained === null) throw new ArgumentError("fit", "the training data gave no batches");
    session.endTraining();
    const validated = options.validation ? await this.validate(options.validation) : {};
    if (validated === null) return false;
    const record = recordOf(session, trained, validated);
    session.history.push(record);
    await this.tell((callback) => callback.onEpoch?.(session, record));
    options.progress?.epoch(record, session.epochs);
    session.nextEpoch();
    return true;
  }

  private async trainEpoch(): Promise<boolean> {
    const { session, pace } = this;
    const { train, checkpoint, signal } = this.options;
    session.model.train();
    let skip = train.loadState ? 0 : session.batches;
    for await (const batch of loop(train)) {
      if (skip-- > 0) continue;
      checkBatch(batch);
      await this.runStep(batch.x, batch.y);
      for (const listener of this.listeners) await listener.onStep?.(session);
      const behind = pace.follow(session.loss as Tensor);
      if (behind !== undefined) await behind;
      if (checkpoint?.every && session.step % checkpoint.every === 0) await this.save();
      if (pace.due()) await this.lookUp();
      if (signal?.aborted) return false;
      if (session.stopReason !== null) break;
    }
    if (!this.isStep(session.batches)) this.stepByGradients();
    return true;
  }

  /** Whether the optimizer steps with this batch of the epoch, counted from 1. */
  private isStep(batch: number): boolean {
    return batch % (this.options.accumulate ?? 1) === 0;
  }

  private async runStep(x: Inputs, y: Tensor): Promise<void> {
    const { session, options } = this;
    try {
      const step = this.isStep(session.batches + 1) ? this.step : this.gather;
      const { loss, kept } = step(x, y);
      session.loss = loss;
      this.measures.keep(kept);
      if (options.detectNaN) await loss.data();
    } catch (error) {
      if (!options.detectNaN || !(error instanceof NumericError)) throw error;
      const detail = `${error.detail}, in step ${session.step + 1} (epoch ${session.epoch})`;
      const hint = session.checkpoint && `the last good checkpoint is ${session.checkpoint}`;
      throw new NumericError(error.op, detail, { hint, in: error.in, cause: error });
    }
    session.step++;
    session.batches++;
    session.samples += y.shape[0] ?? 1;
  }

  /** The results of the validation; null if it was interrupted, and then nothing has happened. */
  private async validate(data: Batches): Promise<Evaluation<M> | null> {
    const before = this.session.placeOfValidation();
    const result = await this.evaluator.run(data, this.options.signal);
    if (this.options.signal?.aborted) {
      this.session.returnTo(before);
      return null;
    }
    if (result !== null) return result;
    throw new ArgumentError("fit", "the validation data gave no batches");
  }

  /** Looks at the values so far, tells them, and lets the rest of the process have its turn. */
  private async lookUp(): Promise<void> {
    await this.refuseNaN();
    const { session, options } = this;
    if (options.progress) {
      const values = Object.entries((await this.measures.read()) ?? {});
      const { epoch, epochs, batches: step, samplesPerSecond } = session;
      const steps = options.train.length;
      options.progress.update({
        ...{ epoch, epochs, step, steps, samplesPerSecond },
        values: Object.fromEntries(values.filter(isNumber)),
        secondsLeft: steps === undefined ? undefined : (steps - step) * session.secondsPerBatch,
      });
    }
    await this.pace.rest();
  }

  /** Throws if a loss was no number. */
  private async refuseNaN(): Promise<void> {
    const bad = await this.watch.look();
    if (bad === null) return;
    const { session } = this;
    const what = Number.isNaN(bad.loss) ? "NaN" : "infinite";
    const where = `in step ${this.watchedFrom + bad.after + 1} (epoch ${session.epoch})`;
    throw new NumericError("fit", `the loss became ${what} ${where}`, { hint: badHint(session) });
  }

  /** Saves a checkpoint, if the options want any. Nothing is saved that came from a NaN. */
  async save(): Promise<void> {
    const { checkpoint } = this.options;
    if (!checkpoint) return;
    await this.refuseNaN();
    this.pace.check();
    await saveSession(this.session, checkpoint);
  }

  async tell(hook: (callback: Callback) => void | Promise<void>): Promise<void> {
    for (const callback of this.callbacks) await hook(callback);
  }
}

function isNumber(pair: [string, unknown]): pair is [string, number] {
  return typeof pair[1] === "number";
}

function scheduled(scheduler: Scheduler | Callback | undefined): Callback[] {
  if (scheduler === undefined) return [];
  return ["stateDict" in scheduler ? lrScheduler(scheduler) : scheduler];
}

function recordOf(session: Session, trained: object, validated: object): EpochRecord {
  const { epoch, seconds, samplesPerSecond, optimizer } = session;
  const values = Object.entries(validated).map(([name, value]) => {
    return [`val${name[0]?.toUpperCase()}${name.slice(1)}`, value];
  });
  return {
    epoch,
    ...(trained as { loss: number }),
    ...Object.fromEntries(values),
    ...{ lr: optimizer.lr, seconds, samplesPerSecond },
  };
}

async function resume<M extends Metrics>(
  session: Session,
  { resume: from, checkpoint }: FitOptions<M>,
): Promise<string | undefined> {
  if (from === undefined || from === false) return undefined;
  const folder = typeof from === "string" ? from : checkpoint?.folder;
  if (folder === undefined) {
    throw new ArgumentError("fit", "resume: true needs a checkpoint folder", {
      hint: 'checkpoint: { folder: "runs/1" }, or resume: "runs/1"',
    });
  }
  const found = await resumeSession(session, folder);
  if (found === undefined && typeof from === "string") {
    throw new LoadError(folder, "has no complete checkpoint to resume from");
  }
  return found;
}
