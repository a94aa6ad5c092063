// All that `anneal train` can train. Not here: what each is.

import { diagnosisRecipe } from "./diagnosis.ts";
import { digitsSpokenRecipe } from "./digits-spoken.ts";
import { forecastRecipe } from "./forecast.ts";
import type { TextRecipe } from "./language-run.ts";
import { lmRecipe } from "./lm.ts";
import { mnistRecipe } from "./mnist.ts";
import { namesRecipe } from "./names.ts";
import type { AnyRecipe } from "./recipe.ts";
import { textClassRecipes } from "./text-classes.ts";
import { translateRecipe } from "./translate.ts";

/** Those that write. */
export const textRecipes: readonly TextRecipe[] = [lmRecipe, namesRecipe];

export const recipes: readonly AnyRecipe[] = [
  mnistRecipe,
  ...textRecipes,
  ...textClassRecipes,
  translateRecipe,
  forecastRecipe,
  diagnosisRecipe,
  digitsSpokenRecipe,
];
