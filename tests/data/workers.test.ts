// Datasets in worker threads: the same samples with any number of them, errors of their own types, and
// threads that end.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import type { NdArray } from "../../src/data/collate.ts";
import { DataLoader } from "../../src/data/loader.ts";
import { WorkerDataset } from "../../src/data/workers.ts";
import {
  AnnealError,
  ArgumentError,
  DeviceError,
  LoadError,
  ShapeError,
  StateError,
} from "../../src/util/errors.ts";
import type { Options } from "./worker-module.ts";

interface Sample {
  readonly x: NdArray;
  readonly view: Float32Array;
  readonly y: Int32Array;
  readonly name: string;
  readonly away: boolean;
}

const url = (name: string) => pathToFileURL(join(import.meta.dirname, name));
const file = url("worker-module.ts");
const open = (workers: number, options: Options = {}) =>
  WorkerDataset.open<Sample>(file, { workers, options });

/** Two epochs of batches, with plain arrays for tensors. */
async function epochs(workers: number, prefetch = 2) {
  const data = await open(workers);
  const toTensor = (array: NdArray) => [...array.data];
  const options = { batchSize: 5, shuffle: true, seed: 4, prefetch, toTensor };
  const loader = new DataLoader(data, options);
  const batches: unknown[] = [];
  for (let epoch = 0; epoch < 2; epoch++) {
    for await (const { away, ...rest } of loader) {
      expect(away.every((value) => value === (workers > 0 ? 1 : 0))).toBe(true);
      batches.push(rest);
    }
  }
  await data.close();
  return batches;
}

describe("samples", () => {
  it("are the same with no, one and three threads, and any prefetch", async () => {
    const [none, one, three] = await Promise.all([epochs(0), epochs(1, 0), epochs(3, 5)]);
    expect(none).toHaveLength(6);
    expect(one).toEqual(none);
    expect(three).toEqual(none);
    expect(none[0]).not.toEqual(none[3]); // another epoch, other draws
  });

  it("take only their own values along, and leave the dataset whole", async () => {
    const data = await open(1);
    for (let i = 0; i < 2; i++) {
      const { view, name, y } = await data.get(7);
      expect([[...view], name, [...y]]).toEqual([[3500, 3501], "7.png", [7]]);
      expect(view.buffer.byteLength).toBe(24); // x, view and y, not the 24,000 bytes of all
    }
    expect(await data.get(7)).toEqual(await data.get(7));
    await data.close();
  });

  it("are made by all threads at the same time, ahead of the one in use", async () => {
    const shared = new SharedArrayBuffer(4);
    const data = await open(2, { count: 40, shared });
    const loader = new DataLoader(data, { batchSize: 4, prefetch: 3 });
    for await (const batch of loader) {
      expect(batch.y.shape).toEqual([4, 1]);
      await new Promise((resolve) => setTimeout(resolve, 300));
      break;
    }
    // The batch in use and at least two ahead of it.
    expect(new Int32Array(shared)[0]).toBeGreaterThanOrEqual(12);
    await data.close();
  });
});

