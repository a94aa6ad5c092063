// Image transforms against values computed by hand, in both layouts.
import { describe, expect, it } from "vitest";
import {
  centerCrop,
  randomAffine,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomVerticalFlip,
  resize,
} from "../../src/data/geometric.ts";
import { affine, type ImageArray, image, type Layout, toLayout } from "../../src/data/image.ts";
import type { Transform } from "../../src/data/scene.ts";
import { compose, grayscale, normalize, toFloat } from "../../src/data/transforms.ts";
import { Rng } from "../../src/util/rng.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const floats = (...values: number[]) => Float32Array.from(values);
/** One channel, rows as given. */
const gray = (...rows: number[][]) =>
  image(floats(...rows.flat()), [rows.length, rows[0]?.length ?? 0]);
const values = ({ data }: ImageArray) => [...data];
const apply = (transform: Transform, source: ImageArray, seed = 0) =>
  transform(source, new Rng(seed));

// 2×3 pixels of 2 channels; channel 1 is channel 0 plus 100.
const chw = image(bytes(1, 2, 3, 4, 5, 6, 101, 102, 103, 104, 105, 106), [2, 2, 3], "chw");
const hwc = image(bytes(1, 101, 2, 102, 3, 103, 4, 104, 5, 105, 6, 106), [2, 3, 2], "hwc");

describe("image", () => {
  it("takes two sizes for one channel and refuses what does not fit", () => {
    expect(image(bytes(1, 2), [1, 2]).shape).toEqual([1, 1, 2]);
    expect(image(bytes(1, 2), [1, 2], "hwc").shape).toEqual([1, 2, 1]);
    for (const shape of [[2], [1, 1, 1, 2], [3, 1], [-1, -2], [1.5, 2]]) {
      expect(() => image(bytes(1, 2, 3).subarray(1), shape)).toThrow(/does not fit 2 values/);
    }
  });

  it("changes its layout and back", () => {
    expect(toLayout(chw, "hwc")).toEqual(hwc);
    expect(toLayout(hwc, "chw")).toEqual(chw);
    expect(toLayout(chw, "chw")).toBe(chw);
  });
});

const everything: [string, Transform][] = [
  ["toFloat", toFloat()],
  ["normalize", normalize([1, 2], [3, 4])],
  ["centerCrop", centerCrop([1, 2])],
  ["randomCrop", randomCrop(2, { padding: 2, fill: 9 })],
  ["randomHorizontalFlip", randomHorizontalFlip(1)],
  ["randomVerticalFlip", randomVerticalFlip(1)],
  ["randomRotation", randomRotation([20, 70])],
  ["randomResizedCrop", randomResizedCrop([3, 2])],
  ["resize", resize([3, 2])],
  ["randomAffine", randomAffine({ degrees: 30, translate: [0.2, 0.2], scale: [0.5, 2] })],
];

describe.each(everything)("%s", (_, transform) => {
  it("does the same in both layouts, twice, and leaves its input alone", () => {
    const before = [values(chw), values(hwc)];
    const first = apply(transform, chw, 5);
    expect(toLayout(apply(transform, hwc, 5), "chw")).toEqual(first);
    expect(apply(transform, chw, 5)).toEqual(first);
    expect([values(chw), values(hwc)]).toEqual(before);
  });
});

