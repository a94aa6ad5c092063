// anneal train: a run of any recipe from the command line to its folder, top to bottom. What it
// does a user could write: data, model, fit, and what is told at the end.
// Not here: what is trained (the recipes), or the table of epochs (show.ts).

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type DeviceChoice, device } from "../index.ts";
import { writeFileAtomic } from "../io/index.ts";
import type { Metrics } from "../metrics/index.ts";
import {
  type AnyRecipe,
  configOf,
  differing,
  type Prepared,
  type RunConfig,
  type Skipped,
  type Terminal,
  UsageError,
  type Verdict,
} from "../recipe/index.ts";
import {
  type Callback,
  type FitResult,
  fit,
  jsonLog,
  loadWeights,
  lrScheduler,
  type ProgressReporter,
  saveWeights,
} from "../train/index.ts";
import { runtimeName } from "../util/env.ts";
import { LoadError, NumericError } from "../util/errors.ts";
import { report, sparkline } from "../vis/index.ts";
import { Interrupt } from "./interrupt.ts";
import { terminalProgress } from "./progress.ts";
import { files, latestRun, makeRun, readConfig, trainedRun, weightsIn } from "./runs.ts";
import { epochTable } from "./show.ts";
import { type StepLosses, stepLosses } from "./step-losses.ts";

/** What every run can be told besides its recipe's settings. */
export interface MachineOptions {
  readonly device?: DeviceChoice;
  readonly threads?: number;
  /** A run's folder, or true for the last one that did not finish. */
  readonly resume?: string | true;
  readonly detectNan?: boolean;
  readonly out: string;
}

/** Also the settings that are asked for, by name. */
export type TrainOptions = MachineOptions & {
  /** What the recipe is called on the command line: its name, or a file. */
  readonly called: string;
} & Readonly<Record<string, unknown>>;

interface Job extends Prepared {
  readonly recipe: AnyRecipe;
  readonly folder: string;
  readonly config: RunConfig;
}

/** Steps between checkpoints within an epoch; a few milliseconds each. */
const checkpointEvery = 250;

/** Trains, tests, and leaves the run's folder. Returns the exit code: 130 after Ctrl-C. */
export async function train(
  recipe: AnyRecipe,
  options: TrainOptions,
  terminal: Terminal,
): Promise<number> {
  const start = performance.now();
  await useMachine(options);
  const job = await prepare(recipe, options);
  introduce(job, terminal);
  const losses = stepLosses();
  const result = await fitJob(job, options, terminal, losses);
  if (result.interrupted) {
    terminal.print(`interrupted after ${result.steps} steps; to go on:`);
    terminal.print(`  anneal train ${options.called} --resume ${job.folder}`);
    return 130;
  }
  const verdict = await job.test(terminal);
  const seconds = (performance.now() - start) / 1000;
  await save(job, result, verdict, losses, seconds);
  terminal.print();
  terminal.print(`loss ${sparkline(losses.losses, { ...terminal.style, width: 60, log: true })}`);
  tell(verdict, terminal);
  terminal.print(`saved ${job.folder}: ${files.weights}, ${files.history}, ${files.report}`);
  if (job.next) terminal.print(job.next(job.folder));
  terminal.print(`${verdict.label} ${verdict.value} (${Math.round(seconds)} s)`);
  return 0;
}

/** Judges a trained run once more. */
export async function evaluateRun(
  recipes: readonly AnyRecipe[],
  options: MachineOptions & { readonly run?: string },
  terminal: Terminal,
): Promise<void> {
  await useMachine(options);
  const tasks = recipes.map(({ name }) => name);
  const folder = await trainedRun(options.out, options.run, tasks);
  const { config, recipe } = await readConfig(folder, recipes);
  const prepared = await recipe.prepare(config as never);
  await loadWeights(prepared.model, await weightsIn(folder));
  const verdict = await prepared.test(terminal);
  tell(verdict, terminal);
  terminal.print(`${verdict.label} ${verdict.value}, ${folder}`);
}

/** Sets threads and device for the rest of the process; rejects where the device is not to be had. */
export async function useMachine({
  threads,
  device: name,
}: Partial<MachineOptions>): Promise<void> {
  if (threads !== undefined) process.env.ANNEAL_THREADS = String(threads);
  await device(name).backend.init();
}

function tell({ shown, facts }: Verdict, { print }: Terminal): void {
  print();
  for (const part of [shown, facts.join(", ")]) {
    if (part === "") continue;
    print(part);
    print();
  }
}

async function prepare(recipe: AnyRecipe, options: TrainOptions): Promise<Job> {
  const resumed = options.resume === undefined ? undefined : await runToResume(recipe, options);
  const asked = configOf(recipe.settings, options);
  const config: RunConfig =
    resumed === undefined
      ? { format: 1, task: recipe.name, ...asked }
      : (await readConfig(resumed, [recipe])).config;
  if (resumed !== undefined) refuseOthers(recipe, options, config);
  const prepared = await recipe.prepare(config as never);
  const folder = resumed ?? (await makeRun(options.out, config));
  for (const [name, content] of Object.entries(prepared.files ?? {})) {
    await writeFileAtomic(join(folder, name), content);
  }
  const { skipped = [] } = prepared;
  if (skipped.length > 0) await writeJson(join(folder, files.skipped), skipped);
  return { ...prepared, recipe, folder, config };
}

