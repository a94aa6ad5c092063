// lineChart: a few series over one axis as an SVG picture that needs nothing else and follows the
// reader's light or dark mode. Not here: charts that answer the mouse (report-charts.ts), series as
// text (series.ts).

import { ArgumentError } from "../util/errors.ts";
import { escapeHtml } from "./report-parts.ts";

/** One line: its points are (x[i], y[i]); without x, (i, y[i]). What is no finite number leaves
 * a gap. */
export interface Line {
  readonly label: string;
  readonly y: readonly number[];
  readonly x?: readonly number[] | undefined;
  /** Points that nothing links. */
  readonly dots?: boolean | undefined;
}

export interface LineChartOptions {
  readonly title?: string | undefined;
  /** What the axes count. */
  readonly x?: string | undefined;
  readonly y?: string | undefined;
  /** Equal factors are equal heights; what is not above 0 leaves a gap. */
  readonly log?: boolean | undefined;
  /** The same for x. */
  readonly logX?: boolean | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

interface Scale {
  readonly least: number;
  readonly most: number;
  readonly ticks: readonly number[];
}

const css = `
svg { --ink: #1d1c1a; --quiet: #6b675f; --rule: #e4e0d8; --paper: #ffffff;
  --c0: #2f6fce; --c1: #d9731a; --c2: #2e8b6f; --c3: #8a5fbf; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e8e6e1; --quiet: #9c9a94; --rule: #34363a; --paper: #1f2124;
    --c0: #6ea8fe; --c1: #f2a65a; --c2: #5cc2a0; --c3: #b794e6; }
}
text { font: 13px system-ui, sans-serif; fill: var(--quiet); }
.title { font-size: 15px; font-weight: 600; fill: var(--ink); }
.label { fill: var(--ink); }
.rule { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
`;

const colors = 4;
const margin = { left: 68, right: 20, top: 64, bottom: 46 };

/**
 * A chart of lines as the text of an SVG file.
 *
 * @example
 * await writeFile("loss.svg", lineChart([{ label: "training", y: losses }], { log: true, x: "step"
 * }));
 */
export function lineChart(lines: readonly Line[], options: LineChartOptions = {}): string {
  const { title = "", x = "", y = "", log = false, logX = false } = options;
  const { width = 720, height = 400 } = options;
  const points = lines.map((line) => pointsOf(line, log, logX));
  const all = points.flat().filter((p) => p !== null);
  if (all.length === 0) throw new ArgumentError("lineChart", "there is no point to draw");
  const across = (logX ? powerScale : linearScale)(all.map((p) => p[0]));
  const up = (log ? powerScale : linearScale)(all.map((p) => p[1]));
  const inner = {
    width: width - margin.left - margin.right,
    height: height - margin.top - margin.bottom,
  };
  const placeX = (v: number) => margin.left + part(across, v) * inner.width;
  const placeY = (v: number) => margin.top + (1 - part(up, v)) * inner.height;
  const bottom = margin.top + inner.height;
  const shown = (v: number, power: boolean) => numberText(power ? 10 ** v : v);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<style>${css}</style>`,
    `<rect width="${width}" height="${height}" fill="var(--paper)"/>`,
    text(margin.left, 24, title, "title"),
    ...legend(lines),
    ...up.ticks.map((v) => rule(margin.left, placeY(v), width - margin.right, placeY(v))),
    ...up.ticks.map((v) => text(margin.left - 8, placeY(v) + 4, shown(v, log), "", "end")),
    ...across.ticks.map((v) => text(placeX(v), bottom + 18, shown(v, logX), "", "middle")),
    text(margin.left + inner.width / 2, height - 8, x, "", "middle"),
    `<g transform="rotate(-90)">${text(-(margin.top + inner.height / 2), 16, y, "", "middle")}</g>`,
    ...points.map((list, i) => (lines[i]!.dots ? cloud : path)(list, i, placeX, placeY)),
    "</svg>\n",
  ].join("\n");
}

type Point = readonly [number, number] | null;

function pointsOf({ label, x, y }: Line, log: boolean, logX: boolean): Point[] {
  if (x !== undefined && x.length !== y.length) {
    const detail = `"${label}" has ${x.length} x and ${y.length} y`;
    throw new ArgumentError("lineChart", detail);
  }
  return y.map((value, i) => {
    const point = [placed(x?.[i] ?? i, logX), placed(value, log)] as const;
    return point.every(Number.isFinite) ? point : null;
  });
}

function placed(value: number, log: boolean): number {
  if (!log) return value;
  return value > 0 ? Math.log10(value) : Number.NaN;
}

// --- scales
// -------------------------------------------------------------------------------------------

function part({ least, most }: Scale, value: number): number {
  return most > least ? (value - least) / (most - least) : 0.5;
}

/** From the least to the greatest value, a little more, with ticks at round numbers. */
function linearScale(values: readonly number[]): Scale {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (least === most) return { least: least - 1, most: most + 1, ticks: [least] };
  const rough = (most - least) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough)!;
  return { least, most, ticks: multiples(step, least, most) };
}

/** Of logarithms: whole powers of ten around all values. */
function powerScale(values: readonly number[]): Scale {
  const least = Math.floor(Math.min(...values));
  const most = Math.max(least + 1, Math.ceil(Math.max(...values)));
  const step = Math.ceil((most - least) / 8);
  return { least, most, ticks: multiples(step, least, most) };
}

function multiples(step: number, least: number, most: number): number[] {
  const first = Math.ceil(least / step - 1e-9);
  const last = Math.floor(most / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

function numberText(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(0).replace("+", "");
  return String(Number(value.toPrecision(6)));
}

// --- marks
// --------------------------------------------------------------------------------------------

function text(x: number, y: number, content: string, kind = "", anchor = "start"): string {
  const place = `x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"`;
  return content === "" ? "" : `<text ${place} class="${kind}">${escapeHtml(content)}</text>`;
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map(round);
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" class="rule"/>`;
}

/** A line's colour; beyond the fourth they come again, dashed. */
function stroke(i: number): string {
  const dashes = i < colors ? "" : ` stroke-dasharray="6 4"`;
  return `style="stroke: var(--c${i % colors})"${dashes}`;
}

function legend(lines: readonly Line[]): string[] {
  let x = margin.left;
  return lines.map(({ label }, i) => {
    const at = x;
    x += 46 + 7.2 * label.length;
    const swatch = `<line x1="${at}" y1="42" x2="${at + 18}" y2="42" class="line" ${stroke(i)}/>`;
    return swatch + text(at + 24, 46, label, "label");
  });
}

function path(
  points: readonly Point[],
  i: number,
  placeX: (v: number) => number,
  placeY: (v: number) => number,
): string {
  let pen = false;
  const moves = points.map((point) => {
    const draws = pen;
    pen = point !== null;
    if (point === null) return "";
    const place = `${round(placeX(point[0]))} ${round(placeY(point[1]))}`;
    return draws ? `L${place}` : `M${place}h0`; // a point between two gaps is a dot
  });
  return `<path d="${moves.join("")}" class="line" ${stroke(i)}/>`;
}

/** Dots let others shine through, so that many on one place are seen to be many. */
function cloud(
  points: readonly Point[],
  i: number,
  placeX: (v: number) => number,
  placeY: (v: number) => number,
): string {
  const moves = points.map((p) => p && `M${round(placeX(p[0]))} ${round(placeY(p[1]))}h0`);
  const style = `style="stroke: var(--c${i % colors}); stroke-width: 6; opacity: 0.45"`;
  return moves.map((d) => d && `<path d="${d}" class="line" ${style}/>`).join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
