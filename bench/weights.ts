// The numbers every peer starts from: initial weights and input batches, laid into a file, so that
// all peers compute the same thing.
// A file is one JSON header line (padded to a multiple of 64 bytes), then little-endian values.
import { closeSync, openSync, writeSync } from "node:fs";
import { batchMaker } from "./batches.ts";
import { type Block, fill, uniform } from "./draw.ts";
import { parameters } from "./parameters.ts";
import type { NetworkSpec, OperationSpec, Spec } from "./workloads.ts";

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

/** Batches a network cycles through, in number and in bytes at most; input sets of an operation. */
const NET_POOL = 32;
const NET_POOL_BYTES = 2 ** 25;
const OP_POOL = 2;

/** Writes the arrays of one workload to `path`. */
export function writeData(path: string, spec: Spec, seed = 1): void {
  const next = uniform(seed);
  const net = "net" in spec;
  const pool = net ? poolOf(spec) : OP_POOL;
  const blocks = net ? parameters(spec, next) : [];
  const maker = net ? batchMaker(spec, next) : undefined;
  for (let i = 0; i < pool; i++) {
    blocks.push(...(net ? maker!(i) : operands(spec, i, next)));
  }
  writeBlocks(path, spec, pool, blocks);
}

/** The operands of a bare operation: `a`, `b` where it takes two, and so on, uniform in (-1, 1). */
function operands(spec: OperationSpec, i: number, next: () => number): Block[] {
  return shapesOf(spec).map((shape, j) => ({
    name: `${"abcd"[j]}${i}`,
    shape,
    data: fill(shape, () => 2 * next() - 1),
  }));
}

function shapesOf(spec: OperationSpec): number[][] {
  switch (spec.kind) {
    case "matmul":
      return [
        [spec.m, spec.k],
        [spec.k, spec.n],
      ];
    case "eltwise":
      return [[spec.n], [spec.n]];
    case "rows":
      return [[spec.rows, spec.cols]];
    case "attention": // query, key, value, and the gradient of the result
      return Array<number[]>(4).fill([spec.heads, spec.length, spec.size]);
  }
}

/** As many batches as fit the limits, two at least. */
function poolOf({ batch, input }: NetworkSpec): number {
  const bytes = 4 * batch * input.reduce((a, b) => a * b, 1);
  return Math.max(2, Math.min(NET_POOL, Math.floor(NET_POOL_BYTES / bytes)));
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
