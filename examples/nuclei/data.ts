// The pictures of the Data Science Bowl 2018 as `anneal train nuclei` uses them: read with the number of the
// nucleus at each pixel, split by picture, cut into crops of three classes. Not here: the files
// (bowl.ts), the network (../unet.ts), or how its answer becomes nuclei (instances.ts).

import {
  ArrayDataset,
  centerCrop,
  compose,
  DataLoader,
  MapDataset,
  type NdArray,
  Rng,
  randomHorizontalFlip,
  randomResizedCrop,
  randomVerticalFlip,
  toLayout,
} from "anneal/data";
import type { Published, Skipped } from "anneal/recipe";
import { innerBoundaries, type SegmentedPicture } from "anneal/vision";
import { readNucleiFolder } from "./bowl.ts";

/** What a pixel is. A nucleus is its inside and its own outermost pixels. */
export const classes = ["background", "inside", "boundary"] as const;

/** The side of the crops that are trained on. */
export const side = 128;

/** A picture, and what is dark and bright in it. */
export interface NucleiPicture extends SegmentedPicture {
  readonly dark: number;
  readonly bright: number;
}

export interface Nuclei {
  readonly train: readonly NucleiPicture[];
  readonly validation: readonly NucleiPicture[];
  readonly test: readonly NucleiPicture[];
}

export const published: Published = {
  name: "nuclei of the Data Science Bowl 2018",
  place: "medical/nuclei",
  files: [{ from: "https://data.broadinstitute.org/bbbc/BBBC038/stage1_train.zip" }],
  page: "https://bbbc.broadinstitute.org/BBBC038",
};

/**
 * Reads images/NAME.jpg (or .png) with labels/NAME.png, whose pixels have the number of their nucleus, 0 for
 * none, or the bowl's own folders; and splits them 70 : 10 : 20 by the seed, those of each size for
 * themselves.
 */
export async function readNuclei(
  folder: string,
  { seed, ...options }: { seed: number; limit?: number | undefined; skipBad?: boolean },
): Promise<Nuclei & { readonly bad: readonly Skipped[] }> {
  const { items, bad } = await readNucleiFolder(folder, options);
  return { ...split(items.map(withRange), seed), bad };
}

/** The same part of every size, so that every kind of microscope is in every part. */
function split(pictures: readonly NucleiPicture[], seed: number): Nuclei {
  const parts = { train: [], validation: [], test: [] } as Record<keyof Nuclei, NucleiPicture[]>;
  const sizeOf = ({ mask }: NucleiPicture) => mask.shape.join("×");
  for (const [i, size] of [...new Set(pictures.map(sizeOf))].sort().entries()) {
    const own = pictures.filter((picture) => sizeOf(picture) === size);
    const order = Array.from(new Rng(seed, i).permutation(own.length), (at) => own[at]!);
    const [test, validation] = [Math.round(0.2 * own.length), Math.round(0.3 * own.length)];
    parts.test.push(...order.slice(0, test));
    parts.validation.push(...order.slice(test, validation));
    parts.train.push(...order.slice(validation));
  }
  return parts;
}

/** With the values below and above which a hundredth of its pixels lies. */
export function withRange(picture: SegmentedPicture): NucleiPicture {
  const { data } = picture.image;
  const counts = new Float64Array(256);
  for (const value of data) counts[value]!++;
  const at = (part: number) => {
    let below = 0;
    return counts.findIndex((count) => (below += count) >= part * data.length);
  };
  const dark = at(0.01);
  return { ...picture, dark, bright: Math.max(at(0.99), dark + 1) };
}

interface Sample {
  readonly x: NdArray;
  readonly y: NdArray;
}

/** Crops at random places, from 0.73 to 1.33 times as large, mirrored. */
export function cropLoader(pictures: readonly NucleiPicture[], batchSize: number, seed: number) {
  const augmented = pictures.map((picture) => {
    const area = picture.mask.data.length;
    const scale = [Math.min(1, (96 * 96) / area), Math.min(1, (176 * 176) / area)] as const;
    const zoom = randomResizedCrop(side, { scale, ratio: [0.9, 1.1] });
    return { picture, move: compose(zoom, randomHorizontalFlip(), randomVerticalFlip()) };
  });
  const crops = new MapDataset(new ArrayDataset(augmented), ({ picture, move }, rng) =>
    sampleOf(move(picture, rng)),
  );
  return new DataLoader<Sample>(crops, { batchSize, shuffle: true, seed, dropLast: true });
}

/** The middle of each picture, to look at while training. */
export function middleLoader(pictures: readonly NucleiPicture[], batchSize: number) {
  const middle = centerCrop(side);
  const crops = new MapDataset(new ArrayDataset(pictures), (picture, rng) =>
    sampleOf(middle(picture, rng)),
  );
  return new DataLoader<Sample>(crops, { batchSize });
}

function sampleOf(picture: NucleiPicture): Sample {
  const { data: nuclei, shape } = picture.mask;
  const boundary = innerBoundaries(picture.mask).data;
  const y = new Int32Array(nuclei.length);
  for (let i = 0; i < y.length; i++) y[i] = nuclei[i] === 0 ? 0 : 1 + boundary[i]!;
  return { x: brightness(picture), y: { data: y, shape } };
}

/** Pixels from 0, as dark as its dark ones, to 1: (3, H, W). */
export function brightness({ image, dark, bright }: NucleiPicture) {
  const { data, shape } = toLayout(image, "chw");
  const x = new Float32Array(data.length);
  for (let i = 0; i < x.length; i++) x[i] = (data[i]! - dark) / (bright - dark);
  return { data: x, shape };
}
