// Ranges of padding over fewer loops: the same points lie inside, for whatever step divides.
import { describe, expect, it } from "vitest";
import type { Range } from "../../src/schedule/kernel.ts";
import { coarseRange } from "../../src/schedule/lower.ts";

/** Which points of all loops lie in the range. */
function inside({ at, size }: Range, extents: readonly number[]): boolean[] {
  let points = [[]] as number[][];
  for (const n of extents) {
    points = points.flatMap((p) => Array.from({ length: n }, (_, i) => [...p, i]));
  }
  return points.map((p) => {
    const value = at.base + p.reduce((sum, i, axis) => sum + at.coef[axis]! * i, 0);
    return value >= 0 && value < size;
  });
}

describe("a range over fewer loops", () => {
  it("holds at the same points, whatever the steps", () => {
    let fewer = 0;
    for (const base of [-64, -32, -8, -3, 0, 32]) {
      for (const size of [8, 32, 64, 30]) {
        for (const coef of [
          [32, 1],
          [32, 8, 1],
          [32, -1],
          [4, 1],
          [1, 32],
          [64, 32, 3],
        ]) {
          const extents = coef.map((c) => (c === 1 ? 8 : c === 3 ? 7 : 4));
          const range = { at: { base, coef }, size };
          const made = coarseRange(range, extents);
          expect(inside(made, extents), JSON.stringify(range)).toEqual(inside(range, extents));
          const loops = (r: Range) => r.at.coef.filter((c) => c !== 0).length;
          if (loops(made) < loops(range)) fewer++;
        }
      }
    }
    expect(fewer).toBeGreaterThan(20);
  });

  it("does not ask the lanes of a vector that lie in one piece", () => {
    const made = coarseRange({ at: { base: -256, coef: [0, 32, 1] }, size: 128 }, [12, 12, 32]);
    expect(made).toEqual({ at: { base: -8, coef: [0, 1, 0] }, size: 4 });
  });
});
