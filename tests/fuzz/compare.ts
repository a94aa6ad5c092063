// One program on the reference and on wasm in all its modes. What float32 may be off by is measured on the
// program itself: float32 against float64 on the reference, and how far the float64 results move when every
// value on the way moves by about a rounding. Modes that must agree in every bit are held to that.
import { WebgpuBackend } from "../../src/backend/webgpu/backend.ts";
import { Buffer } from "../../src/ir/buffer.ts";
import { binary, bufferNode } from "../../src/ir/build.ts";
import type { TypedArray } from "../../src/ir/dtype.ts";
import { Node, sizeOf, topological } from "../../src/ir/node.ts";
import { Engine } from "../../src/schedule/engine.ts";
import {
  prepare,
  reference,
  strictOptions,
  type UnderTest,
  wasmUnderTest,
} from "../ops/backends.ts";
import { stream } from "../ops/case.ts";
import { missingAdapter } from "../webgpu/adapter.ts";
import type { Program } from "./program.ts";

/** Backends in groups; the members of a group agree in every bit. */
export type Modes = readonly (readonly UnderTest[])[];

/** Packed and not packed, each at 1 and 2 threads, and strict mode. */
export async function allModes(): Promise<Modes> {
  const pair = (revectorize: boolean) =>
    wasmUnderTest([
      { threads: 1, revectorize },
      { threads: 2, splitAll: true, revectorize },
    ]);
  const strict = await wasmUnderTest([strictOptions[0]!, strictOptions[3]!]);
  return [await pair(true), await pair(false), strict];
}

/** A graphics card by itself, whose elementary functions may be less exact. */
export async function webgpuModes(): Promise<Modes> {
  const why = await missingAdapter();
  if (why !== null) throw new Error(why);
  const backend = new WebgpuBackend();
  return [[{ name: "webgpu", backend, engine: new Engine(backend) }]];
}

export async function disposeOf(modes: Modes): Promise<void> {
  for (const { backend } of modes.flat()) await (backend as { dispose?: () => void }).dispose?.();
}

/** What came of a comparison: `fault` says what differs; `unstable` that rounding alone may decide. */
export interface Finding {
  readonly fault: string | null;
  readonly unstable: boolean;
}

/** Values move by up to this much, relatively: the error that vector math may have. */
const wobble = 5e-7;
/** Ops whose results are rounded, and functions of theirs that round nothing: moving those apart would
 *  undo what is true exactly (a maximum equals one of its elements). */
const roundingOps: ReadonlySet<string> = new Set([
  "unary", "binary", "reduce", "contract", "conv", "convWeights", "scatterAdd",
]); // biome-ignore format: a list
const exactFns: ReadonlySet<string> = new Set(["neg", "abs", "relu", "sign", "max", "min"]);

function rounds({ op, attrs }: Node): boolean {
  return roundingOps.has(op) && !exactFns.has((attrs as { fn?: string }).fn ?? "");
}

/** Compares the program's results on all backends with the reference's. `loose`: how much more than float32's
 *  own errors a backend may be off by. */
export async function compare(program: Program, modes: Modes, loose = 1): Promise<Finding> {
  const truth = new Truth(program, loose);
  if (!truth.finite) return { fault: null, unstable: true };
  let unstable = false;
  for (const group of modes) {
    let first: TypedArray[] | null = null;
    for (const on of group) {
      const actual = await run(on, program);
      const again = await run(on, program);
      const changed = firstDifference(again, actual);
      if (changed !== null) return { fault: `${on.name}, second run: ${changed}`, unstable };
      const other = first === null ? null : firstDifference(actual, first);
      if (other !== null) return { fault: `${on.name}, not ${group[0]!.name}: ${other}`, unstable };
      if (first !== null) continue;
      first = actual;
      const fault = truth.difference(actual);
      if (fault === null) continue;
      // Rounding may decide on which side of a kink a value lies: does it, in float64 too?
      for (let trial = 0; trial < 24; trial++) truth.wobbleOnce();
      if (truth.difference(actual) !== null) return { fault: `${on.name}: ${fault}`, unstable };
      unstable = true;
    }
  }
  return { fault: null, unstable };
}

/** The results of one run over fresh copies of the leaves. */
async function run(on: UnderTest, program: Program): Promise<TypedArray[]> {
  const copies = new Map<Node, Node>();
  const outputs = rebuild(program.outputs, (leaf) => {
    const { dtype, size, host, state } = leaf.buffer!;
    const copy = withBuffer(leaf, new Buffer(dtype, size, host!.slice(), state));
    copies.set(leaf, copy);
    return copy;
  });
  const assign = program.into.map((leaf): Buffer | null => {
    return leaf === null ? null : (copies.get(leaf)?.buffer ?? null);
  });
  await prepare(on, outputs, assign);
  const { buffers, done } = on.engine.evaluate(outputs, assign);
  await done;
  return Promise.all(buffers.map((b) => on.engine.read(b)));
}

function firstDifference(actual: TypedArray[], expected: TypedArray[]): string | null {
  for (const [k, e] of expected.entries()) {
    const i = e.findIndex((value, i) => !Object.is(value, actual[k]![i]));
    if (i >= 0) return `output ${k}, element ${i} of ${e.length} is ${actual[k]![i]}, not ${e[i]}`;
  }
  return null;
}

