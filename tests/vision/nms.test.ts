// Non-maximum suppression against cases by hand, and against a definition that is slower and shorter.
import { expect, it } from "vitest";
import { type Box, boxIou } from "../../src/metrics/index.ts";
import { Rng } from "../../src/util/rng.ts";
import { batchedNms, nms } from "../../src/vision/nms.ts";

const boxes: Box[] = [
  [0, 0, 10, 10],
  [1, 0, 11, 10], // 9/11 over the first
  [20, 0, 30, 10],
  [5, 0, 15, 10], // 1/3 over the first, 6/14 over the second
];

it("keeps the highest score of what overlaps by more than the threshold", () => {
  expect(nms(boxes, [0.6, 0.9, 0.3, 0.5], 0.5)).toEqual([1, 3, 2]);
  expect(nms(boxes, [0.6, 0.9, 0.3, 0.5], 0.4)).toEqual([1, 2]);
  expect(nms(boxes, [0.6, 0.9, 0.3, 0.5], 1)).toEqual([1, 0, 3, 2]);
  expect(nms(boxes, [0.5, 0.5, 0.5, 0.5], 0.5)).toEqual([0, 2, 3]);
  expect(nms([], [], 0.5)).toEqual([]);
  // An overlap of exactly the threshold stays.
  expect(nms([[0, 0, 10, 10], [0, 0, 10, 5]], [1, 0.5], 0.5)).toEqual([0, 1]); // biome-ignore format: a pair
});

it("leaves other classes alone", () => {
  expect(batchedNms(boxes, [0.6, 0.9, 0.3, 0.5], [0, 1, 0, 1], 0.4)).toEqual([1, 0, 2]);
  expect(batchedNms(boxes, [0.6, 0.9, 0.3, 0.5], [0, 0, 0, 0], 0.4)).toEqual([1, 2]);
});

it("drops boxes one by one: the best takes all that it covers out of the race", () => {
  const rng = new Rng(3);
  for (let round = 0; round < 20; round++) {
    const many = Array.from({ length: 40 }, (): Box => {
      const [left, top] = [rng.uniform(0, 80), rng.uniform(0, 80)];
      return [left, top, left + rng.uniform(5, 40), top + rng.uniform(5, 40)];
    });
    const scores = many.map(() => rng.float());
    let rest = many.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
    const wanted: number[] = [];
    while (rest.length > 0) {
      const best = rest[0]!;
      wanted.push(best);
      rest = rest.filter((i) => i !== best && boxIou(many[i]!, many[best]!) <= 0.3);
    }
    expect(nms(many, scores, 0.3)).toEqual(wanted);
    expect(wanted.length).toBeLessThan(40);
  }
});

it("says what does not fit", () => {
  expect(() => nms(boxes, [1], 0.5)).toThrow("nms: 4 boxes have 1 scores");
  expect(() => batchedNms(boxes, [1, 1, 1, 1], [0], 0.5)).toThrow(
    "batchedNms: 4 boxes have 1 labels",
  );
  expect(() => nms(boxes, [1, 1, 1, 1], 50)).toThrow(
    "nms: iouThreshold must be from 0 to 1, got 50",
  );
});
