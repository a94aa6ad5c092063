// The table of figures: what a model reaches, beside a simple baseline and what others have
// published; for a report and for a terminal. Not here: how figures are measured (metrics/).

import { escapeHtml } from "./report-parts.ts";
import type { TextStyle } from "./style.ts";
import { table } from "./table.ts";

/** A figure with what to hold it against. Numbers are shown with three decimals, texts as they are. */
export interface Figure {
  /** What is measured: `test accuracy`. */
  readonly name: string;
  readonly value: string | number;
  /** What something simple reaches on the same data: `0.845 (nearest mean)`. */
  readonly baseline?: string | number | undefined;
  /** What others reach. */
  readonly published?: string | number | undefined;
  /** Who they are, and what is different there. */
  readonly source?: string | undefined;
}

const columns = [
  ["figure", "name"],
  ["here", "value"],
  ["baseline", "baseline"],
  ["published", "published"],
  ["source", "source"],
] as const;

/** Columns that some figure has, and the cells of each row. */
function cellsOf(figures: readonly Figure[]) {
  const known = columns.filter(([, key]) => figures.some((figure) => figure[key] !== undefined));
  const rows = figures.map((figure) => known.map(([, key]) => shown(figure[key])));
  return { known, rows };
}

/**
 * Figures as a table of text.
 *
 * @example
 * console.log(drawFigures([{ name: "accuracy", value: 0.921, baseline: "0.677 (nearest mean)" }]));
 */
export function drawFigures(figures: readonly Figure[], style: TextStyle = {}): string {
  const { known, rows } = cellsOf(figures);
  return table(
    known.map(([title]) => ({ title })),
    rows,
    style,
  );
}

/** Figures as a section of a report. */
export function figureSection(figures: readonly Figure[]): string {
  if (figures.length === 0) return "";
  const { known, rows } = cellsOf(figures);
  const head = known.map(([title]) => `<th>${title}</th>`).join("");
  const lines = rows.map((cells) => {
    const shown = cells.map((cell, c) => {
      const tag = known[c]![1] === "value" ? "strong" : "span";
      return `<td><${tag}>${escapeHtml(cell || "-")}</${tag}></td>`;
    });
    return `<tr>${shown.join("")}</tr>`;
  });
  const parts = `<thead><tr>${head}</tr></thead><tbody>${lines.join("")}</tbody>`;
  const shownTable = `<div class="scroll"><table class="figures">${parts}</table></div>`;
  return `<section><h2>Figures</h2>${shownTable}</section>`;
}

function shown(value: string | number | undefined): string {
  if (typeof value !== "number") return value ?? "";
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(3);
}
