// Sequences on their way into batches: padding, buckets, windows, and texts read from files.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArrayDataset, DataLoader, RandomSampler } from "../../src/data/index.ts";
import { decodeText, linesOf } from "../../src/io/index.ts";
import {
  BucketSampler,
  padSequences,
  readCorpus,
  readLines,
  readParallel,
  splitText,
  TokenWindows,
} from "../../src/text/index.ts";

describe("padding", () => {
  it("fills up on either side, with lengths and a mask", () => {
    const sequences = [Int32Array.of(5, 6, 7), [8]];
    const right = padSequences(sequences, { pad: 9, multipleOf: 4 });
    expect(right.tokens).toEqual({ data: Int32Array.of(5, 6, 7, 9, 8, 9, 9, 9), shape: [2, 4] });
    expect(right.mask).toEqual({ data: Uint8Array.of(1, 1, 1, 0, 1, 0, 0, 0), shape: [2, 4] });
    expect(right.lengths).toEqual({ data: Int32Array.of(3, 1), shape: [2] });
    const left = padSequences(sequences, { side: "left" });
    expect([...left.tokens.data]).toEqual([5, 6, 7, 0, 0, 8]);
    expect([...left.mask.data]).toEqual([1, 1, 1, 0, 0, 1]);
  });

  it("refuses empty sequences and long ones, unless it may cut", () => {
    expect(() => padSequences([[1], []])).toThrow("padSequences: sequence 1 is empty");
    expect(() => padSequences([])).toThrow("padSequences: there is no sequence to pad");
    expect(() => padSequences([[1, 2, 3]], { length: 2 })).toThrow(
      "padSequences: sequence 0 has 3 tokens, not 2\n  hint: pass { truncate: true } to cut it",
    );
    const cut = padSequences([[1, 2, 3]], { length: 2, truncate: true });
    expect([...cut.tokens.data, ...cut.lengths.data]).toEqual([1, 2, 2]);
    expect(() => padSequences([[1]], { multipleOf: 0 })).toThrow(
      "multipleOf must be an integer from 1",
    );
  });
});

describe("buckets", () => {
  const lengths = Array.from({ length: 103 }, (_, i) => 1 + ((i * 37) % 29));

  it("hold every sequence once, with neighbours of about its length", () => {
    const sampler = new BucketSampler(lengths, { batchSize: 10, shuffle: true, seed: 1 });
    for (const epoch of [0, 1]) {
      const batches = sampler.batches(epoch);
      expect(batches).toHaveLength(sampler.length);
      const all = batches.flatMap((batch) => [...batch]).sort((a, b) => a - b);
      expect(all).toEqual([...Array(103).keys()]);
      for (const batch of batches) {
        const own = [...batch].map((i) => lengths[i] as number);
        expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(4);
      }
    }
    const flat = (epoch: number) => sampler.batches(epoch).map((batch) => [...batch]);
    expect(flat(0)).not.toEqual(flat(1));
    expect(flat(0)).toEqual(flat(0));
    const dropped = new BucketSampler(lengths, { batchSize: 10, dropLast: true });
    expect(dropped.batches(0).map(({ length }) => length)).toEqual(new Array(10).fill(10));
  });

  it("give a DataLoader its batches, which resumes among them", async () => {
    const data = new ArrayDataset(lengths);
    const batchSampler = new BucketSampler(lengths, { batchSize: 10, shuffle: true, seed: 3 });
    const make = () => {
      return new DataLoader(data, { batchSampler, toTensor: ({ data }) => [...data], seed: 3 });
    };
    const loader = make();
    expect(loader.length).toBe(11);
    const seen: number[][] = [];
    for await (const batch of loader) seen.push(batch as number[]);
    expect(seen).toEqual(batchSampler.batches(0).map((b) => [...b].map((i) => lengths[i])));
    const broken = make();
    let count = 0;
    for await (const _ of broken) if (++count === 4) break;
    const resumed = make();
    resumed.loadState(broken.state());
    const rest: number[][] = [];
    for await (const batch of resumed) rest.push(batch as number[]);
    expect(rest).toEqual(seen.slice(4));
    expect(() => new DataLoader(data, { batchSampler, batchSize: 3 })).toThrow(
      "DataLoader: batchSize and batchSampler exclude each other",
    );
  });
});

describe("windows", () => {
  const tokens = Int32Array.from({ length: 11 }, (_, i) => i * 2);

  it("hold the next token at every place", () => {
    const windows = new TokenWindows(tokens, { length: 3 });
    expect(windows.length).toBe(3);
    expect([...windows.get(2).x.data, ...windows.get(2).y.data]).toEqual([12, 14, 16, 14, 16, 18]);
    const every = new TokenWindows(tokens, { length: 3, stride: 1 });
    expect(every.length).toBe(8);
    const { x, y } = every.batch(Uint32Array.of(7, 0));
    expect(x).toEqual({ data: Int32Array.of(14, 16, 18, 0, 2, 4), shape: [2, 3] });
    expect(y).toEqual({ data: Int32Array.of(16, 18, 20, 2, 4, 6), shape: [2, 3] });
  });

  it("come at random places from a sampler, as int32 tensors", async () => {
    const windows = new TokenWindows(tokens, { length: 4, stride: 1 });
    const sampler = new RandomSampler(windows.length, { replacement: true, count: 6, seed: 1 });
    const loader = new DataLoader(windows, { batchSize: 3, sampler });
    let batches = 0;
    for await (const { x, y } of loader) {
      expect([x.shape, y.shape, x.dtype]).toEqual([[3, 4], [3, 4], "int32"]);
      const [a, b] = [await x.data(), await y.data()];
      a.forEach((token, i) => void expect(b[i]).toBe(token + 2));
      batches++;
    }
    expect(batches).toBe(2);
  });

  it("refuse a text without a whole one, and tokens that are none", () => {
    expect(() => new TokenWindows([1, 2, 3], { length: 3 })).toThrow(
      "TokenWindows: 3 tokens hold no window of 3 and the token after it",
    );
    expect(() => new TokenWindows([1, -2, 3], { length: 1 })).toThrow("token -2 at 1 is not in");
    expect(() => new TokenWindows(tokens, { length: 0 })).toThrow(
      "length must be an integer from 1",
    );
    expect(() => new TokenWindows(tokens, { length: 3 }).get(3)).toThrow(
      "window 3 is not one of 3",
    );
  });
});

