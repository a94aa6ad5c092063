// Transforms that move pixels to other places, in torchvision's names and meanings: crops, flips,
// resizing, turning. Each draws a move and hands it to scene.ts, so that boxes and masks go along.
import { ArgumentError } from "../util/errors.ts";
import { cos, exp, log, sin } from "../util/math.ts";
import type { Rng } from "../util/rng.ts";
import { type Affine, affine, crop, flipHorizontal, flipVertical, resizeTo } from "./image.ts";
import { chain, type Extent, type Move, onPlaces, type SceneTransform } from "./scene.ts";

/** A height and a width, or one number for both. */
export type Size = number | readonly [number, number];

/** The window of a picture that begins at (top, left). */
export function cropMove(top: number, left: number, { height, width }: Extent, fill = 0): Move {
  const image: Move["image"] = (source) => crop(source, { top, left, height, width, fill });
  return { image, height, width, from: [1, 0, left, 0, 1, top] };
}

/** A picture of the first size in the second size. */
export function resizeMove(before: Extent, { height, width }: Extent): Move {
  const [right, down] = [before.width / width, before.height / height];
  const image: Move["image"] = (source) => resizeTo(source, height, width);
  return { image, height, width, from: [right, 0, 0, 0, down, 0] };
}

/** A picture turned, scaled and shifted about its middle. */
export function affineMove({ height, width }: Extent, options: Affine): Move {
  const { angle = 0, translate: [right, down] = [0, 0], scale = 1 } = options;
  const turn = (angle * Math.PI) / 180;
  const [a, b] = [cos(turn) / scale, sin(turn) / scale];
  const [x, y] = [width / 2 + right, height / 2 + down]; // where the middle goes
  const from = [a, b, width / 2 - a * x - b * y, -b, a, height / 2 + b * x - a * y] as const;
  return { image: (source) => affine(source, options), height, width, from };
}

/** The middle of the image; where the image is smaller, `fill` around it. */
export function centerCrop(size: Size, { fill = 0 }: { fill?: number } = {}): SceneTransform {
  const to = sizes("centerCrop", size);
  return onPlaces(({ height, width }) => {
    const [top, left] = [(height - to.height) / 2, (width - to.width) / 2];
    return cropMove(Math.floor(top), Math.floor(left), to, fill);
  });
}

/** A window at a random place, after `padding` pixels of `fill` were added on every side. */
export function randomCrop(
  size: Size,
  { padding = 0, fill = 0 }: { padding?: number; fill?: number } = {},
): SceneTransform {
  const to = sizes("randomCrop", size);
  if (!Number.isSafeInteger(padding) || padding < 0) {
    throw new ArgumentError("randomCrop", `padding must be an integer from 0, got ${padding}`);
  }
  return onPlaces(({ height, width }, rng) => {
    const [spareY, spareX] = [height + 2 * padding - to.height, width + 2 * padding - to.width];
    if (spareY < 0 || spareX < 0) {
      const what = `[${to.height}, ${to.width}] does not fit into [${height}, ${width}]`;
      const hint = "pass more padding, or resize before";
      throw new ArgumentError("randomCrop", `${what} with padding ${padding}`, { hint });
    }
    const top = rng.int(spareY + 1) - padding;
    const left = rng.int(spareX + 1) - padding;
    return cropMove(top, left, to, fill);
  });
}

/** The image mirrored, left for right, with probability `p`. */
export function randomHorizontalFlip(p = 0.5): SceneTransform {
  checkProbability("randomHorizontalFlip", p);
  return onPlaces(({ height, width }, rng) => {
    if (rng.float() >= p) return undefined;
    return { image: flipHorizontal, height, width, from: [-1, 0, width, 0, 1, 0] };
  });
}

/** The image upside down with probability `p`. */
export function randomVerticalFlip(p = 0.5): SceneTransform {
  checkProbability("randomVerticalFlip", p);
  return onPlaces(({ height, width }, rng) => {
    if (rng.float() >= p) return undefined;
    return { image: flipVertical, height, width, from: [1, 0, 0, 0, -1, height] };
  });
}

/** The image in another size: bilinear where it grows, averages of areas where it shrinks. */
export function resize(size: Size): SceneTransform {
  const to = sizes("resize", size);
  return onPlaces((before) => resizeMove(before, to));
}

export interface RandomResizedCropOptions {
  /** The part of the image's area that the window has, from and to. */
  scale?: readonly [number, number];
  /** Its width over its height, from and to; drawn evenly on a scale of logarithms. */
  ratio?: readonly [number, number];
}

