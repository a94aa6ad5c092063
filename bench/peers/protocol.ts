// What a peer is asked and what it answers, in any runtime: the workload's data, its steps, and the
// figures by which results are compared. Not here: where requests come from (serve.ts, page.ts).
import type { Header } from "../weights.ts";
import type { Spec } from "../workloads.ts";

/** One array of a workload's data, as a host array. */
export interface HostArray {
  shape: number[];
  data: Float32Array | Int32Array;
}

/** A workload's description and arrays, as read from its file. */
export interface WorkData {
  spec: Spec;
  pool: number;
  arrays: Map<string, HostArray>;
}

/**
 * Step `i` of a prepared workload. For training it returns the loss before the update, for inference
 * the network's answer.
 */
export interface Prepared {
  step(i: number): Promise<number | ArrayLike<number>> | number | ArrayLike<number>;
  /** For a bare operation: a figure of its first result to compare, read outside the timing. */
  check?(): Promise<number> | number;
  /** What only this peer can tell, such as the time its compiler took. */
  extra?(): Record<string, number>;
}

/** Thrown by a `prepare` whose framework cannot run the workload; the message is one sentence. */
export class CannotRun extends Error {
  override name = "CannotRun";
}

/** How a peer introduces itself. */
export interface Hello {
  name: string;
  version: string;
  note?: string;
}

/** The answer to a request for steps. */
export interface Taken {
  ms: number[];
  losses: number[];
  /** When the first step ended, in ms since 1970. */
  firstStepAt?: number;
  extra?: Record<string, number>;
}

/** Longest header line of a data file, in bytes. */
export const HEADER_LIMIT = 1 << 16;

/** The arrays of a data file, given its header line and the bytes behind it: views, not copies. */
export function dataOf(header: Header, body: ArrayBuffer): WorkData {
  const arrays = new Map<string, HostArray>();
  for (const { name, dtype, shape, offset } of header.entries) {
    const count = shape.reduce((a, b) => a * b, 1);
    const View = dtype === "int32" ? Int32Array : Float32Array;
    arrays.set(name, { shape, data: new View(body, offset, count) });
  }
  return { spec: header.spec, pool: header.pool, arrays };
}

/** The arrays of batch or input set `i`: `get("x", i)` is `x0`, `x1`, … in turn. */
export function get(data: WorkData, name: string, i: number): HostArray {
  return data.arrays.get(`${name}${i % data.pool}`)!;
}

/** Every array that is neither a batch nor an operand: the initial weights, in file order. */
export function weightsOf(data: WorkData): [string, HostArray][] {
  return [...data.arrays].filter(([name]) => name.includes("."));
}

/**
 * The figure by which results of bare operations are compared: the mean of the squares, each
 * weighted by 1 to 7 in turn, so that a misplaced element shows too.
 */
export function checkFigure(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]! * ((i % 7) + 1);
  return sum / values.length;
}

/** Takes `steps` steps of a workload of which `done` have been taken. */
export async function takeSteps(prepared: Prepared, done: number, steps: number): Promise<Taken> {
  const ms: number[] = [];
  const losses: number[] = [];
  let firstStepAt: number | undefined;
  for (let i = done; i < done + steps; i++) {
    const start = performance.now();
    const result = prepared.step(i);
    // A number that is there already is not waited for: that would cost a turn of the event loop.
    const value = result instanceof Promise ? await result : result;
    ms.push(performance.now() - start);
    if (i === 0) firstStepAt = Date.now();
    if (!prepared.check) losses.push(typeof value === "number" ? value : checkFigure(value));
  }
  if (prepared.check && firstStepAt) losses.push(await prepared.check());
  return { ms, losses, firstStepAt, extra: prepared.extra?.() };
}
