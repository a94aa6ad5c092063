// What the grid of `cells` means: from boxes to what the network shall say, how far off it is, and from
// what it said to boxes. Objects as points (Zhou et al. 2019), trained as TTFNet (Liu et al. 2019): every
// class has a heat map with a bump at each centre, and all places of a bump learn the four sides of its
// box.

import { cat, compile, nn, noGrad, Tensor, tensor, where } from "anneal";
import { type ImageArray, type NdArray, type SceneBox, toLayout } from "anneal/data";
import type { Detections } from "anneal/metrics";
import { batchedNms } from "anneal/vision";
import { type CellNet, stride } from "./model.ts";

/** What is in a picture, boxes in its pixels. */
export interface Boxes {
  readonly boxes: readonly SceneBox[];
  readonly labels: readonly number[];
}

/**
 * What the network shall say of a picture of height × width pixels: (classes + 5, height/8, width/8), heat
 * maps, the distances from a cell's middle to the four sides, in cells, and how much a cell's distances
 * count. Those of a box count 1 in all; where bumps lie over each other the smaller box has the cell.
 */
export function targetOf(
  { boxes, labels }: Boxes,
  classes: number,
  height: number,
  width: number,
): NdArray {
  const [rows, cols] = [height / stride, width / stride];
  const area = rows * cols;
  const data = new Float32Array((classes + 5) * area);
  data.fill(1, classes * area, (classes + 4) * area); // a cell that does not count: any box but an empty one
  const size = ([left, top, right, bottom]: SceneBox) => (right - left) * (bottom - top);
  const order = boxes.map((_, i) => i).sort((a, b) => size(boxes[b]!) - size(boxes[a]!));
  const owner = new Int32Array(area).fill(-1);
  const bump = new Float32Array(area);
  for (const i of order) {
    const [left, top, right, bottom] = boxes[i]!.map((side) => side / stride) as never as SceneBox;
    const [spreadX, spreadY] = [(0.54 / 6) * (right - left), (0.54 / 6) * (bottom - top)];
    const centreX = Math.min(cols - 1, Math.floor((left + right) / 2));
    const centreY = Math.min(rows - 1, Math.floor((top + bottom) / 2));
    const [reachX, reachY] = [Math.floor(3 * spreadX), Math.floor(3 * spreadY)];
    for (let y = Math.max(0, centreY - reachY); y <= Math.min(rows - 1, centreY + reachY); y++) {
      for (let x = Math.max(0, centreX - reachX); x <= Math.min(cols - 1, centreX + reachX); x++) {
        const [farX, farY] = [(x - centreX) / spreadX, (y - centreY) / spreadY];
        const heat = Math.exp(-(farX * farX + farY * farY) / 2);
        const cell = y * cols + x;
        const map = labels[i]! * area + cell;
        data[map] = Math.max(data[map]!, heat);
        const sides = [x + 0.5 - left, y + 0.5 - top, right - x - 0.5, bottom - y - 0.5];
        if (Math.min(...sides) <= 0 && cell !== centreY * cols + centreX) continue;
        owner[cell] = i;
        bump[cell] = heat;
        sides.forEach((side, k) => void (data[(classes + k) * area + cell] = Math.max(side, 0.05)));
      }
    }
  }
  const sums = new Float64Array(boxes.length);
  owner.forEach((i, cell) => void (i >= 0 && (sums[i]! += bump[cell]!)));
  owner.forEach((i, cell) => {
    if (i >= 0) data[(classes + 4) * area + cell] = bump[cell]! / sums[i]!;
  });
  return { data, shape: [classes + 5, rows, cols] };
}

/** How far what was said (B, classes + 4, h, w) is from the targets (B, classes + 5, h, w): heat maps, and
 *  five times how badly boxes overlap, each for a box in the mean. */
