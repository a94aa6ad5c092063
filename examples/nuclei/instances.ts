// From a score for each class at each pixel to nuclei, and the simple way that it is held against: Otsu's
// threshold. Not here: the network (../unet.ts), or how good the nuclei are (../nuclei.ts).

import type { NdArray } from "anneal/data";
import {
  connectedComponents,
  type LabelMap,
  otsuThreshold,
  regionSizes,
  watershed,
} from "anneal/vision";
import type { NucleiPicture } from "./data.ts";

/** Pixels below which something is no nucleus. */
const least = 12;

/**
 * Nuclei of probabilities (3, H, W) of background, inside and boundary: pieces that are surely inside are
 * seeds, which grow over all that is rather nucleus than background. What no seed reaches is a nucleus
 * too.
 */
export function nucleiOf(
  probabilities: ArrayLike<number>,
  height: number,
  width: number,
): LabelMap {
  const size = height * width;
  const shape = [height, width] as const;
  const each = (value: (i: number) => number): NdArray => {
    return { data: Float32Array.from({ length: size }, (_, i) => value(i)), shape };
  };
  const outside = each((i) => 1 - probabilities[size + i]!); // of insides
  const mask = each((i) => Number(probabilities[i]! < 0.5));
  const sure = each((i) => Number(outside.data[i]! < 0.5));
  const seeds = connectedComponents(sure, { connectivity: 4 });
  const grown = watershed(outside, seeds.labels, { mask }).data;
  const rest = connectedComponents(each((i) => Number(mask.data[i] === 1 && grown[i] === 0)));
  const data = grown.map((label, i) => {
    const other = rest.labels.data[i]!;
    return other === 0 ? label : seeds.count + other;
  });
  return withoutSpecks({ data, shape });
}

/** Otsu's threshold on the brightness; the rarer side is nuclei. Touching ones stay one. */
export function simpleNuclei({ image, mask }: NucleiPicture): LabelMap {
  const [height, width] = mask.shape;
  const grey = Uint8Array.from({ length: height * width }, (_, i) => {
    const [r, g, b] = image.data.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number];
    return Math.round(0.299 * r + 0.587 * g + 0.114 * b);
  });
  const threshold = otsuThreshold(grey);
  const light = grey.map((value) => (value > threshold ? 1 : 0));
  const isLightRare = light.reduce((sum, value) => sum + value, 0) < light.length / 2;
  const found = isLightRare ? light : light.map((value) => 1 - value);
  return withoutSpecks(connectedComponents({ data: found, shape: [height, width] }).labels);
}

function withoutSpecks(labels: LabelMap): LabelMap {
  const sizes = regionSizes(labels);
  return { ...labels, data: labels.data.map((label) => (sizes[label]! < least ? 0 : label)) };
}

/** Intersection over union of what is nucleus: over all pixels, of each picture, and their mean. */
export function pixelIou(
  found: readonly LabelMap[],
  there: readonly { data: ArrayLike<number> }[],
) {
  let [both, either] = [0, 0];
  const each = found.map(({ data }, i) => {
    const truth = there[i]!.data;
    const shared = data.reduce((sum, label, at) => sum + Number(label > 0 && truth[at]! > 0), 0);
    const any = data.reduce((sum, label, at) => sum + Number(label > 0 || truth[at]! > 0), 0);
    both += shared;
    either += any;
    return any === 0 ? 1 : shared / any;
  });
  const part = (a: number, b: number) => (b === 0 ? 1 : a / b);
  return {
    all: part(both, either),
    each,
    mean: part(
      each.reduce((a, b) => a + b, 0),
      each.length,
    ),
  };
}
