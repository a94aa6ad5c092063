// Line charts as SVG: where points lie, gaps, logarithms, ticks, labels, and what there is to refuse.
import { describe, expect, it } from "vitest";
import { lineChart, lrChart } from "../../src/vis/index.ts";

/** The paths of the lines, and the texts, in their order. */
function parts(svg: string) {
  const paths = [...svg.matchAll(/<path d="([^"]*)"/g)].map(([, d]) => d);
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map(([, t]) => t);
  return { paths, texts };
}

describe("lineChart", () => {
  it("spans the plot from the least to the greatest point", () => {
    const { paths } = parts(lineChart([{ label: "a", x: [1, 2, 3], y: [0, 5, 10] }]));
    expect(paths).toEqual(["M68 354h0L384 209L700 64"]);
  });

  it("leaves gaps where there is no number, and nothing above 0 on a log scale", () => {
    const y = [1, Number.NaN, 10, 100];
    expect(parts(lineChart([{ label: "a", y }])).paths[0]).toMatch(
      /^M\S+ \S+h0M\S+ \S+h0L\S+ \S+$/,
    );
    const { paths, texts } = parts(lineChart([{ label: "a", y: [1, 0, 10, 1000] }], { log: true }));
    expect(paths[0]).toBe("M68 354h0M489.3 257.3h0L700 64");
    expect(texts).toEqual(expect.arrayContaining(["1", "10", "100", "1000"]));
  });

  it("spreads x by equal factors, as learning rates want it", () => {
    const x = [1e-4, 1e-3, 1e-2];
    const { paths, texts } = parts(lineChart([{ label: "loss", x, y: [0, 1, 2] }], { logX: true }));
    expect(paths).toEqual(["M68 354h0L384 209L700 64"]);
    expect(texts).toEqual(expect.arrayContaining(["1e-4", "0.001", "0.01"]));
    const found = parts(lrChart({ lrs: x, losses: [2, 1, 3], suggestion: 1e-3 }));
    expect(found.paths[1]).toBe("M384 354h0");
    expect(found.texts).toEqual(expect.arrayContaining(["suggested: 0.0010", "learning rate"]));
    const none = lrChart({ lrs: x, losses: [2, 1, 3], suggestion: Number.NaN });
    expect(parts(none).paths).toHaveLength(1);
  });

  it("draws dots that nothing links, each by itself", () => {
    const dots = { label: "molecules", x: [0, 1, 1], y: [0, 2, 4], dots: true };
    const { paths } = parts(lineChart([dots, { label: "all", x: [0, 1], y: [0, 4] }]));
    expect(paths).toEqual(["M68 354h0", "M700 209h0", "M700 64h0", "M68 354h0L700 64"]);
  });

  it("names lines, axes and title, and escapes them", () => {
    const lines = ["RNN", "a < b"].map((label, i) => ({ label, y: [i, 2] }));
    const svg = lineChart(lines, { title: "loss & time", x: "step", y: "loss" });
    expect(parts(svg).texts).toEqual(
      expect.arrayContaining(["loss &amp; time", "RNN", "a &lt; b", "step", "loss"]),
    );
    expect(svg).toContain("prefers-color-scheme: dark");
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it("puts ticks at round numbers, few of them for many powers", () => {
    const { texts } = parts(lineChart([{ label: "a", x: [0, 200], y: [1e-20, 1] }], { log: true }));
    expect(texts.slice(1)).toEqual([
      "1e-18", "1e-15", "1e-12", "1e-9", "1e-6", "0.001", "1", "0", "50", "100", "150", "200",
    ]); // biome-ignore format: a list
  });

  it("draws one point, and equal ones", () => {
    expect(parts(lineChart([{ label: "a", y: [7] }])).paths).toEqual(["M384 209h0"]);
  });

  it("refuses what has no point, or x that do not go with y", () => {
    const empty = () => lineChart([{ label: "a", y: [Number.NaN] }]);
    expect(empty).toThrow("lineChart: there is no point to draw");
    expect(() => lineChart([])).toThrow("there is no point to draw");
    expect(() => lineChart([{ label: "a", x: [1], y: [1, 2] }])).toThrow('"a" has 1 x and 2 y');
  });
});
