// The watershed (Beucher and Lantuéjoul 1979, by flooding from markers as Meyer 1991): every marker is a
// spring, water rises, and where two waters meet runs the border. Not here: where markers come from
// (regions.ts finds components).
import type { NdArray } from "../data/index.ts";
import { ShapeError } from "../util/errors.ts";
import { type ConnectivityOption, extentOf, type LabelMap, stepsOf } from "./regions.ts";

export interface WatershedOptions extends ConnectivityOption {
  /** Only pixels that are not 0 here (H, W) are flooded. */
  readonly mask?: NdArray | undefined;
}

/**
 * Regions grown from markers over a landscape: heights (H, W) of any numbers, markers (H, W) with a number
 * from 1 for each region and 0 elsewhere. Low pixels are taken first, among equals those that were
 * reached first. Pixels of the mask that no marker reaches stay 0 (`skimage.segmentation.watershed`).
 *
 * @throws ShapeError where the maps differ in size.
 *
 * @example
 * const seeds = connectedComponents(sureNuclei).labels;
 * const nuclei = watershed(distanceToNuclei, seeds, { mask: foreground });
 */
export function watershed(
  heights: NdArray,
  markers: NdArray,
  { mask, connectivity = 4 }: WatershedOptions = {},
): LabelMap {
  const [height, width] = extentOf("watershed", heights);
  for (const map of [markers, ...(mask ? [mask] : [])]) {
    const [rows, cols] = extentOf("watershed", map);
    if (rows === height && cols === width) continue;
    throw new ShapeError("watershed", `[${rows}, ${cols}] lies over heights [${height}, ${width}]`);
  }
  const steps = stepsOf("watershed", connectivity);
  const inside = (at: number) => mask === undefined || mask.data[at] !== 0;
  const labels = Int32Array.from(markers.data, (label, at) => (inside(at) ? label : 0));
  const shore = new Shore(heights.data);
  for (let at = 0; at < labels.length; at++) if (labels[at] !== 0) shore.push(at);
  for (let at = shore.pop(); at !== undefined; at = shore.pop()) {
    const [row, col] = [Math.floor(at / width), at % width];
    for (const [down, right] of steps) {
      const [y, x] = [row + down, col + right];
      if (y < 0 || y >= height || x < 0 || x >= width) continue;
      const next = y * width + x;
      if (labels[next] !== 0 || !inside(next)) continue;
      labels[next] = labels[at]!;
      shore.push(next);
    }
  }
  return { data: labels, shape: [height, width] };
}

/** Pixels by height, the lowest first, among equals the earliest: a binary heap. */
class Shore {
  readonly #heights: ArrayLike<number>;
  readonly #heap: number[] = [];
  /** When each pixel came. */
  readonly #turn: Float64Array;
  #turns = 0;

  constructor(heights: ArrayLike<number>) {
    this.#heights = heights;
    this.#turn = new Float64Array(heights.length);
  }

  push(pixel: number): void {
    const heap = this.#heap;
    this.#turn[pixel] = this.#turns++;
    let at = heap.push(pixel) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(pixel, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = pixel;
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const lowest = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return lowest;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return lowest;
  }

  #before(a: number, b: number): boolean {
    const [high, low] = [this.#heights[a]!, this.#heights[b]!];
    return high === low ? this.#turn[a]! < this.#turn[b]! : high < low;
  }
}
