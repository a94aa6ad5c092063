// What the recipes of language models share: the loss of a window, the learning rate's course, and
// how a finished run is opened again with its tokenizer.
// Not here: the recipes (lm.ts, names.ts), or the command that writes (generate.ts).

import { join } from "node:path";
import { nn, optim, type Tensor } from "../index.ts";
import { loadTokenizer, type Tokenizer } from "../text/index.ts";
import { loadWeights } from "../train/index.ts";
import type { TextModel } from "./language-models.ts";
import type { AnyRecipe } from "./recipe.ts";
import { readConfig, trainedRun, weightsIn } from "./runs.ts";
import type { RunConfig } from "./settings.ts";

/** The tokenizer's place in a run's folder. */
export const tokenizerFile = "tokenizer.json";

/** The target of a place that is only filled up: what comes there is not heard. */
export const unheard = -100;

/** The mean over all places of logits (B, T, V) against tokens (B, T). */
export function tokenLoss(logits: Tensor, target: Tensor): Tensor {
  return nn.crossEntropy(logits.flatten(0, 1), target.flatten(), { ignoreIndex: unheard });
}

/** A recipe whose runs can write. */
export interface TextRecipe extends AnyRecipe {
  /** The model of a run, with weights of no meaning yet. */
  open(config: never, tokenizer: Tokenizer): TextModel;
}

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

/** Up to the highest rate in a tenth of the steps, at most `warmup`, then along a cosine down to `floor`
 *  of it. */
export function warmCosine(
  optimizer: optim.AdamW,
  { steps, floor, ...limits }: { steps: number; warmup: number; floor: number },
): optim.WarmupStableDecayLR {
  const warmup = Math.min(limits.warmup, Math.floor(steps / 10));
  return new optim.WarmupStableDecayLR(optimizer, {
    ...{ warmup, stable: 0, decay: Math.max(1, steps - warmup), floor },
  });
}
