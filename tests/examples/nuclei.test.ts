// `anneal train nuclei`, small: bright discs for nuclei, what is learned and left, and bad files; and what the
// recipe's parts do with scores that are known.
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readNuclei } from "../../examples/nuclei/data.ts";
import { nucleiOf, pixelIou, simpleNuclei } from "../../examples/nuclei/instances.ts";
import { Rng } from "../../src/util/rng.ts";
import { anneal, scratch } from "../cli/run.ts";
import { png, writeTree } from "../vision/make.ts";
import { digits, map } from "../vision/maps.ts";

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

const side = 96;

/** Bright discs on dark ground, and the number of the disc at each pixel, 16 bits each. */
function discs(seed: number) {
  const rng = new Rng(seed);
  const centres = Array.from({ length: 5 }, () => [rng.int(side), rng.int(side), 8 + rng.int(6)]);
  const at = (y: number, x: number) =>
    1 + centres.findLastIndex(([cy, cx, r]) => (y - cy!) ** 2 + (x - cx!) ** 2 < r! ** 2);
  const rows = (pixel: (y: number, x: number) => number[]) =>
    Array.from({ length: side }, (_, y) =>
      Array.from({ length: side }, (_, x) => pixel(y, x)).flat(),
    );
  const size = { width: side, height: side };
  const bright = (y: number, x: number) => [(at(y, x) > 0 ? 150 : 20) + rng.int(40)];
  return {
    picture: png({ ...size, bits: 8, colour: 0, rows: rows(bright) }),
    labels: png({ ...size, bits: 16, colour: 0, rows: rows((y, x) => [0, at(y, x)]) }),
  };
}

function writeDiscs(folder: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const { picture, labels } = discs(i);
    writeTree(folder, { [`images/${i}.png`]: picture, [`labels/${i}.png`]: labels });
  }
}

it("learns to outline discs, and asks about a picture", async () => {
  const folder = join(place.folder, "discs");
  writeDiscs(folder, 20);
  writeTree(folder, { "images/broken.png": "no picture", "labels/broken.png": "none" });
  const args = ["train", "nuclei", "--data", "discs", "--epochs", "14", "--width", "4"];
  const stopped = await anneal(args, place.folder);
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toContain("broken.png");
  const done = await anneal([...args, "--batch", "4", "--lr", "0.02", "--skip-bad"], place.folder);
  expect(done.stderr).toBe("");
  expect(done.stdout).toContain("14 pictures to train, 2 to validate, 4 to test");
  expect(done.stdout).toContain("broken.png");
  const [name = ""] = await readdir(join(place.folder, "runs"));
  const run = join(place.folder, "runs", name);
  const result = JSON.parse(await readFile(join(run, "result.json"), "utf8"));
  expect(result.pixelIou).toBeGreaterThan(0.8);
  expect(result.instanceF1).toBeGreaterThan(0.4);
  expect(result.baselinePixelIou).toBeGreaterThan(0.9);
  const split = JSON.parse(await readFile(join(run, "split.json"), "utf8"));
  expect(new Set(Object.values(split).flat()).size).toBe(20);
  expect(await readFile(join(run, "report.html"), "utf8")).toContain("as a biologist drew them");
  const asked = await anneal(["predict", run, "discs/images/3.png"], place.folder);
  expect(asked.stderr).toBe("");
  expect(asked.stdout).toMatch(/\d+ nuclei, half of them larger than \d+ pixels/);
  expect(existsSync(join(place.folder, "3.nuclei.html"))).toBe(true);
}, 120_000);

