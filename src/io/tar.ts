// The files of a tar archive (POSIX ustar, with the long names of GNU tar and of pax), as views of
// its bytes. Not here: writing one, compression, or links and devices, which are passed over.
import { LoadError } from "../util/errors.ts";

/** One file of an archive. */
export interface TarFile {
  /** Its path, with `/`, without a leading `./`. */
  readonly name: string;
  /** A view of the archive. */
  readonly bytes: Uint8Array;
}

const BLOCK = 512;

/** Kinds of entries, by the letter in their header. */
const FILE = "0";
const GNU_LONG_NAME = "L";
const PAX = "x";

/** Entries that say something about others: names of links, and what holds for the whole archive. */
const notes = ["K", "g"];

/**
 * The files of an archive in their order. Throws LoadError that names the byte for a header that is
 * none, and for an archive that is cut off or compressed.
 *
 * @example
 * for (const { name, bytes } of parseTar(await readFile("train.tar"), "train.tar")) console.log(name);
 */
export function parseTar(bytes: Uint8Array, file = "tar"): TarFile[] {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    const hint = "gunzip it first";
    throw new LoadError(file, "is compressed, and no tar as it stands", { hint, byte: 0 });
  }
  const files: TarFile[] = [];
  let longName: string | undefined;
  for (let at = 0; at < bytes.length; ) {
    if (at + BLOCK > bytes.length) throw cut(file, bytes.length);
    if (bytes[at] === 0) return files; // an empty block ends the archive
    const header = headerAt(bytes, at, file);
    const start = at + BLOCK;
    const end = start + header.size;
    if (end > bytes.length) throw cut(file, bytes.length);
    const content = bytes.subarray(start, end);
    if (header.kind === GNU_LONG_NAME) longName = textOf(content);
    else if (header.kind === PAX) longName = paxPath(content) ?? longName;
    else if (!notes.includes(header.kind)) {
      const name = (longName ?? header.name).replace(/^(\.\/)+/, "");
      if (header.kind === FILE) files.push({ name, bytes: content });
      longName = undefined;
    }
    at = start + Math.ceil(header.size / BLOCK) * BLOCK;
  }
  if (files.length === 0) throw cut(file, bytes.length);
  return files;
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly kind: string;
}

function headerAt(bytes: Uint8Array, at: number, file: string): Header {
  const field = (from: number, length: number) => bytes.subarray(at + from, at + from + length);
  const told = octal(field(148, 8));
  // The sum counts its own field as spaces.
  let sum = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += bytes[at + i];
  const size = octal(field(124, 12));
  if (told !== sum || !Number.isSafeInteger(size)) {
    throw new LoadError(file, `has no tar header at byte ${at}`, { byte: at });
  }
  const magic = textOf(field(257, 5));
  const prefix = magic === "ustar" && bytes[at + 262] === 0 ? textOf(field(345, 155)) : "";
  const name = textOf(field(0, 100));
  const kind = String.fromCharCode(bytes[at + 156] || FILE.charCodeAt(0));
  return { name: prefix === "" ? name : `${prefix}/${name}`, size, kind };
}

function octal(field: Uint8Array): number {
  const text = textOf(field).trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

/** The text of a field until its first zero. */
function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** The path among pax records, each of which reads `LENGTH KEY=VALUE\n`, its length in bytes. */
function paxPath(content: Uint8Array): string | undefined {
  const decoder = new TextDecoder();
  for (let at = 0; at < content.length; ) {
    const length = Number.parseInt(decoder.decode(content.subarray(at, at + 20)), 10);
    if (!(length > 0)) return undefined;
    const record = decoder.decode(content.subarray(at, at + length - 1));
    const found = /^\d+ path=([\s\S]*)$/.exec(record);
    if (found) return found[1];
    at += length;
  }
  return undefined;
}

function cut(file: string, byte: number): LoadError {
  return new LoadError(file, `ends within the archive (byte ${byte})`, { byte });
}
