// The examples in the docstrings of anneal/text, of anneal/metrics and of tables run, and what stands behind `//` is what
// comes out. Those that need files or models of the reader's are only parsed.
import { readdirSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as data from "../../src/data/index.ts";
import * as io from "../../src/io/index.ts";
import * as metrics from "../../src/metrics/index.ts";
import * as text from "../../src/text/index.ts";

const source = join(import.meta.dirname, "../../src");
const files = [
  ...readdirSync(join(source, "text")).map((name) => `text/${name}`),
  ...readdirSync(join(source, "metrics")).map((name) => `metrics/${name}`),
  "data/arff.ts",
  "data/csv.ts",
  "data/series.ts",
];

const examples = files.flatMap((file) => {
  const found = readFileSync(join(source, file), "utf8").matchAll(
    /@example\n((?: +\*(?: .*)?\n)+?) +\*\//g,
  );
  return [...found].map((match, i) => {
    const code = (match[1] as string).replace(/^ +\* ?/gm, "");
    return { name: `${file} ${i + 1}`, code };
  });
});

const isData = /^(\[|\{|"|-?\d)/;

/** Every `expression; // value` becomes a comparison. */
function withChecks(code: string): string {
  return code.replace(/^(?!const |for |import )(.+); \/\/ (.+)$/gm, (line, expression, value) => {
    return isData.test(value) ? `compare(${expression}, () => (${value}));` : line;
  });
}

function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Int32Array);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]));
}

const names = { ...data, ...io, ...metrics, ...text };
const AsyncFunction = (async () => {}).constructor as FunctionConstructor;

describe("an example", () => {
  it("is there for every part", () => expect(examples.length).toBeGreaterThan(15));

  it.each(examples)("of $name", async ({ code }) => {
    const script = stripTypeScriptTypes(withChecks(code));
    const compare = (found: unknown, wanted: () => unknown) =>
      expect(plain(found)).toEqual(plain(wanted()));
    const run = new AsyncFunction("compare", ...Object.keys(names), script);
    if (/\bread[A-Z]|\bmodel, |\btokenizer\.vocabulary\.begin|saveTokenizer/.test(code)) return;
    await run(compare, ...Object.values(names));
  });
});
