// `anneal train road`, small: a sky, a road and cars between them, what is learned and left; and bad files.
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { countsOf, readRoad, usualClasses } from "../../examples/road/data.ts";
import { scoresOf } from "../../examples/road/scores.ts";
import { Rng } from "../../src/util/rng.ts";
import { anneal, scratch } from "../cli/run.ts";
import { png, writeTree } from "../vision/make.ts";

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

const [height, width] = [48, 64];
const [sky, road, car] = [0, 3, 8];
const greys = new Map([
  [sky, 220],
  [road, 70],
  [car, 140],
]);

/** Sky above, road below, a car somewhere on it; noise over all. */
function scene(seed: number) {
  const rng = new Rng(seed);
  const [top, left] = [16 + rng.int(14), rng.int(width - 16)];
  const classAt = (y: number, x: number) => {
    const isCar = y >= top && y < top + 12 && x >= left && x < left + 16;
    return isCar ? car : y < 20 ? sky : road;
  };
  const rows = (pixel: (y: number, x: number) => number) =>
    Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel(y, x)));
  const shape = { width, height, bits: 8, colour: 0 };
  return {
    picture: png({ ...shape, rows: rows((y, x) => greys.get(classAt(y, x))! + rng.int(30)) }),
    labels: png({ ...shape, rows: rows((y, x) => (x === 0 ? 11 : classAt(y, x))) }),
  };
}

function writeScenes(folder: string, counts: Readonly<Record<string, number>>): void {
  for (const [part, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) {
      const { picture, labels } = scene(1000 * part.length + i);
      writeTree(folder, { [`${part}/${i}.png`]: picture, [`${part}annot/${i}.png`]: labels });
    }
  }
}

it("learns sky, road and cars, and asks about a picture", async () => {
  writeScenes(join(place.folder, "scenes"), { train: 16, val: 2, test: 4 });
  const args = ["train", "road", "--data", "scenes", "--epochs", "15", "--width", "8"];
  const done = await anneal([...args, "--batch", "4", "--lr", "0.02"], place.folder);
  expect(done.stderr).toBe("");
  expect(done.stdout).toContain("16 pictures to train, 2 to validate, 4 to test");
  const [name = ""] = await readdir(join(place.folder, "runs"));
  const run = join(place.folder, "runs", name);
  const result = JSON.parse(await readFile(join(run, "result.json"), "utf8"));
  expect(result.accuracy).toBeGreaterThan(0.9);
  expect(result["iou.car"]).toBeGreaterThan(0.6);
  expect(result.baselineMeanIou).toBeLessThan(result.meanIou);
  expect(await readFile(join(run, "report.html"), "utf8")).toContain("what is there");
  const asked = await anneal(["predict", run, "scenes/test/0.png"], place.folder);
  expect(asked.stderr).toBe("");
  expect(asked.stdout).toMatch(/road \d+\.\d %/);
  expect(existsSync(join(place.folder, "0.road.html"))).toBe(true);
}, 120_000);

it("refuses classes that are none, and pictures of several sizes", async () => {
  const folder = join(place.folder, "bad");
  writeScenes(folder, { train: 1, val: 1, test: 1 });
  const one = (value: number) => png({ width: 1, height: 1, bits: 8, colour: 0, rows: [[value]] });
  writeTree(folder, { "val/0.png": one(1), "valannot/0.png": one(1) });
  await expect(readRoad(folder, {})).rejects.toThrow(
    "0.png is [1,1], the first picture to train on [48,64]",
  );
  writeTree(folder, { "valannot/0.png": one(12) });
  await expect(readRoad(folder, {})).rejects.toThrow(
    "0.png has the number 12 at row 0, column 0, not 0 to 10 or 11",
  );
  await expect(readRoad(join(folder, "no"), {})).rejects.toThrow("is not there");
  const gone = await anneal(["train", "road", "--data", "nowhere"], place.folder);
  expect(gone.stderr).toContain("CamVid is published at https://github.com/alexgkendall/");
});

it("gives classes that are nowhere 0", () => {
  const matrix = [
    [6, 2, 0],
    [1, 1, 0],
    [0, 0, 0],
  ];
  const { iou, accuracy, mean } = scoresOf(matrix);
  expect(iou.map((value) => Number(value.toFixed(6)))).toEqual([0.666667, 0.25, 0]);
  expect(accuracy).toBe(0.7);
  expect(mean).toBeCloseTo((2 / 3 + 0.25) / 3, 12);
});

const camvid = resolve(import.meta.dirname, "../../../shared/data/driving/camvid");

it.skipIf(!existsSync(camvid))("reads CamVid's own pictures (skipped without them)", async () => {
  const { train, validation, test, bad } = await readRoad(camvid, { limit: 6 });
  expect([train.length, validation.length, test.length, bad.length]).toEqual([6, 6, 6, 0]);
  const counts = countsOf(train);
  expect(counts.every((count) => count >= 0 && count < 6 * 180 * 240)).toBe(true);
  expect(counts[road]).toBeGreaterThan(10 * counts[2]!); // poles are few
  const usual = usualClasses(train);
  expect(usual[120]).toBe(sky);
  expect(usual.filter((label) => label === road).length).toBeGreaterThan(0.1 * usual.length);
});
