// The recipe `cells`: what boxes become on the grid and back, a whole run on made-up photographs of coloured
// discs, what bad annotations get, and the real photographs where they are.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fitColours } from "../../examples/cells/baseline.ts";
import { classes, height, readCells, width } from "../../examples/cells/data.ts";
import { detectionLoss, detectionsOf, peaksOf, targetOf } from "../../examples/cells/detector.ts";
import { nn, Tensor } from "../../src/index.ts";
import { boxIou, meanAveragePrecision } from "../../src/metrics/index.ts";
import { Rng } from "../../src/util/rng.ts";
import { anneal, scratch } from "../cli/run.ts";

type Box = readonly [number, number, number, number];

/** What a network that has learned a target by heart says: sure of peaks, and the sides' logarithms. */
function saidOf(target: { data: ArrayLike<number>; shape: readonly number[] }): Tensor {
  const [planes, rows, cols] = target.shape as [number, number, number];
  const area = rows * cols;
  const said = Float32Array.from({ length: (planes - 1) * area }, (_, i) => {
    const value = target.data[i]!;
    return i < (planes - 5) * area ? (value === 1 ? 8 : 8 * value - 8) : Math.log(value);
  });
  return Tensor.from(said, [1, planes - 1, rows, cols]);
}

describe("the grid", () => {
  const boxes: Box[] = [
    [20, 30, 72, 81],
    [60, 40, 115, 90],
    [150, 100, 260, 190],
    [200, 50, 219, 70],
    [0, 200, 40, 240],
    [300, 0, 320, 22],
  ];
  const labels = [0, 0, 1, 2, 0, 2];
  const target = targetOf({ boxes, labels }, 3, height, width);

  it("gives back the boxes that it was made of", async () => {
    const [found] = await detectionsOf(peaksOf(saidOf(target)), { threshold: 0.5 });
    expect(found!.boxes).toHaveLength(boxes.length);
    boxes.forEach((box, i) => {
      const best = found!.boxes.findIndex((other) => boxIou(box, other) > 0.99);
      expect(best).toBeGreaterThanOrEqual(0);
      expect(found!.labels[best]).toBe(labels[i]);
    });
    expect(meanAveragePrecision([found!], [{ boxes, labels }]).map).toBeCloseTo(1, 6);
  });

  it("has one peak a box, and sides that count 1 a box", () => {
    const area = (height / 8) * (width / 8);
    const heat = Array.from(target.data.subarray(0, 3 * area));
    expect(heat.filter((value) => value === 1)).toHaveLength(boxes.length);
    const weights = Array.from(target.data.subarray(7 * area));
    expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(boxes.length, 5);
    expect(Math.min(...target.data.subarray(3 * area, 7 * area))).toBeGreaterThan(0);
  });

  it("costs little what is right, and more what is moved or missed", async () => {
    const y = Tensor.from(target.data as Float32Array, [1, ...target.shape]);
    const loss = async (x: Tensor) => Number(await detectionLoss(x, y).item());
    const right = await loss(saidOf(target));
    const moved = boxes.map((b): Box => [b[0] + 6, b[1], b[2] + 6, b[3]]);
    const other = await loss(saidOf(targetOf({ boxes: moved, labels }, 3, height, width)));
    const nothing = await loss(saidOf(targetOf({ boxes: [], labels: [] }, 3, height, width)));
    expect(right).toBeLessThan(0.02);
    expect(other).toBeGreaterThan(right + 0.5);
    expect(nothing).toBeGreaterThan(other);
    expect(Number.isFinite(nothing)).toBe(true);
  });

  it("suppresses a second box of a class over the same object, of another class not", async () => {
    const pair: Box[] = [boxes[0]!, [30, 34, 80, 84]];
    const near = targetOf({ boxes: pair, labels: [0, 0] }, 3, height, width);
    const count = async (said: Tensor) => (await detectionsOf(peaksOf(said)))[0]!.boxes.length;
    expect(boxIou(pair[0]!, pair[1]!)).toBeGreaterThan(0.5);
    expect(await count(saidOf(near))).toBe(1);
    expect(await count(saidOf(targetOf({ boxes: pair, labels: [0, 1] }, 3, height, width)))).toBe(
      2,
    );
  });
});

