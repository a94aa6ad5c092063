// The golden scores as a test: nothing wrong, and not fewer passed than before. Raise the floors when
// more passes; they never fall.
import { beforeEach, describe, expect, it } from "vitest";
import { device } from "../../src/index.ts";
import { present, type Score, totals } from "./cases.ts";
import { nnScore } from "./nn.ts";
import { optimizerScore, scheduleScore } from "./optimizer.ts";
import { trajectoryScore } from "./trajectory.ts";

const floors: [string, () => Promise<Score>, number][] = [
  ["modules", nnScore, 598],
  ["optimizers", optimizerScore, 80],
  ["schedules", scheduleScore, 19],
  ["trajectories", trajectoryScore, 18],
];

function wrongOf(score: Score): string[] {
  return [...score].flatMap(([name, { wrong }]) => wrong.map((what) => `${name}: ${what}`));
}

if (!present)
  console.log("golden scores are skipped: ../shared/golden is not beside this checkout");

describe.skipIf(!present).each(["reference", "wasm"] as const)("golden cases on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it.each(floors)("%s", async (_, run, floor) => {
    const score = await run();
    expect(wrongOf(score)).toEqual([]);
    expect(totals(score).passed).toBeGreaterThanOrEqual(floor);
  });
});
