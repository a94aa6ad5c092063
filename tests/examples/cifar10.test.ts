// `anneal train cifar10`, small: made-up pictures in tar archives, what is learned and left, the cache,
// and bad pictures by name; a little of the real set where it is there.
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { classes, readCifar10, rowsOf } from "../../examples/cifar10/data.ts";
import { LoadError } from "../../src/index.ts";
import { nearestMean } from "../../src/recipe/index.ts";
import { Rng } from "../../src/util/rng.ts";
import { anneal, scratch } from "../cli/run.ts";
import { png, tar, writeTree } from "../vision/make.ts";

let place: Awaited<ReturnType<typeof scratch>>;
const before = process.env.ANNEAL_CACHE;
beforeAll(async () => {
  place = await scratch();
  process.env.ANNEAL_CACHE = join(place.folder, "cache");
});
afterAll(async () => {
  if (before === undefined) delete process.env.ANNEAL_CACHE;
  else process.env.ANNEAL_CACHE = before;
  await place.remove();
});

/** Stripes of the class's own direction and width in any colours, with noise: no mean tells them. */
function picture(label: number, rng: Rng, side = 32): Buffer {
  const [ink, paper] = rng.float() < 0.5 ? [210, 60] : [60, 210];
  const shift = rng.int(8);
  const rows = Array.from({ length: side }, (_, y) =>
    Array.from({ length: side }, (_, x) => {
      const along = label % 2 === 0 ? x : y;
      const on = ((along + shift) >> (1 + (label >> 1) / 2)) & 1;
      return [0, 1, 2].map(() => (on ? ink : paper) + rng.int(40) - 20);
    }).flat(),
  );
  return png({ width: side, height: side, bits: 8, colour: 2, rows });
}

function archive(each: number, seed: number): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (let label = 0; label < classes.length; label++) {
    for (let i = 0; i < each; i++) {
      const rng = new Rng(seed, label, i);
      files[`${classes[label]}/${String(i).padStart(4, "0")}.png`] = picture(label, rng);
    }
  }
  return files;
}

const folder = (name: string) => join(place.folder, name);

it("learns what a mean cannot tell, and leaves split, figures and pictures", async () => {
  await mkdir(folder("stripes"));
  await writeFile(join(folder("stripes"), "train.tar"), tar(archive(22, 1)));
  await writeFile(join(folder("stripes"), "test.tar"), tar(archive(6, 2)));
  const sizes = ["--width", "4", "--blocks", "1", "--batch", "10", "--epochs", "14", "--lr", "0.1"];
  const done = await anneal(["train", "cifar10", "--data", "stripes", ...sizes], place.folder);
  expect(done.stderr).toBe("");
  expect(done.stdout).toContain("198 to train, 22 to validate, 60 to test");
  const runs = join(place.folder, "runs");
  const [run = ""] = await readdir(runs);
  const read = (name: string) => readFile(join(runs, run, name), "utf8");
  const result = JSON.parse(await read("result.json"));
  expect(result.testAccuracy).toBeGreaterThan(result.baselineAccuracy + 0.2);
  expect(JSON.parse(await read("split.json")).validation).toHaveLength(22);
  expect(await read("report.html")).toMatch(/surest mistakes[\s\S]*What the first layer learned/);
  await writeFile(join(place.folder, "one.png"), picture(3, new Rng(9), 40));
  const said = await anneal(["predict", `runs/${run}`, "one.png"], place.folder);
  expect(said.stderr).toBe("");
  expect(said.stdout).toMatch(/one\.png shows: \w+ \(\d+\.\d %\)/);
}, 120_000);

describe("reading", () => {
  it("decodes an archive once, and again when it has changed", async () => {
    await mkdir(folder("twice"));
    const write = (name: string, seed: number) =>
      writeFile(join(folder("twice"), name), tar(archive(1, seed)));
    await Promise.all([write("train.tar", 3), write("test.tar", 4)]);
    const cached = () => readdir(folder("cache")).catch(() => []);
    const had = (await cached()).length;
    const first = await readCifar10(folder("twice"));
    expect(await cached()).toHaveLength(had + 2);
    expect(await readCifar10(folder("twice"))).toEqual(first);
    await write("test.tar", 5);
    const other = await readCifar10(folder("twice"));
    expect(other.train).toEqual(first.train);
    expect(other.test.images).not.toEqual(first.test.images);
    expect(first.train.count + first.validation.count).toBe(10);
  });

  it("takes the official binary files, and so many of them as are asked for", async () => {
    const record = (label: number, value: number) => [label, ...new Array(3072).fill(value)];
    const batch = Uint8Array.from([0, 1, 2, 3].flatMap((i) => record(i % 2, 100 * (i % 2))));
    const names = [1, 2, 3, 4, 5].map((part) => `data_batch_${part}.bin`);
    const files = Object.fromEntries([...names, "test_batch.bin"].map((name) => [name, batch]));
    writeTree(join(folder("official"), "cifar-10-batches-bin"), {
      ...files,
      "batches.meta.txt": classes.join("\n"),
    });
    const all = await readCifar10(folder("official"));
    expect([all.train.count, all.validation.count, all.test.count]).toEqual([18, 2, 4]);
    expect(nearestMean(rowsOf(all.train), rowsOf(all.test))).toBe(1);
    const few = await readCifar10(folder("official"), { limit: 10 });
    expect([few.train.count, few.validation.count, few.test.count]).toEqual([9, 1, 2]);
  });

  it("names what is wrong, or leaves it out and counts it", async () => {
    const bad = {
      "frog/0000.png": Buffer.from("no picture"),
      "cat/9999.png": picture(1, new Rng(0), 31),
    };
    writeTree(join(folder("bad"), "train"), {
      ...archive(1, 6),
      "frog/0000.png": bad["frog/0000.png"],
    });
    writeTree(join(folder("bad"), "test"), archive(1, 7));
    const read = (skipBad = false) => readCifar10(folder("bad"), { skipBad });
    await expect(read()).rejects.toThrow(LoadError);
    await expect(read()).rejects.toThrow(/frog\/0000\.png is no readable picture/);
    const rest = await read(true);
    expect(rest.bad).toMatchObject([{ file: expect.stringMatching(/frog\/0000\.png$/) }]);
    expect(rest.train.count + rest.validation.count).toBe(9);
    writeTree(join(folder("bad"), "train"), { "cat/9999.png": bad["cat/9999.png"] });
    await expect(read(true)).resolves.toMatchObject({
      bad: [expect.anything(), { reason: "is 31×31, not 32×32" }],
    });
    await expect(readCifar10(folder("none"))).rejects.toThrow(
      /none.train is not there\n {2}hint: .*cifar-10-binary\.tar\.gz/,
    );
  });
});

const real = join(import.meta.dirname, "../../../shared/data/images/cifar10");
it.skipIf(!existsSync(join(real, "test.tar")))(
  "knows the real pictures (skipped where ../shared/data/images/cifar10 is not there)",
  async () => {
    const { ImageFolder } = await import("../../src/vision/index.ts");
    const test = await ImageFolder.open(join(real, "test.tar"), { classes });
    expect([test.length, ...new Set(test.counts)]).toEqual([10_000, 1000]);
    expect((await test.get(9999)).image.shape).toEqual([32, 32, 3]);
  },
);
