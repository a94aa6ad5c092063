// Runs rendered loop kernels in a memory of their own and compares them with the interpreter.

import { expect } from "vitest";
import type { RenderOptions } from "../../src/backend/wasm/expr.ts";
import { itemSize, type TypedArray, viewArray } from "../../src/ir/dtype.ts";
import type { LoopKernel } from "../../src/schedule/kernel.ts";
import { interpret } from "./interpret.ts";
import { compile, memory } from "./loop-compile.ts";

export interface Outcome {
  readonly buffers: TypedArray[];
  /** The fault word: 0, or the fault's number + 1. */
  readonly fault: number;
}

/** Bytes around each buffer that no kernel may write, and the value they hold. */
const guard = 64;
const guardByte = 0xa5;

/** Runs a kernel in pieces. Operands that are the same array share memory. */
export function execute(
  kernel: LoopKernel,
  inputs: readonly TypedArray[],
  scalars: readonly number[],
  { pieces = 1, ...options }: Partial<RenderOptions> & { pieces?: number } = {},
): Outcome {
  const run = compile(kernel, { relaxed: false, revectorize: false, ...options });
  const bytes = new Uint8Array(memory.buffer);
  const words = new Int32Array(memory.buffer);
  const p = 65536 + 4096;
  let next = p + 4096;
  words[5] = 0;
  const places = new Map<TypedArray, TypedArray>();
  inputs.forEach((input, i) => {
    const { dtype } = kernel.operands[i]!;
    let place = places.get(input);
    if (place === undefined) {
      next += guard;
      place = viewArray(dtype, memory.buffer, next, input.length);
      bytes.fill(guardByte, next - guard, next + input.length * itemSize[dtype] + guard);
      place.set(input as Uint8Array);
      places.set(input, place);
      next = Math.ceil((next + input.length * itemSize[dtype] + guard) / 64) * 64;
    }
    words[p / 4 + i] = place.byteOffset;
  });
  const doubles = new Float64Array(memory.buffer);
  scalars.forEach((x, i) => {
    next += 64;
    doubles[next / 8] = x;
    words[p / 4 + inputs.length + i] = next;
  });
  const extent = kernel.axes[0]!;
  const size = Math.max(1, Math.ceil(extent / pieces / kernel.grain)) * kernel.grain;
  for (let lo = 0; lo < extent; lo += size) run(p, lo, Math.min(extent, lo + size));
  for (const place of places.values()) {
    const end = place.byteOffset + place.byteLength;
    for (let i = 0; i < guard; i++) {
      if (bytes[place.byteOffset - 1 - i] === guardByte && bytes[end + i] === guardByte) continue;
      throw new Error(`a byte outside of a buffer was written, ${i} away`);
    }
  }
  return { buffers: inputs.map((x) => places.get(x)!.slice() as TypedArray), fault: words[5]! };
}

/** Checks a kernel against the interpreter, with and without relaxed instructions and packing, and
 *  that cutting its range into pieces changes no bit. */
export function check(
  kernel: LoopKernel,
  inputs: readonly TypedArray[],
  scalars: readonly number[] = [],
  { tolerance = 2e-6 }: { tolerance?: number } = {},
): void {
  const copies = new Map(inputs.map((x) => [x, x.slice() as TypedArray]));
  const expected = inputs.map((x) => copies.get(x)!);
  const faults = interpret(kernel, expected, scalars);
  const plain = execute(kernel, inputs, scalars);
  const cut = execute(kernel, inputs, scalars, { pieces: 3 });
  const relaxed = execute(kernel, inputs, scalars, { relaxed: true, revectorize: true });
  for (const outcome of [plain, cut, relaxed]) {
    expect(outcome.fault !== 0).toBe(faults.length > 0);
    if (faults.length > 0) expect(faults).toContain(outcome.fault - 1);
    kernel.operands.forEach((operand, i) => {
      if (operand.write) same(outcome.buffers[i]!, expected[i]!, tolerance);
    });
  }
  plain.buffers.forEach((b, i) => {
    expect(bytesOf(cut.buffers[i]!).equals(bytesOf(b))).toBe(true);
  });
}

function bytesOf(b: TypedArray): Buffer {
  return Buffer.from(b.buffer, b.byteOffset, b.byteLength);
}

/** Fails at the first element that differs by more than the tolerance, relative above 1. */
export function same(actual: TypedArray, expected: TypedArray, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i]!, expected[i]!];
    if (Object.is(a, b) || a === b) continue;
    const float = expected instanceof Float32Array || expected instanceof Float64Array;
    const near = float && Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b));
    if (!near) throw new Error(`element ${i} is ${a}, expected ${b}`);
  }
}
