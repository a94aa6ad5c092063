// Scores of outlined objects, by arithmetic.
import { describe, expect, it } from "vitest";
import { instanceScores } from "../../src/metrics/instances.ts";
import { ArgumentError, ShapeError } from "../../src/util/errors.ts";
import { map } from "../vision/maps.ts";

describe("instanceScores", () => {
  // 1 is found but for a pixel (IoU 3/4), 2 in halves (1/2 each), 3 not at all; 9 is nothing.
  const there = map(["110022", "110022", "000000", "033300"]);
  const found = map(["550067", "500067", "000000", "000090"]);

  it("counts hits, misses and false alarms", () => {
    const scores = instanceScores([found], [there]);
    expect(scores).toMatchObject({ hits: 1, alarms: 3, misses: 2 });
    expect(scores.precision).toBe(1 / 4);
    expect(scores.recall).toBe(1 / 3);
    expect(scores.f1).toBeCloseTo(2 / 7, 12);
    expect(scores.jaccard).toBe(1 / 6);
  });

  it("wants more than the threshold", () => {
    expect(instanceScores([found], [there], { iouThreshold: 0.74 }).hits).toBe(1);
    expect(instanceScores([found], [there], { iouThreshold: 0.75 }).hits).toBe(0);
  });

  it("adds pictures up, whatever objects are called", () => {
    const scores = instanceScores([there, found, found], [there, found, there]);
    expect(scores).toMatchObject({ hits: 3 + 4 + 1, alarms: 3, misses: 2 });
    expect(instanceScores([map(["7700"])], [map(["1100"])]).f1).toBe(1);
  });

  it("is 1 of nothing, 0 where all is missed or all is wrong", () => {
    const empty = map(["0000"]);
    expect(instanceScores([empty], [empty])).toMatchObject({ f1: 1, jaccard: 1 });
    expect(instanceScores([], [])).toMatchObject({ f1: 1, hits: 0 });
    expect(instanceScores([empty], [map(["0110"])])).toMatchObject({ f1: 0, recall: 0, misses: 1 });
    expect(instanceScores([map(["0110"])], [empty])).toMatchObject({ f1: 0, precision: 0 });
  });

  it("refuses other sizes and thresholds at which there may be two", () => {
    expect(() => instanceScores([there], [])).toThrow(ShapeError);
    expect(() => instanceScores([there], [map(["00"])])).toThrow("found [4,6], there [1,2]");
    expect(() => instanceScores([], [], { iouThreshold: 0.4 })).toThrow(ArgumentError);
  });
});
