// Compiles one loop kernel in a memory that all kernels of a test share.

import v8 from "node:v8";
import { ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import type { RenderOptions } from "../../src/backend/wasm/expr.ts";
import { renderLoop } from "../../src/backend/wasm/loop.ts";
import { mathImports } from "../../src/backend/wasm/scalar-math.ts";
import type { LoopKernel } from "../../src/schedule/kernel.ts";

const pages = 8;
export const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });

const fast = ["--experimental-wasm-revectorize", "--no-liftoff", "--no-wasm-lazy-compilation"];
const slow = ["--no-experimental-wasm-revectorize", "--liftoff", "--wasm-lazy-compilation"];

/** Compiles a kernel, with the flags of V8 that the options stand for and some more. */
export function compile(
  kernel: LoopKernel,
  options: RenderOptions,
  flags: readonly string[] = [],
): (p: number, lo: number, hi: number) => void {
  const module = new ModuleBuilder();
  module.importMemory({ module: "env", name: "memory", min: pages, max: pages, shared: true });
  module.exportFunc("kernel", renderLoop(kernel, module, options));
  if (options.revectorize) for (const flag of [...fast, ...flags]) v8.setFlagsFromString(flag);
  try {
    const compiled = new WebAssembly.Module(module.toBytes());
    const imports = { env: { memory }, math: mathImports };
    return new WebAssembly.Instance(compiled, imports).exports.kernel as ReturnType<typeof compile>;
  } finally {
    if (options.revectorize) for (const flag of slow) v8.setFlagsFromString(flag);
  }
}
