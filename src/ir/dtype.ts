// Dtypes: the five element types, their sizes, typed arrays and promotion (PyTorch's rules).
// Not here: how JS numbers join an expression; they are weak and take the tensor's dtype
// (see tensor/). The reference computes every dtype in float64 and rounds with `roundTo`.

export type DType = "float32" | "float64" | "int32" | "uint8" | "bool";

export type TypedArray = Float32Array | Float64Array | Int32Array | Uint8Array;

export const dtypes: readonly DType[] = ["float32", "float64", "int32", "uint8", "bool"];

/** Bytes of one element as stored. A bool is one byte, 0 or 1. */
export const itemSize: { [K in DType]: number } = {
  float32: 4,
  float64: 8,
  int32: 4,
  uint8: 1,
  bool: 1,
};

const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

/** A zeroed typed array of the dtype; bool is a Uint8Array of 0 and 1. */
export function makeArray(dtype: DType, length: number): TypedArray {
  return new arrayTypes[dtype](length);
}

/** The same elements in an array of their own. Not by `slice`, which is slow for few elements, and gives
 *  a view of the same memory for a Buffer of Node's. */
export function copyArray(elements: TypedArray): TypedArray {
  if (elements instanceof Float32Array) return new Float32Array(elements);
  if (elements instanceof Int32Array) return new Int32Array(elements);
  return elements instanceof Float64Array ? new Float64Array(elements) : new Uint8Array(elements);
}

/** A typed-array view of `length` elements over a buffer. */
export function viewArray(
  dtype: DType,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray {
  return new arrayTypes[dtype](buffer as ArrayBuffer, byteOffset, length);
}

export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

const rank: { [K in DType]: number } = { bool: 0, uint8: 1, int32: 2, float32: 3, float64: 4 };

/** The dtype of an expression of two tensors: the higher of bool < uint8 < int32 < floats. */
export function promote(a: DType, b: DType): DType {
  return rank[a] >= rank[b] ? a : b;
}

/** Rounds a float64 to what the dtype can hold, as a store and load would. */
export const roundTo: { [K in DType]: (x: number) => number } = {
  float32: Math.fround,
  float64: (x) => x,
  int32: (x) => x | 0,
  uint8: (x) => x & 255,
  bool: (x) => (x !== 0 ? 1 : 0),
};
