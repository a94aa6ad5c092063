// Changes of colour against Pillow (ImageEnhance, on which torchvision's transforms of pictures
// stand), hues against Python's colorsys, blur against numpy; random ones against their limits.
import { describe, expect, it } from "vitest";
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  colorJitter,
  gaussianBlur,
  randomErasing,
} from "../../src/data/color.ts";
import { type ImageArray, image, toLayout } from "../../src/data/image.ts";
import type { Transform } from "../../src/data/scene.ts";
import { compose, toFloat } from "../../src/data/transforms.ts";
import { ArgumentError } from "../../src/util/errors.ts";
import { Rng } from "../../src/util/rng.ts";

// biome-ignore format: six pixels
const colours = Uint8Array.of(10, 200, 30, 255, 0, 0, 90, 90, 90, 0, 120, 240, 250, 180, 20, 33, 66, 99);
const picture = image(colours, [2, 3, 3], "hwc");
const bright = toFloat()(picture, new Rng(0));
const apply = (transform: Transform, source: ImageArray, seed = 0) =>
  transform(source, new Rng(seed));

// Pillow 13: ImageEnhance.Brightness, Contrast, Color. It cuts fractions off where ours are rounded,
// and rounds the mean grey of the contrast: so a step of one apart.
it.each<[string, number, (source: ImageArray, factor: number) => ImageArray, number[]]>([
  // biome-ignore format: six pixels a line
  ["brightness", 0.5, adjustBrightness, [5, 100, 15, 127, 0, 0, 45, 45, 45, 0, 60, 120, 125, 90, 10, 16, 33, 49]],
  // biome-ignore format: six pixels a line
  ["brightness", 1.6, adjustBrightness, [16, 255, 48, 255, 0, 0, 144, 144, 144, 0, 192, 255, 255, 255, 32, 52, 105, 158]],
  // biome-ignore format: six pixels a line
  ["contrast", 0.5, adjustContrast, [57, 152, 67, 180, 52, 52, 97, 97, 97, 52, 112, 172, 177, 142, 62, 69, 85, 102]],
  // biome-ignore format: six pixels a line
  ["contrast", 1.6, adjustContrast, [0, 255, 0, 255, 0, 0, 81, 81, 81, 0, 129, 255, 255, 225, 0, 0, 42, 95]],
  // biome-ignore format: six pixels a line
  ["saturation", 0.5, adjustSaturation, [67, 162, 77, 165, 38, 38, 90, 90, 90, 49, 109, 169, 216, 181, 101, 46, 63, 79]],
  // biome-ignore format: six pixels a line
  ["saturation", 1.6, adjustSaturation, [0, 245, 0, 255, 0, 0, 90, 90, 90, 0, 133, 255, 255, 178, 0, 16, 69, 122]],
])("%s by %s as Pillow's", (_, factor, adjust, expected) => {
  const [bytes, floats] = [adjust(picture, factor), adjust(bright, factor)];
  expected.forEach((value, i) => {
    expect(Math.abs(bytes.data[i]! - value)).toBeLessThanOrEqual(1);
    expect(Math.abs(floats.data[i]! * 255 - value)).toBeLessThanOrEqual(1.2);
  });
});

// colorsys.rgb_to_hsv, h + turn modulo 1, hsv_to_rgb.
it.each<[number, number[]]>([
  // biome-ignore format: six pixels
  [0.1, [0.039216, 0.784314, 0.564706, 1.0, 0.6, 0.0, 0.352941, 0.352941, 0.352941, 0.094118, 0.0, 0.941176, 0.713725, 0.980392, 0.078431, 0.155294, 0.129412, 0.388235]],
  // biome-ignore format: six pixels
  [-0.35, [0.784314, 0.043137, 0.039216, 0.0, 0.1, 1.0, 0.352941, 0.352941, 0.352941, 0.564706, 0.941176, 0.0, 0.615686, 0.078431, 0.980392, 0.284706, 0.388235, 0.129412]],
  // biome-ignore format: six pixels
  [0.5, [0.784314, 0.039216, 0.705882, 0.0, 1.0, 1.0, 0.352941, 0.352941, 0.352941, 0.941176, 0.470588, 0.0, 0.078431, 0.352941, 0.980392, 0.388235, 0.258824, 0.129412]],
])("hues turned by %s as colorsys turns them", (turn, expected) => {
  const [floats, bytes] = [adjustHue(bright, turn), adjustHue(picture, turn)];
  expected.forEach((value, i) => {
    expect(floats.data[i]).toBeCloseTo(value, 5);
    expect(Math.abs(bytes.data[i]! - value * 255)).toBeLessThanOrEqual(0.501); // rounded
  });
});

