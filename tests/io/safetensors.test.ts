// Reading and writing safetensors: files of other software, every way to lie, and random damage.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  parseSafetensors,
  type SafetensorsEntry,
  writeSafetensors,
} from "../../src/io/safetensors.ts";
import {
  readSafetensorsFile,
  SafetensorsFile,
  writeSafetensorsFile,
} from "../../src/io/safetensors-file.ts";
import { LoadError } from "../../src/util/errors.ts";
import { Rng } from "../../src/util/rng.ts";

const shared = new URL("../../../shared/fixtures/", import.meta.url);
const fixtures = ["burn/mnist/mnist.safetensors", "silero/silero_vad_16k.safetensors"];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-safetensors-"));
});
afterAll(() => rm(folder, { recursive: true }));

function view(data: SafetensorsEntry["data"] = new Uint8Array(0)): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A file with the header text as given and `size` bytes of data. */
function file(header: string, size = 0, claimed?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + size);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function refusal(bytes: Uint8Array): LoadError {
  try {
    parseSafetensors(bytes, "x.safetensors");
  } catch (error) {
    if (error instanceof LoadError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

const sample = () =>
  new Map<string, SafetensorsEntry>([
    ["a", { dtype: "F32", shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, NaN, Infinity) }],
    ["__proto__", { dtype: "F64", shape: [2], data: Float64Array.of(Math.PI, -0) }],
    ["scalar", { dtype: "I64", shape: [], data: Int32Array.of(-7) }],
    ["empty", { dtype: "I16", shape: [0, 5], data: new Int16Array(0) }],
    ["ü/名", { dtype: "I32", shape: [1], data: Int32Array.of(-(2 ** 31)) }],
    ["bytes", { dtype: "U8", shape: [3], data: Uint8Array.of(0, 128, 255) }],
    ["signs", { dtype: "I8", shape: [2], data: Int8Array.of(-128, 127) }],
    ["flags", { dtype: "BOOL", shape: [2, 1], data: Uint8Array.of(1, 0) }],
    ["half", { dtype: "F16", shape: [4], data: Float32Array.of(1, -65504, 2 ** -24, Infinity) }],
    ["brain", { dtype: "BF16", shape: [2], data: Float32Array.of(1.5, -(2 ** 100)) }],
  ]);

describe("round trip", () => {
  it("keeps names, dtypes, shapes, values and metadata", () => {
    const bytes = writeSafetensors(sample(), { format: "pt", __proto__x: "é" });
    const { tensors, metadata } = parseSafetensors(bytes);
    expect(new Map([...tensors].sort())).toEqual(new Map([...sample()].sort()));
    expect([...metadata]).toEqual([
      ["format", "pt"],
      ["__proto__x", "é"],
    ]);
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
  });

  it("gives equal bytes for equal content, in whatever order", () => {
    const reversed = [...sample()].reverse();
    expect(writeSafetensors(reversed)).toEqual(writeSafetensors(sample()));
  });

  it("reads what views and odd offsets hold, and copies", () => {
    const bytes = writeSafetensors(sample());
    const shifted = new Uint8Array(bytes.length + 3).subarray(3);
    shifted.set(bytes);
    const { tensors } = parseSafetensors(shifted);
    shifted.fill(0);
    expect(tensors.get("a")?.data[2]).toBe(3.5);
    const fromBuffer = parseSafetensors(Buffer.from(bytes)).tensors;
    expect(fromBuffer).toEqual(parseSafetensors(bytes).tensors);
  });

  it("writes an empty file that it can read", () => {
    expect(parseSafetensors(writeSafetensors([])).tensors.size).toBe(0);
  });

  it.each([
    [
      "a shape that does not fit",
      [["w", { shape: [3], data: new Float32Array(2) }]],
      /\[3\] but 2/,
    ],
    ["a name twice", [0, 1].map(() => ["w", { shape: [], data: new Int8Array(1) }]), /given twice/],
    ["the reserved name", [["__metadata__", { shape: [0], data: new Int8Array(0) }]], /be stored/],
    ["a BOOL of 2", [["w", { dtype: "BOOL", shape: [1], data: Uint8Array.of(2) }]], /BOOL/],
    ["I8 as F64", [["w", { dtype: "F64", shape: [1], data: new Int8Array(1) }]], /as F64/],
  ] as const)("refuses to write %s", (_, entries, message) => {
    expect(() => writeSafetensors(entries as never)).toThrow(message);
  });
});

if (!existsSync(shared)) {
  console.log("other software's files are skipped: ../shared/fixtures is not beside this checkout");
}

describe.skipIf(!existsSync(shared))("files of other software (shared/fixtures)", () => {
  it.each(fixtures)("%s is read, written and read again", async (name) => {
    const bytes = new Uint8Array(await readFile(new URL(name, shared)));
    const { tensors } = parseSafetensors(bytes, name);
    expect(tensors.size).toBeGreaterThan(10);
    const again = parseSafetensors(writeSafetensors(tensors)).tensors;
    expect([...again.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [key, { shape, data }] of tensors) {
      expect(again.get(key)?.shape).toEqual(shape);
      expect(Buffer.compare(view(again.get(key)?.data), view(data))).toBe(0);
    }
  });

  it("writes what the format's own library wrote, byte for byte", async () => {
    const bytes = new Uint8Array(await readFile(new URL(fixtures[0], shared)));
    const { tensors, metadata } = parseSafetensors(bytes);
    expect(Buffer.compare(writeSafetensors(tensors, metadata), bytes)).toBe(0);
  });

  it("reads known values of the trained CNN", async () => {
    const path = new URL(fixtures[0], shared).pathname;
    const { tensors } = await readSafetensorsFile(path);
    expect(tensors.get("conv1.weight")?.shape).toEqual([8, 1, 3, 3]);
    expect(tensors.get("fc1.weight")?.shape).toEqual([32, 11616]);
    expect(tensors.get("norm1.num_batches_tracked")?.data).toEqual(Int32Array.of(7504));
  });
});

const entry = (fields: string) => `{"w":{${fields}}}`;
const shapeCase = (shape: string) => entry(`"dtype":"U8","shape":${shape},"data_offsets":[0,4]`);
const offsetCase = (at: string) => entry(`"dtype":"U8","shape":[4],"data_offsets":${at}`);
const two = (a: string, b: string) =>
  `{"a":{"dtype":"U8","shape":[2],"data_offsets":${a}},"b":{"dtype":"U8","shape":[2],"data_offsets":${b}}}`;

describe("lies", () => {
  it.each<[string, Uint8Array, RegExp, number]>([
    ["an empty file", new Uint8Array(0), /truncated: 0 bytes/, 0],
    ["7 bytes", new Uint8Array(7), /truncated: 7 bytes/, 7],
    ["a header longer than the file", file("{}", 0, 3n), /3 bytes, of which 2/, 0],
    ["a header of 2^63", file("{}", 0, 2n ** 63n), /claims a header of 9223372036854775808/, 0],
    ["a header of 0", file("{}", 0, 0n), /no JSON/, 0],
    ["no JSON", file("hello wo"), /begin with/, 8],
    ["half of a JSON", file('{"w":'), /value expected/, 13],
    ["text after the JSON", file("{} x"), /after the end/, 11],
    ["a comma too many", file('{"w":{},}'), /key must be a string/, 16],
    ["an array", file("[]"), /begin with/, 8],
    ["bad UTF-8", new Uint8Array([5, 0, 0, 0, 0, 0, 0, 0, 123, 34, 255, 34, 125]), /UTF-8/, 9],
    ["a lone surrogate", file('{"\\ud800":1}'), /UTF-8/, 9],
    ["deep nesting", file(`{"w":${"[".repeat(100)}`), /deeper than 16/, 29],
    [
      "a name twice",
      file('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{}}'),
      /twice/,
      61,
    ],
    ["an escaped name twice", file('{"__metadata__":{"w":"a","\\u0077":"b"}}'), /"w" twice/, 33],
    ["metadata of numbers", file('{"__metadata__":{"w":1}}'), /"w" that is no string/, 29],
    ["a tensor that is no object", file('{"w":[]}'), /other than an object/, 13],
    ["no dtype", file(entry('"shape":[],"data_offsets":[0,1]'), 1), /no dtype of "w"/, 13],
    ["a dtype of a prototype", file(entry('"dtype":"toString"')), /"toString" as dtype/, 22],
    ["a negative size", file(shapeCase("[-4]"), 4), /has -4 in the shape/, 36],
    ["a size of 1.5", file(shapeCase("[1.5]"), 4), /has 1.5 in the shape/, 36],
    ["a size of 4e0", file(shapeCase("[4e0]"), 4), /has 4e0 in the shape/, 36],
    ["a size in quotes", file(shapeCase('["4"]'), 4), /a JSON string in the shape/, 36],
    ["a size of 2^53+1", file(shapeCase("[9007199254740993]"), 4), /above 2\^53/, 36],
    ["sizes whose product is huge", file(shapeCase("[9000000,9000000,9000000]"), 4), /2\^53/, 35],
    ["a shape that does not fit", file(shapeCase("[5]"), 4), /5 bytes, but takes 4/, 54],
    ["offsets that go back", file(offsetCase("[4,0]"), 4), /end before it begins/, 54],
    ["offsets beyond the file", file(offsetCase("[0,5]"), 4), /ends at 5 of 4/, 54],
    ["one offset", file(offsetCase("[0]"), 4), /1 data_offsets/, 54],
    ["overlap", file(two("[0,2]", "[1,3]"), 3), /overlap: "b"/, 65],
    ["a hole", file(two("[0,2]", "[3,5]"), 5), /hole of 1 bytes before "b"/, 115],
    ["bytes at the end", file(two("[0,2]", "[2,4]"), 9), /5 bytes that belong to no/, 117],
    [
      "a bool of 2",
      (() => {
        const bytes = file(entry('"dtype":"BOOL","shape":[2],"data_offsets":[0,2]'), 2);
        bytes[bytes.length - 1] = 2;
        return bytes;
      })(),
      /the bool 2 in "w"/,
      64,
    ],
  ])("%s is refused with its byte", (_, bytes, message, byte) => {
    const error = refusal(bytes);
    expect(String(error)).toMatch(message);
    expect(String(error)).toMatch(/^LoadError: x\.safetensors /);
    expect(error.message).toContain(`(byte ${byte})`);
    expect(error.byte).toBe(byte);
  });

  it("refuses an int64 that int32 cannot hold, unless bigints are wanted", () => {
    const data = BigInt64Array.of(5n, -(2n ** 31n), 2n ** 31n);
    const bytes = writeSafetensors([["n", { shape: [3], data }]]);
    const error = refusal(bytes);
    expect(error.message).toMatch(/the int64 2147483648 in "n", which does not fit int32/);
    expect(error.byte).toBe(bytes.length - 8);
    const { tensors } = parseSafetensors(bytes, "x", { int64: "bigint" });
    expect(tensors.get("n")?.data).toEqual(data);
  });
});

describe("damage", () => {
  // Every outcome is LoadError or a file that agrees with itself.
  function survives(bytes: Uint8Array): "read" | "refused" {
    try {
      const { tensors } = parseSafetensors(bytes, "damaged.safetensors");
      for (const { shape, data } of tensors.values()) {
        expect(shape.reduce((a, b) => a * b, 1)).toBe(data.length);
      }
      return "read";
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      expect(error.message).toMatch(/^damaged\.safetensors .*\(byte \d+\)/);
      return "refused";
    }
  }

  it("is refused at every truncation", () => {
    const bytes = writeSafetensors(sample(), { format: "pt" });
    for (let n = 0; n < bytes.length; n++) expect(survives(bytes.subarray(0, n))).toBe("refused");
  });

  it("never ends in anything but LoadError for flipped, replaced, dropped and doubled bytes", () => {
    const bytes = writeSafetensors(sample(), { format: "pt" });
    const rng = new Rng(7);
    const seen = { read: 0, refused: 0 };
    const signs = new TextEncoder().encode('{}[]":,\\-+.eE019 \u0000');
    for (let round = 0; round < 4000; round++) {
      const list = [...bytes];
      for (let edits = 1 + rng.int(3); edits > 0; edits--) {
        const at = rng.int(rng.int(4) === 0 ? list.length : Math.min(list.length, 800));
        const kind = rng.int(4);
        if (kind === 0) list[at] ^= 1 << rng.int(8);
        else if (kind === 1) list[at] = signs[rng.int(signs.length)];
        else if (kind === 2) list.splice(at, 1 + rng.int(4));
        else list.splice(at, 0, ...list.slice(at, at + 1 + rng.int(20)));
      }
      seen[survives(Uint8Array.from(list))]++;
    }
    expect(seen.refused).toBeGreaterThan(1000);
    expect(seen.read).toBeGreaterThan(100); // else the damage is too crude to test anything deep
  });
});

describe("files on disk", () => {
  it("reads single tensors by their range and the whole alike", async () => {
    const path = join(folder, "a.safetensors");
    await writeSafetensorsFile(path, sample(), { step: "3" });
    const open = await SafetensorsFile.open(path);
    expect(open.metadata.get("step")).toBe("3");
    expect(await open.read("__proto__")).toEqual(sample().get("__proto__"));
    await expect(open.read("nothing")).rejects.toThrow(/no tensor "nothing"/);
    await truncate(path, 300);
    await expect(open.read("flags")).rejects.toThrow(/became shorter/);
    await open.close();
  });

  it("names the file that is missing, truncated or lies", async () => {
    await expect(readSafetensorsFile(join(folder, "none"))).rejects.toThrow(
      /none cannot be opened/,
    );
    await expect(readSafetensorsFile(folder)).rejects.toThrow(LoadError);
    const path = join(folder, "b.safetensors");
    const bytes = writeSafetensors(sample());
    for (const n of [0, 5, 8, 20, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, n));
      await expect(readSafetensorsFile(path)).rejects.toThrow(LoadError);
    }
    await writeFile(path, bytes);
    expect((await readSafetensorsFile(path)).tensors.size).toBe(sample().size);
  });

  it("believes no size: a header that claims a terabyte allocates nothing", async () => {
    const path = join(folder, "c.safetensors");
    const size = 2 ** 40;
    await writeFile(path, file(entry(`"dtype":"U8","shape":[${size}],"data_offsets":[0,${size}]`)));
    await expect(readSafetensorsFile(path)).rejects.toThrow(/ends at 1099511627776 of 0 bytes/);
  });
});
