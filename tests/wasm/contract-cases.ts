// Contraction kernels for the tests, the slow truth that they are compared with, and what builds
// and runs one of them in a memory of its own.

import { ModuleBuilder } from "../../src/backend/wasm/assembler.ts";
import {
  type ContractOptions,
  contractScratch,
  renderContract,
} from "../../src/backend/wasm/contract.ts";
import { withFlags } from "../../src/backend/wasm/flags.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { makeArray, type TypedArray, viewArray } from "../../src/ir/dtype.ts";
import type { Affine, ContractKernel, Expr } from "../../src/schedule/kernel.ts";

/** A kernel with the number of elements of each of its operands. */
export interface Case {
  readonly kernel: ContractKernel;
  readonly sizes: readonly number[];
}

export const acc: Expr = { k: "acc", dtype: "float32" };
export const columnsOf = (n: number) => 16 * Math.ceil(n / 16);
const at = (coef: readonly number[], base = 0): Affine => ({ base, coef });

export interface MatmulOptions {
  dtype?: DType;
  batch?: number;
  /** a is stored as (K, M). */
  aT?: boolean;
  /** b as panels of 16 columns, (panel, K, 16), else (K, columns). */
  packed?: boolean;
  /** Elements before the first of each operand. */
  base?: number;
  value?: Expr;
  /** Operands of `value`, from number 3 on, in elements. */
  extra?: { dtype: DType; size: number }[];
  scalars?: DType[];
}

/** c[batch, M, columns] = a[batch, M, K] · b[batch, K, columns]; axes batch, M, panel, lane, K. */
export function matmul(M: number, N: number, K: number, options: MatmulOptions = {}): Case {
  const { dtype = "float32", batch = 1, aT, packed, base = 0, extra = [], scalars = [] } = options;
  const cols = columnsOf(N);
  const value = options.value ?? { k: "acc", dtype };
  const kernel: ContractKernel = {
    kind: "contract",
    axes: [batch, M, cols / 16, 16, K],
    batch: [0],
    rows: [1],
    panel: 2,
    lane: 3,
    sums: [4],
    dtype,
    operands: [
      { dtype, write: false },
      { dtype, write: false },
      { dtype, write: true },
      ...extra.map((e) => ({ dtype: e.dtype, write: false })),
    ],
    a: { operand: 0, at: at(aT ? [M * K, 1, 0, 0, M] : [M * K, K, 0, 0, 1], base) },
    b: {
      operand: 1,
      at: at(packed ? [K * cols, 0, 16 * K, 1, 16] : [K * cols, 0, 16, 1, cols], base),
    },
    store: { operand: 2, at: at([M * cols, cols, 16, 1, 0], base), value },
    scalars,
    regs: [],
  };
  const sizes = [batch * M * K, batch * K * cols, batch * M * cols].map((n) => n + base);
  return { kernel, sizes: [...sizes, ...extra.map((e) => e.size)] };
}

export interface ConvShape {
  B: number;
  H: number;
  W: number;
  IC: number;
  OC: number;
  kernel: number;
  stride: number;
}

/** Forward: rows (b, oh, ow), sums (kh, kw, ic), a is the padded image. */
export function convForward({ B, H, W, IC, OC, kernel: k, stride }: ConvShape): Case {
  const [Hp, Wp] = [H + k - 1, W + k - 1];
  const [OH, OW] = [Math.ceil(H / stride), Math.ceil(W / stride)];
  const [K, cols] = [k * k * IC, columnsOf(OC)];
  const image = [Hp * Wp * IC, stride * Wp * IC, stride * IC, 0, 0, Wp * IC, IC, 1];
  const kernel: ContractKernel = {
    ...matmul(1, 1, 1).kernel,
    axes: [B, OH, OW, cols / 16, 16, k, k, IC],
    batch: [],
    rows: [0, 1, 2],
    panel: 3,
    lane: 4,
    sums: [5, 6, 7],
    a: { operand: 0, at: at(image) },
    b: { operand: 1, at: at([0, 0, 0, 16 * K, 1, 16 * k * IC, 16 * IC, 16]) },
    store: {
      operand: 2,
      at: at([OH * OW * cols, OW * cols, cols, 16, 1, 0, 0, 0]),
      value: acc,
    },
  };
  return { kernel, sizes: [B * Hp * Wp * IC, K * cols, B * OH * OW * cols] };
}

