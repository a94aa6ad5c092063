// What `anneal train` prints besides progress: the table of epochs.
// Not here: what a recipe shows of its result, or when it is printed (train.ts).

import type { Terminal } from "../recipe/index.ts";
import { type EpochRecord, short } from "../train/index.ts";
import { type Column, type TableWriter, tableWriter } from "../vis/index.ts";

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
