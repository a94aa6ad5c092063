// The command that scores: what it prints and writes, how it exits, and what bad arguments get.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stored } from "./cases.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "anneal-golden-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  const script = join(import.meta.dirname, "run.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args]);
  return { status, out: String(stdout), err: String(stderr) };
}

/** A copy of the stored cases with one file changed line by line. */
function changed(name: string, change: (c: { lr: number[] }, i: number) => unknown): string {
  const copy = join(folder, name);
  cpSync(stored, copy, { recursive: true });
  const file = join(copy, "lr-scheduler-cases.jsonl");
  const lines = readFileSync(file, "utf8").trim().split("\n");
  writeFileSync(
    file,
    lines.map((line, i) => JSON.stringify(change(JSON.parse(line), i))).join("\n"),
  );
  return copy;
}

describe("npm run golden", () => {
  it("says how it is used", () => {
    const { status, out } = run("--help");
    expect(status).toBe(0);
    expect(out).toContain("npm run golden -- [options]");
    for (const name of ["device", "dir", "json", "all", "help"]) expect(out).toContain(`--${name}`);
  });

  it("scores all files on each device, and writes the counts", () => {
    const json = join(folder, "score.json");
    const { status, out } = run("--dir", stored, "--json", json, "--device", "reference", "--device", "wasm"); // biome-ignore format: one command
    expect(status, out).toBe(0);
    const entries = JSON.parse(readFileSync(json, "utf8"));
    expect(entries.map((e: { device: string }) => e.device)).toEqual(["reference", "wasm"]);
    for (const { files } of entries) {
      expect(Object.keys(files).sort()).toEqual([
        "lr-scheduler",
        "nn-module",
        "opinfo-first",
        "opinfo-second",
        "optimizer",
        "training-trajectory",
      ]);
      expect(files["lr-scheduler"]).toEqual({ passed: 4, wrong: 0, missing: 0 });
    }
  });

  it("fails where a value is wrong, and says which", () => {
    const dir = changed("wrong", (c, i) => (i === 0 ? { ...c, lr: c.lr.with(5, 123) } : c));
    const { status, out } = run("--dir", dir, "--device", "reference");
    expect(status).toBe(1);
    expect(out).toMatch(/lr-scheduler +3 +1 +0/);
    expect(out).toMatch(/wrong: \S+ lr\[5\]: \S+, not 123/);
  });

  it("lists what is missing", () => {
    const dir = changed("missing", (c, i) => (i === 0 ? { ...c, scheduler: "NoSuchLR" } : c));
    const { status, out } = run("--dir", dir, "reference");
    expect(status).toBe(0);
    expect(out).toMatch(/lr-scheduler +3 +0 +1/);
    expect(out).toMatch(/NoSuchLR +0 +0 +1\n +missing: it is not here/);
  });

  it.each([
    [["--dir", "/no/such/folder"], 'ArgumentError: golden: there is no folder "/no/such/folder"'],
    [["--dir", tmpdir()], `ArgumentError: golden: there are no cases in "${tmpdir()}"`],
    [["--device", "abacus"], 'ArgumentError: golden: there is no device "abacus"'],
    [["--colour"], "ArgumentError: golden: unknown option '--colour'"],
    [["--json"], "ArgumentError: golden: option '--json <value>' argument missing"],
  ])("refuses %s", (args, said) => {
    const { status, err } = run(...args);
    expect(status).toBe(2);
    expect(err.split("\n")[0]).toBe(said);
  });
});
