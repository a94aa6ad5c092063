// Heat maps: a shaded cell for every value, between its words.
import { describe, expect, it } from "vitest";
import { heatMap } from "../../src/vis/index.ts";

describe("a heat map", () => {
  const map = heatMap({
    rows: ["a", "<b>"],
    columns: ["x", "y", "z"],
    values: [0, 0.5, 1, 2, Number.NaN, 0.25],
    title: "who & where",
  });

  it("has a cell for every value, from 0 to 1", () => {
    const shades = [...map.matchAll(/class="cell"[^>]*fill-opacity="([\d.]+)"/g)].map((m) =>
      Number(m[1]),
    );
    expect(shades).toEqual([0, 0.5, 1, 1, 0, 0.25]);
    expect(map).toContain("<title>a ← y: 0.500</title>");
  });

  it("spells words safely, and needs nothing else", () => {
    expect(map).toContain("&lt;b&gt;");
    expect(map).toContain("who &amp; where");
    expect(map.replace("http://www.w3.org/2000/svg", "")).not.toContain("http");
  });

  it("refuses another number of values", () => {
    expect(() => heatMap({ rows: ["a"], columns: ["x"], values: [1, 2] })).toThrow(
      "heatMap: 2 values for 1 rows and 1 columns",
    );
  });
});
