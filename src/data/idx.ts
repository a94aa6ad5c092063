// The IDX format of the MNIST files: two zero bytes, a type, a rank, the sizes as big-endian
// uint32, then the values, big-endian too. Gzipped files are unpacked by the platform, never
// further than the header allows. It knows nothing of digits: see mnist.ts.
import { LoadError } from "../util/errors.ts";

/** The arrays that an IDX file can hold. */
export type IdxData =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** The content of an IDX file, row-major. */
export interface IdxArray {
  readonly dtype: IdxDtype;
  readonly shape: readonly number[];
  readonly data: IdxData;
}

export type IdxDtype = "uint8" | "int8" | "int16" | "int32" | "float32" | "float64";

const TYPES: Record<number, { dtype: IdxDtype; size: number }> = {
  8: { dtype: "uint8", size: 1 },
  9: { dtype: "int8", size: 1 },
  11: { dtype: "int16", size: 2 },
  12: { dtype: "int32", size: 4 },
  13: { dtype: "float32", size: 4 },
  14: { dtype: "float64", size: 8 },
};

/**
 * Reads an IDX file from memory. One-byte data is a view of `bytes`, wider data a copy. Throws
 * LoadError that names file and byte, before anything is allocated.
 *
 * @example
 * const { shape, data } = parseIdx(bytes, "t10k-labels-idx1-ubyte"); // shape [10000]
 */
export function parseIdx(bytes: Uint8Array, file = "IDX data"): IdxArray {
  const { dtype, size, shape, start, end } = parseHeader(bytes, file);
  if (bytes.length < end) {
    const what = `${dtype} [${shape}] takes ${end} bytes`;
    fail(file, bytes.length, `is truncated: ${what}, of which ${bytes.length} are there`);
  }
  if (bytes.length > end) {
    fail(file, end, `has ${bytes.length - end} bytes too many after ${dtype} [${shape}]`);
  }
  const raw = new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
  if (dtype === "uint8") return { dtype, shape, data: raw };
  if (dtype === "int8") {
    return { dtype, shape, data: new Int8Array(raw.buffer, raw.byteOffset, raw.length) };
  }
  return { dtype, shape, data: WIDE[dtype](littleEndian(raw, size)) };
}

/** Reads an IDX file from memory, gzipped or not. Rejects with LoadError like {@link parseIdx}. */
export async function readIdx(
  bytes: Uint8Array<ArrayBuffer>,
  file = "IDX data",
): Promise<IdxArray> {
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!gzipped) return parseIdx(bytes, file);
  return parseIdx(await unpack(bytes, file), `${file} (unpacked)`);
}

interface Header {
  dtype: IdxDtype;
  size: number;
  shape: number[];
  /** Where the values begin and end. */
  start: number;
  end: number;
}

function parseHeader(bytes: Uint8Array, file: string): Header {
  if (bytes.length < 4)
    fail(file, bytes.length, `is truncated: ${bytes.length} bytes of 4 of magic`);
  const [zero, alsoZero, code, rank] = bytes as unknown as [number, number, number, number];
  const type = TYPES[code];
  if (zero !== 0 || alsoZero !== 0 || type === undefined) {
    const magic = [...bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0"));
    fail(
      file,
      type === undefined && zero + alsoZero === 0 ? 2 : 0,
      `is no IDX file: magic ${magic.join(" ")}`,
    );
  }
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    fail(file, bytes.length, `is truncated in its header of ${start} bytes for rank ${rank}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  const shape: number[] = [];
  let count = type.size;
  for (let axis = 0; axis < rank; axis++) {
    const length = view.getUint32(4 + 4 * axis);
    shape.push(length);
    count *= length;
    if (!Number.isSafeInteger(count)) {
      fail(file, 4 + 4 * axis, `claims sizes ${shape.join(" × ")}, more than 2^53 bytes`);
    }
  }
  return { ...type, shape, start, end: start + count };
}

const WIDE = {
  int16: (buffer: ArrayBuffer) => new Int16Array(buffer),
  int32: (buffer: ArrayBuffer) => new Int32Array(buffer),
  float32: (buffer: ArrayBuffer) => new Float32Array(buffer),
  float64: (buffer: ArrayBuffer) => new Float64Array(buffer),
};

function littleEndian(raw: Uint8Array, size: number): ArrayBuffer {
  const swapped = new Uint8Array(raw.length);
  for (let at = 0; at < raw.length; at += size) {
    for (let i = 0; i < size; i++) swapped[at + i] = raw[at + size - 1 - i];
  }
  return swapped.buffer;
}

// Stops as soon as more comes out than the header within announces.
async function unpack(bytes: Uint8Array<ArrayBuffer>, file: string): Promise<Uint8Array> {
  const label = `${file} (unpacked)`;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.getReader();
  let chunks: Uint8Array[] = [];
  let total = 0;
  let end: number | undefined;
  for (;;) {
    const { done, value } = await reader.read().catch((cause: unknown) => {
      const byte = total;
      const what = `has a damaged or truncated gzip stream after ${total} unpacked bytes`;
      throw new LoadError(file, `${what} (byte ${byte})`, { cause, byte });
    });
    if (done) return concatenate(chunks, total);
    chunks.push(value);
    total += value.length;
    if (end === undefined) {
      const head = concatenate(chunks, total);
      chunks = [head];
      if (total < 4 || total < 4 + 4 * head[3]) continue;
      end = parseHeader(head, label).end;
    }
    if (total > end) {
      await reader.cancel().catch(() => {});
      fail(label, end, `has bytes too many: its header announces ${end}`);
    }
  }
}

function concatenate(chunks: Uint8Array[], total: number): Uint8Array {
  if (chunks.length === 1) return chunks[0];
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function fail(file: string, byte: number, detail: string): never {
  throw new LoadError(file, `${detail} (byte ${byte})`, { byte });
}
