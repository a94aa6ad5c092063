// `anneal train mri`, small: made-up heads with and without a bright spot, copies in other sizes, what is
// learned, shown and left, and bad pictures by name; the real set's copies where it is there.
import { existsSync } from "node:fs";
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { headOf, readScans } from "../../examples/mri/data.ts";
import { othersOf } from "../../examples/mri/folds.ts";
import { image, Rng, stratifiedFolds } from "../../src/data/index.ts";
import { anneal, scratch } from "../cli/run.ts";
import { png, writeTree } from "../vision/make.ts";

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

/** A grey ellipse with texture on black; a tumour is a bright spot somewhere within. */
function slice(seed: number, ill: boolean, scale = 1): Buffer {
  const rng = new Rng(seed, ill ? 1 : 0);
  const [across, down] = [20 + rng.int(7), 24 + rng.int(7)];
  const [midX, midY] = [27 + rng.int(11), 31 + rng.int(11)];
  const [spotX, spotY] = [rng.int(17) - 8, rng.int(21) - 10];
  const waves = [0, 1, 2].map(() => [rng.float() / 2, rng.float() / 2, rng.float() * 6] as const);
  const rows = Array.from({ length: 72 * scale }, (_, row) =>
    Array.from({ length: 64 * scale }, (_, col) => {
      const [x, y] = [(col + 0.5) / scale - midX, (row + 0.5) / scale - midY];
      if ((x / across) ** 2 + (y / down) ** 2 > 1) return 0;
      const texture = waves.reduce((sum, [a, b, c]) => sum + 22 * Math.sin(a * x + b * y + c), 90);
      const spot = ill && (x - spotX) ** 2 + (y - spotY) ** 2 < 40 ? 90 : 0;
      return Math.round(Math.min(255, texture + spot));
    }),
  );
  return png({ width: 64 * scale, height: 72 * scale, bits: 8, colour: 0, rows });
}

function folder(name: string, each: number, more: Record<string, Buffer | string> = {}): string {
  const files: Record<string, Buffer | string> = { ...more };
  for (let i = 0; i < each; i++) {
    files[`yes/Y${i}.png`] = slice(i, true);
    files[`no/N${i}.png`] = slice(i, false);
  }
  writeTree(join(place.folder, name), files);
  return join(place.folder, name);
}

const config = (data: string, skipBad = false) => ({ data, skipBad, download: false });

it("learns what shows a tumour, and leaves folds, figures and maps", async () => {
  // The same head twice as large is the same picture.
  folder("heads", 24, { "yes/Z.png": slice(3, true, 2) });
  const sizes = ["--folds", "3", "--size", "32", "--width", "6", "--batch", "16", "--lr", "0.01"];
  const asked = ["train", "mri", "--data", "heads", ...sizes, "--epochs", "24"];
  const done = await anneal(asked, place.folder);
  expect(done.stderr).toBe("");
  expect(done.stdout).toContain("48 slices, 24 with a tumour; 1 left out that show what another");
  const runs = join(place.folder, "runs");
  const [run = ""] = await readdir(runs);
  const read = (name: string) => readFile(join(runs, run, name), "utf8");
  const result = JSON.parse(await read("result.json"));
  expect(result.accuracy).toBeGreaterThan(0.8);
  expect(result.accuracyLow).toBeLessThan(result.accuracy);
  const { tests, twins } = JSON.parse(await read("folds.json"));
  expect(tests.flat().sort()).toHaveLength(new Set(tests.flat()).size);
  expect(twins).toEqual([{ file: "yes/Z.png", of: "yes/Y3.png" }]);
  expect(await read("report.html")).toMatch(/Surest tumours[\s\S]*What the first layer learned/);
  await writeFile(join(place.folder, "one.png"), slice(99, true));
  const said = await anneal(["predict", `runs/${run}`, "one.png"], place.folder);
  expect(said.stderr).toBe("");
  expect(said.stdout).toMatch(/one\.png: tumour \d+\.\d %/);
}, 120_000);

describe("reading", () => {
  it("names a bad picture, or leaves it out", async () => {
    const data = folder("bad", 3, { "no/broken.jpg": "no picture" });
    await expect(readScans(config(data))).rejects.toThrow(/no.broken\.jpg is no readable picture/);
    const { slices, skipped } = await readScans(config(data, true));
    expect([slices.length, skipped.length]).toEqual([6, 1]);
  });

  it("refuses one picture in both classes, other folders, and none", async () => {
    const data = folder("both", 2);
    await copyFile(join(data, "yes/Y1.png"), join(data, "no/copy.png"));
    await expect(readScans(config(data))).rejects.toThrow(
      "yes/Y1.png shows the same as no/copy.png",
    );
    writeTree(join(place.folder, "other"), { "maybe/1.png": slice(1, true) });
    const other = readScans(config(join(place.folder, "other")));
    await expect(other).rejects.toMatchObject({ name: "LoadError" });
    await expect(readScans(config(join(place.folder, "gone")))).rejects.toThrow("kaggle.com");
  });

  it("cuts a picture to the head", () => {
    const pixels = new Uint8Array(40 * 60);
    for (let y = 10; y < 30; y++) for (let x = 20; x < 50; x++) pixels[y * 60 + x] = 200;
    pixels[0] = 255; // a speck is no head
    const head = headOf(image(pixels, [40, 60, 1], "hwc"), 16);
    expect([head.shape, new Set(head.data)]).toEqual([[16, 16, 1], new Set([200])]);
  });
});

it("tests every picture once, with a share of both classes in each fold", () => {
  const labels = Array.from({ length: 53 }, (_, i) => (i % 3 === 0 ? 1 : 0));
  const tests = stratifiedFolds(labels, 5, new Rng(7));
  expect(tests.flat().sort((a, b) => a - b)).toEqual([...labels.keys()]);
  for (const test of tests) {
    const ill = test.filter((i) => labels[i] === 1).length;
    expect([3, 4]).toContain(ill);
  }
  const others = othersOf(tests, 53);
  tests.forEach((test, fold) => void expect(test.length + others[fold]!.length).toBe(53));
});

const real = join(
  process.env.ANNEAL_DATA ?? join(import.meta.dirname, "../../../shared/data"),
  "medical/brain-mri",
);

it.skipIf(!existsSync(real))(
  "has 203 slices of their own in the public set (skipped without it)",
  async () => {
    const { slices, twins } = await readScans(config(real));
    expect([slices.length, twins.length]).toEqual([203, 50]);
  },
);
