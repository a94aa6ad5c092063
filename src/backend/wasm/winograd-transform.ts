// The transforms of Winograd's tiles as straight-line vector code, eight channels at a time. A tile is
// transformed down its columns and then along its rows; the rows of the matrices come in groups that
// share terms (a point and its negative), and the tile is walked by groups, so that twelve values at
// most are alive and nothing has to be spilled. A value is a pair of vectors, which the engine joins;
// null is a zero, for columns outside of the image. Not here: the loops around a tile (winograd.ts).

import { points } from "../../ir/winograd-algebra.ts";
import type { Frame } from "./expr.ts";

/** Eight floats: two v128 temporaries of the frame. */
export type Pair = readonly [number, number];
type Value = Pair | null;

/** Outputs of a group of rows of a matrix: which row, and its value. */
type Outputs = readonly (readonly [row: number, value: Value])[];
type Group = (x: readonly Value[]) => Outputs;

/** Where a pair is loaded from or stored to: at local + offset. */
export interface Spot {
  readonly local: number;
  readonly offset: number;
}

/** Arithmetic on pairs. Results are new temporaries; arguments stay until they are released. */
export class PairMath {
  readonly frame: Frame;
  private readonly relaxed: boolean;

  constructor(frame: Frame) {
    this.frame = frame;
    this.relaxed = frame.options.relaxed;
  }

  private make(write: (half: 0 | 1) => void): Pair {
    const { frame } = this;
    const pair = [frame.take("v128"), frame.take("v128")] as const;
    for (const half of [0, 1] as const) {
      write(half);
      frame.f.set(pair[half]);
    }
    return pair;
  }

  load({ local, offset }: Spot): Pair {
    return this.make((half) => {
      this.frame.f.get(local);
      this.frame.f.mem("v128.load", offset + 16 * half);
    });
  }

  store({ local, offset }: Spot, x: Value): void {
    const { f, zero } = this.frame;
    for (const half of [0, 1] as const) {
      f.get(local);
      f.get(x === null ? zero : x[half]);
      f.mem("v128.store", offset + 16 * half);
    }
  }

  release(...values: readonly Value[]): void {
    for (const local of values.flatMap((x) => x ?? [])) this.frame.release(local);
  }

  add(x: Value, y: Value): Value {
    return this.both(x, y, "f32x4.add");
  }

  private both(x: Value, y: Value, op: "f32x4.add" | "f32x4.sub"): Value {
    if (x === null && y === null) return null;
    return this.make((half) => {
      this.push(x, half);
      this.push(y, half);
      this.frame.f.op(op);
    });
  }

  sub(x: Value, y: Value): Value {
    return this.both(x, y, "f32x4.sub");
  }

  private push(x: Value, half: 0 | 1): void {
    this.frame.f.get(x === null ? this.frame.zero : x[half]);
  }

  /** factor · x + y. */
  madd(factor: number, x: Value, y: Value): Value {
    const { f } = this.frame;
    if (x === null) return y === null ? null : this.make((half) => f.get(y[half]));
    const splat = this.frame.splatF32(factor);
    return this.make((half) => {
      if (this.relaxed) {
        f.get(x[half]);
        f.get(splat);
        this.push(y, half);
        f.op("f32x4.relaxed_madd");
        return;
      }
      f.get(x[half]);
      f.get(splat);
      f.op("f32x4.mul");
      if (y === null) return;
      f.get(y[half]);
      f.op("f32x4.add");
    });
  }

  /** factor · x. */
  scale(factor: number, x: Value): Value {
    if (x === null) return null;
    const { f } = this.frame;
    const splat = this.frame.splatF32(factor);
    return this.make((half) => {
      f.get(x[half]);
      f.get(splat);
      f.op("f32x4.mul");
    });
  }
}

const { a, b } = points;
const aa = a * a;
const bb = b * b;

/** Six inputs of a tile: rows 0, (1, 2), (3, 4), 5 of inputMatrix. */
function inputGroups(m: PairMath): Group[] {
  const outer = (x: Value, y: Value, z: Value): Value => {
    const t = m.madd(-(aa + bb), y, z);
    const sum = m.madd(aa * bb, x, t);
    m.release(t);
    return sum;
  };
  const pair = (row: number, point: number, other: number, x: readonly Value[]): Outputs => {
    const even = m.madd(-other, x[2]!, x[4]!);
    const odd = m.madd(-other, x[1]!, x[3]!);
    const both = plusMinus(m, row, point, even, odd);
    m.release(even, odd);
    return both;
  };
  return [
    (x) => [[0, outer(x[0]!, x[2]!, x[4]!)]],
    (x) => pair(1, a, bb, x),
    (x) => pair(3, b, aa, x),
    (x) => [[5, outer(x[1]!, x[3]!, x[5]!)]],
  ];
}

