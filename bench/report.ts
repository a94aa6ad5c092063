// How results are shown in the terminal or a pipe: plain text, no escape codes. Figures come ready from
// results.ts; nothing is computed here but formats. Not here: the page (report-page.ts).
import { barsOf } from "./bars.ts";
import { WARM_UP } from "./measure.ts";
import { type Entry, type Machine, type Results, type Row, timed } from "./results.ts";
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
export function tableOf(row: Row): string[][] {
  const lines = entriesOf(row).flatMap(([name, entry]) =>
    "why" in entry ? [] : [cells(name, entry, row)],
  );
  return lines.length ? [HEAD, UNITS, ...lines] : [];
}

/** Anneal first, in its other forms, then the peers; not the best of each framework, which are among them. */
function entriesOf(row: Row): [string, Entry][] {
  const peers = Object.entries(row.peers).filter(([name]) => /\d$/.test(name));
  const kin = Object.entries(row.variants);
  return row.anneal ? [[`anneal${row.threads}`, row.anneal], ...kin, ...peers] : [...kin, ...peers];
}

function cells(name: string, entry: Exclude<Entry, { why: string }>, row: Row): string[] {
  const base = timed(row.peers.torch)?.median;
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
export function remarks(row: Row): string[] {
  const lines = entriesOf(row).flatMap(([name, entry]) =>
    "why" in entry ? [`${name} has no figure: ${entry.why}`] : [],
  );
  if (row.compileMs !== null) lines.push(`Anneal compiled for ${figure(row.compileMs)} ms.`);
  if (row.ofTile !== null) {
    lines.push(`Anneal reached ${percent(row.ofTile)} of the register tile's speed.`);
  }
  if (row.scaling !== null && row.machineScaling !== null) {
    const machine = row.machineScaling.toFixed(2);
    lines.push(`Anneal is ${row.scaling.toFixed(2)} times its one thread; the machine ${machine}.`);
  }
  if (row.busy !== null) {
    lines.push(`Beside a busy process: ${row.busy.toFixed(2)} of its one thread's time alone.`);
  }
  if (row.ratio !== null) {
    const best = row.ratioBest === null ? "" : `, ÷ best peer ${row.ratioBest.toPrecision(3)}`;
    lines.push(`Anneal ÷ PyTorch ${row.ratio.toPrecision(3)}${best}`);
  }
  lines.push(lossText(row));
  return lines;
}

export function lossText(row: Row): string {
  if (row.lossesAgree === null) return "Losses were not compared: fewer than two peers ran.";
  const training = "net" in workloads[row.work]!;
  const gaps = entriesOf(row).flatMap(([name, entry]) => {
    if (entry.lossDifference === undefined) return [];
    const short = training && entry.lossSteps! < WARM_UP ? ` in ${entry.lossSteps} steps` : "";
    return [`${name} ${entry.lossDifference.toExponential(0)}${short}`];
  });
  const what = training ? `Losses of the first ${WARM_UP} steps` : "Results";
  const verdict = row.lossesAgree ? "agree" : "DIFFER";
  return `${what} ${verdict}; relative differences at most: ${gaps.join(", ")}.`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

/** Three significant digits, without an exponent; a dash where there is no figure. */
export function figure(value: number | null | undefined): string {
  if (value === undefined || value === null) return "–";
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
    ...(machine.runs ? [`  pieced together from ${machine.runs} runs (see --from)`] : []),
    ...Object.entries(machine.versions).map(([name, version]) => `  ${name}: ${version}`),
    `  calibration bursts: median ${figure(c.median)} GFLOP/s (${figure(c.min)} to ${figure(c.max)})`,
  ].join("\n");
}

/** The bars, one a line. */
export function barsText(report: Results): string {
  const verdict = (ok: boolean | null) => (ok === null ? "–" : ok ? "reached" : "MISSED");
  const table = barsOf(report).map((b) => [b.what, b.limit, verdict(b.ok), b.reached]);
  const widths = [0, 1, 2].map((c) => Math.max(...table.map((line) => line[c]!.length)));
  return table
    .map((line) => `  ${line.map((cell, c) => cell.padEnd(widths[c] ?? 0)).join("  ")}`.trimEnd())
    .join("\n");
}
