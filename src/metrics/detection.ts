// Mean average precision of detected boxes, and the curves behind it, as COCO (Lin et al. 2014) and Pascal
// VOC (Everingham et al. 2010) count them. Plain numbers. Not here: detecting, or non-maximum suppression.

import { ArgumentError, ShapeError } from "../util/errors.ts";

/** Left, top, right and bottom, in any one unit. */
export type Box = readonly [left: number, top: number, right: number, bottom: number];

/** What was detected in one picture. */
export interface Detections {
  readonly boxes: readonly Box[];
  readonly scores: readonly number[];
  /** Classes. */
  readonly labels: readonly number[];
}

/** What is in one picture. */
export interface Objects {
  readonly boxes: readonly Box[];
  readonly labels: readonly number[];
}

export interface DetectionOptions {
  /** How much boxes must overlap; COCO's 0.5, 0.55 … 0.95 without it. */
  iouThresholds?: readonly number[] | undefined;
  /** Precision at 101 recalls (COCO), or the whole area under it (VOC since 2010). */
  interpolation?: "coco" | "voc" | undefined;
  /** Of one picture and class, only so many of the highest scores count. */
  maxDetections?: number | undefined;
}

/** All in parts of 1; NaN where nothing was to be found. */
export interface DetectionScores {
  /** The mean over classes and thresholds. */
  readonly map: number;
  /** At an overlap of 0.5 and of 0.75; NaN where these are not among the thresholds. */
  readonly map50: number;
  readonly map75: number;
  /** The recall that is reached, in the mean over classes and thresholds. */
  readonly recall: number;
  /** The mean over thresholds of each class that occurs. */
  readonly perClass: ReadonlyMap<number, number>;
}

/** Intersection over union of two boxes. */
export function boxIou(a: Box, b: Box): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}

/**
 * Mean average precision over pictures. In each picture the detections of a class, from the highest
 * score on, take the box of the class that they overlap most and that none has taken.
 *
 * @throws ArgumentError for other numbers of pictures; ShapeError where boxes, scores and labels of a
 * picture differ in number.
 *
 * @example
 * const found = [{ boxes: [[0, 0, 10, 10]], scores: [0.9], labels: [1] }];
 * const there = [{ boxes: [[0, 0, 10, 9]], labels: [1] }];
 * meanAveragePrecision(found, there).map50; // 1
 */
export function meanAveragePrecision(
  detections: readonly Detections[],
  truths: readonly Objects[],
  options: DetectionOptions = {},
): DetectionScores {
  check("meanAveragePrecision", detections, truths);
  const { iouThresholds = cocoThresholds, interpolation = "coco", maxDetections = 100 } = options;
  const perClass = new Map<number, number>();
  const tables: { precision: number[]; recall: number[] }[] = [];
  const classes = new Set(truths.flatMap(({ labels }) => labels));
  for (const label of [...classes].sort((a, b) => a - b)) {
    const pictures = truths.map((truth, i) =>
      pictureOf(label, detections[i]!, truth, maxDetections),
    );
    const table = { precision: [] as number[], recall: [] as number[] };
    for (const threshold of iouThresholds) {
      const { precision, recall } = tally(pictures, threshold);
      fall(precision);
      table.precision.push(areas[interpolation](precision, recall));
      table.recall.push(recall.at(-1) ?? 0);
    }
    perClass.set(label, mean(table.precision));
    tables.push(table);
  }
  const at = (threshold: number) => {
    const column = iouThresholds.indexOf(threshold);
    return mean(tables.map(({ precision }) => precision[column] ?? Number.NaN));
  };
  return {
    map: mean([...perClass.values()]),
    map50: at(0.5),
    map75: at(0.75),
    recall: mean(tables.map((table) => mean(table.recall))),
    perClass,
  };
}

/** How precision falls as more is found: after each detection of a class, from the highest score on. */
export interface DetectionCurve {
  readonly scores: readonly number[];
  readonly precision: readonly number[];
  readonly recall: readonly number[];
}

/**
 * Precision and recall of one class over all pictures, as detections of ever lower scores count; what
 * {@link meanAveragePrecision} takes the area of. Recall is NaN where nothing was to be found.
 *
 * @throws as meanAveragePrecision; ArgumentError for a threshold outside of 0 to 1.
 *
 * @example
 * const found = [{ boxes: [[0, 0, 10, 10]], scores: [0.9], labels: [1] }];
 * const there = [{ boxes: [[0, 0, 10, 9]], labels: [1] }];
 * detectionCurve(found, there, 1).recall; // [1]
 */
