// Molecules as batches: each row has one molecule for each network, from the split that the network has.
// Not here: the splits (data.ts), or graphs as numbers (graph.ts).

import { Tensor } from "anneal";
import { ArrayDataset, DataLoader } from "anneal/data";
import type { Batch } from "anneal/train";
import type { MoleculeSet, Sample, Split } from "./data.ts";
import { graphsOf } from "./model.ts";
import { spreadOf } from "./score.ts";

export interface Units {
  readonly mean: Tensor;
  readonly spread: Tensor;
}

/** The mean and spread of each property over the molecules that each network trains on, (R, K). */
export function unitsOf(
  { kind }: MoleculeSet,
  samples: readonly Sample[],
  splits: readonly Split[],
): Units {
  const found = splits.flatMap(({ train }) => {
    return samples[0]!.labels.map((_, task) => {
      const own = train.map((i) => samples[i]!.labels[task]!).filter((v) => !Number.isNaN(v));
      return kind === "number" ? spreadOf(own) : { mean: 0, spread: 1 };
    });
  });
  const shape = [splits.length, samples[0]!.labels.length];
  const tensor = (values: readonly number[]) => Tensor.from(Float32Array.from(values), shape);
  return {
    mean: tensor(found.map(({ mean }) => mean)),
    spread: tensor(found.map(({ spread }) => spread)),
  };
}

/** Batches of R molecules at a time, one for each network. With a seed they come in another order each
 *  epoch. */
export function loaderOf(
  samples: readonly Sample[],
  parts: readonly (readonly number[])[],
  { batch = 128, seed }: { readonly batch?: number; readonly seed?: number } = {},
): DataLoader<readonly Sample[], unknown, Batch> {
  const rows = parts[0]!.map((_, row) => parts.map((list) => samples[list[row]!]!));
  return new DataLoader<readonly Sample[], unknown, Batch>(new ArrayDataset(rows), {
    ...{ batchSize: Math.min(batch, rows.length), collate, seed: seed ?? 0 },
    ...{ shuffle: seed !== undefined, dropLast: seed !== undefined },
  });
}

function collate(rows: readonly (readonly Sample[])[]): Batch {
  const labels = rows.flatMap((row) => row.flatMap((sample) => sample.labels));
  const shape = [rows.length, rows[0]!.length, rows[0]![0]!.labels.length];
  return {
    x: graphsOf(rows.map((row) => row.map(({ graph }) => graph))),
    y: Tensor.from(Float32Array.from(labels), shape), // (B, R, K)
  };
}
