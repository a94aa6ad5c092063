// Changes of colour, blur and erasing, in torchvision's names and meanings. Pixels are uint8 of 0 to
// 255 or float32 of 0 to 1 (so these come before `normalize`), and stay in that range; uint8 results
// are rounded, where torchvision cuts the fraction off. Nothing here moves a pixel: geometric.ts.
import { ArgumentError } from "../util/errors.ts";
import { exp } from "../util/math.ts";
import type { Rng } from "../util/rng.ts";
import { checkProbability, drawRectangle } from "./geometric.ts";
import { blank, geometry, type ImageArray } from "./image.ts";
import { onPixels, type SceneTransform } from "./scene.ts";
import { LUMA } from "./transforms.ts";

/** From `least` to `most`, or a number as torchvision takes it: around 1 or, for the hue, around 0. */
export type Spread = number | readonly [least: number, most: number];

export interface ColorJitterOptions {
  /** Factors: a number b means from 1 - b (at least 0) to 1 + b. */
  brightness?: Spread;
  contrast?: Spread;
  saturation?: Spread;
  /** Parts of a turn of the colour circle, -0.5 to 0.5: a number h means from -h to h. */
  hue?: Spread;
}

/**
 * Brightness, contrast, saturation and hue changed by random amounts, in random order. Images have
 * one or three channels; one channel has no saturation and no hue.
 *
 * @example
 * const augment = compose(colorJitter({ brightness: 0.4, contrast: 0.4, hue: 0.05 }), toFloat());
 */
export function colorJitter(options: ColorJitterOptions): SceneTransform {
  const changes = (Object.keys(ADJUST) as (keyof typeof ADJUST)[]).flatMap((name) => {
    const range = spread(name, options[name] ?? 0);
    return range[0] === range[1] && range[0] === neutral(name) ? [] : [{ name, range }];
  });
  return onPixels((image, rng) => {
    const order = rng.permutation(changes.length);
    return [...order].reduce((current, i) => {
      const { name, range } = changes[i]!;
      return ADJUST[name](current, rng.uniform(...range));
    }, image);
  });
}

const neutral = (name: string) => (name === "hue" ? 0 : 1);

function spread(name: keyof ColorJitterOptions, value: Spread): [number, number] {
  const middle = neutral(name);
  const [low, high] = name === "hue" ? [-0.5, 0.5] : [0, Infinity];
  const given = typeof value === "number" ? [middle - value, middle + value] : value;
  const least = name !== "hue" && typeof value === "number" ? Math.max(0, given[0]!) : given[0]!;
  const most = given[1]!;
  const negative = typeof value === "number" && !(value >= 0);
  if (!negative && least >= low && least <= most && most <= high && most < Infinity) {
    return [least, most];
  }
  const what = `${name} must be a number from 0 or a range within [${low}, ${high}]`;
  throw new ArgumentError("colorJitter", `${what}, got [${[value].flat()}]`);
}

/** The image times `factor`. */
export function adjustBrightness(image: ImageArray, factor: number): ImageArray {
  return perColour("adjustBrightness", image, (rgb) => {
    for (let c = 0; c < rgb.length; c++) rgb[c] *= factor;
  });
}

/** Away from the image's mean grey by `factor`: 0 is grey all over, 1 the image. */
export function adjustContrast(image: ImageArray, factor: number): ImageArray {
  let sum = 0;
  perColour("adjustContrast", image, (rgb) => {
    sum += luma(rgb);
  });
  const { height, width } = geometry(image);
  const rest = (1 - factor) * (sum / (height * width));
  return perColour("adjustContrast", image, (rgb) => {
    for (let c = 0; c < rgb.length; c++) rgb[c] = factor * rgb[c] + rest;
  });
}

/** Away from each pixel's own grey by `factor`: 0 is a grey picture, 1 the image. */
export function adjustSaturation(image: ImageArray, factor: number): ImageArray {
  return perColour("adjustSaturation", image, (rgb) => {
    if (rgb.length === 1) return;
    const rest = (1 - factor) * luma(rgb);
    for (let c = 0; c < 3; c++) rgb[c] = factor * rgb[c] + rest;
  });
}

