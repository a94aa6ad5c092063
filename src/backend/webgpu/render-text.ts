// The text of a shader under construction: lines, names, literals, and the helper functions and
// declarations that the lines ask for.
// Not here: what the lines say (render-loop.ts, render-contract.ts, render-expr.ts).

import { type Helper, helpers } from "./render-math.ts";

/** Text of a float32 that is no constant of the language: its bits. */
const smallestNormal = 1.1754943508222875e-38;
const word = new DataView(new ArrayBuffer(4));

/** A float32 as text. What the language has no constants for (NaN, infinities, -0, what is not normal)
 *  is made of bits when the shader runs. */
export function floatText(value: number, text: ShaderText): string {
  const x = Math.fround(value);
  const plain = Object.is(x, 0) || (Number.isFinite(x) && Math.abs(x) >= smallestNormal);
  if (plain) return `${x}f`;
  word.setFloat32(0, x);
  return `${text.use("from_bits")}(${word.getUint32(0)}u)`;
}

/** A whole number as an i32. */
export function intText(value: number): string {
  return value < 0 ? `i32(${value | 0})` : `${value | 0}`;
}

export class ShaderText {
  private readonly lines: string[] = [];
  private readonly declarations: string[] = [];
  private readonly used = new Set<Helper>();
  private readonly enabled = new Set<string>();
  private depth = 1;
  private names = 0;

  line(text: string): void {
    this.lines.push("  ".repeat(this.depth) + text);
  }

  /** Begins a block. */
  open(head: string): void {
    this.line(head === "" ? "{" : `${head} {`);
    this.depth++;
  }

  /** Ends it; `else` begins the other one. */
  close(tail = ""): void {
    this.depth--;
    this.line(`}${tail}`);
    if (tail !== "") this.depth++;
  }

  /** A new name. */
  name(): string {
    return `v${this.names++}`;
  }

  /** Names a value. */
  let(value: string): string {
    const name = this.name();
    this.line(`let ${name} = ${value};`);
    return name;
  }

  /** Something outside the entry point. */
  declare(text: string): void {
    this.declarations.push(text);
  }

  /** An extension of the language. */
  enable(name: string): void {
    this.enabled.add(name);
  }

  /** The name of a helper function, which the shader will then have. */
  use(name: Helper): string {
    if (!this.used.has(name)) {
      this.used.add(name);
      for (const needed of helpers[name].needs) this.use(needed);
    }
    return name;
  }

  /** The whole shader: the lines are the body of its entry point. */
  finish(workgroupSize: number): string {
    const functions = [...this.used].map((name) => helpers[name].text);
    const builtins = [
      "@builtin(workgroup_id) group_id: vec3<u32>",
      "@builtin(num_workgroups) groups: vec3<u32>",
      "@builtin(local_invocation_index) lane: u32",
    ];
    return [
      ...[...this.enabled].map((name) => `enable ${name};`),
      ...this.declarations,
      ...functions,
      `@compute @workgroup_size(${workgroupSize})`,
      `fn main(${builtins.join(", ")}) {`,
      ...this.lines,
      "}",
      "",
    ].join("\n");
  }
}