async function runToResume(recipe: AnyRecipe, { resume, out }: TrainOptions): Promise<string> {
  if (typeof resume === "string") return resume;
  const found = await latestRun(out, { lacking: files.result, tasks: [recipe.name] });
  if (found !== undefined) return found;
  throw new LoadError(out, "has no unfinished run to resume");
}

/** A resumed run keeps its configuration: another one would not be the same run. */
function refuseOthers({ settings }: AnyRecipe, options: TrainOptions, config: RunConfig): void {
  const other = differing(settings, config, options);
  if (other === undefined) return;
  const { option, asked, has } = other;
  throw new UsageError(option, `is ${asked}, but the run to resume has ${has}`, {
    hint: `leave out ${option}, or begin a new run without --resume`,
  });
}

function introduce(job: Job, { print }: Terminal): void {
  const { folder, summary, data, method, skipped = [] } = job;
  print(String(summary));
  print();
  print(`data   ${data}`);
  if (skipped.length > 0) print(`bad    ${skippedText(skipped)}; all in ${files.skipped}`);
  print(`recipe ${method}`);
  print(`run    ${folder}`);
  print();
}

async function fitJob(
  job: Job,
  options: TrainOptions,
  terminal: Terminal,
  losses: StepLosses,
): Promise<FitResult<Metrics>> {
  const { folder, config, epochs, metrics = {}, schedule } = job;
  const resuming = options.resume !== undefined;
  const { bar: progress, table } = reporter(terminal, { epochs, metrics, resuming });
  const interrupt = new Interrupt(() => progress.end?.());
  const { train, validation, loss, optimizer, clipNorm } = job;
  try {
    return await fit(job.model, {
      ...{ train, validation, loss, optimizer, clipNorm, metrics, epochs, progress },
      scheduler: lrScheduler(schedule, { per: "step" }),
      callbacks: [losses, jsonLog(join(folder, files.history)), table],
      seed: config.seed as number,
      checkpoint: { folder: join(folder, files.checkpoints), every: checkpointEvery, keep: 2 },
      resume: resuming,
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
  { epochs, metrics, resuming }: { epochs: number; metrics: Metrics; resuming: boolean },
): { bar: ProgressReporter; table: Callback } {
  const bar = terminalProgress();
  const { head, row } = epochTable(terminal, Object.keys(metrics));
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
  { recipe, folder, config, model, summary, method, skipped = [] }: Job,
  { history, steps }: FitResult<Metrics>,
  verdict: Verdict,
  { losses }: StepLosses,
  seconds: number,
): Promise<void> {
  const { value, label, facts, result, report: parts } = verdict;
  const { format: _, task, ...settings } = config;
  const metadata = { task, ...(config.model ? { model: String(config.model) } : {}) };
  await saveWeights(model, join(folder, files.weights), metadata);
  await writeJson(join(folder, files.history), history);
  const left = skipped.length > 0 ? [`${skipped.length} bad items left out`] : [];
  const page = report({
    title: [recipe.name === "mnist" ? "MNIST" : recipe.name, config.model]
      .filter(Boolean)
      .join(", "),
    headline: { value, label },
    facts: [...facts, ...left, `${steps.toLocaleString("en")} steps`, `${Math.round(seconds)} s`],
    history,
    stepLosses: losses,
    ...parts,
    model: summary,
    configuration: { ...(settings as Record<string, string | number>), method },
    environment: environment(),
  });
  await writeFileAtomic(join(folder, files.report), page);
  for (const [name, content] of Object.entries(verdict.files ?? {})) {
    await writeFileAtomic(join(folder, name), content);
  }
  // Last, since it says that the run is finished.
  await writeJson(join(folder, files.result), {
    ...result,
    ...(skipped.length > 0 ? { skipped: skipped.length } : {}),
    steps,
    seconds,
  });
}

/** `2 left out; the first: cat.png is no PNG`. */
function skippedText([first, ...others]: readonly Skipped[]): string {
  const count = (others.length + 1).toLocaleString("en");
  return `${count} left out; the first: ${first!.file} ${first!.reason}`;
}

function writeJson(path: string, value: unknown): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

function environment(): Record<string, string | number | boolean> {
  const { backend } = device();
  const { threads, simd, relaxed, revectorized, adapter } = backend.describe();
  const all = { threads, simd, relaxed, revectorized, adapter };
  const known = Object.fromEntries(Object.entries(all).filter(([, fact]) => fact !== undefined));
  const cores = availableParallelism();
  const system = `${process.platform} ${process.arch}`;
  return { runtime: runtimeName(), system, cores, device: backend.name, ...known };
}
