// `anneal train digits-spoken`, small: tones for digits, what is printed and left, and bad recordings.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readRecordings, readSpoken } from "../../examples/digits-spoken/data.ts";
import { tone, toneFolder } from "../examples/sounds.ts";
import { anneal, scratch } from "./run.ts";

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

it("learns which tone is which digit, and tells it by speaker", async () => {
  await toneFolder(join(place.folder, "tones"));
  const args = ["train", "digits-spoken", "--data", "tones", "--epochs", "8", "--width", "4"];
  const done = await anneal([...args, "--batch", "10", "--lr", "0.01"], place.folder);
  expect(done.stderr).toBe("");
  expect(done.stdout).toContain("60 recordings to train, 50 to validate, 50 to test");
  expect(done.stdout).toMatch(/high \d+\.\d %, low \d+\.\d %/);
  const [run = ""] = await readdir(join(place.folder, "runs"));
  const result = JSON.parse(await readFile(join(place.folder, "runs", run, "result.json"), "utf8"));
  expect(result.testAccuracy).toBeGreaterThan(0.9);
  expect(result.baselineAccuracy).toBeGreaterThan(0.9);

  await writeFile(join(place.folder, "fast.wav"), tone(1200, 16000));
  const three = await anneal(["predict", "digits-spoken", "tones/3_low_0.wav"], place.folder);
  expect(three.stderr).toBe("");
  expect(three.stdout).toContain("tones/3_low_0.wav says 3 (");
  const other = await anneal(["predict", "digits-spoken", "fast.wav"], place.folder);
  expect(other.stderr).toBe(
    "LoadError: fast.wav has 1 channels at 16000 Hz, not one at 8000\n" +
      "  hint: predict with --resample, or convert it first\n",
  );
  const asked = ["predict", "digits-spoken", "fast.wav", "--resample"];
  expect((await anneal(asked, place.folder)).stdout).toContain("fast.wav says 4 (");
}, 60_000);

it("refuses another rate, several channels, broken files and empty folders by name", async () => {
  const folder = join(place.folder, "bad");
  await mkdir(folder);
  await expect(readSpoken(folder)).rejects.toThrow("has no recording");
  const write = (bytes: Uint8Array) => writeFile(join(folder, "3_ann_0.wav"), bytes);
  await write(tone(300, 16000));
  await expect(readSpoken(folder)).rejects.toThrow("3_ann_0.wav has 1 channels at 16000 Hz");
  await write(tone(300, 8000, 2));
  await expect(readSpoken(folder)).rejects.toThrow("3_ann_0.wav has 2 channels at 8000 Hz");
  await write(tone(300).subarray(0, 100));
  await expect(readSpoken(folder)).rejects.toThrow("3_ann_0.wav ends after 56 of 4000 bytes");
  await write(tone(300));
  await expect(readSpoken(folder)).rejects.toThrow("lacks recordings");
  await expect(readSpoken(join(folder, "no"))).rejects.toThrow("cannot be read");
  for (const index of [5, 10]) await writeFile(join(folder, `3_ann_${index}.wav`), tone(300));
  await writeFile(join(folder, "4_ann_1.wav"), tone(300, 16000));
  await expect(readRecordings(folder)).rejects.toThrow("4_ann_1.wav has 1 channels at 16000 Hz");
  const { recordings, skipped } = await readRecordings(folder, { skipBad: true });
  expect(recordings.map(({ index }) => index)).toEqual([0, 10, 5]);
  expect(skipped).toEqual([
    { file: join(folder, "4_ann_1.wav"), reason: "has 1 channels at 16000 Hz, not one at 8000" },
  ]);
});
