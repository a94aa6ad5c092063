// Hooks: functions that see, or change, what goes into a module and comes out of it, and a gradient on its
// way. Not here: what modules are (module.ts).

import { customVjp } from "../tensor/custom-vjp.ts";
import { needTensor } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bumpGeneration } from "../tensor/trace.ts";
import { ArgumentError } from "../util/errors.ts";
import type { Module } from "./module.ts";

/** Sees the inputs of a forward; an array that it returns replaces them. */
export type ForwardPreHook = (
  module: Module,
  inputs: readonly unknown[],
) => readonly unknown[] | undefined | void;

/** Sees the inputs and the output of a forward; what it returns (but undefined) replaces the output. */
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown;

interface Hooks {
  readonly before: Set<ForwardPreHook>;
  readonly after: Set<ForwardHook>;
  /** A `forward` that was a field of the module itself before hooks came. */
  readonly own: PropertyDescriptor | undefined;
}

/** The hooks of the modules that have some. */
const hooked = new WeakMap<Module, Hooks>();

type Forward = (...inputs: unknown[]) => unknown;

// Puts a forward of its own over the module's, once; a field that is not enumerable is no state.
function open(module: Module): Hooks {
  const known = hooked.get(module);
  if (known !== undefined) return known;
  const { forward } = module as Module & { forward?: Forward };
  if (typeof forward !== "function") {
    throw new ArgumentError("hook", `${module.constructor.name} has no forward`);
  }
  const own = Object.getOwnPropertyDescriptor(module, "forward");
  const hooks: Hooks = { before: new Set(), after: new Set(), own };
  const value = (...given: unknown[]) => {
    let inputs: readonly unknown[] = given;
    for (const hook of hooks.before) inputs = hook(module, inputs) ?? inputs;
    let output = forward.apply(module, [...inputs]);
    for (const hook of hooks.after) {
      const other = hook(module, inputs, output);
      if (other !== undefined) output = other;
    }
    return output;
  };
  Object.defineProperty(module, "forward", { value, configurable: true, writable: true });
  hooked.set(module, hooks);
  return hooks;
}

function add<A extends unknown[], R>(
  module: Module,
  list: Set<(...args: A) => R>,
  hook: (...args: A) => R,
): () => void {
  const own = (...args: A) => hook(...args); // one function given twice is two hooks
  list.add(own);
  bumpGeneration();
  return () => {
    if (!list.delete(own)) return;
    bumpGeneration();
    const hooks = hooked.get(module);
    if (hooks && hooks.before.size + hooks.after.size === 0) close(module);
  };
}

function close(module: Module): void {
  const own = hooked.get(module)?.own;
  hooked.delete(module);
  if (own) Object.defineProperty(module, "forward", own);
  else Reflect.deleteProperty(module, "forward");
}

/**
 * Calls `hook` before each forward of a module, as torch's register_forward_pre_hook. Returns a function
 * that takes it off again. Compiled steps follow both.
 */
export function registerForwardPreHook(module: Module, hook: ForwardPreHook): () => void {
  return add(module, open(module).before, hook);
}

/**
 * Calls `hook` after each forward of a module, as torch's register_forward_hook. Returns a function that
 * takes it off again.
 *
 * @example
 * const seen: Tensor[] = [];
 * const remove = nn.registerForwardHook(model.conv1, (_, __, y) => void seen.push(y as Tensor));
 */
export function registerForwardHook(module: Module, hook: ForwardHook): () => void {
  return add(module, open(module).after, hook);
}

/**
 * x itself, whose gradient goes through `hook` on its way back: what it returns replaces the gradient. The
 * place of torch's Tensor.register_hook, as a value: use what this returns.
 *
 * @example
 * const h = nn.hookGradient(body.forward(x), (g) => g.mul(-1)); // reverses the gradient
 */
export function hookGradient(x: Tensor, hook: (gradient: Tensor) => Tensor | undefined): Tensor {
  needTensor("hookGradient", x, "the input");
  return customVjp(
    (t: Tensor) => t,
    (g) => [hook(g) ?? g],
  )(x);
}
