// The loader: batches and their order, prefetching, failures, and resuming at every place.
import { describe, expect, expectTypeOf, it } from "vitest";
import { collate, type NdArray } from "../../src/data/collate.ts";
import { ArrayDataset, ColumnDataset, type Dataset, MapDataset } from "../../src/data/dataset.ts";
import { DataLoader, type LoaderOptions } from "../../src/data/loader.ts";
import { toTensor as tensorOf } from "../../src/data/tensors.ts";
import { fromArray } from "../../src/tensor/create.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

const numbers = (n: number) => new ArrayDataset(Array.from({ length: n }, (_, i) => i));

/** Most tests are about orders, for which plain arrays will do. */
const toTensor = (array: NdArray) => array;
type Plain<T> = DataLoader<T, NdArray>;

async function epoch(loader: Plain<number>): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const { data } of loader) batches.push([...data]);
  return batches;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("batches", () => {
  it("hold all samples, the last one what is left", async () => {
    const loader = new DataLoader(numbers(7), { batchSize: 3, toTensor });
    expect(loader.length).toBe(3);
    expect(await epoch(loader)).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    const whole = new DataLoader(numbers(7), { batchSize: 3, dropLast: true, toTensor });
    expect(whole.length).toBe(2);
    expect(await epoch(whole)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(await epoch(new DataLoader(numbers(0), { toTensor }))).toEqual([]);
  });

  it.each([0, 1, 5, 100])("are the same with prefetch %i", async (prefetch) => {
    const options = { batchSize: 4, shuffle: true, seed: 2, toTensor };
    const plain = await epoch(new DataLoader(numbers(50), { ...options, prefetch: 2 }));
    expect(await epoch(new DataLoader(numbers(50), { ...options, prefetch }))).toEqual(plain);
  });

  it("come in another order each epoch, the same for the same seed", async () => {
    const make = (seed: number) =>
      new DataLoader(numbers(40), { batchSize: 8, shuffle: true, seed, toTensor });
    const [loader, same, other] = [make(1), make(1), make(2)];
    const first = (await epoch(loader)).flat();
    const second = (await epoch(loader)).flat();
    expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(second).not.toEqual(first);
    expect((await epoch(same)).flat()).toEqual(first);
    expect((await epoch(other)).flat()).not.toEqual(first);
    same.setEpoch(1);
    expect((await epoch(same)).flat()).toEqual(second);
  });

  it("are made of tensors, by a user's collate, or from whole columns", async () => {
    const data = new ColumnDataset({
      x: { data: new Uint8Array(6), shape: [3, 2] },
      y: { data: Int32Array.of(4, 5, 6), shape: [3] },
    });
    const show = ({ data: values, shape }: NdArray) => `${values} [${shape}]`;
    for await (const batch of new DataLoader(data, { batchSize: 3, toTensor: show })) {
      expect(batch).toEqual({ x: "0,0,0,0,0,0 [3,2]", y: "4,5,6 [3]" });
    }
    const sums = new DataLoader(numbers(4), {
      batchSize: 2,
      collate: async (samples) => samples.reduce((a, b) => a + b),
    });
    expectTypeOf(sums).toEqualTypeOf<DataLoader<number, Tensor, number>>();
    const seen: number[] = [];
    for await (const sum of sums) seen.push(sum);
    expect(seen).toEqual([1, 5]);
  });

  it("wait for samples that come later, in their order", async () => {
    const slow: Dataset<Promise<number>> = {
      length: 6,
      async get(index) {
        await sleep((7 * index) % 5);
        return index;
      },
    };
    const seen: number[][] = [];
    for await (const { data } of new DataLoader(slow, { batchSize: 2, toTensor }))
      seen.push([...data]);
    expect(seen).toEqual([
      [0, 1],
      [2, 3],
      [4, 5],
    ]);
  });

  it("augment each sample by seed, epoch and number, whatever the batch", async () => {
    const noisy = new MapDataset(numbers(6), (n, rng) => n + rng.float() / 2);
    const run = (batchSize: number) => new DataLoader(noisy, { batchSize, seed: 3, toTensor });
    const [small, large] = [run(1), run(6)];
    const first = (await epoch(small)).flat();
    expect((await epoch(large)).flat()).toEqual(first);
    expect((await epoch(large)).flat()).not.toEqual(first);
  });
});

describe("tensors", () => {
  it("are what the arrays of a batch become", async () => {
    const samples = [0, 1, 2].map((n) => ({
      x: { data: Float32Array.of(n, 10 * n), shape: [2, 1] },
      y: Int32Array.of(n),
      name: `n${n}`,
    }));
    const loader = new DataLoader(new ArrayDataset(samples), { batchSize: 3 });
    const { value: batch } = await loader[Symbol.asyncIterator]().next();
    if (batch === undefined) throw new Error("no batch");
    expectTypeOf(batch).toEqualTypeOf<{ x: Tensor; y: Tensor; name: string[] }>();
    expect([batch.x.shape, batch.x.dtype]).toEqual([[3, 2, 1], "float32"]);
    expect([batch.y.shape, batch.y.dtype]).toEqual([[3, 1], "int32"]);
    expect(batch.name).toEqual(["n0", "n1", "n2"]);
    expect(await batch.x.data()).toEqual(Float32Array.of(0, 0, 1, 10, 2, 20));
  });

  it("are stacked where a dataset gives tensors", async () => {
    const data = new MapDataset(numbers(4), (n) => [fromArray(Int32Array.of(n, n)), n] as const);
    const loader = new DataLoader(data, { batchSize: 4 });
    const { value: batch } = await loader[Symbol.asyncIterator]().next();
    if (batch === undefined) throw new Error("no batch");
    const [pair, single]: [Tensor, Tensor] = batch;
    expect([pair.shape, pair.dtype]).toEqual([[4, 2], "int32"]);
    expect([single.shape, single.dtype]).toEqual([[4], "float32"]);
    expect(await pair.data()).toEqual(Int32Array.of(0, 0, 1, 1, 2, 2, 3, 3));
    expect(() => collate([fromArray(Int32Array.of(1)), 1])).toThrow(/Tensor in one sample and a n/);
  });

  it("keep every value, whatever the array", async () => {
    for (const [data, dtype] of [
      [Float64Array.of(0.1), "float64"],
      [Uint8Array.of(255), "uint8"],
      [Uint8ClampedArray.of(255), "uint8"],
      [Int8Array.of(-128), "int32"],
      [Int16Array.of(-32768), "int32"],
      [Uint16Array.of(65535), "int32"],
    ] as const) {
      const tensor = tensorOf({ data, shape: [1, 1] });
      expect([tensor.shape, tensor.dtype]).toEqual([[1, 1], dtype]);
      expect([...(await tensor.data())]).toEqual([...data]);
    }
    expect(() => tensorOf({ data: new Uint32Array(1), shape: [1] })).toThrow(/no uint32 tensor/);
  });
});

describe("prefetching", () => {
  function counting(n: number): { data: Dataset<number>; made: number[] } {
    const made: number[] = [];
    const get = (index: number) => {
      made.push(index);
      return index;
    };
    return { data: { length: n, get }, made };
  }

  it("stays at most so far ahead, and gives the wanted batch first", async () => {
    const { data, made } = counting(20);
    const batches = new DataLoader(data, { prefetch: 3, toTensor })[Symbol.asyncIterator]();
    await batches.next();
    expect(made).toEqual([0]);
    await sleep(20);
    expect(made).toEqual([0, 1, 2, 3]);
    await batches.next();
    await sleep(20);
    expect(made).toEqual([0, 1, 2, 3, 4]);
    await batches.return();
    await sleep(20);
    expect(made.length).toBe(5);
  });

  it("of nothing makes each batch when it is wanted", async () => {
    const { data, made } = counting(5);
    const batches = new DataLoader(data, { prefetch: 0, toTensor })[Symbol.asyncIterator]();
    await batches.next();
    await sleep(10);
    expect(made).toEqual([0]);
    await batches.return();
  });

  it("tells a failure where its batch is, after the good ones", async () => {
    const get = (index: number) => {
      if (index === 3) throw new RangeError("sample 3 is broken");
      return index;
    };
    const seen: number[] = [];
    const run = async () => {
      for await (const { data } of new DataLoader({ length: 6, get }, { prefetch: 5, toTensor })) {
        await sleep(5);
        seen.push(data[0]);
      }
    };
    await expect(run()).rejects.toThrow("sample 3 is broken");
    expect(seen).toEqual([0, 1, 2]);
  });
});

describe("resuming", () => {
  const make = (options: LoaderOptions<number, NdArray> = {}) => {
    const usual = { batchSize: 4, shuffle: true, seed: 6, toTensor };
    return new DataLoader(numbers(23), { ...usual, ...options });
  };

  it("at any batch of any epoch gives the batches that would have come", async () => {
    const through = make();
    const all = [await epoch(through), await epoch(through), await epoch(through)].flat();
    for (let stop = 1; stop <= 12; stop++) {
      const loader = make();
      const seen: number[][] = [];
      let state = "";
      outer: for (;;) {
        for await (const { data } of loader) {
          seen.push([...data]);
          if (seen.length < stop) continue;
          state = JSON.stringify(loader.state());
          break outer;
        }
      }
      const resumed = make();
      resumed.loadState(JSON.parse(state));
      while (seen.length < 18) seen.push(...(await epoch(resumed)));
      expect(seen).toEqual(all);
    }
  });

  it("between epochs begins the next", async () => {
    const loader = make();
    await epoch(loader);
    expect(loader.state()).toMatchObject({ epoch: 1, batch: 0 });
    const resumed = make();
    resumed.loadState(loader.state());
    expect(await epoch(resumed)).toEqual(await epoch(loader));
  });

  it("names the place that a broken loop left; the next loop is the next epoch", async () => {
    const loader = make();
    for await (const _ of loader) break;
    expect(loader.state()).toMatchObject({ epoch: 0, batch: 1 });
    const other = make();
    other.setEpoch(1);
    expect(await epoch(loader)).toEqual(await epoch(other));
  });

  it("refuses the state of another order, and places that do not exist", () => {
    const state = make().state();
    for (const options of [{ seed: 7 }, { batchSize: 5 }, { shuffle: false }, { dropLast: true }]) {
      expect(() => make(options).loadState(state)).toThrow(/state is of a loader with/);
    }
    for (const bad of [{ batch: 7 }, { batch: -1 }, { epoch: 0.5 }]) {
      expect(() => make().loadState({ ...state, ...bad })).toThrow(/is no place among 6 batches/);
    }
  });
});

it.each<[LoaderOptions<number>, RegExp]>([
  [{ batchSize: 0 }, /batchSize must be an integer from 1, got 0/],
  [{ batchSize: 2.5 }, /batchSize/],
  [{ prefetch: -1 }, /prefetch must be an integer from 0/],
  [{ shuffle: true, sampler: { length: 0, indices: () => new Uint32Array() } }, /exclude/],
])("DataLoader refuses %o", (options, message) => {
  expect(() => new DataLoader(numbers(3), options)).toThrow(message);
});
