// Lowers graph nodes to expressions: movement becomes index arithmetic and masks, data that exists
// becomes loads. One Lowerer serves one kernel. Not here: which nodes exist as data (groups.ts), or
// the order of loops (loops.ts).

import { type Fault, faultText, isOp, type Node, type Shape } from "../ir/node.ts";
import {
  addForms,
  axisForm,
  dotForms,
  equalForms,
  NotAffine,
  reshapeForms,
  rowMajor,
  SplitAxis,
  scaleForm,
  shiftForm,
  zero,
} from "./affine.ts";
import type { Affine, Expr, Range } from "./kernel.ts";

/** Where a node's data lies: element strides of each logical axis in a plan buffer. */
export interface Placement {
  readonly buffer: number;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** A node must exist as data before this kernel can read it; `canonical`: in row-major order. */
export class NeedsData {
  readonly node: Node;
  readonly canonical: boolean;
  constructor(node: Node, canonical = false) {
    this.node = node;
    this.canonical = canonical;
  }
}

export interface LowerContext {
  readonly placements: ReadonlyMap<Node, Placement>;
  /** Nodes that must not be computed in place of a load. */
  readonly realized: ReadonlySet<Node>;
  readonly scalarIndex: ReadonlyMap<Node, number>;
}

export class Lowerer {
  readonly extents: number[] = [];
  /** Plan buffers, by operand; an expression's `operand` is a position here. */
  readonly buffers: number[] = [];
  readonly scalars: number[] = [];
  readonly scalarTypes: Node["dtype"][] = [];
  readonly faults: Fault[] = [];
  /** Values that this kernel itself holds (registers, the accumulator). */
  readonly local = new Map<Node, (coords: readonly Affine[]) => Expr | null>();
  private readonly memo = new Map<Node, { coords: readonly Affine[]; expr: Expr }[]>();
  private readonly context: LowerContext;

  constructor(context: LowerContext) {
    this.context = context;
  }

  addAxis(extent: number): number {
    this.extents.push(extent);
    return this.extents.length - 1;
  }

  operand(buffer: number): number {
    const known = this.buffers.indexOf(buffer);
    if (known >= 0) return known;
    this.buffers.push(buffer);
    return this.buffers.length - 1;
  }

  fault(node: Node, detail: string): number {
    this.faults.push(faultText(node, detail));
    return this.faults.length - 1;
  }

  /** Forgets what was computed in an earlier stage: its values are gone. */
  clearMemo(): void {
    this.memo.clear();
  }

  /** The value of `node` at index `coords`. */
  expr(node: Node, coords: readonly Affine[]): Expr {
    const known = this.memo.get(node);
    if (known) {
      for (const k of known) {
        if (k.coords.every((c, i) => equalForms(c, coords[i]))) return k.expr;
      }
    }
    const expr = this.local.get(node)?.(coords) ?? this.place(node, coords);
    if (known) known.push({ coords, expr });
    else this.memo.set(node, [{ coords, expr }]);
    return expr;
  }

  private place(node: Node, coords: readonly Affine[]): Expr {
    const placed = this.context.placements.get(node);
    if (placed) {
      const at = dotForms(coords, placed.strides, placed.offset);
      return { k: "load", dtype: node.dtype, operand: this.operand(placed.buffer), at };
    }
    if (this.context.realized.has(node)) throw new NeedsData(node);
    return this.compute(node, coords);
  }

  /** The value from its sources, whether or not it also exists as data. */
  computeHere(node: Node, coords: readonly Affine[]): Expr {
    return this.compute(node, coords);
  }

  private compute(node: Node, coords: readonly Affine[]): Expr {
    const { dtype } = node;
    const x = (i: number, c: readonly Affine[] = coords) => this.expr(node.src[i], c);
    if (isOp(node, "unary")) return { k: "unary", dtype, fn: node.attrs.fn, x: x(0) };
    if (isOp(node, "binary")) return { k: "binary", dtype, fn: node.attrs.fn, x: x(0), y: x(1) };
    if (isOp(node, "compare")) {
      return { k: "compare", dtype: "bool", fn: node.attrs.fn, x: x(0), y: x(1) };
    }
    if (node.op === "where") return { k: "where", dtype, cond: x(0), x: x(1), y: x(2) };
    if (node.op === "cast") return { k: "cast", dtype, x: x(0) };
    if (node.op === "detach") return x(0);
    if (isOp(node, "custom")) return x(node.attrs.index);
    if (isOp(node, "const")) return { k: "const", dtype, value: node.attrs.value };
    if (node.op === "scalar") return { k: "scalar", dtype, slot: this.scalar(node) };
    if (node.op === "iota") return { k: "axis", dtype: "int32", at: coords[0] };
    if (isOp(node, "random")) {
      const at = dotForms(coords, rowMajor(node.shape));
      const [seed, base] = [x(0, []), x(1, [])];
      return { k: "random", dtype: "int32", seed, base, at, stream: node.attrs.stream };
    }
    if (isOp(node, "gather")) return this.gather(node, coords);
    if (isOp(node, "pad")) return this.pad(node, coords);
    if (node.op === "reshape") return this.reshape(node, coords);
    const moved = moveCoords(node, coords);
    if (moved) return x(0, moved);
    throw new NeedsData(node);
  }

