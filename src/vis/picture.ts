// Pictures as PNG in data URLs, so that a page needs no other file, and what may be laid over their
// pixels: classes, outlines, heat. Not here: pictures as text (digit.ts), boxes and captions
// (gallery.ts).

import { PNG } from "pngjs";
import type { ImageArray } from "../data/index.ts";
import { ArgumentError } from "../util/errors.ts";
import type { Picture } from "./digit.ts";

/** A class for every pixel, each class a colour. */
export interface Mask {
  /** Row by row. A class without a colour leaves the picture as it is. */
  readonly classes: ArrayLike<number>;
  /** `#rrggbb` for each class; null leaves the picture as it is. {@link classColors} without it. */
  readonly colors?: readonly (string | null)[] | undefined;
  /** Names of the classes, for the legend. */
  readonly names?: readonly string[] | undefined;
  /** How much of the colour is seen, from 0 to 1; 0.5 without it. */
  readonly opacity?: number | undefined;
}

/** Outlines of things: each thing's pixels have its number, 0 is none. */
export interface Contours {
  readonly labels: ArrayLike<number>;
  /** `#rrggbb`. */
  readonly color?: string | undefined;
  /** What the outlines are, for the legend. */
  readonly name?: string | undefined;
}

/** What may lie over a picture, in the picture's own size. */
export interface Layers {
  readonly mask?: Mask | undefined;
  readonly contours?: readonly Contours[] | undefined;
  /** From 0 (nothing) to 1 (red), row by row: where a network looked, say. */
  readonly heat?: ArrayLike<number> | undefined;
}

/** Twelve colours that can be told apart on photographs. */
export const classColors: readonly string[] = [
  ..."#4e9ff5 #f28e2b #e15759 #3fb68b #edc948 #b07aa1".split(" "),
  ..."#ff9da7 #9c755f #76d7ea #8cd17d #d37295 #bab0ac".split(" "),
];

/**
 * A picture as a PNG in a data URL: grey or colour; ink white on black, or as `invert` says black
 * on white. Throws ArgumentError for another number of values than its size says.
 */
export function pngDataUrl(
  picture: Picture & Layers,
  { invert = false }: { readonly invert?: boolean } = {},
): string {
  const { rows, cols } = picture;
  const bytes = blended(picture);
  const png = new PNG({ width: cols, height: rows });
  let grey = true;
  for (let i = 0; i < rows * cols; i++) {
    for (let c = 0; c < 3; c++) {
      const value = bytes[3 * i + c]!;
      grey &&= value === bytes[3 * i];
      png.data[4 * i + c] = invert ? 255 - value : value;
    }
    png.data[4 * i + 3] = 255;
  }
  const file = PNG.sync.write(png, { colorType: grey ? 0 : 2 });
  return `data:image/png;base64,${file.toString("base64")}`;
}

/**
 * An image of 0 to 255, or of another range, as a picture of a report: (H, W, C) or (C, H, W) with
 * 1, 3 or 4 channels, of which the fourth (alpha) is left out. Throws ArgumentError for others.
 *
 * @example
 * const pictures = images.map((image) => ({ ...pictureOf(image), caption: "a sign" }));
 */
export function pictureOf(
  { data, shape, layout }: ImageArray,
  { low = 0, high = 255 }: { readonly low?: number; readonly high?: number } = {},
): Picture {
  const first = layout === "chw";
  const [rows, cols, depth] = first ? [shape[1], shape[2], shape[0]] : shape;
  if (depth !== 1 && depth !== 3 && depth !== 4) {
    throw new ArgumentError("pictureOf", `an image of ${depth} channels has no colours`);
  }
  const channels = depth === 1 ? 1 : 3;
  const pixels = new Uint8ClampedArray(rows * cols * channels);
  for (let i = 0; i < rows * cols; i++) {
    for (let c = 0; c < channels; c++) {
      const value = data[first ? c * rows * cols + i : i * depth + c]!;
      pixels[i * channels + c] = (255 * (value - low)) / (high - low);
    }
  }
  return { pixels, rows, cols, channels };
}

/** Red, green and blue of every pixel, with all that lies over it. */
function blended(picture: Picture & Layers): Uint8ClampedArray {
  const { pixels, rows, cols, channels = 1, mask, contours = [], heat } = picture;
  const size = rows * cols;
  checkSize("pixels", pixels.length, size * channels, picture);
  const bytes = new Uint8ClampedArray(3 * size);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) bytes[3 * i + c] = pixels[channels === 3 ? 3 * i + c : i]!;
  }
  if (heat) layHeat(bytes, heat, picture);
  if (mask) layMask(bytes, mask, picture);
  for (const one of contours) layContours(bytes, one, picture);
  return bytes;
}

function layMask(bytes: Uint8ClampedArray, mask: Mask, picture: Picture): void {
  const { classes, colors = classColors, opacity = 0.5 } = mask;
  checkSize("mask", classes.length, bytes.length / 3, picture);
  const known = colors.map((color) => (color === null ? null : rgbOf(color)));
  for (let i = 0; i < classes.length; i++) blend(bytes, i, known[classes[i]!], opacity);
}

function layHeat(bytes: Uint8ClampedArray, heat: ArrayLike<number>, picture: Picture): void {
  checkSize("heat", heat.length, bytes.length / 3, picture);
  for (let i = 0; i < heat.length; i++) {
    const value = Math.min(1, Math.max(0, Number(heat[i]) || 0)); // yellow, then red
    blend(bytes, i, [255, 220 * (1 - value), 30 * (1 - value)], 0.75 * value);
  }
}

function layContours(bytes: Uint8ClampedArray, contours: Contours, picture: Picture): void {
  const { labels, color = classColors[4]! } = contours;
  const { rows, cols } = picture;
  checkSize("contours", labels.length, rows * cols, picture);
  const ink = rgbOf(color);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const at = row * cols + col;
      const own = labels[at]!;
      const left = col > 0 && labels[at - 1] !== own;
      const right = col < cols - 1 && labels[at + 1] !== own;
      const above = row > 0 && labels[at - cols] !== own;
      const below = row < rows - 1 && labels[at + cols] !== own;
      if (own !== 0 && (left || right || above || below)) blend(bytes, at, ink, 1);
    }
  }
}

type Rgb = readonly [number, number, number];

function blend(bytes: Uint8ClampedArray, i: number, ink: Rgb | null | undefined, part: number) {
  if (!ink) return;
  for (let c = 0; c < 3; c++) {
    bytes[3 * i + c] = (1 - part) * bytes[3 * i + c]! + part * ink[c as 0 | 1 | 2];
  }
}

/** Throws ArgumentError for what is not `#rrggbb`. */
export function rgbOf(color: string): Rgb {
  const parts = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(color);
  if (!parts) throw new ArgumentError("picture", `a colour is #rrggbb, not "${color}"`);
  return [1, 2, 3].map((i) => Number.parseInt(parts[i]!, 16)) as unknown as Rgb;
}

function checkSize(what: string, has: number, wants: number, { rows, cols }: Picture): void {
  if (has === wants) return;
  const detail = `${what}: ${has} values for ${rows} rows of ${cols} pixels, not ${wants}`;
  throw new ArgumentError("picture", detail);
}
