// Transforms of pixels for datasets: functions from image (or scene) and random stream to the same,
// in torchvision's names and meanings. They never change what they are given. The loader hands each
// sample its own stream, so that an augmentation depends on seed, epoch and sample alone. What moves
// pixels to other places is geometric.ts, what changes colours at random color.ts.
import { ArgumentError } from "../util/errors.ts";
import { blank, geometry } from "./image.ts";
import { onPixels, type SceneTransform, type Transform } from "./scene.ts";

/**
 * Several transforms, one after the other; scenes pass when each of them takes scenes.
 *
 * @example
 * const augment = compose(randomCrop(28, { padding: 2 }), toFloat(), normalize(0.1307, 0.3081));
 * const data = new MapDataset(digits, ({ x, y }, rng) => ({ x: augment(x, rng), y }));
 */
export function compose(...transforms: readonly SceneTransform[]): SceneTransform;
export function compose(...transforms: readonly Transform[]): Transform;
export function compose(...transforms: readonly Transform[]): Transform {
  return (image, rng) => transforms.reduce((current, transform) => transform(current, rng), image);
}

/** Pixels of 0 to 255 as float32 of 0 to 1; float32 stays as it is. */
export function toFloat(): SceneTransform {
  return onPixels((image) => {
    if (image.data instanceof Float32Array) return image;
    const data = new Float32Array(image.data.length);
    for (let i = 0; i < data.length; i++) data[i] = image.data[i] / 255;
    return { ...image, data };
  });
}

/** (pixel - mean) / std in float32, with one mean and std for all channels or one for each. */
export function normalize(
  mean: number | readonly number[],
  std: number | readonly number[],
): SceneTransform {
  const [means, stds] = [[mean].flat(), [std].flat()] as [number[], number[]];
  if (stds.some((value) => !(value > 0)) || means.some((value) => !Number.isFinite(value))) {
    throw new ArgumentError("normalize", `std must be above 0, got mean [${means}], std [${stds}]`);
  }
  return onPixels((image) => {
    const { height, width, channels, rowStep, colStep, channelStep } = geometry(image);
    const [m, s] = [perChannel("mean", means, channels), perChannel("std", stds, channels)];
    const data = new Float32Array(image.data.length);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const at = c * channelStep + y * rowStep + x * colStep;
          data[at] = (image.data[at] - m[c]) / s[c];
        }
      }
    }
    return { ...image, data };
  });
}

/** How much red, green and blue count in the brightness of a colour (ITU-R 601). */
export const LUMA = [0.299, 0.587, 0.114] as const;

/** The brightness of a colour image (ITU-R 601), in one channel or, repeated, in three. */
export function grayscale({ channels = 1 }: { channels?: 1 | 3 } = {}): SceneTransform {
  return onPixels((image) => {
    const from = geometry(image);
    if (from.channels !== 3 && from.channels !== 1) {
      throw new ArgumentError("grayscale", `the image has ${from.channels} channels, not 1 or 3`);
    }
    const weights = from.channels === 3 ? LUMA : [1];
    const result = blank(image, from.height, from.width, channels);
    const to = geometry(result);
    const round = result.data instanceof Uint8Array;
    for (let y = 0; y < from.height; y++) {
      for (let x = 0; x < from.width; x++) {
        const at = y * from.rowStep + x * from.colStep;
        let value = 0;
        weights.forEach((weight, c) => {
          value += weight * image.data[at + c * from.channelStep];
        });
        const target = y * to.rowStep + x * to.colStep;
        for (let c = 0; c < channels; c++) {
          result.data[target + c * to.channelStep] = round ? Math.round(value) : value;
        }
      }
    }
    return result;
  });
}

function perChannel(what: string, values: readonly number[], channels: number): readonly number[] {
  if (values.length === channels) return values;
  if (values.length === 1) return new Array<number>(channels).fill(values[0]);
  const text = `${what} has ${values.length} values for an image of ${channels} channels`;
  throw new ArgumentError("normalize", text);
}