  /** Data in row-major order has every shape; else the loop counters must divide. */
  private reshape(node: Node, coords: readonly Affine[]): Expr {
    const source = node.src[0];
    const placed = this.context.placements.get(source);
    if (placed && isRowMajor(placed, source.shape)) {
      const at = dotForms(coords, rowMajor(node.shape), placed.offset);
      return { k: "load", dtype: node.dtype, operand: this.operand(placed.buffer), at };
    }
    let inside: readonly Affine[];
    try {
      inside = reshapeForms(coords, node.shape, source.shape, this.extents);
    } catch (error) {
      if (error instanceof NotAffine) throw new NeedsData(source, true);
      throw error;
    }
    return this.expr(source, inside);
  }

  private scalar(node: Node): number {
    const index = this.context.scalarIndex.get(node) as number;
    let slot = this.scalars.indexOf(index);
    if (slot < 0) {
      slot = this.scalars.push(index) - 1;
      this.scalarTypes.push(node.dtype);
    }
    return slot;
  }

  private pad(node: Node<"pad">, coords: readonly Affine[]): Expr {
    const source = node.src[0];
    const { lo, hi, value } = node.attrs;
    const inside = coords.map((c, i) => shiftForm(c, -lo[i]));
    const ranges: Range[] = [];
    for (let i = 0; i < coords.length; i++) {
      if (lo[i] > 0 || hi[i] > 0) {
        ranges.push(coarseRange({ at: inside[i], size: source.shape[i] }, this.extents));
      }
    }
    const x = this.expr(source, inside);
    return { k: "masked", dtype: node.dtype, ranges, x, fill: value };
  }

  /** The table's address with a stand-in axis for the gathered index gives the stride. */
  private gather(node: Node<"gather">, coords: readonly Affine[]): Expr {
    const [table, index] = node.src;
    const { axis } = node.attrs;
    const stand = this.addAxis(table.shape[axis]);
    const inTable = coords.map((c, i) => (i === axis ? axisForm(stand) : c));
    let load: Expr;
    try {
      load = this.expr(table, inTable);
    } catch (error) {
      if (error instanceof SplitAxis && error.axis === stand) throw new NeedsData(table);
      throw error;
    }
    if (load.k !== "load") throw new NeedsData(table);
    const stride = load.at.coef[stand] ?? 0;
    const coef = load.at.coef.map((c, i) => (i === stand ? 0 : c));
    const size = table.shape[axis];
    return {
      k: "gather",
      dtype: node.dtype,
      operand: load.operand,
      at: { base: load.at.base, coef },
      index: this.expr(index, coords),
      stride,
      size,
      fault: this.fault(node, `an index is outside [0, ${size})`),
    };
  }
}

/** The same range over fewer loops: counters that stay inside a step into which the range divides have no
 *  say. 0 ≤ 32·i + j - 64 < 32 with j < 32 is 0 ≤ i - 2 < 1, and the same for all lanes of j. */
export function coarseRange(range: Range, extents: readonly number[]): Range {
  const { at, size } = range;
  const steps = [...new Set(at.coef)].filter((c) => c > 1).sort((p, q) => q - p);
  for (const step of steps) {
    if (at.base % step !== 0 || size % step !== 0) continue;
    const inner = at.coef.map((c) => (c % step === 0 ? 0 : c));
    const most = inner.reduce((sum, c, i) => sum + c * (extents[i] - 1), 0);
    if (most >= step || inner.some((c) => c < 0)) continue;
    const coef = at.coef.map((c, i) => (inner[i] === 0 ? c / step : 0));
    return { at: { base: at.base / step, coef }, size: size / step };
  }
  return range;
}

/** Whether a placement is dense and in row-major order (axes of size 1 have no say). */
export function isRowMajor(placed: Placement, shape: Shape): boolean {
  const strides = rowMajor(shape);
  return shape.every((d, i) => d === 1 || placed.strides[i] === strides[i]);
}

/** Index into the source of a movement op other than reshape and pad, or null for other ops. */
export function moveCoords(node: Node, coords: readonly Affine[]): readonly Affine[] | null {
  const source: Shape = node.src[0]?.shape ?? [];
  if (node.op === "expand") return coords.map((c, i) => (source[i] === 1 ? zero : c));
  if (isOp(node, "permute")) {
    const moved = new Array<Affine>(coords.length);
    node.attrs.axes.forEach((a, i) => {
      moved[a] = coords[i];
    });
    return moved;
  }
  if (isOp(node, "slice")) {
    const { start, step } = node.attrs;
    return coords.map((c, i) => shiftForm(scaleForm(c, step[i]), start[i]));
  }
  if (isOp(node, "flip")) {
    const { axes } = node.attrs;
    return coords.map((c, i) =>
      axes.includes(i) ? shiftForm(scaleForm(c, -1), source[i] - 1) : c,
    );
  }
  if (isOp(node, "window")) {
    const { axes, stride, dilation } = node.attrs;
    const moved = coords.slice(0, source.length);
    axes.forEach((a, i) => {
      const inside = scaleForm(coords[source.length + i], dilation[i]);
      moved[a] = addForms(scaleForm(coords[a], stride[i]), inside);
    });
    return moved;
  }
  return null;
}
