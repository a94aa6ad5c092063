// Recipes that sort texts into classes: `sentiment` (SST-2: is a sentence of a review for or against
// the film?) and `questions` (TREC: what does a question ask for?).
// Not here: the models (classifiers.ts).

import { existsSync } from "node:fs";
import { join } from "node:path";
import { compile, LoadError, nn, noGrad, optim, type Tensor } from "anneal";
import { ArrayDataset, DataLoader, MapDataset, randomSplit, toTensor } from "anneal/data";
import { accuracy, confusionMatrix } from "anneal/metrics";
import {
  choice,
  folderOf,
  folderSettings,
  limitTo,
  number,
  type Published,
  part,
  publishedAt,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  softmax,
  type Terminal,
  type Verdict,
  whole,
} from "anneal/recipe";
import {
  allSpecials,
  BucketSampler,
  cutWords,
  type Labelled,
  padSequences,
  parseTokenizer,
  readLabelled,
  type Tokenizer,
  WordTokenizer,
} from "anneal/text";
import { type Batch, evaluate } from "anneal/train";
import { drawMatrix, drawPassage, type Passage, percent } from "anneal/vis";
import { wordBaseline } from "./baseline.ts";
import { type TextClassifier, type TextClassifierName, textClassifiers } from "./classifiers.ts";

/** What a run's texts are cut by. */
const tokenizerFile = "tokenizer.json";

/** Lengths are rounded up to multiples of this: each other length is another program. */
const multipleOf = 8;

/** Texts that are longer are cut at their end. */
const longest = 64;

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
  /** What others reached, in words. */
  readonly published: string;
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

interface Sample {
  readonly tokens: Int32Array;
  readonly label: number;
}

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

interface Texts {
  readonly train: readonly Labelled[];
  readonly validation: readonly Labelled[];
  readonly test: readonly Labelled[];
}

async function readTexts(
  { source, files, classes }: Task,
  config: TextClassConfig,
): Promise<Texts> {
  const folder = await folderOf(config, source);
  const hint = `--data FOLDER with ${Object.values(files).join(", ")}; ${publishedAt(source)}`;
  const read = (file: string) => {
    const path = join(folder, file);
    if (!existsSync(path)) throw new LoadError(path, "is not there", { hint });
    return readLabelled({ from: path }, { classes: classes.length });
  };
  const [all, test] = [await read(files.train), await read(files.test)];
  const some = all.slice(0, config.limit ?? all.length);
  if (files.validation !== undefined) {
    return { train: some, validation: await read(files.validation), test };
  }
  const [train, validation] = randomSplit(new ArrayDataset(some), [0.9, 0.1], { seed: 1 });
  return { train: listOf(train!), validation: listOf(validation!), test };
}

function listOf<T>(set: { readonly length: number; get(index: number): T }): T[] {
  return Array.from({ length: set.length }, (_, i) => set.get(i));
}

/** The tokens of a text as models read them. */
function tokensOf(tokenizer: Tokenizer, text: string): Int32Array {
  return tokenizer.encode(text).subarray(0, longest);
}

interface LoaderSettings {
  readonly batch: number;
  /** Another order each epoch; without it the order of the texts. */
  readonly seed?: number;
  readonly blind?: number;
}

function loaderOf(
  texts: readonly Labelled[],
  tokenizer: Tokenizer,
  { batch, seed, blind = 0 }: LoaderSettings,
): DataLoader<Sample, unknown, Batch> {
  const { vocabulary } = tokenizer;
  const unknown = vocabulary.special("unknown");
  const samples = texts.map(
    ({ text, label }): Sample => ({ tokens: tokensOf(tokenizer, text), label }),
  );
  const hidden = new MapDataset(new ArrayDataset(samples), ({ tokens, label }: Sample, rng) => {
    return { tokens: tokens.map((token) => (rng.uniform(0, 1) < blind ? unknown : token)), label };
  });
  const lengths = samples.map(({ tokens }) => tokens.length);
  const shuffle = seed !== undefined;
  const options = { batchSize: batch, multipleOf, shuffle, seed: seed ?? 0 };
  return new DataLoader<Sample, unknown, Batch>(blind > 0 ? hidden : new ArrayDataset(samples), {
    batchSampler: new BucketSampler(lengths, options),
    seed: seed ?? 0,
    collate: (list) => collateTexts(list, vocabulary.special("pad")),
  });
}

function collateTexts(list: readonly Sample[], pad: number): Batch {
  const { tokens } = padSequences(
    list.map((sample) => sample.tokens),
    { pad, multipleOf },
  );
  const labels = Int32Array.from(list, ({ label }) => label);
  return { x: toTensor(tokens), y: toTensor({ data: labels, shape: [labels.length] }) };
}

/** How many test texts are drawn, right ones and wrong ones each. */
const drawn = 12;

async function judge(
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
      published,
    ],
    report: {
      confusion: { matrix: tested.matrix, labels: classes },
      passages: [...wrong.slice(0, drawn), ...right],
    },
  };
}

/** What a model says of texts, and the words it went by. */
async function readPassages(
  model: TextClassifier,
  tokenizer: Tokenizer,
  texts: readonly { readonly text: string; readonly label?: number }[],
  classes: readonly string[],
): Promise<Required<Passage>[]> {
  const ask = compile((tokens: Tensor) => {
    return noGrad(() => ({ logits: model.forward(tokens), weights: model.look(tokens) }));
  });
  const pad = tokenizer.vocabulary.special("pad");
  const found: Required<Passage>[] = [];
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
