// What a trained classifier says of one picture, for `predict`: the picture, the likeliest classes, and
// a sentence. Not here: reading the picture, or making it ready for the network (the recipes).

import type { nn, Tensor } from "../index.ts";
import { predict } from "../train/index.ts";
import { bars, drawDigit, type Picture, percent } from "../vis/index.ts";
import { softmax } from "./classified.ts";
import type { Terminal } from "./terminal.ts";

/** One picture, and who is asked about it. */
export interface PictureQuestion {
  readonly model: nn.Module & { forward(x: Tensor): Tensor };
  /** The picture as the model takes it, (1, C, H, W). */
  readonly x: Tensor;
  /** Names of the classes. */
  readonly names: readonly string[];
  /** The picture as it is drawn. */
  readonly picture: Picture;
  /** What the sentence calls the picture, and who says it. */
  readonly input: string;
  readonly folder: string;
}

/**
 * Asks a classifier about one picture and prints its answer with the five likeliest classes.
 *
 * @example
 * await answerPicture({ model, x, names, picture: pictureOf(image), input, folder }, terminal);
 */
export async function answerPicture(
  { model, x, names, picture, input, folder }: PictureQuestion,
  { style, print }: Terminal,
): Promise<void> {
  const odds = softmax(await (await predict(model, x)).data());
  const rows = names.map((label, i) => ({ label, value: odds[i]! }));
  const likely = rows.sort((a, b) => b.value - a.value).slice(0, 5);
  const [said] = likely;
  print(drawDigit(picture, style));
  print(`\n${bars(likely, style)}\n`);
  print(`${input} shows: ${said!.label} (${percent(said!.value)}), says ${folder}`);
}