/** The weights' gradient: rows (kh, kw, ic), sums (b, oh, ow), a is the padded image, b the
 *  gradient. */
export function convWeights({ B, H, W, IC, OC, kernel: k, stride }: ConvShape): Case {
  const [Hp, Wp] = [H + k - 1, W + k - 1];
  const [OH, OW] = [Math.ceil(H / stride), Math.ceil(W / stride)];
  const cols = columnsOf(OC);
  const image = [Wp * IC, IC, 1, 0, 0, Hp * Wp * IC, stride * Wp * IC, stride * IC];
  const kernel: ContractKernel = {
    ...matmul(1, 1, 1).kernel,
    axes: [k, k, IC, cols / 16, 16, B, OH, OW],
    batch: [],
    rows: [0, 1, 2],
    panel: 3,
    lane: 4,
    sums: [5, 6, 7],
    a: { operand: 0, at: at(image) },
    b: { operand: 1, at: at([0, 0, 0, 16, 1, OH * OW * cols, OW * cols, cols]) },
    store: { operand: 2, at: at([k * IC * cols, IC * cols, cols, 16, 1, 0, 0, 0]), value: acc },
  };
  return { kernel, sizes: [B * Hp * Wp * IC, B * OH * OW * cols, k * k * IC * cols] };
}

/** Numbers in [-1, 1), the same each time. */
export function noise(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 0x800000 - 1;
  };
}

/** Operands full of noise (small integers for integer dtypes). */
export function operandsOf({ kernel, sizes }: Case, seed = 1): TypedArray[] {
  const next = noise(seed);
  return kernel.operands.map(({ dtype }, i) =>
    makeArray(dtype, sizes[i]!).map(() => {
      const x = next();
      if (dtype === "bool") return x > 0 ? 1 : 0;
      return dtype === "int32" || dtype === "uint8" ? Math.round(x * 100) : x;
    }),
  ) as TypedArray[];
}

const dot = ({ base, coef }: Affine, index: readonly number[]) =>
  coef.reduce((sum, c, i) => sum + c * index[i]!, base);

/** Steps an index over some axes, the last fastest; false after the last. */
function step(index: number[], axes: readonly number[], over: readonly number[]): boolean {
  for (let i = over.length - 1; i >= 0; i--) {
    const axis = over[i]!;
    if (++index[axis]! < axes[axis]!) return true;
    index[axis] = 0;
  }
  return false;
}

type Env = { arrays: readonly TypedArray[]; scalars: readonly number[]; index: number[] };

/** The value of the few expressions that the tests use. */
function evaluate(e: Expr, sum: number, env: Env): number {
  const at = (x: Expr) => evaluate(x, sum, env);
  if (e.k === "acc") return sum;
  if (e.k === "load") return env.arrays[e.operand]![dot(e.at, env.index)]!;
  if (e.k === "const") return e.value;
  if (e.k === "scalar") return env.scalars[e.slot]!;
  if (e.k === "axis") return dot(e.at, env.index);
  if (e.k === "cast") return at(e.x);
  if (e.k === "where") return at(e.cond) ? at(e.x) : at(e.y);
  if (e.k === "compare" && e.fn === "lt") return at(e.x) < at(e.y) ? 1 : 0;
  if (e.k === "unary" && e.fn === "relu") return Math.max(0, at(e.x));
  if (e.k === "unary" && e.fn === "tanh") return Math.tanh(at(e.x));
  if (e.k === "binary" && e.fn === "add") return at(e.x) + at(e.y);
  if (e.k === "binary" && e.fn === "mul") return at(e.x) * at(e.y);
  if (e.k === "masked") {
    const inside = e.ranges.every(({ at, size }) => {
      const i = dot(at, env.index);
      return i >= 0 && i < size;
    });
    return inside ? at(e.x) : e.fill;
  }
  throw new Error(`the test does not evaluate ${e.k}`);
}

