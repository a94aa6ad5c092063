// What the recipes of language models share: the loss of a window, the learning rate's course, and
// what a recipe says of itself that can write.
// Not here: the recipes (lm.ts, names.ts), or writing (anneal generate).

import { nn, optim, type Tensor } from "anneal";
import type { AnyRecipe } from "anneal/recipe";
import type { Tokenizer } from "anneal/text";
import type { TextModel } from "./models.ts";

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
