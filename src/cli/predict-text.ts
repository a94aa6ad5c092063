// anneal predict sentiment, anneal predict questions: the class of a text, and the words it went by, by
// the weights of a run. Not here: the models and their training (examples/text-classes).

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  readPassages,
  type TextClassRecipe,
  tokenizerFile,
} from "../../examples/text-classes/recipe.ts";
import type { Terminal } from "../recipe/index.ts";
import { UsageError } from "../recipe/index.ts";
import { parseTokenizer } from "../text/index.ts";
import { loadWeights } from "../train/index.ts";
import { drawPassage } from "../vis/index.ts";
import { readConfig, trainedRun, weightsIn } from "./runs.ts";
import { type MachineOptions, useMachine } from "./train.ts";

export interface TextCommand extends MachineOptions {
  readonly run?: string | undefined;
  readonly text: string;
}

/** Prints the text with its class. */
export async function predictText(
  recipe: TextClassRecipe,
  options: TextCommand,
  terminal: Terminal,
): Promise<void> {
  if (options.text.trim() === "") throw new UsageError("text", "is empty");
  useMachine(options);
  const folder = await trainedRun(options.out, options.run, [recipe.name]);
  const { config } = await readConfig(folder, [recipe]);
  const tokenizer = parseTokenizer(await readFile(join(folder, tokenizerFile), "utf8"));
  const model = recipe.open(config as never, tokenizer);
  await loadWeights(model, await weightsIn(folder));
  const [passage] = await readPassages(model, tokenizer, [options], recipe.classes);
  terminal.print(drawPassage(passage!, { ...terminal.style, width: terminal.columns }));
}
