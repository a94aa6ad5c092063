// A backend that runs plans in plain JS: what the kernels mean, without a code generator. It tells an
// error of the lowering from one of the rendering.
import type { Backend, Program } from "../../src/backend/backend.ts";
import { binaryOf, castRules, compareRules, unaryOf } from "../../src/backend/reference/scalar.ts";
import { threefry } from "../../src/backend/reference/threefry.ts";
import type { Buffer } from "../../src/ir/buffer.ts";
import { makeArray, roundTo, type TypedArray } from "../../src/ir/dtype.ts";
import {
  gradientMatrix,
  inputMatrix,
  outputMatrix,
  transform,
} from "../../src/ir/winograd-algebra.ts";
import type {
  Affine,
  ContractKernel,
  Expr,
  LoopKernel,
  Pixels,
  Store,
  WinogradKernel,
  WinogradSumsKernel,
} from "../../src/schedule/kernel.ts";
import type { Plan, Step } from "../../src/schedule/plan.ts";

/** What a kernel runs on: operand arrays, scalars, registers, and the loop counters. */
interface Frame {
  readonly data: readonly TypedArray[];
  readonly scalars: readonly number[];
  readonly regs: number[];
  readonly at: number[];
  acc: number;
}

function where(f: Affine, frame: Frame): number {
  let n = f.base;
  for (let i = 0; i < f.coef.length; i++) n += f.coef[i] * frame.at[i];
  return n;
}

function evaluate(e: Expr, frame: Frame, memo: Map<Expr, number>): number {
  const known = memo.get(e);
  if (known !== undefined) return known;
  const value = roundTo[e.dtype](compute(e, frame, (x) => evaluate(x, frame, memo)));
  memo.set(e, value);
  return value;
}

function element(data: TypedArray, i: number): number {
  if (!(i >= 0 && i < data.length + 64)) throw new Error(`address ${i} of ${data.length}`);
  return data[i] ?? 0;
}

function compute(e: Expr, frame: Frame, go: (x: Expr) => number): number {
  switch (e.k) {
    case "load":
      return element(frame.data[e.operand], where(e.at, frame));
    case "gather": {
      const index = go(e.index);
      if (index < 0 || index >= e.size) throw new Error(`gather: index ${index}`);
      return element(frame.data[e.operand], where(e.at, frame) + e.stride * index);
    }
    case "const":
      return e.value;
    case "scalar":
      return frame.scalars[e.slot];
    case "axis":
      return where(e.at, frame);
    case "unary":
      return unaryOf(e.fn, e.dtype)(go(e.x));
    case "binary":
      return binaryOf(e.fn, e.dtype)(go(e.x), go(e.y));
    case "compare":
      return compareRules[e.fn](go(e.x), go(e.y)) ? 1 : 0;
    case "where":
      return go(e.cond) !== 0 ? go(e.x) : go(e.y);
    case "cast":
      return castRules[e.dtype](go(e.x));
    case "masked": {
      const inside = e.ranges.every((r) => {
        const at = where(r.at, frame);
        return at >= 0 && at < r.size;
      });
      return inside ? go(e.x) : e.fill;
    }
    case "reg":
      return frame.regs[e.reg];
    case "random":
      return threefry(go(e.seed), go(e.base), where(e.at, frame), e.stream)[0];
    case "acc":
      return frame.acc;
  }
}

/** Calls `body` for every index of the axes, in order. */
function loop(axes: readonly number[], extents: readonly number[], at: number[], body: () => void) {
  const walk = (i: number): void => {
    if (i === axes.length) {
      body();
      return;
    }
    for (at[axes[i]] = 0; at[axes[i]] < extents[axes[i]]; at[axes[i]]++) walk(i + 1);
    at[axes[i]] = 0;
  };
  walk(0);
}

