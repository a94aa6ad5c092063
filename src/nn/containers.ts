// Containers: modules in a row, in a list, by name. Their keys are those of PyTorch ("0.weight").
// Not here: how state is found in them (module.ts).

import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { type Layer, Module } from "./module.ts";

/**
 * Layers that run one after the other.
 *
 * @example
 * const model = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 3));
 * model.forward(x); // (B, 4) → (B, 3)
 */
export class Sequential extends Module {
  #layers: Layer[];

  constructor(...layers: Layer[]) {
    super();
    for (const layer of layers) checkModule("Sequential", layer);
    this.#layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.#layers.reduce((value, layer) => layer.forward(value), x);
  }

  append(layer: Layer): this {
    this.#layers.push(checkModule("Sequential", layer));
    return this;
  }

  /** The layer at a place; -1 is the last. */
  at(index: number): Layer {
    return found("Sequential", this.#layers.at(index), index);
  }

  get length(): number {
    return this.#layers.length;
  }

  [Symbol.iterator](): Iterator<Layer> {
    return this.#layers[Symbol.iterator]();
  }

  override stateFields(): [string, unknown][] {
    return [...numbered(this.#layers), ...super.stateFields()];
  }
}

/** Modules in a list, which the model's forward calls as it likes. A plain array works as well. */
export class ModuleList<M extends Module = Module> extends Module {
  #items: M[];

  constructor(items: Iterable<M> = []) {
    super();
    this.#items = [...items];
    for (const item of this.#items) checkModule("ModuleList", item);
  }

  append(item: M): this {
    this.#items.push(checkModule("ModuleList", item));
    return this;
  }

  at(index: number): M {
    return found("ModuleList", this.#items.at(index), index);
  }

  get length(): number {
    return this.#items.length;
  }

  [Symbol.iterator](): Iterator<M> {
    return this.#items[Symbol.iterator]();
  }

  override stateFields(): [string, unknown][] {
    return [...numbered(this.#items), ...super.stateFields()];
  }
}

/** Modules by name. A plain object or a Map works as well. */
export class ModuleDict<M extends Module = Module> extends Module {
  #items: Map<string, M>;

  constructor(items: Readonly<Record<string, M>> = {}) {
    super();
    this.#items = new Map(Object.entries(items));
    for (const item of this.#items.values()) checkModule("ModuleDict", item);
  }

  get(name: string): M {
    return found("ModuleDict", this.#items.get(name), name);
  }

  set(name: string, item: M): this {
    this.#items.set(name, checkModule("ModuleDict", item));
    return this;
  }

  has(name: string): boolean {
    return this.#items.has(name);
  }

  keys(): IterableIterator<string> {
    return this.#items.keys();
  }

  override stateFields(): [string, unknown][] {
    return [...this.#items.entries(), ...super.stateFields()];
  }
}

function numbered(items: readonly Module[]): [string, unknown][] {
  return items.map((item, i) => [String(i), item]);
}

function checkModule<M>(op: string, item: M): M {
  if (item instanceof Module) return item;
  const what =
    typeof item === "function" ? `the function ${item.name || "(x) => …"}` : String(item);
  throw new ArgumentError(op, `takes modules, got ${what}`, {
    hint: "wrap a function in a class that extends nn.Module",
  });
}

function found<M>(op: string, item: M | undefined, key: number | string): M {
  if (item !== undefined) return item;
  throw new ArgumentError(op, `has no module ${JSON.stringify(key)}`);
}
