// The recipe `names`: learns how first names are spelled (makemore's list), and makes new ones up.
// Not here: the models (language/models.ts), or making more of them later (anneal generate).

import { nn, optim } from "anneal";
import { ArrayDataset, DataLoader, type NdArray, randomSplit } from "anneal/data";
import { perplexity } from "anneal/metrics";
import {
  choice,
  fileSettings,
  limitTo,
  number,
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
  generateBatch,
  padSequences,
  readLines,
  type Tokenizer,
} from "anneal/text";
import { evaluate } from "anneal/train";
import { table } from "anneal/vis";
import { bigramLoss } from "./language/baseline.ts";
import { type LanguageModelName, languageModels, type TextModel } from "./language/models.ts";
import { type TextRecipe, tokenizerFile, tokenLoss, unheard } from "./language/training.ts";

const settings = {
  model: choice<LanguageModelName>("", Object.keys(languageModels) as LanguageModelName[], "mlp"),
  epochs: whole("times through the names", 12),
  batch: whole("names in a step", 128),
  lr: number("the highest learning rate of the cycle", 5e-3),
  layers: whole("layers of the network", 1),
  width: whole("units of a layer", 200),
  letters: whole("letters of a name at most", 15),
  seed: seedOf("weights, order and made-up names"),
  limit: limitTo("names", 20),
  ...fileSettings,
} as const;

type NamesConfig = RunConfig<typeof settings>;

/** The one special token: before the first letter and after the last. */
const dot = ".";
const shown = 20;

/** Of the same names, parted otherwise. */
const published = { published: 2.168, source: "makemore's perceptron (Karpathy 2022)" };

export const recipe: Recipe<typeof settings> & TextRecipe = {
  name: "names",
  help: "learn how names are spelled, and make new ones up",
  settings,
  open: (config: NamesConfig, tokenizer) => modelOf(config, tokenizer),
  async prepare(config) {
    const all = await readLines(sourceOf(config, "text/names.txt", corpora.names));
    const names = config.limit === null ? all : all.slice(0, config.limit);
    const tokenizer = CharacterTokenizer.train(names, { specials: { begin: dot, end: dot } });
    const batches = batchesOf(names, tokenizer, config);
    const model = seeded(config.seed, () => modelOf(config, tokenizer));
    const optimizer = new optim.AdamW(model.parameters(), { lr: config.lr, weightDecay: 0.01 });
    const { epochs, batch, lr, seed } = config;
    const totalSteps = epochs * batches.train.length;
    return {
      model,
      summary: nn.summary(model, [config.letters + 1], { dtype: "int32" }),
      data: `${names.length.toLocaleString("en")} names; 1 in 10 validates, 1 in 10 tests`,
      method: `AdamW, one cycle to ${lr}, batch ${batch}, seed ${seed}`,
      ...{ epochs, train: batches.train, validation: batches.validation, optimizer },
      loss: tokenLoss,
      metrics: { perplexity: perplexity({ ignoreIndex: unheard }) },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps, pctStart: 0.2 }),
      files: { [tokenizerFile]: JSON.stringify(tokenizer) },
      next: (folder) => `more names: anneal generate ${folder}`,
      async test() {
        const metrics = { perplexity: perplexity({ ignoreIndex: unheard }) };
        const tested = await evaluate(model, batches.test, { loss: tokenLoss, metrics });
        const loss = Math.log(tested.perplexity);
        const made = await makeNames(model, tokenizer, seed);
        const known = new Set(names);
        const isNew = made.filter((name) => !known.has(name)).length;
        return {
          value: loss.toFixed(4),
          label: "test loss a letter",
          shown: namesTable(made, known),
          result: { testLoss: loss, testPerplexity: tested.perplexity },
          facts: [
            `perplexity ${tested.perplexity.toFixed(2)}`,
            `${isNew} of ${made.length} made-up names are new`,
          ],
          report: {
            figures: [
              {
                name: "test loss a letter",
                value: loss,
                baseline: `${batches.counted.toFixed(3)} (pairs of letters counted)`,
                ...(config.data === null ? published : {}),
              },
            ],
          },
        };
      },
    };
  },
};

function modelOf({ model, layers, width, letters }: NamesConfig, tokenizer: Tokenizer): TextModel {
  const contextLength = letters + 1; // the dot before the first
  const vocabularySize = tokenizer.vocabulary.size;
  return languageModels[model]({
    vocabularySize,
    contextLength,
    layers,
    width,
    heads: 4,
    dropout: 0,
  });
}

interface NameSample {
  readonly x: NdArray;
  readonly y: NdArray;
}

/** Each name as what is read (a dot before it) and what should be said (a dot behind it). */
function batchesOf(
  names: readonly string[],
  tokenizer: Tokenizer,
  { batch, seed, letters }: NamesConfig,
) {
  const length = letters + 1;
  const samples = names.map((name): NameSample => {
    if (name.length > letters) {
      throw new UsageError("--letters", `is ${letters}, but ${name} has ${name.length}`);
    }
    const tokens = tokenizer.encode(name, { begin: true, end: true });
    const x = padSequences([tokens.subarray(0, -1)], { length, pad: tokenizer.vocabulary.begin });
    const y = padSequences([tokens.subarray(1)], { length, pad: unheard });
    return {
      x: { data: x.tokens.data, shape: [length] },
      y: { data: y.tokens.data, shape: [length] },
    };
  });
  const parts = randomSplit(new ArrayDataset(samples), [0.8, 0.1, 0.1], { seed });
  const loaders = parts.map((part, i) => {
    const options = i === 0 ? { batchSize: batch, shuffle: true, seed } : { batchSize: 256 };
    return new DataLoader<NameSample>(part, options);
  });
  const [train, validation, test] = loaders as [
    (typeof loaders)[0],
    (typeof loaders)[0],
    (typeof loaders)[0],
  ];
  const [seen, , held] = parts.map((part) => {
    return Array.from({ length: part.length }, (_, i) => {
      const { x, y } = part.get(i);
      return { x: x.data, y: y.data };
    });
  });
  const counted = bigramLoss(seen!, held!, tokenizer.vocabulary.size);
  return { train, validation, test, counted };
}

async function makeNames(model: TextModel, tokenizer: Tokenizer, seed: number): Promise<string[]> {
  const begin = tokenizer.vocabulary.special("begin");
  const maxTokens = (model.contextLength ?? 31) - 1;
  model.eval();
  const texts = await generateBatch(model, [begin], { rows: shown, maxTokens, end: begin, seed });
  return texts.map((tokens) => tokenizer.decode(tokens));
}

function namesTable(made: readonly string[], known: ReadonlySet<string>): string {
  return table(
    [{ title: "made up" }, { title: "is" }],
    made.map((name) => [name, known.has(name) ? "in the list" : "new"]),
  );
}
