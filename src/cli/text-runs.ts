// Runs of recipes that write text: opened again with their tokenizers. Not here: the command that writes
// (generate.ts).

import { join } from "node:path";
import type { TextModel } from "../../examples/language/models.ts";
import { type TextRecipe, tokenizerFile } from "../../examples/language/training.ts";
import type { RunConfig } from "../recipe/index.ts";
import { loadTokenizer, type Tokenizer } from "../text/index.ts";
import { loadWeights } from "../train/index.ts";
import { readConfig, trainedRun, weightsIn } from "./runs.ts";

/** A run that can write. */
export interface TextRun {
  readonly folder: string;
  readonly task: string;
  readonly config: RunConfig;
  readonly model: TextModel;
  readonly tokenizer: Tokenizer;
}

/** Opens the run that is named, or the last one that can write. */
export async function openTextRun(
  recipes: readonly TextRecipe[],
  options: { readonly run?: string | undefined; readonly out: string },
): Promise<TextRun> {
  const tasks = recipes.map(({ name }) => name);
  const folder = await trainedRun(options.out, options.run, tasks);
  const { config, recipe } = await readConfig(folder, recipes);
  const tokenizer = await loadTokenizer(join(folder, tokenizerFile));
  const model = recipe.open(config as never, tokenizer);
  await loadWeights(model, await weightsIn(folder));
  model.eval();
  return { folder, task: recipe.name, config, model, tokenizer };
}
