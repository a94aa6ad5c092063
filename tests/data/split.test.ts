// Cutting by groups, and pictures with their classes as a dataset.
import { describe, expect, it } from "vitest";
import {
  compose,
  DataLoader,
  groupSplit,
  image,
  LabeledImages,
  normalize,
  randomHorizontalFlip,
  toFloat,
} from "../../src/data/index.ts";

describe("groupSplit", () => {
  // Three classes of 10, 5 and 3 tracks, four frames each.
  const samples = [10, 5, 3].flatMap((tracks, kind) => {
    return Array.from({ length: 4 * tracks }, (_, i) => ({ kind, track: `${kind}/${i >> 2}` }));
  });
  const groups = samples.map(({ track }) => track);
  const classes = samples.map(({ kind }) => kind);

  it("keeps groups whole, and cuts each class's by themselves", () => {
    const parts = groupSplit(groups, [0.6, 0.2, 0.2], { seed: 3, classes });
    expect(parts.flat().sort((a, b) => a - b)).toEqual(samples.map((_, i) => i));
    const tracks = parts.map((part) => new Set(part.map((i) => groups[i] as string)));
    const counts = tracks.map((set) => {
      return [0, 1, 2].map((kind) => [...set].filter((t) => t.startsWith(`${kind}/`)).length);
    });
    expect(counts).toEqual([
      [6, 3, 1],
      [2, 1, 1],
      [2, 1, 1],
    ]);
    expect(new Set(tracks.flatMap((set) => [...set])).size).toBe(18);
    expect(tracks.reduce((sum, set) => sum + set.size, 0)).toBe(18);
  });

  it("follows from the seed alone, whatever the order of the samples", () => {
    const chosen = (seed: number, names: readonly string[]) => {
      const [first] = groupSplit(names, [0.5, 0.5], { seed });
      return [...new Set(first?.map((i) => names[i]))].sort();
    };
    expect(chosen(1, groups)).toEqual(chosen(1, [...groups].reverse()));
    expect(chosen(1, groups)).not.toEqual(chosen(2, groups));
    expect(chosen(1, groups)).toHaveLength(9);
  });

  it("leaves late parts empty where there are not enough groups", () => {
    expect(groupSplit([7, 7], [0.5, 0.25, 0.25]).map((part) => part.length)).toEqual([0, 0, 2]);
  });

  it("refuses groups of two classes, and parts that are none", () => {
    expect(() => groupSplit(["a", "a"], [0.5, 0.5], { classes: [0, 1] })).toThrow(
      "groupSplit: group a has the classes 0 and 1",
    );
    expect(() => groupSplit(["a"], [0.5, 0.6])).toThrow("sum to 1, got [0.5,0.6]");
    expect(() => groupSplit(["a"], [0.5, 0.5], { classes: [] })).toThrow("0 classes for 1 samples");
  });
});

describe("LabeledImages", () => {
  const images = [0, 1].map((i) => image(Uint8Array.of(0, 255, i, 51, 0, 0), [1, 2, 3], "hwc"));

  it("gives pixels of 0 to 1, channels first, with their classes", async () => {
    const loader = new DataLoader(new LabeledImages(images, [4, 2]), { batchSize: 2 });
    for await (const { x, y } of loader) {
      expect(x.shape).toEqual([2, 3, 1, 2]);
      const values = [...(await x.data())];
      expect(values.slice(0, 6)).toEqual([0, 0.2, 1, 0, 0, 0].map(Math.fround));
      expect([...(await y.data())]).toEqual([4, 2]);
    }
  });

  it("draws each sample's transform anew in every epoch", async () => {
    const prepare = compose(randomHorizontalFlip(), toFloat(), normalize(0.5, 0.5));
    const loader = new DataLoader(new LabeledImages(images.slice(0, 1), [0], prepare), { seed: 1 });
    const seen: number[] = [];
    for (let epoch = 0; epoch < 20; epoch++) {
      for await (const { x } of loader) seen.push((await x.data())[0] as number);
    }
    const left = -1;
    const right = Math.fround((Math.fround(51 / 255) - 0.5) / 0.5);
    expect(new Set(seen)).toEqual(new Set([left, right]));
  });

  it("names what does not fit", () => {
    expect(() => new LabeledImages(images, [0])).toThrow("2 images with 1 labels");
    expect(() => new LabeledImages(images, [0, 1]).get(2)).toThrow("index 2 is not in 2 images");
  });
});
