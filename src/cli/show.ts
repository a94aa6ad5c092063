// What `anneal train` prints besides progress: the table of epochs, and MNIST's digits.
// Not here: the drawings themselves (vis/), or when they are printed (train.ts).

import { type EpochRecord, short } from "../train/index.ts";
import {
  beside,
  type Column,
  drawDigit,
  drawMatrix,
  percent,
  type TableWriter,
  tableWriter,
} from "../vis/index.ts";
import type { Terminal } from "./terminal.ts";
import type { Answer, TestResult } from "./test-result.ts";

type EpochColumn = Column & { cell: (record: EpochRecord, epochs: number) => string };

const capital = (name: string) => `${name[0]?.toUpperCase()}${name.slice(1)}`;

/** A measured quantity; what a run has not measured stays empty. */
function measured(title: string, field: string, width?: number): EpochColumn {
  const cell = (record: EpochRecord) => {
    const value = record[field];
    return typeof value === "number" ? short(value) : "";
  };
  return { title, ...(width === undefined ? {} : { width }), cell };
}

function columnsOf(metrics: readonly string[]): EpochColumn[] {
  return [
    { title: "epoch", cell: ({ epoch }, epochs) => `${epoch}/${epochs}` },
    measured("loss", "loss", 8),
    ...metrics.map((name) => measured(name, name, 8)),
    measured("val loss", "valLoss"),
    ...metrics.map((name) => measured(`val ${name}`, `val${capital(name)}`)),
    { title: "lr", width: 8, cell: ({ lr }) => (lr >= 1e-4 ? lr.toFixed(5) : lr.toExponential(1)) },
    { title: "seconds", cell: ({ seconds }) => seconds.toFixed(1) },
    {
      title: "samples/s",
      cell: ({ samplesPerSecond }) => Math.round(samplesPerSecond).toLocaleString("en"),
    },
  ];
}

/** The table of epochs, printed as they end, with a column for each metric. */
export function epochTable(
  { style }: Terminal,
  metrics: readonly string[],
): {
  readonly head: string;
  row(record: EpochRecord, epochs: number): string;
} {
  const columns = columnsOf(metrics);
  const right = columns.map(({ cell: _, ...column }) => ({ align: "right" as const, ...column }));
  const writer: TableWriter = tableWriter(right, style);
  return {
    head: writer.head,
    row: (record, epochs) => writer.row(columns.map(({ cell }) => cell(record, epochs))),
  };
}

/** The confusion matrix, a row of test digits, and a row of mistakes. */
export function showResult({ matrix, answers, mistakes }: TestResult, terminal: Terminal): string {
  const { style } = terminal;
  const most = Math.max(1, Math.floor((Math.min(terminal.columns, 120) + 2) / (24 + 2)));
  const parts = [drawMatrix(matrix, style)];
  parts.push("", digitRow(answers.slice(0, most), terminal));
  if (mistakes.length > 0) {
    const count = `${mistakes.length} of ${answers.length.toLocaleString("en")} wrong`;
    parts.push("", `${count}; the surest:`, digitRow(mistakes.slice(0, most), terminal));
  }
  return parts.join("\n");
}

function digitRow(answers: readonly Answer[], { style }: Terminal): string {
  const blocks = answers.map((answer) => {
    const picture = { pixels: answer.pixels, rows: 28, cols: 28 };
    return `${drawDigit(picture, { ...style, margin: 2 })}\n${caption(answer)}`;
  });
  return beside(blocks);
}

/** `says 7 (99.9 %)`, and what it is where that is something else. */
function caption({ truth, said, probability }: Answer): string {
  const says = `says ${said} (${percent(probability)})`;
  return truth === said ? says : `${says}, is ${truth}`;
}
