// Module: what every layer and model extends. Its state is what its fields hold: parameters, other
// tensors, modules, and arrays, plain objects and Maps of these, under PyTorch's names ("fc1.weight").
// A private field (`#mask`) is no state. Not here: saving and loading (state.ts), tables (summary.ts).

import { show } from "../ir/build.ts";
import { withScope } from "../ir/node.ts";
import { gradOf, setGrad } from "../tensor/autograd.ts";
import type { DeviceLike } from "../tensor/device.ts";
import { placeAll } from "../tensor/place.ts";
import { Tensor } from "../tensor/tensor.ts";
import { bumpGeneration } from "../tensor/trace.ts";
import { Parameter } from "./parameter.ts";
import {
  type LoadOptions,
  loadState,
  type StateDict,
  type StateValues,
  takeState,
} from "./state.ts";

/** A module that takes one tensor and gives one. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

/** The longest path under which a walk has met a module: what errors and profiles call it. */
const paths = new WeakMap<Module, string>();

/**
 * The base of layers and models: fields are state, `forward` is the computation.
 *
 * @example
 * class Net extends nn.Module {
 *   fc1 = new nn.Linear(784, 128);
 *   fc2 = new nn.Linear(128, 10);
 *   forward(x: Tensor) {
 *     return this.fc2.forward(this.fc1.forward(x).relu()); // (B, 10)
 *   }
 * }
 */
export class Module {
  #training = true;

  /** Whether it is in training mode: dropout drops, batch norm uses the batch. See {@link train}. */
  get training(): boolean {
    return this.#training;
  }

