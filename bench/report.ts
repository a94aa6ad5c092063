// How results are shown: tables for the terminal or a pipe (plain text, no escape codes) and the
// page docs/benchmarks.md. Figures come ready from results.ts; nothing is computed here but formats.
import { WARM_UP } from "./measure.ts";
import type { Entry, Machine, Results, Row } from "./results.ts";
import { describe, workloads } from "./workloads.ts";

const HEAD = ["peer", "median", "quartiles", "min", "÷ torch", "first step", "20 steps", "peak"];
const UNITS = ["", "ms", "ms", "ms", "", "ms", "ms", "MB"];

/** The table of one row: a line for Anneal and one for each peer. */
export function rowText(row: Row): string {
  const threads = `${row.threads} thread${row.threads === 1 ? "" : "s"}`;
  const title = `${row.work}: ${describe(workloads[row.work]!)}; ${threads}`;
  return [title, ...columns(tableOf(row)), ...remarks(row).map((line) => `  ${line}`), ""].join(
    "\n",
  );
}

/** Lines for whoever was timed, under a head and the units. */
function tableOf(row: Row): string[][] {
  const lines = entriesOf(row).flatMap(([name, entry]) =>
    "why" in entry ? [] : [cells(name, entry, row)],
  );
  return lines.length ? [HEAD, UNITS, ...lines] : [];
}

/** Anneal first, then the peers; not the best of each framework, which are among them. */
function entriesOf(row: Row): [string, Entry][] {
  const peers = Object.entries(row.peers).filter(([name]) => /\d$/.test(name));
  return row.anneal ? [[`anneal${row.threads}`, row.anneal], ...peers] : peers;
}

function cells(name: string, entry: Exclude<Entry, { why: string }>, row: Row): string[] {
  const torch = row.peers.torch;
  const base = torch && !("why" in torch) ? torch.median : undefined;
  return [
    name,
    figure(entry.median),
    `${figure(entry.q1)}–${figure(entry.q3)}`,
    figure(entry.min),
    base ? (entry.median / base).toPrecision(3) : "–",
    figure(entry.firstStepMs),
    figure(entry.first20Ms),
    figure(entry.peakMb),
  ];
}

/** Sentences below the table: who could not run, compile time, and the comparison of losses. */
function remarks(row: Row): string[] {
  const lines = entriesOf(row).flatMap(([name, entry]) =>
    "why" in entry ? [`${name} has no figure: ${entry.why}`] : [],
  );
  if (row.compileMs !== null) lines.push(`Anneal compiled for ${figure(row.compileMs)} ms.`);
  if (row.ratio !== null) {
    const best = row.ratioBest === null ? "" : `, ÷ best peer ${row.ratioBest.toPrecision(3)}`;
    lines.push(`Anneal ÷ PyTorch ${row.ratio.toPrecision(3)}${best}`);
  }
  lines.push(lossText(row));
  return lines;
}

function lossText(row: Row): string {
  if (row.lossesAgree === null) return "Losses were not compared: fewer than two peers ran.";
  const { kind } = workloads[row.work]!;
  const training = kind === "train" || kind === "infer";
  const gaps = entriesOf(row).flatMap(([name, entry]) => {
    if (entry.lossDifference === undefined) return [];
    const short = training && entry.lossSteps! < WARM_UP ? ` in ${entry.lossSteps} steps` : "";
    return [`${name} ${entry.lossDifference.toExponential(0)}${short}`];
  });
  const what = training ? `Losses of the first ${WARM_UP} steps` : "Results";
  const verdict = row.lossesAgree ? "agree" : "DIFFER";
  return `${what} ${verdict}; relative differences at most: ${gaps.join(", ")}.`;
}

/** Three significant digits, without an exponent; a dash where there is no figure. */
export function figure(value: number | undefined): string {
  if (value === undefined) return "–";
  if (value >= 100) return value.toFixed(0);
  return value === 0
    ? "0"
    : value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
}

