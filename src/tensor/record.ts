// Recording: one trace of a function, as a graph and what to do around it: where the inputs come from,
// what is assigned, what is returned, and what must still hold for the recording to stand for the
// function. Not here: doing it (replay.ts), or when to trace (compile.ts).

import { Buffer } from "../ir/buffer.ts";
import { bufferNode } from "../ir/build.ts";
import { type Graph, makeGraph } from "../ir/graph.ts";
import { type Node, type Place, sizeOf } from "../ir/node.ts";
import { ArgumentError } from "../util/errors.ts";
import { placeOf } from "./device.ts";
import { Tensor } from "./tensor.ts";
import { checkEscape, Trace, withTrace } from "./trace.ts";
import { flatten, type Spec, unflatten } from "./tree.ts";

/** A tensor of the caller: the argument at a position, or a tensor that the function found elsewhere. */
export type Owner = number | Tensor;

/** An argument's `requiresGrad` and type are part of the signature. */
export interface ArgumentGuard {
  readonly node: Node;
  readonly requiresGrad: boolean;
  /** Not null: this very tensor must be given, because the function knows it otherwise too. */
  readonly pinned: Tensor | null;
  /** The position of the first argument that is the same tensor. */
  readonly same: number;
}

/** A gradient on which a trace depends: on this very tensor, or on whether there is one at all. */
export interface GradGuard {
  readonly owner: Owner;
  readonly grad: Tensor | null;
  readonly exact: boolean;
}

export interface Recording {
  readonly graph: Graph;
  /** The device that some of its tensors were placed on; null: it runs on the current one. */
  readonly place: Place | null;
  readonly trace: Trace;
  readonly args: readonly ArgumentGuard[];
  /** Positions that must not be given the same tensor as another: they are assigned or have gradients. */
  readonly delicate: readonly number[];
  /** Tensors from outside, each with its requiresGrad. */
  readonly closure: readonly { readonly tensor: Tensor; readonly requiresGrad: boolean }[];
  /** Tensors from outside that are assigned or have gradients: as an argument too they must be pinned. */
  readonly changing: ReadonlySet<Tensor>;
  /** Gradients that were there, or not, when the function looked. */
  readonly gradGuards: readonly GradGuard[];
  /** Where each input of the graph comes from. A Buffer is data that the trace itself made. */
  readonly sources: readonly (Owner | Buffer)[];
  /** The first outputs of the graph are the new values of these. */
  readonly assigned: readonly Owner[];
  /** What `grad` of these is afterwards: an output's position, another tensor, or none. */
  readonly grads: readonly { readonly owner: Owner; readonly value: number | Tensor | null }[];
  /** The result: its structure, and for each tensor an output's position or whose tensor it is. */
  readonly spec: Spec;
  readonly results: readonly ({ readonly output: number } | { readonly owner: Owner })[];
}

// biome-ignore lint/suspicious/noExplicitAny: see compile.ts.
type AnyFunction = (...args: any[]) => any;

/** What stands for one tensor among the arguments. */
interface StandIn {
  /** Its first position. */
  readonly at: number;
  readonly given: Tensor;
  /** What the function gets: `given` itself where it is pinned. */
  readonly own: Tensor;
  /** What `own` holds when the function begins; null where it is pinned. */
  readonly node: Node | null;
}

/** Calls the function on stand-ins for `tensors` (the tensors in `args`, in order) and records it. What
 *  the call did to plain fields of tensors is undone in any case. */
export function record(
  fn: AnyFunction,
  args: readonly unknown[],
  spec: readonly Spec[],
  tensors: readonly Tensor[],
): Recording {
  const first = recordOnce(fn, args.length, spec, tensors, new Set());
  // An argument that is also state of the function, and changes: then the trace must know it as one.
  const twice = first.delicate.map((at) => tensors[at]!).filter((t) => first.trace.entered.has(t));
  for (const owner of first.assigned) {
    if (typeof owner !== "number" && tensors.includes(owner)) twice.push(owner);
  }
  return twice.length === 0 ? first : recordOnce(fn, args.length, spec, tensors, new Set(twice));
}

function recordOnce(
  fn: AnyFunction,
  count: number,
  spec: readonly Spec[],
  tensors: readonly Tensor[],
  pinned: ReadonlySet<Tensor>,
): Recording {
  const trace = new Trace();
  const standIns = new Map<Tensor, StandIn>();
  tensors.forEach((t, at) => {
    if (!standIns.has(t)) standIns.set(t, makeStandIn(t, at, trace, pinned.has(t)));
  });
  let next = 0;
  const given = Array.from({ length: count }, (_, i) =>
    unflatten(spec[i]!, () => standIns.get(tensors[next++]!)!.own),
  );
  try {
    const result = withTrace(trace, () => fn(...given));
    return finish(trace, tensors, standIns, result);
  } finally {
    undo(trace);
  }
}

function makeStandIn(given: Tensor, at: number, trace: Trace, pinned: boolean): StandIn {
  if (pinned) return { at, given, own: given, node: null };
  const { dtype, shape, placed } = given.current;
  const node = bufferNode(new Buffer(dtype, sizeOf(shape), null), shape, placed);
  const own = new Tensor(node, trace);
  own.requiresGrad = given.requiresGrad;
  own.grad = given.grad;
  return { at, given, own, node };
}

