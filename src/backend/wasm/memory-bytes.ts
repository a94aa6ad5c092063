// Bytes between arrays of the host and wasm memory. V8 copies to and from shared memory by a loop of
// atomic words, three times slower than memcpy, whichever typed array is asked; Node's `Buffer.fill`
// calls memcpy. Not here: where things lie (memory.ts).

import type { TypedArray } from "../../ir/dtype.ts";
import { builtin, nodeMajor } from "../../util/env.ts";

/** What is used of Node's Buffer. */
interface NodeBytes extends Uint8Array {
  fill(value: number | Uint8Array, start?: number, end?: number): this;
}

interface NodeBufferModule {
  readonly Buffer: { from(memory: ArrayBufferLike, at: number, length: number): NodeBytes };
}

/** The bytes of an array. */
export function bytesOf({ buffer, byteOffset, byteLength }: TypedArray): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** All bytes of a memory, for copies in and out. */
export class MemoryBytes {
  private readonly whole: Uint8Array;
  private readonly node: NodeBufferModule | null;
  private readonly quick: NodeBytes | null;

  constructor(memory: ArrayBufferLike, shared: boolean) {
    this.whole = new Uint8Array(memory);
    this.node = shared && nodeMajor() >= 20 ? builtin<NodeBufferModule>("node:buffer") : null;
    this.quick = this.node?.Buffer.from(memory, 0, memory.byteLength) ?? null;
  }

  copyIn(at: number, from: Uint8Array): void {
    if (this.quick === null || from.length === 0) this.whole.set(from, at);
    else this.quick.fill(from, at, at + from.length);
  }

  copyOut(at: number, to: Uint8Array): void {
    const from = this.whole.subarray(at, at + to.length);
    if (this.node === null || to.length === 0) to.set(from);
    else this.node.Buffer.from(to.buffer, to.byteOffset, to.length).fill(from);
  }
}
