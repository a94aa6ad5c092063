// A picture with what is known of its places, boxes and a mask, and how all three go through one
// geometry: a `Move` says what becomes of the pixels and, as a matrix, where a place comes from, so
// that boxes and masks follow any move without code of their own. Which moves there are and how
// they are drawn at random is geometric.ts.
import { ArgumentError, ShapeError } from "../util/errors.ts";
import type { Rng } from "../util/rng.ts";
import type { NumericArray } from "./collate.ts";
import { geometry, type ImageArray } from "./image.ts";

/** Left, top, right and bottom in pixels, edges not centres: a whole picture is [0, 0, W, H]. */
export type SceneBox = readonly [left: number, top: number, right: number, bottom: number];

/** A label for each pixel, row by row. */
export interface Mask {
  readonly data: NumericArray;
  /** Height and width, those of the image. */
  readonly shape: readonly [number, number];
}

/**
 * An image and, where they are known, its boxes, their labels and its mask. Transforms hand further
 * fields on as they are.
 *
 * @example
 * const scene = { image: image(pixels, [480, 640, 3], "hwc"), boxes: [[10, 20, 50, 60]], labels: [2] };
 * const augment = compose(randomResizedCrop([240, 320]), randomHorizontalFlip(), toFloat());
 * const { image: x, boxes, labels } = augment(scene, rng);
 */
export interface Scene {
  readonly image: ImageArray;
  readonly boxes?: readonly SceneBox[];
  /** The class of each box; it goes with its box when that is dropped. */
  readonly labels?: readonly number[];
  readonly mask?: Mask;
  /** The mask's label of what comes in from outside of the image; 0 without it. */
  readonly outside?: number;
  /** A box of which a move leaves less than this part inside is dropped; 0.25 without it. */
  readonly leastVisible?: number;
}

/** One step of preparing an image. */
export type Transform = (image: ImageArray, rng: Rng) => ImageArray;

/** A transform that also takes scenes: the same draws move image, boxes and mask together. */
export interface SceneTransform {
  (image: ImageArray, rng: Rng): ImageArray;
  <S extends Scene>(scene: S, rng: Rng): S;
}

/** x' = a x + b y + c and y' = d x + e y + f, as [a, b, c, d, e, f]. */
export type Matrix = readonly [number, number, number, number, number, number];

/** A motion of one picture. */
export interface Move {
  /** The pixels after the move. */
  readonly image: (source: ImageArray) => ImageArray;
  /** Sizes after it. */
  readonly height: number;
  readonly width: number;
  /** From a place (x, y) after the move to where it was before, in pixels from the corner. */
  readonly from: Matrix;
}

/** One move, then another. */
export function chain(first: Move, second: Move): Move {
  const [[a, b, c, d, e, f], [g, h, i, j, k, l]] = [first.from, second.from];
  const from: Matrix = [
    a * g + b * j,
    a * h + b * k,
    a * i + b * l + c,
    d * g + e * j,
    d * h + e * k,
    d * i + e * l + f,
  ];
  const { height, width } = second;
  return { image: (source) => second.image(first.image(source)), height, width, from };
}

/**
 * The transform that changes pixels only: of a scene, boxes and mask stay.
 *
 * @example
 * const darker = onPixels((image) => ({ ...image, data: image.data.map((v) => v / 2) }));
 */
export function onPixels(change: Transform): SceneTransform {
  return lift(change, (scene, rng) => ({ ...scene, image: change(scene.image, rng) }));
}

/** The sizes that a move is drawn for. */
export interface Extent {
  readonly height: number;
  readonly width: number;
}

/**
 * The transform that draws a move for each picture, or undefined to leave it. Throws ShapeError for
 * a mask of another size than its image, and for other numbers of boxes and labels.
 */
export function onPlaces(draw: (extent: Extent, rng: Rng) => Move | undefined): SceneTransform {
  return lift(
    (image, rng) => draw(geometry(image), rng)?.image(image) ?? image,
    (scene, rng) => {
      checkScene(scene);
      const move = draw(geometry(scene.image), rng);
      return move === undefined ? scene : moveScene(scene, move);
    },
  );
}

