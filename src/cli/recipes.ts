// All that `anneal train` can train: a line for each recipe of examples/. Not here: what each is.

import { recipe as answers } from "../../examples/answers.ts";
import { recipe as cells } from "../../examples/cells.ts";
import { recipe as cifar10 } from "../../examples/cifar10.ts";
import { recipe as diagnosis } from "../../examples/diagnosis.ts";
import { recipe as digitStrings } from "../../examples/digit-strings.ts";
import { recipe as digitsSpoken } from "../../examples/digits-spoken.ts";
import { recipe as fashion } from "../../examples/fashion.ts";
import { recipe as forecast } from "../../examples/forecast.ts";
import type { TextRecipe } from "../../examples/language/training.ts";
import { recipe as lm } from "../../examples/lm.ts";
import { recipe as mnist } from "../../examples/mnist.ts";
import { recipe as molecules } from "../../examples/molecules.ts";
import { recipe as mri } from "../../examples/mri.ts";
import { recipe as names } from "../../examples/names.ts";
import { recipe as nuclei } from "../../examples/nuclei.ts";
import { recipe as questions } from "../../examples/questions.ts";
import { recipe as road } from "../../examples/road.ts";
import { recipe as sentiment } from "../../examples/sentiment.ts";
import { recipe as signs } from "../../examples/signs.ts";
import { recipe as translate } from "../../examples/translate.ts";
import type { AnyRecipe } from "../recipe/index.ts";

/** Those that write. */
export const textRecipes: readonly TextRecipe[] = [lm, names];

export const recipes: readonly AnyRecipe[] = [
  mnist,
  cifar10,
  cells,
  ...textRecipes,
  sentiment,
  questions,
  answers,
  translate,
  forecast,
  diagnosis,
  digitsSpoken,
  molecules,
  digitStrings,
  nuclei,
  road,
  mri,
  fashion,
  signs,
];
