// Wilson's interval, against values from elsewhere.
import { describe, expect, it } from "vitest";
import { wilsonInterval } from "../../src/metrics/index.ts";

describe("wilsonInterval", () => {
  it.each([
    // Computed apart, in Python.
    [170, 205, 0.7717, 0.8747],
    [0, 10, 0, 0.2775],
    [10, 10, 0.7225, 1],
    [1, 2, 0.0945, 0.9055],
  ])("of %i of %i", (right, count, low, high) => {
    const found = wilsonInterval(right, count);
    expect(found[0]).toBeCloseTo(low, 3);
    expect(found[1]).toBeCloseTo(high, 3);
  });

  it("ends where a true part would lie z of its own spreads off", () => {
    for (const part of wilsonInterval(61, 83)) {
      const spread = Math.sqrt((part * (1 - part)) / 83);
      expect(Math.abs(61 / 83 - part) / spread).toBeCloseTo(1.959964, 6);
    }
  });

  it("is wider for more confidence, and refuses what is no part", () => {
    const [low, high] = wilsonInterval(7, 10, { z: 2.575829 });
    const usual = wilsonInterval(7, 10);
    expect([low < usual[0], high > usual[1]]).toEqual([true, true]);
    for (const [right, count] of [
      [3, 2],
      [-1, 2],
      [0, 0],
      [Number.NaN, 2],
    ] as const) {
      expect(() => wilsonInterval(right, count)).toThrow("is not a part of");
    }
  });
});
