// `anneal train sentiment` and `anneal train questions`, small: what is printed and left, asking a trained
// model, a text drawn with the words that counted, and bad files.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { wordBaseline } from "../../examples/text-classes/baseline.ts";
import { readLabelled } from "../../src/text/index.ts";
import { drawPassage } from "../../src/vis/index.ts";
import { report } from "../../src/vis/report.ts";
import { anneal, type Outcome, scratch } from "./run.ts";

const good = ["lovely", "bright", "warm", "funny"];
const bad = ["dull", "grey", "slow", "empty"];
const filler = ["a", "film", "with", "the", "story", "of"];

/** Sentences of fillers with one or two words that tell. */
function reviews(count: number, from: number): string {
  const lines = Array.from({ length: count }, (_, k) => {
    const i = from + k;
    const words = Array.from({ length: 3 + (i % 5) }, (_, j) => filler[(i * 5 + j * 7) % 6]!);
    const telling = (i % 2 === 1 ? good : bad)[(i >> 1) % 4]!;
    words.splice(i % words.length, 0, telling);
    return `${i % 2} ${words.join(" ")} .`;
  });
  return `${lines.join("\n")}\n`;
}

describe("train sentiment", () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  let trained: Outcome;
  let run: string;

  beforeAll(async () => {
    place = await scratch();
    const folder = join(place.folder, "texts");
    await mkdir(folder);
    await writeFile(join(folder, "sst2.train.txt"), reviews(400, 0));
    await writeFile(join(folder, "sst2.dev.txt"), reviews(60, 1000));
    await writeFile(join(folder, "sst2.test.txt"), reviews(100, 2000));
    const args = ["train", "sentiment", "--data", "texts", "--epochs", "6", "--width", "16"];
    trained = await anneal([...args, "--batch", "16", "--lr", "0.01"], place.folder);
    run = join(place.folder, "runs", (await readdir(join(place.folder, "runs")))[0] ?? "");
  }, 60_000);
  afterAll(() => place.remove());

  it("learns which words tell, and says how it did beside counting words", async () => {
    expect(trained.stderr).toBe("");
    expect(trained.code).toBe(0);
    expect(trained.stdout).toContain("400 texts to train, 60 to validate, 100 to test");
    const result = JSON.parse(await readFile(join(run, "result.json"), "utf8"));
    expect(result.testAccuracy).toBeGreaterThan(0.95);
    expect(result.baselineAccuracy).toBeGreaterThan(0.95);
    expect(trained.stdout).toContain(`test accuracy ${result.testAccuracy.toFixed(4)}`);
    const page = await readFile(join(run, "report.html"), "utf8");
    expect(page).toContain('<ul class="passages">');
  });

  it("tells the class of a new text, in its own spelling", async () => {
    const asked = await anneal(["predict", "sentiment", "A warm, unheard-of Film!"], place.folder);
    expect(asked.stderr).toBe("");
    expect(asked.stdout.replaceAll("*", "")).toContain("A warm, unheard-of Film!");
    expect(asked.stdout).toMatch(/\n {2}for \(\d+\.\d %\)\n/);
    const other = await anneal(["predict", "sentiment", "dull , slow", "--run", run], place.folder);
    expect(other.stdout).toMatch(/\n {2}against \(/);
    const empty = await anneal(["predict", "sentiment", " "], place.folder);
    const usage = "ArgumentError: anneal predict sentiment: needs <text>: a text in quotes\n";
    const hint = "  hint: anneal predict sentiment --help\n";
    expect([empty.code, empty.stderr]).toEqual([2, usage + hint]);
  });

  it("asks the run that is named instead of a recipe, with the input by position or by name", async () => {
    for (const args of [
      [run, "dull , slow"],
      [run, "--text", "dull , slow"],
      ["sentiment", run, "dull , slow"],
      ["sentiment", "--run", run, "dull , slow"],
    ]) {
      const asked = await anneal(["predict", ...args], place.folder);
      expect([asked.stderr, asked.stdout], args.join(" ")).toEqual([
        "",
        expect.stringMatching(/\n {2}against \(/),
      ]);
    }
    const other = await anneal(["predict", place.folder, "dull"], place.folder);
    expect(other.stderr).toBe(
      `LoadError: ${place.folder} is not the folder of a run: no config.json\n`,
    );
    const unquoted = await anneal(["predict", "sentiment", "dull", "slow"], place.folder);
    expect(unquoted.stderr).toBe(
      "LoadError: dull is not the folder of a run: no config.json\n" +
        "  hint: an input of several words stands in quotes\n",
    );
  });

  it("names what is not there, and the line that is no class and text", async () => {
    const missing = await anneal(["train", "questions", "--data", "texts"], place.folder);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain("trec.train.txt is not there");
    expect(missing.stderr).toContain("hint: --data FOLDER with trec.train.txt, trec.test.txt");
    const file = join(place.folder, "bad.txt");
    await writeFile(file, "1 good\n0 bad\n2 beyond\n");
    await expect(readLabelled({ from: file }, { classes: 2 })).rejects.toThrow(
      'line 3 is no class and text: "2 beyond"',
    );
    await writeFile(file, "1 good\nbad\n");
    await expect(readLabelled({ from: file }, { classes: 2 })).rejects.toThrow(
      "line 2 is no class",
    );
  });
});

it("a logistic regression on words tells what single words tell, and no more", async () => {
  // Class 1 has word 1; words 2 and 3 are in both.
  const samples = Array.from({ length: 256 }, (_, i) => ({
    tokens: Int32Array.of(2 + (i % 3 === 0 ? 1 : 0), i % 2 === 1 ? 1 : 2),
    label: i % 2,
  }));
  const options = { vocabularySize: 4, classes: 2, pad: 0 };
  expect(await wordBaseline(samples, samples, options)).toBe(1);
  const blind = samples.map(({ label }) => ({ tokens: Int32Array.of(2), label }));
  expect(await wordBaseline(blind, blind, options)).toBe(0.5);
});

describe("a text with the words that counted", () => {
  const passage = {
    words: ["Not", " a", " <b>joy</b>", "."],
    weights: [0.1, 0.1, 0.7, 0.1],
    said: "for",
    truth: "against",
    probability: 0.98,
  };

  it("stands in a pipe with stars, and wraps", () => {
    expect(drawPassage(passage)).toBe("Not a *<b>joy</b>*.\n  for (98.0 %), is against");
    const [first, second] = drawPassage(passage, { width: 8 }).split("\n");
    expect([first, second]).toEqual(["Not a", "*<b>joy</b>*."]);
  });

  it("marks nothing where all words counted the same", () => {
    const even = { ...passage, weights: [0.25, 0.25, 0.25, 0.25] };
    expect(drawPassage(even)).not.toContain("*");
  });

  it("is escaped in a report", () => {
    const page = report({ title: "texts", history: [], passages: [passage] });
    expect(page).toContain('<span style="--depth:60%">&lt;b&gt;joy&lt;/b&gt;</span>');
    expect(page).toContain('<li class="wrong">');
    expect(page).not.toContain("<b>joy");
  });
});
