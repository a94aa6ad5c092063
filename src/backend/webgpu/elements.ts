// Elements between arrays of the host and words of the device: there each one, bool and uint8 too, takes
// 4 bytes. Not here: where they lie (memory.ts).

import type { DType, TypedArray } from "../../ir/dtype.ts";
import { ArgumentError } from "../../util/errors.ts";

/** The elements as words: the array itself where it has them. */
export function wordsOf(elements: TypedArray): Float32Array | Int32Array | Uint32Array {
  if (elements instanceof Float32Array || elements instanceof Int32Array) return elements;
  if (elements instanceof Uint8Array) return Uint32Array.from(elements);
  throw new ArgumentError("webgpu", "float64 elements do not fit into words");
}

/** Elements of a dtype from words, as an array of their own. */
export function elementsOf(
  dtype: DType,
  words: ArrayBuffer,
  start: number,
  size: number,
): TypedArray {
  if (dtype === "float32") return new Float32Array(words.slice(start, start + 4 * size));
  if (dtype === "int32") return new Int32Array(words.slice(start, start + 4 * size));
  return Uint8Array.from(new Uint32Array(words, start, size));
}
