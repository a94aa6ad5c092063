// The safetensors format (github.com/huggingface/safetensors): 8 bytes of header length, a JSON
// header, then the tensors' bytes without holes. The header is proved right against the length of
// the file before a single tensor is allocated. This module works on bytes and runs everywhere;
// files on disk are in safetensors-file.ts, and Tensors are made by whoever calls.
import { ArgumentError, LoadError, ShapeError } from "../util/errors.ts";
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from "./float16.ts";
import {
  DTYPE_SIZES,
  parseLayout,
  type SafetensorsDtype,
  type TensorInfo,
} from "./safetensors-header.ts";

export type { SafetensorsDtype } from "./safetensors-header.ts";

/** What a tensor's values arrive in: float16 and bfloat16 as float32, int64 as int32 or BigInt. */
export type SafetensorsData =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array;

/** One tensor: the dtype is the file's, row-major values. */
export interface SafetensorsEntry {
  dtype: SafetensorsDtype;
  shape: readonly number[];
  data: SafetensorsData;
}

/** The content of a safetensors file. Maps, so that `__proto__` is a name like any other. */
export interface Safetensors {
  tensors: Map<string, SafetensorsEntry>;
  metadata: Map<string, string>;
}

export interface ReadOptions {
  /** How int64 arrives: as int32, where a value that does not fit throws, or as BigInt64Array. */
  int64?: "int32" | "bigint";
}

/** A tensor to write; without a dtype, the array's own. */
export interface WritableEntry {
  dtype?: SafetensorsDtype;
  shape: readonly number[];
  data: SafetensorsData;
}

/**
 * Reads a safetensors file from memory; the arrays are copies. Throws LoadError with file and byte
 * for whatever is wrong with it, before any tensor is allocated.
 *
 * @example
 * const { tensors, metadata } = parseSafetensors(bytes, "model.safetensors");
 * tensors.get("conv1.weight")?.shape; // [32, 1, 3, 3]
 */
export function parseSafetensors(
  bytes: Uint8Array,
  file = "safetensors data",
  options: ReadOptions = {},
): Safetensors {
  const layout = parseLayout(bytes, bytes.length, file);
  const tensors = new Map<string, SafetensorsEntry>();
  for (const info of layout.infos.values()) {
    // A copy by constructor: slice() of Node's Buffer would be a view.
    const own = new Uint8Array(bytes.subarray(info.begin, info.end));
    tensors.set(info.name, decodeTensor(info, own, file, options));
  }
  return { tensors, metadata: layout.metadata };
}

/**
 * Turns the bytes of one tensor into its array. `bytes` must start its buffer, and belongs to the
 * result afterwards. Throws LoadError for an int64 that does not fit int32, or a bool other than 0
 * and 1.
 */
export function decodeTensor(
  info: TensorInfo,
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
  { int64 = "int32" }: ReadOptions = {},
): SafetensorsEntry {
  const { dtype, shape } = info;
  const decode = dtype === "I64" && int64 === "bigint" ? toBigInt64 : DECODE[dtype];
  return { dtype, shape, data: decode(bytes, info, file) };
}

type Decode = (bytes: Uint8Array<ArrayBuffer>, info: TensorInfo, file: string) => SafetensorsData;

const toBigInt64: Decode = ({ buffer }) => new BigInt64Array(buffer);

const DECODE: Record<SafetensorsDtype, Decode> = {
  F64: ({ buffer }) => new Float64Array(buffer),
  F32: ({ buffer }) => new Float32Array(buffer),
  F16: ({ buffer }) => Float32Array.from(new Uint16Array(buffer), float16ToNumber),
  BF16: ({ buffer }) => Float32Array.from(new Uint16Array(buffer), bfloat16ToNumber),
  I64: narrowInt64,
  U64: ({ buffer }) => new BigUint64Array(buffer),
  I32: ({ buffer }) => new Int32Array(buffer),
  U32: ({ buffer }) => new Uint32Array(buffer),
  I16: ({ buffer }) => new Int16Array(buffer),
  U16: ({ buffer }) => new Uint16Array(buffer),
  I8: ({ buffer }) => new Int8Array(buffer),
  U8: (bytes) => bytes,
  BOOL: checkedBool,
};

function narrowInt64(bytes: Uint8Array<ArrayBuffer>, info: TensorInfo, file: string): Int32Array {
  const words = new Int32Array(bytes.buffer); // low, high, low, high, …
  const narrow = new Int32Array(words.length / 2);
  for (let i = 0; i < narrow.length; i++) {
    const low = words[2 * i];
    if (words[2 * i + 1] !== low >> 31) {
      const byte = info.begin + 8 * i;
      const value = new BigInt64Array(bytes.buffer)[i];
      const what = `has the int64 ${value} in ${show(info.name)}, which does not fit int32`;
      throw new LoadError(file, `${what} (byte ${byte})`, {
        byte,
        hint: 'pass { int64: "bigint" }',
      });
    }
    narrow[i] = low;
  }
  return narrow;
}

function checkedBool(bytes: Uint8Array<ArrayBuffer>, info: TensorInfo, file: string): Uint8Array {
  const wrong = bytes.findIndex((value) => value > 1);
  if (wrong < 0) return bytes;
  const byte = info.begin + wrong;
  const what = `has the bool ${bytes[wrong]} in ${show(info.name)}, which is neither 0 nor 1`;
  throw new LoadError(file, `${what} (byte ${byte})`, { byte });
}

