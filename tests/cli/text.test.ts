// `anneal train names` and `train lm`, small: what is printed and left, that `generate` writes the
// same from the same seed, that `evaluate` finds the same loss, and what bad texts and prompts get.
import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Rng } from "../../src/util/rng.ts";
import { anneal, type Outcome, scratch, start } from "./run.ts";

/** Syllables, so that there is something to learn. */
function madeUpNames(count: number): string[] {
  const rng = new Rng(1);
  const part = () => "bdklmnrst"[rng.int(9)]! + "aeiou"[rng.int(5)]!;
  return Array.from({ length: count }, () => part() + part() + (rng.int(2) ? part() : ""));
}

const onlyRun = async (out: string) => {
  const names = await readdir(out);
  expect(names).toHaveLength(1);
  return join(out, names[0] as string);
};
const jsonOf = async (path: string) => JSON.parse(await readFile(path, "utf8"));

let place: Awaited<ReturnType<typeof scratch>>;
const inPlace = (...args: string[]) => anneal(args, place.folder, { ANNEAL_DATA: "" });
beforeAll(async () => {
  place = await scratch();
  await writeFile(join(place.folder, "names.txt"), `${madeUpNames(400).join("\n")}\n`);
  const lines = madeUpNames(900).map((name, i) => (i % 9 ? name : `\n${name.toUpperCase()}:`));
  await writeFile(join(place.folder, "play.txt"), lines.join("\n"));
});
afterAll(() => place.remove());

describe("train names", () => {
  let trained: Outcome;
  let run: string;
  beforeAll(async () => {
    const out = join(place.folder, "names");
    const small = ["--epochs", "6", "--batch", "32", "--width", "48"];
    trained = await inPlace("train", "names", "--data", "names.txt", ...small, "--out", out);
    run = await onlyRun(out).catch(() => "");
  }, 60_000);

  it("learns, and makes names up", async () => {
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    expect(trained.stdout).toContain("400 names; 1 in 10 validates, 1 in 10 tests");
    expect(trained.stdout).toMatch(/^made up +is$/m);
    expect(trained.stdout.match(/^[a-z]+ +(new|in the list)$/gm)?.length).toBeGreaterThan(15);
    const { testLoss, testPerplexity } = await jsonOf(join(run, "result.json"));
    // 15 letters and the end at random are 2.77; who knows consonant, vowel, end needs 1.6 or so.
    expect(testLoss).toBeLessThan(2.2);
    expect(testPerplexity).toBeCloseTo(Math.exp(testLoss), 6);
    expect(trained.stdout).toContain(`test loss a letter ${testLoss.toFixed(4)} (`);
  });

  it("writes more of them, the same from the same seed", async () => {
    const ask = (...args: string[]) => inPlace("generate", run, "--count", "8", ...args);
    const first = await ask("--prompt", "ba");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout.match(/^ba[a-z]*$/gm)).toHaveLength(8);
    expect((await ask("--prompt", "ba")).stdout).toBe(first.stdout);
    expect((await ask("--prompt", "ba", "--threads", "1")).stdout).toBe(first.stdout);
    expect((await ask("--prompt", "ba", "--seed", "2")).stdout).not.toBe(first.stdout);
    const greedy = (await ask("--temperature", "0")).stdout.trim().split("\n");
    expect(new Set(greedy).size).toBe(1);
  });

  it("is judged again as it was", async () => {
    const { testLoss } = await jsonOf(join(run, "result.json"));
    const { code, stdout } = await inPlace("evaluate", run);
    expect(code).toBe(0);
    expect(stdout).toContain(`test loss a letter ${testLoss.toFixed(4)}, ${run}\n`);
  });

  it.each(["lstm", "gpt"])(
    "by an %s, broken off and resumed, ends with the same weights",
    async (model) => {
      const args = ["train", "names", "--data", "names.txt", "--model", model, "--epochs", "12"];
      const small = ["--batch", "32", "--width", "16"];
      const whole = join(place.folder, `${model}-whole`);
      const started = { ANNEAL_DATA: "" };
      const first = await anneal([...args, ...small, "--out", whole], place.folder, started);
      expect(first).toMatchObject({ code: 0, stderr: "" });
      const out = join(place.folder, `${model}-broken`);
      const running = start([...args, ...small, "--out", out], place.folder, started);
      await running.prints(/^ +1\/12/m);
      running.child.kill("SIGINT");
      const { code, stdout } = await running.outcome;
      const broken = await onlyRun(out);
      expect({ code, stdout }).toEqual({ code: 130, stdout: expect.stringContaining(broken) });
      const resumed = await inPlace("train", "names", "--resume", broken);
      expect(resumed).toMatchObject({ code: 0, stderr: "" });
      const weights = (folder: string) => readFile(join(folder, "model.safetensors"));
      expect((await weights(broken)).equals(await weights(await onlyRun(whole)))).toBe(true);
      expect(
        (await inPlace("generate", broken, "--count", "3")).stdout.trim().split("\n"),
      ).toHaveLength(3);
    },
    60_000,
  );

  it("refuses letters that it does not know, and names that are too long", async () => {
    const unknown = await inPlace("generate", run, "--prompt", "zö");
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('ArgumentError: Vocabulary.id: "z" is not in the vocabulary');
    const long = await inPlace("generate", run, "--prompt", "bababababababababa");
    expect(long.stderr).toContain('--prompt: "bababababababababa" leaves no room');
    const short = ["train", "names", "--data", "names.txt", "--letters", "4"];
    const { code, stderr } = await inPlace(...short);
    expect(code).toBe(2);
    expect(stderr).toMatch(/ArgumentError: --letters: is 4, but \w{6} has 6\n/);
  });
});

