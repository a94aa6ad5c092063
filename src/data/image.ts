// An image as plain numbers, and the few ways to read one that all transforms share: strides for
// both layouts, cropping, resampling. Nothing here is random; that is transforms.ts.
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { cos, sin } from "../util/math.ts";

/** Channels last, as files and canvases hold pixels, or first, as PyTorch does. */
export type Layout = "hwc" | "chw";

/**
 * Pixels of 0 to 255 as uint8, or of any range as float32; the shape has 3 sizes, as `layout` says.
 */
export interface ImageArray {
  readonly data: Uint8Array | Float32Array;
  readonly shape: readonly [number, number, number];
  readonly layout: Layout;
}

/** The sizes of an image, and the steps from pixel to pixel in its data. */
export interface Geometry {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly rowStep: number;
  readonly colStep: number;
  readonly channelStep: number;
}

/**
 * An image of the given pixels; two sizes mean one channel. Throws ShapeError when they do not fit.
 *
 * @example
 * const digit = image(pixels, [28, 28]); // chw: [1, 28, 28]
 */
export function image(
  data: Uint8Array | Float32Array,
  shape: readonly number[],
  layout: Layout = "chw",
): ImageArray {
  const [a = 0, b = 0, c = 1] = shape;
  const full: [number, number, number] =
    shape.length !== 2 ? [a, b, c] : layout === "chw" ? [1, a, b] : [a, b, 1];
  const fits = full.every((size) => Number.isSafeInteger(size) && size > 0);
  if (
    shape.length < 2 ||
    shape.length > 3 ||
    !fits ||
    full[0] * full[1] * full[2] !== data.length
  ) {
    throw new ShapeError("image", `[${shape}] does not fit ${data.length} values`);
  }
  return { data, shape: full, layout };
}

export function geometry({ shape, layout }: ImageArray): Geometry {
  const [a, b, c] = shape;
  if (layout === "hwc") {
    return { height: a, width: b, channels: c, rowStep: b * c, colStep: c, channelStep: 1 };
  }
  return { height: b, width: c, channels: a, rowStep: c, colStep: 1, channelStep: b * c };
}

/** An image of zeros with the dtype and layout of another. */
export function blank(
  like: ImageArray,
  height: number,
  width: number,
  channels = geometry(like).channels,
): ImageArray & { readonly data: Uint8Array | Float32Array } {
  const { layout } = like;
  const shape: [number, number, number] =
    layout === "hwc" ? [height, width, channels] : [channels, height, width];
  const size = height * width * channels;
  const data = like.data instanceof Uint8Array ? new Uint8Array(size) : new Float32Array(size);
  return { data, shape, layout };
}

/** The same image with its axes in the other order, if it is not already. */
export function toLayout(source: ImageArray, layout: Layout): ImageArray {
  if (source.layout === layout) return source;
  const { height, width } = geometry(source);
  return remap(source, blank({ ...source, layout }, height, width, geometry(source).channels));
}

/** The window of an image that begins at (top, left); what lies outside is `fill`. */
export function crop(
  source: ImageArray,
  { top, left, height, width, fill = 0 }: Window,
): ImageArray {
  return remap(source, blank(source, height, width), top, left, fill);
}

export interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
  readonly fill?: number;
}

/** The image mirrored, left for right. */
export function flipHorizontal(source: ImageArray): ImageArray {
  return mirror(source, false, true);
}

/** The image upside down. */
export function flipVertical(source: ImageArray): ImageArray {
  return mirror(source, true, false);
}

function mirror(source: ImageArray, rows: boolean, cols: boolean): ImageArray {
  const { height, width, channels, rowStep, colStep, channelStep } = geometry(source);
  const result = blank(source, height, width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const to = c * channelStep + y * rowStep;
      const from = c * channelStep + (rows ? height - 1 - y : y) * rowStep;
      for (let x = 0; x < width; x++) {
        result.data[to + x * colStep] = source.data[from + (cols ? width - 1 - x : x) * colStep];
      }
    }
  }
  return result;
}

// Copies the window of `result`'s size at (top, left) of source into it, between layouts too.
function remap(source: ImageArray, result: ImageArray, top = 0, left = 0, fill = 0): ImageArray {
  const from = geometry(source);
  const to = geometry(result);
  if (fill !== 0) result.data.fill(fill);
  const [y0, y1] = [Math.max(0, -top), Math.min(to.height, from.height - top)];
  const [x0, x1] = [Math.max(0, -left), Math.min(to.width, from.width - left)];
  for (let c = 0; c < to.channels; c++) {
    for (let y = y0; y < y1; y++) {
      const row = c * from.channelStep + (y + top) * from.rowStep;
      const target = c * to.channelStep + y * to.rowStep;
      for (let x = x0; x < x1; x++) {
        const value = source.data[row + (x + left) * from.colStep];
        result.data[target + x * to.colStep] = value;
      }
    }
  }
  return result;
}

/** For each place of an axis after resizing: which pixels count before, and how much. */
interface Taps {
  readonly from: Int32Array;
  readonly weights: Float64Array[];
}

/**
 * The image in another size: bilinear between pixel centres along an axis that grows (PyTorch's
 * `align_corners=False`), the average of the area that a pixel covers along an axis that shrinks.
 */
