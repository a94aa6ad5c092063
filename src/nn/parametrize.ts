// Parametrisations: a module's weight as a function of other parameters, under PyTorch's keys
// ("parametrizations.weight.original0"), and the two that everybody uses: weight norm and spectral norm.
// Not here: norms of activations (norm.ts).

import { show } from "../ir/build.ts";
import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import { needOptions } from "../tensor/ops/common.ts";
import { stateTensor } from "../tensor/state.ts";
import { Tensor } from "../tensor/tensor.ts";
import { bumpGeneration } from "../tensor/trace.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from "./conv.ts";
import { registerForwardPreHook } from "./hooks.ts";
import * as init from "./init.ts";
import { checkCount } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** How a weight is computed from what is trained. Its own tensors are state too. */
export interface Parametrization extends Module {
  /** The weight from its originals: one tensor, or as many as `rightInverse` gave. */
  forward(...originals: Tensor[]): Tensor;
  /** Originals that give this weight; without it the weight itself is the original. */
  rightInverse?(weight: Tensor): Tensor | readonly Tensor[];
  /** Called before each forward of the module while it trains, with what `forward` will get. */
  update?(...originals: Tensor[]): void;
}

/** The parametrisations of one tensor, first to last, and the parameters that the first one takes. */
class ParametrizationList extends Module {
  readonly rules: Parametrization[] = [];
  readonly several: boolean;
  originals: Parameter[];
  unhook: () => void = () => {};

  constructor(first: Parametrization, weight: Tensor) {
    super();
    const made = first.rightInverse?.(weight) ?? weight;
    this.several = !(made instanceof Tensor);
    const list = made instanceof Tensor ? [made] : made;
    this.originals = list.map((t) => (t instanceof Parameter ? t : new Parameter(t)));
    this.rules.push(first);
  }

  value(): Tensor {
    const [first, ...others] = this.rules as [Parametrization, ...Parametrization[]];
    return others.reduce((w, rule) => rule.forward(w), first.forward(...this.originals));
  }

  update(): void {
    let inputs: Tensor[] = this.originals;
    for (const rule of this.rules) {
      rule.update?.(...inputs);
      inputs = [rule.forward(...inputs)];
    }
  }

  override stateFields(): [string, unknown][] {
    const name = (i: number) => (this.several ? `original${i}` : "original");
    const own = this.originals.map((t, i): [string, unknown] => [name(i), t]);
    return [...own, ...this.rules.map((rule, i): [string, unknown] => [String(i), rule])];
  }
}

type Fields = Record<string, unknown>;

function weightOf(op: string, module: Module, name: string): Tensor {
  const weight = (module as unknown as Fields)[name];
  if (weight instanceof Tensor) return weight;
  throw new ArgumentError(op, `${module.constructor.name} has no tensor "${name}"`);
}

function listsOf(module: Module): Record<string, ParametrizationList> {
  return ((module as unknown as Fields).parametrizations ?? {}) as never;
}

/** Makes reading a field compute it. The field is no state: what it is computed from is. */
function compute(module: Module, name: string, get: () => Tensor): void {
  Object.defineProperty(module, name, { get, enumerable: false, configurable: true });
  bumpGeneration();
}

function hold(module: Module, name: string, value: Tensor): void {
  const field = { value, enumerable: true, configurable: true, writable: true };
  Object.defineProperty(module, name, field);
  bumpGeneration();
}

/**
 * Makes a tensor of a module a function of trained originals, as torch.nn.utils.parametrize. Reading
 * `module[name]` then gives the computed value. A second one is applied to the result of the first. Make the
 * optimizer afterwards: the parameters are others.
 *
 * @example
 * class Symmetric extends nn.Module {
 *   forward(w: Tensor) {
 *     return w.triu().add(w.triu(1).T);
 *   }
 * }
 * nn.registerParametrization(layer, "weight", new Symmetric());
 */
