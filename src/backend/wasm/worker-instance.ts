// What every thread does with a module: instantiate it over the memory and the thread's own table, in
// which equal indices mean equal functions on all threads. Also the words that a trapping thread leaves
// for the main one. Not here: who sends modules, and when (threads.ts).

import { control } from "./driver-control.ts";
import { mathImports } from "./scalar-math.ts";

/** Functions of a module and where the module's element segment puts them in the table. */
export interface KernelModule {
  /** Compiled, or its bytes where a compiled one cannot be sent. */
  readonly module: WebAssembly.Module | Uint8Array<ArrayBuffer>;
  /** Length that the table must have. */
  readonly functions: number;
}

/** A table of functions for one thread. */
export function makeTable(): WebAssembly.Table {
  return new WebAssembly.Table({ element: "anyfunc", initial: 0 });
}

/** Instantiates; the module's functions are then in the table. Returns its exports. */
export function installModule(
  { module, functions }: KernelModule,
  memory: WebAssembly.Memory,
  table: WebAssembly.Table,
): WebAssembly.Exports {
  if (table.length < functions) table.grow(functions - table.length);
  const compiled = module instanceof WebAssembly.Module ? module : new WebAssembly.Module(module);
  return new WebAssembly.Instance(compiled, { env: { memory, table }, math: mathImports }).exports;
}

const textAt = control.trapText;
const textBytes = 512;

/** Leaves word of a trap: which thread, and what the engine said. */
export function noteTrap(memory: WebAssembly.Memory, thread: number, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const bytes = new TextEncoder().encode(text).slice(0, textBytes);
  new Uint8Array(memory.buffer, textAt, bytes.length).set(bytes);
  const words = new Int32Array(memory.buffer, 0, textAt / 4);
  words[control.trapLength >> 2] = bytes.length;
  Atomics.store(words, control.trapThread >> 2, thread + 1);
}

/** Takes the word that a trapping thread left, if any. */
export function takeTrap(memory: WebAssembly.Memory): { thread: number; text: string } | null {
  const words = new Int32Array(memory.buffer, 0, textAt / 4);
  const thread = Atomics.exchange(words, control.trapThread >> 2, 0) - 1;
  if (thread < 0) return null;
  const bytes = new Uint8Array(memory.buffer, textAt, words[control.trapLength >> 2]!);
  return { thread, text: new TextDecoder().decode(bytes.slice()) };
}
