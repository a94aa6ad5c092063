// The recipe `molecules`: what a molecule does (dissolve in water, pass into the brain, disturb a cell),
// told from its formula by a network whose messages run along the bonds. Several networks train side by
// side, each on its own split of the data, so that the figure has a spread.
// Not here: reading SMILES (molecules/rdkit.ts, data.ts), graphs as numbers (graph.ts), the network
// (model.ts).

import { LoadError, nn, optim, zeros } from "anneal";
import {
  choice,
  folderOf,
  folderSettings,
  limitTo,
  number,
  part,
  type Recipe,
  type RunConfig,
  seeded,
  seedOf,
  skipBadOf,
  type Terminal,
  type Verdict,
  whole,
} from "anneal/recipe";
import { predict } from "anneal/train";
import { drawFigures, type Figure } from "anneal/vis";
import { linearScores } from "./molecules/baseline.ts";
import { loaderOf, type Units, unitsOf } from "./molecules/batches.ts";
import {
  labelsOf,
  type MoleculeSet,
  publishedOf,
  readMolecules,
  type Samples,
  type SetName,
  type Split,
  sets,
  splitsOf,
  splitTable,
} from "./molecules/data.ts";
import { graphOf } from "./molecules/graph.ts";
import { Committee, graphsOf, measuredLoss } from "./molecules/model.ts";
import { openRDKit } from "./molecules/rdkit.ts";
import { answerText, drawingsOf, galleries } from "./molecules/report.ts";
import { scoreOf, spreadOf } from "./molecules/score.ts";

// Chosen by the validation parts alone.
const settings = {
  set: choice<SetName>("", Object.keys(sets) as SetName[], "esol"),
  networks: whole("networks side by side, each with a split of its own", 3),
  epochs: whole("times through the molecules to train on", ({ set }: Chosen) => usual[set].epochs),
  batch: whole("molecules in a step", 50),
  lr: number("the highest learning rate of the cycle", ({ set }: Chosen) => usual[set].lr),
  width: whole("numbers of a message", ({ set }: Chosen) => usual[set].width),
  depth: whole("bonds that a message runs along", 3),
  dropout: part("of messages", ({ set }: Chosen) => usual[set].dropout),
  weightDecay: number("how much weights shrink", ({ set }: Chosen) => usual[set].weightDecay),
  seed: seedOf("the splits, weights, order and dropout"),
  limit: limitTo("rows", 100),
  skipBad: skipBadOf("molecules"),
  ...folderSettings,
} as const;

type Chosen = { readonly set: SetName };
type MoleculeConfig = RunConfig<typeof settings>;

interface Usual {
  readonly epochs: number;
  readonly lr: number;
  readonly width: number;
  readonly dropout: number;
  readonly weightDecay: number;
}

const usual: Readonly<Record<SetName, Usual>> = {
  esol: { epochs: 60, lr: 2e-3, width: 128, dropout: 0, weightDecay: 0.01 },
  freesolv: { epochs: 80, lr: 3e-3, width: 128, dropout: 0, weightDecay: 0.01 },
  lipophilicity: { epochs: 40, lr: 3e-3, width: 160, dropout: 0, weightDecay: 0.01 },
  bbbp: { epochs: 20, lr: 2e-3, width: 128, dropout: 0.2, weightDecay: 0.1 },
  tox21: { epochs: 24, lr: 3e-3, width: 160, dropout: 0.2, weightDecay: 0.05 },
};

