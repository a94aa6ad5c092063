// The numbers every peer starts from: initial weights and input batches, drawn by one seeded
// generator and laid into a file, so that all peers compute the same thing.
// A file is one JSON header line (padded to a multiple of 64 bytes), then little-endian values.
import { closeSync, openSync, writeSync } from "node:fs";
import type { Spec, TrainSpec } from "./workloads.ts";

/** One array in a data file; `offset` counts bytes from the end of the header line. */
export interface Entry {
  name: string;
  dtype: "float32" | "int32";
  shape: number[];
  offset: number;
}

/** The header line of a data file. */
export interface Header {
  spec: Spec;
  /** Number of distinct batches; step i uses batch i modulo `pool`. */
  pool: number;
  entries: Entry[];
}

interface Block {
  name: string;
  shape: number[];
  data: Float32Array | Int32Array;
}

/** Batches a training workload cycles through, and input sets a bare operation alternates between. */
const TRAIN_POOL = 32;
const OP_POOL = 2;

/** A stream of uniform floats in [0, 1): a 32-bit counter through a Murmur3 finaliser. */
export function uniform(seed: number): () => number {
  let counter = Math.imul(seed, 0x9e3779b1) | 0;
  return () => {
    counter = (counter + 0x6d2b79f5) | 0;
    let h = counter;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 0x1_0000_0000;
  };
}

/** Writes the arrays of one workload to `path`. */
export function writeData(path: string, spec: Spec, seed = 1): void {
  const next = uniform(seed);
  const train = spec.kind === "train";
  const pool = train ? TRAIN_POOL : OP_POOL;
  const blocks = train ? [...weights(spec, next), ...batches(spec, pool, next)] : [];
  if (!train) for (let i = 0; i < pool; i++) blocks.push(...operands(spec, i, next));
  writeBlocks(path, spec, pool, blocks);
}

/** PyTorch's default initialisation: weights and biases uniform within 1/sqrt(fan in). */
function weights(spec: TrainSpec, next: () => number): Block[] {
  const layer = (name: string, shape: number[]): Block[] => {
    const bound = 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1));
    return [
      { name: `${name}.weight`, shape, data: fill(shape, () => (2 * next() - 1) * bound) },
      {
        name: `${name}.bias`,
        shape: [shape[0]!],
        data: fill([shape[0]!], () => (2 * next() - 1) * bound),
      },
    ];
  };
  const s = spec.sizes;
  if (spec.net === "mlp") {
    return s.slice(1).flatMap((out, i) => layer(`fc${i + 1}`, [out, s[i]!]));
  }
  const side = spec.input[1]! / 4; // two 2×2 pools
  return [
    ...layer("conv1", [s[1]!, s[0]!, 3, 3]),
    ...layer("conv2", [s[2]!, s[1]!, 3, 3]),
    ...layer("fc", [s[3]!, s[2]! * side * side]),
  ];
}

/** Classification: noisy copies of one pattern a class. Regression: the product of the inputs. */
function batches(spec: TrainSpec, pool: number, next: () => number): Block[] {
  const size = spec.input.reduce((a, b) => a * b, 1);
  const classes = spec.sizes[spec.sizes.length - 1]!;
  const patterns = Array.from({ length: classes }, () => fill([size], next));
  const out: Block[] = [];
  for (let i = 0; i < pool; i++) {
    const x = new Float32Array(spec.batch * size);
    const labels = new Int32Array(spec.batch);
    const targets = new Float32Array(spec.batch);
    for (let b = 0; b < spec.batch; b++) {
      const label = Math.floor(next() * classes);
      labels[b] = label;
      for (let j = 0; j < size; j++) {
        const noise = next();
        x[b * size + j] =
          spec.loss === "mse" ? 2 * noise - 1 : 0.25 * patterns[label]![j]! + 0.75 * noise;
      }
      targets[b] = x.subarray(b * size, (b + 1) * size).reduce((a, v) => a * v, 1);
    }
    const y: Block =
      spec.loss === "mse"
        ? { name: `y${i}`, shape: [spec.batch, 1], data: targets }
        : { name: `y${i}`, shape: [spec.batch], data: labels };
    out.push({ name: `x${i}`, shape: [spec.batch, ...spec.input], data: x }, y);
  }
  return out;
}

/** The operands of a bare operation: `a` and, where it takes two, `b`, uniform in (-1, 1). */
function operands(spec: Exclude<Spec, TrainSpec>, i: number, next: () => number): Block[] {
  const shapes: Record<typeof spec.kind, () => number[][]> = {
    matmul: () =>
      spec.kind === "matmul"
        ? [
            [spec.m, spec.k],
            [spec.k, spec.n],
          ]
        : [],
    eltwise: () => (spec.kind === "eltwise" ? [[spec.n], [spec.n]] : []),
    rows: () => (spec.kind === "rows" ? [[spec.rows, spec.cols]] : []),
  };
  return shapes[spec.kind]().map((shape, j) => ({
    name: `${j === 0 ? "a" : "b"}${i}`,
    shape,
    data: fill(shape, () => 2 * next() - 1),
  }));
}

function fill(shape: number[], value: () => number): Float32Array {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) data[i] = value();
  return data;
}

function writeBlocks(path: string, spec: Spec, pool: number, blocks: Block[]): void {
  let offset = 0;
  const entries = blocks.map((block): Entry => {
    const dtype = block.data instanceof Int32Array ? "int32" : "float32";
    const entry: Entry = { name: block.name, dtype, shape: block.shape, offset };
    offset += block.data.byteLength;
    return entry;
  });
  const header = JSON.stringify({ spec, pool, entries } satisfies Header);
  const length = Math.ceil((header.length + 1) / 64) * 64;
  const file = openSync(path, "w");
  writeSync(file, `${header.padEnd(length - 1)}\n`);
  for (const block of blocks) {
    writeSync(
      file,
      new Uint8Array(block.data.buffer, block.data.byteOffset, block.data.byteLength),
    );
  }
  closeSync(file);
}
