// The pictures of `cells`: BCCD's photographs of blood under a microscope with boxes around red cells, white
// cells and platelets, in the parts that its authors list. Pictures are read once, made small, and stay in
// memory as bytes. Not here: reading one file (anneal/vision), or what is learned (detector.ts).

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { LoadError } from "anneal";
import { type BadItem, type ImageArray, readAll, resize, type SceneBox } from "anneal/data";
import { type Published, publishedAt } from "anneal/recipe";
import { decodePicture, readNames, readVoc } from "anneal/vision";

export const classes = ["RBC", "WBC", "Platelets"] as const;

/** BCCD (Shenggan 2017; pictures and boxes of cosmicad and akshaylamba), MIT. */
export const published: Published = {
  name: "BCCD",
  place: "detection/bccd",
  files: [
    {
      from: "https://github.com/Shenggan/BCCD_Dataset/archive/refs/heads/master.zip",
      inside: "BCCD_Dataset-master/BCCD",
    },
  ],
};

/** What the network sees, in pixels. */
export const [height, width] = [240, 320] as const;

/** One photograph, made small, and its boxes in the small one's pixels. */
export interface CellPicture {
  readonly file: string;
  /** (240, 320, 3) of uint8, channels last. */
  readonly image: ImageArray;
  readonly boxes: readonly SceneBox[];
  readonly labels: readonly number[];
}

export interface Cells {
  readonly train: readonly CellPicture[];
  readonly validation: readonly CellPicture[];
  readonly test: readonly CellPicture[];
  /** Boxes and pictures that were left out. */
  readonly bad: readonly BadItem[];
}

export interface CellOptions {
  /** Pictures of each part at most. */
  readonly limit?: number | null;
  readonly skipBad?: boolean;
}

/** Reads the three parts. Throws LoadError for what is missing or wrong, or with `skipBad` lists it. */
export async function readCells(
  folder: string,
  { limit = null, skipBad = false }: CellOptions = {},
): Promise<Cells> {
  const hint = publishedAt(published);
  for (const part of ["Annotations", "ImageSets", "JPEGImages"]) {
    if (!existsSync(join(folder, part))) throw new LoadError(folder, `has no ${part}`, { hint });
  }
  const bad: BadItem[] = [];
  const partOf = async (part: string) => {
    const names = await readNames(join(folder, "ImageSets", "Main", `${part}.txt`));
    const some = names.slice(0, limit ?? names.length);
    const read = (name: string) => readCell(folder, name, skipBad ? bad : undefined);
    const { items, bad: unread } = await readAll(some, read, { skipBad, parallel: 4 });
    bad.push(...unread);
    if (items.length === 0) throw new LoadError(folder, `has no picture to read in ${part}.txt`);
    return items;
  };
  const [train, validation] = [await partOf("train"), await partOf("val")];
  const test = await partOf("test");
  bad.sort((a, b) => (a.file < b.file ? -1 : 1)); // several are read at a time
  return { train, validation, test, bad };
}

async function readCell(folder: string, name: string, bad?: BadItem[]): Promise<CellPicture> {
  const options = { classes, bad };
  const found = await readVoc(join(folder, "Annotations", `${name}.xml`), options).catch(
    withAdvice,
  );
  const { boxes, labels, width: wide, height: high } = found;
  const file = join(folder, "JPEGImages", `${name}.jpg`);
  const picture = await decodePicture(file, { channels: 3 });
  const [rows, cols] = picture.shape;
  if (rows !== high || cols !== wide) {
    throw new LoadError(file, `is ${cols} × ${rows}, but ${wide} × ${high} in its annotation`);
  }
  return { file, ...small({ image: picture, boxes, labels }) };
}

/** A picture of any size as the network sees it, its boxes with it. */
export const small = <S extends { readonly image: ImageArray }>(scene: S): S =>
  resize([height, width])(scene as never, undefined as never) as unknown as S;

/** A box of the small picture in the pixels of the one that it was made of. */
export function enlarged([left, top, right, bottom]: SceneBox, { shape }: ImageArray): SceneBox {
  const [down, along] = [shape[0] / height, shape[1] / width];
  return [left * along, top * down, right * along, bottom * down];
}

/** Which pictures are in which part. */
export function namesOf({ train, validation, test }: Cells) {
  const names = (pictures: readonly CellPicture[]) => pictures.map(({ file }) => basename(file));
  return { train: names(train), validation: names(validation), test: names(test) };
}

function withAdvice(error: unknown): never {
  if (!(error instanceof LoadError)) throw error;
  const advice = "--skip-bad leaves such boxes and pictures out, and counts them";
  throw new LoadError(error.file, error.detail, { hint: error.hint ?? advice, cause: error });
}
