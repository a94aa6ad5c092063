// The recipe `lm`: a language model of the characters of one long text, Tiny Shakespeare without
// another.
// Not here: the models (language/models.ts, nn.GPT), or writing with them (anneal generate).

import { nn, optim } from "anneal";
import { DataLoader, RandomSampler } from "anneal/data";
import {
  choice,
  fileSettings,
  limitTo,
  number,
  part,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  sourceOf,
  UsageError,
  whole,
} from "anneal/recipe";
import {
  CharacterTokenizer,
  corpora,
  generate,
  readCorpus,
  splitText,
  type Tokenizer,
  TokenWindows,
} from "anneal/text";
import { evaluate } from "anneal/train";
import type { Figure } from "anneal/vis";
import { bigramLoss } from "./language/baseline.ts";
import { type LanguageModelName, languageModels, type TextModel } from "./language/models.ts";
import { type TextRecipe, tokenizerFile, tokenLoss, warmCosine } from "./language/training.ts";

type LmModel = Exclude<LanguageModelName, "mlp">;

/** What suits each model: the LSTM of char-rnn's size, and nanoGPT's setting for a CPU. */
const presets = {
  gpt: {
    ...{ steps: 2000, batch: 12, context: 64, layers: 4, width: 128, lr: 1e-3, dropout: 0 },
    validation: 64,
  },
  // Longer windows to judge by: it has no context to run out of.
  lstm: {
    ...{ steps: 3500, batch: 32, context: 128, layers: 2, width: 256, lr: 2e-3, dropout: 0.1 },
    validation: 256,
  },
} as const;

const by =
  (name: Exclude<keyof (typeof presets)["gpt"], "validation">) => (config: { model: LmModel }) =>
    presets[config.model][name];

const settings = {
  model: choice<LmModel>("", ["gpt", "lstm"], "gpt"),
  steps: whole("steps of training", by("steps"), 10),
  batch: whole("windows in a step", by("batch")),
  context: whole("characters in a window", by("context"), 2),
  layers: whole("layers of the network", by("layers")),
  width: whole("units of a layer", by("width")),
  heads: whole("heads of attention (gpt)", 4),
  dropout: part("the part that is dropped while training", by("dropout")),
  lr: number("the highest learning rate", by("lr")),
  seed: seedOf("weights, windows and texts"),
  limit: limitTo("characters", 1000),
  ...fileSettings,
} as const;

type LmConfig = RunConfig<typeof settings>;

/** nanoGPT's split. */
const trainPart = 0.9;
const stepsInEpoch = 250;

export const recipe: Recipe<typeof settings> & TextRecipe = {
  name: "lm",
  help: "a language model of the characters of a text (Tiny Shakespeare)",
  settings,
  open: (config: LmConfig, tokenizer) => modelOf(config, tokenizer),
  async prepare(config) {
    const { steps, lr, batch, context, seed } = config;
    const whole = await readCorpus(
      sourceOf(config, "text/tinyshakespeare.txt", corpora.shakespeare),
    );
    const text = config.limit === null ? whole : whole.slice(0, config.limit);
    const tokenizer = CharacterTokenizer.train([text]);
    const { train, validation, every, tokens } = windowsOf(text, tokenizer, config);
    const model = seeded(seed, () => modelOf(config, tokenizer));
    const optimizer = new optim.AdamW(groupsOf(model), { lr, betas: [0.9, 0.99] });
    const count = (n: number) => n.toLocaleString("en");
    return {
      model,
      summary: nn.summary(model, [context], { dtype: "int32" }),
      data: `${count(text.length)} characters, ${tokenizer.vocabulary.size} different; a tenth validates`,
      method: [
        `AdamW, warm-up and cosine from ${lr}`,
        `${count(steps)} steps of ${batch} windows of ${context}, seed ${seed}`,
      ].join(", "),
      epochs: Math.ceil(steps / every),
      ...{ train, validation, optimizer },
      loss: tokenLoss,
      schedule: warmCosine(optimizer, { steps, warmup: 100, floor: 0.1 }),
      clipNorm: 1,
      files: { [tokenizerFile]: JSON.stringify(tokenizer) },
      next: (folder) => `to read it: anneal generate ${folder} --prompt "ROMEO:"`,
      async test() {
        const { loss } = await evaluate(model, validation, { loss: tokenLoss });
        model.eval();
        const sample = await sampleOf(model, tokenizer, seed);
        return {
          value: loss.toFixed(4),
          label: "validation loss a character",
          shown: sample,
          result: { validationLoss: loss, bitsPerCharacter: loss / Math.LN2 },
          facts: [`${(loss / Math.LN2).toFixed(3)} bits a character`],
          files: { "sample.txt": sample },
          report: { figures: [figureOf(loss, tokens, tokenizer, config)] },
        };
      },
    };
  },
};

function modelOf(config: LmConfig, tokenizer: Tokenizer): TextModel {
  const { model, context: contextLength, layers, width, heads, dropout } = config;
  const vocabularySize = tokenizer.vocabulary.size;
  return languageModels[model]({ vocabularySize, contextLength, layers, width, heads, dropout });
}

/** Matrices decay, vectors (biases, norms) do not. */
function groupsOf(model: nn.Module) {
  const all = model.parameters();
  return [
    { params: all.filter((p) => p.shape.length >= 2), weightDecay: 0.1 },
    { params: all.filter((p) => p.shape.length < 2), weightDecay: 0 },
  ].filter(({ params }) => params.length > 0);
}

function windowsOf(text: string, tokenizer: Tokenizer, config: LmConfig) {
  const { model, context, steps, batch: batchSize, seed } = config;
  const [first, last] = splitText(text, trainPart);
  const width = model === "gpt" ? context : Math.max(context, presets[model].validation);
  if (last.length <= width) throw new UsageError("--limit", "leaves no window to validate on");
  const tokens = { train: tokenizer.encode(first), held: tokenizer.encode(last) };
  const windows = new TokenWindows(tokens.train, { length: context, stride: 1 });
  const every = Math.ceil(steps / Math.ceil(steps / stepsInEpoch));
  const count = every * batchSize;
  const sampler = new RandomSampler(windows.length, { replacement: true, count, seed });
  const held = new TokenWindows(tokens.held, { length: width });
  return {
    train: new DataLoader(windows, { batchSize, sampler, seed }),
    validation: new DataLoader(held, { batchSize: 64 }),
    ...{ every, tokens },
  };
}

/** The loss beside that of counted pairs, and of what nanoGPT's setting for a CPU reaches. */
function figureOf(
  loss: number,
  { train, held }: Readonly<Record<"train" | "held", Int32Array>>,
  { vocabulary }: Tokenizer,
  { data }: LmConfig,
): Figure {
  const followed = (tokens: Int32Array) => [{ x: tokens.subarray(0, -1), y: tokens.subarray(1) }];
  const counted = bigramLoss(followed(train), followed(held), vocabulary.size);
  return {
    name: "validation loss a character",
    value: loss,
    baseline: `${counted.toFixed(3)} (pairs of characters counted)`,
    ...(data === null ? { published: 1.88, source: "nanoGPT on a CPU (Karpathy 2022)" } : {}),
  };
}

async function sampleOf(model: TextModel, tokenizer: Tokenizer, seed: number): Promise<string> {
  const prompt = tokenizer.encode("\n");
  const tokens: number[] = [];
  for await (const token of generate(model, prompt, { maxTokens: 400, seed, temperature: 0.8 })) {
    tokens.push(token);
  }
  return tokenizer.decode(tokens);
}
