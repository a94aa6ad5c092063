// Files of text: from a path, or from an address with a checksum; always UTF-8, with a byte order
// mark left out. What is no UTF-8 is an error that names the byte, never a replacement character.
// Not here: what a text is about (text/corpora.ts), or tables (data/csv.ts).

import { ArgumentError, LoadError } from "../util/errors.ts";
import { download, unpack } from "./download.ts";
import { node } from "./node.ts";

/** Where a text comes from, and how it is known to be the right one. */
export interface TextSource {
  /** A path, or an address that begins with http. */
  from: string;
  /** SHA-256 in hex of the text, uncompressed. An address needs one. */
  checksum?: string | undefined;
  /** The file at the address is compressed. */
  gzip?: boolean | undefined;
  /** The cache folder of downloads. */
  cache?: string | undefined;
}

/**
 * The text of a UTF-8 file, unpacked where it is gzipped. Throws LoadError for a file that is not there or no
 * UTF-8.
 *
 * @example
 * const text = await readText("shakespeare.txt");
 */
export async function readText(path: string): Promise<string> {
  const { fs } = await node();
  const bytes = await fs.readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "is not there" : `cannot be read: ${cause.code}`;
    throw new LoadError(path, why, { cause });
  });
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b; // no text begins so: 8b goes on a character
  return decodeText(gzipped ? await unpack(path, Uint8Array.from(bytes)) : bytes, path);
}

/** The text at a path or an address. Throws LoadError, also for another checksum. */
export async function textFrom({ from, checksum, gzip, cache }: TextSource): Promise<string> {
  if (!/^https?:/.test(from)) return readText(from);
  if (checksum === undefined) {
    throw new ArgumentError("textFrom", `${from} needs a checksum`, {
      hint: "pass its SHA-256 in hex",
    });
  }
  return decodeText(await download(from, { checksum, gzip, cache }), from);
}

/** The lines of a text, without their ends (LF or CR LF); what ends the last one begins none. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Bytes of UTF-8 as text. Throws LoadError that names the first byte that is wrong. */
export function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    const byte = firstWrong(bytes);
    const hint = "save it as UTF-8, for example: iconv -f latin1 -t utf-8";
    throw new LoadError(file, `is not UTF-8 (byte ${byte})`, { byte, hint, cause });
  }
}

/** Where the first character begins that is none. */
function firstWrong(bytes: Uint8Array): number {
  const isText = (length: number, stream: boolean) => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length), { stream });
      return true;
    } catch {
      return false;
    }
  };
  // Halving finds the longest beginning of some text; that one may end within a character.
  let [good, bad] = [0, bytes.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isText(middle, true)) good = middle;
    else bad = middle;
  }
  while (!isText(good, false)) good--;
  return good;
}