export const recipe: Recipe<typeof settings> = {
  name: "molecules",
  help: "tell what a molecule does from its formula (ESOL, BBBP, Tox21), by messages along its bonds",
  settings,
  async prepare(config) {
    const { epochs, batch, lr, networks, seed } = config;
    const set: MoleculeSet = sets[config.set];
    const folder = await folderOf(config, publishedOf(set));
    const read = await readMolecules(set, folder, config);
    const { samples, bad, unlabelled } = read;
    const splits = splitsOf(set, samples, { count: networks, seed });
    const units = unitsOf(set, samples, splits);
    const model = seeded(seed, () => modelOf(config, units));
    const train = loaderOf(
      samples,
      splits.map(({ train }) => train),
      { batch, seed },
    );
    const validation = loaderOf(
      samples,
      splits.map((split) => split.validation),
    );
    const optimizer = new optim.AdamW(model.parameters(), { lr, weightDecay: config.weightDecay });
    const totalSteps = epochs * train.length;
    const parts = Object.values(splits[0]!).map(({ length }) => length);
    const left = unlabelled > 0 ? [`${unlabelled} more of which nothing was measured`] : [];
    return {
      model,
      summary: nn.summary(model, graphsOf([Array(networks).fill(samples[0]!.graph)])),
      data: [
        `${set.title}: ${samples.length} molecules, ${parts.join(" / ")} by ${set.split} split`,
        ...left,
      ].join(", "),
      method: `AdamW, one cycle to ${lr}, batch ${batch}, ${networks} networks side by side, seed ${seed}`,
      ...{ epochs, train, validation, optimizer, loss: measuredLoss(set.kind, units.spread) },
      schedule: new optim.OneCycleLR(optimizer, { maxLr: lr, totalSteps }),
      files: { "splits.csv": splitTable(samples, splits) },
      skipped: bad,
      next: (folder) => `ask it: anneal predict molecules "CCO" --run ${folder}`,
      test: (terminal) => judge(model, read, splits, set, terminal),
    };
  },
  predict: {
    help: "say what a molecule does",
    input: { option: "smiles", takes: "<smiles>", help: "a formula as SMILES, such as CCO" },
    async run({ input, config, load }, { print }) {
      const molecule = (await openRDKit()).read(input);
      if (typeof molecule === "string") throw new LoadError(input, molecule);
      const set: MoleculeSet = sets[config.set];
      const tasks = Object.keys(set.tasks);
      const shape = [config.networks, tasks.length];
      const model = await load(modelOf(config, { mean: zeros(shape), spread: zeros(shape) }));
      const x = graphsOf([Array(config.networks).fill(graphOf(molecule))]);
      const said = await (await predict(model, [{ x }])).mean(1).data(); // of all networks together
      tasks.forEach((task, t) => void print(answerText(set, task, said[t]!)));
    },
  },
};

function modelOf({ set, width, depth, dropout }: MoleculeConfig, units: Units): Committee {
  const tasks = Object.keys(sets[set].tasks).length;
  return new Committee({ width, depth, dropout, tasks }, units);
}

async function judge(
  model: Committee,
  { chemistry, samples }: Samples,
  splits: readonly Split[],
  set: MoleculeSet,
  { style }: Terminal,
): Promise<Verdict> {
  const tests = splits.map(({ test }) => test);
  const all = await (await predict(model, loaderOf(samples, tests))).data(); // (N, R, K)
  const width = Object.keys(set.tasks).length;
  const said = splits.map((_, k) => {
    const starts = tests[k]!.map((_, row) => (row * splits.length + k) * width);
    return starts.flatMap((at) => [...all.subarray(at, at + width)]); // (N, K)
  });
  const scores = await Promise.all(
    said.map((own, k) => scoreOf(set.kind, own, labelsOf(samples, tests[k]!))),
  );
  const network = spreadOf(scores.map(({ value }) => value));
  // Where all have one split, what they say together can be judged too: the mean of their logits.
  const mean = said[0]!.map((_, i) => said.reduce((sum, own) => sum + own[i]!, 0) / said.length);
  const together = await scoreOf(set.kind, mean, labelsOf(samples, tests[0]!));
  const linear = await linearScores(chemistry, set, samples, splits);
  const measure = set.kind === "number" ? "root mean squared error" : "area under the ROC curve";
  const shown = ({ mean, spread }: typeof network) => {
    return spread > 0 ? `${mean.toFixed(3)} ± ${spread.toFixed(3)}` : mean.toFixed(3);
  };
  const tasks = Object.keys(set.tasks).map((name, t) => ({
    name,
    value: shown(spreadOf(scores.map((score) => score.tasks[t]!))),
    baseline: `${shown(linear.fingerprints.tasks[t]!)} (fingerprints)`,
  }));
  const figures: Figure[] = [
    {
      name: set.unit ? `${measure}, ${set.unit}` : measure,
      value: shown(network),
      baseline: Object.entries(linear)
        .map(([by, value]) => `${shown(value)} (${by})`)
        .join(", "),
      published: set.published,
      source: `Wu et al. 2018, ${set.split} split`,
    },
    ...(set.split === "scaffold" ? [{ name: "all together", value: together.value }] : []),
    ...(width > 1 ? tasks : []),
  ];
  const told = { set, samples, tests, said };
  return {
    value: network.mean.toFixed(4),
    label: `${measure} on molecules not trained on, in the mean of ${splits.length} networks`,
    shown: drawFigures(figures, style),
    result: {
      score: network.mean,
      spread: network.spread,
      descriptorBaseline: linear.descriptors.mean,
      fingerprintBaseline: linear.fingerprints.mean,
    },
    facts: [set.title, `baselines are linear models on descriptors and on fingerprints`],
    report: {
      figures,
      pictures: await galleries(chemistry, model.members[0]!, told),
      drawings: await drawingsOf(told),
    },
  };
}
