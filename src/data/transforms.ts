// Image transforms for datasets: functions from image and random stream to image, in torchvision's
// names and meanings. They never change the image they are given. The loader hands each sample its
// own stream, so that an augmentation depends on seed, epoch and sample alone.
import { ArgumentError } from "../util/errors.ts";
import type { Rng } from "../util/rng.ts";
import {
  affine,
  blank,
  crop,
  flipHorizontal,
  geometry,
  type ImageArray,
  resizeTo,
} from "./image.ts";

/** One step of preparing an image. */
export type Transform = (image: ImageArray, rng: Rng) => ImageArray;

/** A height and a width, or one number for both. */
export type Size = number | readonly [number, number];

/**
 * Several transforms, one after the other.
 *
 * @example
 * const augment = compose(randomCrop(28, { padding: 2 }), toFloat(), normalize(0.1307, 0.3081));
 * const data = new MapDataset(digits, ({ x, y }, rng) => ({ x: augment(x, rng), y }));
 */
export function compose(...transforms: readonly Transform[]): Transform {
  return (image, rng) => transforms.reduce((current, transform) => transform(current, rng), image);
}

/** Pixels of 0 to 255 as float32 of 0 to 1; float32 stays as it is. */
export function toFloat(): Transform {
  return (image) => {
    if (image.data instanceof Float32Array) return image;
    return { ...image, data: Float32Array.from(image.data, (pixel) => pixel / 255) };
  };
}

/** (pixel - mean) / std in float32, with one mean and std for all channels or one for each. */
export function normalize(
  mean: number | readonly number[],
  std: number | readonly number[],
): Transform {
  const [means, stds] = [[mean].flat(), [std].flat()] as [number[], number[]];
  if (stds.some((value) => !(value > 0)) || means.some((value) => !Number.isFinite(value))) {
    throw new ArgumentError("normalize", `std must be above 0, got mean [${means}], std [${stds}]`);
  }
  return (image) => {
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
  };
}

/** The middle of the image; where the image is smaller, `fill` around it. */
export function centerCrop(size: Size, { fill = 0 }: { fill?: number } = {}): Transform {
  const [height, width] = sizes("centerCrop", size);
  return (image) => {
    const { height: h, width: w } = geometry(image);
    const [top, left] = [Math.floor((h - height) / 2), Math.floor((w - width) / 2)];
    return crop(image, { top, left, height, width, fill });
  };
}

/** A window at a random place, after `padding` pixels of `fill` were added on every side. */
export function randomCrop(
  size: Size,
  { padding = 0, fill = 0 }: { padding?: number; fill?: number } = {},
): Transform {
  const [height, width] = sizes("randomCrop", size);
  if (!Number.isSafeInteger(padding) || padding < 0) {
    throw new ArgumentError("randomCrop", `padding must be an integer from 0, got ${padding}`);
  }
  return (image, rng) => {
    const { height: h, width: w } = geometry(image);
    const [spareY, spareX] = [h + 2 * padding - height, w + 2 * padding - width];
    if (spareY < 0 || spareX < 0) {
      const what = `[${height}, ${width}] does not fit into [${h}, ${w}] with padding ${padding}`;
      throw new ArgumentError("randomCrop", what, { hint: "pass more padding, or resize before" });
    }
    const top = rng.int(spareY + 1) - padding;
    const left = rng.int(spareX + 1) - padding;
    return crop(image, { top, left, height, width, fill });
  };
}

/** The image mirrored with probability `p`. */
export function randomHorizontalFlip(p = 0.5): Transform {
  if (!(p >= 0 && p <= 1)) {
    throw new ArgumentError("randomHorizontalFlip", `p must be from 0 to 1, got ${p}`);
  }
  return (image, rng) => (rng.float() < p ? flipHorizontal(image) : image);
}

/** The image in another size: bilinear where it grows, averages of areas where it shrinks. */
export function resize(size: Size): Transform {
  const [height, width] = sizes("resize", size);
  return (image) => resizeTo(image, height, width);
}

export interface RandomAffineOptions {
  /** Turn by up to so many degrees, either way, or between two angles; clockwise. */
  degrees?: number | readonly [number, number];
  /** Shift by up to these fractions of the width and the height, either way. */
  translate?: readonly [number, number];
  /** Scale by a factor between these two. */
  scale?: readonly [number, number];
  /** The value of what comes in from outside. */
  fill?: number;
}

/** The image turned, shifted and scaled at random about its middle. */
export function randomAffine({
  degrees = 0,
  translate = [0, 0],
  scale = [1, 1],
  fill = 0,
}: RandomAffineOptions): Transform {
  const [least, most] = typeof degrees === "number" ? [-degrees, degrees] : degrees;
  if (!(least <= most) || !translate.every((part) => part >= 0 && part <= 1)) {
    const what = `degrees [${degrees}], translate [${translate}]: ranges go up, shifts from 0 to 1`;
    throw new ArgumentError("randomAffine", what);
  }
  if (!(scale[0] > 0 && scale[0] <= scale[1])) {
    throw new ArgumentError("randomAffine", `scale must go up from above 0, got [${scale}]`);
  }
  return (image, rng) => {
    const { height, width } = geometry(image);
    const [reachX, reachY] = [translate[0] * width, translate[1] * height];
    const angle = rng.uniform(least, most);
    const right = rng.uniform(-reachX, reachX);
    const down = rng.uniform(-reachY, reachY);
    const factor = rng.uniform(...(scale as [number, number]));
    return affine(image, { angle, translate: [right, down], scale: factor, fill });
  };
}

/** The brightness of a colour image (ITU-R 601), in one channel or, repeated, in three. */
export function grayscale({ channels = 1 }: { channels?: 1 | 3 } = {}): Transform {
  return (image) => {
    const from = geometry(image);
    if (from.channels !== 3 && from.channels !== 1) {
      throw new ArgumentError("grayscale", `the image has ${from.channels} channels, not 1 or 3`);
    }
    const weights = from.channels === 3 ? [0.299, 0.587, 0.114] : [1];
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
  };
}

function sizes(op: string, size: Size): readonly [number, number] {
  const pair = typeof size === "number" ? ([size, size] as const) : size;
  if (pair.length === 2 && pair.every((n) => Number.isSafeInteger(n) && n > 0)) return pair;
  throw new ArgumentError(op, `sizes must be integers from 1, got [${pair}]`);
}

function perChannel(what: string, values: readonly number[], channels: number): readonly number[] {
  if (values.length === channels) return values;
  if (values.length === 1) return new Array<number>(channels).fill(values[0]);
  const text = `${what} has ${values.length} values for an image of ${channels} channels`;
  throw new ArgumentError("normalize", text);
}