/** What the reference says, and how sure one can be of it. */
class Truth {
  private readonly program: Program;
  private readonly exact: readonly TypedArray[];
  /** The largest error seen, for each element. */
  private readonly error: Float64Array[];
  private readonly loose: number;
  private trials = 0;

  constructor(program: Program, loose: number) {
    this.program = program;
    this.loose = loose;
    this.exact = evaluateNow(widened(program.outputs, null));
    this.error = this.exact.map((e) => new Float64Array(e.length));
    this.note(evaluateNow(program.outputs));
    for (let trial = 0; trial < 3; trial++) this.wobbleOnce();
  }

  get finite(): boolean {
    return this.exact.every((values) => values.every(Number.isFinite));
  }

  /** Looks how far the results move when what they are made of does. */
  wobbleOnce(): void {
    this.note(evaluateNow(widened(this.program.outputs, stream(++this.trials))));
  }

  private note(results: readonly TypedArray[]): void {
    results.forEach((values, k) => {
      const error = this.error[k]!;
      for (let i = 0; i < values.length; i++) {
        const e = Math.abs(values[i]! - this.exact[k]![i]!);
        if (!(e <= error[i]!)) error[i] = e;
      }
    });
  }

  /** A sentence on the first element that is too far off. */
  difference(actual: readonly TypedArray[]): string | null {
    for (const [k, exact] of this.exact.entries()) {
      const error = this.error[k]!;
      let largest = 0;
      for (const x of exact) largest = Math.max(largest, Math.abs(x));
      const sorted = error.toSorted();
      const usual = sorted[Math.floor(0.9 * (sorted.length - 1))] ?? 0;
      for (let i = 0; i < exact.length; i++) {
        const allowed = this.loose * (16 * error[i]! + 8 * usual + 2e-6 * largest);
        if (Math.abs(actual[k]![i]! - exact[i]!) <= allowed) continue;
        const by = `allowed is a difference of ${allowed.toPrecision(2)}`;
        return `output ${k}, element ${i} of ${exact.length} is ${actual[k]![i]}, not ${exact[i]}; ${by}`;
      }
    }
    return null;
  }
}

/** The reference interprets at once. */
function evaluateNow(nodes: readonly Node[]): TypedArray[] {
  const { buffers } = reference.engine.evaluate(nodes);
  return buffers.map((b) => reference.engine.read(b) as TypedArray);
}

/** The same nodes over other leaves. */
function rebuild(
  outputs: readonly Node[],
  leafOf: (leaf: Node) => Node,
  change: (node: Node, src: readonly Node[]) => Node = copyOf,
): Node[] {
  const made = new Map<Node, Node>();
  for (const node of topological(outputs)) {
    const src = node.src.map((s) => made.get(s)!);
    made.set(node, node.op === "buffer" ? leafOf(node) : change(node, src));
  }
  return outputs.map((o) => made.get(o)!);
}

/** A node over other sources; itself if they are the same. */
export function copyOf(node: Node, src: readonly Node[]): Node {
  if (src.length === 0 || src.every((s, i) => s === node.src[i])) return node;
  return new Node(node.op, node.dtype, node.shape, src, node.attrs);
}

function withBuffer(leaf: Node, buffer: Buffer): Node {
  const copy = new Node("buffer", buffer.dtype, leaf.shape, [], null);
  copy.buffer = buffer;
  return copy;
}

/** How many terms an element of a node is the sum of. */
function termsOf({ op, attrs, src, shape }: Node): number {
  const [x, w] = src.map((s) => sizeOf(s.shape)) as [number, number];
  const size = Math.max(1, sizeOf(shape));
  if (op === "reduce") return x / size;
  if (op === "conv") return w / src[1]!.shape[0]!;
  if (op === "convWeights") return w / src[1]!.shape[1]!;
  if (op !== "contract") return 1;
  const { a, out } = attrs as Node<"contract">["attrs"];
  return [...a].reduce((p, l, i) => (out.includes(l) ? p : p * src[0]!.shape[i]!), 1);
}

/** By how much a node's value is moved. Adding up n terms that are alike, one by one, is off by up to n/2
 *  units in the last place, all in one direction; what is allowed is 16 times the movement. */
function wobbleOf(node: Node): number {
  return Math.max(wobble, (termsOf(node) * 2 ** -25) / 16);
}

/** The program in float64 over the same elements; all values on the way times random factors near 1. */
function widened(outputs: readonly Node[], random: (() => number) | null): Node[] {
  const wide = (dtype: Node["dtype"]) => (dtype === "float32" ? "float64" : dtype);
  const moved = (node: Node, by = wobble) => {
    if (random === null) return node;
    const factors = new Float64Array(node.shape.reduce((p, d) => p * d, 1));
    for (let i = 0; i < factors.length; i++) factors[i] = 1 + by * (2 * random() - 1);
    const leaf = bufferNode(new Buffer("float64", factors.length, factors), node.shape);
    return binary("mul", node, leaf);
  };
  const leafOf = (leaf: Node) => {
    const { dtype, size, host } = leaf.buffer!;
    if (dtype !== "float32") return leaf;
    return moved(withBuffer(leaf, new Buffer("float64", size, Float64Array.from(host!))));
  };
  return rebuild(outputs, leafOf, (node, src) => {
    const copy = new Node(node.op, wide(node.dtype), node.shape, src, node.attrs);
    copy.value = node.value;
    return copy.dtype === "float64" && rounds(node) ? moved(copy, wobbleOf(node)) : copy;
  });
}