const looks = [
  { color: [205, 150, 145], least: 22, most: 26 },
  { color: [120, 90, 200], least: 42, most: 52 },
  { color: [150, 140, 215], least: 9, most: 11 },
] as const;

/** Discs of three colours on a noisy ground, which hardly lie over each other, as a JPEG and its annotation. */
async function writeScene(folder: string, name: string, rng: Rng, faults = ""): Promise<void> {
  const [rows, cols] = [height, width];
  const pixels = Uint8Array.from({ length: rows * cols * 3 }, () => 195 + rng.int(12));
  const objects: { name: string; box: Box }[] = [];
  for (let tries = 0; tries < 60 && objects.length < 7; tries++) {
    const kind = objects.length === 0 ? 1 : 2 * rng.int(2);
    const { color, least, most } = looks[kind]!;
    const radius = Math.round(rng.uniform(least, most));
    const [x, y] = [radius + rng.int(cols - 2 * radius), radius + rng.int(rows - 2 * radius)];
    const box: Box = [x - radius, y - radius, x + radius, y + radius];
    if (objects.some(({ box: other }) => boxIou(box, other) > 0.02)) continue;
    objects.push({ name: classes[kind]!, box });
    for (let row = box[1]; row < box[3]; row++) {
      for (let col = box[0]; col < box[2]; col++) {
        if (Math.hypot(col + 0.5 - x, row + 0.5 - y) > radius) continue;
        for (let c = 0; c < 3; c++) pixels[3 * (row * cols + col) + c] = color[c]! + rng.int(10);
      }
    }
  }
  const raw = { width: cols, height: rows, channels: 3 } as const;
  await sharp(pixels, { raw })
    .jpeg({ quality: 95 })
    .toFile(join(folder, "JPEGImages", `${name}.jpg`));
  const xml = objects.map((o) => objectOf(o.name, o.box)).join("");
  await writeFile(join(folder, "Annotations", `${name}.xml`), annotation(xml + faults));
}

const objectOf = (name: string, [left, top, right, bottom]: Box) =>
  `<object><name>${name}</name><bndbox><xmin>${left}</xmin><ymin>${top}</ymin>\
<xmax>${right}</xmax><ymax>${bottom}</ymax></bndbox></object>\n`;

const annotation = (objects: string, wide: number = width, high: number = height) =>
  `<annotation><size><width>${wide}</width><height>${high}</height></size>\n${objects}</annotation>\n`;

async function writeSet(
  folder: string,
  counts: Record<string, number>,
  faults = "",
): Promise<string> {
  for (const part of ["Annotations", "JPEGImages", "ImageSets/Main"]) {
    await mkdir(join(folder, part), { recursive: true });
  }
  let next = 0;
  for (const [part, count] of Object.entries(counts)) {
    const names = Array.from({ length: count }, () => `blood_${next++}`);
    for (const [i, name] of names.entries()) {
      await writeScene(folder, name, new Rng(5, next, i), name === "blood_0" ? faults : "");
    }
    await writeFile(join(folder, "ImageSets/Main", `${part}.txt`), `${names.join("\n")}\n`);
  }
  return folder;
}

