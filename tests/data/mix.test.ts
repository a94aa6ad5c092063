// mixup and cutmix: shares of pictures and labels agree, draws follow Beta, the loader hands them on.
import { describe, expect, it } from "vitest";
import type { NdArray } from "../../src/data/collate.ts";
import { ColumnDataset } from "../../src/data/dataset.ts";
import { DataLoader } from "../../src/data/loader.ts";
import { cutmix, type Mix, mixup, oneOf } from "../../src/data/mix.ts";
import { Rng } from "../../src/util/rng.ts";

/** Sample i has value i everywhere and class i. */
const batch = (samples: number, side = 8) => {
  const size = 2 * side * side;
  const data = Float32Array.from({ length: samples * size }, (_, i) => Math.floor(i / size));
  return {
    x: { data, shape: [samples, 2, side, side] },
    y: { data: Int32Array.from({ length: samples }, (_, i) => i), shape: [samples] },
    names: ["kept"],
  };
};
const mean = (values: ArrayLike<number>) =>
  Array.from(values).reduce((a, b) => a + b) / values.length;

describe.each<[string, (alpha?: number) => Mix]>([
  ["mixup", (alpha = 1) => mixup({ classes: 3, alpha })],
  ["cutmix", (alpha = 1) => cutmix({ classes: 3, alpha })],
])("%s", (_, make) => {
  it("gives each sample and its label the same share of the one before it", () => {
    for (let seed = 0; seed < 30; seed++) {
      const source = batch(3);
      const { x, y, names } = make()(source, new Rng(seed));
      expect([x.shape, y.shape, names]).toEqual([[3, 2, 8, 8], [3, 3], ["kept"]]);
      const share = y.data[0]!;
      [
        [0, 2],
        [1, 0],
        [2, 1],
      ].forEach(([i, other]) => {
        const row = [...y.data.slice(i! * 3, i! * 3 + 3)];
        const expected = [0, 0, 0];
        expected[i!] = share;
        expected[other!]! += 1 - share;
        row.forEach((value, c) => expect(value).toBeCloseTo(expected[c]!, 6));
        const picture = x.data.slice(i! * 128, (i! + 1) * 128);
        expect(mean(picture)).toBeCloseTo(share * i! + (1 - share) * other!, 5);
      });
      expect(source).toEqual(batch(3));
    }
  });

  it("takes probabilities as labels, and leaves a batch of one", () => {
    const soft: NdArray = { data: Float32Array.of(0.5, 0.5, 0), shape: [1, 3] };
    const alone = make()({ ...batch(1), y: soft }, new Rng(1));
    expect([...alone.y.data]).toEqual([0.5, 0.5, 0]);
    expect(alone.x).toEqual(batch(1).x);
  });

  it("refuses labels that are no class, and other numbers of labels", () => {
    const wrong = (y: NdArray) => () => make()({ ...batch(4), y }, new Rng(0));
    expect(wrong(batch(4).y)).toThrow(/label 3 of sample 3 is none of 3 classes/);
    expect(wrong(batch(3).y)).toThrow(/other numbers of samples/);
    expect(() => make(0)).toThrow(/alpha above 0, got 3 and 0/);
  });
});

it.each([0.2, 1, 4])("draws shares from Beta(%s, same)", (alpha) => {
  const n = 3000;
  const shares = Array.from({ length: n }, (_, seed) => {
    return mixup({ classes: 2, alpha })(batch(2, 1), new Rng(seed)).y.data[0]!;
  });
  const variance = 1 / (4 * (2 * alpha + 1));
  // Six standard errors; the fourth moment is at most a sixteenth of the range's.
  expect(Math.abs(mean(shares) - 0.5)).toBeLessThan(6 * Math.sqrt(variance / n));
  const spread = mean(shares.map((s) => (s - 0.5) ** 2));
  expect(Math.abs(spread - variance)).toBeLessThan(6 * Math.sqrt(1 / 16 / n));
});

it("pastes a whole rectangle and nothing else in cutmix", () => {
  const { x } = cutmix({ classes: 2 })(batch(2, 16), new Rng(3));
  const rows = new Set<string>();
  for (let y = 0; y < 16; y++) rows.add(x.data.slice(y * 16, y * 16 + 16).join(""));
  expect(rows.size).toBe(2); // rows outside of it are all 0, rows through it all alike
  expect([...x.data.slice(0, 256)]).toEqual([...x.data.slice(256, 512)]); // in both channels
});

it("chooses one of several for each batch", () => {
  const mark =
    (v: number): Mix =>
    (b) => ({ ...b, y: { data: Float32Array.of(v), shape: [1] } });
  const seen = Array.from({ length: 100 }, (_, seed) => {
    return oneOf(mark(1), mark(2))(batch(1), new Rng(seed)).y.data[0];
  });
  expect(seen.filter((v) => v === 1).length).toBeGreaterThan(30);
  expect(seen.filter((v) => v === 2).length).toBeGreaterThan(30);
  expect(() => oneOf()).toThrow(/nothing to choose/);
});

it("goes through the loader, the same for the same seed and epoch", async () => {
  const { x, y } = batch(6);
  const mix = mixup({ classes: 6 });
  const epochs = async (options: object, count = 2) => {
    const loader = new DataLoader(new ColumnDataset({ x, y }), { batchSize: 4, ...options });
    const shares: number[][] = [];
    for (let epoch = 0; epoch < count; epoch++) {
      for await (const item of loader) {
        expect(item.y.shape).toEqual([item.x.shape[0], 6]);
        shares.push([...(await item.y.data())]);
      }
    }
    return shares;
  };
  const first = await epochs({ mix, seed: 1 });
  expect(await epochs({ mix, seed: 1, prefetch: 0 })).toEqual(first);
  expect(first[0]).not.toEqual(first[2]);
  expect(await epochs({ mix, seed: 2 })).not.toEqual(first);
  const both = { mix, collate: (samples: unknown[]) => samples };
  expect(() => new DataLoader(new ColumnDataset({ x, y }), both)).toThrow(/mix and collate/);
});

it("wants float32 pictures for mixup, and four axes for cutmix", () => {
  const bytes = { x: { data: new Uint8Array(2), shape: [2, 1] }, y: batch(2).y };
  expect(() => mixup({ classes: 2 })(bytes, new Rng(0))).toThrow(/must be float32.*\n.*toFloat/);
  expect(() => cutmix({ classes: 2 })(bytes, new Rng(0))).toThrow(/\(N, C, H, W\), got \[2,1\]/);
});
