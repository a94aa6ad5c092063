// lrChart: what `findLr` found, as a picture. Not here: the search (train/find-lr.ts).

import { type LineChartOptions, lineChart } from "./line-chart.ts";

/** What `findLr` of anneal/train gives. */
export interface LrRange {
  readonly lrs: readonly number[];
  readonly losses: readonly number[];
  /** NaN where the loss never falls. */
  readonly suggestion: number;
}

/**
 * The loss over the learning rate, whose axis has equal factors at equal widths, with a dot at the rate
 * that is suggested; the text of an SVG file.
 *
 * @throws ArgumentError where there is nothing to draw.
 *
 * @example
 * await writeFile("lr.svg", lrChart(await findLr(model, { train, loss, optimizer })));
 */
export function lrChart(found: LrRange, options: LineChartOptions = {}): string {
  const { lrs, losses, suggestion } = found;
  const at = lrs.indexOf(suggestion);
  const loss = { label: "loss", x: lrs, y: losses };
  const dot = { label: `suggested: ${suggestion.toPrecision(2)}`, dots: true };
  const lines = at < 0 ? [loss] : [loss, { ...dot, x: [lrs[at]!], y: [losses[at]!] }];
  return lineChart(lines, {
    title: "learning rate range test",
    x: "learning rate",
    y: "loss",
    logX: true,
    ...options,
  });
}
