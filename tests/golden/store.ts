// node tests/golden/store.ts: chooses the cases of tests/golden/stored from ../shared/golden, so that a checkout
// without that folder is examined too: every so many names the shortest case, whole lines as they were recorded.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { golden, readTiers, shared, stored } from "./cases.ts";
import { adapters, notOurs } from "./opinfo-table.ts";

interface Line {
  readonly name: string;
  readonly text: string;
}

/** How each file names its cases, how many names it gives, and how long a case may be. */
const wanted = [
  { file: "opinfo-cases", field: "op", names: 44, longest: 4_000 },
  { file: "nn-module-cases", field: "module", names: 16, longest: 6_000 },
  { file: "optimizer-cases", field: "optimizer", names: 4, longest: 8_000 },
  { file: "lr-scheduler-cases", field: "scheduler", names: 4, longest: 4_000 },
  { file: "training-trajectory-cases", field: "name", names: 1, longest: 60_000 },
] as const;

golden.folder = shared;
const tiers = readTiers();
const known = new Set([...tiers.first, ...tiers.second]);

function linesOf(file: string, field: string): Line[] {
  const text = gunzipSync(readFileSync(join(shared, `${file}.jsonl.gz`))).toString("utf8");
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    const c = JSON.parse(line);
    if (c.caution !== undefined) return [];
    const isOp = c.op !== undefined;
    if (isOp && (!known.has(c.op) || !adapters[c.op] || notOurs(c) !== null || !c.grads)) return [];
    return [{ name: String(c[field] ?? ""), text: line }];
  });
}

/** The shortest case of every so many of the names. */
function chosen(lines: readonly Line[], names: number, longest: number): string[] {
  const shortest = new Map<string, string>();
  for (const { name, text } of lines) {
    const before = shortest.get(name);
    if (text.length <= longest && (!before || text.length < before.length))
      shortest.set(name, text);
  }
  const all = [...shortest.values()];
  const count = Math.min(names, all.length);
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);
}

mkdirSync(stored, { recursive: true });
const ops = new Set<string>();
for (const { file, field, names, longest } of wanted) {
  const lines = chosen(linesOf(file, field), names, longest);
  for (const text of lines) if (field === "op") ops.add(JSON.parse(text).op);
  writeFileSync(join(stored, `${file}.jsonl`), `${lines.join("\n")}\n`);
  console.log(`${file}: ${lines.length} cases, ${lines.join("").length} characters`);
}
const of = (names: readonly string[]) => names.filter((name) => ops.has(name));
writeFileSync(
  join(stored, "tiers.json"),
  `${JSON.stringify({ first: of(tiers.first), second: of(tiers.second) }, null, 2)}\n`,
);
