// Datasets, splits, samplers, and collating.
import { describe, expect, expectTypeOf, it } from "vitest";
import { type Collated, collate, mapBatch, type NdArray } from "../../src/data/collate.ts";
import {
  ArrayDataset,
  ColumnDataset,
  MapDataset,
  RandomSampler,
  randomSplit,
  SequentialSampler,
  Subset,
  stratifiedFolds,
} from "../../src/data/dataset.ts";
import { Rng } from "../../src/util/rng.ts";

const letters = new ArrayDataset(["a", "b", "c", "d", "e"]);
const columns = () =>
  new ColumnDataset({
    x: { data: Float32Array.of(0, 1, 10, 11, 20, 21), shape: [3, 1, 2] },
    y: { data: Int32Array.of(7, 8, 9), shape: [3] },
  });

describe("datasets", () => {
  it("give samples by number and refuse others", () => {
    expect(letters.get(4)).toBe("e");
    for (const index of [-1, 5, 0.5, NaN]) {
      expect(() => letters.get(index)).toThrow(/is not in a dataset of 5 samples/);
    }
  });

  it("of columns give rows, and batches like collated rows", () => {
    const data = columns();
    expect(data.length).toBe(3);
    expect(data.get(1)).toEqual({
      x: { data: Float32Array.of(10, 11), shape: [1, 2] },
      y: { data: Int32Array.of(8), shape: [] },
    });
    const rows = Uint32Array.of(2, 0);
    expect(data.batch(rows)).toEqual(collate([data.get(2), data.get(0)]));
    expect(data.batch(rows).x).toEqual({ data: Float32Array.of(20, 21, 0, 1), shape: [2, 1, 2] });
    expect(() => data.batch(Uint32Array.of(3))).toThrow(/index 3/);
  });

  it("of columns refuse columns that do not fit", () => {
    const x = { data: new Float32Array(4), shape: [2, 2] };
    const y = (shape: number[]) => ({ data: new Int32Array(3), shape });
    expect(() => new ColumnDataset({ x, y: y([3]) })).toThrow(/have 2, 3 rows/);
    expect(() => new ColumnDataset({ x, y: y([2]) })).toThrow(/column y has shape \[2\] but 3/);
    expect(() => new ColumnDataset({ y: y([]) })).toThrow(/column y has shape \[\]/);
  });

  it("can be cut and mapped", () => {
    const subset = new Subset(new Subset(letters, [4, 2, 0]), [2, 0]);
    expect([subset.get(0), subset.get(1)]).toEqual(["a", "e"]);
    expect(() => subset.get(2)).toThrow(/index 2/);
    expect(() => new Subset(letters, [5])).toThrow(/index 5/);
    const rows = new Subset(columns(), [2, 1]).batch?.(Uint32Array.of(1)) as { y: NdArray };
    expect(rows.y.data).toEqual(Int32Array.of(8));
    const noisy = new MapDataset(letters, (text, rng) => `${text}${rng.int(1000)}`);
    expect(noisy.get(1)).toBe(noisy.get(1));
    expect(noisy.get(1, new Rng(1))).not.toBe(noisy.get(1, new Rng(2)));
  });
});

describe("stratifiedFolds", () => {
  it("tests each sample once, with every class in each fold", () => {
    const labels = Uint8Array.from({ length: 50 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const tests = stratifiedFolds(labels, 5, new Rng(3));
    expect(tests.flat().sort((a, b) => a - b)).toEqual([...labels.keys()]);
    for (const test of tests) {
      expect(test).toHaveLength(10);
      expect(test.filter((i) => labels[i] === 1)).toHaveLength(2);
    }
    expect(stratifiedFolds(labels, 5, new Rng(3))).toEqual(tests);
    expect(stratifiedFolds(labels, 5, new Rng(4))).not.toEqual(tests);
    expect(() => stratifiedFolds(labels, 1, new Rng(3))).toThrow(
      "1 folds cannot be made of 50 samples",
    );
  });
});

describe("randomSplit", () => {
  const many = new ArrayDataset(Array.from({ length: 103 }, (_, i) => i));
  const content = (part: Subset<number>) => Array.from(part.indices, (_, i) => part.get(i));

  it.each([
    [
      [100, 3],
      [100, 3],
    ],
    [
      [0.9, 0.1],
      [93, 10],
    ],
    [
      [0.5, 0.25, 0.25],
      [52, 26, 25],
    ],
    [[1], [103]],
    [
      [0, 1],
      [0, 103],
    ],
  ])("cuts %o into %o without overlap", (parts, lengths) => {
    const split = randomSplit(many, parts, { seed: 4 });
    expect(split.map((part) => part.length)).toEqual(lengths);
    const all = split.flatMap(content).sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 103 }, (_, i) => i));
    expect(randomSplit(many, parts, { seed: 4 }).flatMap(content)).toEqual(split.flatMap(content));
    expect(randomSplit(many, parts, { seed: 5 }).flatMap(content)).not.toEqual(
      split.flatMap(content),
    );
  });

  it.each([[[50, 50]], [[0.5, 0.4]], [[]], [[-1, 104]], [[NaN]]])("refuses %o", (parts) => {
    expect(() => randomSplit(many, parts)).toThrow(/ArgumentError|sums to|must be numbers/);
  });
});