/** even ± point · odd. */
function plusMinus(m: PairMath, row: number, point: number, even: Value, odd: Value): Outputs {
  return [
    [row, m.madd(point, odd, even)],
    [row + 1, m.madd(-point, odd, even)],
  ];
}

/** Four gradients: rows 0, (1, 2), (3, 4), 5 of gradientMatrix. */
function gradientGroups(m: PairMath): Group[] {
  const pair = (row: number, point: number, x: readonly Value[]): Outputs => {
    const even = m.madd(point * point, x[2]!, x[0]!);
    const odd = m.madd(point * point, x[3]!, x[1]!);
    const both = plusMinus(m, row, point, even, odd);
    m.release(even, odd);
    return both;
  };
  const copy = (x: Value) => m.madd(0, null, x);
  return [
    (x) => [[0, copy(x[0]!)]],
    (x) => pair(1, a, x),
    (x) => pair(3, b, x),
    (x) => [[5, copy(x[3]!)]],
  ];
}

/** Six products: results (0, 2) and (1, 3), the rows of outputMatrix. Results from `count` on are not
 *  computed: pairs that feed what nobody uses would not be joined. */
function outputGroups(m: PairMath, count: number): Group[] {
  const group = (
    [first, second]: readonly [number, number],
    pairs: "add" | "sub",
    start: (p: Value, x: readonly Value[]) => Value,
    next: (p: Value, x: readonly Value[]) => Value,
    [q1, q2]: readonly [number, number],
  ): Group => {
    return (x) => {
      if (first >= count) return [];
      const [p, q] = [m[pairs](x[1]!, x[2]!), m[pairs](x[3]!, x[4]!)];
      const s = start(p, x);
      const out: [number, Value][] = [[first, q1 === 1 ? m.add(s, q) : m.madd(q1, q, s)]];
      m.release(s);
      if (second < count) {
        const t = next(p, x);
        out.push([second, m.madd(q2, q, t)]);
        m.release(t);
      }
      m.release(p, q);
      return out;
    };
  };
  return [
    group(
      [0, 2],
      "add",
      (p, x) => m.add(x[0]!, p),
      (p) => m.scale(aa, p),
      [1, bb],
    ),
    group(
      [1, 3],
      "sub",
      (p) => m.scale(a, p),
      (p, x) => m.madd(a * aa, p, x[5]!),
      [b, b * bb],
    ),
  ];
}

const groupsOf = { input: inputGroups, gradient: gradientGroups, output: outputGroups };

/** Which rows of a tile's column each group reads. */
const reads: { readonly [K in keyof typeof groupsOf]: readonly (readonly number[])[] } = {
  input: [
    [0, 2, 4],
    [1, 2, 3, 4],
    [1, 2, 3, 4],
    [1, 3, 5],
  ],
  gradient: [[0], [0, 1, 2, 3], [0, 1, 2, 3], [3]],
  output: [
    [0, 1, 2, 3, 4],
    [1, 2, 3, 4, 5],
  ],
};

/** How much of a result is wanted: of the first rows, the first columns. */
export interface Wanted {
  readonly rows: number;
  readonly columns: number;
}

/** Emits matrix · tile · matrixᵀ. `spot` says where the tile's element lies, null for a zero (of a
 *  whole column); `put` gets each element of the result, row by row of a group, and may use its
 *  temporaries only at once. */
export function emitTransform(
  m: PairMath,
  kind: keyof typeof groupsOf,
  columns: number,
  wanted: Wanted,
  spot: (row: number, column: number) => Spot | null,
  put: (row: number, values: readonly (readonly [column: number, value: Value])[]) => void,
): void {
  const along = groupsOf[kind](m, wanted.columns);
  groupsOf[kind](m, wanted.rows).forEach((group, g) => {
    const rows: [number, Value[]][] = [];
    for (let column = 0; column < columns; column++) {
      const x: Value[] = [];
      for (const row of reads[kind][g]!) {
        const at = spot(row, column);
        x[row] = at === null ? null : m.load(at);
      }
      group(x).forEach(([row, value], i) => {
        rows[i] ??= [row, []];
        rows[i][1].push(value);
      });
      m.release(...x.filter((v) => v !== undefined));
    }
    for (const [row, values] of rows) {
      emitRow(m, along, row, values, put);
      m.release(...values);
    }
  });
}

function emitRow(
  m: PairMath,
  groups: readonly Group[],
  row: number,
  values: readonly Value[],
  put: (row: number, values: readonly (readonly [column: number, value: Value])[]) => void,
): void {
  for (const group of groups) {
    const made = group(values);
    if (made.length > 0) put(row, made);
    m.release(...made.map(([, value]) => value));
  }
}