describe("a run", () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  beforeAll(async () => {
    place = await scratch();
  });
  afterAll(() => place.remove());

  it("finds discs by their colours and sizes, draws them, and judges itself the same again", async () => {
    const data = await writeSet(join(place.folder, "discs"), { train: 24, val: 4, test: 6 });
    const args = ["train", "cells", "--data", data, "--epochs", "10", "--batch", "4"];
    const done = await anneal([...args, "--width", "6", "--lr", "0.006"], place.folder);
    expect(done.stderr).toBe("");
    expect(done.stdout).toContain("24 photographs to train, 4 to validate, 6 to test");
    const [run = ""] = await readdir(join(place.folder, "runs"));
    const file = (name: string) => readFile(join(place.folder, "runs", run, name), "utf8");
    const result = JSON.parse(await file("result.json"));
    expect(result.testMap50).toBeGreaterThan(0.9);
    expect(result.picturesPerSecond).toBeGreaterThan(5);
    expect(JSON.parse(await file("split.json")).test).toHaveLength(6);
    const page = await file("report.html");
    for (const text of ["Fewest mistakes", "Most mistakes", "Precision and recall", "YOLOv8n"]) {
      expect(page).toContain(text);
    }
    const again = await anneal(["evaluate", join("runs", run)], place.folder);
    expect(again.stdout).toContain(`test mAP@0.5 ${result.testMap50.toFixed(4)}`);
    const picture = join(data, "JPEGImages", "blood_30.jpg");
    const asked = await anneal(["predict", "cells", picture], place.folder);
    expect(asked.stderr).toBe("");
    expect(asked.stdout).toMatch(/WBC +\d+\.\d %/);
    const svg = await readFile(join(place.folder, "cells.svg"), "utf8");
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 320 240"/);
    const boxes = /shows (\d+) boxes/.exec(asked.stdout)![1];
    expect(svg.match(/class="halo"/g)).toHaveLength(Number(boxes));
  }, 120_000);

  it("stops at a box that cannot be, or leaves it out and counts it", async () => {
    const empty = objectOf("RBC", [50, 60, 50, 60]);
    const outside = objectOf("RBC", [300, 60, 400, 90]);
    const odd = objectOf("XBC", [10, 10, 20, 20]);
    const counts = { train: 2, val: 1, test: 1 };
    const folder = await writeSet(join(place.folder, "bad"), counts, empty + outside + odd);
    const said = await readCells(folder).catch(String);
    expect(said).toMatch(
      /blood_0\.xml has a box that cannot be: \[50,60,50,60\] is empty \(line \d+\)/,
    );
    expect(said).toContain("hint: --skip-bad leaves");
    const { train, bad } = await readCells(folder, { skipBad: true });
    expect(train).toHaveLength(2);
    expect(bad.map(({ reason }) => reason.replace(/ \(line.*/, ""))).toEqual([
      "has a box that cannot be: [50,60,50,60] is empty",
      "has a box that cannot be: [300,60,400,90] lies outside of its picture of 320 × 240",
      'has the class "XBC"',
    ]);
    await writeFile(join(folder, "JPEGImages", "blood_1.jpg"), "no picture");
    const broken = await readCells(folder, { skipBad: true });
    expect(broken.train).toHaveLength(1);
    expect(broken.bad.at(-1)?.file).toContain("blood_1.jpg");
    await writeFile(join(folder, "Annotations", "blood_0.xml"), annotation("", 640, 480));
    await expect(readCells(folder)).rejects.toThrow(
      /blood_0\.jpg is 320 × 240, but 640 × 480 in its annotation/,
    );
  });

  it("says what to fetch where a folder is none of BCCD", async () => {
    await expect(readCells(place.folder)).rejects.toThrow("has no Annotations");
    await expect(readCells(place.folder)).rejects.toThrow("github.com/Shenggan/BCCD_Dataset");
  });
});

const real = join(process.env.ANNEAL_DATA ?? "../shared/data", "detection/bccd");

describe("the photographs of BCCD", () => {
  it.skipIf(!existsSync(real))(
    "are read, and white cells are found by their colour (skipped where ../shared/data has no bccd)",
    async () => {
      const { train, validation, bad } = await readCells(real, { limit: 20, skipBad: true });
      expect(train).toHaveLength(20);
      expect(bad).toEqual([]);
      const found = validation.map(fitColours(train));
      const { perClass } = meanAveragePrecision(found, validation, { iouThresholds: [0.5] });
      expect(perClass.get(classes.indexOf("WBC"))).toBeGreaterThan(0.8);
      const said = Tensor.from(new Float32Array(7 * 30 * 40), [1, 7, 30, 40]);
      const { data, shape } = targetOf(train[0]!, 3, height, width);
      const y = Tensor.from(data as Float32Array, [1, ...shape]);
      expect(Number.isFinite(Number(await detectionLoss(said, y).item()))).toBe(true);
    },
    60_000,
  );
});

it("has a network whose grid is an eighth of the picture", async () => {
  const { CellNet } = await import("../../examples/cells/model.ts");
  const { total } = nn.summary(new CellNet(3, 4), [3, height, width]);
  expect(total).toBeGreaterThan(10_000);
  const said = new CellNet(3, 4)
    .eval()
    .forward(Tensor.from(new Uint8Array(3 * 64 * 96), [1, 3, 64, 96]));
  expect(said.shape).toEqual([1, 7, 8, 12]);
});