describe("samplers", () => {
  it("name an order by seed and epoch", () => {
    expect([...new SequentialSampler(3).indices()]).toEqual([0, 1, 2]);
    const order = (seed: number, epoch: number) =>
      [...new RandomSampler(50, { seed }).indices(epoch)].join();
    expect(order(1, 0)).toBe(order(1, 0));
    expect(new Set([order(1, 0), order(1, 1), order(2, 0), order(2, 1)]).size).toBe(4);
  });

  it("draw a part, or with replacement more than there is", () => {
    const part = new RandomSampler(10, { count: 4 });
    expect(new Set(part.indices(0)).size).toBe(4);
    const more = new RandomSampler(3, { count: 100, replacement: true }).indices(0);
    expect(more.length).toBe(100);
    expect([...new Set(more)].sort()).toEqual([0, 1, 2]);
    expect(() => new RandomSampler(3, { count: 4 })).toThrow(/cannot draw 4 of 3/);
  });
});

describe("collate", () => {
  it("stacks numbers, booleans, arrays, tuples and objects", () => {
    const nested = (n: number) => ({
      pair: [n + 0.5, n > 1] as [number, boolean],
      name: `n${n}`,
      image: { data: Uint8Array.of(n, n), shape: [2, 1] },
      raw: Int32Array.of(-n),
    });
    const batch = collate([nested(1), nested(2)]);
    expect(batch).toEqual({
      pair: [
        { data: Float32Array.of(1.5, 2.5), shape: [2] },
        { data: Uint8Array.of(0, 1), shape: [2] },
      ],
      name: ["n1", "n2"],
      image: { data: Uint8Array.of(1, 1, 2, 2), shape: [2, 2, 1] },
      raw: { data: Int32Array.of(-1, -2), shape: [2, 1] },
    });
    expectTypeOf(batch.pair).toEqualTypeOf<[NdArray, NdArray]>();
    expectTypeOf(batch.name).toEqualTypeOf<string[]>();
    expectTypeOf<Collated<{ x: Uint8Array }, string>>().toEqualTypeOf<{ x: string }>();
    const lengths = mapBatch(batch, ({ data }) => data.length);
    expect(lengths).toEqual({ pair: [2, 2], name: ["n1", "n2"], image: 4, raw: 2 });
  });

  it.each<[string, unknown[], RegExp]>([
    ["no samples", [], /no sample/],
    ["other sizes", [new Uint8Array(1), new Uint8Array(2)], /sample is \[1\] .* \[2\] in another/],
    ["other arrays", [new Uint8Array(1), new Int8Array(1)], /a Uint8Array .* a Int8Array in/],
    ["a number and a text", [1, "1"], /sample is a number in one sample and a string/],
    ["other tuples", [[1], [1, 2]], /array of 1 in one sample and an array of 2/],
    ["a missing field", [{ a: { b: 1 } }, { a: {} }], /sample\.a\.b is missing/],
    ["a Date", [{ when: new Date() }], /sample\.when is a Date, which cannot be stacked/],
    ["bigints", [new BigInt64Array(1)], /a BigInt64Array, which cannot/],
    ["null", [null], /sample is null/],
    ["a lying shape", [{ data: new Uint8Array(3), shape: [2] }], /shape \[2\] but 3 values/],
  ])("refuses %s", (_, samples, message) => {
    expect(() => collate(samples)).toThrow(message);
  });
});
