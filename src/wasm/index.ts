// anneal/wasm: the wasm device with options, and a choice of the thread that it lives on. `device("wasm")`
// is all that most programs need: on this thread in Node, Deno and Bun, in a worker in pages.

import type { Backend, Program } from "../backend/backend.ts";
import { RemoteBackend } from "../backend/remote/backend.ts";
import { connectWasm } from "../backend/remote/start.ts";
import { WasmBackend, type WasmOptions } from "../backend/wasm/backend.ts";
import type { Buffer } from "../ir/buffer.ts";
import type { TypedArray } from "../ir/dtype.ts";
import { lower } from "../schedule/pipeline.ts";
import type { Plan } from "../schedule/plan.ts";

export type { WasmOptions } from "../backend/wasm/backend.ts";

/**
 * A wasm device on this thread, wherever that is: values can be read at once (`dataSync`), and whatever
 * is computed blocks the thread meanwhile. In a page it brings the compiler onto the main thread's script.
 *
 * @example
 * device(wasmHere({ threads: 1 }));
 */
export function wasmHere(options: WasmOptions = {}): Backend {
  return new Here(options);
}

/**
 * A wasm device in a worker of its own: nothing that it computes blocks this thread, and values come with
 * `await`. What `device("wasm")` is in a page; in Node it keeps a server's event loop free.
 *
 * @example
 * device(wasmInWorker({ threads: 4 }));
 */
export function wasmInWorker(options: WasmOptions = {}): Backend {
  return new RemoteBackend("wasm in a worker", connectWasm, options);
}

/** Takes graphs and lowers them itself, since a page's engine does not. */
class Here implements Backend {
  readonly name: string;
  readonly target = null;
  private readonly inner: WasmBackend;

  constructor(options: WasmOptions) {
    this.inner = new WasmBackend({ name: "wasm here", ...options });
    this.name = this.inner.name;
  }

  init(): void {
    this.inner.init();
  }

  compile(plan: Plan): Program {
    return this.inner.compile(lower(plan.graph, this.inner.target));
  }

  run(...call: Parameters<WasmBackend["run"]>): void {
    this.inner.run(...call);
  }

  place(buffer: Buffer, elements: TypedArray): boolean {
    return this.inner.place(buffer, elements);
  }

  read(buffer: Buffer): TypedArray {
    return this.inner.read(buffer);
  }

  discard(program: Program): void {
    this.inner.discard(program);
  }

  free(buffer: Buffer): void {
    this.inner.free(buffer);
  }

  describe(): Record<string, string | number | boolean> {
    return this.inner.describe();
  }

  /** Resolves once all threads take part. */
  ready(): Promise<void> {
    return this.inner.ready();
  }
}
