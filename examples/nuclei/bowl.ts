// Pictures of nuclei in two forms: with one map of numbers each, and as the Data Science Bowl published them
// (stage1_train.zip): NAME/images/NAME.png, and a black picture with each nucleus in white in NAME/masks/.
// Not here: how they are split and cut (data.ts).

import { LoadError } from "anneal";
import { type ReadAll, readAll } from "anneal/data";
import {
  decodePicture,
  openFiles,
  readSegmented,
  type SegmentedOptions,
  type SegmentedPicture,
} from "anneal/vision";

/** Reads images/ with labels/, or, where there is no images/, the bowl's own folders. */
export async function readNucleiFolder(
  folder: string,
  options: Pick<SegmentedOptions, "limit" | "skipBad">,
): Promise<ReadAll<SegmentedPicture>> {
  const files = await openFiles(folder);
  const own = files.names.filter((name) => /^[^/]+\/images\/[^/]+\.png$/i.test(name));
  if (own.length === 0) return readSegmented(`${folder}/images`, `${folder}/labels`, options);
  const read = async (name: string): Promise<SegmentedPicture> => {
    const file = files.label(name);
    const image = await decodePicture(await files.read(name), { channels: 3, file });
    const [height, width] = image.shape;
    const data = new Float32Array(height * width);
    const start = `${name.slice(0, name.indexOf("/"))}/masks/`;
    const masks = files.names.filter((other) => other.startsWith(start));
    if (masks.length === 0) throw new LoadError(file, `has no nuclei in ${start}`);
    for (const [i, mask] of masks.entries()) {
      const one = await decodePicture(await files.read(mask), {
        channels: 1,
        file: files.label(mask),
      });
      if (one.data.length !== data.length) {
        const [rows, cols] = one.shape;
        const what = `has ${cols} × ${rows} pixels (width × height)`;
        throw new LoadError(files.label(mask), `${what}, its picture has ${width} × ${height}`);
      }
      for (let at = 0; at < data.length; at++) if (one.data[at]! > 127) data[at] = i + 1;
    }
    return { name, image, mask: { data, shape: [height, width] } };
  };
  return readAll(own.slice(0, options.limit), read, options);
}