export function registerParametrization<M extends Module>(
  module: M,
  name: string,
  rule: Parametrization,
): M {
  const op = "registerParametrization";
  const weight = weightOf(op, module, name);
  const lists = listsOf(module);
  const known = lists[name];
  if (known?.rules[0]?.rightInverse && rule.rightInverse) {
    throw new ArgumentError(op, `"${name}" has a parametrization that takes originals of its own`);
  }
  const list = known ?? new ParametrizationList(rule, weight);
  if (known) known.rules.push(rule);
  const value = list.value();
  if (show(value.shape) !== show(weight.shape)) {
    if (known) known.rules.pop();
    const detail = `"${name}" is ${show(weight.shape)}, its parametrization gives ${show(value.shape)}`;
    throw new ShapeError(op, detail);
  }
  (module as unknown as Fields).parametrizations = { ...lists, [name]: list };
  if (!known) {
    list.unhook = registerForwardPreHook(module, () => {
      if (module.training) list.update();
    });
  }
  compute(module, name, () => list.value());
  return module;
}

/** Whether a module's tensor (or any of its tensors) is computed from originals. */
export function isParametrized(module: Module, name?: string): boolean {
  const lists = listsOf(module);
  return name === undefined ? Object.keys(lists).length > 0 : Object.hasOwn(lists, name);
}

/** Takes the parametrisations of a tensor off: it keeps the value it has, as a parameter. */
export function removeParametrizations<M extends Module>(module: M, name = "weight"): M {
  const { [name]: list, ...others } = listsOf(module);
  if (list === undefined) {
    const what = `${module.constructor.name} has no parametrization of "${name}"`;
    throw new ArgumentError("removeParametrizations", what);
  }
  list.unhook();
  hold(module, name, new Parameter(noGrad(() => list.value())));
  const fields = module as unknown as Fields;
  if (Object.keys(others).length > 0) fields.parametrizations = others;
  else Reflect.deleteProperty(fields, "parametrizations");
  return module;
}

// --- weight norm --------------------------------------------------------------------------------------

/** The norm over all axes but one; over all for null. */
function normExcept(v: Tensor, axis: number | null): Tensor {
  if (axis === null) return v.norm();
  const at = axis < 0 ? axis + v.shape.length : axis;
  const others = v.shape.map((_, i) => i).filter((i) => i !== at);
  return v.norm(2, others, { keepdim: true });
}

class WeightNorm extends Module {
  readonly axis: number | null;

  constructor(axis: number | null) {
    super();
    this.axis = axis;
  }

  // w = g v / ‖v‖ (Salimans and Kingma 2016)
  forward(g: Tensor, v: Tensor): Tensor {
    return v.mul(g.div(normExcept(v, this.axis)));
  }

  rightInverse(weight: Tensor): [Tensor, Tensor] {
    return noGrad(() => [normExcept(weight, this.axis), weight]);
  }
}

export interface WeightNormOptions {
  /** Which tensor; "weight" by default. */
  name?: string | undefined;
  /** The axis whose slices have a length each (0); null for one length of all. */
  axis?: number | null | undefined;
  /** True names the originals `weight_g` and `weight_v`, as torch.nn.utils.weight_norm, not
   *  `parametrizations.weight.original0` and `original1`, as torch.nn.utils.parametrizations. */
  legacy?: boolean | undefined;
}

/**
 * Takes a weight apart into its length and its direction, which are then trained (Salimans and Kingma
 * 2016). Returns the module. Make the optimizer afterwards.
 *
 * @example
 * const layer = nn.weightNorm(new nn.Linear(20, 40));
 */
export function weightNorm<M extends Module>(module: M, options: WeightNormOptions = {}): M {
  needOptions("weightNorm", options, 'use { name: "weight" }');
  const { name = "weight", axis = 0, legacy = false } = options;
  const weight = weightOf("weightNorm", module, name);
  if (axis !== null && !(axis >= -weight.shape.length && axis < weight.shape.length)) {
    throw new ShapeError("weightNorm", `axis ${axis} is outside ${show(weight.shape)}`);
  }
  const rule = new WeightNorm(axis);
  if (!legacy) return registerParametrization(module, name, rule);
  const [g, v] = rule.rightInverse(weight);
  const fields = module as unknown as Fields;
  fields[`${name}_g`] = new Parameter(g);
  fields[`${name}_v`] = weight instanceof Parameter ? weight : new Parameter(v);
  compute(module, name, () =>
    rule.forward(fields[`${name}_g`] as Tensor, fields[`${name}_v`] as Tensor),
  );
  return module;
}

