// What a row of the op table is, and the sample data that rows are made of: deterministic, never
// drawn from the library under test.
import { Buffer } from "../../src/ir/buffer.ts";
import { bufferNode } from "../../src/ir/build.ts";
import { type DType, isFloat, makeArray, type TypedArray } from "../../src/ir/dtype.ts";
import { type Node, type Shape, sizeOf } from "../../src/ir/node.ts";

export interface Leaf {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly data: TypedArray;
}

export interface Case {
  readonly name: string;
  readonly leaves: readonly Leaf[];
  readonly build: (...x: Node[]) => Node | readonly Node[];
  /** Output i takes over the memory of leaf `into[i]`; -1: it does not. */
  readonly into?: readonly number[];
  /** Smooth at its data: finite differences hold. Checked with float64 leaves. */
  readonly smooth?: boolean;
  /** Factor on the usual tolerance, where sums are long or values large. */
  readonly loose?: number;
}

/** The outputs of a case over fresh leaves, and those leaves. */
export function instantiate(c: Case, dtype?: DType): { outputs: readonly Node[]; leaves: Node[] } {
  const leaves = c.leaves.map((leaf) => {
    const target = dtype !== undefined && isFloat(leaf.dtype) ? dtype : leaf.dtype;
    const data = makeArray(target, leaf.data.length);
    data.set(leaf.data);
    return bufferNode(new Buffer(target, data.length, data), leaf.shape);
  });
  return { outputs: outputsOf(c, leaves), leaves };
}

export function outputsOf(c: Case, leaves: readonly Node[]): readonly Node[] {
  const made = c.build(...leaves);
  return (Array.isArray(made) ? made : [made]) as readonly Node[];
}

/** Whether a row is not about float64 itself. */
export function buildsInFloat32(c: Case): boolean {
  if (c.name.includes("float64")) return false;
  try {
    instantiate(c, "float32");
    return true;
  } catch {
    return false; // it mixes in float64 of its own
  }
}

/** Numbers in [0, 1) of a stream (mulberry32). */
export function stream(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Values that suit the dtype: floats in (-2, 2), ints from -9 to 9 (uint8: to 255), bools. */
export function leaf(shape: Shape, dtype: DType = "float32", seed = 1): Leaf {
  const next = stream(seed * 7919 + shape.length);
  const value: { [K in DType]: () => number } = {
    float32: () => next() * 4 - 2,
    float64: () => next() * 4 - 2,
    int32: () => Math.floor(next() * 19) - 9,
    uint8: () => Math.floor(next() * 256),
    bool: () => (next() < 0.5 ? 0 : 1),
  };
  return of(shape, dtype, value[dtype]);
}

/** Floats in [low, high); ints are floored. */
export function ranged(shape: Shape, dtype: DType, low: number, high: number, seed = 1): Leaf {
  const next = stream(seed * 104729);
  const value = () => low + (high - low) * next();
  return of(shape, dtype, isFloat(dtype) ? value : () => Math.floor(value()));
}

/** Given elements, repeated as often as the shape needs. */
export function filled(shape: Shape, dtype: DType, elements: readonly number[]): Leaf {
  let i = 0;
  return of(shape, dtype, () => elements[i++ % elements.length]!);
}

function of(shape: Shape, dtype: DType, value: () => number): Leaf {
  const data = makeArray(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = value();
  return { shape, dtype, data };
}

/** Values at which elementwise ops have their corners. */
export const corners: { [K in DType]: readonly number[] } = {
  float32: [0, -0, 1, -1, 0.5, -0.5, 1.5, -2.5, 3, 7.25, -100, 1e-3, 88, Infinity, -Infinity, NaN],
  float64: [0, -0, 1, -1, 0.5, -0.5, 1.5, -2.5, 3, 7.25, -100, 1e-3, 700, Infinity, -Infinity, NaN],
  int32: [0, 1, -1, 2, -3, 7, 31, 32, 33, 255, 256, -128, 65537, 2147483647, -2147483648, 46341],
  uint8: [0, 1, 2, 3, 7, 8, 31, 32, 100, 127, 128, 200, 254, 255, 16, 15],
  bool: [0, 1],
}; // biome-ignore format: a table

/** All pairs of corners, as two leaves. */
export function cornerPairs(dtype: DType): [Leaf, Leaf] {
  const all = corners[dtype];
  const n = all.length;
  const first = Array.from({ length: n * n }, (_, i) => all[Math.floor(i / n)]!);
  return [filled([n * n], dtype, first), filled([n * n], dtype, all)];
}