  set training(mode: boolean) {
    if (mode !== this.#training) bumpGeneration();
    this.#training = mode;
  }

  /** The fields that may hold state, by name. Containers name their items by number instead. */
  stateFields(): [string, unknown][] {
    return Object.entries(this);
  }

  /** What is worth saying of this module beyond its class and children, for `toString` and errors. */
  describe(): string {
    return "";
  }

  // --- walking --------------------------------------------------------------------------------------

  /** This module and all below it, each once, with their paths; this one's is "". */
  namedModules(): [string, Module][] {
    const found: [string, Module][] = [];
    for (const [name, value] of walk(this)) {
      if (value instanceof Module) found.push([name, value]);
    }
    return found;
  }

  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** The modules directly below this one. */
  namedChildren(): [string, Module][] {
    const found: [string, Module][] = [];
    for (const [key, value] of this.stateFields()) {
      for (const [name, item] of spread(key, value)) {
        if (item instanceof Module) found.push([name, item]);
      }
    }
    return found;
  }

  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** Everything that is trained, by its first name; tied weights appear once. */
  namedParameters(): [string, Tensor][] {
    return once(this.namedTensors().filter(([, tensor]) => isParameter(tensor)));
  }

  parameters(): Tensor[] {
    return this.namedParameters().map(([, tensor]) => tensor);
  }

  /** Tensors that are saved but not trained, such as running means. */
  namedBuffers(): [string, Tensor][] {
    return once(this.namedTensors().filter(([, tensor]) => !isParameter(tensor)));
  }

  buffers(): Tensor[] {
    return this.namedBuffers().map(([, tensor]) => tensor);
  }

  /** All tensors of the module; tied ones under each of their names. */
  namedTensors(): [string, Tensor][] {
    const found: [string, Tensor][] = [];
    for (const [name, value] of walk(this)) {
      if (value instanceof Tensor) found.push([name, value]);
    }
    return found;
  }

  // --- changing -------------------------------------------------------------------------------------

  /** Puts this module and all below it into training mode (or out of it). Compiled steps follow. */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Puts this module and all below it into evaluation mode: no dropout, running statistics. */
  eval(): this {
    return this.train(false);
  }

  /** Places all tensors of this module, with their gradients, on a device: what uses them runs there.
   *  They stay the same tensors; what an optimizer keeps for them follows by itself. */
  to(where: DeviceLike): this {
    const tensors = this.namedTensors().map(([, tensor]) => tensor);
    placeAll([...new Set(tensors)], where);
    return this;
  }

  /** Calls `f` with every module, children before parents. */
  apply(f: (module: Module) => void): this {
    for (const module of this.modules().reverse()) f(module);
    return this;
  }

  /** Sets whether the parameters take part in training. Compiled steps follow. */
  requiresGrad(value = true): this {
    for (const tensor of this.parameters()) tensor.requiresGrad = value;
    return this;
  }

  /** The parameters keep their values from now on. */
  freeze(): this {
    return this.requiresGrad(false);
  }

  unfreeze(): this {
    return this.requiresGrad(true);
  }

  /** Forgets the gradients that `backward` has gathered. */
  zeroGrad(): void {
    for (const tensor of this.parameters()) {
      if (gradOf(tensor) !== null) setGrad(tensor, null);
    }
  }

  // --- state ----------------------------------------------------------------------------------------

  /** All state by name, as it is now: later training does not change what this returned. */
  stateDict(): StateDict {
    return takeState(this.namedTensors());
  }

  /** Takes over saved values: all of them, or (where something does not fit) none and a LoadError that
   *  lists what is missing, unexpected or of another shape. */
  loadStateDict(values: StateValues, options: LoadOptions = {}): this {
    loadState(this.namedTensors(), values, { what: this.constructor.name, ...options });
    return this;
  }

  toString(): string {
    return represent(this);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return represent(this);
  }
}

function isParameter(tensor: Tensor): boolean {
  return tensor instanceof Parameter || tensor.requiresGrad;
}

function once<T>(named: [string, T][]): [string, T][] {
  const seen = new Set<T>();
  return named.filter(([, value]) => !seen.has(value) && seen.add(value));
}

// --- the walk -----------------------------------------------------------------------------------------

/** Tensors and modules in a field's value, with their names; deep in arrays, objects and Maps. */
function spread(name: string, value: unknown): [string, unknown][] {
  if (value instanceof Tensor || value instanceof Module) return [[name, value]];
  if (typeof value !== "object" || value === null) return [];
  const items = itemsOf(value);
  return items.flatMap(([key, item]) => spread(`${name}.${key}`, item));
}

function itemsOf(value: object): [unknown, unknown][] {
  if (Array.isArray(value) || value instanceof Map) return [...value.entries()];
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : [];
}

/** Every module once and every tensor under each name, parents first, in the order of fields. */
function walk(root: Module): [string, Tensor | Module][] {
  const found: [string, Tensor | Module][] = [];
  const open = new Set<Module>();
  const visited = new Set<Module>();
  const visit = (module: Module, prefix: string): void => {
    if (open.has(module)) return; // a field that points to a parent
    open.add(module);
    if (!visited.has(module)) {
      visited.add(module);
      found.push([prefix, module]);
      remember(module, prefix);
    }
    for (const [key, value] of module.stateFields()) {
      const name = prefix === "" ? key : `${prefix}.${key}`;
      for (const [path, item] of spread(name, value)) {
        if (item instanceof Module) visit(item, path);
        else found.push([path, item as Tensor]);
      }
    }
    open.delete(module);
  };
  visit(root, "");
  return found;
}

function remember(module: Module, path: string): void {
  const known = paths.get(module);
  const full = path === "" ? "model" : `model.${path}`;
  if (known === undefined || known.split(".").length < full.split(".").length) {
    paths.set(module, full);
  }
}

// --- names --------------------------------------------------------------------------------------------

/** `model.fc1 (Linear 784 -> 128)`, or `Linear 784 -> 128` for a module that no walk has met yet. */
export function labelOf(module: Module): string {
  const kind = `${module.constructor.name} ${module.describe()}`.trimEnd();
  const path = paths.get(module);
  return path === undefined ? kind : `${path} (${kind})`;
}

/** Runs a layer's computation so that its nodes and its errors name it. */
export function inScope<T>(module: Module, f: () => T): T {
  return withScope(labelOf(module), f);
}

/** The module as PyTorch prints it: one line a child, indented. */
function represent(module: Module): string {
  const lines = module.namedChildren().map(([name, child]) => {
    const text = represent(child).replaceAll("\n", "\n  ");
    return `  (${name}): ${text}`;
  });
  const own = directParameters(module);
  const head = module.constructor.name;
  if (lines.length === 0) return `${head}(${module.describe() || own})`;
  return `${head}(\n${lines.join("\n")}\n)`;
}

function directParameters(module: Module): string {
  if (module.constructor === Module) return "";
  return module
    .namedTensors()
    .filter(([name]) => !name.includes("."))
    .map(([name, tensor]) => `${name}: ${show(tensor.shape)}`)
    .join(", ");
}
