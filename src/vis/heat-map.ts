// heatMap: a table of numbers from 0 to 1 as an SVG picture of shaded cells between two lists of
// words, such as what a translation looked at. It needs nothing else and follows the reader's light
// or dark mode.
// Not here: matrices as text (matrix.ts).

import { ArgumentError } from "../util/errors.ts";
import { escapeHtml } from "./report-parts.ts";

export interface HeatMap {
  /** A word for each row. */
  readonly rows: readonly string[];
  /** A word for each column. */
  readonly columns: readonly string[];
  /** From 0 to 1, row by row. */
  readonly values: ArrayLike<number>;
  readonly title?: string | undefined;
}

const cell = 28;
const letter = 8.2;

const css = `
svg { --ink: #1d1c1a; --quiet: #6b675f; --rule: #e4e0d8; --heat: #2f6fce; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e8e6e1; --quiet: #9c9a94; --rule: #34363a; --heat: #6ea8fe; }
}
text { font: 13px system-ui, sans-serif; fill: var(--ink); }
.title { font-size: 15px; font-weight: 600; }
.cell { fill: var(--heat); }
.frame { fill: none; stroke: var(--rule); }
`;

/**
 * Shaded cells as the text of an SVG file. Throws ArgumentError for another number of values.
 *
 * @example
 * await writeFile("attention.svg", heatMap({ rows: said, columns: read, values: weights }));
 */
export function heatMap({ rows, columns, values, title = "" }: HeatMap): string {
  if (rows.length * columns.length !== values.length || values.length === 0) {
    const what = `${values.length} values for ${rows.length} rows and ${columns.length} columns`;
    throw new ArgumentError("heatMap", what);
  }
  const longest = (words: readonly string[]) =>
    letter * words.reduce((most, word) => Math.max(most, word.length), 1);
  const left = 16 + longest(rows);
  const top = (title ? 40 : 16) + 0.75 * longest(columns);
  const width = Math.max(left + cell * columns.length + 0.7 * longest(columns), 320);
  const height = top + cell * rows.length + 16;
  const marks = rows.map((word, r) => {
    const y = top + cell * r;
    const shades = columns.map((column, c) => {
      const value = Math.min(1, Math.max(0, Number(values[r * columns.length + c]) || 0));
      const tip = `${word} ← ${column}: ${value.toFixed(3)}`;
      const place = `x="${left + cell * c}" y="${y}" width="${cell}" height="${cell}"`;
      const box = `<rect class="cell" ${place} fill-opacity="${value.toFixed(3)}">`;
      return `${box}<title>${escapeHtml(tip)}</title></rect>`;
    });
    const label = text(left - 8, y + cell / 2 + 4, word, 'text-anchor="end"');
    return [label, ...shades].join("\n");
  });
  const heads = columns.map((word, c) => {
    const [x, y] = [left + cell * (c + 0.5) + 4, top - 8];
    return text(x, y, word, `transform="rotate(-45 ${x} ${y})"`);
  });
  const size = `x="${left}" y="${top}" width="${cell * columns.length}" height="${cell * rows.length}"`;
  const box = `viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${box} width="${Math.ceil(width)}">`,
    `<style>${css}</style>`,
    title ? text(16, 24, title, 'class="title"') : "",
    ...heads,
    ...marks,
    `<rect class="frame" ${size}/>`,
    "</svg>\n",
  ].join("\n");
}

function text(x: number, y: number, words: string, more: string): string {
  return `<text x="${x}" y="${y}" ${more}>${escapeHtml(words)}</text>`;
}
