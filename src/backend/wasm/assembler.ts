// Emits WebAssembly modules as bytes: imports, functions, exports and one element segment.
// Not here: the instructions of a function (assembler-func.ts), or which a kernel needs.

import { ByteWriter, type ValType, valTypes } from "./assembler-bytes.ts";
import { FuncBuilder, type FuncRef } from "./assembler-func.ts";

export { ByteWriter, type ValType } from "./assembler-bytes.ts";
export { FuncBuilder, type FuncRef, type Label } from "./assembler-func.ts";

export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  /** Pages of 64 KiB. */
  readonly min: number;
  readonly max?: number | undefined;
  readonly shared?: boolean | undefined;
}

/** Collects imports, functions, exports and table elements, and writes the module. */
export class ModuleBuilder {
  /** Functions keep their instructions as text (ANNEAL_DEBUG=4). */
  readonly record: boolean;
  readonly funcs: FuncBuilder[] = [];
  private readonly types: ByteWriter[] = [];
  private readonly typeKeys = new Map<string, number>();
  private readonly imports = new Map<string, FuncRef & { readonly module: string }>();
  private readonly exports: { name: string; target: FuncRef }[] = [];
  private readonly sharedFuncs = new Map<string, FuncBuilder>();
  private memory: MemoryImport | null = null;
  private table: { module: string; name: string; min: number } | null = null;
  private elements: { offset: number; targets: readonly FuncRef[] } | null = null;

  constructor({ record = false }: { record?: boolean } = {}) {
    this.record = record;
  }

  importMemory(memory: MemoryImport): void {
    this.memory = memory;
  }

  /** Imports a table of functions as table 0. */
  importTable(module: string, name: string, min = 0): void {
    this.table = { module, name, min };
  }

  /** Imports a function, once for each name. May be called at any time. */
  importFunc(
    module: string,
    name: string,
    params: readonly ValType[],
    results: readonly ValType[],
  ): FuncRef {
    const key = `${module}.${name}`;
    let found = this.imports.get(key);
    if (found === undefined) {
      found = { imported: true, position: this.imports.size, params, results, name, module };
      this.imports.set(key, found);
    }
    return found;
  }

  /** The functions imported from a module so far, by name. */
  importedNames(module: string): string[] {
    return [...this.imports.values()].filter((f) => f.module === module).map((f) => f.name);
  }

  /** Begins a function. */
  func(params: readonly ValType[], results: readonly ValType[], name: string): FuncBuilder {
    const func = new FuncBuilder(this, this.funcs.length, params, results, name);
    this.funcs.push(func);
    return func;
  }

  /** The function of a key, which tells all that its code depends on, made when it is first asked for. */
  shared(key: string, make: () => FuncBuilder): FuncBuilder {
    let func = this.sharedFuncs.get(key);
    if (func === undefined) {
      func = make();
      this.sharedFuncs.set(key, func);
    }
    return func;
  }

  exportFunc(name: string, target: FuncRef): void {
    this.exports.push({ name, target });
  }

  /** Puts functions into table 0 from `offset` on when the module is instantiated. */
  fillTable(offset: number, targets: readonly FuncRef[]): void {
    this.elements = { offset, targets };
  }

  typeIndex(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}>${results.join()}`;
    let index = this.typeKeys.get(key);
    if (index === undefined) {
      const type = new ByteWriter(16);
      type.u8(0x60);
      for (const list of [params, results]) {
        type.u32(list.length);
        for (const t of list) type.u8(valTypes[t]);
      }
      index = this.types.push(type) - 1;
      this.typeKeys.set(key, index);
    }
    return index;
  }

  private index(target: FuncRef): number {
    return target.imported ? target.position : this.imports.size + target.position;
  }

  /** The module. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const signatures = this.funcs.map((f) => this.typeIndex(f.params, f.results));
    const imports = this.writeImports();
    const out = new ByteWriter(4096);
    out.i32le(0x6d736100);
    out.i32le(1);
    section(out, 1, this.types.length, (w) => {
      for (const type of this.types) w.append(type.taken());
    });
    section(out, 2, imports.count, (w) => w.append(imports.bytes));
    section(out, 3, signatures.length, (w) => {
      for (const s of signatures) w.u32(s);
    });
    section(out, 7, this.exports.length, (w) => {
      for (const { name, target } of this.exports) {
        w.text(name);
        w.u8(0);
        w.u32(this.index(target));
      }
    });
    if (this.elements !== null) section(out, 9, 1, (w) => this.writeElements(w));
    section(out, 10, this.funcs.length, (w) => {
      for (const f of this.funcs) f.writeBody(w, this.imports.size);
    });
    return out.bytes.slice(0, out.length) as Uint8Array<ArrayBuffer>;
  }

  private writeImports(): { count: number; bytes: Uint8Array } {
    const w = new ByteWriter();
    for (const f of this.imports.values()) {
      w.text(f.module);
      w.text(f.name);
      w.u8(0);
      w.u32(this.typeIndex(f.params, f.results));
    }
    let count = this.imports.size;
    if (this.memory !== null) {
      count++;
      const { module, name, min, max, shared = false } = this.memory;
      w.text(module);
      w.text(name);
      w.u8(2);
      w.u8((max === undefined ? 0 : 1) | (shared ? 2 : 0));
      w.u32(min);
      if (max !== undefined) w.u32(max);
    }
    if (this.table !== null) {
      count++;
      w.text(this.table.module);
      w.text(this.table.name);
      w.u8(1);
      w.u8(0x70);
      w.u8(0);
      w.u32(this.table.min);
    }
    return { count, bytes: w.taken() };
  }

  private writeElements(w: ByteWriter): void {
    const { offset, targets } = this.elements!;
    w.u8(0);
    w.u8(0x41);
    w.s32(offset);
    w.u8(0x0b);
    w.u32(targets.length);
    for (const t of targets) w.u32(this.index(t));
  }
}

/** Writes a section of `count` entries; an empty one is left out. */
function section(out: ByteWriter, id: number, count: number, write: (w: ByteWriter) => void): void {
  if (count === 0) return;
  const body = new ByteWriter(1024);
  body.u32(count);
  write(body);
  out.u8(id);
  out.u32(body.length);
  out.append(body.taken());
}
