// `anneal train signs`, small: made-up signs in folders, what is printed and left, bad folders; and the
// real pictures cut by track where the shared folder is.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { PNG } from "pngjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readSigns } from "../../examples/signs/data.ts";
import { anneal, scratch } from "../cli/run.ts";

const real = resolve(import.meta.dirname, "../../../shared/data/driving/signs");
const small = { download: false, splitSeed: 1, skipBad: false };

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

/** 43 classes, each a square at a place of its own, lighter than its ground, in five tracks of two. */
async function madeUp(root: string, classes = 43): Promise<void> {
  for (let kind = 0; kind < classes; kind++) {
    const folder = join(root, String(kind).padStart(2, "0"));
    await mkdir(folder, { recursive: true });
    for (let i = 0; i < 10; i++) {
      const [top, left] = [4 * Math.floor(kind / 7), 4 * (kind % 7)];
      const png = new PNG({ width: 32, height: 32 });
      for (let at = 0; at < 1024; at++) {
        const [y, x] = [at >> 5, at & 31];
        const inside = y >= top && y < top + 8 && x >= left && x < left + 8;
        png.data.fill((inside ? 120 : 30) + 5 * i, 4 * at, 4 * at + 3);
        png.data[4 * at + 3] = 255;
      }
      const file = `${String(i >> 1).padStart(5, "0")}_${String(i & 1).padStart(5, "0")}.png`;
      await writeFile(join(folder, file), PNG.sync.write(png));
    }
  }
}

it("learns made-up signs, leaves split and report, and is asked about a picture", async () => {
  await madeUp(join(place.folder, "squares"));
  const args = ["train", "signs", "--data", "squares", "--epochs", "12", "--width", "8"];
  const done = await anneal([...args, "--batch", "16", "--lr", "0.01"], place.folder);
  expect(done.stderr).toBe("");
  expect(done.stdout).toMatch(/squares: \d+ \(129 tracks\) to train, .*\(43 tracks\) to test/);
  const [name = ""] = await readdir(join(place.folder, "runs"));
  const run = join(place.folder, "runs", name);
  const result = JSON.parse(await readFile(join(run, "result.json"), "utf8"));
  expect(result.testAccuracy).toBeGreaterThan(0.2); // guessing gives 0.023
  const split = JSON.parse(await readFile(join(run, "split.json"), "utf8"));
  expect(split.test).toHaveLength(43);
  expect(split.test.filter((track: string) => split.validation.includes(track))).toEqual([]);
  const asked = await anneal(["predict", run, "squares/40/00000_00000.png"], place.folder);
  expect(asked.stderr).toBe("");
  expect(asked.stdout).toMatch(/00000_00000\.png shows: [a-z0-9 ]+ \(\d+\.\d %\), says /);
}, 100_000);

it("refuses other classes, names without a track and broken pictures, or leaves these out", async () => {
  const root = join(place.folder, "other");
  await madeUp(root, 42);
  await expect(readSigns({ ...small, data: root })).rejects.toThrow("has 42 classes, not 43");
  await madeUp(root);
  const broken = join(root, "07", "00001_00000.png");
  await writeFile(broken, "no picture");
  await expect(readSigns({ ...small, data: root })).rejects.toThrow(
    "00001_00000.png is no readable",
  );
  const { bad } = await readSigns({ ...small, skipBad: true, data: root });
  expect(bad).toMatchObject([{ file: expect.stringContaining("07/00001_00000.png") }]);
  await rm(broken);
  await writeFile(join(root, "07", "mine.png"), await readFile(join(root, "07/00000_00000.png")));
  await expect(readSigns({ ...small, data: root })).rejects.toThrow(
    "07/mine.png is not named CLASS/TRACK_FRAME",
  );
  const nowhere = readSigns({ ...small, data: join(root, "no") });
  await expect(nowhere).rejects.toMatchObject({
    hint: expect.stringContaining("benchmark.ini.rub"),
  });
}, 60_000);

it.skipIf(!existsSync(real))(
  "cuts the real signs by track (needs the shared data folder)",
  async () => {
    const { train, validation, test, bad } = await readSigns({ ...small, data: real });
    expect(bad).toEqual([]);
    const parts = [train, validation, test];
    expect(parts.map(({ tracks }) => tracks.length)).toEqual([619, 96, 173]);
    expect(new Set(parts.flatMap(({ tracks }) => tracks)).size).toBe(888);
    for (const { labels } of parts) expect(new Set(labels).size).toBe(43);
  },
  60_000,
);
