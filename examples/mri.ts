// The recipe `mri`: is there a tumour in a slice of a brain (253 public pictures)? A small convolutional
// network for each of five folds, judged on pictures that it did not see, and where it looked (Grad-CAM).
// Not here: reading pictures (mri/data.ts), folds and networks (mri/folds.ts), the regression beside
// it (mri/baseline.ts), asking (mri/views.ts).

import { nn, optim } from "anneal";
import { DataLoader, type ImageArray, Rng, resizeTo, stratifiedFolds } from "anneal/data";
import { auroc, meter, wilsonInterval } from "anneal/metrics";
import * as recipes from "anneal/recipe";
import { drawFigures, drawMatrix, type Figure, filters, percent, pictureOf } from "anneal/vis";
import { decodePicture } from "anneal/vision";
import { logistic } from "./mri/baseline.ts";
import { classes, headOf, readScans, type Scans } from "./mri/data.ts";
import { FoldNets, FoldRows, othersOf } from "./mri/folds.ts";
import { batchOf, heldOut, oddsOf, viewOf } from "./mri/views.ts";

const { whole, number, part, seedOf, folderSettings, skipBadOf, classified, seeded } = recipes;

// Every picture is in a test fold, so none could choose these: they are what trains in a minute.
const settings = {
  folds: whole("parts of the pictures; each is the test of a network trained on the others", 5, 2),
  size: whole("pixels of a side", 48, 16),
  width: whole("channels of the first layer", 16),
  epochs: whole("times through the training pictures", 24),
  batch: whole("pictures of each fold in a step", 32),
  lr: number("the highest learning rate of the cycle", 3e-3),
  dropout: part("of the last features", 0.3),
  seed: seedOf("folds, weights, order and augmentation"),
  skipBad: skipBadOf("pictures"),
  ...folderSettings,
} as const;

type Config = recipes.RunConfig<typeof settings>;

export const recipe: recipes.Recipe<typeof settings> = {
  name: "mri",
  help: "tell slices of brains with a tumour, by cross-validation, and show where",
  settings,
  async prepare(config) {
    const { folds, size, epochs, batch, lr, seed } = config;
    const scans = await readScans(config);
    const labels = scans.slices.map(({ label }) => label);
    const heads = scans.slices.map(({ image }) => headOf(image, size));
    const tests = stratifiedFolds(labels, folds, new Rng(seed));
    const rows = new FoldRows(othersOf(tests, labels.length), heads, labels, true);
    const train = new DataLoader(rows, { batchSize: batch, shuffle: true, seed, dropLast: true });
    const held = new FoldRows(tests, heads, labels, false);
    const model = netsOf(config);
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: 0.05 });
    const tumours = labels.filter((label) => label === 1).length;
    const again = `${scans.twins.length} left out that show what another shows`;
    const split = tests.map((test) => test.map((i) => scans.slices[i]!.file));
    return {
      model,
      summary: nn.summary([...model.nets][0]!, [1, size, size]),
      data: `${labels.length} slices, ${tumours} with a tumour; ${again}; patients unknown`,
      method: `AdamW, one cycle to ${lr}, ${folds} such networks side by side, batch ${batch}, seed ${seed}`,
      ...{ epochs, train, optimizer, loss: nn.crossEntropy },
      validation: new DataLoader(held, { batchSize: batch }),
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps: epochs * train.length }),
      files: { "folds.json": `${JSON.stringify({ tests: split, twins: scans.twins }, null, 1)}\n` },
      skipped: scans.skipped,
      next: (run) => `anneal predict ${run} SLICE.jpg`,
      test: (terminal) => judge(model, scans, heads, tests, terminal),
    };
  },
  predict: {
    help: "how likely a slice shows a tumour, in the mean of the networks (no medical advice)",
    input: { option: "image", takes: "<file>", help: "a picture of a slice of a brain" },
    async run({ input, config, load }, { print }) {
      const model = await load(netsOf(config));
      const head = headOf(await decodePicture(input, { channels: 1 }), config.size);
      const odds = await Promise.all([...model.nets].map((net) => oddsOf(net, [head], [0])));
      const mean = odds.reduce((sum, [p]) => sum + p! / odds.length, 0);
      print(`${input}: tumour ${percent(mean)} (${odds.map(([p]) => percent(p!)).join(", ")})`);
    },
  },
};

function netsOf({ folds, width, dropout, seed }: Config): FoldNets {
  return seeded(seed, () => new FoldNets(folds, width, dropout));
}

