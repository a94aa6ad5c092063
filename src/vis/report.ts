// report: a run as one HTML file that needs nothing else: no network, no folder beside it. The
// charts are uPlot's, inlined. Not here: how the parts look (report-parts.ts, report-style.ts),
// what draws the charts in the page (report-charts.ts).

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { LoadError } from "../util/errors.ts";
import type { Picture } from "./digit.ts";
import { type Figure, figureSection } from "./figures.ts";
import { type Gallery, gallerySection } from "./gallery.ts";
import type { Matrix } from "./matrix.ts";
import { type Passage, passageSection } from "./passage.ts";
import { type Chart, chartScript, chartsOf } from "./report-charts.ts";
import {
  chartSection,
  drawingSection,
  escapeHtml,
  factSection,
  historySection,
  matrixSection,
  mistakeSection,
  modelSection,
} from "./report-parts.ts";
import { reportCss } from "./report-style.ts";

/** A sample that the model got wrong. */
export interface Mistake {
  readonly picture: Picture;
  readonly truth: string;
  readonly said: string;
  /** How sure the model was of what it said, from 0 to 1. */
  readonly probability: number;
}

/** The layers of a model, as `nn.summary` gives them. */
export interface ModelTable {
  readonly rows: readonly {
    readonly name: string;
    readonly kind: string;
    readonly outputShape: readonly number[] | null;
    readonly parameters: number;
  }[];
  readonly total: number;
  readonly bytes: number;
}

type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** What a report tells; what is missing is left out. */
export interface ReportRun {
  readonly title: string;
  /** The one number that counts, and what it is. */
  readonly headline?: { readonly value: string; readonly label: string } | undefined;
  /** A few words below it. */
  readonly facts?: readonly string[] | undefined;
  /** What was measured, with what to hold it against. */
  readonly figures?: readonly Figure[] | undefined;
  /** Records of epochs, as `fit` gives them. */
  readonly history: readonly Readonly<Record<string, unknown>>[];
  /** The loss of each step. */
  readonly stepLosses?: readonly number[] | undefined;
  readonly confusion?:
    | { readonly matrix: Matrix; readonly labels?: readonly string[] | undefined }
    | undefined;
  /** The worst first. */
  readonly mistakes?: readonly Mistake[] | undefined;
  /** Galleries of pictures: the best and the worst, boxes and masks, what a layer learned. */
  readonly pictures?: readonly Gallery[] | undefined;
  /** Pictures as SVG, each with a title. */
  readonly drawings?: readonly { readonly title: string; readonly svg: string }[] | undefined;
  /** Texts that the model has read, in the order in which they are shown. */
  readonly passages?: readonly Passage[] | undefined;
  readonly model?: ModelTable | undefined;
  readonly configuration?: Facts | undefined;
  readonly environment?: Facts | undefined;
}

/**
 * A run as a self-contained HTML page: curves, confusion matrix, mistakes, model, configuration.
 *
 * @example
 * await writeFile("report.html", report({ title: "mnist", history }));
 */
export function report(run: ReportRun): string {
  const charts = chartsOf(run);
  const parts = [
    run.figures ? figureSection(run.figures) : "",
    chartSection(charts),
    run.confusion ? matrixSection(run.confusion) : "",
    run.mistakes ? mistakeSection(run.mistakes) : "",
    ...(run.pictures ?? []).map(gallerySection),
    run.drawings?.length ? drawingSection(run.drawings) : "",
    run.passages?.length ? passageSection(run.passages) : "",
    historySection(run.history),
    run.model ? modelSection(run.model) : "",
    factSection([
      ["Configuration", run.configuration ?? {}],
      ["Environment", run.environment ?? {}],
    ]),
  ];
  return page(run, parts.filter((part) => part !== "").join("\n"), charts);
}

function page(run: ReportRun, body: string, charts: readonly Chart[]): string {
  const { title, headline, facts = [] } = run;
  const big = headline
    ? `<p class="headline"><strong>${escapeHtml(headline.value)}</strong> ${escapeHtml(headline.label)}</p>`
    : "";
  const line = facts.length > 0 ? `<p class="facts">${facts.map(escapeHtml).join(" · ")}</p>` : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${chartLibrary("uPlot.min.css")}
${reportCss}</style>
</head>
<body>
<header><h1>${escapeHtml(title)}</h1>${big}${line}</header>
<main>
${body}
</main>
<script type="application/json" id="charts">${inScript(JSON.stringify(charts))}</script>
<script>${inScript(chartLibrary("uPlot.iife.min.js"))}</script>
<script>${chartScript}</script>
</body>
</html>
`;
}

/** JSON and scripts inside a script element: nothing in them may end it. */
function inScript(text: string): string {
  return text.replaceAll(/<(?=\/script|!--)/gi, "\\u003c");
}

/** A file of the chart library: beside this file in the published package, else from its package. The
 *  address in its first line loses its scheme, so that a report visibly refers to nothing outside.
 * */
function chartLibrary(name: string): string {
  const beside = new URL(`./vendor/${name}`, import.meta.url);
  try {
    const packaged = () => createRequire(import.meta.url).resolve(`uplot/dist/${name}`);
    const text = readFileSync(existsSync(beside) ? beside : packaged(), "utf8");
    return text.replace(/^\/\*! https:\/\//, "/*! ");
  } catch (cause) {
    throw new LoadError(name, "of the chart library is not there", {
      hint: "npm install, in the folder of anneal",
      cause,
    });
  }
}
