// CIFAR-10 as `anneal train cifar10` uses it: the official binary files, or pictures in a folder or
// tar archive for each class; decoded archives are kept in the cache in the official form. Not here:
// what is done to the pictures in training (../cifar10.ts).

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { LoadError } from "anneal";
import { Rng } from "anneal/data";
import { cacheFolder, writeFileAtomic } from "anneal/io";
import { type Published, publishedAt, type Rows, type Skipped } from "anneal/recipe";
import { type CifarPictures, ImageFolder, parseCifar, readCifar } from "anneal/vision";

export const side = 32;
const pixels = 3 * side * side;

export const classes = [
  ...["airplane", "automobile", "bird", "cat", "deer"],
  ...["dog", "frog", "horse", "ship", "truck"],
] as const;

/** Pictures (3, 32, 32), channels first, and their classes. */
export type Pictures = CifarPictures;

export interface Cifar10 {
  readonly train: Pictures;
  readonly validation: Pictures;
  readonly test: Pictures;
  /** What was read, in words. */
  readonly source: string;
  /** The pictures of the training set that validate. */
  readonly split: readonly number[];
  /** Files that were left out. */
  readonly bad: readonly Skipped[];
}

export interface Wanted {
  /** Only so many training pictures, and a fifth as many to test. */
  readonly limit?: number | null;
  readonly skipBad?: boolean;
}

export const published: Published = {
  name: "CIFAR-10",
  place: "images/cifar10",
  files: [
    {
      from: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
      sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
      inside: "cifar-10-batches-bin",
    },
  ],
};

/** One picture in ten validates, whatever the run's seed. */
const [splitSeed, validationPart] = [10, 0.1];

/**
 * Reads the set from a folder: the official binary files, or train and test as folders or tar archives of
 * CLASS/NAME.jpg. Throws LoadError that names the file, before anything is trained.
 */
export async function readCifar10(
  root: string,
  { limit = null, skipBad = false }: Wanted = {},
): Promise<Cifar10> {
  const { whole, test, source, bad } = await readParts(root, skipBad);
  const order = new Rng(splitSeed).permutation(whole.count);
  const used = order.subarray(0, limit ?? whole.count);
  const count = Math.max(1, Math.round(used.length * validationPart));
  const split = used.subarray(0, count);
  const tested = new Rng(splitSeed, 1).permutation(test.count);
  return {
    train: pick(whole, used.subarray(count)),
    validation: pick(whole, split),
    test: limit === null ? test : pick(test, tested.subarray(0, Math.ceil(limit / 5))),
    ...{ source, bad, split: [...split] },
  };
}

async function readParts(root: string, skipBad: boolean) {
  const binary = [root, join(root, "cifar-10-batches-bin")].find((folder) => {
    return existsSync(join(folder, "data_batch_1.bin"));
  });
  if (binary !== undefined) {
    const { train, test } = await readCifar(binary);
    return { whole: train, test, source: "CIFAR-10 (binary)", bad: [] };
  }
  const parts = await Promise.all(
    ["train", "test"].map(async (name) => {
      const found = [`${name}.tar`, name].map((file) => join(root, file)).find(existsSync);
      if (found === undefined) {
        const hint = publishedAt(published);
        throw new LoadError(join(root, name), "is not there", { hint });
      }
      return { found, ...(await kept(found, () => decoded(found, skipBad))) };
    }),
  );
  const [whole, test] = parts.map(({ records, found }) => parseCifar(records, { file: found }));
  const bad = parts.flatMap((part) => part.bad);
  return { whole: whole!, test: test!, source: "CIFAR-10 (pictures in files)", bad };
}

interface Decoded {
  /** A byte for the class and 3 × 32 × 32 for the picture, one after the other. */
  readonly records: Uint8Array;
  readonly bad: readonly Skipped[];
}

async function decoded(root: string, skipBad: boolean): Promise<Decoded> {
  const folder = await ImageFolder.open(root, { classes });
  const { items, bad } = await folder.read({ skipBad });
  const records = new Uint8Array(items.length * (1 + pixels));
  const left: Skipped[] = [...bad];
  let at = 0;
  for (const { image, label, name } of items) {
    const [height, width] = image.shape; // (H, W, 3)
    if (height !== side || width !== side) {
      const error = new LoadError(join(root, name), `is ${width}×${height}, not ${side}×${side}`);
      if (!skipBad) throw error;
      left.push({ file: error.file, reason: error.detail });
      continue;
    }
    records[at] = label;
    for (let p = 0; p < side * side; p++) {
      for (let c = 0; c < 3; c++) records[at + 1 + c * side * side + p] = image.data[p * 3 + c]!;
    }
    at += 1 + pixels;
  }
  return { records: records.subarray(0, at), bad: left };
}

/** What `make` decodes of an archive, once: the cache knows the archive by path, size and time. */
async function kept(file: string, make: () => Promise<Decoded>): Promise<Decoded> {
  const { size, mtimeMs } = await stat(file);
  if (!file.endsWith(".tar")) return make();
  const key = createHash("sha256")
    .update(`${resolve(file)} ${size} ${mtimeMs}`)
    .digest("hex");
  const cached = join(await cacheFolder(), `cifar10-${key.slice(0, 16)}.bin`);
  if (existsSync(cached)) return { records: await readFile(cached), bad: [] };
  const fresh = await make();
  if (fresh.bad.length > 0) return fresh;
  await mkdir(dirname(cached), { recursive: true });
  await writeFileAtomic(cached, fresh.records);
  return fresh;
}

function pick({ images, labels }: Pictures, indices: Uint32Array): Pictures {
  const chosen = new Uint8Array(indices.length * pixels);
  indices.forEach((index, i) => {
    chosen.set(images.subarray(index * pixels, (index + 1) * pixels), i * pixels);
  });
  return {
    images: chosen,
    labels: Uint8Array.from(indices, (i) => labels[i]!),
    count: indices.length,
  };
}

/** Picture i with channels last, for the report. */
export function pixelsOf({ images }: Pictures, i: number): Uint8Array {
  const area = side * side;
  return Uint8Array.from({ length: pixels }, (_, at) => {
    return images[i * pixels + (at % 3) * area + Math.floor(at / 3)]!;
  });
}

/** The pictures as rows of numbers. */
export function rowsOf({ images, labels, count }: Pictures): Rows {
  const row = (_: unknown, i: number) => images.subarray(i * pixels, (i + 1) * pixels);
  return { rows: Array.from({ length: count }, row), labels };
}
