// What a contraction does with its finished sums, row by row: the store's expression at the vectors
// of the row, with the sums as its `acc`. All of a row is computed before any of it is stored, for
// a load between two stores would keep them from being joined. A heavy expression needs the
// registers that hold the sums: it gets them back from the store's operand, in a loop over the
// rows.
// Not here: how an expression becomes instructions (expr.ts, expr-vector.ts).

import { itemSize } from "../../ir/dtype.ts";
import type { BinaryOp, UnaryOp } from "../../ir/op.ts";
import { type Affine, type ContractKernel, type Expr, walk } from "../../schedule/kernel.ts";
import { Stream } from "./contract-cursor.ts";
import { rereadsStore } from "./contract-tiling.ts";
import { Dependence, type Frame, type Place, type Site } from "./expr.ts";
import { VectorEmitter } from "./expr-vector.ts";
import { fixedParts } from "./loop-analysis.ts";

/** What instructions an expression is about worth; what is not named is worth 1. */
const weights: Partial<Record<UnaryOp | BinaryOp | Expr["k"], number>> = {
  ...{ exp: 9, expm1: 9, log: 9, log1p: 9, sin: 9, cos: 9, atan: 9, tanh: 9, sigmoid: 9, erf: 9 },
  ...{ pow: 20, mod: 9, random: 60, gather: 9, masked: 3, const: 0, scalar: 0, acc: 0, load: 0 },
};
const lightest = 8;

/** Whether the epilogue of a kernel is heavy: the store's operand then holds sums meanwhile. One
 *  that loads from that operand never is. */
export function isHeavy(kernel: ContractKernel): boolean {
  let weight = 0;
  walk([kernel.store.value], (e) => {
    weight += weights["fn" in e && e.k !== "compare" ? e.fn : e.k] ?? 1;
  });
  return weight > lightest && !rereadsStore(kernel);
}

/** Where the epilogue finds the indices of the point. */
export interface Point {
  /** A local for each axis. */
  readonly index: readonly number[];
  /** The axis that a tile's rows run along, each one on; -1 where every row has its own indices. */
  readonly rowAxis: number;
}

export class Epilogue {
  /** One for each place that the expression loads from. */
  readonly streams: readonly Stream[];
  /** The sums are stored as they are. */
  readonly plain: boolean;
  /** To be computed row by row in a loop. */
  readonly heavy: boolean;
  private readonly kernel: ContractKernel;
  private readonly frame: Frame;
  private readonly point: Point;
  private readonly emitter: VectorEmitter;
  /** What all columns of a row have in common, in the largest pieces. */
  private readonly ofRow: readonly Expr[];
  private readonly byKey = new Map<string, Stream>();
  private readonly operandOf = new Map<Stream, number>();

  constructor(frame: Frame, kernel: ContractKernel, point: Point) {
    this.frame = frame;
    this.kernel = kernel;
    this.point = point;
    this.plain = kernel.store.value.k === "acc";
    this.heavy = isHeavy(kernel);
    this.emitter = new VectorEmitter(frame);
    walk([kernel.store.value], (e) => {
      if (e.k === "load" || e.k === "gather") this.addStream(e.operand, e.at);
    });
    this.streams = [...this.byKey.values()];
    const dependence = new Dependence(-1, (operand) => operand === kernel.store.operand);
    const sameInRow = (e: Expr) => (dependence.of(e) & (1 << kernel.lane)) === 0;
    this.ofRow = fixedParts([kernel.store.value], sameInRow, this.emitter.assumed);
  }

  private addStream(operand: number, at: Affine): void {
    const key = streamKey(operand, at);
    if (this.byKey.has(key)) return;
    const stream = new Stream(this.frame.f, at, itemSize[this.kernel.operands[operand]!.dtype]);
    this.byKey.set(key, stream);
    this.operandOf.set(stream, operand);
  }

  /** Emits the pointers' beginnings; `params` is the local with the kernel's parameters. */
  start(params: number): void {
    for (const stream of this.streams) stream.start(params, this.operandOf.get(stream)!);
  }

  /** Emits the values of row r of the tile in place of its sums, which are in the locals `accs`. */
  row(r: number, accs: readonly number[]): void {
    if (this.plain) return;
    const { value } = this.kernel.store;
    const { f } = this.frame;
    // Once for all vectors: the packer joins what it sees to be the same, and two loads of a byte, each
    // spread over its own lanes, are not.
    const common = this.ofRow.map((e): [Expr, number] => [e, this.frame.take("v128")]);
    this.emitter.begin(this.ofRow);
    for (const [e, local] of common) {
      this.emitter.emit(e, this.site(r, 0, accs[0]!));
      f.set(local);
    }
    this.emitter.finish();
    for (const [e, local] of common) this.emitter.pin(e, local);
    accs.forEach((acc, v) => {
      this.emitter.begin([value]);
      this.emitter.emit(value, this.site(r, v, acc));
      this.emitter.finish();
      f.set(acc);
    });
    for (const [e, local] of common) {
      this.emitter.unpin(e);
      this.frame.release(local);
    }
  }

  /** Vector v of row r, whose sums are in a local. */
  private site(r: number, v: number, acc: number): Site {
    const { f, zero } = this.frame;
    return {
      laneAxis: this.kernel.lane,
      valid: 4,
      place: (operand, at) => this.place(operand, at, r, v),
      pushIndex: (at) => this.pushIndex(at, r, v),
      pushReg: () => f.get(zero),
      pushAcc: () => f.get(acc),
    };
  }

  private place(operand: number, at: Affine, r: number, v: number): Place {
    const stream = this.byKey.get(streamKey(operand, at))!;
    const { rowAxis } = this.point;
    const columns = 4 * v * (at.coef[this.kernel.lane] ?? 0);
    if (rowAxis < 0) return { local: stream.rowPointer(r), offset: stream.size * columns };
    const rows = r * (at.coef[rowAxis] ?? 0);
    return { local: stream.pointer("tile"), offset: stream.size * (rows + columns) };
  }

  private pushIndex({ base, coef }: Affine, r: number, v: number): void {
    const { f } = this.frame;
    const { index, rowAxis } = this.point;
    const known = base + 4 * v * coef[this.kernel.lane]! + (rowAxis < 0 ? 0 : r * coef[rowAxis]!);
    f.i32(known);
    coef.forEach((c, axis) => {
      if (c === 0 || this.kernel.sums.includes(axis)) return;
      f.get(index[axis]!);
      f.i32(c);
      f.op("i32.mul");
      f.op("i32.add");
    });
  }
}

function streamKey(operand: number, { base, coef }: Affine): string {
  return `${operand}:${base}:${coef.join()}`;
}
