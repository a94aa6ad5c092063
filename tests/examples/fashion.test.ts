// `anneal train fashion`, small: stripes for clothes, what is printed and left, bad files; and a few of
// the real pictures where Debian's package or the shared folder has them.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFashion } from "../../examples/fashion/data.ts";
import { anneal, scratch } from "../cli/run.ts";

const real = "/usr/share/datasets/fashion-mnist";

let place: Awaited<ReturnType<typeof scratch>>;
beforeAll(async () => {
  place = await scratch();
});
afterAll(() => place.remove());

/** IDX of bytes. */
function idx(shape: readonly number[], values: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, 8, shape.length]);
  shape.forEach((size, axis) => void view.setUint32(4 + 4 * axis, size));
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

/** Pictures of class k have a bright band of rows at 2 k; mirrored or moved they keep it. */
async function madeUp(folder: string, sizes: { train: number; t10k: number }, side = 28) {
  await mkdir(folder);
  for (const [part, count] of Object.entries(sizes)) {
    const labels = Uint8Array.from({ length: count }, (_, i) => (7 * i) % 10);
    const images = new Uint8Array(count * side * side).map((_, at) => {
      const [i, row] = [Math.floor(at / side / side), Math.floor(at / side) % side];
      const noise = (at * 2654435761) % 60;
      return Math.abs(row - 3 - 2.5 * (labels[i] ?? 0)) < 2 ? 190 + noise : noise;
    });
    await writeFile(join(folder, `${part}-labels-idx1-ubyte`), idx([count], labels));
    await writeFile(join(folder, `${part}-images-idx3-ubyte`), idx([count, side, side], images));
  }
}

describe("fashion", () => {
  it("learns made-up pictures, and leaves figures, split and a report", async () => {
    await madeUp(join(place.folder, "bands"), { train: 480, t10k: 100 });
    const args = ["train", "fashion", "--data", "bands", "--epochs", "4", "--width", "4"];
    const done = await anneal([...args, "--batch", "16", "--lr", "0.01"], place.folder);
    expect(done.stderr).toBe("");
    expect(done.stdout).toContain("bands: 440 to train, 40 to validate, 100 to test");
    expect(done.stdout).toMatch(/test accuracy {2}\d\.\d{4} +\d\.\d{4} \(nearest mean picture\)/);
    const [name = ""] = await readdir(join(place.folder, "runs"));
    const read = (file: string) => readFile(join(place.folder, "runs", name, file), "utf8");
    const result = JSON.parse(await read("result.json"));
    expect(result.testAccuracy).toBeGreaterThan(0.8); // guessing gives 0.1
    expect(result.baselineAccuracy).toBeGreaterThan(0.9);
    const { validation } = JSON.parse(await read("split.json")) as { validation: number[] };
    expect(validation).toHaveLength(40);
    expect(validation).toEqual([...new Set(validation)].sort((a, b) => a - b));
    const report = await read("report.html");
    for (const title of [
      "Figures",
      "Confusion matrix",
      "Surest and right",
      "What the first layer learned",
    ]) {
      expect(report).toContain(`<h2>${title}</h2>`);
    }
    expect(report).not.toMatch(/https?:\/\//);
  }, 60_000);

  it("keeps the validation pictures out of the training", async () => {
    const data = join(place.folder, "few");
    await madeUp(data, { train: 36, t10k: 12 });
    const { train, validation, trainImages, validationIndices } = await readFashion({
      ...{ data, limit: null, batch: 5, seed: 4 },
    });
    expect([train.length, validation.length]).toEqual([7, 1]);
    expect(trainImages.images).toHaveLength(33);
    expect(validationIndices).toHaveLength(3);
    const starts = trainImages.images.map(({ data: pixels }) => (pixels.byteOffset - 16) / 784);
    expect([...starts, ...validationIndices].sort((a, b) => a - b)).toEqual([...Array(36).keys()]);
  });

  it("says what to get where nothing is, and names files that are not as they should be", async () => {
    const read = (data: string) => readFashion({ data, limit: null, batch: 5, seed: 1 });
    await expect(read(join(place.folder, "no"))).rejects.toMatchObject({
      name: "LoadError",
      message: expect.stringContaining("is not there"),
      hint: expect.stringMatching(/apt-get install dataset-fashion-mnist.*amazonaws/),
    });
    const wide = join(place.folder, "wide");
    await madeUp(wide, { train: 12, t10k: 12 }, 20);
    await expect(read(wide)).rejects.toThrow("pictures are 28×28, not 20×20");
    const bad = join(place.folder, "bad");
    await madeUp(bad, { train: 12, t10k: 12 });
    await writeFile(join(bad, "t10k-labels-idx1-ubyte"), idx([12], new Uint8Array(12).fill(11)));
    await expect(read(bad)).rejects.toThrow("t10k-labels-idx1-ubyte has the label 11");
  });

  it.skipIf(!existsSync(real))(
    "beats the nearest mean on a few real pictures (needs Debian's dataset-fashion-mnist)",
    async () => {
      const out = ["--limit", "3000", "--out", "real", "--data", real];
      const args = ["train", "fashion", "--epochs", "3", "--width", "8", ...out];
      const done = await anneal(args, place.folder);
      expect(done.stderr).toBe("");
      const [name = ""] = await readdir(join(place.folder, "real"));
      const text = await readFile(join(place.folder, "real", name, "result.json"), "utf8");
      const { testAccuracy, baselineAccuracy } = JSON.parse(text);
      expect(baselineAccuracy).toBeGreaterThan(0.6);
      expect(testAccuracy).toBeGreaterThan(baselineAccuracy);
    },
    60_000,
  );
});