function undo(trace: Trace): void {
  while (trace.undo.length > 0) trace.undo.pop()!();
}

function finish(
  trace: Trace,
  tensors: readonly Tensor[],
  standIns: ReadonlyMap<Tensor, StandIn>,
  result: unknown,
): Recording {
  refusePromise(result);
  const outputs: Node[] = [];
  const output = (node: Node) => outputs.push(node) - 1;
  const homes = new Map<Buffer, Owner>();
  const owners = new Map<Tensor, Owner>();
  const assigned: Owner[] = [];
  const into: (Buffer | null)[] = [];
  const assign = (owner: Owner, node: Node, buffer: Buffer | null) => {
    output(node);
    into.push(buffer);
    assigned.push(owner);
  };
  for (const [tensor, node] of trace.entered) homes.set(node.buffer!, tensor);
  for (const [tensor, node] of trace.assigned) {
    assign(tensor, node, trace.entered.get(tensor)?.buffer ?? null);
  }
  for (const { at, own, node } of standIns.values()) {
    if (node === null) continue;
    homes.set(node.buffer!, at);
    owners.set(own, at);
    if (own.current.buffer !== node.buffer) assign(at, own.current, node.buffer);
  }
  const ownerOf = (t: Tensor) => owners.get(t) ?? (t.trace === null ? t : null);
  const grads = finalGrads(trace, standIns, ownerOf, output);
  const returned: Tensor[] = [];
  const spec = flatten("compile", result, returned);
  const results = returned.map((t) => {
    checkMine(t, trace);
    const owner = ownerOf(t);
    return owner === null ? { output: output(t.current) } : { owner };
  });
  const targets = [...trace.assigned.keys()].map((t) => t.current);
  const place = placeOf([...outputs, ...targets]);
  const graph = makeGraph(outputs, into);
  undo(trace);
  return {
    graph,
    place,
    trace,
    args: tensors.map((t) => guardOf(standIns.get(t)!)),
    delicate: delicateOf(tensors, assigned),
    closure: [...trace.entered.keys()].map((tensor) => {
      return { tensor, requiresGrad: tensor.requiresGrad };
    }),
    changing: changingOf(trace),
    gradGuards: gradGuards(trace, standIns, ownerOf),
    sources: graph.inputs.map((n) => homes.get(n.buffer!) ?? n.buffer!),
    assigned,
    grads,
    spec,
    results,
  };
}

function refusePromise(result: unknown): void {
  if (typeof (result as PromiseLike<unknown> | null | undefined)?.then !== "function") return;
  (result as Promise<unknown>).then(undefined, () => {}); // Its own failure says less than this one.
  throw new ArgumentError("compile", "the function gave a promise; it must not be async", {
    hint: "read and wait outside: const loss = step(x, y); await loss.item()",
  });
}

/** A result of another trace, finished long ago, has no value. */
function checkMine(t: Tensor, trace: Trace): void {
  if (t.trace !== trace) checkEscape(t.trace);
}

function guardOf({ at, given, own, node }: StandIn): ArgumentGuard {
  const { requiresGrad } = given;
  return { node: node ?? own.current, requiresGrad, pinned: node === null ? own : null, same: at };
}

function delicateOf(tensors: readonly Tensor[], assigned: readonly Owner[]): number[] {
  const positions = tensors.map((_, at) => at);
  return positions.filter((at) => tensors[at]!.requiresGrad || assigned.includes(at));
}

function changingOf(trace: Trace): Set<Tensor> {
  const wanting = [...trace.entered.keys()].filter((tensor) => tensor.requiresGrad);
  return new Set([...wanting, ...trace.assigned.keys()]);
}

/** What the function left in `grad` fields, among the tensors that it met. */
function finalGrads(
  trace: Trace,
  standIns: ReadonlyMap<Tensor, StandIn>,
  ownerOf: (t: Tensor) => Owner | null,
  output: (node: Node) => number,
): Recording["grads"] {
  const met = new Set([...trace.gradWrites, ...trace.entered.keys()]);
  for (const { own } of standIns.values()) met.add(own);
  const final = [...met].map((tensor) => [tensor, tensor.grad] as const);
  undo(trace);
  const changed: { owner: Owner; value: number | Tensor | null }[] = [];
  for (const [tensor, grad] of final) {
    const owner = ownerOf(tensor);
    if (owner === null || (grad === tensor.grad && !trace.gradWrites.has(tensor))) continue;
    const made = grad !== null && grad.trace === trace;
    changed.push({ owner, value: made ? output(grad.current) : grad });
  }
  return changed;
}

/** The gradients that the trace looked at before it set them itself, or took part of as tensors. */
function gradGuards(
  trace: Trace,
  standIns: ReadonlyMap<Tensor, StandIn>,
  ownerOf: (t: Tensor) => Owner | null,
): GradGuard[] {
  const met = new Set([...trace.gradReads.keys(), ...trace.entered.keys()]);
  for (const { own } of standIns.values()) met.add(own);
  const guards: GradGuard[] = [];
  for (const tensor of met) {
    const owner = ownerOf(tensor);
    const { grad } = tensor;
    const exact = grad !== null && trace.entered.has(grad);
    if (owner !== null && (exact || trace.gradReads.get(tensor) === grad)) {
      guards.push({ owner, grad, exact });
    }
  }
  return guards;
}
