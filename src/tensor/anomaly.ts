// The hunt for NaN: with `detectNaN(true)`, every run is checked before its results count, and a run that
// made NaN or an infinity is repeated on the reference to name the op and the module that made it first.
// Not here: what a run is (run.ts), or how a graph is interpreted (backend/reference).

import { findFirst } from "../backend/reference/interpret.ts";
import type { Buffer } from "../ir/buffer.ts";
import { show } from "../ir/build.ts";
import { isFloat, type TypedArray } from "../ir/dtype.ts";
import { type Graph, makeGraph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Engine, Evaluation, Executable, Gathering } from "../schedule/engine.ts";
import { NumericError } from "../util/errors.ts";

let watching = false;

/**
 * Turns the hunt for NaN on or off. A run whose results hold NaN or an infinity then throws a
 * NumericError that names the first op that made it and its module; no tensor has changed. Slow: every
 * result is read, nothing is updated in place.
 *
 * @example
 * detectNaN(true);
 * await x.log().data(); // NumericError: log: made NaN from finite inputs
 */
export function detectNaN(on: boolean): void {
  watching = on;
}

export function detectsNaN(): boolean {
  return watching;
}

/** Runs the program without updates in place, and looks at the results before anybody else does. */
export function executeWatched(
  device: Engine,
  executable: Executable,
  inputs: readonly Buffer[],
  scalars: readonly number[],
  marks: readonly (Buffer | null)[] | undefined,
  given: Gathering | null,
): Evaluation {
  const graph = makeGraph(executable.graph.outputs);
  const mine = graph.inputs.map((n) => inputs[executable.graph.inputs.indexOf(n)]!);
  const values = graph.scalars.map((n) => scalars[executable.graph.scalars.indexOf(n)]!);
  const result = device.execute(device.prepare(graph), mine, values, marks, given);
  const checked = checkAll(device, graph, mine, values, result.buffers);
  if (!(checked instanceof Promise)) return result;
  return { buffers: result.buffers, done: Promise.all([result.done, checked]).then(() => {}) };
}

type Found = "NaN" | "an infinity" | null;

function worst(values: TypedArray): Found {
  let found: Found = null;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    if (Number.isNaN(x)) return "NaN";
    if (x === Infinity || x === -Infinity) found = "an infinity";
  }
  return found;
}

// Reading waits for the run where the device answers late, and then everything is a promise.
function checkAll(
  device: Engine,
  graph: Graph,
  inputs: readonly Buffer[],
  scalars: readonly number[],
  outputs: readonly Buffer[],
): void | Promise<void> {
  const judge = (arrays: readonly TypedArray[]) => {
    const found = arrays.map(worst);
    if (found.every((f) => f === null)) return undefined;
    const kind = found.includes("NaN") ? "NaN" : "an infinity";
    const read = readAll(device, inputs);
    const blame = (data: readonly TypedArray[]) => {
      throw explain(graph, data, scalars, kind);
    };
    return read instanceof Promise ? read.then(blame) : blame(read);
  };
  const floats = outputs.filter((buffer) => isFloat(buffer.dtype));
  const results = readAll(device, floats);
  return results instanceof Promise ? results.then(judge) : judge(results);
}

function readAll(device: Engine, buffers: readonly Buffer[]): TypedArray[] | Promise<TypedArray[]> {
  const arrays = buffers.map((buffer) => device.read(buffer));
  if (arrays.some((a) => a instanceof Promise)) return Promise.all(arrays);
  return arrays as TypedArray[];
}

/** The error that names the first op that made NaN (or an infinity, where there is no NaN). */
function explain(
  graph: Graph,
  inputs: readonly TypedArray[],
  scalars: readonly number[],
  kind: "NaN" | "an infinity",
): NumericError {
  const bad = inputs.findIndex((values, i) => {
    return isFloat(graph.inputs[i]!.dtype) && worst(values) === kind;
  });
  if (bad >= 0) {
    const shape = show(graph.inputs[bad]!.shape);
    return new NumericError("detectNaN", `an input of shape ${shape} already holds ${kind}`);
  }
  const finite = new Map<Node, boolean>();
  graph.inputs.forEach((node, i) => void finite.set(node, worst(inputs[i]!) === null));
  const found = findFirst(graph, inputs, scalars, (values, node) => {
    const state = isFloat(node.dtype) ? worst(values) : null;
    finite.set(node, state === null);
    return state === kind && node.op !== "const";
  });
  if (found === null) {
    const detail = `a program made ${kind}, which the reference does not make from the same inputs`;
    return new NumericError("detectNaN", detail);
  }
  const clean = found.node.src.every((s) => finite.get(s) !== false);
  const from = clean ? "finite inputs" : "infinite inputs";
  return new NumericError(nameOf(found.node), `made ${kind} from ${from}`, { in: found.scope });
}

function nameOf(node: Node): string {
  const attrs = node.attrs as { fn?: string } | null;
  return attrs?.fn ?? node.op;
}
