// Pictures in folders of classes, in a directory and in a tar; CIFAR's binary form; and what is wrong
// with folders and archives.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { parseTar } from "../../src/io/index.ts";
import { LoadError } from "../../src/util/errors.ts";
import { ImageFolder, openFiles, parseCifar, readCifar } from "../../src/vision/index.ts";
import { png, tar, tarEntry, writeTree } from "./make.ts";

const root = mkdtempSync(join(tmpdir(), "anneal-folders-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const dot = (value: number) => png({ width: 1, height: 1, bits: 8, colour: 0, rows: [[value]] });
const files = {
  "dog/2.png": dot(2),
  "dog/1.PNG": dot(1),
  "cat/deep/3.png": dot(3),
  "cat/notes.txt": Buffer.from("no picture"),
  "readme.png": dot(9),
};
writeTree(join(root, "good"), files);
writeTree(root, { "good.tar": tar(files) });

describe("ImageFolder", () => {
  it.each(["good", "good.tar"])("finds classes and pictures in %s", async (name) => {
    const set = await ImageFolder.open(join(root, name), { channels: 1 });
    expect(set.classes).toEqual(["cat", "dog"]);
    expect(set.entries).toEqual([
      { name: "cat/deep/3.png", label: 0 },
      { name: "dog/1.PNG", label: 1 },
      { name: "dog/2.png", label: 1 },
    ]);
    expect(set.counts).toEqual([1, 2]);
    const { items, bad } = await set.read();
    expect(items.map(({ image }) => image.data[0])).toEqual([3, 1, 2]);
    expect(bad).toEqual([]);
    const some = await set.read({ indices: [2, 0] });
    expect(some.items.map(({ name }) => name)).toEqual(["dog/2.png", "cat/deep/3.png"]);
  });

  it("gives RGB without being asked, and classes their numbers in a given order", async () => {
    const set = await ImageFolder.open(join(root, "good"), { classes: ["dog", "cat"] });
    const { image, label } = await set.get(0);
    expect([image.shape, label]).toEqual([[1, 1, 3], 1]);
    await expect(set.get(3)).rejects.toThrow("index 3 is not in a dataset of 3 samples");
  });

  it("names other classes, and folders that hold none", async () => {
    const open = ImageFolder.open(join(root, "good"), { classes: ["cat", "cow"] });
    await expect(open).rejects.toMatchObject({
      name: "LoadError",
      lines: ["missing     cow", "unexpected  dog"],
    });
    await expect(ImageFolder.open(join(root, "nowhere"))).rejects.toThrow("is not there");
    await expect(ImageFolder.open(join(root, "good/dog"))).rejects.toThrow("has no pictures");
  });

  it("stops at the first bad picture, or lists the bad ones", async () => {
    writeTree(join(root, "bad"), { ...files, "cat/1.jpg": Buffer.from("x"), "dog/0.jpg": "" });
    const set = await ImageFolder.open(join(root, "bad"), { channels: 1 });
    await expect(set.read()).rejects.toThrow(LoadError);
    await expect(set.read()).rejects.toThrow(/cat.1\.jpg is no readable picture/);
    const { items, bad } = await set.read({ skipBad: true });
    expect(items.map(({ image }) => image.data[0])).toEqual([3, 1, 2]);
    expect(bad.map(({ file }) => file)).toEqual([set.label(0), set.label(2)]);
    expect(bad[1].reason).toMatch(/^is empty/);
  });
});

describe("parseTar", () => {
  it("has long names of both kinds, folders passed over", () => {
    const long = `${"deep/".repeat(30)}a.txt`;
    const content = Buffer.from("content");
    const record = ` path=${long}\n`;
    const pax = Buffer.from(`${record.length + 3}${record}`);
    const archive = Buffer.concat([
      ...tarEntry("folder/", new Uint8Array(0), "5"),
      ...tarEntry("././@LongLink", Buffer.from(`${long}\0`), "L"),
      ...tarEntry("cut", content),
      ...tarEntry("pax", pax, "x"),
      ...tarEntry("cut", content),
      ...tarEntry("./short", content),
    ]);
    const found = parseTar(archive);
    expect(found.map(({ name }) => name)).toEqual([long, long, "short"]);
    expect(Buffer.from(found[2].bytes).toString()).toBe("content");
  });

  it("names the byte where an archive ends or is none", () => {
    const archive = tar(files);
    expect(() => parseTar(archive.subarray(0, 1100), "t.tar")).toThrow("(byte 1100)");
    expect(() => parseTar(archive.subarray(0, 520), "t.tar")).toThrow("t.tar ends within");
    expect(() => parseTar(Buffer.alloc(1024, 65), "t.tar")).toThrow("has no tar header at byte 0");
    expect(() => parseTar(gzipSync(archive), "t.tgz")).toThrow("t.tgz is compressed");
    expect(() => parseTar(new Uint8Array(0), "t.tar")).toThrow("ends within");
    const spoiled = Buffer.from(archive);
    spoiled[3] ^= 1;
    expect(() => parseTar(spoiled, "t.tar")).toThrow("has no tar header at byte 0");
  });

  it("answers for a name that is not there", async () => {
    const tree = await openFiles(join(root, "good.tar"));
    await expect(tree.read("cat/9.png")).rejects.toThrow(
      "good.tar:cat/9.png is not in the archive",
    );
  });
});

describe("CIFAR", () => {
  const record = (labels: number[], fill: number) => [...labels, ...new Array(3072).fill(fill)];
  const batch = (label: number) => Uint8Array.from(record([label], label * 10));
  const parts = Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, batch(i)]));
  const names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

  it("reads the six files", async () => {
    writeTree(join(root, "cifar"), {
      ...parts,
      "test_batch.bin": Uint8Array.from([...batch(9), ...batch(0)]),
      "batches.meta.txt": names,
    });
    const { train, test, classes } = await readCifar(join(root, "cifar"));
    expect([...train.labels]).toEqual([1, 2, 3, 4, 5]);
    expect(train.images[3072]).toBe(20);
    expect([test.count, test.labels[0], test.images[3071]]).toEqual([2, 9, 90]);
    expect(classes[9]).toBe("truck");
  });

  it("takes the fine label of CIFAR-100", () => {
    const bytes = Uint8Array.from(record([19, 87], 5));
    const { labels, images } = parseCifar(bytes, { classes: 100, labels: 2 });
    expect([labels[0], images[0]]).toEqual([87, 5]);
  });

  it("names missing files, a cut record and a label out of range", async () => {
    writeTree(join(root, "part"), parts);
    await expect(readCifar(join(root, "part"))).rejects.toMatchObject({
      lines: ["missing     test_batch.bin", "missing     batches.meta.txt"],
    });
    await expect(readCifar(join(root, "gone"))).rejects.toThrow("cifar-10-binary.tar.gz");
    expect(() => parseCifar(batch(3).subarray(1), { file: "b.bin" })).toThrow(
      "b.bin has 3072 bytes",
    );
    const wrong = Uint8Array.from([...batch(1), ...batch(11)]);
    expect(() => parseCifar(wrong, { file: "b.bin" })).toThrow(
      "b.bin has the label 11, not 0 to 9 (byte 3073)",
    );
  });
});
