// How programs run for tensors, and what becomes of tensors when a run fails: a failed run leaves
// everything as it was. Runs that were queued behind it and need its results fail with the same error;
// those that do not go on. Not here: what is run (core.ts, compile.ts), or the queue (schedule/engine.ts).

import { Buffer } from "../ir/buffer.ts";
import { makeGraph } from "../ir/graph.ts";
import type { Node } from "../ir/node.ts";
import type { Engine, Evaluation, Executable } from "../schedule/engine.ts";
import { detectsNaN, executeWatched } from "./anomaly.ts";
import { engineFor } from "./device.ts";
import { bring, expect } from "./moves.ts";
import type { Tensor } from "./tensor.ts";

/** A run that was asked for. */
export interface Run extends Evaluation {
  readonly inputs: readonly Buffer[];
  readonly device: Engine;
}

/** What a run does to a tensor. */
export interface Change {
  readonly tensor: Tensor;
  readonly before: Node;
  readonly after: Node;
}

/** Why the results of a failed run are missing. */
const failures = new WeakMap<Buffer, { readonly error: unknown }>();
/** From the node of a value that a failed run should have made to the one that it should have replaced. */
const replaced = new WeakMap<Node, Node>();

/** Stands for every assigned buffer when results are made: what is assigned is state from then on. */
const state = new Buffer("float32", 0, null, true);

/** For each output of a program, whether it is an assignment. */
export function stateMarks(assigned: readonly unknown[]): (Buffer | null)[] {
  return assigned.map((target) => (target ? state : null));
}

/** Computes nodes now, where they were placed or else on the current device; `assign[i]` is the buffer
 *  that output i replaces, if any. */
export function evaluate(
  nodes: readonly Node[],
  assign?: readonly (Buffer | null)[],
  device: Engine = engineFor(nodes),
): Run {
  const executable = device.prepare(makeGraph(nodes, assign));
  const { inputs, scalars } = executable.graph;
  const buffers = inputs.map((n) => n.buffer as Buffer);
  const values = scalars.map((n) => n.value);
  return execute(device, executable, buffers, values, assign ? stateMarks(assign) : undefined);
}

/** Runs a program: the one way in for tensors, so that all runs can be watched. */
export function execute(
  device: Engine,
  executable: Executable,
  inputs: readonly Buffer[],
  scalars: readonly number[],
  marks: readonly (Buffer | null)[] | undefined,
): Run {
  try {
    const given = bring(inputs, device, device.delays(executable));
    const result = detectsNaN()
      ? executeWatched(device, executable, inputs, scalars, marks, given)
      : device.execute(executable, inputs, scalars, marks, given);
    return { buffers: result.buffers, done: result.done, inputs, device };
  } catch (error) {
    throw rootOf(inputs, error);
  }
}

/** The first failure that led to this one. */
function rootOf(inputs: readonly Buffer[], error: unknown): unknown {
  for (const input of inputs) {
    const earlier = failures.get(input);
    if (earlier) return earlier.error;
  }
  return error;
}

/** Gives tensors their new nodes, and their old ones back should the run fail. The promise (null: it is
 *  done) rejects with the run's error; nobody needs to catch it, since reading a result throws it too. */
export function settled(
  run: Run,
  changes: readonly Change[],
  undo?: () => void,
): Promise<void> | null {
  for (const { tensor, after } of changes) tensor.current = after;
  if (run.done === null) return null;
  const guarded = run.done.catch((error) => {
    const root = rootOf(run.inputs, error);
    for (const buffer of run.buffers) failures.set(buffer, { error: root });
    for (const { after, before } of changes) replaced.set(after, before);
    for (const { tensor } of changes) restore(tensor);
    undo?.();
    throw root;
  });
  guarded.catch(() => {});
  expect(run.buffers, run.device, guarded);
  return guarded;
}

/** Back to the last value that no failed run was to make. A later run that has not failed yet may have
 *  given the tensor a newer one: that stays, and falls back to here if it fails too. */
function restore(tensor: Tensor): void {
  let before = replaced.get(tensor.current);
  while (before !== undefined) {
    tensor.current = before;
    before = replaced.get(before);
  }
}
