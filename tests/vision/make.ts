// Files that the tests of anneal/vision read: made here, by code that the readers do not share.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32, deflateSync } from "node:zlib";

/** Writes files below a folder, making the folders between. */
export function writeTree(
  root: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

function chunk(kind: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(content.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}

export interface PngParts {
  width: number;
  height: number;
  bits: number;
  /** 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha. */
  colour: number;
  /** The bytes of each row, packed as PNG has them. */
  rows: readonly (readonly number[])[];
  /** The kind of each line; only 0, 1 and 2 are made. */
  filters?: readonly number[];
  palette?: readonly number[];
  interlaced?: number;
}

/** A PNG of given rows. */
export function png({
  width,
  height,
  bits,
  colour,
  rows,
  filters = [],
  ...rest
}: PngParts): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([bits, colour, 0, 0, rest.interlaced ?? 0], 8);
  const channels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colour] ?? 1;
  const step = Math.max(1, (bits * channels) / 8);
  const lines = rows.flatMap((row, y) => {
    const filter = filters[y] ?? 0;
    const beside = (i: number) => (filter === 1 ? (row[i - step] ?? 0) : 0);
    const above = (i: number) => (filter === 2 ? (rows[y - 1]?.[i] ?? 0) : 0);
    return [filter, ...row.map((value, i) => (value - beside(i) - above(i)) & 255)];
  });
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    ...(rest.palette ? [chunk("PLTE", Uint8Array.from(rest.palette))] : []),
    chunk("IDAT", deflateSync(Uint8Array.from(lines))),
    chunk("IEND", new Uint8Array(0)),
  ]);
}

/** A tar of the classic form. */
export function tar(files: Readonly<Record<string, Uint8Array>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, bytes] of Object.entries(files)) parts.push(...tarEntry(name, bytes));
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** A header and its content; other kinds than "0" are notes or folders. */
export function tarEntry(name: string, bytes: Uint8Array, kind = "0"): Buffer[] {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write("0000644\0", 100);
  head.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124);
  head.write("        ", 148);
  head.write(kind, 156);
  head.write("ustar\x0000", 257);
  const sum = head.reduce((a, b) => a + b, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512);
  return [head, Buffer.from(bytes), padding];
}
