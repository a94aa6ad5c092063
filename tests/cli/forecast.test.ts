// `anneal train forecast`, small: the baselines against arithmetic by hand, missing cells stated
// once, what is left in the folder, what comes next, and bad tables.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linear, naive, seasonal, solve } from "../../examples/forecast/baselines.ts";
import { SeriesWindows } from "../../src/data/index.ts";
import { anneal, type Outcome, scratch } from "./run.ts";

/** Two columns: a wave, and what it will be two rows later. */
function waves(rows: number): number[][] {
  const wave = (t: number) => 10 + 3 * Math.sin(t / 2.2) + Math.sin(t / 1.3 + 1);
  return Array.from({ length: rows }, (_, t) => [wave(t + 2), wave(t)]);
}

describe("baselines", () => {
  const rows = 80;
  const data = Float32Array.from(waves(rows).flat());
  const sizes = { horizon: 3, target: 1 };
  const windows = new SeriesWindows({ data, shape: [rows, 2] }, { lookback: 8, ...sizes });

  it("repeat the last value, or that of a season ago", () => {
    const window = windows.get(5);
    const target = (row: number) => data[row * 2 + 1]!;
    expect([...window.y.data]).toEqual([13, 14, 15].map(target));
    expect([...naive(sizes)(window)]).toEqual([12, 12, 12].map(target));
    expect([...seasonal(sizes, 2)(window)]).toEqual([11, 12, 11].map(target));
  });

  it("solve linear equations", () => {
    // [4 2; 2 3] x = [10 2; 8 1] has x = [1.75 0.5; 1.5 0].
    const x = solve(Float64Array.of(4, 2, 2, 3), Float64Array.of(10, 2, 8, 1), 2, 2);
    [1.75, 0.5, 1.5, 0].forEach((value, i) => void expect(x[i]).toBeCloseTo(value, 12));
    expect(() => solve(Float64Array.of(1, 1, 1, 1), new Float64Array(2), 2, 1)).toThrow(
      "solve: column 1 depends on the others",
    );
  });

  it("find a linear law where there is one", () => {
    // Sums of two waves follow from four past values, exactly.
    const said = linear(windows, sizes, 1e-9)(windows.get(40));
    said.forEach((value, h) => {
      expect(value).toBeCloseTo(Number(windows.get(40).y.data[h]), 2);
    });
  });
});

describe("train forecast", () => {
  let place: Awaited<ReturnType<typeof scratch>>;
  let trained: Outcome;
  let run: string;
  const small = ["--lookback", "16", "--horizon", "4", "--season", "14", "--width", "12"];
  beforeAll(async () => {
    place = await scratch();
    const lines = waves(400).map(([next, now], t) => `day ${t},${t % 50 === 7 ? "" : next},${now}`);
    await writeFile(join(place.folder, "waves.csv"), `day,ahead,wave\n${lines.join("\n")}\n`);
    const args = ["train", "forecast", "--data", "waves.csv", ...small, "--epochs", "15"];
    trained = await anneal([...args, "--batch", "16", "--lr", "0.01"], place.folder);
    run = join(place.folder, "runs", (await readdir(join(place.folder, "runs")))[0] ?? "");
  }, 60_000);
  afterAll(() => place.remove());

  it("foretells better than the last value, and says what became of missing cells, once", async () => {
    expect(trained).toMatchObject({ code: 0, stderr: "" });
    const stated =
      "400 rows of ahead, wave (8 missing cells took the value before); wave of 4 rows from 16";
    expect(trained.stdout.split(stated)).toHaveLength(2);
    const result = JSON.parse(await readFile(join(run, "result.json"), "utf8"));
    expect(result.testLSTMMse).toBeLessThan(0.25 * result.testLastValueMse);
    expect(result.testLSTMMse).toBeLessThan(0.05);
    expect(result.testLinearMse).toBeLessThan(0.05);
    expect(trained.stdout).toMatch(/^last season +\d\.\d{4} +\d\.\d{4} +\d\.\d{3}$/m);
    expect(await readFile(join(run, "forecast.svg"), "utf8")).toContain(
      "wave: the middle of the test",
    );
  });

  it("says which values come next", async () => {
    const all = waves(204);
    const lines = all.slice(0, 200).map((row) => row.join(","));
    await writeFile(join(place.folder, "until.csv"), `ahead,wave\n${lines.join("\n")}\n`);
    const args = ["predict", "forecast", run, "--data", "until.csv"];
    const { code, stdout } = await anneal(args, place.folder);
    expect(code).toBe(0);
    const said = stdout.trim().split("\n").map(Number);
    expect(said).toHaveLength(4);
    // The deviation of the wave is 2.2.
    said.forEach((value, h) => void expect(Math.abs(value - all[200 + h]![1]!)).toBeLessThan(1));
    const evaluated = await anneal(["evaluate", run], place.folder);
    expect(evaluated.stdout).toContain("test squared error");
  });

  it.each([
    ["a ragged row", "a,b\n1,2\n3\n", [], 1, "has 1 cells in line 3, its header has 2"],
    [
      "missing cells under `error`",
      "a,b\n1,2\n3,\n",
      ["--missing", "error"],
      1,
      "lacks a number in row 2",
    ],
    ["no such column", "a,b\n1,2\n", ["--target", "z"], 1, '"z" is no column of numbers'],
    ["a short table", "a,b\n1,2\n3,4\n", [], 1, "hold no window of 16 and 4"],
    ["a long season", "a,b\n1,2\n", ["--season", "99"], 1, "is 99, more than the 16 rows"],
    [
      "an unknown policy",
      "a\n1\n",
      ["--missing", "guess"],
      2,
      "--missing: must be previous or mean or drop",
    ],
  ])("refuses %s", async (_, table, more, wanted, message) => {
    await writeFile(join(place.folder, "bad.csv"), table);
    const args = ["train", "forecast", "--data", "bad.csv", ...small, ...more];
    const { code, stdout, stderr } = await anneal(args, place.folder);
    expect({ code, stdout }).toEqual({ code: wanted, stdout: "" });
    expect(stderr).toContain(message);
  });
});