describe("texts", () => {
  let folder: string;
  let server: Server;
  let url: string;
  const german = gzipSync("Ein Hund.\nZwei Männer.\n");
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "anneal-text-"));
    server = createServer((_, response) => void response.end(german)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/train.de.gz`;
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
  const write = async (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
  const latin1 = Uint8Array.of(0x47, 0x72, 0xfc, 0xdf, 0x65); // Grüße

  it("must be UTF-8, and say which byte is not", async () => {
    const path = await write("latin1.txt", latin1);
    await expect(readCorpus({ from: path })).rejects.toThrow(`${path} is not UTF-8 (byte 2)`);
    const broken = new TextEncoder().encode("ab☃").subarray(0, 4);
    expect(() => decodeText(broken, "x")).toThrow("x is not UTF-8 (byte 2)");
    expect(() => decodeText(Uint8Array.of(0x61, 0xff), "x")).toThrow("(byte 1)");
    expect(() => decodeText(Uint8Array.of(0xff), "x")).toThrow("(byte 0)");
    expect(decodeText(new TextEncoder().encode("\ufeffGrüße"), "x")).toBe("Grüße");
    await expect(readCorpus({ from: join(folder, "none") })).rejects.toThrow("none is not there");
    const empty = await write("empty.txt", " \n");
    await expect(readCorpus({ from: empty })).rejects.toThrow(`${empty} is empty`);
  });

  it("come line by line, none of them empty", async () => {
    expect(linesOf("a\r\nb\n\nc")).toEqual(["a", "b", "", "c"]);
    expect(await readLines({ from: await write("names.txt", "emma\nolivia\n") })).toEqual([
      "emma",
      "olivia",
    ]);
    const gap = await write("gap.txt", "a\n\nb\n");
    await expect(readLines({ from: gap })).rejects.toThrow(`${gap} has an empty line 2`);
    expect(splitText("abcdefghij", 0.9)).toEqual(["abcdefghi", "j"]);
    expect(() => splitText("ab", 1)).toThrow("splitText: part must be between 0 and 1, got 1");
  });

  it("come from an address with a checksum, unpacked", async () => {
    const checksum = createHash("sha256").update("Ein Hund.\nZwei Männer.\n").digest("hex");
    const source = { from: url, checksum, gzip: true, cache: join(folder, "cache") };
    expect(await readLines(source)).toEqual(["Ein Hund.", "Zwei Männer."]);
    await expect(readLines({ ...source, gzip: false })).resolves.toHaveLength(2); // from the cache
    const fresh = { ...source, cache: join(folder, "other") };
    await expect(readLines({ ...fresh, checksum: "0".repeat(64) })).rejects.toThrow(
      "another checksum",
    );
    await expect(readLines({ ...fresh, gzip: false })).rejects.toThrow("another checksum");
    await expect(readLines({ from: url })).rejects.toThrow("needs a checksum");
  });

  it("come in pairs of languages", async () => {
    await write("multi30k.train.de", "Ein Hund.\nZwei Männer.\n");
    await write("multi30k.train.en", "A dog.\nTwo men.\n");
    await write("multi30k.train.fr", "Un chien.\n");
    await write("val.de", "Ja.\n");
    await write("val.en", "Yes.\n");
    const train = { root: folder, split: "train", from: "de", to: "en" };
    expect(await readParallel(train)).toEqual({
      from: ["Ein Hund.", "Zwei Männer."],
      to: ["A dog.", "Two men."],
    });
    expect((await readParallel({ ...train, split: "val", from: "en", to: "de" })).to).toEqual([
      "Ja.",
    ]);
    await expect(readParallel({ ...train, from: "xx" })).rejects.toThrow(
      'readParallel: unknown language "xx"\n  hint: there are de, en, fr',
    );
    await expect(readParallel({ ...train, to: "fr" })).rejects.toThrow(
      /fr has 1 lines, .*de has 2/,
    );
    await expect(readParallel({ ...train, to: "de" })).rejects.toThrow("from and to are both de");
    await expect(readParallel({ ...train, root: join(folder, "x") })).rejects.toThrow(
      "x is not there",
    );
    await expect(readParallel({ split: "train", from: "nl", to: "en" })).rejects.toThrow(
      'unknown language "nl"\n  hint: there are de, en, fr',
    );
  });
});
