// The folders of runs: their names, what config.json says, which is the latest, and where its
// weights are.
// Not here: what else lies in them (train.ts), or checkpoints (io/).

import { access, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { findCheckpoint, writeFileAtomic } from "../io/index.ts";
import type { AnyRecipe } from "../recipe/index.ts";
import { isConfig, type RunConfig } from "../recipe/index.ts";
import { LoadError } from "../util/errors.ts";

export const files = {
  config: "config.json",
  history: "history.json",
  result: "result.json",
  weights: "model.safetensors",
  report: "report.html",
  skipped: "skipped.json",
  checkpoints: "checkpoints",
} as const;

/** Makes a folder for a new run, named by date and model, and writes its configuration. */
export async function makeRun(out: string, config: RunConfig, now = new Date()): Promise<string> {
  await mkdir(out, { recursive: true });
  const stamp = now.toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  const name = `${config.task === "mnist" ? "" : `${config.task}-`}${config.model ?? "run"}`;
  for (let n = 1; ; n++) {
    const folder = join(out, `${stamp}-${name}${n > 1 ? `-${n}` : ""}`);
    try {
      await mkdir(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
      throw error;
    }
    await writeFileAtomic(join(folder, files.config), `${JSON.stringify(config, null, 2)}\n`);
    return folder;
  }
}

/** The configuration of a run of one of these recipes. Throws LoadError for any other folder. */
export async function readConfig<R extends AnyRecipe>(
  folder: string,
  recipes: readonly R[],
): Promise<{ config: RunConfig; recipe: R }> {
  const path = join(folder, files.config);
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new LoadError(folder, `is not the folder of a run: no ${files.config}`, { cause });
  });
  let config: Partial<RunConfig> | null;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new LoadError(path, "is not JSON", { cause });
  }
  const recipe = recipes.find(({ name }) => name === config?.task);
  const known = config?.format === 1 && recipe !== undefined && isConfig(recipe.settings, config);
  if (known) return { config: config as RunConfig, recipe };
  if (recipe === undefined && typeof config?.task === "string") {
    const wanted = recipes.map(({ name }) => name).join(" or ");
    throw new LoadError(folder, `is a run of ${config.task}, not of ${wanted}`);
  }
  throw new LoadError(path, "is not a configuration that this version knows");
}

export interface WhichRun {
  /** A file that it must have. */
  readonly having?: string;
  /** A file that it must not have. */
  readonly lacking?: string;
  /** Its task must be one of these. */
  readonly tasks?: readonly string[];
}

/** The folder of the run that was begun last, of those that are asked for. */
export async function latestRun(
  out: string,
  { having, lacking, tasks }: WhichRun,
): Promise<string | undefined> {
  const names = await readdir(out).catch(() => []);
  let latest: { folder: string; time: number } | undefined;
  for (const name of names) {
    const folder = join(out, name);
    const time = await timeOf(join(folder, files.config));
    if (time === undefined || (latest && time < latest.time)) continue;
    if (having !== undefined && (await timeOf(join(folder, having))) === undefined) continue;
    if (lacking !== undefined && (await timeOf(join(folder, lacking))) !== undefined) continue;
    if (tasks !== undefined && !tasks.includes((await taskOf(folder)) ?? "")) continue;
    latest = { folder, time };
  }
  return latest?.folder;
}

/** The run that is named, or the last one of these tasks that has weights. Throws LoadError for
 * none. */
export async function trainedRun(
  out: string,
  named: string | undefined,
  tasks: readonly string[],
): Promise<string> {
  if (named !== undefined) return named;
  const found =
    (await latestRun(out, { having: files.weights, tasks })) ??
    (await latestRun(out, { having: files.checkpoints, tasks }));
  if (found !== undefined) return found;
  const hint = `anneal train ${tasks[0]}, or name the folder of a run`;
  throw new LoadError(out, "has no trained run", { hint });
}

/** The weights of a finished run, or those of an unfinished one's last checkpoint. */
export async function weightsIn(run: string): Promise<string> {
  const finished = join(run, files.weights);
  const isThere = await access(finished).then(
    () => true,
    () => false,
  );
  const checkpoint = isThere ? undefined : await findCheckpoint(join(run, files.checkpoints));
  return checkpoint === undefined ? finished : join(checkpoint.folder, files.weights);
}

async function taskOf(folder: string): Promise<string | undefined> {
  const text = await readFile(join(folder, files.config), "utf8").catch(() => "{}");
  try {
    return (JSON.parse(text) as { task?: string }).task;
  } catch {
    return undefined;
  }
}

async function timeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