function lift(ofImage: Transform, ofScene: (scene: Scene, rng: Rng) => Scene): SceneTransform {
  const transform = (input: ImageArray | Scene, rng: Rng) =>
    "image" in input ? ofScene(input, rng) : ofImage(input, rng);
  return transform as SceneTransform;
}

/** A scene after a move: boxes are clipped to the image, masks take the nearest label. */
export function moveScene<S extends Scene>(scene: S, move: Move): S {
  const moved: S = { ...scene, image: move.image(scene.image) };
  const { boxes, labels, mask, outside = 0, leastVisible = 0.25 } = scene;
  if (boxes !== undefined) {
    const to = inverse(move.from);
    const clipped = boxes.map((box) => clip(boundsOf(box, to), move, leastVisible));
    const kept = clipped.flatMap((box, i) => (box === undefined ? [] : [i]));
    Object.assign(moved, { boxes: kept.map((i) => clipped[i]) });
    if (labels !== undefined) Object.assign(moved, { labels: kept.map((i) => labels[i]) });
  }
  return mask === undefined ? moved : Object.assign(moved, { mask: moveMask(mask, move, outside) });
}

/** The label that lay nearest to where each pixel comes from. */
export function moveMask(mask: Mask, { height, width, from }: Move, outside = 0): Mask {
  const [a, b, c, d, e, f] = from;
  const [rows, cols] = mask.shape;
  const data = new (mask.data.constructor as new (n: number) => NumericArray)(height * width);
  if (outside !== 0) data.fill(outside);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const col = Math.floor(a * (x + 0.5) + b * (y + 0.5) + c);
      const row = Math.floor(d * (x + 0.5) + e * (y + 0.5) + f);
      if (row < 0 || row >= rows || col < 0 || col >= cols) continue;
      data[y * width + x] = mask.data[row * cols + col]!;
    }
  }
  return { data, shape: [height, width] };
}

// The upright box around a box whose corners were moved.
function boundsOf([left, top, right, bottom]: SceneBox, [a, b, c, d, e, f]: Matrix): SceneBox {
  const corners = [left, right].flatMap((x) => [top, bottom].map((y) => [x, y] as const));
  const xs = corners.map(([x, y]) => a * x + b * y + c);
  const ys = corners.map(([x, y]) => d * x + e * y + f);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

function clip(box: SceneBox, { height, width }: Extent, least: number): SceneBox | undefined {
  const [left, top] = [Math.max(box[0], 0), Math.max(box[1], 0)];
  const [right, bottom] = [Math.min(box[2], width), Math.min(box[3], height)];
  const area = (right - left) * (bottom - top);
  if (right <= left || bottom <= top) return undefined;
  const whole = (box[2] - box[0]) * (box[3] - box[1]);
  return area < least * whole ? undefined : [left, top, right, bottom];
}

function inverse([a, b, c, d, e, f]: Matrix): Matrix {
  const area = a * e - b * d;
  if (area === 0)
    throw new ArgumentError("Scene", "a move that flattens the picture has no way back");
  const [p, q, r, s] = [e / area, -b / area, -d / area, a / area];
  return [p, q, -(p * c + q * f), r, s, -(r * c + s * f)];
}

function checkScene({ image, boxes, labels, mask }: Scene): void {
  const { height, width } = geometry(image);
  if (mask !== undefined) {
    const [rows, cols] = mask.shape;
    if (rows !== height || cols !== width || mask.data.length !== height * width) {
      const what = `mask [${mask.shape}] of ${mask.data.length} labels for image`;
      throw new ShapeError("Scene", `${what} [${height}, ${width}]`);
    }
  }
  if (boxes !== undefined && labels !== undefined && boxes.length !== labels.length) {
    throw new ShapeError("Scene", `${boxes.length} boxes have ${labels.length} labels`);
  }
}
