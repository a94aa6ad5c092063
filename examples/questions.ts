// The recipe `questions`: what does a question ask for (TREC)?
// Not here: how texts in classes are learned (text-classes/recipe.ts).

import { recipeOf } from "./text-classes/recipe.ts";

/** Questions of TREC (Li and Roth 2002), cut into words. */
const harvard = "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/master/data";

export const recipe = recipeOf({
  name: "questions",
  help: "tell what a question asks for (TREC)",
  classes: ["description", "entity", "abbreviation", "person", "place", "number"],
  files: { train: "trec.train.txt", test: "trec.test.txt" },
  source: {
    name: "TREC",
    place: "sentiment",
    files: [
      {
        from: `${harvard}/TREC.train.all`,
        name: "trec.train.txt",
        sha256: "538c647f6e95b4b9e9fc5bd28d8aaa759680b2b20eab1f80f7a82bfc7ac437c6",
      },
      {
        from: `${harvard}/TREC.test.all`,
        name: "trec.test.txt",
        sha256: "92a6a3cede5678b447ef5f1d7ec474134fcda211e6590e6fa627b4a2c68e4566",
      },
    ],
  },
  model: "conv",
  published: { value: 0.912, source: "convolutions on random vectors (Kim 2014)" },
  usual: { epochs: 12, lr: 2e-3, width: 200, dropout: 0.4, blind: 0.1 },
});
