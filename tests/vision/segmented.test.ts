// Pictures with label maps of the same names: what is read, and what bad files get.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LoadError } from "../../src/util/errors.ts";
import { readSegmented } from "../../src/vision/segmented.ts";
import { png, writeTree } from "./make.ts";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "anneal-segmented-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const grey = (rows: readonly (readonly number[])[]) =>
  png({ width: rows[0]!.length, height: rows.length, bits: 8, colour: 0, rows });

/** A folder of pictures and one of maps. */
function pairs(name: string, files: Parameters<typeof writeTree>[1]) {
  writeTree(join(root, name), files);
  return [join(root, name, "images"), join(root, name, "labels")] as const;
}

const picture = grey([
  [10, 20, 30],
  [40, 50, 60],
]);
const map = grey([
  [0, 1, 1],
  [2, 2, 11],
]);

describe("readSegmented", () => {
  it("reads pictures in colours, with their maps", async () => {
    const words = png({ width: 1, height: 1, bits: 16, colour: 0, rows: [[2, 1]] });
    const folders = pairs("good", {
      "images/b.png": grey([[7]]),
      "labels/b.png": words,
      "images/a.png": picture,
      "labels/a.png": map,
      "images/notes.txt": "no picture",
    });
    const { items, bad } = await readSegmented(...folders);
    expect(bad).toEqual([]);
    expect(items.map(({ name }) => name)).toEqual(["a.png", "b.png"]);
    const [a, b] = items;
    expect(a!.image.shape).toEqual([2, 3, 3]);
    expect([...a!.image.data.slice(0, 6)]).toEqual([10, 10, 10, 20, 20, 20]);
    expect([...a!.mask.data]).toEqual([0, 1, 1, 2, 2, 11]);
    expect(a!.mask.shape).toEqual([2, 3]);
    expect([...b!.mask.data]).toEqual([513]);
    expect((await readSegmented(...folders, { limit: 1 })).items).toHaveLength(1);
  });

  it("names what does not fit, or leaves it out and lists it", async () => {
    const folders = pairs("bad", {
      "images/a.png": picture,
      "labels/a.png": map,
      "images/b.png": picture,
      "labels/b.png": grey([[0, 1, 1]]),
      "images/c.png": picture,
      "images/d.png": "no picture at all",
      "labels/d.png": map,
    });
    const read = (options = {}) => readSegmented(...folders, options);
    await expect(read()).rejects.toThrow(LoadError);
    await expect(read()).rejects.toThrow(
      "b.png has 3 × 1 pixels (width × height), its picture has 3 × 2",
    );
    await expect(read({ classes: 11 })).rejects.toThrow(
      "a.png has the number 11 at row 1, column 2, not 0 to 10",
    );
    const { items, bad } = await read({ classes: 11, ignore: 11, skipBad: true });
    expect(items.map(({ name }) => name)).toEqual(["a.png"]);
    expect(bad.map(({ file }) => file.split("/").at(-1))).toEqual(["b.png", "c.png", "d.png"]);
    expect(bad[1]!.reason).toMatch(/^has no label map c\.png in /);
  });

  it("refuses folders that are not there or empty", async () => {
    const [images, labels] = pairs("empty", { "images/read.me": "", "labels/a.png": map });
    await expect(readSegmented(images, labels)).rejects.toThrow("has no picture");
    await expect(readSegmented(join(root, "no"), labels)).rejects.toThrow("is not there");
  });
});
