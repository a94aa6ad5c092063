// Replay: one call of a compiled function: bind the buffers of this moment, run, give tensors their new
// values. What does not change between calls is worked out once, since this is the fixed cost of every
// training step. Not here: what is recorded (record.ts), or which recording fits (compile.ts).

import type { Buffer } from "../ir/buffer.ts";
import { bufferNode, sameShape } from "../ir/build.ts";
import type { Node } from "../ir/node.ts";
import type { Engine, Executable } from "../schedule/engine.ts";
import { realize } from "./core.ts";
import { nextBase } from "./random.ts";
import type { Owner, Recording } from "./record.ts";
import { type Change, execute, type Run, settled, stateMarks } from "./run.ts";
import { Tensor } from "./tensor.ts";
import { checkEscape } from "./trace.ts";
import { unflatten } from "./tree.ts";

export interface Replay {
  readonly recording: Recording;
  readonly engine: Engine;
  readonly executable: Executable;
  readonly marks: readonly (Buffer | null)[];
  /** Which inputs are which arguments, and which are which tensors from outside. */
  readonly argumentInputs: readonly { readonly input: number; readonly at: number }[];
  readonly closureInputs: readonly { readonly input: number; readonly tensor: Tensor }[];
  /** The arrays of the last run, with the data that the trace made in place; used again unless a device
   *  that answers later may still hold them. */
  inputs: Buffer[];
  scalars: number[];
  /** Nodes that hold what the last run assigned, one an assignment, known to this replay alone. */
  readonly nodes: (Node | null)[];
}

export function makeReplay(recording: Recording, engine: Engine): Replay {
  const { graph, sources, assigned } = recording;
  const argumentInputs: { input: number; at: number }[] = [];
  const closureInputs: { input: number; tensor: Tensor }[] = [];
  sources.forEach((source, input) => {
    if (typeof source === "number") argumentInputs.push({ input, at: source });
    else if (source instanceof Tensor) closureInputs.push({ input, tensor: source });
  });
  const executable = engine.prepare(graph);
  return {
    recording,
    engine,
    executable,
    marks: stateMarks(graph.outputs.map((_, i) => i < assigned.length)),
    argumentInputs,
    closureInputs,
    inputs: sources.map((source) => source as Buffer), // bind replaces all but the data
    scalars: new Array<number>(graph.scalars.length).fill(0),
    nodes: assigned.map(() => null),
  };
}

/** Whether the recording stands for the function with these tensors as arguments, as things are now. */
export function fits(replay: Replay, tensors: readonly Tensor[]): boolean {
  const { args, delicate, closure, changing, gradGuards } = replay.recording;
  for (let i = 0; i < args.length; i++) {
    const tensor = tensors[i]!;
    const { node, requiresGrad, pinned } = args[i]!;
    if (tensor.trace !== null) checkEscape(tensor.trace);
    const { current } = tensor;
    if (current.dtype !== node.dtype || !sameShape(current.shape, node.shape)) return false;
    if (current.placed !== node.placed) return false;
    if (tensor.requiresGrad !== requiresGrad || (pinned !== null && pinned !== tensor))
      return false;
    if (pinned === null && changing.has(tensor)) return false;
  }
  for (const at of delicate) {
    for (let i = 0; i < args.length; i++) {
      if ((tensors[i] === tensors[at]) !== (args[i]!.same === args[at]!.same)) return false;
    }
  }
  for (let i = 0; i < closure.length; i++) {
    const { tensor, requiresGrad } = closure[i]!;
    if (tensor.requiresGrad !== requiresGrad) return false;
  }
  for (let i = 0; i < gradGuards.length; i++) {
    const { owner, grad, exact } = gradGuards[i]!;
    const now = resolve(owner, tensors).grad;
    if (now !== grad && (exact || (now === null) !== (grad === null))) return false;
  }
  return true;
}

function resolve(owner: Owner, tensors: readonly Tensor[]): Tensor {
  return typeof owner === "number" ? tensors[owner]! : owner;
}

/** One call: runs the program and gives the function's result. */
export function replay(replay: Replay, tensors: readonly Tensor[]): unknown {
  realizeLazy(replay, tensors);
  bind(replay, tensors);
  const { engine, executable, inputs, scalars, marks } = replay;
  const run = execute(engine, executable, inputs, scalars, marks);
  if (run.done === null) {
    assignNow(replay, tensors, run);
  } else {
    replay.inputs = inputs.slice();
    replay.scalars = scalars.slice();
    assignLater(replay, tensors, run);
  }
  return resultOf(replay, tensors, run);
}

