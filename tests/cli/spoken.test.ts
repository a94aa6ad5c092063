// `anneal train digits-spoken`, small: tones for digits, what is printed and left, and bad recordings.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readSpoken } from "../../examples/digits-spoken/data.ts";
import { anneal, scratch } from "./run.ts";

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

/** A tone of a quarter of a second as 16-bit WAV. */
function tone(hertz: number, rate = 8000, channels = 1): Uint8Array {
  const count = rate / 4;
  const bytes = new Uint8Array(44 + 2 * count * channels);
  const view = new DataView(bytes.buffer);
  const text = (at: number, t: string) =>
    [...t].forEach((c, i) => void (bytes[at + i] = c.charCodeAt(0)));
  text(0, "RIFF");
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * count * channels, true);
  for (let i = 0; i < count * channels; i++) {
    view.setInt16(44 + 2 * i, 8000 * Math.sin((2 * Math.PI * hertz * i) / (rate * channels)), true);
  }
  return bytes;
}

it("learns which tone is which digit, and tells it by speaker", async () => {
  const folder = join(place.folder, "tones");
  await mkdir(folder);
  for (let digit = 0; digit < 10; digit++) {
    for (let index = 0; index < 16; index++) {
      const file = `${digit}_${index % 2 ? "high" : "low"}_${index}.wav`;
      await writeFile(join(folder, file), tone(200 + 250 * digit + 6 * (index % 7)));
    }
  }
  const args = ["train", "digits-spoken", "--data", "tones", "--epochs", "8", "--width", "4"];
  const done = await anneal([...args, "--batch", "10", "--lr", "0.01"], place.folder);
  expect(done.stderr).toBe("");
  expect(done.stdout).toContain("60 recordings to train, 50 to validate, 50 to test");
  expect(done.stdout).toMatch(/high \d+\.\d %, low \d+\.\d %/);
  const [run = ""] = await readdir(join(place.folder, "runs"));
  const result = JSON.parse(await readFile(join(place.folder, "runs", run, "result.json"), "utf8"));
  expect(result.testAccuracy).toBeGreaterThan(0.9);
  expect(result.baselineAccuracy).toBeGreaterThan(0.9);
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
});
