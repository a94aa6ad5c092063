// What `anneal train mnist` prints besides progress: the table of epochs and the digits.
// Not here: the drawings themselves (vis/), or when they are printed (train-mnist.ts).

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

const columns: readonly (Column & { cell: (record: EpochRecord, epochs: number) => string })[] = [
  { title: "epoch", cell: ({ epoch }, epochs) => `${epoch}/${epochs}` },
  { title: "loss", width: 8, cell: ({ loss }) => short(loss) },
  { title: "accuracy", cell: ({ accuracy }) => short(accuracy as number) },
  { title: "val loss", cell: ({ valLoss }) => short(valLoss as number) },
  { title: "val accuracy", cell: ({ valAccuracy }) => short(valAccuracy as number) },
  { title: "lr", width: 8, cell: ({ lr }) => (lr >= 1e-4 ? lr.toFixed(5) : lr.toExponential(1)) },
  { title: "seconds", cell: ({ seconds }) => seconds.toFixed(1) },
  {
    title: "samples/s",
    cell: ({ samplesPerSecond }) => Math.round(samplesPerSecond).toLocaleString("en"),
  },
];

/** The table of epochs, printed as they end. */
export function epochTable({ style }: Terminal): {
  readonly head: string;
  row(record: EpochRecord, epochs: number): string;
} {
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
