// Fashion-MNIST as `anneal train fashion` uses it: 55,000 pictures to train on, 5,000 of the same
// 60,000 to choose by, and the 10,000 of the test, which only see the end.
// Not here: reading IDX files (anneal/data).

import { existsSync } from "node:fs";
import { LoadError } from "anneal";
import {
  compose,
  DataLoader,
  type Digits,
  type ImageArray,
  type ImageSample,
  image,
  LabeledImages,
  mnist,
  normalize,
  randomCrop,
  randomHorizontalFlip,
  randomSplit,
  resizeTo,
  Subset,
  toFloat,
} from "anneal/data";
import { inDataFolder, UsageError } from "anneal/recipe";

/** The classes as their authors number them. */
export const classes = [
  ..."T-shirt/top Trouser Pullover Dress Coat".split(" "),
  ..."Sandal Shirt Sneaker Bag".split(" "),
  "Ankle boot",
];

/** Where the authors publish the four files, and the SHA-256 of what they are. */
const published = {
  url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
  checksum: {
    "train-images-idx3-ubyte.gz":
      "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz":
      "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
  },
};

/** Where Debian's package dataset-fashion-mnist puts them. */
const packaged = "/usr/share/datasets/fashion-mnist";

/** Mean and deviation of the 60,000 training pictures' pixels, and how many of them validate. */
const [mean, std] = [0.286, 0.353];
const validationPart = 1 / 12;

export interface Fashion {
  readonly source: string;
  readonly train: DataLoader<ImageSample>;
  readonly validation: DataLoader<ImageSample>;
  readonly test: DataLoader<ImageSample>;
  /** The pictures that are trained on and tested, as pixels. */
  readonly trainImages: Pictures;
  readonly testImages: Pictures;
  /** Which of the training pictures validate, in rising order. */
  readonly validationIndices: readonly number[];
}

export interface Pictures {
  readonly images: readonly ImageArray[];
  readonly labels: Uint8Array;
}

export interface FashionConfig {
  readonly data: string | null;
  readonly limit: number | null;
  readonly batch: number;
  readonly seed: number;
}

/** Reads the pictures and cuts them into batches. Throws LoadError for a file that is not as it should be. */
export async function readFashion(config: FashionConfig): Promise<Fashion> {
  const { batch, seed, limit } = config;
  const { files, source } = await readFiles(config.data);
  const [whole, testImages] = [picturesOf(files.train, limit), picturesOf(files.test, limit)];
  const varied = compose(randomHorizontalFlip(), randomCrop(28, { padding: 2 }), plain);
  const count = whole.images.length;
  const held = Math.max(1, Math.round(count * validationPart));
  if (held >= count) throw new UsageError("--limit", "leaves no pictures to train on");
  const parts = randomSplit(new LabeledImages(whole.images, whole.labels), [count - held, held], {
    seed,
  });
  const [forTraining, forValidation] = parts.map(({ indices }) => [...indices]);
  const { images, labels } = whole;
  const trained = new Subset(new LabeledImages(images, labels, varied), forTraining!);
  const validated = new Subset(new LabeledImages(images, labels, plain), forValidation!);
  const tested = new LabeledImages(testImages.images, testImages.labels, plain);
  return {
    source,
    train: new DataLoader<ImageSample>(trained, { batchSize: batch, shuffle: true, seed }),
    validation: new DataLoader<ImageSample>(validated, { batchSize: 250 }),
    test: new DataLoader<ImageSample>(tested, { batchSize: 250 }),
    trainImages: {
      images: forTraining!.map((i) => images[i]!),
      labels: Uint8Array.from(forTraining!, (i) => labels[i]!),
    },
    testImages,
    validationIndices: forValidation!.sort((a, b) => a - b),
  };
}

/** Pixels as the network takes them. */
export const plain = compose(toFloat(), normalize(mean, std));

/** A grey picture made like those of the set: 28×28, the piece bright on black. */
export function likeTheirs(picture: ImageArray): ImageArray {
  const small = resizeTo(picture, 28, 28);
  const at = (i: number) => small.data[i]!;
  const edge = Array.from({ length: 28 }, (_, i) => at(i) + at(28 * 27 + i) + at(28 * i)); // 3 sides
  const isLight = edge.reduce((sum, three) => sum + three / 3, 0) / 28 > 127;
  return isLight ? { ...small, data: small.data.map((value) => 255 - value) } : small;
}

/** From the folder that is named, else ANNEAL_DATA, else Debian's package, else the authors. */
async function readFiles(data: string | null) {
  const folder = data ?? inDataFolder("images/fashion-mnist") ?? packaged;
  const hint = `apt-get install dataset-fashion-mnist, or the four .gz files of ${published.url}`;
  if (existsSync(folder)) return { files: await mnist({ root: folder }), source: folder };
  if (data !== null) throw new LoadError(data, "is not there", { hint });
  return { files: await mnist(published), source: published.url };
}

function picturesOf({ images, labels, count, rows, cols }: Digits, limit: number | null): Pictures {
  const used = Math.min(limit ?? count, count);
  const size = rows * cols;
  if (rows !== 28 || cols !== 28) {
    throw new LoadError("Fashion-MNIST", `pictures are 28×28, not ${rows}×${cols}`);
  }
  const pictures = Array.from({ length: used }, (_, i) => {
    return image(images.subarray(i * size, (i + 1) * size), [rows, cols]);
  });
  return { images: pictures, labels: labels.subarray(0, used) };
}
