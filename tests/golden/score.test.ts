// The golden scores as a test: nothing wrong, and not fewer passed than before; of the stored cases, which
// are examined where ../shared/golden is not beside the checkout, all. Raise the floors when more passes;
// they never fall.
import { existsSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { device } from "../../src/index.ts";
import { golden, type Score, shared, stored, totals } from "./cases.ts";
import { files } from "./files.ts";

const floors: Record<string, number> = {
  "nn-module": 598,
  optimizer: 80,
  "lr-scheduler": 19,
  "training-trajectory": 18,
  "opinfo-first": 2231,
  "opinfo-second": 1347,
};

function wrongOf(score: Score): string[] {
  return [...score].flatMap(([name, { wrong }]) => wrong.map((what) => `${name}: ${what}`));
}

const present = existsSync(shared);
if (!present)
  console.log("the stored golden cases alone: ../shared/golden is not beside this checkout");

describe.each(["reference", "wasm"] as const)("golden cases on %s", (name) => {
  beforeEach(() => {
    device(name);
  });

  it.skipIf(!present).each(files)("$name", { timeout: 120_000 }, async ({ name: file, score }) => {
    golden.folder = shared;
    const found = await score();
    expect(wrongOf(found)).toEqual([]);
    expect(totals(found).passed).toBeGreaterThanOrEqual(floors[file]!);
  });

  it.each(files)("$name, stored", async ({ score }) => {
    golden.folder = stored;
    const found = await score();
    expect(wrongOf(found)).toEqual([]);
    const { passed, missing } = totals(found);
    expect(missing).toBe(0);
    expect(passed).toBeGreaterThan(0);
  });
});
