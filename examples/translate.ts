// The recipe `translate`: sentences from one language to another, Multi30k's without others; judged
// by BLEU on the test sentences.
// Not here: the models (translate/models.ts), or the batches (translate/data.ts).

import { nn, optim, type Tensor } from "anneal";
import { writeFileAtomic } from "anneal/io";
import { bleu } from "anneal/metrics";
import {
  choice,
  limitTo,
  number,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  text,
  whole,
  word,
} from "anneal/recipe";
import { parseTokenizer, type Tokenizer } from "anneal/text";
import { evaluate } from "anneal/train";
import { table } from "anneal/vis";
import { tokenizerFile, unheard, warmCosine } from "./language/training.ts";
import { longest, readTranslations, type Translations, translateAll } from "./translate/data.ts";
import {
  RecurrentTranslator,
  type TranslationModel,
  type TranslationShape,
} from "./translate/models.ts";
import { attentionPicture } from "./translate/picture.ts";
import { TransformerTranslator } from "./translate/transformer.ts";

const models = {
  gru: (shape: TranslationShape): TranslationModel => new RecurrentTranslator("gru", shape),
  lstm: (shape: TranslationShape): TranslationModel => new RecurrentTranslator("lstm", shape),
  transformer: (shape: TranslationShape): TranslationModel => new TransformerTranslator(shape),
} as const;

type ModelName = keyof typeof models;

/** What suits each model in less than half an hour on two cores. */
const presets = {
  gru: { epochs: 10, batch: 64, lr: 2e-3, layers: 1, smoothing: 0 },
  lstm: { epochs: 10, batch: 64, lr: 2e-3, layers: 1, smoothing: 0 },
  transformer: { epochs: 10, batch: 64, lr: 1e-3, layers: 3, smoothing: 0.1 },
} as const;

const by = (name: "epochs" | "batch" | "lr" | "layers") => (config: { model: ModelName }) =>
  presets[config.model][name];

export const settings = {
  model: choice<ModelName>("", ["gru", "lstm", "transformer"], "gru"),
  from: word("the language that is read (de)", "<language>", "de"),
  to: word("the language that is written (en)", "<language>", "en"),
  epochs: whole("times through the training sentences", by("epochs")),
  batch: whole("sentences in a step", by("batch")),
  lr: number("the highest learning rate", by("lr")),
  layers: whole("blocks of encoder and decoder (transformer)", by("layers")),
  width: whole("units of a layer", 256),
  heads: whole("heads of attention (transformer)", 4),
  pieces: whole("pieces of words in the vocabulary of both languages", 4000, 300),
  beams: whole("beginnings that are followed in the search", 4),
  seed: seedOf("weights, order and dropout"),
  limit: limitTo("sentences", 10),
  data: text("the files SPLIT.LANGUAGE (Multi30k, fetched)", "<folder>"),
} as const;

export type TranslateConfig = RunConfig<typeof settings>;

const asking = {
  beams: { ...whole("beginnings that are followed (as trained)", 1), usual: null as number | null },
  picture: word("where the model looked, as SVG", "<file>", "attention.svg"),
} as const;

export const recipe: Recipe<typeof settings, typeof asking> = {
  name: "translate",
  help: "translate sentences (Multi30k), with attention",
  settings: settings,
  async prepare(config) {
    const { epochs, batch, lr, seed, from, to } = config;
    const data = await readTranslations(config);
    const model = seeded(seed, () => translatorOf(config, data.tokenizer));
    const optimizer = new optim.AdamW(model.parameters(), {
      lr,
      betas: [0.9, 0.98],
      weightDecay: 1e-4,
    });
    const steps = epochs * data.train.length;
    const smoothing = presets[config.model].smoothing;
    return {
      model,
      summary: summaryOf(model),
      data: `${from} to ${to}: ${countsOf(data)}`,
      method: [
        `AdamW, warm-up and cosine from ${lr}, batch ${batch}`,
        `${config.pieces} pieces of words, seed ${seed}`,
      ].join(", "),
      ...{ epochs, train: data.train, validation: data.validation, optimizer },
      loss: (logits, target) => wordLoss(logits, target, smoothing),
      schedule: warmCosine(optimizer, { steps, warmup: 400, floor: 0.05 }),
      clipNorm: 1,
      files: { [tokenizerFile]: JSON.stringify(data.tokenizer) },
      next: (folder) => `to try it: anneal translate ${folder} "…"`,
      test: () => judge(model, data, config),
    };
  },
  predict: {
    help: "translate a sentence by a trained model",
    input: { option: "text", takes: "<text>", help: "a sentence in quotes" },
    settings: asking,
    async run({ input, options, config, load, read }, { print }) {
      const tokenizer = parseTokenizer(await read(tokenizerFile));
      const model = await load(translatorOf(config, tokenizer));
      const beams = options.beams ?? config.beams;
      const [said] = await translateAll(model, tokenizer, [input], { beams });
      print(said);
      const picture = await attentionPicture(model, tokenizer, input, said!);
      await writeFileAtomic(options.picture, picture);
      print(`where it looked: ${options.picture}`);
    },
  },
};

