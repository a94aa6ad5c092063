// A report is one file: everything inside it, nothing from outside, and no text can break out.
import { PNG } from "pngjs";
import { describe, expect, it } from "vitest";
import { pngDataUrl, type ReportRun, report } from "../../src/vis/index.ts";

const run: ReportRun = {
  title: "MNIST, cnn",
  headline: { value: "0.9912", label: "test accuracy" },
  facts: ["88 of 10,000 wrong"],
  history: [
    { epoch: 1, loss: 0.5, accuracy: 0.8, valLoss: 0.4, valAccuracy: 0.85, lr: 0.001, seconds: 2 },
    {
      epoch: 2,
      loss: 0.2,
      accuracy: 0.9,
      valLoss: Number.NaN,
      valAccuracy: 0.9,
      lr: 0.1,
      seconds: 2,
    },
  ],
  stepLosses: Array.from({ length: 5000 }, (_, i) => 2 / (i + 1)),
  confusion: {
    matrix: [
      [5, 2],
      [0, 4],
    ],
    labels: ["cat", "<dog>"],
  },
  mistakes: [
    {
      picture: { pixels: [0, 255, 255, 0], rows: 2, cols: 2 },
      truth: "cat",
      said: "<dog>",
      probability: 0.987,
    },
  ],
  model: {
    rows: [
      { name: "", kind: "Net", outputShape: [1, 2], parameters: 0 },
      { name: "body.fc", kind: "Linear", outputShape: [1, 2], parameters: 1234 },
    ],
    total: 1234,
    bytes: 4936,
  },
  configuration: { batch: 64, note: "</script><script>alert(1)</script>", augment: false },
  environment: { runtime: "node" },
};

interface Chart {
  id: string;
  series: { label: string }[];
  data: (number | null)[][];
}

function chartsIn(page: string): Chart[] {
  const text = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(page)?.[1];
  return JSON.parse(text ?? "");
}

describe("report", () => {
  const page = report(run);

  it("refers to nothing outside of itself", () => {
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<link|@import|src="(?!data:)/);
    expect(page).toContain("var uPlot=");
    expect(page).toContain(".u-legend");
  });

  it("has three scripts, and text from outside ends none of them", () => {
    expect(page.match(/<script/g)).toHaveLength(3);
    expect(page.match(/<\/script>/g)).toHaveLength(3);
    expect(page).toContain("&lt;/script&gt;&lt;script&gt;alert(1)");
    expect(page).not.toContain("<dog>");
  });

  it("charts training beside validation, with a gap where a value is no number", () => {
    const loss = chartsIn(page).find(({ id }) => id === "chart-loss");
    expect(loss?.series.map(({ label }) => label)).toEqual(["training", "validation"]);
    expect(loss?.data).toEqual([
      [1, 2],
      [0.5, 0.2],
      [0.4, null],
    ]);
  });

  it("charts the loss of each step in as many points as can be seen", () => {
    const steps = chartsIn(page).find(({ id }) => id === "chart-steps");
    expect(steps?.data.map((series) => series.length)).toEqual([1200, 1200, 1200]);
    expect(steps?.data[0]?.at(-1)).toBe(5000);
    expect(steps?.data[1]?.[0]).toBeCloseTo((2 + 1 + 2 / 3 + 0.5) / 4, 4);
  });

  it("tells the figures", () => {
    expect(page).toContain("<strong>0.9912</strong> test accuracy");
    expect(page).toContain('title="2 × cat taken for &lt;dog&gt;"');
    expect(page).toContain("71.4 %");
    expect(page).toContain("<b>&lt;dog&gt;</b> 98.7 %");
    expect(page).toContain("<td>1,234</td>");
    expect(page).toContain("<dt>augment</dt><dd>no</dd>");
    expect(page).toContain("<th>validation accuracy</th>");
  });

  it("leaves out what it does not know", () => {
    const small = report({ title: "t", history: [{ epoch: 1, loss: 1 }] });
    expect(small).not.toContain("Confusion matrix");
    expect(small).not.toContain("Worst mistakes");
    expect(chartsIn(small).map(({ id }) => id)).toEqual(["chart-loss"]);
    expect(chartsIn(report({ title: "t", history: [] }))).toEqual([]);
  });
});

describe("pngDataUrl", () => {
  const picture = { pixels: [0, 255, 128, 0, 1, 2], rows: 2, cols: 3 };
  const decoded = (url: string) => PNG.sync.read(Buffer.from(url.split(",")[1] ?? "", "base64"));

  it("keeps every pixel", () => {
    const png = decoded(pngDataUrl(picture));
    expect([png.width, png.height]).toEqual([3, 2]);
    const red = Array.from({ length: 6 }, (_, i) => png.data[4 * i]);
    expect(red).toEqual(picture.pixels);
  });

  it("inverts", () => {
    expect(decoded(pngDataUrl(picture, { invert: true })).data[4]).toBe(0);
  });
});