/** What can be said of odds whose truth is known. */
async function figuresOf(odds: readonly number[], labels: readonly number[]) {
  const logits = odds.flatMap((p) => [Math.log(1 - p + 1e-12), Math.log(p + 1e-12)]);
  const said = classified(logits, labels, 2);
  const area = meter(auroc({ probabilities: true }));
  void area.update([...odds], [...labels]);
  const right = labels.length - said.mistakes.length;
  return { ...said, area: await area.compute(), interval: wilsonInterval(right, labels.length) };
}

async function judge(
  model: FoldNets,
  { slices, twins }: Scans,
  heads: readonly ImageArray[],
  tests: readonly (readonly number[])[],
  { style }: recipes.Terminal,
): Promise<recipes.Verdict> {
  const labels = slices.map(({ label }) => label);
  const net = await figuresOf(await heldOut(model, heads, tests), labels);
  const plain = await figuresOf(await logistic(heads, labels, tests), labels);
  const [low, high] = net.interval;
  const ill = labels.filter((label) => label === 1).length;
  const usual = Math.max(ill, labels.length - ill) / labels.length;
  const figures: Figure[] = [
    {
      name: "accuracy",
      value: `${net.accuracy.toFixed(3)} (95 %: ${low.toFixed(3)} to ${high.toFixed(3)})`,
      baseline: `${plain.accuracy.toFixed(3)} (regression), ${usual.toFixed(3)} (always one)`,
      published: "0.882",
      source: "RaptorBlingx on GitHub: one split, copies left in",
    },
    { name: "area under the ROC curve", value: net.area, baseline: plain.area },
  ];
  const shown = (list: readonly recipes.Answer[]) => seen(model, heads, tests, slices, list);
  const sure = net.answers.filter(({ truth, said }) => truth === 1 && said === 1);
  sure.sort((a, b) => b.probability - a.probability);
  const weight = [...model.nets][0]!.blocks.at(0) as nn.Conv2d;
  return {
    value: net.accuracy.toFixed(4),
    label: "accuracy on pictures not trained on",
    shown: `${drawFigures(figures, style)}\n\n${drawMatrix(net.matrix, { ...style, labels: classes })}`,
    result: {
      ...{ accuracy: net.accuracy, accuracyLow: low, accuracyHigh: high, area: net.area },
      ...{ logisticAccuracy: plain.accuracy, logisticArea: plain.area, leftOut: twins.length },
    },
    facts: [
      `accuracy ${percent(net.accuracy)} (95 %: ${percent(low)} to ${percent(high)})`,
      `logistic regression ${percent(plain.accuracy)}`,
      `${twins.length} copies left out; patients unknown`,
      "253 pictures from the web are no medical device",
    ],
    report: {
      figures,
      confusion: { matrix: net.matrix, labels: classes },
      pictures: [
        { title: "Surest tumours", note, pictures: await shown(sure.slice(0, 12)), width: 128 },
        { title: "Mistakes", note, pictures: await shown(net.mistakes.slice(0, 24)), width: 128 },
        filters({ data: await weight.weight.data(), shape: weight.weight.shape }),
      ],
    },
  };
}

const note =
  "Red: what spoke for a tumour in the network that did not train on the picture (Grad-CAM).";

/** Views of pictures with Grad-CAM for a tumour over them, as a share of the picture's own highest place. */
async function seen(
  model: FoldNets,
  heads: readonly ImageArray[],
  tests: readonly (readonly number[])[],
  slices: Scans["slices"],
  answers: readonly recipes.Answer[],
) {
  const drawn = answers.map(async ({ index, truth, said, probability }) => {
    const net = [...model.nets][tests.findIndex((test) => test.includes(index))]!.eval();
    const head = viewOf(heads[index]!, index, 0);
    const [size] = head.shape;
    const map = nn.gradCam(net, net.blocks, batchOf([head]), 1); // (1, S/8, S/8)
    const [, rows, cols] = map.shape as [number, number, number];
    const small = { data: (await map.data()) as Float32Array, layout: "hwc" as const };
    const heat = Float32Array.from(resizeTo({ ...small, shape: [rows, cols, 1] }, size, size).data);
    const most = heat.reduce((a, b) => Math.max(a, b), 1e-12);
    return {
      ...pictureOf(head),
      heat: heat.map((value) => (0.6 * value) / most),
      caption: `${slices[index]!.file}\nsaid ${classes[said]!} (${percent(probability)})`,
      tone: truth === said ? ("right" as const) : ("wrong" as const),
    };
  });
  return Promise.all(drawn);
}
