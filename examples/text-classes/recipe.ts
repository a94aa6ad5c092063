// Recipes that sort texts into classes: `sentiment` (SST-2: is a sentence of a review for or against
// the film?) and `questions` (TREC: what does a question ask for?).
// Not here: the models (classifiers.ts), the batches (data.ts), or what a model has learned (judge.ts).

import { nn, optim } from "anneal";
import { accuracy } from "anneal/metrics";
import {
  choice,
  folderSettings,
  limitTo,
  number,
  type Published,
  part,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  whole,
} from "anneal/recipe";
import { allSpecials, parseTokenizer, type Tokenizer, WordTokenizer } from "anneal/text";
import { drawPassage } from "anneal/vis";
import { type TextClassifier, type TextClassifierName, textClassifiers } from "./classifiers.ts";
import { loaderOf, readTexts } from "./data.ts";
import { judge, readPassages } from "./judge.ts";

/** What a run's texts are cut by. */
const tokenizerFile = "tokenizer.json";

/** What is to be told of texts, and from which files. */
export interface Task {
  readonly name: string;
  readonly help: string;
  /** What the classes are called, in their order. */
  readonly classes: readonly string[];
  /** The files of the three parts; without one to validate, a tenth of the training texts does. */
  readonly files: { readonly train: string; readonly validation?: string; readonly test: string };
  /** Where the files are to be had. */
  readonly source: Published;
  readonly model: TextClassifierName;
  /** What others reached, and who they are. */
  readonly published: { readonly value: number; readonly source: string };
  /** Found by what the validation texts said of them. */
  readonly usual: Readonly<Record<"epochs" | "lr" | "width" | "dropout" | "blind", number>>;
}

function settingsOf({ model, usual }: Task) {
  return {
    model: choice<TextClassifierName>("", ["lstm", "conv"], model),
    epochs: whole("times through the training texts", usual.epochs),
    batch: whole("texts in a step", 64),
    lr: number("the highest learning rate of the cycle", usual.lr),
    width: whole("numbers of a word's vector, and units", usual.width),
    dropout: part("of word vectors and of the last layer's input", usual.dropout),
    blind: part("of the words that are hidden at each step", usual.blind),
    seed: seedOf("weights, order, dropout and hidden words"),
    limit: limitTo("training texts", 20),
    ...folderSettings,
  } as const;
}

type TextClassConfig = RunConfig<ReturnType<typeof settingsOf>>;

/** The recipe of a task. */
export function recipeOf(task: Task): Recipe<ReturnType<typeof settingsOf>> {
  const { name, help, classes } = task;
  return {
    ...{ name, help, settings: settingsOf(task) },
    async prepare(config) {
      const { epochs, batch, lr, seed } = config;
      const texts = await readTexts(task, config);
      const told = texts.train.map(({ text }) => text);
      const { pad, unknown } = allSpecials;
      const tokenizer = WordTokenizer.train(told, { specials: { pad, unknown }, lowercase: true });
      const train = loaderOf(texts.train, tokenizer, { batch, seed, blind: config.blind });
      const validation = loaderOf(texts.validation, tokenizer, { batch: 256 });
      const model = seeded(seed, () => modelOf(config, tokenizer, classes.length));
      const optimizer = new optim.AdamW(model.parameters(), { lr });
      const totalSteps = epochs * train.length;
      const [many, held, tests, words] = [
        ...[texts.train, texts.validation, texts.test].map(({ length }) => length),
        tokenizer.vocabulary.size,
      ].map((count) => count.toLocaleString("en"));
      return {
        model,
        summary: nn.summary(model, [24], { dtype: "int32" }),
        data: `${many} texts to train, ${held} to validate, ${tests} to test; ${words} words`,
        method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}`,
        ...{ epochs, train, validation, optimizer, clipNorm: 1 },
        loss: nn.crossEntropy,
        metrics: { accuracy: accuracy() },
        schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 }),
        files: { [tokenizerFile]: JSON.stringify(tokenizer) },
        next: (folder) => `ask it: anneal predict ${name} "…" --run ${folder}`,
        test: (terminal) => judge(task, model, tokenizer, texts, terminal),
      };
    },
    predict: {
      help,
      input: { option: "text", takes: "<text>", help: "a text in quotes" },
      async run({ input, config, load, read }, { style, columns, print }) {
        const tokenizer = parseTokenizer(await read(tokenizerFile));
        const model = await load(modelOf(config, tokenizer, classes.length));
        const [passage] = await readPassages(model, tokenizer, [{ text: input }], classes);
        print(drawPassage(passage!, { ...style, width: columns }));
      },
    },
  };
}

function modelOf(
  { model, width, dropout }: TextClassConfig,
  { vocabulary }: Tokenizer,
  classes: number,
): TextClassifier {
  const pad = vocabulary.special("pad");
  return textClassifiers[model]({ vocabularySize: vocabulary.size, classes, pad, width, dropout });
}
