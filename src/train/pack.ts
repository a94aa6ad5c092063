// Packing: nested state (tensors, arrays, plain objects, numbers) as JSON beside a table of
// tensors, for the two kinds of files of a checkpoint, and back, bit for bit. Numbers that JSON
// does not know keep their value. Not here: which state (checkpoint.ts), or the file format (io/).

import type {
  Safetensors,
  SafetensorsDtype,
  SafetensorsEntry,
  WritableEntry,
} from "../io/index.ts";
import { Tensor } from "../tensor/tensor.ts";
import { LoadError, StateError } from "../util/errors.ts";
import type { DType, TypedArray } from "./types.ts";

/** Tensors of a file, by name. */
export type Entries = Map<string, WritableEntry>;

const fileDtypes: { [K in DType]: SafetensorsDtype } = {
  float32: "F32",
  float64: "F64",
  int32: "I32",
  uint8: "U8",
  bool: "BOOL",
};

/** A tensor as an entry of a file. */
export async function entryOf(tensor: Tensor): Promise<WritableEntry> {
  return { dtype: fileDtypes[tensor.dtype], shape: tensor.shape, data: await tensor.data() };
}

/** An entry of a file as a tensor; narrower widths are widened. */
export function tensorOf({ dtype, shape, data }: SafetensorsEntry, name: string): Tensor {
  if (dtype === "BOOL") return Tensor.from(data as Uint8Array, shape, { dtype: "bool" });
  if (data instanceof Int8Array || data instanceof Int16Array || data instanceof Uint16Array) {
    return Tensor.from(Int32Array.from(data), shape);
  }
  if (isOurs(data)) return Tensor.from(data, shape);
  throw new LoadError(name, `is ${dtype}, which no tensor can hold`);
}

function isOurs(data: unknown): data is TypedArray {
  return [Float32Array, Float64Array, Int32Array, Uint8Array].some((kind) => data instanceof kind);
}

/** The value as JSON; its tensors go into `entries` under `path`. Throws StateError for what cannot
 *  be saved. */
export async function pack(value: unknown, path: string, entries: Entries): Promise<unknown> {
  if (value instanceof Tensor) {
    entries.set(path, await entryOf(value));
    return { $tensor: path };
  }
  if (isOurs(value)) {
    entries.set(path, { shape: [value.length], data: value });
    return { $array: path };
  }
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { $number: Object.is(value, -0) ? "-0" : String(value) };
  }
  if (value === null || ["number", "string", "boolean"].includes(typeof value)) return value;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const [i, item] of value.entries()) items.push(await pack(item, `${path}.${i}`, entries));
    return items;
  }
  if (!isPlain(value)) {
    const kind = typeof value === "object" ? value?.constructor?.name : typeof value;
    throw new StateError("checkpoint", `${path} holds a ${kind}, which cannot be saved`, {
      hint: "keep numbers, strings, arrays, plain objects and tensors in the state",
    });
  }
  const fields: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) fields.push([key, await pack(item, `${path}.${key}`, entries)]);
  }
  return Object.fromEntries(fields);
}

/** The value that was packed; `file` names where it came from. Throws LoadError for a missing
 *  tensor. */
export function unpack(json: unknown, { tensors }: Safetensors, file: string): unknown {
  const open = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(open);
    if (!isPlain(value)) return value;
    const { $tensor, $array, $number } = value;
    if (typeof $number === "string") return Number($number);
    const name = $tensor ?? $array;
    if (typeof name !== "string") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, open(item)]));
    }
    const entry = tensors.get(name);
    if (entry === undefined) throw new LoadError(file, `has no tensor ${JSON.stringify(name)}`);
    return $array === undefined ? tensorOf(entry, `${file}: ${name}`) : entry.data;
  };
  return open(json);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
