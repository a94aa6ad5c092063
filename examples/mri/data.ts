// The pictures of the recipe `mri`: slices of brains in folders `yes` (a tumour) and `no`, cut to the head,
// all of one size, each but once. Not here: folds and networks (folds.ts), or the judging (../mri.ts).

import { LoadError } from "anneal";
import { crop, type ImageArray, resizeTo } from "anneal/data";
import { type FolderConfig, folderOf, type Published, type Skipped } from "anneal/recipe";
import { ImageFolder } from "anneal/vision";

/** Their names in the folder, and what they mean. */
export const folders = ["no", "yes"] as const;
export const classes = ["no tumour", "tumour"] as const;

/** A picture that is read: grey from 0 to 255, in its own size. */
export interface Slice {
  readonly file: string;
  /** 1: a tumour. */
  readonly label: number;
  readonly image: ImageArray;
}

export interface Scans {
  readonly slices: readonly Slice[];
  /** Files that show what another shows, and which. */
  readonly twins: readonly { readonly file: string; readonly of: string }[];
  readonly skipped: readonly Skipped[];
}

const published: Published = {
  name: "brain MRI",
  place: "medical/brain-mri",
  files: [],
  page: "https://www.kaggle.com/datasets/navoneel/brain-mri-images-for-brain-tumor-detection",
};

/**
 * Reads the folder. Of pictures that show the same only the first counts, so that none can be in
 * training and in test. Throws LoadError for other folders than `yes` and `no`, for a picture that
 * cannot be read, and where the same picture lies in both.
 */
export async function readScans(config: FolderConfig & { skipBad: boolean }): Promise<Scans> {
  const root = await folderOf(config, published);
  const set = await ImageFolder.open(root, { classes: folders, channels: 1 });
  const { items, bad } = await set.read({ skipBad: config.skipBad });
  const slices: Slice[] = [];
  const looks: Float64Array[] = [];
  const twins: { file: string; of: string }[] = [];
  for (const { name, label, image } of items) {
    const look = lookOf(image);
    const known = looks.findIndex((other) => likeness(look, other) > sameAbove);
    const twin = slices[known];
    if (twin === undefined) {
      slices.push({ file: name, label, image });
      looks.push(look);
    } else if (twin.label === label) {
      twins.push({ file: name, of: twin.file });
    } else {
      throw new LoadError(name, `shows the same as ${twin.file}, of the other class`);
    }
  }
  return { slices, twins, skipped: bad };
}

/** Pictures count as one above this likeness. In the public set none lies between 0.950 and 0.960. */
const sameAbove = 0.955;

/** A picture of 16 × 16 without its brightness and contrast: a hash that survives copies in other sizes. */
function lookOf(picture: ImageArray): Float64Array {
  const small = Float64Array.from(resizeTo(picture, 16, 16).data);
  const mean = small.reduce((a, b) => a + b, 0) / small.length;
  const values = small.map((value) => value - mean);
  const length = Math.hypot(...values) || 1;
  return values.map((value) => value / length);
}

function likeness(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** The head alone, as a square of so many pixels: dark borders say where a picture is from, not what it
 *  shows. */
export function headOf(picture: ImageArray, size: number): ImageArray {
  const [height, width] = picture.shape; // (H, W, 1)
  const pixels = Float32Array.from(picture.data);
  const bright = 0.15 * pixels.reduce((a, b) => Math.max(a, b), 0);
  const rows = new Uint32Array(height);
  const cols = new Uint32Array(width);
  pixels.forEach((value, i) => {
    if (value <= bright) return;
    rows[Math.floor(i / width)]! += 1;
    cols[i % width]! += 1;
  });
  const [top, bottom] = span(rows, width);
  const [left, right] = span(cols, height);
  const window = { top, left, height: bottom - top, width: right - left };
  return resizeTo(crop(picture, window), size, size);
}

/** From the first line to behind the last in which more than a few pixels are bright. */
function span(counts: Uint32Array, across: number): [number, number] {
  const isFull = (count: number) => count > 0.05 * across;
  const first = counts.findIndex(isFull);
  return first < 0 ? [0, counts.length] : [first, counts.findLastIndex(isFull) + 1];
}
