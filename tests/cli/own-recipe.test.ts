// `anneal train ./mine.ts`: a recipe of a user's own is trained, resumed, judged and asked as those that come along;
// and what bad items get with and without --skip-bad.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anneal, scratch, start } from "./run.ts";

const line = resolve(import.meta.dirname, "line-recipe.ts");
let place: Awaited<ReturnType<typeof scratch>>;

beforeAll(async () => {
  place = await scratch();
  const points = Array.from({ length: 8 }, (_, i) => `${i / 4} ${(3 * i) / 4 + 1}`);
  await writeFile(join(place.folder, "points.txt"), points.join("\n"));
  await writeFile(join(place.folder, "bad.txt"), [...points, "seven", ...points, "1"].join("\n"));
});
afterAll(() => place.remove());

describe("a recipe of one's own", () => {
  it("is trained, judged and asked", async () => {
    const trained = await anneal(["train", line, "--epochs", "60"], place.folder);
    expect([trained.code, trained.stderr]).toEqual([0, ""]);
    expect(trained.stdout).toMatch(/slope (2\.9|3\.0)\d \(/);
    expect(trained.stdout).not.toContain("bad ");
    const [run] = await readdir(join(place.folder, "runs"));
    const folder = join("runs", run!);
    const judged = await anneal(["evaluate", folder, "--recipe", line], place.folder);
    expect(judged.stdout).toMatch(/slope (2\.9|3\.0)\d, runs/);
    for (const words of [["2"], [folder, "2"], ["--x", "2", "--run", folder]]) {
      const asked = await anneal(["predict", line, ...words], place.folder);
      expect([asked.stderr, Number(asked.stdout)]).toEqual(["", expect.closeTo(7, 0)]);
    }
    const unknown = await anneal(["evaluate", folder], place.folder);
    expect(unknown.stderr).toContain(`LoadError: ${folder} is a run of line, not of mnist`);
  });

  it("says how to go on after Ctrl-C, by its file", async () => {
    const args = ["train", line, "--epochs", "100000", "--out", "stopped"];
    const { child, outcome, prints } = start(args, place.folder);
    await prints(/^ *2\/100000/m);
    child.kill("SIGINT");
    const { code, stdout } = await outcome;
    expect(code).toBe(130);
    expect(stdout).toContain(`  anneal train ${line} --resume stopped`);
  });

  it("stops at the first bad item, or leaves such out and counts them", async () => {
    const out = ["--out", "with-bad", "--data", "bad.txt"];
    const stopped = await anneal(["train", line, ...out], place.folder);
    expect([stopped.code, stopped.stderr]).toEqual([
      1,
      "LoadError: points.txt:9 is no point\n  hint: --skip-bad leaves such points out\n",
    ]);
    expect(await readdir(place.folder)).not.toContain("with-bad");
    const trained = await anneal(["train", line, "--skip-bad", ...out], place.folder);
    expect([trained.code, trained.stderr]).toEqual([0, ""]);
    expect(trained.stdout).toContain(
      "bad    2 left out; the first: points.txt:9 is no point; all in skipped.json\n",
    );
    const [run] = await readdir(join(place.folder, "with-bad"));
    const read = (name: string) => readFile(join(place.folder, "with-bad", run!, name), "utf8");
    expect(JSON.parse(await read("skipped.json"))).toEqual([
      { file: "points.txt:9", reason: "is no point" },
      { file: "points.txt:18", reason: "is no point" },
    ]);
    expect(JSON.parse(await read("result.json"))).toMatchObject({ skipped: 2 });
    expect(await read("report.html")).toContain("2 bad items left out");
  });

  it("must be there, load, and be one", async () => {
    const say = async (...args: string[]) => (await anneal(args, place.folder)).stderr;
    await writeFile(join(place.folder, "none.mjs"), "export const recipes = [];");
    await writeFile(join(place.folder, "broken.mjs"), 'import "no-such-package";');
    expect(await say("train", "./gone.ts")).toBe("LoadError: ./gone.ts is not there\n");
    expect(await say("train", "none.mjs")).toContain(
      "LoadError: none.mjs exports no recipe\n  hint: ",
    );
    expect(await say("predict", "broken.mjs", "2")).toContain(
      "LoadError: broken.mjs cannot be loaded: Cannot find package 'no-such-package'",
    );
  });
});