export function resizeTo(source: ImageArray, height: number, width: number): ImageArray {
  for (const size of [height, width]) {
    if (Number.isSafeInteger(size) && size > 0) continue;
    throw new ArgumentError("resize", `sizes must be integers from 1, got [${height}, ${width}]`);
  }
  const from = geometry(source);
  const [rows, cols] = [taps(from.height, height), taps(from.width, width)];
  const result = blank(source, height, width);
  const to = geometry(result);
  const round = result.data instanceof Uint8Array;
  const line = new Float64Array(from.width); // one row of the result, still in the old width
  for (let c = 0; c < to.channels; c++) {
    for (let y = 0; y < height; y++) {
      line.fill(0);
      rows.weights[y].forEach((weight, i) => {
        const row = c * from.channelStep + (rows.from[y] + i) * from.rowStep;
        for (let x = 0; x < from.width; x++) {
          line[x] += weight * source.data[row + x * from.colStep];
        }
      });
      for (let x = 0; x < width; x++) {
        const value = weigh(line, cols.from[x], cols.weights[x]);
        const at = c * to.channelStep + y * to.rowStep + x * to.colStep;
        result.data[at] = round ? Math.round(value) : value;
      }
    }
  }
  return result;
}

function weigh(line: Float64Array, from: number, weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i] * line[from + i];
  return sum;
}

function taps(before: number, after: number): Taps {
  const from = new Int32Array(after);
  const weights: Float64Array[] = [];
  const scale = before / after;
  for (let i = 0; i < after; i++) {
    const [first, list] = after > before ? bilinear(i, scale, before) : area(i, scale, before);
    from[i] = first;
    weights.push(Float64Array.from(list));
  }
  return { from, weights };
}

function bilinear(i: number, scale: number, before: number): [number, number[]] {
  const at = Math.min(Math.max((i + 0.5) * scale - 0.5, 0), before - 1);
  const first = Math.min(Math.floor(at), Math.max(before - 2, 0));
  return before === 1 ? [0, [1]] : [first, [1 - (at - first), at - first]];
}

function area(i: number, scale: number, before: number): [number, number[]] {
  const [begin, end] = [i * scale, (i + 1) * scale];
  const first = Math.floor(begin + 1e-9);
  const last = Math.min(Math.ceil(end - 1e-9), before);
  const list: number[] = [];
  for (let p = first; p < last; p++) list.push(Math.min(p + 1, end) - Math.max(p, begin));
  const sum = list.reduce((a, b) => a + b, 0);
  return [first, list.map((weight) => weight / sum)];
}

/** Turning, shifting and scaling about the image's middle. */
export interface Affine {
  /** Degrees, clockwise as one looks at the image. */
  readonly angle?: number;
  /** Pixels to the right and down. */
  readonly translate?: readonly [number, number];
  /** How much larger things become. */
  readonly scale?: number;
  /** The value of what lies outside. */
  readonly fill?: number;
}

/** The image turned, scaled, then shifted, bilinear, in the same size. */
export function affine(
  source: ImageArray,
  { angle = 0, translate: [right, down] = [0, 0], scale = 1, fill = 0 }: Affine,
): ImageArray {
  if (!(scale > 0)) throw new ArgumentError("affine", `scale must be above 0, got ${scale}`);
  const from = geometry(source);
  const { height, width, channels, rowStep, colStep, channelStep } = from;
  const result = blank(source, height, width);
  const round = result.data instanceof Uint8Array;
  const turn = (angle * Math.PI) / 180;
  const [along, across] = [cos(turn) / scale, sin(turn) / scale];
  const [midX, midY] = [(width - 1) / 2, (height - 1) / 2];
  const near: Near = { at: new Int32Array(4), weight: new Float64Array(4) };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      // Where this pixel comes from: the inverse of the motion.
      const [dx, dy] = [x - midX - right, y - midY - down];
      const fromX = along * dx + across * dy + midX;
      const fromY = along * dy - across * dx + midY;
      tap(near, from, fromY, fromX);
      for (let c = 0; c < channels; c++) {
        const value = between(near, source.data, c * channelStep, fill);
        result.data[c * channelStep + y * rowStep + x * colStep] = round
          ? Math.round(value)
          : value;
      }
    }
  }
  return result;
}

// The four pixels around a place: where each lies in the data of channel 0, -1 for outside of the
// image, and how much it counts.
interface Near {
  readonly at: Int32Array;
  readonly weight: Float64Array;
}

function tap(
  { at, weight }: Near,
  { height, width, rowStep, colStep }: Geometry,
  y: number,
  x: number,
): void {
  const [top, left] = [Math.floor(y), Math.floor(x)];
  for (let i = 0; i < 4; i++) {
    const [row, col] = [top + (i >> 1), left + (i & 1)];
    const inside = row >= 0 && row < height && col >= 0 && col < width;
    at[i] = inside ? row * rowStep + col * colStep : -1;
    weight[i] = (1 - Math.abs(y - row)) * (1 - Math.abs(x - col));
  }
}

function between(
  { at, weight }: Near,
  data: Uint8Array | Float32Array,
  channel: number,
  fill: number,
): number {
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    if (weight[i] !== 0) sum += weight[i] * (at[i] < 0 ? fill : data[channel + at[i]]);
  }
  return sum;
}
