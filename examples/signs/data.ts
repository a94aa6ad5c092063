// Traffic signs as `anneal train signs` uses them: CLASS/TRACK_FRAME.png, cut into parts by track,
// since the frames of a track show one sign on one drive: who has seen one has seen them all.
// Not here: decoding (anneal/vision), or the network (signs.ts).

import { LoadError, noGrad, Tensor } from "anneal";
import {
  DataLoader,
  groupSplit,
  type ImageArray,
  type ImageSample,
  image,
  LabeledImages,
  randomAffine,
  resizeTo,
} from "anneal/data";
import { type FolderConfig, folderOf, type Published, type Skipped } from "anneal/recipe";
import { ImageFolder } from "anneal/vision";
import { signNames } from "./names.ts";

/** Pictures are brought to this size where they have another. */
export const side = 32;

/** Parts of each class's tracks that train, validate and test. */
const parts = [0.7, 0.1, 0.2] as const;

export interface SignPart {
  readonly images: readonly ImageArray[];
  /** The same as the network takes them. */
  readonly seen: readonly ImageArray[];
  readonly labels: readonly number[];
  /** CLASS/TRACK of each picture. */
  readonly trackOf: readonly string[];
  /** All of them, in rising order. */
  readonly tracks: readonly string[];
}

export interface Signs {
  readonly source: string;
  readonly train: SignPart;
  readonly validation: SignPart;
  readonly test: SignPart;
  /** Files that were left out. */
  readonly bad: readonly Skipped[];
}

export interface SignConfig extends FolderConfig {
  readonly splitSeed: number;
  readonly skipBad: boolean;
}

/** The archive there has PPM, which is no format of the web: the pictures must be made PNG. */
const published: Published = {
  name: "GTSRB",
  place: "driving/signs",
  files: [],
  page: "benchmark.ini.rub.de/gtsrb_dataset.html (GTSRB_Final_Training_Images.zip, pictures as PNG)",
};
const hint = "pictures lie in a folder for each class, from 0 to 42: CLASS/TRACK_FRAME.png";

/** Reads all pictures and cuts them by track. Throws LoadError for what is not as it should be. */
export async function readSigns(config: SignConfig): Promise<Signs> {
  const source = await folderOf(config, published);
  const folder = await ImageFolder.open(source);
  const numbers = folder.classes.map(Number);
  if (numbers.length !== signNames.length || numbers.some((number, i) => number !== i)) {
    const what = `has ${numbers.length} classes, not ${signNames.length} numbered from 0`;
    throw new LoadError(source, what, { hint });
  }
  const { items, bad } = await folder.read({ skipBad: config.skipBad });
  const tracks = items.map(({ name }) => {
    const track = /^([^/]+\/\d+)_\d+\.[^/]*$/.exec(name)?.[1];
    if (track !== undefined) return track;
    throw new LoadError(name, "is not named CLASS/TRACK_FRAME", { hint });
  });
  const labels = items.map(({ label }) => label);
  const images = items.map(({ image }) => sized(image));
  const seen = await evenlyLit(images);
  const split = groupSplit(tracks, parts, { seed: config.splitSeed, classes: labels });
  const [train, validation, test] = split.map((indices): SignPart => {
    if (indices.length === 0)
      throw new LoadError(source, "has too few tracks to test by", { hint });
    const trackOf = indices.map((i) => tracks[i]!);
    return {
      images: indices.map((i) => images[i]!),
      seen: indices.map((i) => seen[i]!),
      labels: indices.map((i) => labels[i]!),
      ...{ trackOf, tracks: [...new Set(trackOf)] },
    };
  });
  return { source, bad, train: train!, validation: validation!, test: test! };
}

/** A picture in the network's size. */
export function sized(picture: ImageArray): ImageArray {
  return resizeTo(picture, side, side);
}

/**
 * Pictures in grey, each pixel by how far it is from the mean of the 9×9 around it, in spreads of
 * those (local contrast, Jarrett et al. 2009): signs in the dark or against the sun look as others
 * do. Grey, since some tracks have red and green swapped.
 */
export async function evenlyLit(pictures: readonly ImageArray[]): Promise<ImageArray[]> {
  const size = side * side;
  const found: ImageArray[] = [];
  for (let from = 0; from < pictures.length; from += 1000) {
    const some = pictures.slice(from, from + 1000);
    const bytes = new Uint8Array(some.length * size * 3);
    some.forEach(({ data }, i) => void bytes.set(data, i * size * 3));
    const lit = noGrad(() => {
      const colours = Tensor.from(bytes, [some.length, 1, side, side, 3]).float().div(255);
      const grey = colours.mean(-1); // (N, 1, 32, 32)
      const far = grey.sub(around(grey)); // (N, 1, 32, 32)
      return far.div(around(far.square()).sqrt().add(0.01)); // 0.01: noise is no contrast
    });
    const data = (await lit.data()) as Float32Array;
    some.forEach((_, i) => {
      found.push(image(data.subarray(i * size, (i + 1) * size), [side, side]));
    });
  }
  return found;
}

/** The mean of the 9×9 around each pixel, of what lies inside. */
function around(x: Tensor): Tensor {
  return x.avgPool2d(9, { stride: 1, padding: 4, countIncludePad: false }); // (N, 1, 32, 32)
}

/**
 * Batches of a part; to train, pictures are turned, moved and scaled, but never mirrored, since a
 * mirror makes other signs. Light is not varied, for it has been taken out.
 */
export function signBatches(
  { seen, labels }: SignPart,
  { train, batch, seed }: { train: boolean; batch: number; seed: number },
): DataLoader<ImageSample> {
  if (!train) return new DataLoader(new LabeledImages(seen, labels), { batchSize: 250 });
  const varied = randomAffine({ degrees: 15, translate: [0.1, 0.1], scale: [0.8, 1.2] });
  const samples = new LabeledImages(seen, labels, varied);
  return new DataLoader<ImageSample>(samples, { batchSize: batch, shuffle: true, seed });
}
