// Three small medical tables, read as their publishers left them: what is a missing value, what is a
// category, and which class is the illness. Not here: what is learned of them (../diagnosis.ts).

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LoadError } from "anneal";
import { readArff, readTable } from "anneal/data";
import { type Published, publishedAt } from "anneal/recipe";

/** A table of patients; a number that is not known is NaN. */
export interface Patients {
  readonly columns: readonly string[];
  /** Row by row, (N, D). */
  readonly values: Float64Array;
  /** 1: ill. */
  readonly ill: Uint8Array;
}

type Row = readonly number[];

interface Source {
  readonly file: string;
  readonly title: string;
  /** Which classes a clinician would call them. */
  readonly classes: readonly [well: string, ill: string];
  readonly published: Published;
  /** What its authors reached. */
  readonly reached: { readonly accuracy: number; readonly source: string };
  read(path: string): Promise<{ columns: readonly string[]; rows: readonly Row[]; ill: number[] }>;
}

/** Zeros in these columns were not measured: nobody lives with a blood pressure of 0. */
const pimaUnknown = ["plas", "pres", "skin", "insu", "mass"];

/** Columns of the Cleveland table that are names of kinds, with the code of an unknown one. */
const clevelandKinds: Readonly<Record<string, number | null>> = {
  cp: null,
  restecg: null,
  slope: null,
  thal: 0,
};

const github = "https://raw.githubusercontent.com";

export const sources = {
  wdbc: {
    file: "wdbc.csv",
    title: "breast masses, 30 measures of cell nuclei (WDBC)",
    classes: ["benign", "malignant"],
    published: {
      name: "WDBC",
      place: "tabular",
      files: [
        {
          from: `${github}/scikit-learn/scikit-learn/1.7.2/sklearn/datasets/data/breast_cancer.csv`,
          name: "wdbc.csv",
        },
      ],
    },
    reached: {
      accuracy: 0.975,
      source: "three measures, tenfold cross-validation (Street et al. 1993)",
    },
    /** The first line counts rows and columns; the last column is 0 where the mass is malignant. */
    async read(path) {
      const [head = "", ...lines] = (await readFile(path, "utf8")).trim().split(/\r?\n/);
      const wanted = head.split(",").slice(0, 2).map(Number);
      const all = lines.map((line) => line.split(",").map(Number));
      const bad = all.findIndex((row) => row.length !== wanted[1]! + 1 || row.some(Number.isNaN));
      if (bad >= 0) throw new LoadError(path, `line ${bad + 2} is not ${wanted[1]! + 1} numbers`);
      const measures = ["radius", "texture", "perimeter", "area", "smoothness"];
      measures.push("compactness", "concavity", "concave points", "symmetry", "fractal dimension");
      const columns = ["mean", "error", "worst"].flatMap((of) => measures.map((m) => `${of} ${m}`));
      return {
        columns,
        rows: all.map((row) => row.slice(0, -1)),
        ill: all.map((r) => 1 - r.at(-1)!),
      };
    },
  },
  pima: {
    file: "diabetes.arff",
    title: "diabetes of Pima women",
    classes: ["negative", "positive"],
    published: {
      name: "Pima",
      place: "tabular",
      files: [
        {
          from: `${github}/renatopp/arff-datasets/master/classification/diabetes.arff`,
          name: "diabetes.arff",
        },
      ],
    },
    reached: {
      accuracy: 0.76,
      source: "ADAP, sensitivity and specificity, 576 to train (Smith et al. 1988)",
    },
    async read(path) {
      const { attributes, rows } = await readArff({ from: path });
      const columns = attributes.slice(0, -1).map(({ name }) => name);
      const known = rows.map((row) =>
        columns.map((name, i) => {
          const value = row[i] as number | null;
          return value === null || (value === 0 && pimaUnknown.includes(name)) ? Number.NaN : value;
        }),
      );
      return { columns, rows: known, ill: rows.map((r) => Number(r.at(-1) === "tested_positive")) };
    },
  },
  cleveland: {
    file: "cleveland-heart.csv",
    title: "heart disease, Cleveland",
    classes: ["healthy", "diseased"],
    // UCI's own files have other codes; this one is known as heart.csv.
    published: {
      name: "Cleveland",
      place: "tabular",
      files: [],
      page: "https://archive.ics.uci.edu/dataset/45/heart+disease",
    },
    reached: { accuracy: 0.77, source: "discriminant function (Detrano et al. 1989)" },
    /** This copy's target is 1 for the healthy: they reach higher heart rates (158 against 139), have less
     *  pain under strain and fewer narrowed vessels. */
    async read(path) {
      const table = await readTable({ from: path });
      const width = table.columns.length;
      const all = Array.from({ length: table.length }, (_, i) => [
        ...table.values.subarray(i * width, (i + 1) * width),
      ]);
      const at = (name: string) => table.columns.indexOf(name);
      const columns: string[] = [];
      const make: ((row: Row) => number)[] = [];
      for (const name of table.columns.slice(0, -1)) {
        const own = at(name);
        if (!Object.hasOwn(clevelandKinds, name)) {
          columns.push(name);
          make.push((row) => (name === "ca" && row[own] === 4 ? Number.NaN : row[own]!));
          continue;
        }
        const kinds = [...new Set(all.map((row) => row[own]!))].sort((a, b) => a - b);
        for (const kind of kinds.filter((value) => value !== clevelandKinds[name])) {
          columns.push(`${name} ${kind}`);
          make.push((row) => Number(row[own] === kind));
        }
      }
      const rows = all.map((row) => make.map((f) => f(row)));
      return { columns, rows, ill: all.map((row) => 1 - row[at("target")]!) };
    },
  },
} as const satisfies Record<string, Source>;

export type PatientSet = keyof typeof sources;

/** Reads one of the tables. Rows that are there twice are taken once. */
export async function readPatients(
  name: PatientSet,
  folder: string,
): Promise<Patients & { readonly twice: number }> {
  const { file, read, published }: Source = sources[name];
  const path = join(folder, file);
  if (!existsSync(path)) {
    throw new LoadError(path, "is not there", { hint: publishedAt(published) });
  }
  const { columns, rows, ill } = await read(path);
  const seen = new Set<string>();
  const kept = rows.flatMap((row, i) => {
    const key = `${row.join()} ${ill[i]}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return [i];
  });
  return {
    columns,
    values: Float64Array.from(kept.flatMap((i) => rows[i]!)),
    ill: Uint8Array.from(kept, (i) => ill[i]!),
    twice: rows.length - kept.length,
  };
}