/** Each colour turned on the circle of hues (HSV) by `turn`, a part of the circle. */
export function adjustHue(image: ImageArray, turn: number): ImageArray {
  const bound = image.data instanceof Uint8Array ? 255 : 1;
  return perColour("adjustHue", image, (rgb) => {
    if (rgb.length === 1) return;
    const [r, g, b] = [rgb[0] / bound, rgb[1] / bound, rgb[2] / bound];
    const value = Math.max(r, g, b);
    const span = value - Math.min(r, g, b);
    if (span === 0) return;
    const sixth =
      value === r ? (g - b) / span : value === g ? 2 + (b - r) / span : 4 + (r - g) / span;
    for (let c = 0; c < 3; c++) {
      // Each channel is the same curve over the circle, a third of a turn apart.
      const k = mod([5, 3, 1][c]! + sixth + 6 * turn, 6);
      rgb[c] = bound * (value - span * Math.max(0, Math.min(k, 4 - k, 1)));
    }
  });
}

const ADJUST = {
  brightness: adjustBrightness,
  contrast: adjustContrast,
  saturation: adjustSaturation,
  hue: adjustHue,
};

const mod = (a: number, n: number) => a - n * Math.floor(a / n);

const luma = (rgb: Float64Array) =>
  rgb.length === 1 ? rgb[0]! : LUMA[0] * rgb[0]! + LUMA[1] * rgb[1]! + LUMA[2] * rgb[2]!;

// A new image: `change` is given the channels of each pixel in turn, and may write them.
function perColour(
  op: string,
  image: ImageArray,
  change: (channels: Float64Array) => void,
): ImageArray {
  const { height, width, channels, rowStep, colStep, channelStep } = geometry(image);
  if (channels !== 3 && channels !== 1) {
    throw new ArgumentError(op, `the image has ${channels} channels, not 1 or 3`);
  }
  const result = blank(image, height, width);
  const [bytes, bound] = image.data instanceof Uint8Array ? [true, 255] : [false, 1];
  const colour = new Float64Array(channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * rowStep + x * colStep;
      for (let c = 0; c < channels; c++) colour[c] = image.data[at + c * channelStep];
      change(colour);
      for (let c = 0; c < channels; c++) {
        const value = Math.min(Math.max(colour[c], 0), bound);
        result.data[at + c * channelStep] = bytes ? Math.round(value) : value;
      }
    }
  }
  return result;
}

/**
 * The image blurred by a bell of random width: `kernelSize` (odd) pixels wide, with a deviation drawn
 * from `sigma`. Beyond the edges the picture is mirrored.
 */
export function gaussianBlur(
  kernelSize: number,
  { sigma = [0.1, 2] }: { sigma?: number | readonly [number, number] } = {},
): SceneTransform {
  const [least, most] = typeof sigma === "number" ? [sigma, sigma] : sigma;
  if (!Number.isSafeInteger(kernelSize) || kernelSize < 1 || kernelSize % 2 === 0) {
    throw new ArgumentError("gaussianBlur", `kernelSize must be odd, got ${kernelSize}`);
  }
  if (!(least > 0 && least <= most)) {
    throw new ArgumentError("gaussianBlur", `sigma must go up from above 0, got [${[sigma]}]`);
  }
  const reach = (kernelSize - 1) / 2;
  return onPixels((image, rng) => {
    const { height, width } = geometry(image);
    if (reach >= height || reach >= width) {
      const what = `a kernel of ${kernelSize} is too large for an image of [${height}, ${width}]`;
      throw new ArgumentError("gaussianBlur", what);
    }
    return blur(image, bell(reach, rng.uniform(least, most)));
  });
}

function bell(reach: number, sigma: number): Float64Array {
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    exp(-0.5 * ((i - reach) / sigma) ** 2),
  );
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

