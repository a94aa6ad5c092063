// The recipe `answers`: where in a passage the answer to a question is (XQuAD, 1,190 questions), by BiLSTMs
// with attention, trained from nothing, judged by cross-validation over articles beside TF-IDF.
// Not here: reading the questions (answers/data.ts), the network (answers/reader.ts).

import { nn, optim } from "anneal";
import { ArrayDataset, DataLoader, MapDataset } from "anneal/data";
import type { Metric } from "anneal/metrics";
import {
  choice,
  folderOf,
  folderSettings,
  limitTo,
  number,
  part,
  type Recipe,
  type Setting,
  seeded,
  seedOf,
  text,
  UsageError,
  whole,
} from "anneal/recipe";
import { readCorpus } from "anneal/text";
import type { Batch } from "anneal/train";
import { drawPassage } from "anneal/vis";
import { batchOf, type Encoded, encode, FoldSampler, hidden } from "./answers/batches.ts";
import {
  type Language,
  languages,
  passageOf,
  published,
  readQuestions,
  splitOf,
  wordsOf,
} from "./answers/data.ts";
import { lexiconOf, lexiconText, parseLexicon, Rarity } from "./answers/features.ts";
import { marked, replies, together } from "./answers/judging.ts";
import { answerLoss, Readers } from "./answers/reader.ts";
import { judge } from "./answers/verdict.ts";

// Chosen by two folds of the German questions.
const settings = {
  language: choice<Language>("", languages, "en"),
  folds: whole("parts of the articles; each is the test of a reader trained on the others", 3, 2),
  epochs: whole("times through the training questions", 8),
  batch: whole("questions in a step, for each fold", 16),
  lr: number("the highest learning rate of the cycle", 3e-3),
  width: whole("units of the LSTMs in each direction", 48),
  dropout: part("of word vectors and states", 0.5),
  blind: part("of the words that are hidden at each step", 0.15),
  seed: seedOf("weights, order, dropout and hidden words"),
  limit: limitTo("articles", 8),
  ...folderSettings,
} as const;

/** The mean of 1 / rank of the answer's sentence. */
const sentenceRank: Metric = {
  measure({ output, target }) {
    const scores = output.select(2, 0); // (F, B, T)
    const right = scores.gather(2, target.select(2, 0).unsqueeze(2)); // (F, B, 1)
    const ranks = scores.gt(right).sum(2).add(1); // (F, B)
    return [ranks.float().reciprocal().sum(), ranks.mul(0).add(1).sum()];
  },
  result: ([sum, count]) => sum![0]! / count![0]!,
};

/** What a run's readers know of words. */
const lexiconFile = "lexicon.json";

export const recipe: Recipe<typeof settings, { context: Setting<string | null> }> = {
  name: "answers",
  help: "find the answer to a question in a passage (XQuAD), by cross-validation over articles",
  settings,
  async prepare(config) {
    const { language, folds, epochs, batch, lr, width, dropout, blind, seed } = config;
    const { samples: all, titles } = await readQuestions(
      language,
      await folderOf(config, published),
    );
    const articles = Math.min(titles.length, config.limit ?? titles.length);
    const samples = all.filter(({ article }) => article < articles);
    const split = splitOf(articles, folds, 1); // the same, whatever the seed of the training
    const rarity = Rarity.of([...new Set(samples.map(({ passage }) => passage))]);
    const lexicon = lexiconOf(samples);
    const encoded = samples.map((sample) => encode(sample, lexicon, rarity));
    const within = (own: readonly number[]) => {
      return [...samples.keys()].filter((i) => own.includes(samples[i]!.article));
    };
    const development = within(split.development);
    const tests = split.folds.map(within);
    const trains = tests.map((_, f) => tests.filter((_, other) => other !== f).flat());
    const unknown = lexicon.words.special("unknown");
    const blinded = new MapDataset(new ArrayDataset(encoded), (sample, rng) => {
      return hidden(sample, blind, unknown, rng);
    });
    const lengths = encoded.map(({ words }) => words.length);
    const train = new DataLoader<Encoded, unknown, Batch>(blinded, {
      batchSampler: new FoldSampler(trains, lengths, { batch, seed }),
      seed,
      collate: (list) => batchOf(list, folds),
    });
    const sizes = { words: lexicon.words.size, endings: lexicon.endings.size };
    const model = seeded(seed, () => new Readers(folds, { ...sizes, width, dropout }));
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.01 });
    const held = development.sort((a, b) => lengths[a]! - lengths[b]!);
    const told = `${samples.length} questions about ${articles} articles, ${held.length} to validate`;
    return {
      model,
      summary: summaryOf(model, encoded[0]!),
      data: `${told}; ${folds} folds`,
      method: `AdamW, one cycle to ${lr}, ${folds} readers side by side, batch ${batch} each, seed ${seed}`,
      ...{ epochs, train, optimizer, loss: answerLoss, clipNorm: 5 },
      validation: Array.from({ length: Math.ceil(held.length / 32) }, (_, i) => {
        const own = held.slice(32 * i, 32 * i + 32).map((k) => encoded[k]!);
        return batchOf(Array.from({ length: folds }, () => own).flat(), folds);
      }),
      metrics: { mrr: sentenceRank },
      schedule: new optim.OneCycleLR(optimizer, {
        ...{ maxLr: lr, totalSteps: epochs * train.length, pctStart: 0.2 },
      }),
      files: {
        "articles.json": JSON.stringify({
          development: split.development.map((i) => titles[i]),
          folds: split.folds.map((own) => own.map((i) => titles[i])),
        }),
        [lexiconFile]: lexiconText(lexicon, rarity),
      },
      test: async (terminal) => {
        const own = tests.map((fold) => fold.map((i) => encoded[i]!));
        const told = (await replies(model, own)).flat();
        const asked = tests.flat().map((i) => samples[i]!);
        return judge(asked, told, rarity, terminal);
      },
      next: (folder) => `ask it: anneal predict ${folder} "…?" --context FILE`,
    };
  },
  predict: {
    help: "mark the answer to a question in a text",
    input: { option: "question", takes: "<text>", help: "a question in quotes" },
    settings: { context: text("the text that has the answer", "<file>") },
    async run({ input, options, config, load, read }, { style, columns, print }) {
      if (options.context === null) {
        throw new UsageError("--context", "is missing: the file of the text that has the answer");
      }
      const passage = passageOf(await readCorpus({ from: options.context }), config.language);
      const { lexicon, rarity } = parseLexicon(await read(lexiconFile));
      const sizes = { words: lexicon.words.size, endings: lexicon.endings.size };
      const model = await load(new Readers(config.folds, { ...sizes, ...config }));
      const asked = { id: "", article: 0, question: wordsOf(input), passage };
      const each = Array.from({ length: config.folds }, () => [encode(asked, lexicon, rarity)]);
      const reply = together((await replies(model, each)).flat());
      print(drawPassage(marked(asked, reply), { ...style, width: columns }));
    },
  },
};

/** The layers of one of the readers. */
function summaryOf({ readers }: Readers, sample: Encoded) {
  const { x } = batchOf([sample], 1);
  const one = Object.entries(x).map(([name, values]) => [name, values.select(0, 0)]);
  return nn.summary(readers.at(0), Object.fromEntries(one));
}
