// The sets of `molecules` (MoleculeNet, Wu et al. 2018): tables of SMILES with what was measured, and the
// parts to train, to validate and to test. Not here: what a molecule is (rdkit.ts), or numbers for a
// network (graph.ts).

import { existsSync } from "node:fs";
import { join } from "node:path";
import { LoadError } from "anneal";
import { Rng, readCsv } from "anneal/data";
import { type Published, publishedAt, type Skipped } from "anneal/recipe";
import { type Graph, graphOf } from "./graph.ts";
import { type Chemistry, type Molecule, openRDKit } from "./rdkit.ts";

/** A table, and what is asked of it. */
export interface MoleculeSet {
  readonly file: string;
  /** What the file is called at {@link deepChem}. */
  readonly remote: string;
  /** The column of names, where there is one. */
  readonly name?: string;
  readonly title: string;
  /** Numbers are judged by their root mean squared error, yes or no by the area under the ROC curve. */
  readonly kind: "number" | "yes or no";
  /** The columns of what was measured, by what to call them. */
  readonly tasks: Readonly<Record<string, string>>;
  readonly unit?: string;
  /** Yes in words, and no. */
  readonly words?: readonly [no: string, yes: string];
  /** Labels beyond these are taken for mistakes. */
  readonly range: readonly [least: number, most: number];
  /** `scaffold`: molecules that are tested have rings and links that no molecule to train on has. */
  readonly split: "random" | "scaffold";
  /** What Wu et al. 2018 report for the same kind of split. */
  readonly published: string;
}

const deepChem = "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets";

const tox21Tasks = [
  ...["NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma"],
  ...["SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"],
];

export const sets = {
  esol: {
    file: "esol.csv",
    remote: "delaney-processed.csv",
    name: "Compound ID",
    title: "solubility in water (ESOL, Delaney 2004)",
    kind: "number",
    tasks: { solubility: "measured log solubility in mols per litre" },
    unit: "log mol/l",
    range: [-15, 5],
    split: "random",
    published: "0.97 graph convolutions, 0.58 message passing",
  },
  freesolv: {
    file: "FreeSolv_SAMPL.csv",
    remote: "SAMPL.csv",
    name: "iupac",
    title: "free energy of hydration (FreeSolv, Mobley and Guthrie 2014)",
    kind: "number",
    tasks: { "free energy": "expt" },
    unit: "kcal/mol",
    range: [-40, 20],
    split: "random",
    published: "1.40 graph convolutions, 1.15 message passing",
  },
  lipophilicity: {
    file: "Lipophilicity.csv",
    remote: "Lipophilicity.csv",
    name: "CMPD_CHEMBLID",
    title: "octanol and water (Lipophilicity, ChEMBL)",
    kind: "number",
    tasks: { "log D": "exp" },
    unit: "log D at pH 7.4",
    range: [-10, 15],
    split: "random",
    published: "0.655 graph convolutions, 0.715 message passing",
  },
  bbbp: {
    file: "BBBP.csv",
    remote: "BBBP.csv",
    name: "name",
    title: "passing the blood-brain barrier (BBBP, Martins et al. 2012)",
    kind: "yes or no",
    tasks: { passes: "p_np" },
    words: ["stays out", "passes"],
    range: [0, 1],
    split: "scaffold",
    published: "0.690 graph convolutions",
  },
  tox21: {
    file: "tox21.csv.gz",
    remote: "tox21.csv.gz",
    name: "mol_id",
    title: "twelve assays of toxicity (Tox21, 2014)",
    kind: "yes or no",
    tasks: Object.fromEntries(tox21Tasks.map((task) => [task, task])),
    words: ["inactive", "active"],
    range: [0, 1],
    split: "random",
    published: "0.829 graph convolutions",
  },
} as const satisfies Record<string, MoleculeSet>;

export type SetName = keyof typeof sets;

/** A molecule with what was measured of it. */
export interface Sample {
  readonly line: number;
  readonly name: string;
  readonly molecule: Molecule;
  readonly graph: Graph;
  /** NaN: not measured. */
  readonly labels: readonly number[];
}

export interface Samples {
  readonly chemistry: Chemistry;
  readonly samples: readonly Sample[];
  readonly bad: readonly Skipped[];
  /** Rows in which nothing was measured. */
  readonly unlabelled: number;
}

export interface ReadOptions {
  /** Only so many rows. */
  readonly limit: number | null;
  readonly skipBad: boolean;
}

/** Where a set is published, as MoleculeNet's authors keep it. */
export function publishedOf({ file, remote, title }: MoleculeSet): Published {
  const files = [{ from: `${deepChem}/${remote}`, name: file }];
  return { name: title, place: "molecules", files, page: "https://moleculenet.org" };
}