function blur(image: ImageArray, weights: Float64Array): ImageArray {
  const { height, width, channels, rowStep, colStep, channelStep } = geometry(image);
  const result = blank(image, height, width);
  const round = result.data instanceof Uint8Array;
  const across = new Float64Array(image.data.length);
  const passes = [
    { from: image.data, to: across, size: width, step: colStep, others: height, next: rowStep },
    { from: across, to: result.data, size: height, step: rowStep, others: width, next: colStep },
  ];
  passes.forEach(({ from, to, size, step, others, next }, pass) => {
    for (let c = 0; c < channels; c++) {
      for (let other = 0; other < others; other++) {
        const line = c * channelStep + other * next;
        for (let i = 0; i < size; i++) {
          const value = weighed(from, line, step, size, i, weights);
          to[line + i * step] = round && pass === 1 ? Math.round(value) : value;
        }
      }
    }
  });
  return result;
}

function weighed(
  from: ArrayLike<number>,
  line: number,
  step: number,
  size: number,
  i: number,
  weights: Float64Array,
): number {
  const reach = (weights.length - 1) / 2;
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const place = Math.abs(i + k - reach); // mirrored at the first pixel, then at the last
    sum += weights[k]! * from[line + (place < size ? place : 2 * (size - 1) - place) * step]!;
  }
  return sum;
}

export interface RandomErasingOptions {
  /** How often. */
  p?: number;
  /** The part of the image's area, from and to. */
  scale?: readonly [number, number];
  /** Width over height, from and to. */
  ratio?: readonly [number, number];
  /** What stands there then: one value, one for each channel, or noise for each pixel. */
  value?: number | readonly number[] | "random";
}

/**
 * A random rectangle of the image replaced (Zhong et al. 2020); nothing when ten draws do not fit.
 * "random" is a draw of the normal distribution in float32 images, any byte in uint8 ones.
 */
export function randomErasing({
  p = 0.5,
  scale = [0.02, 0.33],
  ratio = [0.3, 3.3],
  value = 0,
}: RandomErasingOptions = {}): SceneTransform {
  checkProbability("randomErasing", p);
  const up = ([least, most]: readonly [number, number]) => least > 0 && least <= most;
  if (!up(ratio) || !(scale[0] >= 0 && scale[0] <= scale[1] && scale[1] <= 1)) {
    const what = `scale [${scale}] must go up within 0 to 1, ratio [${ratio}] from above 0`;
    throw new ArgumentError("randomErasing", what);
  }
  return onPixels((image, rng) => {
    if (rng.float() >= p) return image;
    const extent = geometry(image);
    for (let attempt = 0; attempt < 10; attempt++) {
      const { height, width } = drawRectangle(extent, rng, scale, ratio);
      if (height >= extent.height || width >= extent.width || height < 1 || width < 1) continue;
      const top = rng.int(extent.height - height + 1);
      const left = rng.int(extent.width - width + 1);
      return erase(image, { top, left, height, width }, value, rng);
    }
    return image;
  });
}

function erase(
  image: ImageArray,
  place: { top: number; left: number; height: number; width: number },
  value: number | readonly number[] | "random",
  rng: Rng,
): ImageArray {
  const { channels, rowStep, colStep, channelStep } = geometry(image);
  const data = image.data.slice();
  const noise = data instanceof Uint8Array ? () => rng.int(256) : () => rng.normal();
  const values = value === "random" ? [] : [value].flat();
  if (value !== "random" && values.length !== 1 && values.length !== channels) {
    const what = `${values.length} values for an image of ${channels} channels`;
    throw new ArgumentError("randomErasing", what);
  }
  for (let c = 0; c < channels; c++) {
    const fill = values[values.length === 1 ? 0 : c];
    for (let y = place.top; y < place.top + place.height; y++) {
      for (let x = place.left; x < place.left + place.width; x++) {
        data[c * channelStep + y * rowStep + x * colStep] = fill ?? noise();
      }
    }
  }
  return { ...image, data };
}