export function detectionCurve(
  detections: readonly Detections[],
  truths: readonly Objects[],
  label: number,
  options: Pick<DetectionOptions, "maxDetections"> & { readonly iouThreshold?: number } = {},
): DetectionCurve {
  const op = "detectionCurve";
  check(op, detections, truths);
  const { iouThreshold = 0.5, maxDetections = 100 } = options;
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    throw new ArgumentError(op, `iouThreshold must be from 0 to 1, got ${iouThreshold}`);
  }
  const pictures = truths.map((truth, i) => pictureOf(label, detections[i]!, truth, maxDetections));
  return tally(pictures, iouThreshold);
}

/** Hits of all pictures by score, and what they amount to one after another. */
function tally(pictures: readonly Picture[], threshold: number) {
  const hits = pictures.flatMap((picture) => match(picture, threshold));
  hits.sort((a, b) => b.score - a.score);
  const wanted = pictures.reduce((sum, { boxes }) => sum + boxes.length, 0);
  const [scores, precision, recall]: [number[], number[], number[]] = [[], [], []];
  let right = 0;
  hits.forEach((hit, i) => {
    if (hit.right) right++;
    scores.push(hit.score);
    precision.push(right / (i + 1));
    recall.push(right / wanted);
  });
  return { scores, precision, recall };
}

const cocoThresholds = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);

interface Picture {
  readonly found: readonly { readonly box: Box; readonly score: number }[];
  readonly boxes: readonly Box[];
}

interface Hit {
  readonly score: number;
  readonly right: boolean;
}

function pictureOf(label: number, found: Detections, truth: Objects, most: number): Picture {
  const own = found.boxes
    .map((box, i) => ({ box, score: found.scores[i]!, label: found.labels[i]! }))
    .filter((detection) => detection.label === label)
    .sort((a, b) => b.score - a.score)
    .slice(0, most);
  return { found: own, boxes: truth.boxes.filter((_, i) => truth.labels[i] === label) };
}

function match({ found, boxes }: Picture, threshold: number): Hit[] {
  const taken = new Set<number>();
  return found.map(({ box, score }) => {
    let [best, overlap] = [-1, threshold];
    boxes.forEach((wanted, i) => {
      const iou = boxIou(box, wanted);
      if (taken.has(i) || iou < overlap) return;
      [best, overlap] = [i, iou];
    });
    if (best >= 0) taken.add(best);
    return { score, right: best >= 0 };
  });
}

/** Precision, made not to rise from left to right. */
function fall(precision: number[]): void {
  for (let i = precision.length - 2; i >= 0; i--) {
    precision[i] = Math.max(precision[i]!, precision[i + 1]!);
  }
}

type Area = (precision: readonly number[], recall: readonly number[]) => number;

const areas: { readonly [K in "coco" | "voc"]: Area } = {
  coco: (precision, recall) => {
    let [sum, at] = [0, 0];
    for (let i = 0; i <= 100; i++) {
      while (at < recall.length && recall[at]! < i / 100) at++;
      sum += precision[at] ?? 0;
    }
    return sum / 101;
  },
  voc: (precision, recall) => {
    return precision.reduce((sum, p, i) => sum + p * (recall[i]! - (recall[i - 1] ?? 0)), 0);
  },
};

function mean(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function check(op: string, detections: readonly Detections[], truths: readonly Objects[]): void {
  if (detections.length !== truths.length) {
    throw new ArgumentError(op, `detections of ${detections.length} pictures for ${truths.length}`);
  }
  detections.forEach(({ boxes, scores, labels }, i) => {
    const { boxes: wanted, labels: classes } = truths[i]!;
    if (boxes.length !== scores.length || boxes.length !== labels.length) {
      const what = `${boxes.length} boxes, ${scores.length} scores, ${labels.length} labels`;
      throw new ShapeError(op, `picture ${i}: ${what}`);
    }
    if (wanted.length === classes.length) return;
    throw new ShapeError(op, `picture ${i}: ${wanted.length} boxes, ${classes.length} labels`);
  });
}
