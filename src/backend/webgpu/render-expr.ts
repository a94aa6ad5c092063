// Expressions as WGSL: each shared subexpression is named once in the block where it is needed, by
// sources first, so that the text is a list of short lines. Addresses are i32: where a mask does not hold
// they may be anything, and what is read there (some element of the slab) is thrown away.
// Not here: the text of single ops (render-ops.ts), loops and stages (render-loop.ts).

import type { Affine, Expr, Range, Store } from "../../schedule/kernel.ts";
import { sources } from "../../schedule/kernel.ts";
import type { ShaderMemory } from "./render-memory.ts";
import { binaryText, castText, compareText, typeOf, unaryText } from "./render-ops.ts";
import { floatText, intText, type ShaderText } from "./render-text.ts";

type Of<K extends Expr["k"]> = Extract<Expr, { k: K }>;

/** What a mask guards is computed anyway, and one of the two chosen, up to so many nodes. */
const cheapNodes = 6;

/** A number as a value of a dtype. It is named, so that the language does not compute with it while it
 *  compiles, where overflow is an error. */
export function constantText(e: Pick<Of<"const">, "dtype" | "value">, text: ShaderText): string {
  if (e.dtype === "bool") return e.value !== 0 ? "true" : "false";
  if (e.dtype === "float32" || e.dtype === "float64") return floatText(e.value, text);
  return intText(e.dtype === "uint8" ? e.value & 255 : e.value);
}

export class ExprWriter {
  private readonly text: ShaderText;
  private readonly memory: ShaderMemory;
  /** The name of the index of an axis. */
  private readonly axis: (axis: number) => string;
  private readonly extents: readonly number[];
  /** Names of values, those of the innermost block last. */
  private readonly scopes: Map<Expr, string>[] = [new Map()];

  constructor(
    text: ShaderText,
    memory: ShaderMemory,
    extents: readonly number[],
    axis: (axis: number) => string,
  ) {
    this.text = text;
    this.memory = memory;
    this.extents = extents;
    this.axis = axis;
  }

  /** What the writer names inside `write` it forgets afterwards: names of a block end with it, and
   *  values of memory may have changed. */
  scoped(write: () => void): void {
    this.scopes.push(new Map());
    write();
    this.scopes.pop();
  }

  /** An affine form as an i32. */
  form({ base, coef }: Affine): string {
    const terms: string[] = [];
    coef.forEach((c, axis) => {
      if (c === 0 || this.extents[axis] === 1) return;
      const name = this.axis(axis);
      terms.push(c === 1 ? name : `${name} * ${intText(c)}`);
    });
    if (base !== 0 || terms.length === 0) terms.push(intText(base));
    return terms.length === 1 ? terms[0]! : `(${terms.join(" + ")})`;
  }

  /** The name of a value, whose computation is written if no enclosing block has it. */
  value(e: Expr): string {
    for (const scope of this.scopes) {
      const known = scope.get(e);
      if (known !== undefined) return known;
    }
    const name = this.compute(e);
    this.scopes[this.scopes.length - 1]!.set(e, name);
    return name;
  }

  private compute(e: Expr): string {
    const { text, memory } = this;
    const use = text.use.bind(text);
    switch (e.k) {
      case "load":
        return text.let(memory.load(e.operand, this.form(e.at)));
      case "gather":
        return this.gather(e);
      case "const":
        return text.let(constantText(e, text));
      case "scalar":
        return text.let(memory.scalar(e.slot));
      case "axis":
        return text.let(this.form(e.at));
      case "unary":
        return text.let(unaryText(e.fn, e.dtype, this.value(e.x), use));
      case "binary":
        return this.binary(e);
      case "compare":
        return text.let(compareText(e.fn, e.x.dtype, this.value(e.x), this.value(e.y), use));
      case "where": {
        const [cond, x, y] = [this.value(e.cond), this.value(e.x), this.value(e.y)];
        return text.let(`select(${y}, ${x}, ${cond})`);
      }
      case "cast":
        return text.let(castText(e.x.dtype, e.dtype, this.value(e.x), use));
      case "masked":
        return this.masked(e);
      case "reg":
        return `r${e.reg}`;
      case "random": {
        const [seed, base] = [this.value(e.seed), this.value(e.base)];
        return text.let(
          `${use("threefry")}(${seed}, ${base}, ${this.form(e.at)}, ${e.stream >>> 0}u)`,
        );
      }
      case "acc":
        return "acc";
    }
  }

