// Pictures of digits, made ready as MNIST's authors made theirs.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ColorType, PNG } from "pngjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ink, inkOf, readDigit, toMnist } from "../../examples/mnist/image.ts";

type Paint = (inside: boolean) => [number, number, number, number];

/** A picture with a filled box in it. */
function boxed(
  width: number,
  height: number,
  box: { left: number; top: number; width: number; height: number },
  paint: Paint,
) {
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const across = x >= box.left && x < box.left + box.width;
      const inside = across && y >= box.top && y < box.top + box.height;
      data.set(paint(inside), 4 * (y * width + x));
    }
  }
  return { width, height, data };
}

const box = { left: 10, top: 5, width: 20, height: 60 };
const darkOnLight: Paint = (inside) => (inside ? [20, 20, 60, 255] : [240, 240, 230, 255]);
const lightOnDark: Paint = (inside) => (inside ? [250, 250, 250, 255] : [10, 30, 10, 255]);
const darkOnNothing: Paint = (inside) => [0, 0, 0, inside ? 255 : 0];
const lightOnNothing: Paint = (inside) => [255, 255, 255, inside ? 255 : 0];

function filled(ink: Ink): { top: number; bottom: number; left: number; right: number } {
  const places = [...ink.pixels].flatMap((value, i) => (value > 127 ? [i] : []));
  const rows = places.map((i) => Math.floor(i / ink.cols));
  const cols = places.map((i) => i % ink.cols);
  return {
    top: Math.min(...rows),
    bottom: Math.max(...rows),
    left: Math.min(...cols),
    right: Math.max(...cols),
  };
}

describe("a picture of a digit", () => {
  it.each([
    ["dark on light", darkOnLight],
    ["light on dark", lightOnDark],
    ["dark on transparent", darkOnNothing],
    ["light on transparent", lightOnNothing],
  ])("%s becomes 20 pixels of ink, its mass in the middle", (_, paint) => {
    const digit = toMnist(inkOf(boxed(100, 90, box, paint)));
    expect([digit.rows, digit.cols]).toEqual([28, 28]);
    // 60 rows to 20, 20 columns to 7; the mean of 0…19 is 9.5, to 14 as near as pixels go.
    expect(filled(digit)).toEqual({ top: 5, bottom: 24, left: 11, right: 17 });
    expect(Math.max(...digit.pixels)).toBe(255);
  });

  it("grows from a small picture", () => {
    const tiny = boxed(8, 8, { left: 3, top: 2, width: 2, height: 4 }, darkOnLight);
    const { top, bottom } = filled(toMnist(inkOf(tiny)));
    expect(bottom - top + 1).toBeGreaterThanOrEqual(18);
  });

  it("that lies as MNIST's do stays as it is, to the pixel", () => {
    const place = { left: 12, top: 4, width: 5, height: 20 };
    const ink = inkOf(boxed(28, 28, place, lightOnDark));
    expect(toMnist(ink)).toBe(ink);
  });

  it("takes faint paper for paper", () => {
    const noisy = boxed(60, 60, { left: 20, top: 10, width: 20, height: 40 }, darkOnLight);
    noisy.data.set([225, 225, 220, 255], 4 * (3 * 60 + 3));
    expect(inkOf(noisy).pixels[3 * 60 + 3]).toBe(0);
  });

  it("of one colour shows nothing", () => {
    const blank = boxed(20, 20, { left: 0, top: 0, width: 0, height: 0 }, darkOnLight);
    expect(() => inkOf(blank, "blank.png")).toThrow(
      "blank.png shows nothing: all of it has about one colour",
    );
  });
});

describe("readDigit", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "anneal-png-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  function encoded(colorType: ColorType): Buffer {
    const { width, height, data } = boxed(100, 90, box, darkOnLight);
    const png = new PNG({ width, height });
    png.data.set(data);
    return PNG.sync.write(png, { colorType });
  }

  async function read(name: string, bytes: Uint8Array): Promise<Ink> {
    await writeFile(join(folder, name), bytes);
    return readDigit(join(folder, name));
  }

  it.each([
    [0, "grey"],
    [2, "colour"],
    [6, "colour and alpha"],
  ] as [ColorType, string][])("reads colour type %i, %s", async (colorType) => {
    const digit = await read(`${colorType}.png`, encoded(colorType));
    expect(filled(digit)).toEqual({ top: 5, bottom: 24, left: 11, right: 17 });
  });

  it("names a file that is missing, no PNG, cut off, or lies about its size", async () => {
    const whole = encoded(6);
    await expect(readDigit(join(folder, "none.png"))).rejects.toThrow(/none\.png is not there/);
    const jpeg = Uint8Array.of(0xff, 0xd8, 0xff);
    await expect(read("a.png", jpeg)).rejects.toThrow(/a\.png is no PNG \(byte 0\)/);
    await expect(read("b.png", whole.subarray(0, 20))).rejects.toThrow(/ends at byte 20/);
    await expect(read("c.png", whole.subarray(0, 90))).rejects.toThrow(/c\.png is a broken PNG/);
    const lying = Buffer.from(whole);
    lying.writeUInt32BE(4_000_000_000, 16);
    await expect(read("d.png", lying)).rejects.toThrow(
      /says it has 4000000000x90 pixels \(byte 16\)/,
    );
  });
});
