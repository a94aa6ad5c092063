// Tables and bars as text. Not here: confusion matrices (matrix.ts), curves (series.ts).

import { padTo, paintOf, type TextStyle, widthOf } from "./style.ts";

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Where the cells stand; numbers belong to the right. */
  readonly align?: "left" | "right" | undefined;
  /** At least so many cells wide: for tables that are printed row by row. */
  readonly width?: number | undefined;
}

/** A table whose rows can be printed one by one, as they come. */
export interface TableWriter {
  /** The titles and a line below them. */
  readonly head: string;
  row(cells: readonly string[]): string;
}

/**
 * A table that is printed as it grows: its columns are as wide as they say, or as their titles.
 *
 * @example
 * const writer = tableWriter([{ title: "epoch" }, { title: "loss", align: "right", width: 8 }]);
 * console.log(writer.head);
 * console.log(writer.row(["1", "0.2410"]));
 */
export function tableWriter(columns: readonly Column[], style: TextStyle = {}): TableWriter {
  const paint = paintOf(style);
  const widths = columns.map(({ title, width = 0 }) => Math.max(widthOf(title), width));
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align = "left" }, i) => padTo(cells[i] ?? "", widths[i]!, align))
      .join("  ")
      .trimEnd();
  const rule = (style.unicode ? "─" : "-").repeat(
    widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1)),
  );
  const titles = line(columns.map(({ title }) => title));
  return { head: `${paint.bold(titles)}\n${paint.dim(rule)}`, row: line };
}

/** A whole table: columns as wide as their widest cell. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: TextStyle = {},
): string {
  const fitted = columns.map((column, i) => {
    const widths = rows.map((cells) => widthOf(cells[i] ?? ""));
    return { ...column, width: Math.max(column.width ?? 0, ...widths) };
  });
  const writer = tableWriter(fitted, style);
  return [writer.head, ...rows.map((cells) => writer.row(cells))].join("\n");
}

/** Names and what belongs to them, one a line, the names in a column of their own. */
export function facts(
  pairs: readonly (readonly [string, string])[],
  style: TextStyle = {},
): string {
  const paint = paintOf(style);
  const width = Math.max(0, ...pairs.map(([name]) => widthOf(name)));
  return pairs.map(([name, text]) => `${paint.dim(padTo(name, width))}  ${text}`).join("\n");
}

/** One bar of a bar chart; values from 0 to 1. */
export interface Bar {
  readonly label: string;
  readonly value: number;
  /** What stands behind the bar; the value in percent without it. */
  readonly text?: string | undefined;
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/**
 * Values from 0 to 1 as horizontal bars, one a line; the longest is bold.
 *
 * @example
 * console.log(bars([{ label: "3", value: 0.9 }, { label: "5", value: 0.1 }], { unicode: true }));
 */
export function bars(
  items: readonly Bar[],
  { width = 30, ...style }: TextStyle & { width?: number } = {},
): string {
  const paint = paintOf(style);
  const labels = Math.max(0, ...items.map(({ label }) => widthOf(label)));
  const most = Math.max(...items.map(({ value }) => value));
  return items
    .map(({ label, value, text = percent(value) }) => {
      const bar = padTo(barOf(value, width, style), width);
      const best = value === most;
      const name = padTo(label, labels, "right");
      return `${best ? paint.bold(name) : name}  ${paint.cyan(bar)}  ${best ? paint.bold(text) : text}`;
    })
    .join("\n");
}

function barOf(value: number, width: number, { unicode = false }: TextStyle): string {
  const part = Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0;
  if (!unicode) return "#".repeat(Math.round(part * width));
  const cells = Math.round(part * width * 8);
  return "█".repeat(cells >> 3) + eighths[cells & 7]!;
}

/** A part of 1 as percent, `99.3 %`; never rounded up to certainty. */
export function percent(part: number): string {
  if (!Number.isFinite(part)) return String(part);
  const tenths = part < 1 ? Math.min(999, Math.round(part * 1000)) : 1000;
  return `${(tenths / 10).toFixed(1)} %`;
}