function store(s: Store, value: number, frame: Frame, memo: Map<Expr, number>): void {
  const data = frame.data[s.operand];
  let i = where(s.at, frame);
  if (s.scatter) {
    const index = evaluate(s.scatter.index, frame, memo);
    if (index < 0 || index >= s.scatter.size) throw new Error(`scatter: index ${index}`);
    i += s.scatter.stride * index;
    data[i] = s.scatter.fn === "add" ? data[i] + value : value;
    return;
  }
  if (!(i >= 0 && i < data.length)) throw new Error(`store at ${i} of ${data.length}`);
  data[i] = value;
}

const start: Record<string, number> = { sum: 0, prod: 1, max: -Infinity, min: Infinity };

function runLoop(k: LoopKernel, frame: Frame): void {
  const all = (n: number, from = 0) => Array.from({ length: n }, (_, i) => from + i);
  loop(all(k.parallel), k.axes, frame.at, () => {
    for (const stage of k.stages) {
      const best: number[] = [];
      stage.reduces.forEach((r, i) => {
        best[i] = r.fn === "argmax" ? -Infinity : r.fn === "argmin" ? Infinity : start[r.fn];
        frame.regs[r.reg] = 0;
      });
      let first = true;
      loop(stage.axes, k.axes, frame.at, () => {
        const memo = new Map<Expr, number>();
        stage.reduces.forEach((r, i) => {
          const x = evaluate(r.value, frame, memo);
          if (r.index) {
            const better = r.fn === "argmax" ? x > best[i] : x < best[i];
            if (first || better || (Number.isNaN(x) && !Number.isNaN(best[i]))) {
              best[i] = x;
              frame.regs[r.reg] = where(r.index, frame);
            }
          } else if (r.fn === "sum") best[i] += x;
          else if (r.fn === "prod") best[i] = binaryOf("mul", r.value.dtype)(best[i], x);
          else best[i] = r.fn === "max" ? Math.max(best[i], x) : Math.min(best[i], x);
        });
        const values = stage.stores.map((s) => evaluate(s.value, frame, memo));
        stage.stores.forEach((s, i) => void store(s, values[i], frame, memo));
        first = false;
      });
      stage.reduces.forEach((r, i) => {
        if (!r.index) frame.regs[r.reg] = roundTo[k.regs[r.reg]](best[i]);
      });
    }
  });
}

function runContract(k: ContractKernel, frame: Frame): void {
  const outer = [...k.batch, ...k.rows, k.panel, k.lane];
  loop(outer, k.axes, frame.at, () => {
    let sum = 0;
    loop(k.sums, k.axes, frame.at, () => {
      const x = element(frame.data[k.a.operand], where(k.a.at, frame));
      sum += x * element(frame.data[k.b.operand], where(k.b.at, frame));
    });
    frame.acc = roundTo[k.dtype](sum);
    const memo = new Map<Expr, number>();
    store(k.store, evaluate(k.store.value, frame, memo), frame, memo);
  });
}

/** The 6 × 6 (or 4 × 4) elements of channel c of a tile. */
function tileOf(p: Pixels, data: TypedArray, at: readonly number[], side: number, c: number) {
  const [image, down, across] = at as [number, number, number];
  return Array.from({ length: side }, (_, i) =>
    Array.from({ length: side }, (_, j) => {
      const [y, x] = [4 * down + i - p.top, 4 * across + j - p.left];
      if (y < 0 || y >= p.height || x < 0 || x >= p.width) return 0;
      const [perImage, perRow, perPixel] = p.strides;
      return element(data, p.base + image * perImage + y * perRow + x * perPixel + c);
    }),
  );
}

