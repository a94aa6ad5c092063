// What the network is held against: linear models on what chemists have thought of before, numbers about
// the whole molecule (descriptors) and which neighbourhoods of atoms it has (fingerprints).
// Not here: the network (model.ts).

import { nn, noGrad, optim, Tensor, zeros } from "anneal";
import { labelsOf, type MoleculeSet, type Sample, type Split } from "./data.ts";
import { measuredLoss } from "./model.ts";
import type { Chemistry } from "./rdkit.ts";
import { type Score, scoreOf, spreadOf } from "./score.ts";

/** Columns of numbers, one list a molecule. */
type Features = readonly (readonly number[] | Uint8Array)[];

const bits = 1024;

/** What a linear model may go by, by name. */
function featuresOf(chemistry: Chemistry, samples: readonly Sample[]) {
  const descriptors = samples.map(({ molecule }) => chemistry.descriptors(molecule).values);
  const fingerprints = samples.map(({ molecule }) => chemistry.fingerprint(molecule, bits));
  return { descriptors, fingerprints } satisfies Record<string, Features>;
}

/** Scores of ridge or logistic regressions on the test parts, over the splits. */
export async function linearScores(
  chemistry: Chemistry,
  { kind, split }: MoleculeSet,
  samples: readonly Sample[],
  splits: readonly Split[],
) {
  const different = split === "scaffold" ? splits.slice(0, 1) : splits;
  const { descriptors, fingerprints } = featuresOf(chemistry, samples);
  const scores = async (features: Features) => {
    const found: Score[] = [];
    for (const parts of different) found.push(await linearScore(features, samples, parts, kind));
    const tasks = samples[0]!.labels.map((_, t) => spreadOf(found.map((score) => score.tasks[t]!)));
    return { ...spreadOf(found.map(({ value }) => value)), tasks };
  };
  return { descriptors: await scores(descriptors), fingerprints: await scores(fingerprints) };
}

/** Strengths of the pull towards 0, of which the validation part chooses. */
const pulls = [1e-4, 1e-3, 1e-2, 1e-1];

async function linearScore(
  features: Features,
  samples: readonly Sample[],
  { train, validation, test }: Split,
  kind: MoleculeSet["kind"],
): Promise<Score> {
  const scaled = standardized(features, train);
  const [columns, tasks] = [scaled[0]!.length, samples[0]!.labels.length];
  const x = (part: readonly number[]) => {
    const values = new Float32Array(part.length * columns);
    part.forEach((i, row) => void values.set(scaled[i]!, row * columns));
    return Tensor.from(values, [part.length, columns]); // (N, D)
  };
  const labels = Float32Array.from(train.flatMap((i) => samples[i]!.labels));
  const [seen, held, asked] = [x(train), x(validation), x(test)];
  const y = Tensor.from(labels, [train.length, tasks]); // (N, K)
  const loss = measuredLoss(kind);
  const found: { held: Score; asked: Score }[] = [];
  for (const pull of pulls) {
    const weight = nn.parameter(zeros([columns, tasks])); // (D, K)
    const bias = nn.parameter(zeros([tasks]));
    const told = (rows: Tensor) => rows.matmul(weight).add(bias);
    const optimizer = new optim.LBFGS([weight, bias], {
      maxIter: 60,
      lineSearchFn: "strong_wolfe",
    });
    await optimizer.step(() => loss(told(seen), y).add(weight.square().sum().mul(pull)));
    const score = async (rows: Tensor, part: readonly number[]) => {
      const said = await noGrad(() => told(rows)).data();
      return scoreOf(kind, said, labelsOf(samples, part));
    };
    found.push({ held: await score(held, validation), asked: await score(asked, test) });
  }
  const sign = kind === "number" ? 1 : -1;
  return found.sort((a, b) => sign * (a.held.value - b.held.value))[0]!.asked;
}

/** Of mean 0 and spread 1 over the molecules to train on; what is the same for all of them is 0. */
function standardized(features: Features, train: readonly number[]): Float32Array[] {
  const width = features[0]!.length;
  const out = features.map(() => new Float32Array(width));
  for (let c = 0; c < width; c++) {
    const own = train.map((i) => features[i]![c]!);
    const mean = own.reduce((a, b) => a + b, 0) / own.length;
    const spread = Math.sqrt(own.reduce((a, b) => a + (b - mean) ** 2, 0) / own.length);
    if (spread === 0) continue;
    // Far outside of what was seen, a line says nothing: five spreads are as far as it goes.
    features.forEach((row, i) => {
      out[i]![c] = Math.max(-5, Math.min(5, (row[c]! - mean) / spread));
    });
  }
  return out;
}
