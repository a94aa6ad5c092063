// From samples to a batch: equal fields of all samples are stacked along a new first axis. Arrays
// and objects are walked, typed arrays are stacked, numbers become float32 and booleans uint8; a
// label that must be int32 comes as an Int32Array or from a ColumnDataset, since a JS number does
// not tell.
import { stack as stackTensors } from "../tensor/ops/join.ts";
import { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";

/** The typed arrays that a batch can hold. */
export type NumericArray =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray;

/** Values with a shape, row-major: all that a tensor is made of. */
export interface NdArray {
  readonly data: NumericArray;
  readonly shape: readonly number[];
}

/** What samples of type T become in a batch, with `Leaf` for every stacked array. */
export type Collated<T, Leaf = NdArray> = T extends Tensor
  ? Tensor
  : T extends number | boolean | NumericArray | NdArray
    ? Leaf
    : T extends string
      ? string[]
      : T extends readonly unknown[]
        ? { -readonly [K in keyof T]: Collated<T[K], Leaf> }
        : T extends object
          ? { -readonly [K in keyof T]: Collated<T[K], Leaf> }
          : never;

/**
 * Stacks samples to a batch. Throws ShapeError when a field has other shapes in other samples, and
 * ArgumentError when it has another kind.
 *
 * @example
 * collate([{ x: Float32Array.of(1, 2), y: 0 }, { x: Float32Array.of(3, 4), y: 1 }]);
 * // { x: { data: [1, 2, 3, 4], shape: [2, 2] }, y: { data: [0, 1], shape: [2] } }
 */
export function collate<T>(samples: readonly T[]): Collated<T> {
  return stack(samples, "") as Collated<T>;
}

/** Replaces every stacked array of a batch, for example by a tensor of it. */
export function mapBatch(batch: unknown, leaf: (array: NdArray) => unknown): unknown {
  if (isNdArray(batch)) return leaf(batch);
  if (Array.isArray(batch)) return batch.map((part) => mapBatch(part, leaf));
  if (!isPlain(batch)) return batch;
  return Object.fromEntries(Object.entries(batch).map(([key, v]) => [key, mapBatch(v, leaf)]));
}

/** Whether a value has the two fields of an NdArray. */
export function isNdArray(value: unknown): value is NdArray {
  if (typeof value !== "object" || value === null) return false;
  const { data, shape } = value as Partial<NdArray>;
  return isNumericArray(data) && Array.isArray(shape);
}

function isNumericArray(value: unknown): value is NumericArray {
  if (!ArrayBuffer.isView(value) || value instanceof DataView) return false;
  return !(value instanceof BigInt64Array || value instanceof BigUint64Array);
}

function stack(samples: readonly unknown[], path: string): unknown {
  const first = samples[0];
  if (samples.length === 0) throw new ArgumentError("collate", "there is no sample to collate");
  if (typeof first === "number") return stackScalars(Float32Array, "number", samples, path);
  if (typeof first === "boolean") return stackScalars(Uint8Array, "boolean", samples, path);
  if (typeof first === "string") return samples.map((sample) => same("string", sample, path));
  if (isNumericArray(first) || isNdArray(first)) return stackArrays(samples, path);
  if (first instanceof Tensor) return stackTensors(samples.map((s) => asTensor(s, path)));
  if (Array.isArray(first)) {
    return first.map((_, i) => {
      return stack(
        samples.map((sample) => element(sample, i, first.length, path)),
        `${path}[${i}]`,
      );
    });
  }
  if (isPlain(first)) {
    const keys = Object.keys(first);
    return Object.fromEntries(
      keys.map((key) => [
        key,
        stack(
          samples.map((s) => field(s, key, path)),
          `${path}.${key}`,
        ),
      ]),
    );
  }
  throw new ArgumentError("collate", `sample${path} is ${kind(first)}, which cannot be stacked`, {
    hint: "pass { collate } to the DataLoader",
  });
}

function stackScalars(
  Type: Float32ArrayConstructor | Uint8ArrayConstructor,
  type: "number" | "boolean",
  samples: readonly unknown[],
  path: string,
): NdArray {
  const data = new Type(samples.length);
  samples.forEach((sample, i) => {
    data[i] = Number(same(type, sample, path));
  });
  return { data, shape: [samples.length] };
}

function stackArrays(samples: readonly unknown[], path: string): NdArray {
  const arrays = samples.map((sample) => asNdArray(sample, path));
  const first = arrays[0];
  const size = first.data.length;
  const data = new (first.data.constructor as new (n: number) => NumericArray)(
    samples.length * size,
  );
  arrays.forEach((array, i) => {
    if (array.data.constructor !== first.data.constructor) {
      const [a, b] = [kind(first.data), kind(array.data)];
      throw new ArgumentError("collate", `sample${path} is ${a} in one sample and ${b} in another`);
    }
    if (String(array.shape) !== String(first.shape)) {
      const [a, b] = [`[${first.shape}]`, `[${array.shape}]`];
      const what = `sample${path} is ${a} in one sample and ${b} in another`;
      throw new ShapeError("collate", what, { hint: "pad or crop them, or pass { collate }" });
    }
    data.set(array.data, i * size);
  });
  return { data, shape: [samples.length, ...first.shape] };
}

function asTensor(sample: unknown, path: string): Tensor {
  if (sample instanceof Tensor) return sample;
  const what = `sample${path} is a Tensor in one sample and ${kind(sample)} in another`;
  throw new ArgumentError("collate", what);
}

function asNdArray(sample: unknown, path: string): NdArray {
  if (isNumericArray(sample)) return { data: sample, shape: [sample.length] };
  if (!isNdArray(sample)) {
    throw new ArgumentError(
      "collate",
      `sample${path} is an array in one sample and ${kind(sample)} in another`,
    );
  }
  const count = sample.shape.reduce((product, size) => product * size, 1);
  if (count === sample.data.length) return sample;
  const what = `sample${path} has shape [${sample.shape}] but ${sample.data.length} values`;
  throw new ShapeError("collate", what);
}

function same<T>(type: string, sample: T, path: string): T {
  if (typeof sample === type) return sample;
  const what = `sample${path} is a ${type} in one sample and ${kind(sample)} in another`;
  throw new ArgumentError("collate", what);
}

function element(sample: unknown, index: number, length: number, path: string): unknown {
  if (Array.isArray(sample) && sample.length === length) return sample[index];
  const got = Array.isArray(sample) ? `an array of ${sample.length}` : kind(sample);
  const what = `sample${path} is an array of ${length} in one sample and ${got} in another`;
  throw new ArgumentError("collate", what);
}

function field(sample: unknown, key: string, path: string): unknown {
  if (isPlain(sample) && Object.hasOwn(sample, key)) return sample[key];
  throw new ArgumentError("collate", `sample${path}.${key} is missing in some samples`);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function kind(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object") return `a ${value.constructor?.name ?? "object"}`;
  return `a ${typeof value}`;
}
