// Turning data in registers: where the lanes of a load lie far apart, but the steps of the loop around
// them side by side, four steps are loaded along the loop, a vector for each lane, and turned into four
// vectors along the lanes. Not here: which axes run where (schedule/order.ts), the loops (loop.ts).

import { type Expr, rootsOf, type Stage, walk } from "../../schedule/kernel.ts";
import type { FuncBuilder } from "./assembler.ts";
import type { Frame, Place } from "./expr.ts";

export type Load = Extract<Expr, { k: "load" }>;

/** Steps of a loop, and lanes, that are turned together. */
export const side = 4;
/** Lanes that lie further apart than this are on lines of their own. */
const farLanes = 16;
/** Loads that are turned at most: each takes the registers of four vectors. */
const mostLoads = 2;

/** The loads to turn where lanes run along `vector`, inside a loop over `axis`; none where there are
 *  masks, which may guard them, or where the stages have loops of their own. */
export function turnedLoads(stages: readonly Stage[], axis: number, vector: number): Load[] {
  const loads: Load[] = [];
  let plain = stages.every((s) => s.axes.length === 0 && s.stores.every((st) => !st.scatter));
  walk(stages.flatMap(rootsOf), (e) => {
    if (e.k === "masked" || e.k === "gather") plain = false;
    if (e.k !== "load" || e.at.coef[axis] !== 1 || e.at.coef[vector]! < farLanes) return;
    if (e.dtype === "float32" || e.dtype === "int32") loads.push(e);
  });
  return plain && loads.length <= mostLoads ? loads : [];
}

/** Emits the turning of what lies at the four places (one a lane, four steps each): locals with the
 *  vectors of the four steps. The caller releases them. */
export function emitTurn(frame: Frame, places: readonly Place[]): number[] {
  const { f } = frame;
  const rows = places.map((place) => {
    const row = frame.take("v128");
    f.mem("v128.load", frame.pushAddress(place));
    f.set(row);
    return row;
  });
  const [a, b, c, d] = rows as [number, number, number, number];
  const halves = [
    [a, b, low],
    [c, d, low],
    [a, b, high],
    [c, d, high],
  ].map((pair) => joined(frame, pair as Pair));
  const [ab, cd, ab2, cd2] = halves as [number, number, number, number];
  const turned = [
    [ab, cd, lowPairs],
    [ab, cd, highPairs],
    [ab2, cd2, lowPairs],
    [ab2, cd2, highPairs],
  ].map((pair) => joined(frame, pair as Pair));
  for (const local of [...rows, ...halves]) frame.release(local);
  return turned;
}

type Pair = [x: number, y: number, lanes: readonly number[]];

/** Lanes of two vectors in turns, from the lower half of both or the upper; and those halves whole. */
const low = [0, 4, 1, 5];
const high = [2, 6, 3, 7];
const lowPairs = [0, 1, 4, 5];
const highPairs = [2, 3, 6, 7];

function joined(frame: Frame, [x, y, lanes]: Pair): number {
  const { f } = frame;
  const local = frame.take("v128");
  f.get(x);
  f.get(y);
  shuffleLanes(f, lanes);
  f.set(local);
  return local;
}

function shuffleLanes(f: FuncBuilder, lanes: readonly number[]): void {
  f.shuffle(lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)));
}
