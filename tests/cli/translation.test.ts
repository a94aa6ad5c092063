// The models of `anneal train translate`: writing token by token gives what the whole forward
// gives, for unequal sources side by side and after a selection of rows; and the command, small:
// what it learns, prints and draws.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RecurrentTranslator, type TranslationModel } from "../../examples/translate/models.ts";
import { TransformerTranslator } from "../../examples/translate/transformer.ts";
import { manualSeed, noGrad, Tensor } from "../../src/index.ts";
import { padSequences } from "../../src/text/index.ts";
import { Rng } from "../../src/util/rng.ts";
import { anneal, type Outcome, scratch } from "./run.ts";

const shape = { vocabularySize: 13, width: 16, layers: 2, heads: 4, dropout: 0.2, maxLength: 12 };
const makers: [string, () => TranslationModel][] = [
  ["gru", () => new RecurrentTranslator("gru", shape)],
  ["lstm", () => new RecurrentTranslator("lstm", shape)],
  ["transformer", () => new TransformerTranslator(shape)],
];

describe.each(makers)("%s", (_, make) => {
  manualSeed(3);
  const model = make();
  model.eval();
  const sources = padSequences([
    [3, 4, 5, 6, 7],
    [8, 9],
  ]);
  const target = Int32Array.of(1, 4, 7, 2, 1, 9, 3, 12); // (2, 4)
  const pairs = {
    source: Tensor.from(sources.tokens.data, [2, 5]),
    lengths: Tensor.from(sources.lengths.data, [2]),
    target: Tensor.from(target, [2, 4]),
  };
  const V = shape.vocabularySize;
  const whole = async () => [...(await noGrad(() => model.forward(pairs).logSoftmax(2)).data())]; // (2, 4, V)
  const columnsOf = (from: number, count: number) =>
    Int32Array.from(
      [0, 1].flatMap((row) => [...target.subarray(row * 4 + from, row * 4 + from + count)]),
    );
  const near = (found: Float32Array, wanted: number[]) => {
    expect(found.length).toBe(wanted.length);
    found.forEach((value, i) => void expect(value).toBeCloseTo(wanted[i]!, 4));
  };

  it("writes token by token what it says of the whole", async () => {
    const logits = await whole();
    const at = (row: number, t: number) => logits.slice((row * 4 + t) * V, (row * 4 + t + 1) * V);
    const decoding = await model.read(sources).begin(2);
    near(await decoding.feed(columnsOf(0, 2)), [...at(0, 1), ...at(1, 1)]);
    near(await decoding.feed(columnsOf(2, 1)), [...at(0, 2), ...at(1, 2)]);
    near(await decoding.feed(columnsOf(3, 1)), [...at(0, 3), ...at(1, 3)]);
  });

  it("goes on from other rows of the same source", async () => {
    const logits = await whole();
    const decoding = await model.read(sources).begin(4); // two rows a source
    await decoding.feed(Int32Array.of(1, 1, 1, 1));
    await decoding.feed(Int32Array.of(4, 6, 2, 9)); // row 1 and row 2 go astray
    await decoding.select?.(Int32Array.of(0, 0, 3, 3));
    const found = await decoding.feed(Int32Array.of(7, 5, 8, 3));
    near(found.subarray(0, V), logits.slice(2 * V, 3 * V));
    near(found.subarray(3 * V), logits.slice(6 * V, 7 * V));
  });

  it("does not see what is only filled up, and attends to all else", async () => {
    const alone = {
      source: Tensor.from(Int32Array.of(8, 9), [1, 2]),
      lengths: Tensor.from(Int32Array.of(2), [1]),
      target: Tensor.from(target.slice(4), [1, 4]),
    };
    const logits = await noGrad(() => model.forward(alone).logSoftmax(2)).data();
    near(logits as Float32Array, (await whole()).slice(4 * V));
    const weights = (await noGrad(() => model.attention(pairs)).data()) as Float32Array; // (2, 4, 5)
    for (let row = 0; row < 8; row++) {
      const places = weights.subarray(row * 5, row * 5 + 5);
      expect(places.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      if (row >= 4) expect([...places.subarray(2)]).toEqual([0, 0, 0]);
    }
  });

  it("refuses tokens out of the vocabulary", async () => {
    expect(() => model.read(padSequences([[99]]))).toThrow(
      "token 99 at 0 is not in a vocabulary of 13",
    );
    const decoding = await model.read(sources).begin(2);
    await expect(decoding.feed(Int32Array.of(1, -1))).rejects.toThrow("token -1 at 1 is not in");
  });
});

/** A language of four words, and its translation word by word. */
function sentences(count: number, seed: number): { de: string[]; en: string[] } {
  const rng = new Rng(seed);
  const words = [
    ["Hund", "dog"],
    ["Katze", "cat"],
    ["rot", "red"],
    ["blau", "blue"],
  ] as const;
  const all = Array.from({ length: count }, () => {
    const chosen = Array.from({ length: 1 + rng.int(3) }, () => words[rng.int(4)]!);
    return {
      de: `${chosen.map(([de]) => de).join(" ")}.`,
      en: `${chosen.map(([, en]) => en).join(" ")}!`,
    };
  });
  return { de: all.map(({ de }) => de), en: all.map(({ en }) => en) };
}

describe("train translate", () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  let trained: Outcome;
  let run: string;
  beforeAll(async () => {
    place = await scratch();
    const data = join(place.folder, "data");
    await mkdir(data);
    const splits = { train: 600, val: 60, test_2016_flickr: 40 };
    for (const [i, [split, count]] of Object.entries(splits).entries()) {
      for (const [language, lines] of Object.entries(sentences(count, i))) {
        await writeFile(join(data, `tiny.${split}.${language}`), `${lines.join("\n")}\n`);
      }
    }
    const small = [
      "--width",
      "48",
      "--epochs",
      "55",
      "--batch",
      "32",
      "--pieces",
      "320",
      "--lr",
      "0.005",
    ];
    trained = await anneal(["train", "translate", "--data", "data", ...small], place.folder);
    run = join(place.folder, "runs", (await readdir(join(place.folder, "runs")))[0] ?? "");
  }, 120_000);
  afterAll(() => place.remove());

  it("learns to translate what it has not seen", async () => {
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    expect(trained.stdout).toContain(
      "de to en: 600 sentences to train, 60 to validate, 40 to test",
    );
    const { testBleu, validationPerplexity } = JSON.parse(
      await readFile(join(run, "result.json"), "utf8"),
    );
    expect(trained.stdout).toContain(`test BLEU ${testBleu.toFixed(2)} (`);
    expect(trained.stdout).toMatch(/^BLEU lower-cased \d+\.\d\d, validation perplexity \d\.\d\d$/m);
    expect(testBleu).toBeGreaterThan(90);
    expect(validationPerplexity).toBeLessThan(2);
  });

  it("translates a sentence, and draws where it looked", async () => {
    const { code, stdout } = await anneal(["translate", run, "Katze rot."], place.folder);
    expect(code).toBe(0);
    expect(stdout).toBe("cat red!\nwhere it looked: attention.svg\n");
    const picture = await readFile(join(place.folder, "attention.svg"), "utf8");
    expect(picture).toContain('<text x="16" y="24" class="title">cat red!</text>');
    expect(picture.match(/class="cell"/g)!.length).toBeGreaterThanOrEqual(12);
    const last = await anneal(
      ["translate", "Hund.", "--beams", "1", "--threads", "1"],
      place.folder,
    );
    expect(last.stdout).toContain("dog!\n");
  });

  it("refuses languages that are not there, and nothing to translate", async () => {
    const args = ["train", "translate", "--data", "data", "--from", "nl"];
    const unknown = await anneal(args, place.folder);
    expect(unknown).toMatchObject({ code: 1, stdout: "" });
    expect(unknown.stderr).toBe(
      'ArgumentError: readParallel: unknown language "nl"\n  hint: there are de, en\n',
    );
    const empty = await anneal(["translate", run, " "], place.folder);
    expect(empty.stderr).toBe(
      "ArgumentError: anneal predict translate: needs <text>: a sentence in quotes\n" +
        "  hint: anneal predict translate --help\n",
    );
  });
});
