// The kernel cache of one backend: kernels that no program had before are rendered together as one
// module, compiled at once by the optimizing compiler, and put into the function table of this thread
// and, by mail, of the workers. Not here: the code of a kernel (loop.ts, contract.ts), or the table
// of another thread (worker-instance.ts).

import type { Affine, Kernel } from "../../schedule/kernel.ts";
import type { Plan } from "../../schedule/plan.ts";
import { remember } from "../../util/remember.ts";
import { type FuncRef, ModuleBuilder } from "./assembler.ts";
import { withFlags } from "./flags.ts";
import { type DeviceMemory, maxPages } from "./memory.ts";
import { renderKernel } from "./program-kinds.ts";
import { installModule, type KernelModule } from "./worker-instance.ts";

/** What the machine can do, and the tile that is best there. */
export interface RenderOptions {
  readonly relaxed: boolean;
  readonly revectorize: boolean;
  readonly rows: number;
}

/** What was compiled, for messages. */
export interface Compiled {
  readonly kernels: number;
  readonly bytes: number;
  /** The new functions as text, where that is recorded. */
  readonly text: readonly string[];
}

export class KernelCache {
  private readonly known = new Map<string, number>();
  private readonly memory: DeviceMemory;
  private readonly table: WebAssembly.Table;
  private readonly options: RenderOptions;
  private readonly send: (module: KernelModule) => void;

  constructor(
    memory: DeviceMemory,
    table: WebAssembly.Table,
    options: RenderOptions,
    send: (module: KernelModule) => void,
  ) {
    this.memory = memory;
    this.table = table;
    this.options = options;
    this.send = send;
  }

  /** The table index of each step's kernel; compiles the missing ones. `record` keeps their text. */
  functionsOf(plan: Plan, record: boolean): { functions: number[]; compiled: Compiled } {
    const module = this.newModule(record);
    const first = this.known.size;
    const fresh = new Map<string, FuncRef>();
    const functions = plan.steps.map(({ kernel }) => {
      const key = codeKey(kernel);
      const known = this.known.get(key);
      if (known !== undefined) return known;
      fresh.set(key, renderKernel(kernel, module, this.options));
      this.known.set(key, this.known.size);
      return this.known.size - 1;
    });
    if (fresh.size === 0) return { functions, compiled: { kernels: 0, bytes: 0, text: [] } };
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      module.fillTable(first, [...fresh.values()]);
      bytes = module.toBytes();
      this.install(bytes, this.known.size);
    } catch (error) {
      for (const key of fresh.keys()) this.known.delete(key);
      throw error;
    }
    const text = record ? module.funcs.map(String) : [];
    return { functions, compiled: { kernels: fresh.size, bytes: bytes.length, text } };
  }

  private newModule(record: boolean): ModuleBuilder {
    const module = new ModuleBuilder({ record });
    const { shared } = this.memory;
    module.importMemory({ module: "env", name: "memory", min: 1, max: maxPages, shared });
    module.importTable("env", "table");
    return module;
  }

  private install(bytes: Uint8Array<ArrayBuffer>, functions: number): void {
    const { revectorize } = this.options;
    const module = withFlags(revectorize, () => new WebAssembly.Module(bytes));
    installModule({ module, functions }, this.memory.memory, this.table);
    this.send({ module, functions });
  }
}

/** Equal where the code is: the extent of a loop's first axis is a parameter, as is how it is cut.
 *  Unlike JSON it tells infinities, NaN and -0 apart; shared expressions are written once. */
const codeKey = remember((kernel: Kernel): string => {
  const seen = new Map<object, number>();
  const text = (value: unknown): string => {
    if (Object.is(value, -0)) return "-0";
    if (typeof value !== "object" || value === null) return `${value}`;
    if (Array.isArray(value)) {
      return typeof value[0] === "number" ? `[${value}]` : `[${value.map(text).join()}]`;
    }
    if ("coef" in value) return `${(value as Affine).base}:${value.coef}`;
    const known = seen.get(value);
    if (known !== undefined) return `@${known}`;
    if ("k" in value) seen.set(value, seen.size);
    let all = "{";
    for (const name in value) all += `${name}:${text(value[name as keyof typeof value])} `;
    return `${all}}`;
  };
  const code =
    kernel.kind === "loop" ? { ...kernel, axes: [-1, ...kernel.axes.slice(1)], grain: 0 } : kernel;
  return text(code);
});
