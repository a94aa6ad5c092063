// Metrics of pictures against what they should be: outputs and targets (B, C, H, W).
// Not here: metrics of what is seen in pictures (confusion.ts for segments, detection.ts for boxes).

import { tensor } from "../tensor/create.ts";
import { conv } from "../tensor/ops/conv.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { exp, log } from "../util/math.ts";
import { counted, type Measured, type Metric, ratio, sameShape } from "./metric.ts";

export interface PictureOptions {
  /** The distance from black to white: 1, or 255. */
  range?: number | undefined;
}

function pictures(op: string, { output, target }: Measured): void {
  sameShape(op, output, target);
  if (output.ndim !== 4) throw new ShapeError(op, `wants (B, C, H, W), got [${output.shape}]`);
}

/** Peak signal-to-noise ratio in dB, 10·log10(range² / mean square error) of each picture, in the mean;
 *  infinite where a picture is met exactly. */
export function psnr({ range = 1 }: PictureOptions = {}): Metric {
  const measure = (batch: Measured) => {
    pictures("psnr", batch);
    const errors = batch.output.sub(batch.target).square().mean([1, 2, 3]); // (B)
    return [errors.log().sum(), counted(batch.count)];
  };
  const result = (sums: Parameters<typeof ratio>[0]) => {
    return (10 / Math.LN10) * (2 * log(range) - ratio(sums));
  };
  return { measure, result };
}

export interface SsimOptions extends PictureOptions {
  /** Pixels across the window; odd. */
  windowSize?: number | undefined;
  /** Of the Gaussian within the window, in pixels. */
  sigma?: number | undefined;
}

/**
 * Structural similarity (Wang et al. 2004), with their constants 0.01 and 0.03: the mean over all
 * places where a Gaussian window lies within the picture, over channels and pictures.
 */
export function ssim({ range = 1, windowSize = 11, sigma = 1.5 }: SsimOptions = {}): Metric {
  if (!Number.isInteger(windowSize) || windowSize < 1 || windowSize % 2 === 0) {
    throw new ArgumentError("ssim", `windowSize must be odd, got ${windowSize}`);
  }
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2];
  const weights = gaussian(windowSize, sigma);
  const measure = (batch: Measured) => {
    pictures("ssim", batch);
    const [height, width] = batch.output.shape.slice(2) as [number, number];
    if (Math.min(height, width) < windowSize) {
      throw new ShapeError("ssim", `pictures of ${height}×${width} are smaller than the window`, {
        hint: `ssim({ windowSize: ${Math.min(height, width) - ((Math.min(height, width) + 1) % 2)} })`,
      });
    }
    const planes = (x: Tensor) => x.float().reshape(-1, 1, height, width);
    const [x, y] = [planes(batch.output), planes(batch.target)]; // (B·C, 1, H, W)
    const across = tensor([[[weights]]]); // (1, 1, 1, size)
    const smooth = (z: Tensor) => conv(2, conv(2, z, across), across.mT);
    const [midX, midY] = [smooth(x), smooth(y)];
    const spread = (a: Tensor, b: Tensor, midA: Tensor, midB: Tensor) => {
      return smooth(a.mul(b)).sub(midA.mul(midB));
    };
    const both = midX.square().add(midY.square()).add(c1);
    const varied = spread(x, x, midX, midX)
      .add(spread(y, y, midY, midY))
      .add(c2);
    const alike = midX
      .mul(midY)
      .mul(2)
      .add(c1)
      .mul(spread(x, y, midX, midY).mul(2).add(c2));
    return [alike.div(both.mul(varied)).mean([1, 2, 3]).sum(), counted(x.shape[0]!)];
  };
  return { measure, result: ratio };
}

/** Weights of a Gaussian that add up to 1. */
function gaussian(size: number, sigma: number): number[] {
  const middle = (size - 1) / 2;
  const raw = Array.from({ length: size }, (_, i) =>
    exp(-((i - middle) ** 2) / (2 * sigma * sigma)),
  );
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((weight) => weight / sum);
}
