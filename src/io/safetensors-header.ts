// The header of a safetensors file: what tensors there are and where. Everything that a truncated,
// damaged or lying file can get wrong is caught here, from the header's bytes and the length of the
// file alone, so that nothing is allocated on the word of the file. It reads no tensor.
import { LoadError } from "../util/errors.ts";
import { type JsonNode, readJson } from "./json.ts";

/**
 * Bytes per element of every dtype that is read and written, in the order in which files store
 * them.
 */
export const DTYPE_SIZES = {
  U64: 8,
  I64: 8,
  F64: 8,
  F32: 4,
  U32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  U16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

/** The element types of the format, by its own names. */
export type SafetensorsDtype = keyof typeof DTYPE_SIZES;

/** Where one tensor lies: bytes `begin` to `end` of the file. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Layout {
  /** By name, in the order of the header. */
  readonly infos: Map<string, TensorInfo>;
  readonly metadata: Map<string, string>;
}

/** The format's own limit on its header. */
export const MAX_HEADER = 100_000_000;

/** The length of the header, from the first 8 bytes of a file of `fileSize` bytes. */
export function headerLength(bytes: Uint8Array, fileSize: number, file: string): number {
  if (fileSize < 8 || bytes.length < 8) {
    bad(file, fileSize, `is truncated: ${fileSize} bytes, where the header length takes 8`);
  }
  const claimed = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (claimed > BigInt(MAX_HEADER)) {
    bad(file, 0, `claims a header of ${claimed} bytes, more than the format's ${MAX_HEADER}`);
  }
  const length = Number(claimed);
  if (length < 2) bad(file, 0, `claims a header of ${length} bytes, which is no JSON`);
  if (length > fileSize - 8) {
    const rest = fileSize - 8;
    bad(file, 0, `is truncated or lies: a header of ${length} bytes, of which ${rest} are there`);
  }
  return length;
}

/**
 * Reads and proves the header of a file of `fileSize` bytes; `bytes` holds at least the header.
 * Throws LoadError that names the byte.
 */
export function parseLayout(bytes: Uint8Array, fileSize: number, file: string): Layout {
  const length = headerLength(bytes, fileSize, file);
  const start = 8 + length;
  if (bytes[8] !== 0x7b) bad(file, 8, "has a header that does not begin with '{'");
  const root = readJson(bytes.subarray(8, start), file, 8);
  if (root.kind !== "object") return bad(file, 8, "has a header that is not an object");
  const infos = new Map<string, TensorInfo>();
  let metadata = new Map<string, string>();
  const places = new Map<TensorInfo, number>();
  for (const [name, node] of root.entries) {
    if (name === "__metadata__") {
      metadata = parseMetadata(node, file);
      continue;
    }
    const info = parseInfo(name, node, start, fileSize, file);
    infos.set(name, info);
    places.set(info, node.at);
  }
  checkCover(places, start, fileSize, file);
  return { infos, metadata };
}

function parseMetadata(node: JsonNode, file: string): Map<string, string> {
  if (node.kind !== "object") bad(file, node.at, "has a __metadata__ that is not an object");
  const metadata = new Map<string, string>();
  for (const [key, value] of node.entries) {
    if (value.kind !== "string") bad(file, value.at, `has metadata ${show(key)} that is no string`);
    metadata.set(key, value.value);
  }
  return metadata;
}

function parseInfo(
  name: string,
  node: JsonNode,
  start: number,
  fileSize: number,
  file: string,
): TensorInfo {
  const what = show(name);
  if (node.kind !== "object")
    bad(file, node.at, `describes ${what} by something other than an object`);
  const field = (key: string) =>
    node.entries.get(key) ?? bad(file, node.at, `has no ${key} of ${what}`);
  const dtype = parseDtype(field("dtype"), what, file);
  const shapeNode = field("shape");
  const shape = parseSizes(shapeNode, `the shape of ${what}`, file);
  const bytes = byteCount(shape, DTYPE_SIZES[dtype], shapeNode.at, what, file);
  const offsetsNode = field("data_offsets");
  const offsets = parseSizes(offsetsNode, `the data_offsets of ${what}`, file);
  const [from, to] = offsets;
  const at = offsetsNode.at;
  if (offsets.length !== 2 || from === undefined || to === undefined) {
    return bad(file, at, `has ${offsets.length} data_offsets of ${what}, not 2`);
  }
  if (from > to) bad(file, at, `has ${what} end before it begins: [${from}, ${to}]`);
  if (to > fileSize - start) {
    const rest = fileSize - start;
    bad(file, at, `is truncated or lies: ${what} ends at ${to} of ${rest} bytes of data`);
  }
  if (to - from !== bytes) {
    const text = `${what} is ${dtype} [${shape}], ${bytes} bytes, but takes ${to - from}`;
    bad(file, at, `contradicts itself: ${text}`);
  }
  return { name, dtype, shape, begin: start + from, end: start + to };
}

function parseDtype(node: JsonNode, what: string, file: string): SafetensorsDtype {
  if (node.kind === "string" && Object.hasOwn(DTYPE_SIZES, node.value)) {
    return node.value as SafetensorsDtype;
  }
  const got = node.kind === "string" ? show(node.value) : `a JSON ${node.kind}`;
  const known = Object.keys(DTYPE_SIZES).join(" ");
  return bad(file, node.at, `has ${got} as dtype of ${what}; known are ${known}`);
}

function parseSizes(node: JsonNode, what: string, file: string): number[] {
  if (node.kind !== "array") return bad(file, node.at, `has ${what} that is not an array`);
  return node.items.map((item) => {
    if (item.kind !== "number" || !/^[0-9]+$/.test(item.text)) {
      const got = item.kind === "number" ? item.text : `a JSON ${item.kind}`;
      return bad(file, item.at, `has ${got} in ${what}, where an integer from 0 is needed`);
    }
    const value = Number(item.text);
    if (Number.isSafeInteger(value)) return value;
    return bad(file, item.at, `has ${item.text} in ${what}, which is above 2^53`);
  });
}

function byteCount(shape: number[], size: number, at: number, what: string, file: string): number {
  let count = size;
  for (const length of shape) {
    count *= length;
    if (!Number.isSafeInteger(count)) {
      bad(file, at, `has a shape of ${what} whose size in bytes is above 2^53`);
    }
  }
  return count;
}

// The format wants every byte after the header to belong to exactly one tensor.
function checkCover(
  places: Map<TensorInfo, number>,
  start: number,
  fileSize: number,
  file: string,
): void {
  const sorted = [...places.keys()].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = start;
  for (const info of sorted) {
    const at = places.get(info) as number;
    if (info.begin < end) bad(file, at, `has tensors that overlap: ${show(info.name)}`);
    if (info.begin > end) {
      bad(file, end, `has a hole of ${info.begin - end} bytes before ${show(info.name)}`);
    }
    end = info.end;
  }
  if (end < fileSize) bad(file, end, `has ${fileSize - end} bytes that belong to no tensor`);
}

function bad(file: string, byte: number, detail: string): never {
  throw new LoadError(file, `${detail} (byte ${byte})`, { byte });
}

function show(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