it("reads the bowl's own folders, a mask for each nucleus", async () => {
  const folder = join(place.folder, "bowl");
  const grey = (rows: number[][]) =>
    png({ width: rows[0]!.length, height: rows.length, bits: 8, colour: 0, rows });
  writeTree(folder, {
    "a/images/a.png": grey([
      [9, 9, 200],
      [9, 200, 9],
    ]),
    "a/masks/1.png": grey([
      [0, 0, 255],
      [0, 0, 0],
    ]),
    "a/masks/2.png": grey([
      [0, 0, 0],
      [0, 255, 0],
    ]),
  });
  const { train, validation, test } = await readNuclei(folder, { seed: 1 });
  const [picture] = [...train, ...validation, ...test];
  expect([...picture!.mask.data]).toEqual([0, 0, 1, 0, 2, 0]);
  expect(picture).toMatchObject({ name: "a/images/a.png", dark: 9, bright: 200 });
  writeTree(folder, { "a/masks/3.png": grey([[255]]) });
  await expect(readNuclei(folder, { seed: 1 })).rejects.toThrow(
    "3.png has 1 × 1 pixels (width × height), its picture has 3 × 2",
  );
  writeTree(folder, { "b/images/b.png": grey([[1]]) });
  const { bad } = await readNuclei(folder, { seed: 1, skipBad: true });
  expect(bad.map(({ reason }) => reason)).toEqual([
    "has 1 × 1 pixels (width × height), its picture has 3 × 2",
    "has no nuclei in b/masks/",
  ]);
});

describe("nucleiOf", () => {
  /** Probabilities (3, H, W) of a picture where b is background, i inside, e boundary. */
  const scores = (rows: readonly string[]) => {
    const classes = [...rows.join("")].map((name) => "bie".indexOf(name));
    const plane = (wanted: number) => classes.map((found) => (found === wanted ? 0.8 : 0.1));
    return Float32Array.from([...plane(0), ...plane(1), ...plane(2)]);
  };

  it("parts two that touch, and drops specks", () => {
    const rows = [
      "bbbbbbbbbbbb",
      "beeeeeeeeeeb",
      "beiieeeiiieb",
      "beiieeeiiieb",
      "beeeeeeeeeeb",
      "bbbbbbbbbbbe",
    ];
    expect(digits(nucleiOf(scores(rows), 6, 12))).toEqual([
      "000000000000",
      "011111222220",
      "011111222220",
      "011111222220",
      "011111222220",
      "000000000000",
    ]);
  });

  it("keeps what is all boundary as a nucleus", () => {
    const small = ["bbbbbb", "beeeeb", "beeeeb", "beeeeb", "bbbbbb"];
    expect(digits(nucleiOf(scores(small), 5, 6)).slice(1, 4)).toEqual(Array(3).fill("011110"));
  });
});

describe("simpleNuclei", () => {
  it("takes the rarer side for nuclei, bright or dark", () => {
    const mask = map(["00000000", "01111000", "01111000", "01111000", "00000000", "00000000"]);
    const picture = (ink: number, paper: number) => ({
      ...{ name: "a", dark: 0, bright: 255, mask },
      image: {
        data: Uint8Array.from([...mask.data].flatMap((on) => Array(3).fill(on ? ink : paper))),
        shape: [6, 8, 3] as [number, number, number],
        layout: "hwc" as const,
      },
    });
    for (const both of [picture(200, 10), picture(10, 200)]) {
      expect(digits(simpleNuclei(both))).toEqual(digits(mask));
    }
  });
});

it("counts pixels of nuclei over all pictures and in each", () => {
  const [none, half, full] = [map(["0000"]), map(["1100"]), map(["2222"])];
  expect(pixelIou([half, none], [full, none])).toEqual({ all: 0.5, each: [0.5, 1], mean: 0.75 });
  expect(pixelIou([none], [half]).all).toBe(0);
});

const nuclei = resolve(import.meta.dirname, "../../../shared/data/medical/nuclei");

it.skipIf(!existsSync(nuclei))("reads the bowl's own pictures (skipped without them)", async () => {
  const { train, validation, test, bad } = await readNuclei(nuclei, { seed: 1, limit: 40 });
  expect([bad.length, train.length + validation.length + test.length]).toEqual([0, 40]);
  expect(test.length).toBeGreaterThan(5);
  const found = test.map(simpleNuclei);
  const there = test.map(({ mask }) => mask);
  expect(pixelIou(found, there).all).toBeGreaterThan(0.5);
});
