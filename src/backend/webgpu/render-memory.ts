// How a shader reaches its uniform words, the status and the elements of its operands.
// Not here: which elements (render-expr.ts, render-loop.ts), or who binds what (shader.ts).

import type { DType } from "../../ir/dtype.ts";
import type { Kernel } from "../../schedule/kernel.ts";
import { fromWord, toWord, typeOf } from "./render-ops.ts";
import type { ShaderText } from "./render-text.ts";
import { firstSlab, type ShaderLayout } from "./shader.ts";

const parts = ["x", "y", "z", "w"] as const;

export class ShaderMemory {
  private readonly text: ShaderText;
  private readonly kernel: Kernel;
  private readonly layout: ShaderLayout;
  /** Slabs in which several invocations may add to one element. */
  private readonly atomic: ReadonlySet<number>;
  private readonly declared = new Set<string>();
  private readonly offsets = new Map<number, string>();

  /** `added`: the operands that several invocations may add to. */
  constructor(text: ShaderText, kernel: Kernel, layout: ShaderLayout, added: readonly number[]) {
    this.text = text;
    this.kernel = kernel;
    this.layout = layout;
    this.atomic = new Set(added.map((operand) => layout.places[operand]!.slab));
    const words = kernel.operands.length + kernel.scalars.length + 2;
    text.declare(`struct Uniforms { words: array<vec4<u32>, ${Math.ceil(words / 4)}> }`);
    text.declare("@group(0) @binding(0) var<uniform> uniforms: Uniforms;");
    text.declare("@group(0) @binding(1) var<storage, read_write> status: array<atomic<u32>>;");
    for (let slab = 0; slab < layout.slabs; slab++) {
      const element = this.atomic.has(slab) ? "atomic<u32>" : "u32";
      text.declare(
        `@group(0) @binding(${firstSlab + slab}) ` +
          `var<storage, read_write> slab${slab}: array<${element}>;`,
      );
    }
    for (let operand = 0; operand < kernel.operands.length; operand++) {
      this.offsets.set(operand, `i32(${this.word(operand)})`);
    }
  }

  private word(at: number): string {
    return `uniforms.words[${at >> 2}].${parts[at & 3]}`;
  }

  /** Scalar number `slot` of the kernel. */
  scalar(slot: number): string {
    const { operands, scalars } = this.kernel;
    return fromWord[scalars[slot]!](this.word(operands.length + slot));
  }

  /** The constant of the shader. */
  get constant(): string {
    const { operands, scalars } = this.kernel;
    return this.word(operands.length + scalars.length + 1);
  }

  /** The statement that notes fault number `fault` of the kernel, unless an earlier step had one. */
  fault(fault: number): string {
    const { operands, scalars } = this.kernel;
    this.once(
      "fault",
      `fn note_fault(fault: u32) {
  if (atomicLoad(&status[0]) == 0u) {
    atomicMax(&status[0], ${this.word(operands.length + scalars.length)} + fault + 1u);
  }
}`,
    );
    return `note_fault(${fault}u);`;
  }

  private once(name: string, text: string): void {
    if (this.declared.has(name)) return;
    this.declared.add(name);
    this.text.declare(text);
  }

  dtypeOf(operand: number): DType {
    return this.kernel.operands[operand]!.dtype;
  }

  /** The value of element `at`, an i32, of an operand. */
  load(operand: number, at: string): string {
    const { slab, count } = this.layout.places[operand]!;
    const convert = fromWord[this.dtypeOf(operand)];
    const index = `u32(${this.offsets.get(operand)} + ${at})`;
    if (count === 1) return convert(this.loadWord(slab, index));
    this.once(
      `load${operand}`,
      this.spanning(operand, "load", ") -> u32", (s, i) => {
        return `return ${this.loadWord(s, i)};`;
      }),
    );
    return convert(`load${operand}(${index})`);
  }

  private loadWord(slab: number, index: string): string {
    const element = `slab${slab}[${index}]`;
    return this.atomic.has(slab) ? `atomicLoad(&${element})` : element;
  }

  /** The statement that sets element `at` of an operand. */
  store(operand: number, at: string, value: string): string {
    const { slab, count } = this.layout.places[operand]!;
    const word = toWord[this.dtypeOf(operand)](value);
    const index = `u32(${this.offsets.get(operand)} + ${at})`;
    if (count === 1) return this.storeWord(slab, index, word);
    this.once(
      `store${operand}`,
      this.spanning(operand, "store", ", word: u32)", (s, i) => {
        return this.storeWord(s, i, "word");
      }),
    );
    return `store${operand}(${index}, ${word});`;
  }

  private storeWord(slab: number, index: string, word: string): string {
    const element = `slab${slab}[${index}]`;
    return this.atomic.has(slab) ? `atomicStore(&${element}, ${word});` : `${element} = ${word};`;
  }

  /** A function of the index in an operand that lies in several slabs. */
  private spanning(
    operand: number,
    name: string,
    signature: string,
    statement: (slab: number, index: string) => string,
  ): string {
    const { slab, count } = this.layout.places[operand]!;
    const { slabElements } = this.layout;
    const cases = Array.from({ length: count }, (_, i) => {
      const label = i + 1 < count ? `case ${i}u` : "default";
      return `    ${label}: { ${statement(slab + i, `index - ${i * slabElements}u`)} }`;
    });
    return `fn ${name}${operand}(index: u32${signature} {
  switch (index / ${slabElements}u) {
${cases.join("\n")}
  }
}`;
  }

  /** The statement that adds to element `at` of an operand, whoever else does so at the same time. */
  add(operand: number, at: string, value: string): string {
    const { slab } = this.layout.places[operand]!;
    const dtype = this.dtypeOf(operand);
    const index = `u32(${this.offsets.get(operand)} + ${at})`;
    if (dtype === "int32") return `atomicAdd(&slab${slab}[${index}], ${toWord[dtype](value)});`;
    const sum = dtype === "bool" ? "old || value" : dtype === "uint8" ? "(old + value) & 255" : "";
    this.once(
      `add${slab} ${dtype}`,
      `fn add${slab}_${dtype}(index: u32, value: ${typeOf[dtype]}) {
  var word = atomicLoad(&slab${slab}[index]);
  loop {
    let old = ${fromWord[dtype]("word")};
    let tried = atomicCompareExchangeWeak(
      &slab${slab}[index], word, ${toWord[dtype](sum === "" ? "old + value" : sum)});
    if (tried.exchanged) { break; }
    word = tried.old_value;
  }
}`,
    );
    return `add${slab}_${dtype}(${index}, ${value});`;
  }
}
