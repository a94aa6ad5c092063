// A confusion matrix as text, readable without colour: rows are what the sample is, columns what
// the model said, a dot is none. Not here: counting (train/), or the table of a report
// (report-parts.ts).

import { padTo, paintOf, type TextStyle } from "./style.ts";
import { percent } from "./table.ts";

/** Counts of samples: row = true class, column = what the model said. */
export type Matrix = readonly (readonly number[])[];

/**
 * A confusion matrix with the part of each row that is right.
 *
 * @example
 * console.log(drawMatrix([[5, 1], [0, 4]], { labels: ["cat", "dog"] }));
 */
export function drawMatrix(
  matrix: Matrix,
  { labels, ...style }: TextStyle & { labels?: readonly string[] } = {},
): string {
  const paint = paintOf(style);
  const names = labels ?? matrix.map((_, i) => String(i));
  const cells = matrix.map((row) => row.map((n) => (n === 0 ? "." : String(n))));
  const width = Math.max(2, ...cells.flat().map((s) => s.length), ...names.map((n) => n.length));
  const side = Math.max("is".length, ...names.map((name) => name.length));
  const worst = Math.max(1, ...matrix.flatMap((row, r) => row.filter((_, c) => c !== r)));
  const bar = style.unicode ? "│" : "|";
  const dress = (text: string, count: number, isRight: boolean) => {
    if (count === 0) return paint.dim(text);
    if (isRight) return paint.bold(paint.green(text));
    return count * 2 > worst ? paint.bold(paint.red(text)) : paint.yellow(text);
  };
  const lines = matrix.map((row, r) => {
    const shown = row.map((n, c) => dress(padTo(cells[r]![c]!, width, "right"), n, r === c));
    const total = row.reduce((a, b) => a + b, 0);
    const right = total === 0 ? "-" : percent(row[r]! / total);
    return `${padTo(names[r]!, side, "right")} ${bar} ${shown.join(" ")}  ${padTo(right, 7, "right")}`;
  });
  const titles = names.map((name) => padTo(name, width, "right")).join(" ");
  const head = `${padTo("is", side, "right")} ${bar} ${titles}  ${padTo("right", 7, "right")}`;
  const rule = style.unicode ? "─" : "-";
  const cross = style.unicode ? "┼" : "+";
  const line = `${rule.repeat(side + 1)}${cross}${rule.repeat(names.length * (width + 1) + 10)}`;
  const above = `${" ".repeat(side + 3)}${paint.dim("said")}`;
  return [above, head, paint.dim(line), ...lines].join("\n");
}

/** The pairs of classes that are taken for each other most often, the most frequent first. */
export function confusions(
  matrix: Matrix,
  count = 5,
): { readonly is: number; readonly said: number; readonly times: number }[] {
  return matrix
    .flatMap((row, is) => row.map((times, said) => ({ is, said, times })))
    .filter(({ is, said, times }) => is !== said && times > 0)
    .sort((a, b) => b.times - a.times)
    .slice(0, count);
}
