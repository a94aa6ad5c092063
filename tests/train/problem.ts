// Small problems for the tests of training: digits of a few pixels for a classifier with dropout
// and batch norm, and a line with noise. Everything follows from seeds.
import type { Backend } from "../../src/backend/backend.ts";
import { ReferenceBackend } from "../../src/backend/reference/backend.ts";
import { WasmBackend } from "../../src/backend/wasm/backend.ts";
import { ColumnDataset, DataLoader } from "../../src/data/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { manualSeed } from "../../src/tensor/random.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import type { EpochRecord } from "../../src/train/index.ts";
import { Rng } from "../../src/util/rng.ts";

export const CLASSES = 3;

/** Classes around three centres; with the same seed the same samples. */
export function blobs(count: number, seed = 1): ColumnDataset<"x" | "y"> {
  const rng = new Rng(seed);
  const x = new Float32Array(count * 4);
  const y = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const label = rng.int(CLASSES);
    y[i] = label;
    for (let j = 0; j < 4; j++) x[i * 4 + j] = (j === label ? 2 : 0) + rng.uniform(-1, 1);
  }
  return new ColumnDataset({ x: { data: x, shape: [count, 4] }, y: { data: y, shape: [count] } });
}

/** y = 2 a - b + 0.5. */
export function line(count: number): ColumnDataset<"x" | "y"> {
  const rng = new Rng(2);
  const x = new Float32Array(count * 2).map(() => rng.uniform(-1, 1));
  const y = new Float32Array(count).map((_, i) => 2 * x[2 * i] - x[2 * i + 1] + 0.5);
  return new ColumnDataset({
    x: { data: x, shape: [count, 2] },
    y: { data: y, shape: [count, 1] },
  });
}

/** A classifier with everything that a resume can get wrong: dropout, batch norm, moments. */
export class Classifier extends nn.Module {
  fc1 = new nn.Linear(4, 16);
  norm = new nn.BatchNorm1d(16);
  drop = new nn.Dropout(0.25);
  fc2 = new nn.Linear(16, CLASSES);

  forward(x: Tensor): Tensor {
    const h = this.norm.forward(this.fc1.forward(x)).relu(); // (B, 16)
    return this.fc2.forward(this.drop.forward(h)); // (B, 3)
  }
}

/** 50 samples in batches of 8: six whole ones and one of two. */
export function loaders() {
  return {
    train: new DataLoader(blobs(50), { batchSize: 8, shuffle: true, seed: 5 }),
    validation: new DataLoader(blobs(20, 9), { batchSize: 8 }),
  };
}

/** Fresh objects, as a new process would make them. */
export function classifier(seed: number) {
  manualSeed(seed);
  const model = new Classifier();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.02 });
  const scheduler = new optim.CosineAnnealingLR(optimizer, { tMax: 4 });
  return { model, optimizer, scheduler, ...loaders() };
}

/** The history without what the clock says. */
export function timeless(history: readonly EpochRecord[]): object[] {
  return history.map(({ seconds: _, samplesPerSecond: __, ...rest }) => rest);
}

/** All weights, as plain numbers. */
export async function weights(model: nn.Module): Promise<Record<string, number[]>> {
  const entries = Object.entries(model.stateDict()).map(async ([name, tensor]) => {
    return [name, Array.from(await tensor.data())] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

export const devices: [string, () => Backend][] = [
  ["reference", () => new ReferenceBackend()],
  ["wasm with 1 thread", () => new WasmBackend({ threads: 1 })],
  ["wasm with 2 threads", () => new WasmBackend({ threads: 2 })],
];