/**
 * Writes a safetensors file: widest dtype first, then by name, as the format's own library orders
 * it, so that equal content gives equal bytes. Float32 data may be stored as F16 or BF16, int32
 * data as I64.
 *
 * @example
 * const bytes = writeSafetensors(new Map([["w", { shape: [2], data: new Float32Array(2) }]]));
 */
export function writeSafetensors(
  entries: Iterable<readonly [string, WritableEntry]>,
  metadata?: Iterable<readonly [string, string]> | Record<string, string>,
): Uint8Array<ArrayBuffer> {
  const parts: {
    name: string;
    dtype: SafetensorsDtype;
    shape: readonly number[];
    from: number[];
  }[] = [];
  const blocks: Uint8Array[] = [];
  let offset = 0;
  for (const [name, entry, dtype] of ordered(entries)) {
    const block = encode(name, entry, dtype);
    parts.push({ name, dtype, shape: entry.shape, from: [offset, offset + block.length] });
    blocks.push(block);
    offset += block.length;
  }
  const fields = parts.map(({ name, dtype, shape, from }) => {
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: from })}`;
  });
  const notes = metadataField(metadata);
  if (notes !== undefined) fields.unshift(notes);
  const header = new TextEncoder().encode(`{${fields.join(",")}}`);
  return assemble(header, blocks, offset);
}

function assemble(header: Uint8Array, blocks: Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  // Padded with spaces, so that tensors are aligned.
  const length = Math.ceil(header.length / 8) * 8;
  const file = new Uint8Array(8 + length + size);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(0x20, 8, 8 + length);
  file.set(header, 8);
  let at = 8 + length;
  for (const block of blocks) {
    file.set(block, at);
    at += block.length;
  }
  return file;
}

type Ordered = [string, WritableEntry, SafetensorsDtype];

function ordered(entries: Iterable<readonly [string, WritableEntry]>): Ordered[] {
  const list: Ordered[] = [];
  const names = new Set<string>();
  for (const [name, entry] of entries) {
    if (name === "__metadata__" || /\p{Surrogate}/u.test(name) || names.has(name)) {
      const why = names.has(name) ? "is given twice" : "cannot be stored";
      throw new ArgumentError("writeSafetensors", `the name ${show(name)} ${why}`);
    }
    names.add(name);
    list.push([name, entry, entry.dtype ?? ownDtype(entry.data)]);
  }
  const rank = Object.keys(DTYPE_SIZES); // widest first, so that every tensor is aligned
  return list.sort(([a, , x], [b, , y]) => rank.indexOf(x) - rank.indexOf(y) || (a < b ? -1 : 1));
}

function metadataField(
  metadata: Iterable<readonly [string, string]> | Record<string, string> = {},
): string | undefined {
  const pairs = [...(Symbol.iterator in metadata ? metadata : Object.entries(metadata))];
  if (pairs.length === 0) return undefined;
  for (const [key, value] of pairs) {
    if (typeof value !== "string" || /\p{Surrogate}/u.test(key + value)) {
      throw new ArgumentError("writeSafetensors", `metadata ${show(key)} must be a string`);
    }
  }
  const fields = [...new Map(pairs)].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`);
  return `"__metadata__":{${fields.join(",")}}`;
}

function ownDtype(data: SafetensorsData): SafetensorsDtype {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Int32Array) return "I32";
  if (data instanceof Uint32Array) return "U32";
  if (data instanceof Int16Array) return "I16";
  if (data instanceof Uint16Array) return "U16";
  if (data instanceof Int8Array) return "I8";
  if (data instanceof Uint8Array) return "U8";
  if (data instanceof BigInt64Array) return "I64";
  if (data instanceof BigUint64Array) return "U64";
  throw new ArgumentError("writeSafetensors", `data must be a typed array, got ${typeof data}`);
}

function encode(name: string, { shape, data }: WritableEntry, dtype: SafetensorsDtype): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0) || count !== data.length) {
    const what = `${show(name)} has shape [${shape}] but ${data.length} values`;
    throw new ShapeError("writeSafetensors", what);
  }
  const own = ownDtype(data);
  if (dtype === own) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (dtype === "BOOL" && own === "U8") return encodeBool(name, data as Uint8Array);
  if (dtype === "I64" && own === "I32") {
    return new Uint8Array(BigInt64Array.from(data as Int32Array, BigInt).buffer);
  }
  if (own === "F32" && (dtype === "F16" || dtype === "BF16")) {
    const narrow = dtype === "F16" ? numberToFloat16 : numberToBfloat16;
    return new Uint8Array(Uint16Array.from(data as Float32Array, narrow).buffer);
  }
  throw new ArgumentError(
    "writeSafetensors",
    `${show(name)} of ${own} cannot be stored as ${dtype}`,
  );
}

function encodeBool(name: string, data: Uint8Array): Uint8Array {
  if (data.every((value) => value <= 1)) return data;
  throw new ArgumentError(
    "writeSafetensors",
    `${show(name)} is BOOL but has other values than 0, 1`,
  );
}

function show(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
