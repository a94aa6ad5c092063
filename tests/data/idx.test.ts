// IDX files: values of every type, and every way to be damaged.
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { parseIdx, readIdx } from "../../src/data/idx.ts";
import { LoadError } from "../../src/util/errors.ts";
import { Rng } from "../../src/util/rng.ts";

/** An IDX file with these sizes and raw values. */
function idx(code: number, shape: number[], values: number[]): Uint8Array<ArrayBuffer> {
  const sizes = shape.flatMap((n) => [n >>> 24, n >>> 16, n >>> 8, n].map((byte) => byte & 255));
  return Uint8Array.from([0, 0, code, shape.length, ...sizes, ...values]);
}

function refusal(bytes: Uint8Array): LoadError {
  try {
    parseIdx(bytes, "x-ubyte");
  } catch (error) {
    if (error instanceof LoadError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("values", () => {
  it.each([
    ["uint8", 8, [0, 255], Uint8Array.of(0, 255)],
    ["int8", 9, [128, 1], Int8Array.of(-128, 1)],
    ["int16", 11, [255, 254, 1, 0], Int16Array.of(-2, 256)],
    ["int32", 12, [128, 0, 0, 0, 0, 0, 1, 2], Int32Array.of(-(2 ** 31), 258)],
    ["float32", 13, [63, 128, 0, 0, 192, 64, 0, 0], Float32Array.of(1, -3)],
    ["float64", 14, [63, 240, 0, 0, 0, 0, 0, 0, 192, 8, 0, 0, 0, 0, 0, 0], Float64Array.of(1, -3)],
  ])("of %s are big-endian", (dtype, code, values, data) => {
    expect(parseIdx(idx(code, [1, 2], values))).toEqual({ dtype, shape: [1, 2], data });
  });

  it("of a Buffer become plain arrays", () => {
    const { data } = parseIdx(Buffer.from(idx(8, [2], [3, 4])));
    expect(data.constructor).toBe(Uint8Array);
    expect(data).toEqual(Uint8Array.of(3, 4));
  });

  it("may be one, or none", () => {
    expect(parseIdx(idx(8, [], [7])).data).toEqual(Uint8Array.of(7));
    expect(parseIdx(idx(12, [0, 28], [])).data).toEqual(new Int32Array(0));
  });

  it("come out of gzip the same", async () => {
    const values = Array.from({ length: 200_000 }, (_, i) => (i * i) & 255);
    const raw = idx(8, [100, 2000], values);
    const { shape, data } = await readIdx(new Uint8Array(gzipSync(raw)), "x.gz");
    expect(shape).toEqual([100, 2000]);
    expect(Buffer.compare(data as Uint8Array, Uint8Array.from(values))).toBe(0);
    expect(await readIdx(raw)).toEqual(parseIdx(raw));
  });
});

describe("damage", () => {
  it.each<[string, Uint8Array, RegExp, number]>([
    ["nothing", new Uint8Array(0), /truncated: 0 bytes of 4/, 0],
    ["half a magic", Uint8Array.of(0, 0, 8), /truncated: 3 bytes of 4/, 3],
    ["a PNG", Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0), /is no IDX file: magic 89 50 4e 47/, 0],
    ["an unknown type", Uint8Array.of(0, 0, 10, 1, 0, 0, 0, 0), /magic 00 00 0a 01/, 2],
    ["a short header", Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1), /header of 16 bytes for rank 3/, 8],
    ["too few values", idx(8, [2, 2], [1, 2, 3]), /uint8 \[2,2\] takes 16 bytes, of which 15/, 15],
    ["too many values", idx(8, [2], [1, 2, 3]), /1 bytes too many after uint8 \[2\]/, 10],
    ["16 exabytes", idx(8, [2 ** 32 - 1, 2 ** 32 - 1, 2], []), /more than 2\^53 bytes/, 8],
    ["4 gigabytes", idx(14, [2 ** 29], []), /takes 4294967304 bytes, of which 8/, 8],
  ])("%s is refused with its byte", (_, bytes, message, byte) => {
    const error = refusal(bytes);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^x-ubyte /);
    expect(error.message).toContain(`(byte ${byte})`);
    expect(error.byte).toBe(byte);
  });

  it("of gzip is told apart from damage of what it holds", async () => {
    const zipped = new Uint8Array(gzipSync(idx(8, [3], [1, 2, 3])));
    await expect(readIdx(zipped.slice(0, -3), "x.gz")).rejects.toThrow(
      /^x\.gz has a damaged or truncated gzip/,
    );
    const short = new Uint8Array(gzipSync(idx(8, [4], [1, 2, 3])));
    await expect(readIdx(short, "x.gz")).rejects.toThrow(/^x\.gz \(unpacked\) is truncated.*11\)$/);
  });

  it("does not unpack a gzip bomb", async () => {
    const bomb = gzipSync(Buffer.concat([idx(8, [3], [1, 2, 3]), Buffer.alloc(2 ** 26)]));
    const before = process.memoryUsage().arrayBuffers;
    await expect(readIdx(new Uint8Array(bomb), "x.gz")).rejects.toThrow(/bytes too many: .* 11/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
  });

  it("never ends in anything but LoadError", async () => {
    const rng = new Rng(3);
    const raw = idx(11, [2, 3], [...Array(12).keys()]);
    for (const file of [raw, new Uint8Array(gzipSync(raw))]) {
      for (let round = 0; round < 400; round++) {
        const bytes = file.slice(0, rng.int(2) === 0 ? file.length : rng.int(file.length));
        for (let n = rng.int(3); n > 0 && bytes.length > 0; n--) {
          const at = rng.int(bytes.length);
          bytes[at] ^= 1 << rng.int(8);
        }
        await readIdx(bytes, "x").catch((error: unknown) => {
          expect(error).toBeInstanceOf(LoadError);
        });
      }
    }
  });
});
