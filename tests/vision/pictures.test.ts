// Pictures and label maps from files: what every kind of PNG gives, that JPEG comes close to what was
// encoded, and what bad files get.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, describe, expect, it, vi } from "vitest";
import { decodePicture, readMask } from "../../src/vision/index.ts";
import { png } from "./make.ts";

const root = mkdtempSync(join(tmpdir(), "anneal-vision-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const grey8 = png({
  width: 3,
  height: 2,
  bits: 8,
  colour: 0,
  rows: [
    [0, 7, 255],
    [1, 2, 3],
  ],
});
const rgb8 = png({ width: 2, height: 1, bits: 8, colour: 2, rows: [[255, 0, 0, 1, 2, 3]] });
const rgba8 = png({ width: 1, height: 1, bits: 8, colour: 6, rows: [[10, 20, 30, 128]] });
const greyAlpha = png({ width: 1, height: 1, bits: 8, colour: 4, rows: [[200, 100]] });
const palette = png({
  width: 4,
  height: 1,
  bits: 4,
  colour: 3,
  rows: [[0x01, 0x21]],
  palette: [9, 8, 7, 60, 50, 40, 255, 255, 255],
});
const grey16 = png({
  width: 2,
  height: 2,
  bits: 16,
  colour: 0,
  rows: [
    [0, 1, 1, 0],
    [255, 255, 0x12, 0x34],
  ],
  filters: [1, 2],
});

describe("decodePicture", () => {
  const decode = async (...args: Parameters<typeof decodePicture>) => {
    const { data, shape, layout } = await decodePicture(...args);
    return { kind: data.constructor.name, data: [...data], shape, layout };
  };

  it.each([
    ["grey", grey8, [2, 3, 1], [0, 7, 255, 1, 2, 3]],
    ["RGB", rgb8, [1, 2, 3], [255, 0, 0, 1, 2, 3]],
    ["RGB with alpha", rgba8, [1, 1, 4], [10, 20, 30, 128]],
    ["grey with alpha", greyAlpha, [1, 1, 4], [200, 200, 200, 100]],
    ["a palette", palette, [1, 4, 3], [9, 8, 7, 60, 50, 40, 255, 255, 255, 60, 50, 40]],
  ])("gives the pixels of PNG of %s", async (_, bytes, shape, data) => {
    expect(await decode(bytes)).toEqual({ kind: "Uint8Array", data, shape, layout: "hwc" });
  });

  it("keeps 16 bits, exactly", async () => {
    const { kind, data, shape } = await decode(grey16);
    expect([kind, shape, data]).toEqual(["Float32Array", [2, 2, 1], [1, 256, 65535, 0x1234]]);
  });

  it("gives the channels that are asked for", async () => {
    expect((await decode(grey8, { channels: 3 })).data.slice(3, 6)).toEqual([7, 7, 7]);
    expect((await decode(rgba8, { channels: 3 })).data).toEqual([10, 20, 30]);
    expect((await decode(rgb8, { channels: 4 })).data).toEqual([255, 0, 0, 255, 1, 2, 3, 255]);
    const { shape, data } = await decode(rgb8, { channels: 1 });
    expect(shape).toEqual([1, 2, 1]);
    // sRGB's red has a luminance of 0.2126, which is a grey of about 127.
    expect(Math.abs(data[0] - 127)).toBeLessThan(3);
  });

  it("decodes JPEG, in grey too, from a path", async () => {
    const source = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => 40 + (i % 48) * 4);
    const raw = sharp(source, { raw: { width: 16, height: 16, channels: 3 } });
    const file = join(root, "a.jpg");
    writeFileSync(file, await raw.jpeg({ quality: 95, chromaSubsampling: "4:4:4" }).toBuffer());
    const { data, shape } = await decode(file);
    expect(shape).toEqual([16, 16, 3]);
    const off = data.map((value, i) => Math.abs(value - source[i]));
    expect(Math.max(...off)).toBeLessThan(12);
    const grey = await sharp(file).toColourspace("b-w").jpeg().toBuffer();
    expect((await decode(grey)).shape).toEqual([16, 16, 1]);
    expect((await decode(grey, { channels: 3 })).shape).toEqual([16, 16, 3]);
  });

  it("names the file of what is no picture, cut off, empty or not there", async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 251);
    const jpeg = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    const file = "x.jpg";
    const broken = [Buffer.from("no picture"), jpeg.subarray(0, 2000), rgb8.subarray(0, 50)];
    for (const bytes of broken) {
      await expect(decodePicture(bytes, { file })).rejects.toThrow(
        /^x\.jpg is no readable picture/,
      );
    }
    await expect(decodePicture(new Uint8Array(0), { file })).rejects.toThrow("x.jpg is empty");
    const gone = join(root, "gone.png");
    await expect(decodePicture(gone)).rejects.toThrow(`${gone} is not there`);
  });

  it("says what to install where sharp is missing", async () => {
    vi.resetModules();
    vi.doMock("sharp", () => {
      throw Object.assign(new Error("Cannot find package 'sharp'"), {
        code: "ERR_MODULE_NOT_FOUND",
      });
    });
    const fresh = await import("../../src/vision/decode.ts");
    await expect(fresh.decodePicture(rgb8)).rejects.toMatchObject({
      name: "LoadError",
      hint: "npm install sharp",
    });
    vi.doUnmock("sharp");
  });
});