/** Puts length and direction together again: the weight is a plain parameter. */
export function removeWeightNorm<M extends Module>(module: M, name = "weight"): M {
  if (isParametrized(module, name)) return removeParametrizations(module, name);
  const fields = module as unknown as Fields;
  if (!(fields[`${name}_g`] instanceof Tensor)) {
    const what = `${module.constructor.name} has no weight norm of "${name}"`;
    throw new ArgumentError("removeWeightNorm", what);
  }
  hold(module, name, new Parameter(noGrad(() => fields[name] as Tensor)));
  for (const part of ["g", "v"]) Reflect.deleteProperty(fields, `${name}_${part}`);
  return module;
}

// --- spectral norm ------------------------------------------------------------------------------------

const unit = (x: Tensor, eps: number): Tensor => x.div(x.norm().maximum(eps));

class SpectralNorm extends Module {
  readonly axis: number;
  readonly iterations: number;
  readonly eps: number;
  _u: Tensor; // (rows)
  _v: Tensor; // (columns)

  constructor(weight: Tensor, axis: number, iterations: number, eps: number) {
    super();
    this.axis = axis;
    this.iterations = iterations;
    this.eps = eps;
    const [rows, columns] = this.matrix(weight).shape as [number, number];
    const draw = (n: number) => init.normal(stateTensor(new Float32Array(n), [n]));
    this._u = draw(rows);
    this._v = draw(columns);
    this.iterate(weight, 15); // as PyTorch, so that the first steps see a good estimate
  }

  private matrix(weight: Tensor): Tensor {
    return weight.movedim(this.axis, 0).flatten(1); // (rows, columns)
  }

  // Power iteration: v and u turn toward the vectors of the largest singular value.
  private iterate(weight: Tensor, times: number): void {
    noGrad(() => {
      const W = this.matrix(weight.detach());
      let [u, v] = [this._u, this._v];
      for (let i = 0; i < times; i++) {
        u = unit(W.matmul(v), this.eps);
        v = unit(W.T.matmul(u), this.eps);
      }
      assignAll([this._u, this._v], [nodeOf(u), nodeOf(v)]);
    });
  }

  update(weight: Tensor): void {
    this.iterate(weight, this.iterations);
  }

  forward(weight: Tensor): Tensor {
    const sigma = this._u.detach().dot(this.matrix(weight).matmul(this._v.detach()));
    return weight.div(sigma);
  }
}

export interface SpectralNormOptions {
  /** Which tensor; "weight" by default. */
  name?: string | undefined;
  /** Steps of the power iteration at each forward while training (1). */
  iterations?: number | undefined;
  eps?: number | undefined;
  /** The axis of the outputs: 1 for transposed convolutions, else 0. */
  axis?: number | undefined;
}

/**
 * Divides a weight by its largest singular value (Miyato et al. 2018), as
 * torch.nn.utils.parametrizations.spectral_norm. Returns the module. Make the optimizer afterwards.
 *
 * @example
 * const layer = nn.spectralNorm(new nn.Conv2d(3, 64, 3));
 */
export function spectralNorm<M extends Module>(module: M, options: SpectralNormOptions = {}): M {
  needOptions("spectralNorm", options, "use { iterations: 1 }");
  const { name = "weight", iterations = 1, eps = 1e-12 } = options;
  const weight = weightOf("spectralNorm", module, name);
  checkCount("spectralNorm", "iterations", iterations);
  if (weight.shape.length < 2) {
    throw new ShapeError("spectralNorm", `needs a matrix or more, got ${show(weight.shape)}`);
  }
  const transposed = [ConvTranspose1d, ConvTranspose2d, ConvTranspose3d];
  const { axis = transposed.some((Class) => module instanceof Class) ? 1 : 0 } = options;
  return registerParametrization(module, name, new SpectralNorm(weight, axis, iterations, eps));
}
