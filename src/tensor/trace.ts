// Trace: what `compile` records of one call: the tensors it entered with (by identity), what it
// assigned, the random numbers it drew. Also the counter that makes old traces stale.
// Not here: finding and running programs (compile.ts), or tensors themselves.

import { Buffer } from "../ir/buffer.ts";
import { bufferNode, scalar } from "../ir/build.ts";
import { type Node, sizeOf } from "../ir/node.ts";
import { StateError } from "../util/errors.ts";
import type { Tensor } from "./tensor.ts";

export class Trace {
  /** Tensors from outside, each with the placeholder that stands for its data. */
  readonly entered = new Map<Tensor, Node>();
  /** New values of tensors from outside, in the order of their first assignment. */
  readonly assigned = new Map<Tensor, Node>();
  /** Undoes what the trace did to plain fields (a parameter's `grad`). */
  readonly undo: (() => void)[] = [];
  /** Scalars of the random generator: each run binds the current seed and a fresh base. */
  readonly seed = scalar(0, "int32");
  readonly base = scalar(0, "int32");
  streams = 0;
  open = true;

  /** The value of a tensor from outside at this point of the trace. */
  enter(tensor: Tensor): Node {
    const now = this.assigned.get(tensor) ?? this.entered.get(tensor);
    if (now) return now;
    const { dtype, shape } = tensor.current;
    const placeholder = bufferNode(new Buffer(dtype, sizeOf(shape), null), shape);
    this.entered.set(tensor, placeholder);
    return placeholder;
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

/** Changes whenever something that traces take as fixed may have changed: train/eval mode, the set of
 *  trainable parameters, the device. Compiled functions then trace again (programs are cached by the
 *  structure of their graph, so this costs a trace and no compile). */
export function traceGeneration(): number {
  return generation;
}

export function bumpGeneration(): void {
  generation++;
}

/** Throws if a tensor of a finished trace is used. */
export function checkEscape(trace: Trace | null): void {
  if (trace !== null && trace !== active) {
    throw new StateError("compile", "a tensor made inside a compiled function was used outside it", {
      hint: "return it from the function",
    });
  }
}
