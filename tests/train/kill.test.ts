// kill -9 in the middle of training: whatever the moment, there is a checkpoint to go on from, and
// what goes on ends like a run that nobody killed.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findCheckpoint } from "../../src/io/index.ts";
import { Rng } from "../../src/util/rng.ts";

const child = fileURLToPath(new URL("./training-child.ts", import.meta.url));

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-kill-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Lets the child train until `steps` steps and `ms` milliseconds more; the lines that it told. */
function life(args: readonly string[], steps: number, ms: number): Promise<string[]> {
  const training = spawn(process.execPath, [child, ...args]);
  let [out, errors] = ["", ""];
  let doomed = false;
  training.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  training.stdout.on("data", (chunk: Buffer) => {
    out += chunk;
    if (doomed || out.split("\n").length <= steps) return;
    doomed = true;
    setTimeout(() => training.kill("SIGKILL"), ms);
  });
  return new Promise((resolve, reject) => {
    training.on("error", reject);
    training.on("exit", (code, signal) => {
      if (signal === "SIGKILL" || code === 0) resolve(out.trim().split("\n"));
      else reject(new Error(`the child ended with ${code}: ${errors}`));
    });
  });
}

const stripsTypes = "typescript" in process.features && process.features.typescript;

describe.skipIf(process.platform === "win32" || !stripsTypes)("kill -9", () => {
  it("while training leaves what a resume goes on from, to the last bit", {
    timeout: 120_000,
  }, async () => {
    const rng = new Rng(4);
    let least = 0;
    for (let i = 0; i < 5; i++) {
      const told = await life([folder], 5, rng.uniform(0, 25));
      // A checkpoint of step n is whole before step n + 1 begins.
      const last = Number(told.at(-1));
      const checkpoint = await findCheckpoint(folder);
      if (checkpoint === undefined) throw new Error(`nothing to go on from after step ${last}`);
      const due = last - 1 - ((last - 1) % 2);
      expect(checkpoint.step).toBeGreaterThanOrEqual(Math.max(due, least));
      expect(Number(told[0])).toBe(i === 0 ? 1 : least + 1);
      least = checkpoint.step;
    }
    const epochs = String(Math.floor(least / 7) + 2);
    const killed = (await life([folder, epochs], Number.POSITIVE_INFINITY, 0)).at(-1);
    const calm = (await life([`${folder}/calm`, epochs], Number.POSITIVE_INFINITY, 0)).at(-1);
    expect(JSON.parse(killed as string)).toEqual(JSON.parse(calm as string));
  });
});