function runWinograd(k: WinogradKernel, frame: Frame): void {
  const [images, height, width, panels] = k.axes as [number, number, number, number];
  const { channels, operand } = k.image;
  const weights = frame.data[k.weights]!;
  const tiles = [images, Math.ceil(height / 4), Math.ceil(width / 4)];
  const tile = [0, 0, 0];
  loop([0, 1, 2], tiles, tile, () => {
    const pixels = Array.from({ length: channels }, (_, c) =>
      transform(inputMatrix, tileOf(k.image, frame.data[operand]!, tile, 6, c)).flat(),
    );
    for (let o = 0; o < 16 * panels; o++) {
      const products = Array.from({ length: 6 }, (_, i) =>
        Array.from({ length: 6 }, (_, j) => {
          const at = (6 * i + j) * k.matrix + (o >> 4) * channels * 16 + (o & 15);
          return pixels.reduce((s, v, c) => s + v[6 * i + j]! * element(weights, at + 16 * c), 0);
        }),
      );
      transform(outputMatrix, products).forEach((row, i) => {
        row.forEach((sum, j) => {
          const [y, x] = [4 * tile[1]! + i, 4 * tile[2]! + j];
          if (y >= height || x >= width) return;
          frame.at.splice(0, 5, tile[0]!, y, x, o >> 4, o & 15);
          frame.acc = Math.fround(sum);
          const memo = new Map<Expr, number>();
          store(k.store, evaluate(k.store.value, frame, memo), frame, memo);
        });
      });
    }
  });
}

function runWinogradSums(k: WinogradSumsKernel, data: readonly TypedArray[]): void {
  const [pieces, images, height, width, channels, panels] = k.axes as readonly number[];
  const [down, across] = [Math.ceil(height! / 4), Math.ceil(width! / 4)];
  const rows = images! * down;
  const outputs = 16 * panels!;
  const sums = data[k.sums]!;
  sums.fill(0);
  for (let piece = 0; piece < pieces!; piece++) {
    const end = Math.floor((rows * (piece + 1)) / pieces!);
    for (let row = Math.floor((rows * piece) / pieces!); row < end; row++) {
      for (let x = 0; x < across; x++) {
        const at = [Math.floor(row / down), row % down, x];
        const gradients = Array.from({ length: k.gradient.channels }, (_, o) =>
          transform(gradientMatrix, tileOf(k.gradient, data[k.gradient.operand]!, at, 4, o)).flat(),
        );
        for (let c = 0; c < channels!; c++) {
          const tile = tileOf(k.image, data[k.image.operand]!, at, 6, c);
          const pixels = transform(inputMatrix, tile).flat();
          gradients.forEach((g, o) => {
            g.forEach((v, i) => {
              sums[(piece * 36 + i) * k.matrix + c * outputs + o]! += v * pixels[i]!;
            });
          });
        }
      }
    }
  }
}

function runStep(step: Step, buffers: readonly TypedArray[], scalars: readonly number[]): void {
  const frame: Frame = {
    data: step.buffers.map((b) => buffers[b]),
    scalars: step.scalars.map((s) => scalars[s]),
    regs: [],
    at: step.kernel.axes.map(() => 0),
    acc: 0,
  };
  const { kernel } = step;
  if (kernel.kind === "loop") runLoop(kernel, frame);
  else if (kernel.kind === "contract") runContract(kernel, frame);
  else if (kernel.kind === "winograd") runWinograd(kernel, frame);
  else runWinogradSums(kernel, frame.data);
}

export class PlanBackend implements Backend {
  readonly name = "plan";
  readonly target = { columns: 16, lanes: 4, winograd: true };

  init(): void {}

  compile(plan: Plan): Program {
    return { plan, compileMs: 0 };
  }

  run(
    { plan }: Program,
    inputs: readonly Buffer[],
    scalars: readonly number[],
    outputs: readonly Buffer[],
  ): void {
    const arena = new ArrayBuffer(plan.arenaBytes);
    const given = inputs.map((b) => (b.host as TypedArray).slice());
    const buffers = plan.buffers.map((b) => {
      const type = makeArray(b.dtype, 0).constructor as Float32ArrayConstructor;
      const memory = b.input >= 0 ? given[b.input].buffer : arena;
      return new type(memory as ArrayBuffer, b.offset, b.size) as TypedArray;
    });
    for (const step of plan.steps) runStep(step, buffers, scalars);
    plan.outputs.forEach((o, i) => {
      outputs[i].host = buffers[o.buffer].slice(0, o.size);
    });
  }

  read(buffer: Buffer): TypedArray {
    return (buffer.host as TypedArray).slice();
  }

  discard(): void {}

  free(): void {}

  describe(): Record<string, string> {
    return { runtime: "plain JS" };
  }
}
