// Parameter groups: which parameters share which options. Every number an update uses is a 0-d state
// tensor, written when an option is set, so that a changed learning rate recompiles nothing.
// Not here: updates (sgd.ts, adam.ts, …), or the step (optimizer.ts).

import { isFloat } from "../ir/dtype.ts";
import { describe, needOptions } from "../tensor/ops/common.ts";
import { refuseInTrace, stateNode, stateTensor } from "../tensor/state.ts";
import { Tensor } from "../tensor/tensor.ts";
import { bumpGeneration } from "../tensor/trace.ts";
import { ArgumentError, DtypeError } from "../util/errors.ts";

/** The options that every optimizer has. */
export interface BaseOptions {
  /** The learning rate. */
  lr?: number | undefined;
}

/** Options with nothing left out. */
export type Full<O> = { [K in keyof O]-?: Exclude<O[K], undefined> };

/** Parameters with options of their own. */
export type GroupOf<O> = { readonly params: Iterable<Tensor> } & Partial<O>;

/** What an optimizer trains: tensors, or groups of them. */
export type Parameters<O> = Iterable<Tensor> | Iterable<GroupOf<O>>;

/** The numbers of an update, by name, as 0-d tensors. */
export type Hyper = Readonly<Record<string, Tensor>>;

/** How the numbers of an update follow from the options. A method, so that groups of more options are
 *  groups of fewer. */
interface NumbersRule<O> {
  numbers(options: Full<O>): Record<string, number>;
}

/** Parameters that share options. `lr` and all others may be set at any time. */
export class ParamGroup<O extends BaseOptions = BaseOptions> {
  readonly params: readonly Tensor[];
  /** The numbers that the update reads, as 0-d state. */
  readonly hyper: Hyper;
  #options: Full<O>;
  #rule: NumbersRule<O>;

  constructor(params: readonly Tensor[], options: Full<O>, rule: NumbersRule<O>) {
    this.params = params;
    this.#options = options;
    this.#rule = rule;
    this.hyper = Object.fromEntries(
      Object.entries(rule.numbers(options)).map(([name, value]) => [
        name,
        stateTensor(Float32Array.of(value), []),
      ]),
    );
  }

  get options(): Readonly<Full<O>> {
    return this.#options;
  }

  get lr(): number {
    return this.#options.lr as number;
  }

  set lr(value: number) {
    this.set({ lr: value } as unknown as Partial<O>);
  }

