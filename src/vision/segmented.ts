// Pictures with a label map each, in two folders of files with the same names: CamVid, the Data Science
// Bowl, and what most tools for drawing masks write. Not here: decoding (decode.ts, mask.ts), or what
// the numbers mean.
import { basename, extname } from "node:path";
import { type ReadAll, readAll, type Scene } from "../data/index.ts";
import { LoadError } from "../util/errors.ts";
import { decodePicture } from "./decode.ts";
import { openFiles } from "./files.ts";
import { PICTURE_EXTENSIONS } from "./folder.ts";
import { type MaskOptions, readMask } from "./mask.ts";

/** A picture and the number of each of its pixels. */
export interface SegmentedPicture extends Scene {
  /** The picture's file below its folder. */
  readonly name: string;
  readonly mask: NonNullable<Scene["mask"]>;
}

export interface SegmentedOptions extends Pick<MaskOptions, "classes" | "ignore"> {
  /** Only the first so many pictures, in the order of their names. */
  readonly limit?: number | undefined;
  /** Leaves out what cannot be read and lists it, instead of throwing. */
  readonly skipBad?: boolean | undefined;
}

/**
 * All pictures of a folder or tar archive in RGB, (H, W, 3) uint8, each with the label map of the same
 * name in another: `images/a.jpg` and `labels/a.png`.
 *
 * @throws LoadError for a folder that is not there or has no picture, a picture without its map, what cannot
 * be decoded, a map of another size than its picture, and a number that is no class.
 *
 * @example
 * const { items } = await readSegmented("train", "trainannot", { classes: 11, ignore: 11 });
 * const { image, mask } = items[0]; // both go through anneal/data's transforms together
 */
export async function readSegmented(
  pictures: string,
  maps: string,
  { classes, ignore, limit, skipBad }: SegmentedOptions = {},
): Promise<ReadAll<SegmentedPicture>> {
  const [files, labels] = await Promise.all([openFiles(pictures), openFiles(maps)]);
  const isPicture = (name: string) => PICTURE_EXTENSIONS.includes(extname(name).toLowerCase());
  const names = files.names.filter(isPicture).slice(0, limit);
  if (names.length === 0) throw new LoadError(pictures, "has no picture");
  const mapOf = new Map(labels.names.map((name) => [stem(name), name]));
  const read = async (name: string): Promise<SegmentedPicture> => {
    const own = mapOf.get(stem(name));
    const file = files.label(name);
    if (own === undefined)
      throw new LoadError(file, `has no label map ${stem(name)}.png in ${maps}`);
    const image = await decodePicture(await files.read(name), { channels: 3, file });
    const size = [image.shape[0], image.shape[1]] as const;
    const options = { classes, ignore, size, file: labels.label(own) };
    const { data } = await readMask(await labels.read(own), options);
    return { name, image, mask: { data, shape: size } };
  };
  return readAll(names, read, { skipBad });
}

function stem(name: string): string {
  return basename(name, extname(name));
}
