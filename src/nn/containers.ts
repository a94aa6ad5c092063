// Containers: modules in a row, in a list, by name, and parameters likewise. Their keys are those of PyTorch
// ("0.weight"). Not here: how state is found in them (module.ts).

import { needTensor } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { type Layer, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** What lists of modules and of parameters share: items in order, under "0", "1", … */
abstract class ItemList<T> extends Module {
  readonly #items: T[];

  /** @internal */
  constructor(items: Iterable<T>) {
    super();
    this.#items = Array.from(items, (item) => this.checked(item));
  }

  /** The item as it is kept; throws for what does not belong here. @internal */
  protected abstract checked(item: T): T;

  append(item: T): this {
    this.#items.push(this.checked(item));
    return this;
  }

  /** The item at a place; -1 is the last. */
  at(index: number): T {
    return found(this, this.#items.at(index), index);
  }

  get length(): number {
    return this.#items.length;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }

  override stateFields(): [string, unknown][] {
    const numbered = this.#items.map((item, i): [string, unknown] => [String(i), item]);
    return [...numbered, ...super.stateFields()];
  }
}

/** What dictionaries of modules and of parameters share. */
abstract class ItemDict<T> extends Module {
  readonly #items: Map<string, T>;

  /** @internal */
  constructor(items: Readonly<Record<string, T>>) {
    super();
    const named = Object.entries(items);
    this.#items = new Map(named.map(([name, item]) => [name, this.checked(item)]));
  }

  /** The item as it is kept; throws for what does not belong here. @internal */
  protected abstract checked(item: T): T;

  get(name: string): T {
    return found(this, this.#items.get(name), name);
  }

  set(name: string, item: T): this {
    this.#items.set(name, this.checked(item));
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

/**
 * Layers that run one after the other.
 *
 * @example
 * const model = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 3));
 * model.forward(x); // (B, 4) → (B, 3)
 */
export class Sequential extends ItemList<Layer> {
  constructor(...layers: Layer[]) {
    super(layers);
  }

  forward(x: Tensor): Tensor {
    let value = x;
    for (const layer of this) value = layer.forward(value);
    return value;
  }

  protected override checked(layer: Layer): Layer {
    return checkModule("Sequential", layer);
  }
}

/** Modules in a list, which the model's forward calls as it likes. A plain array works as well. */
export class ModuleList<M extends Module = Module> extends ItemList<M> {
  constructor(items: Iterable<M> = []) {
    super(items);
  }

  protected override checked(item: M): M {
    return checkModule("ModuleList", item);
  }
}

/** Modules by name. A plain object or a Map works as well. */
export class ModuleDict<M extends Module = Module> extends ItemDict<M> {
  constructor(items: Readonly<Record<string, M>> = {}) {
    super(items);
  }

  protected override checked(item: M): M {
    return checkModule("ModuleDict", item);
  }
}

/** Parameters in a list, under "0", "1", …, as torch.nn.ParameterList. A plain array works as well. */
export class ParameterList extends ItemList<Tensor> {
  constructor(items: Iterable<Tensor> = []) {
    super(items);
  }

  protected override checked(item: Tensor): Tensor {
    return asParameter("ParameterList", item);
  }
}

/** Parameters by name, as torch.nn.ParameterDict. A plain object or a Map works as well. */
export class ParameterDict extends ItemDict<Tensor> {
  constructor(items: Readonly<Record<string, Tensor>> = {}) {
    super(items);
  }

  protected override checked(item: Tensor): Tensor {
    return asParameter("ParameterDict", item);
  }
}

/** A parameter as it is; of another tensor one with its values, as PyTorch's lists make of them. */
function asParameter(op: string, item: Tensor): Tensor {
  needTensor(op, item, "each item");
  return item instanceof Parameter ? item : new Parameter(item);
}

function checkModule<M>(op: string, item: M): M {
  if (item instanceof Module) return item;
  const what =
    typeof item === "function" ? `the function ${item.name || "(x) => …"}` : String(item);
  throw new ArgumentError(op, `takes modules, got ${what}`, {
    hint: "wrap a function in a class that extends nn.Module",
  });
}

function found<T>(list: Module, item: T | undefined, key: number | string): T {
  if (item !== undefined) return item;
  throw new ArgumentError(list.constructor.name, `has no item ${JSON.stringify(key)}`);
}
