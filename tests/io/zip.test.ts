// Zip archives made here byte by byte after the format's own note (APPNOTE.TXT 6.3), and broken ones.
import { expect, it } from "vitest";
import { parseZip } from "../../src/io/index.ts";
import { LoadError } from "../../src/util/errors.ts";
import { zipOf } from "./archives.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const files = { "a/one.txt": "one, one, one, one, one", "a/": "", "two.txt": "2" };

it("gives the files, deflated and stored, without the folders", async () => {
  for (const method of [0, 8]) {
    const found = await parseZip(zipOf(files, { method, comment: "a comment behind it" }));
    expect(found.map(({ name, bytes }) => [name, text(bytes)])).toEqual([
      ["a/one.txt", files["a/one.txt"]],
      ["two.txt", "2"],
    ]);
  }
  expect(await parseZip(zipOf({}))).toEqual([]);
});

it("reads an archive that begins somewhere in a buffer", async () => {
  const zip = zipOf(files);
  const room = new Uint8Array(zip.length + 7);
  room.set(zip, 7);
  expect(await parseZip(room.subarray(7))).toHaveLength(2);
});

it.each<[string, Uint8Array, string]>([
  ["nothing", new Uint8Array(0), "set.zip is no zip archive, or ends within it (byte 0)"],
  ["a text", new TextEncoder().encode("x".repeat(100)), "set.zip is no zip archive"],
  ["a beginning", zipOf(files).slice(0, 100), "set.zip is no zip archive, or ends within it"],
  [
    "another packing",
    zipOf(files, { method: 8, saysMethod: 12 }),
    "set.zip:a/one.txt is packed by method 12",
  ],
  ["a cipher", zipOf(files, { flags: 1 }), "set.zip:a/one.txt is encrypted"],
  [
    "another length",
    zipOf(files, { longer: 3 }),
    "set.zip:a/one.txt has 23 bytes, its directory says 26",
  ],
  [
    "no deflated bytes",
    zipOf(files, { method: 0, saysMethod: 8 }),
    "set.zip:a/one.txt cannot be unpacked",
  ],
  ["no directory", zipOf(files, { moved: 5 }), "set.zip has no entry of its directory at byte"],
])("refuses %s", async (_, bytes, message) => {
  const error = await parseZip(bytes, "set.zip").catch((reason) => reason);
  expect(error).toBeInstanceOf(LoadError);
  expect(error.message).toContain(message);
});