describe("colorJitter", () => {
  it("is the image where nothing is asked, and grey in one channel", () => {
    expect(apply(colorJitter({}), picture)).toBe(picture);
    const grey = image(Uint8Array.of(10, 20), [1, 2]);
    const change = colorJitter({ saturation: [0, 0], hue: [0.3, 0.3], brightness: [2, 2] });
    expect([...apply(change, grey).data]).toEqual([20, 40]);
  });

  it("draws within its limits, in every order", () => {
    const seen = new Set<string>();
    const change = colorJitter({ brightness: [0.5, 0.5], contrast: [0, 0] });
    for (let seed = 0; seed < 20; seed++) seen.add([...apply(change, bright, seed).data].join());
    expect(seen.size).toBe(1); // half of a mean is the mean of halves
    const other = colorJitter({ brightness: [1.6, 1.6], saturation: [0, 0] });
    const orders = new Set<string>();
    for (let seed = 0; seed < 20; seed++) orders.add([...apply(other, bright, seed).data].join());
    expect(orders.size).toBe(2); // clamping makes the order matter
    const grey = image(Float32Array.of(0.4), [1, 1]);
    const values = Array.from({ length: 300 }, (_, seed) => {
      return apply(colorJitter({ brightness: 0.5 }), grey, seed).data[0]!;
    });
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0.2);
    expect(Math.min(...values)).toBeLessThan(0.21);
    expect(Math.max(...values)).toBeLessThanOrEqual(0.6001);
    expect(Math.max(...values)).toBeGreaterThan(0.59);
  });

  it("does the same in both layouts and leaves its input alone", () => {
    const change = compose(
      colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2 }),
      gaussianBlur(3),
      randomErasing({ p: 1, scale: [0.2, 0.6] }),
    );
    const kept = [...colours];
    const first = apply(change, toLayout(picture, "chw"), 3);
    expect(toLayout(apply(change, picture, 3), "chw")).toEqual(first);
    expect([...colours]).toEqual(kept);
    expect([...first.data]).not.toEqual([...toLayout(picture, "chw").data]);
  });
});

it("blurs as numpy does with the edges mirrored", () => {
  const source = image(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13), [3, 4]);
  const blurred = apply(gaussianBlur(3, { sigma: 0.8 }), source);
  // biome-ignore format: three rows
  [3.389943, 3.911954, 4.911954, 5.433966, 5.477989, 6.0, 7.057118, 7.646769, 7.566034, 8.088046, 9.212804, 9.882553]
    .forEach((value, i) => expect(blurred.data[i]).toBeCloseTo(value, 5));
  const flat = image(new Uint8Array(75).fill(77), [5, 5, 3], "hwc");
  expect(apply(gaussianBlur(5), flat)).toEqual(flat);
});

describe("randomErasing", () => {
  const white = image(new Float32Array(3 * 32 * 32).fill(1), [3, 32, 32]);

  it("replaces rectangles of the areas that are asked for, as often as asked", () => {
    let hits = 0;
    for (let seed = 0; seed < 400; seed++) {
      const { data } = apply(randomErasing({ p: 0.4, scale: [0.1, 0.2] }), white, seed);
      const gone = data.filter((value) => value === 0).length / data.length;
      if (gone === 0) continue;
      hits++;
      expect(gone).toBeGreaterThan(0.085); // sides are rounded
      expect(gone).toBeLessThan(0.22);
    }
    expect(Math.abs(hits - 160)).toBeLessThan(40);
  });

  it("fills with a value for each channel, or with noise", () => {
    const change = (value: number[] | "random") =>
      apply(randomErasing({ p: 1, value }), white).data.filter((v) => v !== 1);
    expect([...new Set(change([2, 3, 4]))]).toEqual([2, 3, 4]);
    const noise = change("random");
    expect(new Set(noise).size).toBeGreaterThan(noise.length * 0.99);
    expect(Math.abs(Array.from(noise).reduce((a, b) => a + b) / noise.length)).toBeLessThan(0.2);
  });
});

it.each<[string, () => unknown, RegExp]>([
  ["two channels", () => adjustHue(image(new Uint8Array(2), [2, 1, 1]), 0.1), /2 channels/],
  ["a negative spread", () => colorJitter({ contrast: -0.1 }), /contrast must be/],
  ["a hue beyond half a turn", () => colorJitter({ hue: 0.6 }), /hue must be.*\[-0.5, 0.5\]/],
  ["a range that goes down", () => colorJitter({ saturation: [2, 1] }), /saturation must be/],
  ["an even kernel", () => gaussianBlur(4), /odd, got 4/],
  ["a sigma of 0", () => gaussianBlur(3, { sigma: 0 }), /sigma/],
  ["a kernel beyond the image", () => apply(gaussianBlur(5), picture), /too large .* \[2, 3\]/],
  ["an area above 1", () => randomErasing({ scale: [0.5, 2] }), /scale \[0.5,2\]/],
  ["a probability of 2", () => randomErasing({ p: 2 }), /p must be/],
  [
    "two values for three channels",
    () => apply(randomErasing({ p: 1, value: [1, 2], scale: [0.2, 0.3] }), picture, 1),
    /2 values for an image of 3/,
  ],
])("refuses %s", (_, run, message) => {
  expect(run).toThrow(ArgumentError);
  expect(run).toThrow(message);
});
