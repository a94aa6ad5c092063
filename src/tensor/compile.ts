// compile: a function of tensors becomes one program. It is traced once for each signature (structure,
// shapes, dtypes, constants) and replayed from then on; what it assigns is assigned at each call.
// Not here: what a trace records (trace.ts, record.ts), what a replay does (replay.ts), or how a
// program is cached (schedule/engine.ts).

import { env } from "../util/env.ts";
import { ArgumentError } from "../util/errors.ts";
import { checkSame } from "./check.ts";
import { isGradEnabled } from "./core.ts";
import { engine, engineAt } from "./device.ts";
import { type Recording, record } from "./record.ts";
import { fits, makeReplay, type Replay, replay } from "./replay.ts";
import type { Tensor } from "./tensor.ts";
import { activeTrace, checkEscape, traceGeneration } from "./trace.ts";
import { collect, flatten, type Spec } from "./tree.ts";

export interface CompileOptions {
  /** Trace again at the second call and throw if the function does something else then. On in tests
   *  (NODE_ENV=test) and with ANNEAL_CHECK=1. */
  check?: boolean | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: any arguments; their types are kept by the caller's F.
type AnyFunction = (...args: any[]) => any;

/** What a compiled function has cost so far. */
export interface CompileStats {
  /** Times that the function was traced: signatures, and changes of mode. */
  traces: number;
  /** Milliseconds of tracing, lowering and compiling, all of it on the first call of a signature. On a
   *  device that compiles in the background, only what the caller waited for. */
  compileMs: number;
}

export type Compiled<F extends AnyFunction> = F & { readonly stats: Readonly<CompileStats> };

/** A traced signature of a function. */
interface Variant {
  readonly generation: number;
  readonly grad: boolean;
  readonly spec: readonly Spec[];
  readonly recording: Recording;
  readonly replay: Replay;
  checked: boolean;
}

/** A function called with ever new constants keeps this many of its last variants. */
const maxVariants = 64;

let checkMode: boolean | null = null;

/** Turns check mode on or off for all compiled functions that do not say it themselves. */
export function setCheckMode(on: boolean): void {
  checkMode = on;
}

function checks(options: CompileOptions): boolean {
  if (options.check !== undefined) return options.check;
  if (checkMode === null) {
    const said = env("ANNEAL_CHECK");
    checkMode = said === undefined || said === "" ? env("NODE_ENV") === "test" : said !== "0";
  }
  return checkMode;
}

/**
 * The same function, as one compiled program. Arguments may be tensors, arrays and plain objects of
 * tensors; other values in them are constants, and another value is another program. Tensors that the
 * function finds elsewhere (parameters) are state: their values are those of the moment of the call, and
 * what it assigns to them stays. It may not be async, and may not read values.
 *
 * @throws StateError where a trace cannot stand for the function: see check mode.
 *
 * @example
 * const step = compile((x: Tensor, y: Tensor) => {
 *   const loss = nn.crossEntropy(model.forward(x), y);
 *   optimizer.step(loss);
 *   return loss;
 * });
 */
export function compile<F extends AnyFunction>(fn: F, options: CompileOptions = {}): Compiled<F> {
  if (typeof fn !== "function") {
    throw new ArgumentError("compile", `takes a function, got ${fn === null ? "null" : typeof fn}`);
  }
  refuseAsync(fn);
  const variants: Variant[] = [];
  const scratch: Tensor[] = [];
  const stats: CompileStats = { traces: 0, compileMs: 0 };
  const compiled = (...args: unknown[]): unknown => {
    if (activeTrace() !== null) return fn(...args);
    let tensors = scratch;
    let variant = find(variants, args, tensors);
    if (variant === null) {
      tensors = [];
      const start = performance.now();
      variant = makeVariant(fn, args, tensors);
      stats.traces++;
      stats.compileMs += performance.now() - start;
      keep(variants, variant);
    } else if (!variant.checked) {
      tensors = scratch.slice();
      if (checks(options)) checkSame(variant.recording, record(fn, args, variant.spec, tensors));
      variant.checked = true;
    }
    const result = replay(variant.replay, tensors);
    scratch.length = 0; // lets the arguments go
    return result;
  };
  return Object.assign(compiled as F, { stats });
}

function refuseAsync(fn: AnyFunction): void {
  const kind = fn.constructor?.name ?? "";
  if (kind === "GeneratorFunction")
    throw new ArgumentError("compile", "takes no generator function");
  if (!kind.startsWith("Async")) return;
  throw new ArgumentError("compile", "takes a function that is not async", {
    hint: "read and wait outside: const loss = step(x, y); await loss.item()",
  });
}

/** The variant for these arguments, first among `variants` from now on; its tensors in `tensors`. */
function find(variants: Variant[], args: readonly unknown[], tensors: Tensor[]): Variant | null {
  for (let i = 0; i < variants.length; i++) {
    const variant = variants[i]!;
    if (!takes(variant, args, tensors)) continue;
    if (i > 0) {
      variants.splice(i, 1);
      variants.unshift(variant);
    }
    return variant;
  }
  return null;
}

function takes(variant: Variant, args: readonly unknown[], tensors: Tensor[]): boolean {
  const { spec, replay } = variant;
  if (variant.generation !== traceGeneration() || variant.grad !== isGradEnabled()) return false;
  if (spec.length !== args.length) return false;
  if (variant.recording.place === null && replay.engine !== engine()) return false;
  tensors.length = 0;
  for (let i = 0; i < spec.length; i++) if (!collect(spec[i]!, args[i], tensors)) return false;
  return fits(replay, tensors);
}

function makeVariant(fn: AnyFunction, args: readonly unknown[], tensors: Tensor[]): Variant {
  const spec = args.map((arg) => flatten("compile", arg, tensors));
  for (const t of tensors) checkEscape(t.trace);
  const recording = record(fn, args, spec, tensors);
  return {
    // After the trace: modules made inside it may have changed it.
    generation: traceGeneration(),
    grad: isGradEnabled(),
    spec,
    recording,
    replay: makeReplay(recording, engineAt(recording.place)),
    checked: false,
  };
}

/** Keeps a variant, and lets those go that no call can find any more. */
function keep(variants: Variant[], variant: Variant): void {
  for (let i = variants.length - 1; i >= 0; i--) {
    if (variants[i]!.generation !== traceGeneration()) variants.splice(i, 1);
  }
  variants.unshift(variant);
  if (variants.length > maxVariants) variants.length = maxVariants;
}
