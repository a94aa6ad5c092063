// Emits WebAssembly modules as bytes: a module with imports, functions, exports and one element
// segment, and functions written one instruction after the other into a growable array.
// It checks nothing: the engine's validator does. Not here: which instructions a kernel needs.

import {
  type LaneMemoryOp,
  type LaneOp,
  laneMemoryOps,
  laneOps,
  type MemoryOp,
  memoryOps,
  type PlainOp,
  plainOps,
} from "./assembler-opcodes.ts";

export type ValType = "i32" | "i64" | "f32" | "f64" | "v128";

const valTypes: { [K in ValType]: number } = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** Bytes that grow. The numbers are written as the binary format wants them. */
export class ByteWriter {
  bytes: Uint8Array;
  length = 0;
  private view: DataView;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  u8(x: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = x;
  }

  /** LEB128 of an unsigned 32-bit number. */
  u32(x: number): void {
    this.reserve(5);
    let rest = x >>> 0;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** LEB128 in five bytes whatever the number, to be overwritten later by {@link patchU32}. */
  u32Padded(x: number): void {
    this.reserve(5);
    this.length += 5;
    this.patchU32(this.length - 5, x);
  }

  patchU32(at: number, x: number): void {
    for (let i = 0; i < 5; i++) {
      this.bytes[at + i] = ((x >>> (7 * i)) & 0x7f) | (i < 4 ? 0x80 : 0);
    }
  }

  /** LEB128 of a signed 32-bit number. */
  s32(x: number): void {
    this.reserve(5);
    let rest = x | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.bytes[this.length++] = done ? low : low | 0x80;
      if (done) return;
    }
  }

