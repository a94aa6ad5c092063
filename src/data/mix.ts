// Mixing the samples of a batch with each other and their labels with them: mixup and cutmix, for the
// loader's `mix`. The labels become probabilities, (N, classes) float32, for
// `crossEntropy(logits, y, { soft: true })`.
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import { log } from "../util/math.ts";
import type { Rng } from "../util/rng.ts";
import type { NdArray } from "./collate.ts";

/** A batch of pictures (N, …) and their classes, int32 (N), or probabilities, float32 (N, classes). */
export interface Labelled {
  readonly x: NdArray;
  readonly y: NdArray;
}

/** From stacked batch to stacked batch. */
export type Mix = <B extends Labelled>(batch: B, rng: Rng) => B;

export interface MixOptions {
  /** How many classes there are. */
  classes: number;
  /** Shares are drawn from Beta(alpha, alpha): small means mostly one of two, 1 any share alike. */
  alpha?: number;
}

/**
 * Each sample mixed with the one before it in the batch, x and labels by the same share, one draw for
 * a batch (Zhang et al. 2018; torchvision's `MixUp`). x is float32.
 *
 * @example
 * const loader = new DataLoader(data, { batchSize: 64, shuffle: true, mix: mixup({ classes: 10 }) });
 * const loss = (logits, y) => nn.crossEntropy(logits, y, { soft: true });
 */
export function mixup({ classes, alpha = 1 }: MixOptions): Mix {
  checkOptions("mixup", classes, alpha);
  return (batch, rng) => {
    const share = beta(rng, alpha);
    return {
      ...batch,
      x: blend("mixup", batch.x, share),
      y: mixLabels("mixup", batch, classes, share),
    };
  };
}

/**
 * In each picture (N, C, H, W) a rectangle of the one before it in the batch, at the same place; the
 * labels are mixed by areas (Yun et al. 2019; torchvision's `CutMix`).
 */
export function cutmix({ classes, alpha = 1 }: MixOptions): Mix {
  checkOptions("cutmix", classes, alpha);
  return (batch, rng) => {
    const [, , height = 0, width = 0] = batch.x.shape;
    if (batch.x.shape.length !== 4) {
      throw new ShapeError("cutmix", `x must be (N, C, H, W), got [${batch.x.shape}]`);
    }
    const part = Math.sqrt(1 - beta(rng, alpha)) / 2;
    const [middleX, middleY] = [rng.int(width), rng.int(height)];
    const [reachX, reachY] = [Math.floor(part * width), Math.floor(part * height)];
    const [left, right] = [Math.max(0, middleX - reachX), Math.min(width, middleX + reachX)];
    const [top, bottom] = [Math.max(0, middleY - reachY), Math.min(height, middleY + reachY)];
    const share = 1 - ((right - left) * (bottom - top)) / (width * height);
    const x = paste(batch.x, { left, right, top, bottom });
    return { ...batch, x, y: mixLabels("cutmix", batch, classes, share) };
  };
}

/** One of several, drawn for each batch. */
export function oneOf(...mixes: readonly Mix[]): Mix {
  if (mixes.length === 0) throw new ArgumentError("oneOf", "there is nothing to choose from");
  return (batch, rng) => mixes[rng.int(mixes.length)]!(batch, rng);
}

const before = (i: number, samples: number) => (i === 0 ? samples : i) - 1;

function blend(op: string, { data, shape }: NdArray, share: number): NdArray {
  if (!(data instanceof Float32Array)) {
    const notes = { hint: "put toFloat() before the loader" };
    throw new DtypeError(op, `x must be float32, got ${data.constructor.name}`, notes);
  }
  const [samples = 0] = shape;
  const size = samples === 0 ? 0 : data.length / samples;
  const mixed = new Float32Array(data.length);
  for (let i = 0; i < samples; i++) {
    const [own, other] = [i * size, before(i, samples) * size];
    for (let j = 0; j < size; j++) {
      mixed[own + j] = share * data[own + j]! + (1 - share) * data[other + j]!;
    }
  }
  return { data: mixed, shape };
}

type Edges = Readonly<Record<"left" | "right" | "top" | "bottom", number>>;

function paste({ data, shape }: NdArray, { left, right, top, bottom }: Edges): NdArray {
  const [samples = 0, channels = 0, height = 0, width = 0] = shape;
  const result = data.slice();
  for (let i = 0; i < samples; i++) {
    for (let c = 0; c < channels; c++) {
      for (let y = top; y < bottom; y++) {
        const to = ((i * channels + c) * height + y) * width;
        const from = ((before(i, samples) * channels + c) * height + y) * width;
        result.set(data.subarray(from + left, from + right), to + left);
      }
    }
  }
  return { data: result, shape };
}

function mixLabels(op: string, { x, y }: Labelled, classes: number, share: number): NdArray {
  const [samples = 0] = x.shape;
  if (y.shape[0] !== samples) {
    throw new ShapeError(op, `x [${x.shape}] and y [${y.shape}] have other numbers of samples`);
  }
  return blend(op, y.shape.length === 1 ? oneHot(op, y, classes) : y, share);
}

function oneHot(op: string, { data, shape }: NdArray, classes: number): NdArray {
  const hot = new Float32Array(data.length * classes);
  data.forEach((label, i) => {
    if (Number.isInteger(label) && label >= 0 && label < classes) hot[i * classes + label] = 1;
    else throw new ArgumentError(op, `label ${label} of sample ${i} is none of ${classes} classes`);
  });
  return { data: hot, shape: [...shape, classes] };
}

// A draw of Beta(a, a): one gamma's share of two.
function beta(rng: Rng, a: number): number {
  if (a === 1) return rng.float();
  const [p, q] = [gamma(rng, a), gamma(rng, a)];
  return p + q === 0 ? rng.int(2) : p / (p + q);
}

// Marsaglia and Tsang (2000); below 1 by a draw for one more, scaled down.
function gamma(rng: Rng, a: number): number {
  if (a < 1) return gamma(rng, a + 1) * (1 - rng.float()) ** (1 / a);
  const d = a - 1 / 3;
  for (;;) {
    const z = rng.normal();
    const v = (1 + z / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && log(1 - rng.float()) < z * z * 0.5 + d - d * v + d * log(v)) return d * v;
  }
}

function checkOptions(op: string, classes: number, alpha: number): void {
  if (Number.isSafeInteger(classes) && classes > 0 && alpha > 0 && alpha < Infinity) return;
  const what = `classes must be an integer from 1 and alpha above 0, got ${classes} and ${alpha}`;
  throw new ArgumentError(op, what);
}