  private binary(e: Of<"binary">): string {
    const { text } = this;
    const use = text.use.bind(text);
    const x = this.value(e.x);
    if (e.fn === "pow" && e.dtype === "float32" && e.y.k === "const") {
      const { value } = e.y;
      if (value === 1) return x;
      if (value === 2) return text.let(`${x} * ${x}`);
      if (value === 3) return text.let(`${x} * ${x} * ${x}`);
    }
    return text.let(binaryText(e.fn, e.dtype, x, this.value(e.y), use));
  }

  /** Whether the ranges hold; null where there are none. */
  private holds(ranges: readonly Range[]): string | null {
    if (ranges.length === 0) return null;
    const tests = ranges.flatMap(({ at, size }) => {
      const position = this.form(at);
      return [`${position} >= 0`, `${position} < ${size}`];
    });
    return tests.join(" && ");
  }

  private masked(e: Of<"masked">): string {
    const { text } = this;
    const holds = this.holds(e.ranges);
    if (holds === null) return this.value(e.x);
    const fill = constantText({ dtype: e.dtype, value: e.fill }, text);
    if (isCheap(e.x)) {
      const x = this.value(e.x);
      return text.let(`select(${fill}, ${x}, ${holds})`);
    }
    const name = text.name();
    text.line(`var ${name}: ${typeOf[e.dtype]} = ${fill};`);
    text.open(`if (${holds})`);
    this.scoped(() => text.line(`${name} = ${this.value(e.x)};`));
    text.close();
    return name;
  }

  /** An index as it is where it is in [0, size), else 0 and a fault. */
  private checked(index: string, { size, fault }: { size: number; fault: number }): string {
    const { text, memory } = this;
    const inside = text.let(`${index} >= 0 && ${index} < ${size}`);
    text.line(`if (!${inside}) { ${memory.fault(fault)} }`);
    return inside;
  }

  private gather(e: Of<"gather">): string {
    const { text, memory } = this;
    const index = this.value(e.index);
    const inside = this.checked(index, e);
    const step = `select(0, ${index}, ${inside}) * ${intText(e.stride)}`;
    return text.let(memory.load(e.operand, `(${this.form(e.at)} + ${step})`));
  }

  /** Writes a store. `shared`: other invocations may add to the same element. */
  store(store: Store, shared = false): void {
    const { text, memory } = this;
    const { operand, scatter } = store;
    const value = this.value(store.value);
    const at = this.form(store.at);
    if (scatter === undefined) {
      text.line(memory.store(operand, at, value));
      return;
    }
    const index = this.value(scatter.index);
    const inside = this.checked(index, scatter);
    text.open(`if (${inside})`);
    const to = text.let(`${at} + ${index} * ${intText(scatter.stride)}`);
    if (scatter.fn === "put") text.line(memory.store(operand, to, value));
    else if (shared) text.line(memory.add(operand, to, value));
    else {
      const dtype = memory.dtypeOf(operand);
      const sum = binaryText("add", dtype, memory.load(operand, to), value, text.use.bind(text));
      text.line(memory.store(operand, to, sum));
    }
    text.close();
  }
}

/** Whether it is less work to compute something than to branch around it. What may be a fault is not
 *  computed where nobody asked for it. */
function isCheap(root: Expr): boolean {
  let nodes = 0;
  const go = (e: Expr): boolean => {
    if (++nodes > cheapNodes || e.k === "gather" || e.k === "random") return false;
    if (e.k === "binary" && (e.fn === "pow" || e.fn === "mod")) return false;
    return sources(e).every(go);
  };
  return go(root);
}
