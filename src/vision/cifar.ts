// CIFAR-10 and CIFAR-100 in their binary form (Krizhevsky, 2009): records of a label, or a coarse and a
// fine one, and 3 × 32 × 32 bytes, channels first. Not here: the same pictures as files (folder.ts).
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { linesOf, readText } from "../io/index.ts";
import { LoadError } from "../util/errors.ts";
import { bytesOf } from "./decode.ts";

/** Pictures and their labels: picture i is `images.subarray(i * 3072, (i + 1) * 3072)`, (3, 32, 32). */
export interface CifarPictures {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly count: number;
}

export interface Cifar {
  readonly train: CifarPictures;
  readonly test: CifarPictures;
  readonly classes: readonly string[];
}

const PIXELS = 3 * 32 * 32;

interface Kind {
  readonly train: readonly string[];
  readonly test: string;
  readonly names: string;
  readonly classes: number;
  /** Bytes before the pixels, of which the last is the label. */
  readonly labels: number;
}

const kinds: Readonly<Record<10 | 100, Kind>> = {
  10: {
    train: [1, 2, 3, 4, 5].map((part) => `data_batch_${part}.bin`),
    test: "test_batch.bin",
    names: "batches.meta.txt",
    classes: 10,
    labels: 1,
  },
  100: {
    train: ["train.bin"],
    test: "test.bin",
    names: "fine_label_names.txt",
    classes: 100,
    labels: 2,
  },
};

/**
 * The pictures of a folder with the files of cifar-10-binary.tar.gz, or with `classes: 100` those of
 * cifar-100-binary.tar.gz. Throws LoadError that names the file, and the byte of a label out of range.
 *
 * @example
 * const { train, test, classes } = await readCifar("cifar-10-batches-bin");
 */
export async function readCifar(
  root: string,
  { classes = 10 }: { classes?: 10 | 100 } = {},
): Promise<Cifar> {
  const kind = kinds[classes];
  const there = await readdir(root).catch((cause: NodeJS.ErrnoException) => {
    throw new LoadError(root, "is not there", { cause, hint: hintOf(classes) });
  });
  const missing = [...kind.train, kind.test, kind.names].filter((name) => !there.includes(name));
  if (missing.length > 0) {
    const lines = missing.map((name) => `missing     ${name}`);
    throw new LoadError(root, `is no CIFAR-${classes}`, { lines, hint: hintOf(classes) });
  }
  const names = linesOf(await readText(join(root, kind.names))).filter((name) => name !== "");
  if (names.length !== classes) {
    throw new LoadError(join(root, kind.names), `has ${names.length} names, not ${classes}`);
  }
  const read = async (name: string) => {
    return parseCifar(await bytesOf(join(root, name)), { ...kind, file: join(root, name) });
  };
  const train = joined(await Promise.all(kind.train.map(read)));
  return { train, test: await read(kind.test), classes: names };
}

function hintOf(classes: number): string {
  return `unpack https://www.cs.toronto.edu/~kriz/cifar-${classes}-binary.tar.gz there`;
}

/**
 * The pictures of one file. Of several bytes of labels the last counts. Throws LoadError for a file that is
 * cut off, and names the byte of a label out of range.
 */
export function parseCifar(
  bytes: Uint8Array,
  { file = "CIFAR data", classes = 10, labels: before = 1 } = {},
): CifarPictures {
  const record = before + PIXELS;
  const count = bytes.length / record;
  if (!Number.isInteger(count) || count === 0) {
    throw new LoadError(file, `has ${bytes.length} bytes, no multiple of a record's ${record}`);
  }
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const byte = i * record + before - 1;
    if (bytes[byte] >= classes) {
      const what = `has the label ${bytes[byte]}, not 0 to ${classes - 1} (byte ${byte})`;
      throw new LoadError(file, what, { byte });
    }
    labels[i] = bytes[byte];
    images.set(bytes.subarray(byte + 1, byte + 1 + PIXELS), i * PIXELS);
  }
  return { images, labels, count };
}

function joined(parts: readonly CifarPictures[]): CifarPictures {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    images.set(part.images, at * PIXELS);
    labels.set(part.labels, at);
    at += part.count;
  }
  return { images, labels, count };
}