/** Reads a set. Throws LoadError, with file and line, for a SMILES that is none or a label that cannot be. */
export async function readMolecules(
  set: MoleculeSet,
  folder: string,
  { limit, skipBad }: ReadOptions,
): Promise<Samples> {
  const path = join(folder, set.file);
  if (!existsSync(path)) {
    throw new LoadError(path, "is not there", { hint: publishedAt(publishedOf(set)) });
  }
  const { header, rows, lines } = await readCsv({ from: path });
  const place = (name: string) => {
    const at = header.indexOf(name);
    if (at >= 0) return at;
    throw new LoadError(path, `has no column "${name}"`, { hint: `it has ${header.join(", ")}` });
  };
  const [smilesAt, nameAt] = [place("smiles"), header.indexOf(set.name ?? "")];
  const tasks = Object.values(set.tasks).map((column) => ({ column, at: place(column) }));
  const chemistry = await openRDKit();
  const bad: Skipped[] = [];
  const samples = rows.slice(0, limit ?? rows.length).flatMap((row, i): Sample[] => {
    const line = lines[i]!;
    const read = sampleOf(
      chemistry,
      row[smilesAt]!,
      tasks.map(({ column, at }) => {
        return labelOf(row[at]!, set, column);
      }),
    );
    if (typeof read !== "string") return [{ line, name: row[nameAt]?.trim() ?? "", ...read }];
    if (!skipBad) {
      const hint = "--skip-bad leaves out what cannot be read, and counts it";
      throw new LoadError(path, `has in line ${line} ${read}`, { hint });
    }
    bad.push({ file: path, reason: `has in line ${line} ${read}` });
    return [];
  });
  const measured = samples.filter(({ labels }) => !labels.every(Number.isNaN));
  if (measured.length < 20) {
    throw new LoadError(path, `has ${measured.length} molecules, too few to train and to test`);
  }
  return { chemistry, samples: measured, bad, unlabelled: samples.length - measured.length };
}

/** A row as a sample, or what is wrong with it. */
function sampleOf(
  chemistry: Chemistry,
  smiles: string,
  labels: readonly (number | string)[],
): Pick<Sample, "molecule" | "graph" | "labels"> | string {
  const wrong = labels.find((label) => typeof label === "string");
  if (wrong !== undefined) return wrong;
  const molecule = chemistry.read(smiles);
  if (typeof molecule === "string") return `${JSON.stringify(smiles)}, which ${molecule}`;
  return { molecule, graph: graphOf(molecule), labels: labels as readonly number[] };
}

/** A label, or what is wrong with it. Yes and no are 1 and 0; cells may be empty among several tasks. */
function labelOf(cell: string, { kind, range, tasks }: MoleculeSet, column: string) {
  const text = cell.trim();
  if (text === "" && Object.keys(tasks).length > 1) return Number.NaN;
  const value = text === "" ? Number.NaN : Number(text);
  const [least, most] = range;
  if (value >= least && value <= most && (kind === "number" || Number.isInteger(value))) {
    return value;
  }
  const wanted = kind === "number" ? `a number from ${least} to ${most}` : "0 or 1";
  return `${JSON.stringify(cell)} as "${column}", which is not ${wanted}`;
}

/** The labels of some of the samples. */
export function labelsOf(samples: readonly Sample[], part: readonly number[]) {
  return part.map((i) => samples[i]!.labels);
}

/** Indices of samples: eight tenths to train, one to validate, one to test. */
export interface Split {
  readonly train: readonly number[];
  readonly validation: readonly number[];
  readonly test: readonly number[];
}

/** Parts by lot. Molecules that stand in the table more than once only train, so that none is tested that was
 *  trained on. */
export function randomSplit(samples: readonly Sample[], rng: Rng): Split {
  const times = new Map<string, number>();
  for (const { molecule } of samples) {
    times.set(molecule.canonical, (times.get(molecule.canonical) ?? 0) + 1);
  }
  const order = [...rng.permutation(samples.length)];
  const again = (i: number) => times.get(samples[i]!.molecule.canonical)! > 1;
  const dealt = [...order.filter(again), ...order.filter((i) => !again(i))];
  const [a, b] = [Math.floor(0.8 * dealt.length), Math.floor(0.9 * dealt.length)];
  return { train: dealt.slice(0, a), validation: dealt.slice(a, b), test: dealt.slice(b) };
}

/** Parts by scaffold, as DeepChem cuts them: the scaffolds of most molecules train, the rare ones test. */
export function scaffoldSplit(samples: readonly Sample[]): Split {
  const groups = new Map<string, number[]>();
  samples.forEach(({ molecule }, i) => {
    const group = groups.get(molecule.scaffold) ?? [];
    groups.set(molecule.scaffold, group);
    group.push(i);
  });
  const largest = [...groups.values()].sort((a, b) => b.length - a.length || b[0]! - a[0]!);
  const [train, validation, test]: [number[], number[], number[]] = [[], [], []];
  const [most, rest] = [0.8 * samples.length, 0.9 * samples.length];
  for (const group of largest) {
    const trains = train.length + group.length <= most;
    const validates = train.length + validation.length + group.length <= rest;
    (trains ? train : validates ? validation : test).push(...group);
  }
  return { train, validation, test };
}

/** The split of each network: by scaffold all have the same. */
export function splitsOf(
  { split }: MoleculeSet,
  samples: readonly Sample[],
  { count, seed }: { readonly count: number; readonly seed: number },
): Split[] {
  return Array.from({ length: count }, (_, k) => {
    return split === "scaffold" ? scaffoldSplit(samples) : randomSplit(samples, new Rng(seed, k));
  });
}

/** Which part each molecule is in for each network, as CSV. */
export function splitTable(samples: readonly Sample[], splits: readonly Split[]): string {
  const names = ["train", "validation", "test"] as const;
  const parts = splits.map((split) => {
    return new Map(names.flatMap((name) => split[name].map((i) => [i, name] as const)));
  });
  const head = ["line", "smiles", ...splits.map((_, k) => `network ${k + 1}`)];
  const rows = samples.map(({ line, molecule }, i) => {
    return [line, molecule.smiles, ...parts.map((part) => part.get(i))].join(",");
  });
  return `${[head.join(","), ...rows].join("\n")}\n`;
}