/** Aligns cells: names to the left, figures to the right. */
function columns(table: string[][]): string[] {
  const widths = (table[0] ?? []).map((_, c) => Math.max(...table.map((line) => line[c]!.length)));
  return table.map((line) =>
    `  ${line.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join("  ")}`.trimEnd(),
  );
}

/** What was measured on what, in a few lines. */
export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGb, platform, node, calibration: c } = machine;
  return [
    `${cpu}, ${cores} cores, ${memoryGb} GB, ${platform}, Node ${node}, ${machine.date}`,
    ...Object.entries(machine.versions).map(([name, version]) => `  ${name}: ${version}`),
    `  calibration bursts: median ${figure(c.median)} GFLOP/s (${figure(c.min)} to ${figure(c.max)})`,
  ].join("\n");
}

const PREFACE = `# Benchmarks

This page is written by \`npm run bench -- --write-docs\`; a run without that option leaves it alone.

\`npm run bench\` trains and computes the same things with Anneal and with its peers, on this
machine, in one go. On the first run it installs the JavaScript peers into \`bench/\`; PyTorch comes
from Debian (\`apt-get install python3-torch libopenblas0-openmp\`, or \`npm run bench -- --setup\` as
root). A peer that is not there is left out with a sentence.

| option | meaning |
|---|---|
| \`--only NAME,…\` | only these workloads |
| \`--peers NAME,…\` | only these peers: \`anneal\`, \`torch\`, \`tfjs\`, \`jax-js\`, or one process such as \`torch1\` |
| \`--threads N,…\` | Anneal's thread counts; peers run with one and with the largest (default 2) |
| \`--rounds N\` | turns that every peer takes (default 9) |
| \`--json FILE\` | the figures as JSON |
| \`--setup\` | install the peers, then stop |
| \`--write-docs\` | write this page |

## How it is measured

- Every peer is a process of its own, with its own best settings. It gets the same network, the same
  initial weights and the same batches, all from one seeded generator. A training step takes fresh
  inputs from host arrays and gives its loss back to the host, both inside the timed region; a bare
  operation runs on operands that already belong to the framework.
- The losses of the first 20 steps are compared with PyTorch's (of a bare operation, a weighted mean
  square of the result). If they differ, the run fails.
- After these 20 steps the peers take turns (A B A B …), with a burst of a known kernel between
  turns, because a machine's own speed changes from moment to moment. The median is over turns that
  lie between two fast bursts if there are at least three such turns, else over all.
- *First step* counts from the start of the process, imports included; *20 steps* from the start of
  the first step. *Peak* is the largest memory of the process less what it held after its imports.
- PyTorch's allocator is told to keep freed memory rather than return it at every step: faster, and
  a part of its peak.
- tfjs has no threads in Node. jax-js has them only where the browser's \`Worker\` exists; \`jax-js2\`
  gives it one made of Node's worker threads.
`;

/** The whole page. */
export function pageText({ machine, results }: Results): string {
  const parts = [PREFACE, "## Results\n"];
  if (results.length === 0) parts.push("No run has been recorded yet.\n");
  else parts.push(`\`\`\`\n${machineText(machine)}\n\`\`\`\n`);
  for (const row of results) {
    const threads = `${row.threads} thread${row.threads === 1 ? "" : "s"}`;
    parts.push(`### ${row.work}, ${threads}\n\n${describe(workloads[row.work]!)}\n`);
    const [head, units, ...lines] = tableOf(row);
    if (head) {
      const names = head.map((name, i) => (units![i] ? `${name} (${units![i]})` : name));
      const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
      parts.push(`${[names, rule, ...lines].map((l) => `| ${l.join(" | ")} |`).join("\n")}\n`);
    }
    parts.push(
      `${remarks(row)
        .map((line) => `- ${line}`)
        .join("\n")}\n`,
    );
  }
  return parts.join("\n");
}
