// Atomic files and checkpoints, the latter under kill -9 at random moments.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isAbandoned, temporaryName, writeFileAtomic } from "../../src/io/atomic.ts";
import {
  findCheckpoint,
  openCheckpoint,
  readCheckpointFile,
  writeCheckpoint,
} from "../../src/io/checkpoint.ts";
import { LoadError } from "../../src/util/errors.ts";
import { Rng } from "../../src/util/rng.ts";

const writer = fileURLToPath(new URL("./checkpoint-writer.ts", import.meta.url));
const GONE = 2 ** 22 + 12345; // above the largest process id

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "anneal-checkpoint-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe("writeFileAtomic", () => {
  it("replaces bytes and text, and leaves nothing beside", async () => {
    const path = join(root, "a");
    await writeFileAtomic(path, "old");
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    expect(await readdir(root)).toEqual(["a"]);
  });

  it("leaves the old file and no temporary when it fails", async () => {
    const path = join(root, "folder");
    await mkdir(path);
    await expect(writeFileAtomic(path, "x")).rejects.toThrow();
    expect(await readdir(root)).toEqual(["folder"]);
    await expect(writeFileAtomic(join(root, "none", "a"), "x")).rejects.toThrow(/ENOENT/);
  });

  it("lets many writers of one file race, and one of them win wholly", async () => {
    const path = join(root, "a");
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(5000));
    await Promise.all(texts.map((text) => writeFileAtomic(path, text)));
    expect(texts).toContain(await readFile(path, "utf8"));
    expect(await readdir(root)).toEqual(["a"]);
  });
});

it("isAbandoned knows work of the dead from work of the living", () => {
  expect(isAbandoned(temporaryName("checkpoint-3"), "checkpoint-")).toBe(false);
  expect(isAbandoned(`.checkpoint-3.${GONE}.0.tmp`, "checkpoint-")).toBe(true);
  expect(isAbandoned(`.other.${GONE}.0.tmp`, "checkpoint-")).toBe(false);
  expect(isAbandoned("checkpoint-3", "checkpoint-")).toBe(false);
});