export function detectionLoss(said: Tensor, target: Tensor): Tensor {
  const classes = said.shape[1]! - 4;
  const heat = nn.gaussianFocalLoss(channels(said, 0, classes), channels(target, 0, classes));
  const found = cornersOf(distances(channels(said, classes, 4)));
  const wanted = cornersOf(channels(target, classes, 4));
  const weight = channels(target, classes + 4, 1).squeeze(1); // (B, h, w)
  const misses = nn.generalizedBoxIouLoss(found, wanted, { reduction: "none" }).mul(weight); // (B, h, w)
  return heat.add(misses.sum().div(weight.sum().maximum(1)).mul(5));
}

const channels = (x: Tensor, from: number, count: number) => x.narrow(1, from, count); // (B, count, h, w)

/** Logarithms to cells; what is larger than any picture stays finite. */
const distances = (x: Tensor) => x.minimum(5).exp();

/** Distances (B, 4, h, w) to boxes around a cell's middle, (B, h, w, 4). */
function cornersOf(sides: Tensor): Tensor {
  const signs = tensor([-1, -1, 1, 1]);
  return sides.permute(0, 2, 3, 1).mul(signs);
}

/** Probabilities where a heat map has a peak, 0 elsewhere, and distances: (B, classes + 4, h, w). A peak is
 *  what is as high as the highest of its 3 × 3 neighbours. */
export function peaksOf(said: Tensor): Tensor {
  const classes = said.shape[1]! - 4;
  const heat = channels(said, 0, classes).sigmoid(); // (B, classes, h, w)
  const highest = heat.maxPool2d(3, { stride: 1, padding: 1 }); // (B, classes, h, w)
  return cat([where(heat.ge(highest), heat, 0), distances(channels(said, classes, 4))], 1);
}

/** What a model finds in a picture of the network's size; the model evaluates from now on. */
export function detectorOf(model: CellNet): (image: ImageArray) => Promise<Detections> {
  model.eval();
  const look = compile((x: Tensor) => noGrad(() => peaksOf(model.forward(x))));
  return async (image) => {
    const { data, shape } = toLayout(image, "chw");
    return (await detectionsOf(look(Tensor.from(data, [1, ...shape]))))[0]!;
  };
}

export interface DecodeOptions {
  /** Peaks below it are no objects (0.05). */
  readonly threshold?: number;
  /** Boxes of a class that overlap more are one object (0.5). */
  readonly iou?: number;
  /** The most that a picture has (100). */
  readonly most?: number;
}

/** The boxes of each picture by its peaks, in pixels of what the network saw, the surest first. */
export async function detectionsOf(
  peaks: Tensor,
  { threshold = 0.05, iou = 0.5, most = 100 }: DecodeOptions = {},
): Promise<Detections[]> {
  const [count, planes, rows, cols] = peaks.shape as [number, number, number, number];
  const area = rows * cols;
  const values = await peaks.data();
  return Array.from({ length: count }, (_, b) => {
    const own = values.subarray(b * planes * area, (b + 1) * planes * area);
    const [boxes, scores, labels]: [SceneBox[], number[], number[]] = [[], [], []];
    for (let i = 0; i < (planes - 4) * area; i++) {
      const score = Number(own[i]);
      if (score < threshold) continue;
      const cell = i % area;
      const [x, y] = [(cell % cols) + 0.5, Math.floor(cell / cols) + 0.5];
      const side = (k: number) => Number(own[(planes - 4 + k) * area + cell]);
      boxes.push([
        Math.max(0, x - side(0)) * stride,
        Math.max(0, y - side(1)) * stride,
        Math.min(cols, x + side(2)) * stride,
        Math.min(rows, y + side(3)) * stride,
      ]);
      scores.push(score);
      labels.push(Math.floor(i / area));
    }
    const stay = batchedNms(boxes, scores, labels, iou).slice(0, most);
    const pick = <T>(list: readonly T[]) => stay.map((i) => list[i]!);
    return { boxes: pick(boxes), scores: pick(scores), labels: pick(labels) };
  });
}
