// The sections of a report as HTML. Every text from outside goes through escapeHtml.
// Not here: the page around them (report.ts), the charts (report-charts.ts).

import { confusions } from "./matrix.ts";
import { pngDataUrl } from "./picture.ts";
import type { Mistake, ModelTable, ReportRun } from "./report.ts";
import type { Chart } from "./report-charts.ts";
import { percent } from "./table.ts";

/** Text as it must stand in HTML, in attributes too. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

/** Places for the charts, which the page's script fills. */
export function chartSection(charts: readonly Chart[]): string {
  if (charts.length === 0) return "";
  const places = charts.map(({ id, title, wide }) => {
    const caption = `<figcaption>${escapeHtml(title)}</figcaption>`;
    return `<figure${wide ? ' class="wide"' : ""}>${caption}<div id="${id}"></div></figure>`;
  });
  return `<section class="charts">${places.join("")}</section>`;
}

/** The table of epochs: every field that is a number. */
export function historySection(history: readonly Readonly<Record<string, unknown>>[]): string {
  const names = Object.keys(history[0] ?? {}).filter(
    (key) => typeof history[0]?.[key] === "number",
  );
  if (names.length === 0) return "";
  const head = names.map((name) => `<th>${escapeHtml(spelledOut(name))}</th>`).join("");
  const rows = history.map((record) => {
    const cells = names.map((name) => `<td>${escapeHtml(numberText(name, record[name]))}</td>`);
    return `<tr>${cells.join("")}</tr>`;
  });
  return `<section><h2>Epochs</h2>${tableOf("numbers", head, rows)}</section>`;
}

/** A table that scrolls by itself where the page is too narrow for it, or it is too long for the page. */
function tableOf(kind: string, head: string, rows: readonly string[], foot = ""): string {
  const parts = `<thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody>${foot}`;
  return `<div class="scroll"><table class="${kind}">${parts}</table></div>`;
}

/** The confusion matrix: the deeper a cell's colour, the more samples, on a scale of powers. */
export function matrixSection({ matrix, labels }: NonNullable<ReportRun["confusion"]>): string {
  const names = (labels ?? matrix.map((_, i) => String(i))).map(escapeHtml);
  const most = Math.max(1, ...matrix.flat());
  const rows = matrix.map((row, is) => {
    const total = row.reduce((a, b) => a + b, 0);
    const cells = row.map((count, said) => {
      if (count === 0) return '<td class="none">·</td>';
      const depth = Math.round(15 + (75 * Math.log1p(count)) / Math.log1p(most));
      const kind = is === said ? "right" : "wrong";
      const says = `${count} × ${names[is]} taken for ${names[said]}`;
      return `<td class="${kind}" style="--depth:${depth}%" title="${says}">${count}</td>`;
    });
    const right = total === 0 ? "-" : percent(row[is]! / total);
    return `<tr><th>${names[is]}</th>${cells.join("")}<td class="rate">${right}</td></tr>`;
  });
  const head = names.map((name) => `<th><span>${name}</span></th>`).join("");
  const often = confusions(matrix).map(({ is, said, times }) => {
    return `<li><strong>${times}</strong> × ${names[is]} taken for ${names[said]}</li>`;
  });
  const list = often.length > 0 ? `<ol class="often">${often.join("")}</ol>` : "";
  const note =
    "Rows: what it is. Columns: what the model said. Right: how much of the row is right.";
  const kind = names.length > 16 ? "matrix dense" : "matrix"; // its columns are named upright
  const shown = tableOf(kind, `<th></th>${head}<th class="rate">right</th>`, rows);
  const title = `<h2>Confusion matrix</h2><p class="note">${note}</p>`;
  return `<section>${title}<div class="pair">${shown}${list}</div></section>`;
}

/** The worst mistakes as pictures. */
export function mistakeSection(mistakes: readonly Mistake[]): string {
  if (mistakes.length === 0) return "<section><h2>Mistakes</h2><p>None.</p></section>";
  const cards = mistakes.map(({ picture, truth, said, probability }) => {
    const [is, says] = [escapeHtml(truth), escapeHtml(said)];
    const sure = percent(probability);
    const alt = `a ${is}, taken for a ${says}`;
    const img = `<img src="${pngDataUrl(picture)}" alt="${alt}" width="84" height="84">`;
    return `<li>${img}<span><b>${says}</b> ${sure}</span><span>is <b>${is}</b></span></li>`;
  });
  const note = "Wrong, and most sure of it: what the model said, how sure it was, and what it is.";
  const title = `<h2>Worst mistakes</h2><p class="note">${note}</p>`;
  return `<section>${title}<ul class="mistakes">${cards.join("")}</ul></section>`;
}

/** Pictures that are SVG already, two in a row. */
export function drawingSection(drawings: NonNullable<ReportRun["drawings"]>): string {
  const figures = drawings.map(({ title, svg }) => {
    return `<figure><figcaption>${escapeHtml(title)}</figcaption>${svg}</figure>`;
  });
  return `<section class="charts">${figures.join("")}</section>`;
}

/** The layers of the model. */
export function modelSection({ rows, total, bytes }: ModelTable): string {
  const lines = rows.map(({ name, kind, outputShape, parameters }) => {
    const depth = name === "" ? 0 : name.split(".").length;
    const shape = outputShape ? `[${outputShape.slice(1).join(", ")}]` : "-";
    const count = parameters > 0 ? grouped(parameters) : "-";
    const label = name === "" ? escapeHtml(kind) : `${escapeHtml(name)} <i>${escapeHtml(kind)}</i>`;
    const cell = `<td style="padding-left:${0.6 + 1.2 * depth}em">${label}</td>`;
    return `<tr>${cell}<td>${shape}</td><td>${count}</td></tr>`;
  });
  const size = `${(bytes / 1e6).toFixed(2)} MB`;
  const head = "<th>layer</th><th>output of a sample</th><th>parameters</th>";
  const sums = `<td>total</td><td>${size}</td><td>${grouped(total)}</td>`;
  const shown = tableOf("model", head, lines, `<tfoot><tr>${sums}</tr></tfoot>`);
  return `<section><h2>Model</h2>${shown}</section>`;
}

/** Named lists of facts, side by side. */
export function factSection(
  lists: readonly (readonly [string, Readonly<Record<string, unknown>>])[],
): string {
  const parts = lists.flatMap(([title, facts]) => {
    const known = Object.entries(facts).filter(
      ([, value]) => value !== undefined && value !== null,
    );
    if (known.length === 0) return [];
    const items = known.map(([name, value]) => {
      return `<dt>${escapeHtml(spelledOut(name))}</dt><dd>${escapeHtml(factText(value))}</dd>`;
    });
    return [`<section><h2>${escapeHtml(title)}</h2><dl>${items.join("")}</dl></section>`];
  });
  return parts.length > 0 ? `<div class="facts-grid">${parts.join("")}</div>` : "";
}

function factText(value: unknown): string {
  return typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}

/** `valLoss` as `validation loss`, `samplesPerSecond` as `samples per second`. */
export function spelledOut(name: string): string {
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  return words.replace(/^val /, "validation ").replace(/^lr$/, "learning rate");
}

function numberText(name: string, value: unknown): string {
  if (typeof value !== "number") return "-";
  if (Number.isInteger(value)) return grouped(value);
  if (/^seconds|perSecond$/i.test(name))
    return value < 100 ? value.toFixed(1) : grouped(Math.round(value));
  const size = Math.abs(value);
  return size >= 0.001 && size < 1e6 ? value.toFixed(4) : value.toExponential(2);
}

function grouped(n: number): string {
  return n.toLocaleString("en");
}
