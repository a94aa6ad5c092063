// What a trained network of `road` says of a picture of the user's: how much of it each class has, and a
// page with the classes laid over it. Not here: the network (../road.ts).

import { writeFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { type Tensor, tensor } from "anneal";
import { toLayout } from "anneal/data";
import { percent, pictureOf, report } from "anneal/vis";
import { decodePicture } from "anneal/vision";
import { classes } from "./data.ts";

/** Colours a picture file, and writes `NAME.road.html` where the command runs. */
export async function askAbout(
  file: string,
  answer: (x: Tensor) => Promise<Tensor>,
  print: (line: string) => void,
): Promise<void> {
  const image = await decodePicture(file, { channels: 3 });
  const { data, shape } = toLayout(image, "chw");
  const said = await (await answer(tensor(data).reshape(1, ...shape))).data(); // (1, H, W)
  const counts = classes.map(() => 0);
  for (const label of said) counts[label]!++;
  const parts = classes.map(({ name }, i) => ({ name, part: counts[i]! / said.length }));
  const told = parts
    .filter(({ part }) => part >= 0.01)
    .sort((a, b) => b.part - a.part)
    .map(({ name, part }) => `${name} ${percent(part)}`);
  const page = `${basename(file, extname(file))}.road.html`;
  const names = classes.map(({ name }) => name);
  const colors = classes.map(({ color }) => color);
  const mask = { classes: said, names, colors, opacity: 0.6 };
  const pictures = [
    { title: "What is said", pictures: [{ ...pictureOf(image), mask }], width: 720 },
  ];
  await writeFile(page, report({ title: basename(file), facts: told, history: [], pictures }));
  print(`${file}: ${told.join(", ")}; colours in ${page}`);
}