describe("values", () => {
  it("of toFloat and normalize", () => {
    const source = image(bytes(0, 51, 255), [3, 1, 1]);
    expect(apply(toFloat(), source).data).toEqual(floats(0, 0.2, 1));
    const both = compose(toFloat(), normalize([0, -0.5, 0.5], [1, 2, 0.25]));
    expect(apply(both, source).data).toEqual(floats(0, (Math.fround(0.2) + 0.5) / 2, 2));
    expect(values(apply(normalize(1, 2), gray([1, 3], [5, 7])))).toEqual([0, 1, 2, 3]);
  });

  it("of crops, inside and beyond the image", () => {
    const source = gray([1, 2, 3], [4, 5, 6], [7, 8, 9]);
    expect(values(apply(centerCrop(1), source))).toEqual([5]);
    expect(values(apply(centerCrop([2, 3]), source))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(values(apply(centerCrop([1, 5], { fill: -1 }), source))).toEqual([-1, 4, 5, 6, -1]);
  });

  it("of random crops reach every place equally often", () => {
    const counts = new Map<string, number>();
    const transform = randomCrop(2, { padding: 1 });
    for (let i = 0; i < 1800; i++) {
      const key = values(apply(transform, gray([1, 2], [3, 4]), i)).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(
      [
        ["0,0,0,1", "0,0,1,2", "0,0,2,0"],
        ["0,1,0,3", "1,2,3,4", "2,0,4,0"],
        ["0,3,0,0", "3,4,0,0", "4,0,0,0"],
      ]
        .flat()
        .sort(),
    );
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(70);
  });

  it("of flips, as often as asked", () => {
    const source = gray([1, 2, 3], [4, 5, 6]);
    expect(values(apply(randomHorizontalFlip(1), source))).toEqual([3, 2, 1, 6, 5, 4]);
    expect(apply(randomHorizontalFlip(0), source)).toBe(source);
    let flips = 0;
    for (let i = 0; i < 1000; i++)
      flips += +(apply(randomHorizontalFlip(0.3), source, i) !== source);
    expect(Math.abs(flips - 300)).toBeLessThan(73);
  });

  it("of growing: bilinear between pixel centres", () => {
    expect(values(apply(resize([1, 4]), gray([0, 8])))).toEqual([0, 2, 6, 8]);
    expect(values(apply(resize([4, 1]), gray([0], [8])))).toEqual([0, 2, 6, 8]);
    expect(values(apply(resize([2, 3]), gray([5])))).toEqual([5, 5, 5, 5, 5, 5]);
    // PyTorch: interpolate([[0, 1, 2]], size 5) = 0, 0.4, 1, 1.6, 2
    const five = values(apply(resize([1, 5]), gray([0, 1, 2])));
    [0, 0.4, 1, 1.6, 2].forEach((value, i) => expect(five[i]).toBeCloseTo(value, 6));
  });

  it("of shrinking: the average of the area", () => {
    const source = gray([0, 4, 8, 12], [4, 8, 12, 16]);
    expect(values(apply(resize([1, 2]), source))).toEqual([4, 12]);
    expect(values(apply(resize([2, 4]), source))).toEqual(values(source));
    // Three to two: each covers one pixel and half of the middle one.
    const two = values(apply(resize([1, 2]), gray([0, 3, 9])));
    expect(two[0]).toBeCloseTo((0 + 0.5 * 3) / 1.5, 6);
    expect(two[1]).toBeCloseTo((9 + 0.5 * 3) / 1.5, 6);
    expect(apply(resize(1), image(bytes(0, 1, 255, 255), [2, 2])).data).toEqual(bytes(128));
  });

  it("of resizing keep the mean when shrinking by any factor", () => {
    const rng = new Rng(1);
    const source = image(
      new Float32Array(35).map(() => rng.float()),
      [5, 7],
    );
    const mean = (list: number[]) => list.reduce((a, b) => a + b) / list.length;
    for (const size of [
      [1, 1],
      [3, 2],
      [5, 6],
      [2, 7],
    ] as const) {
      expect(mean(values(apply(resize(size), source)))).toBeCloseTo(mean(values(source)), 6);
    }
  });

  it("of quarter turns, shifts and scaling", () => {
    const source = image(bytes(1, 2, 3, 4, 5, 6, 7, 8, 9), [3, 3]);
    expect(values(affine(source, { angle: 90 }))).toEqual([7, 4, 1, 8, 5, 2, 9, 6, 3]);
    expect(values(affine(source, { angle: 180 }))).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(values(affine(source, { translate: [1, 0], fill: 50 }))).toEqual([
      50, 1, 2, 50, 4, 5, 50, 7, 8,
    ]);
    expect(values(affine(source, { translate: [0, -1] }))).toEqual([4, 5, 6, 7, 8, 9, 0, 0, 0]);
    expect(values(affine(source, { scale: 0.5 }))).toEqual([0, 0, 0, 0, 5, 0, 0, 0, 0]);
    // Twice as large: from (0.5, 0.5) in the corner, the mean of 1 2 4 5.
    expect(values(affine(gray([1, 2, 3], [4, 5, 6], [7, 8, 9]), { scale: 2 }))).toEqual([
      3, 3.5, 4, 4.5, 5, 5.5, 6, 6.5, 7,
    ]);
    expect(values(affine(gray([2, 4]), { translate: [0.25, 0] }))).toEqual([1.5, 3.5]);
  });

  it("of random motions keep to their limits", () => {
    const source = gray([0, 0, 0, 0, 0], [0, 0, 9, 0, 0], [0, 0, 0, 0, 0]);
    const shift = randomAffine({ translate: [0.2, 0] }); // at most one pixel of five
    let [least, most] = [9, 0];
    for (let i = 0; i < 300; i++) {
      const moved = values(apply(shift, source, i));
      expect([moved[5], moved[9], moved.reduce((a, b) => a + b)]).toEqual([
        0,
        0,
        expect.closeTo(9, 4),
      ]);
      const middle = (6 * (moved[6] ?? 0) + 7 * (moved[7] ?? 0) + 8 * (moved[8] ?? 0)) / 9;
      [least, most] = [Math.min(least, middle), Math.max(most, middle)];
    }
    expect([least, most]).toEqual([expect.closeTo(6, 1), expect.closeTo(8, 1)]);
    expect(values(apply(randomAffine({}), source))).toEqual(values(source));
    expect(values(apply(randomAffine({ degrees: [180, 180] }), gray([1, 2])))).toEqual([
      expect.closeTo(2, 5),
      expect.closeTo(1, 5),
    ]);
  });

  it.each<Layout>(["hwc", "chw"])("of grayscale (%s)", (layout) => {
    // 0.299 · 255 + 0.114 · 10 = 77.4, 0.587 · 255 + 0.114 · 20 = 152.0, 0.114 · 30 = 3.4
    const source = toLayout(
      image(bytes(255, 0, 0, 0, 255, 0, 10, 20, 30), [3, 1, 3], "chw"),
      layout,
    );
    expect(values(apply(grayscale(), source))).toEqual([77, 152, 3]);
    const three = toLayout(apply(grayscale({ channels: 3 }), source), "chw");
    expect([three.shape, values(three)]).toEqual([
      [3, 1, 3],
      [77, 152, 3, 77, 152, 3, 77, 152, 3],
    ]);
    const repeated = apply(grayscale({ channels: 3 }), image(bytes(4), [1, 1]));
    expect(values(repeated)).toEqual([4, 4, 4]);
    expect(() => apply(grayscale(), chw)).toThrow(/has 2 channels/);
  });
});

it.each<[string, () => unknown, RegExp]>([
  ["normalize by 0", () => normalize(0, 0), /std must be above 0/],
  ["three means for two channels", () => apply(normalize([1, 2, 3], 1), chw), /3 values for .* 2/],
  [
    "a crop that does not fit",
    () => apply(randomCrop(4), chw),
    /\[4, 4\] does not fit into \[2, 3\]/,
  ],
  ["negative padding", () => randomCrop(4, { padding: -1 }), /padding/],
  ["a size of 0", () => resize(0), /sizes must be integers from 1, got \[0,0\]/],
  ["a probability of 2", () => randomHorizontalFlip(2), /p must be from 0 to 1/],
  ["a scale of 0", () => randomAffine({ scale: [0, 1] }), /scale must go up from above 0/],
  ["degrees that go down", () => randomAffine({ degrees: [5, -5] }), /ranges go up/],
])("refuses %s", (_, run, message) => {
  expect(run).toThrow(message);
});
