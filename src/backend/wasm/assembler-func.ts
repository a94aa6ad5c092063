// Writes one WebAssembly function, an instruction after the other, into a growable array. It checks
// nothing: the engine's validator does. Not here: the module around it (assembler.ts), or which
// instructions a kernel needs.

import { ByteWriter, type ValType, valTypes } from "./assembler-bytes.ts";
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

/** What a function must know of its module. */
interface ModuleOfFunc {
  readonly record: boolean;
  typeIndex(params: readonly ValType[], results: readonly ValType[]): number;
}

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
  private readonly module: ModuleOfFunc;
  private readonly localTypes: ValType[] = [];
  private depth = 0;

  constructor(
    module: ModuleOfFunc,
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

  /** local += amount */
  increase(local: number, amount: number): void {
    if (amount === 0) return;
    this.get(local);
    this.i32(amount);
    this.op("i32.add");
    this.set(local);
  }

  /** Ends the loop at `top`, which turns again until a counter, now one less, is 0. */
  endTurns(counter: number, top: Label): void {
    this.get(counter);
    this.i32(-1);
    this.op("i32.add");
    this.tee(counter);
    this.brIf(top);
    this.end();
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
