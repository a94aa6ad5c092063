// Containers: modules in a row, in a list, by name, and parameters likewise. Their keys are those of PyTorch
// ("0.weight"). Not here: how state is found in them (module.ts).

import { needTensor } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { type Layer, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

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

/** Parameters in a list, under "0", "1", …, as torch.nn.ParameterList. A plain array works as well. */
export class ParameterList extends Module {
  #items: Tensor[];

  constructor(items: Iterable<Tensor> = []) {
    super();
    this.#items = [...items].map((item) => asParameter("ParameterList", item));
  }

  append(item: Tensor): this {
    this.#items.push(asParameter("ParameterList", item));
    return this;
  }

  at(index: number): Tensor {
    return found("ParameterList", this.#items.at(index), index);
  }

  get length(): number {
    return this.#items.length;
  }

  [Symbol.iterator](): Iterator<Tensor> {
    return this.#items[Symbol.iterator]();
  }

  override stateFields(): [string, unknown][] {
    return [...numbered(this.#items), ...super.stateFields()];
  }
}

/** Parameters by name, as torch.nn.ParameterDict. A plain object or a Map works as well. */
export class ParameterDict extends Module {
  #items: Map<string, Tensor>;

  constructor(items: Readonly<Record<string, Tensor>> = {}) {
    super();
    const named = Object.entries(items);
    this.#items = new Map(named.map(([name, item]) => [name, asParameter("ParameterDict", item)]));
  }

  get(name: string): Tensor {
    return found("ParameterDict", this.#items.get(name), name);
  }

  set(name: string, item: Tensor): this {
    this.#items.set(name, asParameter("ParameterDict", item));
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

/** A parameter as it is; of another tensor one with its values, as PyTorch's lists make of them. */
function asParameter(op: string, item: Tensor): Tensor {
  needTensor(op, item, "each item");
  return item instanceof Parameter ? item : new Parameter(item);
}

function numbered(items: readonly unknown[]): [string, unknown][] {
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