describe("errors", () => {
  const failing = async (bad: NonNullable<Options["bad"]>, workers = 2) => {
    const data = await open(workers, { bad });
    const error = await data.get(3).catch((e: unknown) => e);
    const others = await Promise.allSettled([data.get(2), data.get(4)]);
    await data.close();
    return { error, others: others.map(({ status }) => status) };
  };

  it("keep type, file and hint, and leave other samples alone", async () => {
    const { error, others } = await failing("load");
    expect(error).toBeInstanceOf(LoadError);
    expect(error).toMatchObject({ file: "cat/0003.jpg", hint: "convert it", byte: 12 });
    expect(String(error)).toMatch(
      /cat\/0003\.jpg is no readable picture\n {2}a line\n {2}hint: con/,
    );
    expect(others).toEqual(["fulfilled", "fulfilled"]);
  });

  it("say which sample it was", async () => {
    const shape = (await failing("shape")).error as ShapeError;
    expect(shape).toBeInstanceOf(ShapeError);
    expect(shape.message).toBe("crop: [4, 4] does not fit into [2, 3]\n  in: sample 3");
    const other = (await failing("type")).error as Error;
    expect(other).toBeInstanceOf(AnnealError);
    expect(other.message).toMatch(/^WorkerDataset: sample 3: TypeError: Cannot read prop/);
    expect((other.cause as Error).stack).toContain("worker-module.ts");
    expect(((await failing("throw")).error as Error).message).toContain("sample 3: Error: a text");
  });

  it("are thrown for what cannot leave its thread", async () => {
    const { error } = await failing("instance");
    expect(error).toBeInstanceOf(ArgumentError);
    expect(String(error)).toMatch(/sample\.x is a Map, which cannot leave its thread/);
  });

  it("come through a loader when the batch is taken", async () => {
    const data = await open(1, { bad: "load" });
    const loader = new DataLoader(data, { batchSize: 2 });
    const seen: number[] = [];
    const run = async () => {
      for await (const { y } of loader) seen.push(y.shape[0]!);
    };
    await expect(run()).rejects.toThrow(LoadError);
    expect(seen).toEqual([2]);
    await data.close();
  });

  it("tell of a thread that ended, also afterwards", async () => {
    const data = await open(1, { bad: "exit" });
    const asked = await Promise.allSettled([data.get(1), data.get(3)]);
    const reasons = asked.flatMap((result) => ("reason" in result ? [result.reason] : []));
    expect(reasons.length).toBeGreaterThan(0);
    for (const reason of reasons) expect(reason).toBeInstanceOf(DeviceError);
    expect(String(reasons[0])).toContain("a worker thread ended with code 3");
    await expect(data.get(0)).rejects.toThrow(DeviceError);
    await data.close();
  });
});

describe("closing", () => {
  it("ends the threads and refuses what is asked then", async () => {
    const data = await open(2, { work: 200 });
    const asked = data.get(0);
    const told = expect(asked).rejects.toThrow(StateError);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await data.close();
    await told;
    await expect(data.get(1)).rejects.toThrow("WorkerDataset: it is closed");
    await data.close();
  });

  it("is not needed for a process to end, which waits for samples all the same", () => {
    const source = pathToFileURL(join(import.meta.dirname, "../../src/data/workers.ts"));
    const script = `
      const { WorkerDataset } = await import("${source}");
      const data = await WorkerDataset.open("${file}", { workers: 2, options: { work: 100 } });
      const samples = await Promise.all([0, 1, 2].map((i) => data.get(i)));
      console.log(samples.map(({ name }) => name).join());`;
    const args = ["--input-type=module", "-e", script];
    const { stdout, status } = spawnSync(process.execPath, args, {
      encoding: "utf8",
      timeout: 60e3,
    });
    expect([stdout, status]).toEqual(["0.png,1.png,2.png\n", 0]);
  });
});

it.each<[string, () => Promise<unknown>, RegExp]>([
  ["a relative path", () => WorkerDataset.open("./samples.ts"), /no URL.*\n {2}hint: new URL/],
  ["half a thread", () => open(0.5), /workers must be 0 to 256, got 0.5/],
  [
    "a module without a function",
    () => WorkerDataset.open(url("worker-none.ts"), { workers: 1 }),
    /worker-none\.ts exports no default function/,
  ],
  [
    "a module that is not there",
    () => WorkerDataset.open(url("worker-nowhere.ts")),
    /Cannot find module .*worker-nowhere\.ts/,
  ],
  ["datasets of several lengths", () => open(2, { unlike: true }), /datasets of \d+, \d+ samples/],
  ["an index too high", async () => (await open(0)).get(12), /index 12 is not in .* 12 samples/],
])("refuses %s", async (_, run, message) => {
  await expect(run()).rejects.toThrow(AnnealError);
  await expect(run()).rejects.toThrow(message);
});
