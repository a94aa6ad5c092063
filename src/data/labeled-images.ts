// Pictures in memory with a class each, as a network takes them: the whole way from pixels to a batch
// for a picture classifier. Not here: reading files (anneal/vision), or MNIST's digits, which take a
// quicker way (digits.ts).
import { ArgumentError } from "../util/errors.ts";
import { Rng } from "../util/rng.ts";
import type { NdArray } from "./collate.ts";
import type { Dataset } from "./dataset.ts";
import { type ImageArray, toLayout } from "./image.ts";
import type { Transform } from "./scene.ts";
import { toFloat } from "./transforms.ts";

/** One picture, or a batch of them: x float32 ([N,] C, H, W), y int32 ([N]). */
export interface ImageSample {
  x: NdArray;
  y: NdArray;
}

/**
 * Images and the number of each one's class. Each image goes through the transform (by the sample's
 * own random stream of the epoch), becomes float32, and is laid channels first. Throws ArgumentError
 * for other numbers of images and labels.
 *
 * @example
 * const prepare = compose(randomHorizontalFlip(), toFloat(), normalize(0.5, 0.25));
 * const train = new LabeledImages(images, labels, prepare);
 * const loader = new DataLoader(train, { batchSize: 64, shuffle: true, seed: 1 });
 */
export class LabeledImages implements Dataset<ImageSample> {
  readonly images: readonly ImageArray[];
  readonly labels: ArrayLike<number>;
  private readonly transform: Transform;

  constructor(
    images: readonly ImageArray[],
    labels: ArrayLike<number>,
    transform: Transform = toFloat(),
  ) {
    if (images.length !== labels.length) {
      const what = `${images.length} images with ${labels.length} labels`;
      throw new ArgumentError("LabeledImages", what);
    }
    this.images = images;
    this.labels = labels;
    this.transform = transform;
  }

  get length(): number {
    return this.images.length;
  }

  /** Outside of a loader the random stream is that of the index alone. */
  get(index: number, rng: Rng = new Rng(0, 0, index)): ImageSample {
    const image = this.images[index];
    if (image === undefined) {
      const what = `index ${index} is not in ${this.length} images`;
      throw new ArgumentError("LabeledImages.get", what);
    }
    const { data, shape } = toLayout(toFloat()(this.transform(image, rng), rng), "chw");
    return { x: { data, shape }, y: { data: Int32Array.of(this.labels[index]), shape: [] } };
  }
}
