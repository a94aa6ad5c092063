// The recipe `questions`: what does a question ask for (TREC)?
// Not here: how texts in classes are learned (text-classes/recipe.ts).

import { recipeOf } from "./text-classes/recipe.ts";

export const recipe = recipeOf({
  name: "questions",
  help: "tell what a question asks for (TREC)",
  classes: ["description", "entity", "abbreviation", "person", "place", "number"],
  files: { train: "trec.train.txt", test: "trec.test.txt" },
  model: "conv",
  published: "published: convolutions on random vectors 91.2 %",
  usual: { epochs: 12, lr: 2e-3, width: 200, dropout: 0.4, blind: 0.1 },
});
