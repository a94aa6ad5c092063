// A module whose datasets are made in worker threads, for workers.test.ts: run by Node itself.
import { isMainThread, threadId } from "node:worker_threads";
import { ArrayDataset, MapDataset } from "../../src/data/dataset.ts";
import { LoadError, ShapeError } from "../../src/util/errors.ts";
import type { Rng } from "../../src/util/rng.ts";

export interface Options {
  readonly count?: number;
  /** What sample 3 does. */
  readonly bad?: "load" | "shape" | "type" | "exit" | "instance" | "throw";
  /** Milliseconds of work for each sample. */
  readonly work?: number;
  readonly shared?: SharedArrayBuffer;
  readonly unlike?: boolean;
}

const pixels = new Float32Array(6000).map((_, i) => i);

const faults = {
  load: () => {
    const notes = { hint: "convert it", lines: ["a line"], byte: 12 };
    throw new LoadError("cat/0003.jpg", "is no readable picture", notes);
  },
  shape: () => {
    throw new ShapeError("crop", "[4, 4] does not fit into [2, 3]");
  },
  type: () => (undefined as unknown as { x: number }).x,
  exit: () => process.exit(3),
  instance: () => new Map(),
  throw: () => {
    throw "a text";
  },
};

export default async ({ count = 12, bad, work = 0, shared, unlike }: Options) => {
  await null;
  const numbers = Array.from({ length: unlike ? count + threadId : count }, (_, i) => i);
  return new MapDataset(new ArrayDataset(numbers), async (i, rng: Rng) => {
    if (bad !== undefined && i === 3) return { x: faults[bad]() };
    const end = performance.now() + work;
    while (performance.now() < end);
    if (shared) Atomics.add(new Int32Array(shared), 0, 1);
    // Views of one array: neither the whole of it is sent, nor is it taken away.
    const x = pixels.subarray(500 * i, 500 * i + 2 + 0 * rng.int(2));
    return {
      x: { data: x.map((v) => v + rng.float()), shape: [2] },
      view: x,
      y: Int32Array.of(i),
      name: `${i}.png`,
      away: !isMainThread,
    };
  });
};
