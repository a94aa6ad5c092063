// What both the Node program and the page must come to: y = 3a - 2b + 1 (see consumer/train.js).
import { expect } from "vitest";

export function expectTrained(result: {
  first: number;
  last: number;
  weight: number[];
  bias: number[];
}) {
  expect(result.first).toBeGreaterThan(result.last);
  expect(result.last).toBeLessThan(1e-6);
  expect(result.weight).toHaveLength(2);
  expect(result.weight[0]).toBeCloseTo(3, 2);
  expect(result.weight[1]).toBeCloseTo(-2, 2);
  expect(result.bias[0]).toBeCloseTo(1, 2);
}
