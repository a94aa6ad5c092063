// Regions of pictures. The values with letters in them were recorded from scikit-image 0.26.
import { describe, expect, it } from "vitest";
import { ArgumentError, ShapeError } from "../../src/util/errors.ts";
import {
  connectedComponents,
  innerBoundaries,
  otsuThreshold,
  regionSizes,
} from "../../src/vision/regions.ts";
import { watershed } from "../../src/vision/watershed.ts";
import { digits, map } from "./maps.ts";

const pieces = map([
  "210012010120",
  "100010022022",
  "000020120020",
  "200100001002",
  "020101010201",
  "100001020000",
  "001121101100",
  "002001010000",
  "020100021020",
]);

describe("connectedComponents", () => {
  it("numbers pieces that touch by their sides", () => {
    const { labels, count } = connectedComponents(pieces, { connectivity: 4 });
    expect(count).toBe(32);
    expect(digits(labels)).toEqual([
      "120034050670",
      "800030099077",
      "0000a0b90070",
      "c00d0000e00f",
      "0g0d0h0i0j0k",
      "l0000h0m0000",
      "00nnohh0pp00",
      "00q00h0r0000",
      "0s0t000uv0w0",
    ]);
  });

  it("numbers pieces that touch by their corners", () => {
    expect(digits(connectedComponents(pieces).labels)).toEqual([
      "120034050670",
      "200030088077",
      "000090a80070",
      "b00c0000d007",
      "0b0c0e0d0f0g",
      "h0000e0i0000",
      "00jjkee0ee00",
      "00l00e0e0000",
      "0l0m000ne0o0",
    ]);
  });

  it("is a component where everything is one, and none where nothing is", () => {
    const ones = { data: new Uint8Array(200 * 300).fill(7), shape: [200, 300] };
    const { labels, count } = connectedComponents(ones);
    expect(count).toBe(1);
    expect(regionSizes(labels)).toEqual(Int32Array.of(0, 60000));
    const none = connectedComponents({ data: new Uint8Array(6), shape: [2, 3] });
    expect([none.count, ...regionSizes(none.labels)]).toEqual([0, 6]);
    expect(connectedComponents({ data: new Uint8Array(0), shape: [0, 3] }).count).toBe(0);
  });

  it("refuses what is no map, and other neighbours", () => {
    const flat = { data: new Uint8Array(6), shape: [6] };
    expect(() => connectedComponents(flat)).toThrow(ShapeError);
    expect(() => connectedComponents(flat)).toThrow("wants (H, W), got [6] of 6 values");
    const six = { connectivity: 6 as 4 };
    expect(() => connectedComponents(pieces, six)).toThrow("connectivity is 4 or 8, not 6");
  });
});

describe("innerBoundaries", () => {
  it("lie within regions, where they meet others", () => {
    const regions = map([
      "1111000000",
      "1111222220",
      "1111222220",
      "1111222220",
      "1111222220",
      "0000222220",
      "0330000000",
      "0330000000",
    ]);
    expect(digits(innerBoundaries(regions))).toEqual([
      "0001000000",
      "0001111110",
      "0001100010",
      "0001100010",
      "1111100010",
      "0000111110",
      "0110000000",
      "0110000000",
    ]);
  });

  it("go around corners where corners count", () => {
    const corner = map(["111", "111", "110"]);
    expect(digits(innerBoundaries(corner))).toEqual(["000", "011", "010"]);
    expect(digits(innerBoundaries(corner, { connectivity: 4 }))).toEqual(["000", "001", "010"]);
  });
});

describe("otsuThreshold", () => {
  it("is scikit-image's", () => {
    const dark = [
      73, 51, 23, 70, 53, 78, 52, 46, 79, 47, 62, 77, 61, 59, 61, 70, 50, 67, 67, 88, 56,
    ];
    const bright = [165, 184, 170, 148, 102, 157, 170, 154, 164, 138, 140, 126, 184, 154, 138, 117];
    expect(otsuThreshold([...dark, ...bright])).toBe(102);
    expect(otsuThreshold(Uint8Array.of(10, 12, 11, 200, 210))).toBe(12);
    expect(otsuThreshold(Uint8Array.of(0, 255))).toBe(0);
  });

  it("is the value of pixels that are all alike", () => {
    expect(otsuThreshold([9, 9, 9])).toBe(9);
    expect(otsuThreshold([255, 255])).toBe(255);
  });

  it("refuses what are no pixels", () => {
    expect(() => otsuThreshold([])).toThrow(ArgumentError);
    expect(() => otsuThreshold([1, 0.5])).toThrow("pixel 1 is 0.5, not an integer up to 255");
  });
});

describe("watershed", () => {
  const heights = {
    shape: [9, 12],
    data: Float32Array.of(
      ...[80, 104, 37, 86, 5, 3, 91, 14, 42, 103, 93, 83],
      ...[78, 49, 4, 22, 72, 0, 35, 58, 67, 95, 74, 51],
      ...[33, 65, 38, 15, 12, 19, 41, 68, 29, 81, 11, 34],
      ...[16, 61, 39, 43, 36, 63, 75, 88, 32, 100, 48, 84],
      ...[21, 89, 87, 23, 18, 99, 9, 46, 28, 106, 30, 69],
      ...[27, 55, 1, 98, 96, 31, 50, 17, 73, 13, 64, 56],
      ...[10, 47, 53, 82, 85, 52, 45, 8, 62, 102, 94, 20],
      ...[2, 90, 44, 26, 66, 54, 60, 25, 77, 105, 57, 79],
      ...[59, 6, 7, 76, 107, 97, 101, 24, 40, 92, 70, 71],
    ),
  };
  const markers = map([
    "000000000000",
    "010000000000",
    "000000000000",
    "000000000000",
    "000000002000",
    "000000000000",
    "000000000000",
    "000300000000",
    "000000000000",
  ]);
  const mask = map([
    "001101111111",
    "111111101110",
    "011111010100",
    "011111001111",
    "110111011101",
    "111111101101",
    "111110101011",
    "111101111011",
    "111111110111",
  ]);

  it("floods a landscape from markers, by sides and by corners", () => {
    expect(digits(watershed(heights, markers, { mask }))).toEqual([
      "001101111111",
      "111111101110",
      "011111000100",
      "011111002222",
      "330111022202",
      "333112202202",
      "333330202022",
      "333302222022",
      "333332220222",
    ]);
    expect(digits(watershed(heights, markers, { mask, connectivity: 8 }))).toEqual([
      "003303333322",
      "113333303320",
      "033333020200",
      "033333002222",
      "330333022202",
      "333333202202",
      "333330302022",
      "333303333022",
      "333333330322",
    ]);
  });

  it("meets in the middle of a plain", () => {
    const plain = { data: new Float32Array(55), shape: [5, 11] };
    const ends = map(["00000000000", "00000000000", "01000000020", "00000000000", "00000000000"]);
    const halves = Array<string>(5).fill("11111122222");
    expect(digits(watershed(plain, ends))).toEqual(halves);
  });

  it("leaves out markers outside of the mask, and pixels that none reaches", () => {
    const plain = { data: new Float32Array(5), shape: [1, 5] };
    const flooded = watershed(plain, map(["10002"]), { mask: map(["11010"]) });
    expect(digits(flooded)).toEqual(["11000"]);
  });

  it("refuses maps of other sizes", () => {
    const small = { data: new Float32Array(4), shape: [2, 2] };
    const text = "watershed: [9, 12] lies over heights [2, 2]";
    expect(() => watershed(small, markers)).toThrow(text);
  });
});
