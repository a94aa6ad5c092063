// Drawings in text, character by character.
import { describe, expect, it } from "vitest";
import {
  averaged,
  bars,
  beside,
  confusions,
  drawDigit,
  drawMatrix,
  facts,
  padTo,
  percent,
  smoothed,
  sparkline,
  table,
  tableWriter,
  widthOf,
} from "../../src/vis/index.ts";

const esc = String.fromCharCode(27);

describe("drawDigit", () => {
  const picture = { pixels: [0, 255, 255, 0, 255, 255, 0, 0], rows: 4, cols: 2 };

  it("draws two pixels a cell in half blocks", () => {
    expect(drawDigit(picture, { unicode: true })).toBe("▄▀\n▀▀");
  });

  it("draws the mean of two pixels in ASCII", () => {
    expect(drawDigit(picture)).toBe("++\n++");
    expect(drawDigit({ pixels: [255, 0, 255, 0], rows: 2, cols: 2 })).toBe("@ ");
  });

  it("gives every pixel its grey in colour, and resets at the end of each line", () => {
    const two = { pixels: [0, 255], rows: 2, cols: 1 };
    const drawn = drawDigit(two, { unicode: true, color: true });
    expect(drawn).toBe(`${esc}[38;5;232;48;5;255m▀${esc}[0m`);
  });

  it("leaves the margin out and takes an odd last row for half empty", () => {
    const pixels = [0, 0, 0, 0, 255, 0, 0, 0, 0];
    expect(drawDigit({ pixels, rows: 3, cols: 3 }, { unicode: true, margin: 1 })).toBe("▀");
  });
});

describe("drawMatrix", () => {
  const matrix = [
    [12, 0],
    [1, 3],
  ];

  it("is readable without colour", () => {
    expect(drawMatrix(matrix).split("\n")).toEqual([
      "     said",
      "is |  0  1    right",
      "---+----------------",
      " 0 | 12  .  100.0 %",
      " 1 |  1  3   75.0 %",
    ]);
  });

  it("says the same in colour", () => {
    const plain = drawMatrix(matrix, { unicode: true });
    const colored = drawMatrix(matrix, { unicode: true, color: true });
    expect(colored).not.toBe(plain);
    expect(colored.replaceAll(new RegExp(`${esc}\\[[0-9;]*m`, "g"), "")).toBe(plain);
  });

  it("takes labels, and classes without samples", () => {
    const drawn = drawMatrix(
      [
        [0, 0],
        [1, 1],
      ],
      { labels: ["cat", "dog"] },
    );
    expect(drawn).toContain("cat |   .   .        -");
    expect(drawn).toContain("dog |   1   1   50.0 %");
  });

  it("names the most frequent confusions first", () => {
    const found = confusions([
      [9, 1, 0],
      [4, 9, 2],
      [0, 0, 9],
    ]);
    expect(found).toEqual([
      { is: 1, said: 0, times: 4 },
      { is: 1, said: 2, times: 2 },
      { is: 0, said: 1, times: 1 },
    ]);
  });
});

describe("tables", () => {
  const columns = [{ title: "name" }, { title: "n", align: "right" }] as const;

  it("is as wide as its widest cells", () => {
    expect(
      table(columns, [
        ["conv1", "320"],
        ["fc", "7"],
      ]),
    ).toBe("name     n\n----------\nconv1  320\nfc       7");
  });

  it("can be written row by row", () => {
    const writer = tableWriter([{ title: "loss", align: "right", width: 6 }], { unicode: true });
    expect(writer.head).toBe("  loss\n──────");
    expect(writer.row(["0.25"])).toBe("  0.25");
  });

  it("sets facts in two columns", () => {
    expect(
      facts([
        ["a", "1"],
        ["long", "2"],
      ]),
    ).toBe("a     1\nlong  2");
  });
});

describe("bars", () => {
  it("draws parts of 1 in eighths of a cell", () => {
    const items = [
      { label: "7", value: 0.5 },
      { label: "10", value: 0.28125, text: "some" },
    ];
    expect(bars(items, { unicode: true, width: 4 })).toBe(" 7  ██    50.0 %\n10  █▏    some");
    expect(bars(items, { width: 4 })).toBe(" 7  ##    50.0 %\n10  #     some");
  });

  it("never calls anything certain that is not", () => {
    expect([1, 0.99999, 0.5, 0].map(percent)).toEqual(["100.0 %", "99.9 %", "50.0 %", "0.0 %"]);
    expect(percent(Number.NaN)).toBe("NaN");
  });
});

describe("series", () => {
  it("draws a line between its least and greatest value", () => {
    expect(sparkline([8, 4, 1], { unicode: true })).toBe("█▄▁");
    expect(sparkline([100, 10, 1], { log: true, unicode: true })).toBe("█▅▁");
    expect(sparkline([2, 2])).toBe("__");
    expect(sparkline([1, Number.NaN, 2])).toBe("_x^");
    expect(sparkline([])).toBe("");
  });

  it("averages what is too long", () => {
    expect(averaged([1, 3, 5, 7], 2)).toEqual([2, 6]);
    expect(sparkline([1, 1, 5, 5], { width: 2 })).toBe("_^");
  });

  it("smooths without a pull towards 0", () => {
    expect(smoothed([4, 4, 4]).map((v) => v.toFixed(6))).toEqual([
      "4.000000",
      "4.000000",
      "4.000000",
    ]);
    const [first, second] = smoothed([0, 1], 0.5);
    expect([first, second]).toEqual([0, 2 / 3]);
  });
});

describe("blocks of text", () => {
  it("counts no colours", () => {
    const red = `${esc}[31mred${esc}[39m`;
    expect(widthOf(red)).toBe(3);
    expect(padTo(red, 5)).toBe(`${red}  `);
    expect(padTo("x", 3, "right")).toBe("  x");
  });

  it("sets blocks of different heights side by side", () => {
    expect(beside(["ab\nc", "d"], 1)).toBe("ab d\nc");
  });
});