/** The affine map at every position of the sums, in their order. */
function offsets(map: Affine, { axes, sums }: ContractKernel): Int32Array {
  if (sums.some((axis) => axes[axis] === 0)) return new Int32Array(0);
  const index = axes.map(() => 0);
  const found: number[] = [];
  do {
    found.push(dot(map, index));
  } while (step(index, axes, sums));
  return Int32Array.from(found);
}

/** What the store's operand must hold, and a bound on how far rounding may move each element. */
export function truth(
  { kernel }: Case,
  arrays: readonly TypedArray[],
  scalars: readonly number[] = [],
): { want: Float64Array; bound: Float64Array } {
  const { axes, a, b, store } = kernel;
  const want = Float64Array.from(arrays[store.operand]!);
  const bound = new Float64Array(want.length);
  const outer = [...kernel.batch, ...kernel.rows, kernel.panel, kernel.lane];
  const index = axes.map(() => 0);
  if (outer.some((axis) => axes[axis] === 0)) return { want, bound };
  const steps = (map: Affine) => offsets({ base: 0, coef: map.coef }, kernel);
  const [stepsA, stepsB] = [steps(a.at), steps(b.at)];
  do {
    let [sum, size] = [0, 0];
    const [x, y] = [arrays[a.operand]!, arrays[b.operand]!];
    const [fromA, fromB] = [dot(a.at, index), dot(b.at, index)];
    for (let k = 0; k < stepsA.length; k++) {
      const product = x[fromA + stepsA[k]!]! * y[fromB + stepsB[k]!]!;
      sum += product;
      size += Math.abs(product);
    }
    const place = dot(store.at, index);
    want[place] = evaluate(store.value, sum, { arrays, scalars, index });
    bound[place] = size;
  } while (step(index, axes, outer));
  return { want, bound };
}

/** A kernel that is compiled and has its operands in memory. */
export class Runner {
  readonly arrays: TypedArray[] = [];
  readonly bytes: number;
  private readonly run_: (p: number, lo: number, hi: number) => void;

  constructor(
    { kernel, sizes }: Case,
    options: ContractOptions,
    data: readonly TypedArray[],
    scalars: readonly number[] = [],
  ) {
    const module = new ModuleBuilder();
    module.importMemory({ module: "env", name: "memory", min: 1 });
    module.exportFunc("run", renderContract(kernel, module, options));
    const code = module.toBytes();
    this.bytes = code.length;
    let end = 65536;
    const places = sizes.map((size) => {
      const place = end;
      end += 64 * Math.ceil((8 * size + 128) / 64);
      return place;
    });
    const scratch = end;
    end += contractScratch(kernel);
    const memory = new WebAssembly.Memory({ initial: Math.ceil((end + 1024) / 65536) });
    const math: Record<string, (...x: number[]) => number> = {};
    for (const name of module.importedNames("math"))
      math[name] = Math[name as "exp"] as (x: number) => number;
    const words = new Int32Array(memory.buffer);
    places.forEach((place, i) => {
      words[params / 4 + i] = place;
      const array = viewArray(kernel.operands[i]!.dtype, memory.buffer, place, sizes[i]!);
      array.set(data[i]!);
      this.arrays.push(array);
    });
    scalars.forEach((x, i) => {
      const place = params + 512 + 8 * i;
      words[params / 4 + places.length + i] = place;
      new Float64Array(memory.buffer, place, 1)[0] = x;
    });
    words[params / 4 + places.length + scalars.length] = scratch;
    const compiled = withFlags(options.revectorize, () => new WebAssembly.Module(code));
    const instance = new WebAssembly.Instance(compiled, {
      env: { memory },
      math,
    });
    this.run_ = instance.exports.run as typeof this.run_;
  }

  run(lo: number, hi: number): void {
    this.run_(params, lo, hi);
  }
}

const params = 1024;
