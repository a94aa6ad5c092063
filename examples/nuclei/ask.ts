// What a trained network of `nuclei` says of a picture of the user's: how many nuclei, how large, and a page
// with their outlines. Not here: the network (../nuclei.ts).

import { writeFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { pictureOf, report } from "anneal/vis";
import { decodePicture, type LabelMap, regionSizes } from "anneal/vision";
import { type NucleiPicture, withRange } from "./data.ts";

/** Counts the nuclei of a picture file, and writes `NAME.nuclei.html` where the command runs. */
export async function askAbout(
  file: string,
  outlined: (picture: NucleiPicture) => Promise<LabelMap>,
  print: (line: string) => void,
): Promise<void> {
  const image = await decodePicture(file, { channels: 3 });
  const [height, width] = image.shape;
  const mask = { data: new Uint8Array(height * width), shape: [height, width] as const };
  const found = await outlined(withRange({ name: file, image, mask }));
  const sizes = regionSizes(found)
    .slice(1)
    .filter((size) => size > 0)
    .sort();
  const middle = sizes[Math.floor(sizes.length / 2)] ?? 0;
  const told = `${sizes.length} nuclei, half of them larger than ${middle} pixels`;
  const page = `${basename(file, extname(file))}.nuclei.html`;
  const contours = [{ labels: found.data, color: "#ffd400", name: "found" }];
  const pictures = [
    { title: told, pictures: [{ ...pictureOf(image), contours }], width: Math.min(900, 2 * width) },
  ];
  await writeFile(page, report({ title: basename(file), history: [], pictures }));
  print(`${file}: ${told}; outlines in ${page}`);
}