describe("readMask", () => {
  const read = async (...args: Parameters<typeof readMask>) => {
    const { data, shape } = await readMask(...args);
    return { data: [...data], shape };
  };

  it("gives the numbers of a palette, not its colours", async () => {
    expect(await read(palette)).toEqual({ data: [0, 1, 2, 1], shape: [1, 4] });
  });

  it.each([
    [1, [0b10110000], [1, 0, 1, 1]],
    [2, [0b11100100], [3, 2, 1, 0]],
    [4, [0xf0, 0x5a], [15, 0, 5, 10]],
    [8, [255, 0, 11, 3], [255, 0, 11, 3]],
    [16, [1, 0, 0, 1, 255, 255, 0, 0], [256, 1, 65535, 0]],
  ])("reads grey of %i bits unscaled", async (bits, row, data) => {
    const bytes = png({ width: 4, height: 1, bits, colour: 0, rows: [row] });
    expect((await read(bytes)).data).toEqual(data);
  });

  it("undoes every filter that an encoder uses", async () => {
    const [height, width] = [31, 57];
    const data = Uint8Array.from(
      { length: height * width },
      (_, i) => (i * i * 31 + (i % 57)) % 23,
    );
    const raw = sharp(data, { raw: { width, height, channels: 1 } }).toColourspace("b-w");
    const bytes = await raw.png({ adaptiveFiltering: true }).toBuffer();
    expect((await read(bytes)).data).toEqual([...data]);
    expect((await read(grey16)).data).toEqual([1, 256, 65535, 0x1234]);
  });

  it("names a number that is no class, and where it stands", async () => {
    const options = { file: "m.png", classes: 8 };
    await expect(readMask(grey8, options)).rejects.toThrow(
      "m.png has the number 255 at row 0, column 2, not 0 to 7",
    );
    expect((await read(grey8, { ...options, ignore: 255 })).data).toEqual([0, 7, 255, 1, 2, 3]);
    await expect(readMask(grey8, { ...options, classes: 3, ignore: [255] })).rejects.toThrow(
      "has the number 7 at row 0, column 1, not 0 to 2 or 255",
    );
  });

  it("names a mask of another size than its picture", async () => {
    await expect(readMask(grey8, { file: "m.png", size: [3, 2] })).rejects.toThrow(
      "m.png has 3 × 2 pixels (width × height), its picture has 2 × 3",
    );
  });

  it("refuses what has no numbers", async () => {
    const file = "m.png";
    const rows = [[1, 2]];
    const interlaced = png({ width: 2, height: 1, bits: 8, colour: 0, rows, interlaced: 1 });
    const short = png({ width: 2, height: 2, bits: 8, colour: 0, rows });
    const strange = png({ width: 2, height: 1, bits: 8, colour: 0, rows, filters: [9] });
    await expect(readMask(rgb8, { file })).rejects.toThrow("m.png has colours");
    await expect(readMask(interlaced, { file })).rejects.toThrow("m.png is interlaced");
    await expect(readMask(short, { file })).rejects.toThrow("m.png has 3 bytes of pixels, not 6");
    await expect(readMask(strange, { file })).rejects.toThrow(
      "m.png has a damaged line of pixels, 0",
    );
    await expect(readMask(Buffer.from("x"), { file })).rejects.toThrow("m.png is no PNG");
    await expect(readMask(grey8.subarray(0, 45), { file })).rejects.toThrow(
      "ends within its pixels",
    );
  });
});
