// How well single objects are outlined: each one found against each one that is there, by intersection over
// union, as the Data Science Bowl 2018 and Caicedo et al. (2019) count it. Plain numbers. Not here:
// pixels of classes (confusion.ts), or boxes (detection.ts).

import { ArgumentError, ShapeError } from "../util/errors.ts";

/** A number for each pixel, row by row: 0 is the background, every other one an object. */
export interface Instances {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** Counts over all pictures, and what follows from them, in parts of 1. */
export interface InstanceScores {
  readonly f1: number;
  readonly precision: number;
  readonly recall: number;
  /** Hits over hits, misses and false alarms together: the bowl's precision. */
  readonly jaccard: number;
  readonly hits: number;
  /** Found, and not there. */
  readonly alarms: number;
  /** There, and not found. */
  readonly misses: number;
}

export interface InstanceOptions {
  /** How much of their union an object and what is found of it must share: more than this. */
  readonly iouThreshold?: number | undefined;
}

/**
 * Objects found against objects there, of one picture after the other. What is found is a hit where it
 * overlaps an object by more than the threshold; from 0.5 on there can be but one. Of nothing at all
 * every score is 1.
 *
 * @throws ShapeError for other numbers or sizes of pictures, ArgumentError for thresholds below 0.5.
 *
 * @example
 * instanceScores([{ data: [1, 1, 0], shape: [1, 3] }], [{ data: [5, 5, 0], shape: [1, 3] }]).f1; // 1
 */
export function instanceScores(
  found: readonly Instances[],
  there: readonly Instances[],
  { iouThreshold = 0.5 }: InstanceOptions = {},
): InstanceScores {
  if (!(iouThreshold >= 0.5 && iouThreshold < 1)) {
    const detail = `iouThreshold must be from 0.5 to below 1, got ${iouThreshold}`;
    throw new ArgumentError("instanceScores", detail);
  }
  if (found.length !== there.length) {
    const detail = `${found.length} pictures found, ${there.length} there`;
    throw new ShapeError("instanceScores", detail);
  }
  let [hits, alarms, misses] = [0, 0, 0];
  for (const [i, picture] of found.entries()) {
    const { best, foundCount, thereCount } = overlaps(picture, there[i]!);
    const right = best.filter((iou) => iou > iouThreshold).length;
    hits += right;
    alarms += foundCount - right;
    misses += thereCount - right;
  }
  const part = (of: number) => (of === 0 ? 1 : hits / of);
  return {
    f1: part(hits + (alarms + misses) / 2),
    precision: part(hits + alarms),
    recall: part(hits + misses),
    jaccard: part(hits + alarms + misses),
    ...{ hits, alarms, misses },
  };
}

/** For each object there, the greatest intersection over union with one that is found. */
function overlaps(found: Instances, there: Instances) {
  const size = there.data.length;
  if (`${found.shape}` !== `${there.shape}` || found.data.length !== size) {
    const detail = `found [${found.shape}], there [${there.shape}]`;
    throw new ShapeError("instanceScores", detail);
  }
  const [foundSizes, thereSizes] = [new Map<number, number>(), new Map<number, number>()];
  const shared = new Map<number, Map<number, number>>(); // of object there, of object found
  const add = <K>(counts: Map<K, number>, key: K) => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (let at = 0; at < size; at++) {
    const [a, b] = [found.data[at]!, there.data[at]!];
    if (a !== 0) add(foundSizes, a);
    if (b === 0) continue;
    add(thereSizes, b);
    if (a === 0) continue;
    if (!shared.has(b)) shared.set(b, new Map());
    add(shared.get(b)!, a);
  }
  const best = [...shared].map(([b, counts]) => {
    const all = [...counts].map(([a, both]) => {
      return both / (foundSizes.get(a)! + thereSizes.get(b)! - both);
    });
    return Math.max(...all);
  });
  return { best, foundCount: foundSizes.size, thereCount: thereSizes.size };
}
