// `anneal train digit-strings`, small: strings of tones, what is printed and left, asking the trained model;
// how strings are made and cut; and the real recordings.
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cutAtSilence } from "../../examples/digit-strings/baseline.ts";
import { batchOf, countOf, Utterances } from "../../examples/digit-strings/data.ts";
import { partsOf, type Recording, readRecordings } from "../../examples/digits-spoken/data.ts";
import { parseWav, Rng } from "../../src/data/index.ts";
import { anneal, scratch } from "../cli/run.ts";
import { tone, toneFolder } from "./sounds.ts";

/** Recordings of two speakers, as they are read from files. */
function tones(indices: readonly number[]): Recording[] {
  return indices.flatMap((index) =>
    Array.from({ length: 10 }, (_, digit) => {
      const { samples } = parseWav(tone(200 + 250 * digit + 6 * (index % 7)));
      const speaker = index % 2 ? "ann" : "bob";
      return { file: `${digit}_${speaker}_${index}.wav`, digit, speaker, index, wave: samples };
    }),
  );
}

describe("strings of digits", () => {
  const set = new Utterances(tones([0, 1]), { count: 40, seed: 3 });

  it("are the same for the same seed, epoch and number, and of one speaker each", () => {
    const [all, again] = [set.all(), set.all()];
    expect(all.map(({ digits }) => digits)).toEqual(again.map(({ digits }) => digits));
    expect(all.map(({ digits }) => digits.length)).toEqual(all.map((_, i) => countOf(i)));
    expect(new Set(all.map(({ speaker }) => speaker))).toEqual(new Set(["ann", "bob"]));
    expect(set.get(7, new Rng(3, 1, 7)).wave).not.toEqual(set.get(7, new Rng(3, 2, 7)).wave);
  });

  it("say each digit where they tell, and are noise elsewhere", () => {
    for (const { wave, spans } of set.all()) {
      const power = (from: number, to: number) =>
        wave.subarray(from, to).reduce((sum, v) => sum + v * v, 0) / (to - from);
      const before = power(0, spans[0]!.from);
      for (const { from, to } of spans) {
        expect(to - from).toBe(2000);
        expect(power(from, to)).toBeGreaterThan(5 * before);
      }
      expect(spans.at(-1)!.to).toBeLessThan(wave.length);
    }
  });

  it("come in batches of whole seconds, with labels from 1", async () => {
    const list = [0, 1, 2].map((i) => set.get(i)); // of 3, 4 and 5 digits
    const { x, y } = batchOf(list);
    const [B, N] = (x as { shape: readonly number[] }).shape as [number, number];
    expect([B, N % 8000]).toEqual([3, 0]);
    const labels = (await y.array()) as number[][];
    expect(
      labels.map((row) =>
        row
          .filter(Boolean)
          .map((l) => l - 1)
          .join(""),
      ),
    ).toEqual(list.map(({ digits }) => digits));
  });

  it("are cut at silence by the baseline, which knows tones", async () => {
    const test = new Utterances(tones([2, 3]), { count: 20, seed: 4 }).all();
    expect(await cutAtSilence(tones([0, 1]), set.all(), test)).toBeLessThan(0.3);
  });
});

describe("train digit-strings", () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  beforeAll(async () => {
    place = await scratch();
  });
  afterAll(() => place.remove());

  it("learns to write tones down, and is asked about a file", async () => {
    await toneFolder(join(place.folder, "tones"));
    const args = ["train", "digit-strings", "--data", "tones", "--epochs", "20", "--width", "32"];
    const small = ["--strings", "160", "--batch", "8", "--lr", "0.01"];
    const done = await anneal([...args, ...small], place.folder);
    expect(done.stderr).toBe("");
    expect(done.stdout).toContain("160 strings an epoch of 60 recordings");
    const [name = ""] = await readdir(join(place.folder, "runs"));
    const run = join(place.folder, "runs", name);
    const result = JSON.parse(await readFile(join(run, "result.json"), "utf8"));
    expect(result.testCharacterError).toBeLessThan(0.2);
    expect(JSON.parse(await readFile(join(run, "test-strings.json"), "utf8")).length).toBe(300);
    expect(await readFile(join(run, "report.html"), "utf8")).toContain("Heard right");

    const sounds = [1, 5, 5, 9].map((digit) => tone(200 + 250 * digit).subarray(44));
    const gap = new Uint8Array(1600);
    const data = Buffer.concat([gap, ...sounds.flatMap((sound) => [sound, gap])]);
    const header = Buffer.from(tone(200).subarray(0, 44));
    header.writeUInt32LE(data.length, 40);
    await writeFile(join(place.folder, "some.wav"), Buffer.concat([header, data]));
    const asked = await anneal(["predict", run, "some.wav"], place.folder);
    expect(asked.stderr).toBe("");
    expect(asked.stdout).toMatch(/^\d\.\d\d to \d\.\d\d s {2}\d$/m);
    expect(asked.stdout).toMatch(/some\.wav says \d*9 \(\d+\.\d %\)/);
  }, 120_000);
});

const real = join(process.env.ANNEAL_DATA ?? "../shared/data", "speech/fsdd");
it.skipIf(!existsSync(real))("FSDD has all parts (skipped where ../shared is not)", async () => {
  const { train, validation, test } = partsOf((await readRecordings(real)).recordings);
  expect([train.length, validation.length, test.length]).toEqual([2400, 300, 300]);
  const [first] = new Utterances(test, { count: 1, seed: 2 }).all();
  expect(first!.digits.length).toBe(3);
  expect(first!.speaker).toBe("george");
});