  /** Changes options. Numbers change what compiled steps read; only a switch (a flag, or a number that
   *  becomes 0 or stops being 0) makes them trace again. */
  set(changes: Partial<O>): void {
    refuseInTrace("ParamGroup.set");
    const fault = notNumber(this.#options, changes);
    if (fault !== null) throw new ArgumentError("ParamGroup.set", fault);
    const options: Full<O> = { ...this.#options, ...changes };
    const before = this.#rule.numbers(this.#options);
    const after = this.#rule.numbers(options);
    if (switches(options) !== switches(this.#options)) bumpGeneration();
    this.#options = options;
    for (const [name, value] of Object.entries(after)) {
      if (Object.is(value, before[name])) continue;
      this.hyper[name]!.current = stateNode(Float32Array.of(value), []);
    }
  }
}

// What of the options decides which ops an update is made of.
function switches(options: object): string {
  return JSON.stringify({ ...options, lr: 1 }, (_, value) =>
    typeof value === "number" ? Number(value !== 0) : value,
  );
}

/** The groups of an optimizer's first argument. Each tensor may be in one place only. */
export function makeGroups<O extends BaseOptions>(
  op: string,
  params: Parameters<O>,
  defaults: Full<O>,
  rule: NumbersRule<O>,
): ParamGroup<O>[] {
  const list = listOf<Tensor | GroupOf<O>>(op, params);
  for (const item of list) {
    if (item instanceof Tensor || (typeof item === "object" && item && "params" in item)) continue;
    const hint = "pass model.parameters()";
    throw new ArgumentError(op, `takes tensors or groups of them, got ${describe(item)}`, { hint });
  }
  const plain = list.filter((item) => item instanceof Tensor);
  if (plain.length > 0 && plain.length < list.length) {
    throw new ArgumentError(op, "takes either tensors or groups, got both");
  }
  const groups = plain.length > 0 ? [{ params: plain } as unknown as GroupOf<O>] : list;
  const seen = new Set<Tensor>();
  const made = (groups as GroupOf<O>[]).map(({ params: own, ...options }) => {
    const tensors = checkParams(op, own, seen);
    checkNames(op, options, defaults);
    const fault = notNumber(defaults, options);
    if (fault !== null) throw new ArgumentError(op, fault);
    return new ParamGroup<O>(
      tensors,
      withoutUndefined(defaults, options as unknown as Partial<O>),
      rule,
    );
  });
  if (seen.size > 0) return made;
  throw new ArgumentError(op, "has no parameters to train", { hint: "pass model.parameters()" });
}

function withoutUndefined<O extends object>(defaults: Full<O>, options: Partial<O>): Full<O> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

/** The items of what must be tensors, or groups of them. */
export function listOf<T>(op: string, params: Iterable<T>): T[] {
  if (typeof params === "object" && typeof params?.[Symbol.iterator] === "function") {
    if (!(params instanceof Tensor)) return [...params];
  }
  throw new ArgumentError(op, `takes a list of parameters, got ${describe(params)}`, {
    hint: "pass model.parameters()",
  });
}

/** Refuses what is no trainable tensor, or listed twice. */
export function checkParams(op: string, params: Iterable<Tensor>, seen: Set<Tensor>): Tensor[] {
  const tensors = listOf(op, params);
  for (const tensor of tensors) {
    if (!(tensor instanceof Tensor)) {
      throw new ArgumentError(op, "a group's params must be tensors", {
        hint: "pass model.parameters()",
      });
    }
    if (!isFloat(tensor.dtype)) {
      throw new DtypeError(op, `parameters must be floats, got ${tensor.dtype}`, {
        hint: "use x.float()",
      });
    }
    if (tensor.trace !== null) {
      throw new ArgumentError(op, "parameters must be made outside the compiled function");
    }
    if (seen.has(tensor)) throw new ArgumentError(op, "a parameter is listed twice");
    seen.add(tensor);
  }
  return tensors;
}

/** Refuses options that are none, and names that are not known. */
export function checkNames(op: string, options: object, known: object): void {
  needOptions(op, options, "use { lr: 0.1 }");
  const names = Object.keys(known);
  const plain = (name: string) => name.toLowerCase().replaceAll("_", "");
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const meant = plain(name) === "learningrate" ? "lr" : plain(name);
    const found = names.find((other) => plain(other) === meant);
    throw new ArgumentError(op, `there is no option "${name}"`, {
      hint: found === undefined ? `use one of ${names.join(", ")}` : `use ${found}`,
    });
  }
}

/** What is wrong with new options: one is no finite number where the old one is a number. */
export function notNumber(old: object, changes: object): string | null {
  for (const [name, value] of Object.entries(changes)) {
    if (typeof (old as Record<string, unknown>)[name] !== "number" || value === undefined) continue;
    if (typeof value !== "number" || !Number.isFinite(value)) return unfinished(name, value);
  }
  return null;
}

function unfinished(name: string, value: unknown): string {
  const got = typeof value === "string" ? `"${value}"` : String(value);
  return `${name} must be a finite number, got ${got}`;
}

/** Refuses a number that is negative or not one. */
export function checkNumbers(
  op: string,
  numbers: Readonly<Record<string, number | undefined>>,
): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (value === undefined) continue;
    if (typeof value !== "number" || !(Math.abs(value) < Infinity)) {
      throw new ArgumentError(op, unfinished(name, value));
    }
    if (value >= 0) continue;
    throw new ArgumentError(op, `${name} must not be negative, got ${value}`);
  }
}

/** Refuses decay rates outside of [0, 1). */
export function checkRates(op: string, rates: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(rates)) {
    if (typeof value === "number" && value >= 0 && value < 1) continue;
    throw new ArgumentError(op, `${name} must be in [0,1), got ${value}`);
  }
}