function countsOf({ trainCount, validationCount, test }: Translations): string {
  const [train, validate, judge] = [trainCount, validationCount, test.from.length].map((n) =>
    n.toLocaleString("en"),
  );
  return `${train} sentences to train, ${validate} to validate, ${judge} to test`;
}

/** The model of a run, with weights of no meaning yet. */
function translatorOf(config: TranslateConfig, tokenizer: Tokenizer): TranslationModel {
  const { model, width, layers, heads } = config;
  const vocabularySize = tokenizer.vocabulary.size;
  const dropout = model === "transformer" ? 0.1 : 0.3;
  return models[model]({ vocabularySize, width, layers, heads, dropout, maxLength: longest });
}

/** The mean over the words of logits (B, T, V) against tokens (B, T). */
function wordLoss(logits: Tensor, target: Tensor, labelSmoothing: number): Tensor {
  const options = { ignoreIndex: unheard, labelSmoothing };
  return nn.crossEntropy(logits.flatten(0, 1), target.flatten(), options);
}

/** Translates the test sentences and compares. */
async function judge(model: TranslationModel, data: Translations, { beams }: TranslateConfig) {
  const { test, tokenizer } = data;
  model.eval();
  const { loss } = await evaluate(model, data.validation, {
    loss: (logits, target) => wordLoss(logits, target, 0),
  });
  const said = await translateAll(model, tokenizer, test.from, { beams });
  const cased = bleu(said, test.to);
  const lower = bleu(said, test.to, { lowercase: true });
  const perplexity = Math.exp(loss);
  return {
    value: cased.score.toFixed(2),
    label: "test BLEU",
    shown: samples(data, said),
    result: {
      testBleu: cased.score,
      testBleuLowercase: lower.score,
      validationPerplexity: perplexity,
    },
    facts: [
      `BLEU lower-cased ${lower.score.toFixed(2)}`,
      `validation perplexity ${perplexity.toFixed(2)}`,
    ],
    files: { "test.txt": `${said.join("\n")}\n` },
  };
}

function samples({ test }: Translations, said: readonly string[]): string {
  const few = said.slice(0, 5).flatMap((text, i) => [
    ["read", test.from[i]!],
    ["says", text],
    ["is", test.to[i]!],
    ["", ""],
  ]);
  return table([{ title: "" }, { title: "test sentences" }], few.slice(0, -1));
}

/** The table of layers without shapes: there is no one input to go through them. */
function summaryOf(model: TranslationModel) {
  const total = model.parameters().reduce((sum, p) => sum + p.numel, 0);
  const rows = model.namedChildren().map(([name, child]) => {
    const parameters = child.parameters().reduce((sum, p) => sum + p.numel, 0);
    return { name, kind: child.constructor.name, outputShape: null, parameters };
  });
  const lines = table(
    [{ title: "part" }, { title: "parameters", align: "right" }],
    rows.map(({ name, kind, parameters }) => [
      `${name} (${kind})`,
      parameters.toLocaleString("en"),
    ]),
  );
  const print = () => `${lines}\ntotal ${total.toLocaleString("en")} parameters`;
  return { rows, total, bytes: 4 * total, toString: print };
}
