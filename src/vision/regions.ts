// Regions of a picture as plain numbers: connected components, the boundaries between labels, and the
// threshold that parts light from dark. Definitions are scikit-image's. Not here: regions grown from
// seeds (watershed.ts), or how well they are found (metrics/instances.ts).
import type { NdArray } from "../data/index.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";

/** A number for each pixel, row by row: 0 is the background, every other number a region. */
export interface LabelMap {
  readonly data: Int32Array;
  readonly shape: readonly [height: number, width: number];
}

/** Whether pixels touch by their sides (4) or by their corners too (8). */
export type Connectivity = 4 | 8;

export interface ConnectivityOption {
  readonly connectivity?: Connectivity | undefined;
}

/** Height and width of a map of labels or heights. */
export function extentOf(op: string, { data, shape }: NdArray): readonly [number, number] {
  const [height = 0, width = 0] = shape;
  if (shape.length === 2 && height * width === data.length) return [height, width];
  throw new ShapeError(op, `wants (H, W), got [${shape}] of ${data.length} values`);
}

type Step = readonly [down: number, right: number];

/** The steps to the neighbours of a pixel. */
export function stepsOf(op: string, connectivity: Connectivity): readonly Step[] {
  const sides: readonly Step[] = [
    [-1, 0],
    [0, -1],
    [0, 1],
    [1, 0],
  ];
  if (connectivity === 4) return sides;
  if (connectivity !== 8)
    throw new ArgumentError(op, `connectivity is 4 or 8, not ${connectivity}`);
  return [...sides, [-1, -1], [-1, 1], [1, -1], [1, 1]];
}

/**
 * Numbers the connected regions of equal values from 1 on, in the order of their first pixels; 0 stays 0.
 * A mask (H, W) gives its pieces, a map of labels the connected pieces of each label
 * (`skimage.measure.label`).
 *
 * @example
 * const { labels, count } = connectedComponents({ data: [1, 0, 1], shape: [1, 3] }); // 1 0 2, 2
 */
export function connectedComponents(
  map: NdArray,
  { connectivity = 8 }: ConnectivityOption = {},
): { readonly labels: LabelMap; readonly count: number } {
  const [height, width] = extentOf("connectedComponents", map);
  const steps = stepsOf("connectedComponents", connectivity);
  const labels = new Int32Array(height * width);
  const open = new Int32Array(height * width); // pixels whose neighbours are still to be looked at
  let count = 0;
  for (let first = 0; first < labels.length; first++) {
    const value = map.data[first]!;
    if (value === 0 || labels[first] !== 0) continue;
    labels[first] = ++count;
    open[0] = first;
    for (let left = 1; left > 0; ) {
      const at = open[--left]!;
      const [row, col] = [Math.floor(at / width), at % width];
      for (const [down, right] of steps) {
        const [y, x] = [row + down, col + right];
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        const next = y * width + x;
        if (labels[next] !== 0 || map.data[next] !== value) continue;
        labels[next] = count;
        open[left++] = next;
      }
    }
  }
  return { labels: { data: labels, shape: [height, width] }, count };
}

/** The pixels of each label from 0 to the largest. */
export function regionSizes({ data }: LabelMap): Int32Array {
  const sizes = new Int32Array(1 + data.reduce((most, label) => Math.max(most, label), 0));
  for (const label of data) sizes[label]!++;
  return sizes;
}

/**
 * 1 where a pixel of a region has a neighbour of another label or of the background, else 0: boundaries
 * one pixel wide that lie within regions (`skimage.segmentation.find_boundaries`, mode "inner").
 */
export function innerBoundaries(
  map: NdArray,
  { connectivity = 8 }: ConnectivityOption = {},
): { readonly data: Uint8Array; readonly shape: readonly [number, number] } {
  const [height, width] = extentOf("innerBoundaries", map);
  const steps = stepsOf("innerBoundaries", connectivity);
  const data = new Uint8Array(height * width);
  const labels = map.data;
  for (let row = 0; row < height; row++) {
    for (let col = 0; col < width; col++) {
      const at = row * width + col;
      if (labels[at] === 0) continue;
      for (let i = 0; i < steps.length; i++) {
        const y = row + steps[i]![0];
        const x = col + steps[i]![1];
        if (y < 0 || y >= height || x < 0 || x >= width) continue;
        if (labels[y * width + x] !== labels[at]) data[at] = 1;
      }
    }
  }
  return { data, shape: [height, width] };
}

/**
 * The threshold from 0 to 254 that parts pixels of 0 to 255 best (Otsu 1979): those at or below it from
 * those above, with the greatest variance between the two. Pixels of one value have that value.
 *
 * @throws ArgumentError where there is no pixel, or one that is no integer from 0 to 255.
 *
 * @example
 * otsuThreshold([10, 12, 11, 200, 210]); // 12
 */
export function otsuThreshold(pixels: ArrayLike<number>): number {
  const counts = new Float64Array(256);
  for (let i = 0; i < pixels.length; i++) {
    const pixel = pixels[i]!;
    if (!(Number.isInteger(pixel) && pixel >= 0 && pixel <= 255)) {
      throw new ArgumentError("otsuThreshold", `pixel ${i} is ${pixel}, not an integer up to 255`);
    }
    counts[pixel]!++;
  }
  if (pixels.length === 0) throw new ArgumentError("otsuThreshold", "there is no pixel");
  const all = counts.reduce((sum, count, value) => sum + count * value, 0);
  let [best, threshold, below, sum] = [-1, pixels[0]!, 0, 0];
  for (let value = 0; value < 255; value++) {
    below += counts[value]!;
    sum += counts[value]! * value;
    const above = pixels.length - below;
    if (counts[value] === 0 || above === 0) continue;
    const between = below * above * (sum / below - (all - sum) / above) ** 2;
    if (between > best) [best, threshold] = [between, value];
  }
  return threshold;
}