describe("checkpoints", () => {
  const save = (step: number, text = `step ${step}`, keep = 3) =>
    writeCheckpoint(root, step, [["a.txt", text]], { keep });
  const read = async () => {
    const checkpoint = await findCheckpoint(root);
    if (checkpoint === undefined) return undefined;
    return new TextDecoder().decode(await readCheckpointFile(checkpoint, "a.txt"));
  };

  it("are found, kept to the newest, and numbered", async () => {
    expect(await findCheckpoint(join(root, "nowhere"))).toBeUndefined();
    for (const step of [8, 9, 10, 11]) await save(step);
    expect((await findCheckpoint(root))?.step).toBe(11);
    const kept = ["checkpoint-10", "checkpoint-11", "checkpoint-9", "latest"];
    expect((await readdir(root)).sort()).toEqual(kept);
  });

  it("of the same step replace each other without a gap", async () => {
    await save(5, "first", 1);
    await save(5, "second", 1);
    expect(await read()).toBe("second");
    expect((await readdir(root)).sort()).toEqual(["checkpoint-5-1", "latest"]);
  });

  it("of a run that was taken back count as newest", async () => {
    for (const step of [80, 90, 100]) await save(step);
    await save(85);
    expect(await read()).toBe("step 85");
    await save(86);
    expect((await readdir(root)).sort()).toEqual([
      "checkpoint-80",
      "checkpoint-85",
      "checkpoint-86",
      "latest",
    ]);
  });

  it("fall back to an older one when the newest is damaged", async () => {
    await save(1);
    const folder = await save(2);
    await writeFile(join(folder, "a.txt"), "step 3");
    await expect(openCheckpoint(folder)).rejects.toThrow(/a\.txt does not match its checksum/);
    expect(await read()).toBe("step 1");
    await writeFile(join(folder, "a.txt"), "longer than that");
    await expect(openCheckpoint(folder)).rejects.toThrow(/has 16 bytes where its checkpoint had 6/);
    await rm(join(folder, "a.txt"));
    await expect(openCheckpoint(folder)).rejects.toThrow(/a\.txt is missing/);
    await writeFile(join(folder, "manifest.json"), '{"format":1,"step":2,"files":{"../a":{}}}');
    await expect(openCheckpoint(folder)).rejects.toThrow(LoadError);
    await rm(join(folder, "manifest.json"));
    await expect(openCheckpoint(folder)).rejects.toThrow(/no manifest\.json/);
    expect(await read()).toBe("step 1");
  });

  it("survive a pointer that is missing, empty or points nowhere", async () => {
    await save(1);
    await save(2);
    for (const text of ["", "checkpoint-99\n", "../../etc\n"]) {
      await writeFile(join(root, "latest"), text);
      expect(await read()).toBe("step 2");
    }
    await rm(join(root, "latest"));
    expect(await read()).toBe("step 2");
  });

  it("sweep what the dead left and leave the living alone", async () => {
    const [dead, living] = [`.checkpoint-1.${GONE}.0.tmp`, temporaryName("checkpoint-1")];
    await mkdir(join(root, dead, "deep"), { recursive: true });
    await mkdir(join(root, living));
    await writeFile(join(root, `.latest.${GONE}.4.tmp`), "");
    await save(1);
    expect((await readdir(root)).sort()).toEqual([living, "checkpoint-1", "latest"].sort());
  });

  it("refuse file names that leave the folder", async () => {
    for (const name of ["../a", "a/b", "", ".hidden", "manifest.json"]) {
      await expect(writeCheckpoint(root, 1, [[name, ""]])).rejects.toThrow(/cannot be a file name/);
    }
    await expect(save(-1)).rejects.toThrow(/step must be an integer/);
    await save(1);
    await rename(join(root, "checkpoint-1"), join(root, "moved"));
    expect(await findCheckpoint(root)).toBeUndefined();
  });
});

/** Runs the writer until `ms` after its first checkpoint of this life; the last step it told of. */
function runAndKill(first: number, keep: number, ms: number): Promise<number> {
  const child = spawn(process.execPath, [writer, root, String(first), String(keep)]);
  let told = first - 1;
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => {
    if (told < first) setTimeout(() => child.kill("SIGKILL"), ms);
    const lines = chunk.toString().trim().split("\n");
    told = Math.max(told, Number(lines.at(-1)));
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (_, signal) => {
      if (signal === "SIGKILL") resolve(told);
      else reject(new Error(`the writer ended by itself: ${errors}`));
    });
  });
}

const stripsTypes = "typescript" in process.features && process.features.typescript;

describe.skipIf(process.platform === "win32" || !stripsTypes)("kill -9", () => {
  it.each([1, 2])(
    "at any moment leaves a whole checkpoint (keep %i)",
    { timeout: 60_000 },
    async (keep) => {
      const rng = new Rng(11, keep);
      let step = 1;
      let unfinished = 0;
      for (let life = 0; life < 12; life++) {
        const told = await runAndKill(step, keep, rng.uniform(0, 30));
        unfinished += (await readdir(root)).filter((name) => name.endsWith(".tmp")).length;
        const checkpoint = await findCheckpoint(root);
        if (checkpoint === undefined) throw new Error(`nothing to read after step ${told}`);
        expect(checkpoint.step).toBeGreaterThanOrEqual(told);
        const weights = await readCheckpointFile(checkpoint, "model.safetensors");
        expect(new Uint32Array(weights.slice().buffer).every((v) => v === checkpoint.step)).toBe(
          true,
        );
        const random = JSON.parse(
          new TextDecoder().decode(await readCheckpointFile(checkpoint, "random.json")),
        );
        expect(random).toEqual({ step: checkpoint.step, state: new Rng(checkpoint.step).state() });
        step = checkpoint.step; // the same step is written again: a resume
      }
      expect(unfinished).toBeGreaterThan(0); // else no kill struck in the middle of writing
    },
  );
});
