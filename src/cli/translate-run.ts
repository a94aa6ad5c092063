// anneal translate: a sentence by the model of a run, and where each piece of the translation
// looked, as a picture.
// Not here: the search (anneal/text), the picture (vis/).

import { join } from "node:path";
import { tokenizerFile } from "../../examples/language/training.ts";
import { translateAll } from "../../examples/translate/data.ts";
import type { TranslationModel } from "../../examples/translate/models.ts";
import {
  type TranslateConfig,
  recipe as translateRecipe,
  translatorOf,
} from "../../examples/translate.ts";
import { noGrad, Tensor } from "../index.ts";
import { writeFileAtomic } from "../io/index.ts";
import type { Terminal } from "../recipe/index.ts";
import { loadTokenizer, type Tokenizer } from "../text/index.ts";
import { loadWeights } from "../train/index.ts";
import { ArgumentError } from "../util/errors.ts";
import { heatMap } from "../vis/index.ts";
import { readConfig, trainedRun, weightsIn } from "./runs.ts";
import { type MachineOptions, useMachine } from "./train.ts";

export interface TranslateCommand extends MachineOptions {
  readonly run?: string | undefined;
  readonly text: string;
  readonly beams?: number;
  /** The file of the picture. */
  readonly picture: string;
}

/** Prints the translation and writes the picture of attention. */
export async function translateText(options: TranslateCommand, terminal: Terminal): Promise<void> {
  await useMachine(options);
  if (options.text.trim() === "") throw new ArgumentError("translate", "the sentence is empty");
  const folder = await trainedRun(options.out, options.run, [translateRecipe.name]);
  const { config } = await readConfig(folder, [translateRecipe]);
  const known = config as unknown as TranslateConfig;
  const tokenizer = await loadTokenizer(join(folder, tokenizerFile));
  const model = translatorOf(known, tokenizer);
  await loadWeights(model, await weightsIn(folder));
  model.eval();
  const { beams = known.beams, text, picture } = options;
  const [said] = await translateAll(model, tokenizer, [text], { beams });
  terminal.print(said);
  await writeFileAtomic(picture, await attentionPicture(model, tokenizer, text, said!));
  terminal.print(`where it looked: ${picture}`);
}

/** Rows are the pieces that were said, columns those that were read. */
async function attentionPicture(
  model: TranslationModel,
  tokenizer: Tokenizer,
  text: string,
  said: string,
): Promise<string> {
  const source = tokenizer.encode(text, { end: true });
  const target = tokenizer.encode(said, { begin: true });
  const weights = noGrad(() =>
    model.attention({
      source: Tensor.from(source, [1, source.length]),
      lengths: Tensor.from(Int32Array.of(source.length), [1]),
      target: Tensor.from(target, [1, target.length]),
    }),
  ); // (1, T, S)
  const spell = (token: number) => tokenizer.decode([token], { specials: true }).trim() || "␣";
  // Row t is about the token after place t of the target.
  const rows = [...Array.from(target.subarray(1), spell), "</s>"];
  const columns = Array.from(source, spell);
  const values = (await weights.data()) as Float32Array;
  return heatMap({ rows, columns, values, title: said });
}
