// The files of a zip archive, stored or deflated. Not here: writing one, archives of more than 4 GiB (zip64),
// encryption, or the other kinds of compression.

import { LoadError } from "../util/errors.ts";

/** One file of an archive. */
export interface ZipFile {
  /** Its path, with `/`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What the last record of an archive begins with, its directory's entries, and its files. */
const [END, ENTRY, FILE] = [0x06054b50, 0x02014b50, 0x04034b50];
const [STORED, DEFLATED] = [0, 8];

/** The last record's length without its comment, which has at most 65,535 bytes. */
const endLength = 22;

/**
 * The files of an archive in the order of its directory. Rejects with LoadError that names the byte for
 * what is no archive, for one that is cut off or encrypted, and for a file of another length than it says.
 *
 * @example
 * for (const { name, bytes } of await parseZip(await readFile("set.zip"), "set.zip")) console.log(name);
 */
export async function parseZip(bytes: Uint8Array, file = "zip"): Promise<ZipFile[]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = endOf(view, file);
  const count = view.getUint16(end + 10, true);
  const found: ZipFile[] = [];
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    const entry = entryAt(view, at, file);
    if (!entry.name.endsWith("/")) {
      const packed = contentOf(view, entry, file);
      found.push({ name: entry.name, bytes: await unpacked(packed, entry, file) });
    }
    at = entry.next;
  }
  return found;
}

interface Entry {
  readonly name: string;
  readonly method: number;
  readonly packed: number;
  readonly size: number;
  /** Where its file begins. */
  readonly start: number;
  readonly next: number;
}

function endOf(view: DataView, file: string): number {
  const least = Math.max(0, view.byteLength - endLength - 0xffff);
  for (let at = view.byteLength - endLength; at >= least; at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  const what = `is no zip archive, or ends within it (byte ${view.byteLength})`;
  throw new LoadError(file, what, { byte: view.byteLength });
}

function entryAt(view: DataView, at: number, file: string): Entry {
  if (at + 46 > view.byteLength || view.getUint32(at, true) !== ENTRY) {
    throw new LoadError(file, `has no entry of its directory at byte ${at}`, { byte: at });
  }
  const short = (offset: number) => view.getUint16(at + offset, true);
  const long = (offset: number) => view.getUint32(at + offset, true);
  const name = textOf(view, at + 46, short(28));
  const method = short(10);
  const isEncrypted = (short(8) & 1) === 1;
  if (isEncrypted || (method !== STORED && method !== DEFLATED)) {
    const how = isEncrypted ? "is encrypted" : `is packed by method ${method}`;
    throw new LoadError(`${file}:${name}`, how, { byte: at });
  }
  const next = at + 46 + short(28) + short(30) + short(32);
  return { name, method, packed: long(20), size: long(24), start: long(42), next };
}

/** The bytes of a file as they are packed: its own header tells where they begin. */
function contentOf(view: DataView, { name, start, packed }: Entry, file: string): Uint8Array {
  if (start + 30 > view.byteLength || view.getUint32(start, true) !== FILE) {
    throw new LoadError(`${file}:${name}`, `does not begin at byte ${start}`, { byte: start });
  }
  const from = start + 30 + view.getUint16(start + 26, true) + view.getUint16(start + 28, true);
  if (from + packed > view.byteLength) {
    throw new LoadError(file, `ends within ${name}`, { byte: view.byteLength });
  }
  return new Uint8Array(view.buffer, view.byteOffset + from, packed);
}

async function unpacked(
  packed: Uint8Array,
  { name, method, size }: Entry,
  file: string,
): Promise<Uint8Array> {
  const wrong = (detail: string, cause?: unknown) =>
    new LoadError(`${file}:${name}`, detail, { cause });
  if (method === STORED) return packed;
  const stream = new Blob([Uint8Array.from(packed)])
    .stream()
    .pipeThrough(new DecompressionStream("deflate-raw"));
  const bytes = await new Response(stream).arrayBuffer().catch((cause: Error) => {
    throw wrong(`cannot be unpacked: ${cause.message}`, cause);
  });
  if (bytes.byteLength === size) return new Uint8Array(bytes);
  throw wrong(`has ${bytes.byteLength} bytes, its directory says ${size}`);
}

function textOf(view: DataView, at: number, length: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at, length));
}
