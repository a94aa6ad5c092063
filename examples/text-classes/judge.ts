// What a model of texts has learned: how often it is right beside counted words, and the words it went by.
// Not here: the counted words (baseline.ts), or how texts are drawn (anneal/vis).

import { compile, nn, noGrad, type Tensor } from "anneal";
import { toTensor } from "anneal/data";
import { accuracy, confusionMatrix } from "anneal/metrics";
import { softmax, type Terminal, type Verdict } from "anneal/recipe";
import { cutWords, type Labelled, padSequences, type Tokenizer } from "anneal/text";
import { evaluate } from "anneal/train";
import { drawMatrix, drawPassage, type Passage, percent } from "anneal/vis";
import { wordBaseline } from "./baseline.ts";
import type { TextClassifier } from "./classifiers.ts";
import { loaderOf, multipleOf, type Texts, tokensOf } from "./data.ts";
import type { Task } from "./recipe.ts";

/** How many test texts are drawn, right ones and wrong ones each. */
const drawn = 12;

/** Judges a model by the test texts, beside counted words. */
export async function judge(
  task: Task,
  model: TextClassifier,
  tokenizer: Tokenizer,
  texts: Texts,
  { style, columns }: Terminal,
): Promise<Verdict> {
  const { classes, published } = task;
  const test = loaderOf(texts.test, tokenizer, { batch: 256 });
  const metrics = { accuracy: accuracy(), matrix: confusionMatrix(classes.length) };
  const tested = await evaluate(model, test, { loss: nn.crossEntropy, metrics });
  const pad = tokenizer.vocabulary.special("pad");
  const asSamples = (list: readonly Labelled[]) => {
    return list.map(({ text, label }) => ({ tokens: tokensOf(tokenizer, text), label }));
  };
  const baseline = await wordBaseline(asSamples(texts.train), asSamples(texts.test), {
    ...{ vocabularySize: tokenizer.vocabulary.size, classes: classes.length, pad },
  });
  const answers = await readPassages(model, tokenizer, texts.test, classes);
  const wrong = answers.filter(({ said, truth }) => said !== truth);
  wrong.sort((a, b) => b.probability - a.probability);
  const right = answers.filter(({ said, truth }) => said === truth).slice(0, drawn);
  const shown = [...right.slice(0, 3), ...wrong.slice(0, 3)];
  return {
    value: tested.accuracy.toFixed(4),
    label: "test accuracy",
    shown: [
      drawMatrix(tested.matrix, { ...style, labels: classes }),
      ...shown.map((passage) => drawPassage(passage, { ...style, width: columns })),
    ].join("\n\n"),
    result: { testAccuracy: tested.accuracy, testLoss: tested.loss, baselineAccuracy: baseline },
    facts: [
      `${wrong.length.toLocaleString("en")} of ${answers.length.toLocaleString("en")} wrong`,
      `words counted, logistic regression ${percent(baseline)}`,
      `published ${percent(published.value)}: ${published.source}`,
    ],
    report: {
      confusion: { matrix: tested.matrix, labels: classes },
      passages: [...wrong.slice(0, drawn), ...right],
      figures: [
        {
          name: "test accuracy",
          value: tested.accuracy,
          baseline: `${baseline.toFixed(3)} (words counted, logistic regression)`,
          published: published.value,
          source: published.source,
        },
      ],
    },
  };
}

/** What a model says of texts, and the words it went by. */
export async function readPassages(
  model: TextClassifier,
  tokenizer: Tokenizer,
  texts: readonly { readonly text: string; readonly label?: number }[],
  classes: readonly string[],
): Promise<Required<Omit<Passage, "title">>[]> {
  const ask = compile((tokens: Tensor) => {
    return noGrad(() => ({ logits: model.forward(tokens), weights: model.look(tokens) }));
  });
  const pad = tokenizer.vocabulary.special("pad");
  const found: Required<Omit<Passage, "title">>[] = [];
  model.eval();
  for (let from = 0; from < texts.length; from += 256) {
    const group = texts.slice(from, from + 256);
    const lists = group.map(({ text }) => tokensOf(tokenizer, text));
    const { tokens } = padSequences(lists, { pad, multipleOf });
    const { logits, weights } = ask(toTensor(tokens));
    const [scores, looks] = [await logits.data(), await weights.data()];
    const width = tokens.shape[1]!;
    lists.forEach((list, row) => {
      const odds = softmax(scores.subarray(row * classes.length, (row + 1) * classes.length));
      const said = odds.indexOf(Math.max(...odds));
      const { label } = group[row]!;
      found.push({
        words: cutWords(group[row]!.text).slice(0, list.length),
        weights: Array.from(looks.subarray(row * width, row * width + list.length)),
        said: classes[said]!,
        truth: label === undefined ? "" : classes[label]!,
        probability: odds[said]!,
      });
    });
  }
  return found;
}
