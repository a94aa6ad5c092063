// All that `anneal train` can train. Not here: what each is.

import { mnistRecipe } from "./mnist.ts";
import type { AnyRecipe } from "./recipe.ts";

export const recipes: readonly AnyRecipe[] = [mnistRecipe];
