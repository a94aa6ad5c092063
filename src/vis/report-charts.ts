// The charts of a report: which there are, as data, and the script that draws them in the page with
// uPlot, in the page's own colours and as wide as there is room.
// Not here: the library itself (report.ts inlines it).

import type { ReportRun } from "./report.ts";
import { averaged, smoothed } from "./series.ts";

/** One chart as the page's script takes it. */
export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What the x axis counts. */
  readonly x: string;
  readonly wide?: boolean;
  /** Equal factors are equal heights. */
  readonly log?: boolean;
  readonly series: readonly {
    readonly label: string;
    readonly color: string;
    readonly faint?: boolean;
  }[];
  /** x, then one array for each series; what is no number is null. */
  readonly data: readonly (readonly (number | null)[])[];
}

/** More points than a chart has pixels say nothing. */
const mostPoints = 1200;

/** Loss and each metric for each epoch, with validation beside it, and the loss of each step. */
export function chartsOf({ history, stepLosses }: ReportRun): Chart[] {
  const skip = new Set(["epoch", "lr", "seconds", "samplesPerSecond"]);
  const names = Object.keys(history[0] ?? {}).filter((name) => {
    return typeof history[0]?.[name] === "number" && !skip.has(name) && !/^val[A-Z]/.test(name);
  });
  const charts = names.map((name): Chart => {
    const beside = `val${name[0]?.toUpperCase()}${name.slice(1)}`;
    const series = [{ label: "training", color: "--series-1" }];
    const data = [column(history, "epoch"), column(history, name)];
    if (typeof history[0]?.[beside] === "number") {
      series.push({ label: "validation", color: "--series-2" });
      data.push(column(history, beside));
    }
    return {
      id: `chart-${name}`,
      title: `${capital(name)} of each epoch`,
      x: "epoch",
      series,
      data,
    };
  });
  return stepLosses && stepLosses.length > 1 ? [...charts, stepChart(stepLosses)] : charts;
}

function column(history: ReportRun["history"], name: string): (number | null)[] {
  return history.map((record) => finite(record[name]));
}

function stepChart(losses: readonly number[]): Chart {
  const points = averaged(losses, mostPoints);
  const steps = points.map((_, i) => Math.round(((i + 1) * losses.length) / points.length));
  const window = Math.min(33, Math.max(5, losses.length / 40)); // a short run has less to smooth
  const mean = averaged(smoothed(losses, 1 - 1 / window), mostPoints);
  const positive = (value: number) => (value > 0 ? finite(value) : null); // a log scale takes no 0
  return {
    id: "chart-steps",
    title: "Loss of each step",
    x: "step",
    wide: true,
    log: true,
    series: [
      { label: "loss", color: "--series-1", faint: true },
      { label: "smoothed", color: "--series-2" },
    ],
    data: [steps, points.map(positive), mean.map(positive)],
  };
}

function finite(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? Number(value.toPrecision(6)) : null;
}

function capital(name: string): string {
  return `${name[0]?.toUpperCase()}${name.slice(1)}`;
}

/** Runs in the page. Draws again when the page's width or its colours change. */
export const chartScript = `
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const drawn = new Map();
  const color = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const font = "12px system-ui, sans-serif";
  const number = (v) => {
    if (v == null) return "";
    return Math.abs(v) >= 0.001 || v === 0 ? String(+v.toFixed(4)) : v.toExponential(1);
  };
  const axis = (more) => ({
    stroke: color("--quiet"), font, labelFont: font, labelSize: 18,
    grid: { stroke: color("--line"), width: 1 },
    ticks: { stroke: color("--line"), width: 1, size: 4 },
    ...more,
  });
  const count = (v) => v == null ? "" : v.toLocaleString("en");
  const counts = (u, splits) => splits.map((v) => Number.isInteger(v) ? count(v) : "");
  const numbers = (u, splits) => splits.map(number);
  // What stands under the chart: the values under the pointer, without one the last.
  const under = (text) => (u, v, s, i) => text(i == null ? u.data[s].at(-1) : v);
  const ten = (v) => v > 0 && Math.log10(v) % 1 === 0;
  // Powers of ten; within one decade also their doubles and fives.
  function powers(u, splits) {
    const few = splits.filter(ten).length < 2;
    const named = (v) => ten(v) || few && (ten(+(v / 2).toPrecision(6)) || ten(+(v / 5).toPrecision(6)));
    return splits.map((v) => named(v) ? number(v) : "");
  }
  function range({ data: [x] }) {
    return x.length > 1 ? undefined : [x[0] - 1, x[0] + 1];
  }
  function series(chart) {
    const few = chart.data[0].length < 40;
    return chart.series.map((s) => ({
      label: s.label, stroke: color(s.color), alpha: s.faint ? 0.35 : 1, width: s.faint ? 1 : 2,
      value: under(number), points: { show: few, size: 6, fill: color(s.color) },
    }));
  }
  function options(chart, width) {
    return {
      width, height: width < 480 ? 220 : 260,
      legend: { live: true }, cursor: { drag: { x: true, y: false }, points: { size: 7 } },
      scales: { x: { time: false, range: range(chart) }, y: { distr: chart.log ? 3 : 1 } },
      axes: [
        axis({ label: chart.x, values: counts, size: 36 }),
        axis({ values: chart.log ? powers : numbers, size: 58 }),
      ],
      series: [{ label: chart.x, value: under(count) }, ...series(chart)],
    };
  }
  function draw(chart) {
    const place = document.getElementById(chart.id);
    const width = Math.floor(place.clientWidth);
    if (width === 0) return;
    drawn.get(chart.id)?.destroy();
    drawn.set(chart.id, new uPlot(options(chart, width), chart.data, place));
  }
  const all = () => charts.forEach(draw);
  all();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  let before = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === before) return;
    before = innerWidth;
    all();
  });
})();
`;