describe.each(["gpt", "lstm"])("train lm --model %s", (model) => {
  const tiny = [
    "--context",
    "16",
    "--layers",
    "1",
    "--width",
    "32",
    "--heads",
    "2",
    "--batch",
    "16",
  ];
  let trained: Outcome;
  let run: string;
  beforeAll(async () => {
    const out = join(place.folder, model);
    const data = ["--data", "play.txt", "--steps", "150", "--lr", "0.01"];
    trained = await inPlace("train", "lm", "--model", model, ...data, ...tiny, "--out", out);
    run = await onlyRun(out).catch(() => "");
  }, 120_000);

  it("learns, and shows what it writes", async () => {
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    const { validationLoss } = await jsonOf(join(run, "result.json"));
    expect(validationLoss).toBeLessThan(2.2); // 30 characters at random are 3.4
    expect((await readFile(join(run, "sample.txt"), "utf8")).length).toBe(400);
    expect(trained.stdout).toContain(`anneal generate ${run} --prompt`);
    const evaluated = await inPlace("evaluate", run);
    expect(evaluated.stdout).toContain(
      `validation loss a character ${validationLoss.toFixed(4)}, ${run}\n`,
    );
  });

  it("writes on from a prompt, past its window, the same from the same seed", async () => {
    const ask = (...args: string[]) => inPlace("generate", run, "--prompt", "ba", ...args);
    const first = await ask("--tokens", "60");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect([first.stdout.slice(0, 2), first.stdout.length]).toEqual(["ba", 63]);
    expect((await ask("--tokens", "60", "--threads", "1")).stdout).toBe(first.stdout);
    const sharp = await ask("--tokens", "20", "--top-k", "3", "--top-p", "0.9", "--seed", "4");
    expect(sharp.code).toBe(0);
    const empty = await ask("--prompt", "");
    expect(empty.stderr).toBe("ArgumentError: --prompt: is an empty sequence\n");
  });
});

describe("bad texts", () => {
  it.each([
    ["no UTF-8", Uint8Array.of(0x61, 0xe4, 0x62), 1, /LoadError: bad\.txt is not UTF-8 \(byte 1\)/],
    ["an empty file", new Uint8Array(), 1, /LoadError: bad\.txt is empty/],
    ["a short one", new TextEncoder().encode("abcdefghij"), 2, /leaves no window to validate on/],
  ])("%s", async (_, bytes, wanted, message) => {
    await writeFile(join(place.folder, "bad.txt"), bytes);
    const { code, stderr } = await inPlace("train", "lm", "--data", "bad.txt");
    expect(stderr).toMatch(message);
    expect(code).toBe(wanted);
  });

  it("need a checksum from afar, and a run that can write", async () => {
    const far = await inPlace("train", "lm", "--data", "https://example.org/x.txt");
    expect(far.code).toBe(2);
    expect(far.stderr).toContain(
      "ArgumentError: --data: an address needs a checksum\n  hint: --sha256",
    );
    const none = await inPlace("generate", "--out", "nowhere");
    expect(none.stderr).toContain("LoadError: nowhere has no trained run\n  hint: anneal train lm");
  });
});

describe("the example of names by hand", () => {
  it("runs, and makes names up", async () => {
    const root = join(import.meta.dirname, "../..");
    const example = join(root, "examples/names-by-hand.ts");
    const args = ["--conditions=anneal-source", example, join(place.folder, "names.txt")];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    expect(stdout.match(/^[a-z]+$/gm)?.length).toBeGreaterThan(5);
  });
});