/**
 * A window of random area and shape, resized (Szegedy et al. 2015). After ten draws that do not fit,
 * the largest window in the middle of a shape within `ratio`.
 */
export function randomResizedCrop(
  size: Size,
  { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] }: RandomResizedCropOptions = {},
): SceneTransform {
  const to = sizes("randomResizedCrop", size);
  for (const [name, [least, most]] of Object.entries({ scale, ratio })) {
    if (least > 0 && least <= most && (name === "ratio" || most <= 1)) continue;
    const what = `${name} must go up from above 0${name === "scale" ? " to at most 1" : ""}`;
    throw new ArgumentError("randomResizedCrop", `${what}, got [${least}, ${most}]`);
  }
  return onPlaces((extent, rng) => {
    const { top, left, ...window } = drawWindow(extent, rng, scale, ratio);
    return chain(cropMove(top, left, window), resizeMove(window, to));
  });
}

type Range = readonly [number, number];
type Place = Extent & { readonly top: number; readonly left: number };

function drawWindow(extent: Extent, rng: Rng, scale: Range, ratio: Range): Place {
  for (let attempt = 0; attempt < 10; attempt++) {
    const window = drawRectangle(extent, rng, scale, ratio);
    const [spareY, spareX] = [extent.height - window.height, extent.width - window.width];
    if (spareY < 0 || spareX < 0 || window.height < 1 || window.width < 1) continue;
    return { ...window, top: rng.int(spareY + 1), left: rng.int(spareX + 1) };
  }
  const { height: h, width: w } = extent;
  const shape = Math.min(Math.max(w / h, ratio[0]), ratio[1]);
  const height = w / h < ratio[0] ? Math.max(1, Math.min(h, Math.round(w / shape))) : h;
  const width = w / h > ratio[1] ? Math.max(1, Math.min(w, Math.round(h * shape))) : w;
  const [top, left] = [Math.floor((h - height) / 2), Math.floor((w - width) / 2)];
  return { height, width, top, left };
}

/** Sizes with a random part of an area and a random ratio of width to height; they may not fit. */
export function drawRectangle(extent: Extent, rng: Rng, scale: Range, ratio: Range): Extent {
  const area = extent.height * extent.width * rng.uniform(...(scale as [number, number]));
  const shape = exp(rng.uniform(log(ratio[0]), log(ratio[1])));
  const [width, height] = [Math.sqrt(area * shape), Math.sqrt(area / shape)];
  return { height: Math.round(height), width: Math.round(width) };
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
}: RandomAffineOptions): SceneTransform {
  const [least, most] = angles("randomAffine", degrees);
  if (!translate.every((part) => part >= 0 && part <= 1)) {
    throw new ArgumentError("randomAffine", `shifts go from 0 to 1, got [${translate}]`);
  }
  if (!(scale[0] > 0 && scale[0] <= scale[1])) {
    throw new ArgumentError("randomAffine", `scale must go up from above 0, got [${scale}]`);
  }
  return onPlaces((extent, rng) => {
    const [reachX, reachY] = [translate[0] * extent.width, translate[1] * extent.height];
    const angle = rng.uniform(least, most);
    const right = rng.uniform(-reachX, reachX);
    const down = rng.uniform(-reachY, reachY);
    const factor = rng.uniform(...(scale as [number, number]));
    return affineMove(extent, { angle, translate: [right, down], scale: factor, fill });
  });
}

/**
 * The image turned about its middle by up to so many degrees, either way, or between two angles;
 * counter-clockwise, as torchvision's `RandomRotation` (its `affine` turns clockwise). The size stays.
 */
export function randomRotation(
  degrees: number | readonly [number, number],
  { fill = 0 }: { fill?: number } = {},
): SceneTransform {
  const [least, most] = angles("randomRotation", degrees);
  return onPlaces((extent, rng) => affineMove(extent, { angle: -rng.uniform(least, most), fill }));
}

function angles(op: string, degrees: number | Range): Range {
  const [least, most] = typeof degrees === "number" ? [-degrees, degrees] : degrees;
  if (least <= most) return [least, most];
  throw new ArgumentError(op, `degrees [${least}, ${most}]: ranges go up`);
}

/** Throws ArgumentError for a number outside of 0 to 1. */
export function checkProbability(op: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(op, `p must be from 0 to 1, got ${p}`);
}

function sizes(op: string, size: Size): Extent {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  if ([height, width].every((n) => Number.isSafeInteger(n) && n > 0)) return { height, width };
  throw new ArgumentError(op, `sizes must be integers from 1, got [${height},${width}]`);
}