/** State that was born in the trace, and lazy arguments, become data before the run. */
function realizeLazy(replay: Replay, tensors: readonly Tensor[]): void {
  let lazy: Tensor[] | null = null;
  const { argumentInputs, closureInputs } = replay;
  for (let i = 0; i < argumentInputs.length; i++) {
    const tensor = tensors[argumentInputs[i]!.at]!;
    if (tensor.current.buffer === null) (lazy ??= []).push(tensor);
  }
  for (let i = 0; i < closureInputs.length; i++) {
    const { tensor } = closureInputs[i]!;
    if (tensor.current.buffer === null) (lazy ??= []).push(tensor);
  }
  if (lazy !== null) realize(lazy);
}

function bind(replay: Replay, tensors: readonly Tensor[]): void {
  const { argumentInputs, closureInputs, inputs, scalars, recording } = replay;
  for (let i = 0; i < argumentInputs.length; i++) {
    const { input, at } = argumentInputs[i]!;
    inputs[input] = tensors[at]!.current.buffer!;
  }
  for (let i = 0; i < closureInputs.length; i++) {
    const { input, tensor } = closureInputs[i]!;
    inputs[input] = tensor.current.buffer!;
  }
  const { trace, graph } = recording;
  const { bases, draws } = trace;
  if (draws > 0) {
    const { seed, base } = nextBase(draws);
    trace.seed.value = seed;
    for (let i = 0; i < bases.length; i++) {
      bases[i]!.node.value = (base + bases[i]!.offset) | 0;
    }
  }
  for (let i = 0; i < scalars.length; i++) scalars[i] = graph.scalars[i]!.value;
}

/** The results are there. A node that nobody else can know takes its new data in place. */
function assignNow(replay: Replay, tensors: readonly Tensor[], run: Run): void {
  const { assigned, grads } = replay.recording;
  for (let i = 0; i < assigned.length; i++) {
    const tensor = resolve(assigned[i]!, tensors);
    const node = tensor.current;
    if (node === replay.nodes[i] && !node.buffer!.shared) {
      node.buffer = run.buffers[i]!;
    } else {
      const { shape, placed } = node;
      tensor.current = replay.nodes[i] = bufferNode(run.buffers[i]!, shape, placed);
    }
  }
  for (let i = 0; i < grads.length; i++) {
    resolve(grads[i]!.owner, tensors).grad = gradAfter(replay, run, i);
  }
}

function gradAfter({ recording }: Replay, run: Run, i: number): Tensor | null {
  const { value } = recording.grads[i]!;
  return typeof value === "number" ? outputTensor(recording, run, value) : value;
}

function outputTensor({ graph, place }: Recording, run: Run, output: number): Tensor {
  return new Tensor(bufferNode(run.buffers[output]!, graph.outputs[output]!.shape, place), null);
}

/** The results arrive later, or not at all. */
function assignLater(replay: Replay, tensors: readonly Tensor[], run: Run): void {
  const { assigned, grads } = replay.recording;
  const changes = assigned.map((owner, i): Change => {
    const tensor = resolve(owner, tensors);
    const before = tensor.current;
    const after = bufferNode(run.buffers[i]!, before.shape, before.placed);
    return { tensor, before, after };
  });
  replay.nodes.fill(null);
  const gradChanges = grads.map(({ owner }, i) => {
    const tensor = resolve(owner, tensors);
    return { tensor, before: tensor.grad, after: gradAfter(replay, run, i) };
  });
  for (const { tensor, after } of gradChanges) tensor.grad = after;
  settled(run, changes, () => {
    for (const { tensor, before, after } of gradChanges) {
      if (tensor.grad === after) tensor.grad = before;
    }
  });
}

function resultOf({ recording }: Replay, tensors: readonly Tensor[], run: Run): unknown {
  const { spec, results } = recording;
  if (spec.kind === "constant") return spec.value;
  let next = 0;
  const give = () => {
    const result = results[next++]!;
    if ("owner" in result) return resolve(result.owner, tensors);
    return outputTensor(recording, run, result.output);
  };
  return spec.kind === "tensor" ? give() : unflatten(spec, give);
}