  /** LEB128 of a signed 64-bit number. */
  s64(x: bigint): void {
    this.reserve(10);
    let rest = BigInt.asIntN(64, x);
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      const done = (rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0);
      this.bytes[this.length++] = done ? low : low | 0x80;
      if (done) return;
    }
  }

  i32le(x: number): void {
    this.reserve(4);
    this.view.setInt32(this.length, x | 0, true);
    this.length += 4;
  }

  f32(x: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, x, true);
    this.length += 4;
  }

  f64(x: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, x, true);
    this.length += 8;
  }

  text(s: string): void {
    const encoded = new TextEncoder().encode(s);
    this.u32(encoded.length);
    this.append(encoded);
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The bytes so far, as a view. */
  taken(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** A function to call, export or put in a table: an import, or a FuncBuilder of the same module. */
export interface FuncRef {
  readonly imported: boolean;
  /** Among the imports or among the module's own functions. */
  readonly position: number;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  readonly name: string;
}

/** Where a `br` jumps to: the depth of the block, loop or if that it names. */
export type Label = number;

/** Writes the body of one function. Locals are numbers: the parameters come first. */
export class FuncBuilder implements FuncRef {
  readonly imported = false;
  readonly position: number;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  readonly name: string;
  private code = new ByteWriter(1024);
  private readonly start = new ByteWriter(256);
  /** Calls to functions of the module, whose numbers are known at the end. */
  private readonly calls: { code: ByteWriter; at: number; target: FuncRef }[] = [];
  /** The instructions as text, one a line, where the module records them; else null. */
  private log: string[] | null;
  private readonly startLog: string[] = [];
  private readonly module: ModuleBuilder;
  private readonly localTypes: ValType[] = [];
  private depth = 0;

  constructor(
    module: ModuleBuilder,
    position: number,
    params: readonly ValType[],
    results: readonly ValType[],
    name: string,
  ) {
    this.module = module;
    this.position = position;
    this.params = params;
    this.results = results;
    this.name = name;
    this.log = module.record ? [] : null;
  }

  /** A new local, zero at first. */
  local(type: ValType): number {
    return this.params.length + this.localTypes.push(type) - 1;
  }

  localType(index: number): ValType {
    return this.params[index] ?? this.localTypes[index - this.params.length]!;
  }

  /** Writes instructions that run before all others (but after earlier ones of `atStart`): constants
   *  and addresses that the body turns out to need. */
  atStart(write: () => void): void {
    const { code, log, depth } = this;
    this.code = this.start;
    if (log !== null) this.log = this.startLog;
    this.depth = 0;
    write();
    this.code = code;
    this.log = log;
    this.depth = depth;
  }

  private note(text: string): void {
    this.log?.push("  ".repeat(this.depth + 1) + text);
  }

  private opcode(code: number): void {
    if (code < 0x100) {
      this.code.u8(code);
    } else {
      this.code.u8(code >>> 12);
      this.code.u32(code & 0xfff);
    }
  }

  /** An instruction without immediates. */
  op(name: PlainOp): void {
    if (this.log !== null) this.note(name);
    this.opcode(plainOps[name]);
  }

  /** A load, store or atomic; address operand first, as in the text format. */
  mem(name: MemoryOp, offset = 0): void {
    if (this.log !== null) this.note(`${name} offset=${offset}`);
    const [code, align] = memoryOps[name];
    this.opcode(code);
    // The hint of vectors is 4: they need not be aligned to more.
    this.code.u32(code >>> 12 === 0xfd ? Math.min(align, 2) : align);
    this.code.u32(offset);
  }

  /** A load or store of one lane. */
  memLane(name: LaneMemoryOp, lane: number, offset = 0): void {
    if (this.log !== null) this.note(`${name} offset=${offset} ${lane}`);
    const [code, align] = laneMemoryOps[name];
    this.opcode(code);
    this.code.u32(align);
    this.code.u32(offset);
    this.code.u8(lane);
  }

  /** Takes out or replaces one lane. */
  lane(name: LaneOp, lane: number): void {
    if (this.log !== null) this.note(`${name} ${lane}`);
    this.opcode(laneOps[name]);
    this.code.u8(lane);
  }

  /** i8x16.shuffle: byte i of the result is byte lanes[i] of the two operands side by side. */
  shuffle(lanes: readonly number[]): void {
    if (this.log !== null) this.note(`i8x16.shuffle ${lanes.join(" ")}`);
    this.opcode(0xfd00d);
    for (let i = 0; i < 16; i++) this.code.u8(lanes[i]!);
  }

  get(local: number): void {
    if (this.log !== null) this.note(`local.get ${local}`);
    this.code.u8(0x20);
    this.code.u32(local);
  }

  set(local: number): void {
    if (this.log !== null) this.note(`local.set ${local}`);
    this.code.u8(0x21);
    this.code.u32(local);
  }

  tee(local: number): void {
    if (this.log !== null) this.note(`local.tee ${local}`);
    this.code.u8(0x22);
    this.code.u32(local);
  }

  i32(x: number): void {
    if (this.log !== null) this.note(`i32.const ${x | 0}`);
    this.code.u8(0x41);
    this.code.s32(x);
  }

  i64(x: bigint): void {
    if (this.log !== null) this.note(`i64.const ${x}`);
    this.code.u8(0x42);
    this.code.s64(x);
  }

  f32(x: number): void {
    if (this.log !== null) this.note(`f32.const ${x}`);
    this.code.u8(0x43);
    this.code.f32(x);
  }

  f64(x: number): void {
    if (this.log !== null) this.note(`f64.const ${x}`);
    this.code.u8(0x44);
    this.code.f64(x);
  }

  /** v128.const of four 32-bit integers. */
  v128i32(a: number, b: number, c: number, d: number): void {
    if (this.log !== null) this.note(`v128.const i32x4 ${a | 0} ${b | 0} ${c | 0} ${d | 0}`);
    this.opcode(0xfd00c);
    this.code.i32le(a);
    this.code.i32le(b);
    this.code.i32le(c);
    this.code.i32le(d);
  }

  /** v128.const of one float32 in all lanes. */
  v128f32(x: number): void {
    if (this.log !== null) this.note(`v128.const f32x4 ${x} ${x} ${x} ${x}`);
    this.opcode(0xfd00c);
    for (let i = 0; i < 4; i++) this.code.f32(x);
  }

  private open(code: number, text: string, result?: ValType): Label {
    if (this.log !== null) this.note(result === undefined ? text : `${text} (result ${result})`);
    this.code.u8(code);
    this.code.u8(result === undefined ? 0x40 : valTypes[result]);
    return ++this.depth;
  }

  /** Opens a block; `br` to its label leaves it. */
  block(result?: ValType): Label {
    return this.open(0x02, "block", result);
  }

  /** Opens a loop; `br` to its label repeats it. */
  loop(): Label {
    return this.open(0x03, "loop");
  }

  /** Opens the branch of a condition on the stack. */
  if(result?: ValType): Label {
    return this.open(0x04, "if", result);
  }

  else(): void {
    this.depth--;
    this.note("else");
    this.depth++;
    this.code.u8(0x05);
  }

  /** Closes the innermost block, loop or if. */
  end(): void {
    this.depth--;
    this.note("end");
    this.code.u8(0x0b);
  }

  br(label: Label): void {
    if (this.log !== null) this.note(`br ${this.depth - label}`);
    this.code.u8(0x0c);
    this.code.u32(this.depth - label);
  }

  brIf(label: Label): void {
    if (this.log !== null) this.note(`br_if ${this.depth - label}`);
    this.code.u8(0x0d);
    this.code.u32(this.depth - label);
  }

  call(target: FuncRef): void {
    if (this.log !== null) this.note(`call $${target.name}`);
    this.code.u8(0x10);
    if (target.imported) {
      this.code.u32(target.position);
    } else {
      this.calls.push({ code: this.code, at: this.code.length, target });
      this.code.u32Padded(0);
    }
  }

  /** Calls through table 0: the arguments and then the index are on the stack. */
  callIndirect(params: readonly ValType[], results: readonly ValType[]): void {
    if (this.log !== null)
      this.note(`call_indirect (${params.join(" ")}) -> (${results.join(" ")})`);
    this.code.u8(0x11);
    this.code.u32(this.module.typeIndex(params, results));
    this.code.u8(0);
  }

  fence(): void {
    if (this.log !== null) this.note("atomic.fence");
    this.code.u8(0xfe);
    this.code.u8(0x03);
    this.code.u8(0);
  }

  /** memory.copy: destination, source and byte count are on the stack. */
  memoryCopy(): void {
    if (this.log !== null) this.note("memory.copy");
    this.opcode(0xfc00a);
    this.code.u8(0);
    this.code.u8(0);
  }

  /** memory.fill: destination, byte value and byte count are on the stack. */
  memoryFill(): void {
    if (this.log !== null) this.note("memory.fill");
    this.opcode(0xfc00b);
    this.code.u8(0);
  }

  /** The function as text: its locals and, where the module records, its instructions. */
  toString(): string {
    const params = this.params.map((t, i) => `${i}:${t}`).join(" ");
    const locals = this.localTypes.map((t, i) => `${i + this.params.length}:${t}`).join(" ");
    const head = `(func $${this.name} (param ${params}) (result ${this.results.join(" ")})`;
    const body = this.log === null ? ["  ; not recorded"] : [...this.startLog, ...this.log];
    return [head, `  (local ${locals})`, ...body, ")"].join("\n");
  }

  /** Writes the body as the code section wants it. `base` is the number of imports. */
  writeBody(out: ByteWriter, base: number): void {
    const head = new ByteWriter(64);
    const runs: [number, ValType][] = [];
    for (const type of this.localTypes) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    head.u32(runs.length);
    for (const [count, type] of runs) {
      head.u32(count);
      head.u8(valTypes[type]);
    }
    for (const { code, at, target } of this.calls) code.patchU32(at, base + target.position);
    out.u32(head.length + this.start.length + this.code.length + 1);
    out.append(head.taken());
    out.append(this.start.taken());
    out.append(this.code.taken());
    out.u8(0x0b);
  }
}

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
