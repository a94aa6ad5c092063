// The page docs/benchmarks.md: how it is measured, the bars, overviews, and a table for each workload.
// Figures come ready from results.ts and bars.ts; nothing is computed here but formats.
import { barsOf } from "./bars.ts";
import { BARS, OVERVIEW, PREFACE, VARIANTS } from "./page-text.ts";
import { figure, machineText, remarks, tableOf } from "./report.ts";
import { type Results, type Row, timed } from "./results.ts";
import { describe, workloads } from "./workloads.ts";

/** The frameworks of the overview, with their heads. */
const PEERS: Record<string, string> = {
  torch: "PyTorch 1.13",
  "torch-new": "PyTorch 2",
  "torch-compile": "torch.compile",
  jax: "JAX",
  onnxruntime: "ONNX Runtime",
  tfjs: "tfjs",
  "jax-js": "jax-js",
};

/** The whole page. */
export function pageText(report: Results): string {
  const { machine, results } = report;
  if (results.length === 0) return `${PREFACE}\n## Results\n\nNo run has been recorded yet.\n`;
  return [
    PREFACE,
    `## Machine\n\n\`\`\`\n${machineText(machine)}\n\`\`\`\n`,
    `## Bars\n\n${BARS}\n\n${bars(report)}\n`,
    `## Overview\n\n${OVERVIEW}\n\n${overview(results)}\n`,
    ...variants(results),
    "## Workloads\n",
    ...results.map(details),
  ].join("\n");
}

function bars(report: Results): string {
  const verdict = (ok: boolean | null) => (ok === null ? "–" : ok ? "yes" : "**no**");
  const lines = barsOf(report).map((b) => [b.what, b.limit, b.reached, verdict(b.ok)]);
  return table([["what", "bar", "this run (worst of several)", "reached"], ...lines], "ll-");
}

function overview(results: Row[]): string {
  const present = Object.keys(PEERS).filter((name) => results.some((row) => row.peers[name]));
  const heads = ["workload", "threads", "Anneal", ...present.map((name) => PEERS[name]!)];
  const lines = results.map((row) => [
    row.work,
    String(row.threads),
    figure(timed(row.anneal)?.median),
    ...present.map((name) => figure(timed(row.peers[name])?.median)),
    figure(row.ratio),
    figure(row.ratioBest),
  ]);
  return table([[...heads, "ratio", "ratioBest"], ...lines]);
}

/** Strict mode and other runtimes, where any was measured. */
function variants(results: Row[]): string[] {
  const rows = results.filter((row) => Object.keys(row.variants).length > 0);
  if (rows.length === 0) return [];
  const familyOf = (name: string) => name.replace(/(-t)?\d+$/, "");
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.variants).map(familyOf)))];
  const cell = (row: Row, name: string) => {
    const found = Object.entries(row.variants).find(([key]) => familyOf(key) === name)?.[1];
    return figure(timed(found)?.median);
  };
  const lines = rows.map((row) => [
    row.work,
    String(row.threads),
    figure(timed(row.anneal)?.median),
    ...names.map((name) => cell(row, name)),
  ]);
  const heads = names.map((name) => (name === "anneal-strict" ? "strict" : name));
  const body = table([["workload", "threads", "Anneal", ...heads], ...lines]);
  return [`## Strict mode and other runtimes\n\n${VARIANTS}\n\n${body}\n`];
}

function details(row: Row): string {
  const threads = `${row.threads} thread${row.threads === 1 ? "" : "s"}`;
  const [head, units, ...lines] = tableOf(row);
  const names = head?.map((name, i) => (units![i] ? `${name} (${units![i]})` : name));
  const body = names ? [`${table([names, ...lines])}\n`] : [];
  return [
    `### ${row.work}, ${threads}\n\n${describe(workloads[row.work]!)}\n`,
    ...body,
    `${remarks(row)
      .map((line) => `- ${line}`)
      .join("\n")}\n`,
  ].join("\n");
}

/** A table of Markdown: the first column to the left, the rest as `align` says, else to the right. */
function table([head, ...lines]: string[][], align = "l"): string {
  const rule = head!.map((_, i) =>
    (align[i] ?? (align.length > 1 ? "l" : "r")) === "r" ? "---:" : "---",
  );
  return [head!, rule, ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
