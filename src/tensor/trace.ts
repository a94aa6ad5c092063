// Trace: what `compile` records of one call: the tensors it entered with (by identity), what it
// assigned, the random numbers it drew. Also the counter that makes old traces stale.
// Not here: finding and running programs (compile.ts), or tensors themselves.

import { Buffer } from "../ir/buffer.ts";
import { binary, bufferNode, constant, scalar } from "../ir/build.ts";
import { type Node, sizeOf } from "../ir/node.ts";
import { callingMethod } from "../util/calling.ts";
import { StateError } from "../util/errors.ts";
import type { Tensor } from "./tensor.ts";

export class Trace {
  /** Tensors from outside, each with the placeholder that stands for its data. */
  readonly entered = new Map<Tensor, Node>();
  /** New values of tensors from outside, in the order of their first assignment. */
  readonly assigned = new Map<Tensor, Node>();
  /** What `grad` of a tensor was when the trace first looked at it (see gradOf in autograd.ts); undefined
   *  if the trace had set it before. */
  readonly gradReads = new Map<Tensor, Tensor | null | undefined>();
  /** Tensors whose `grad` the trace set. */
  readonly gradWrites = new Set<Tensor>();
  /** Undoes what the trace did to plain fields (a parameter's `grad`). */
  readonly undo: (() => void)[] = [];
  /** The random generator's seed: each run binds the current one. */
  readonly seed = scalar(0, "int32");
  /** One scalar a draw, and how many bases were taken before it: each run binds bases that nobody else
   *  draws with. */
  readonly bases: { readonly node: Node; readonly offset: number }[] = [];
  /** How many bases a run takes. */
  draws = 0;
  /** The trace around this one, whose tensors may be used in it. */
  readonly outer: Trace | null = null;

  /** The value of a tensor from outside at this point of the trace. */
  enter(tensor: Tensor): Node {
    return this.assigned.get(tensor) ?? this.placeholder(tensor);
  }

  /** What stands for the data that a tensor from outside holds when a run begins. */
  placeholder(tensor: Tensor): Node {
    const known = this.entered.get(tensor);
    if (known) return known;
    const { dtype, shape, placed } = tensor.current;
    const node = bufferNode(new Buffer(dtype, sizeOf(shape), null), shape, placed);
    this.entered.set(tensor, node);
    return node;
  }

  /** The base of the next `count` draws of random numbers: those that the same draws take without
   *  `compile`. */
  draw(count = 1): Node {
    const node = scalar(0, "int32");
    this.bases.push({ node, offset: this.draws });
    this.draws += count;
    return node;
  }

  /** Whether another value stands for a tensor from outside, whatever it holds. */
  gives(_tensor: Tensor): boolean {
    return false;
  }

  /** Throws where what is done once in the trace would not be done at each call. */
  refuseEffect(_op: string): void {}
}

/** The trace of a function that is called once for many: the body of a loop, a function of one sample.
 *  Tensors from outside are what they are around it; nothing but the results leaves it. */
export class BodyTrace extends Trace {
  override readonly outer: Trace | null;
  /** Whose body it is. */
  readonly op: string;

  readonly given: ReadonlyMap<Tensor, Node>;

  /** `given`: what stands for some tensors from outside. */
  constructor(outer: Trace | null, op: string, given: ReadonlyMap<Tensor, Node> = new Map()) {
    super();
    this.outer = outer;
    this.op = op;
    this.given = given;
  }

  override gives(tensor: Tensor): boolean {
    return this.given.has(tensor) || this.outer?.gives(tensor) === true;
  }

  override enter(tensor: Tensor): Node {
    const given = this.given.get(tensor);
    if (given !== undefined) return given;
    if (this.outer !== null) return this.outer.enter(tensor);
    const node = tensor.current;
    if (node.buffer !== null) node.buffer.shared = true;
    return node;
  }

  override placeholder(tensor: Tensor): Node {
    return this.outer === null ? tensor.current : this.outer.placeholder(tensor);
  }

  override refuseEffect(op: string): void {
    throw new StateError(op, `cannot be done inside the function of ${this.op}`, {
      hint: "return it, and do it with the results",
    });
  }
}

/** The trace of a loop's body, called once for all iterations. */
export class LoopTrace extends BodyTrace {
  /** The iteration, an int32 scalar. */
  readonly t: Node;
  readonly length: number;

  constructor(outer: Trace | null, t: Node, length: number) {
    super(outer, "scan");
    this.t = t;
    this.length = length;
  }

  /** Of `count` draws in each iteration, given the base of all: the iteration's own. */
  baseOf(base: Node, count: number): Node {
    const skipped = binary("mul", this.t, constant(count, "int32"));
    return binary("add", base, skipped);
  }

  override refuseEffect(op: string): void {
    throw new StateError(op, "cannot be done inside the body of a scan", {
      hint: "make what changes a carry, and use it after the loop",
    });
  }
}

let active: Trace | null = null;
let generation = 0;

/** The trace being recorded, if any. */
export function activeTrace(): Trace | null {
  return active;
}

/** Runs `f` with `trace` (or none) recording. Always restores what was. */
export function withTrace<T>(trace: Trace | null, f: () => T): T {
  const outer = active;
  active = trace;
  try {
    return f();
  } finally {
    active = outer;
  }
}

/** Runs `f` outside any trace: what it makes is ordinary state, which a trace then enters by identity
 *  (lazy weights, an optimizer's moments). */
export function untraced<T>(f: () => T): T {
  return withTrace(null, f);
}

/** Changes whenever something that traces take as fixed may have changed: train/eval mode, the device.
 *  Compiled functions then trace again (programs are cached by the structure of their graph, so this
 *  costs a trace and no compile). Which tensors want gradients is no part of it: each compiled function
 *  watches its own. */
export function traceGeneration(): number {
  return generation;
}

export function bumpGeneration(): void {
  generation++;
}

/** Stands for the trace of a tensor that was disposed of. */
export const disposed = new Trace();

/** Throws if a tensor of a finished trace is used, or one that was disposed of. */
export function checkEscape(trace: Trace | null): void {
  if (trace !== null && trace !== active) {
    if (trace === disposed) {
      throw new StateError(callingMethod() ?? "tensor", "a tensor was used after its dispose()");
    }
    for (let around = active?.outer; around; around = around.outer) if (around === trace) return;
    if (trace instanceof BodyTrace) {
      throw new StateError(trace.op, "a tensor made inside a body was used outside it", {
        hint: trace instanceof LoopTrace ? "return it in the carry or in y" : "return it",
      });
    }
    throw new StateError(
      "compile",
      "a tensor made inside a compiled function was used outside it",
      {
        hint: "return it from the function",
      },
    );
  }
}

/** Throws if a function is being traced: what happens on the host would happen once, not at each call. */
export function refuseInTrace(op: string): void {
  if (activeTrace() === null) return;
  throw new StateError(op, "cannot be called inside a compiled function", {
    hint: "call it before or after the compiled step",
  });
}
