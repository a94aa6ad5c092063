// Optimizer: what all of them share: the step, which is one assignment of everything that changes, the
// state of each parameter, and its way into a checkpoint. A subclass says how one parameter is updated.
// Not here: groups and options (group.ts), clipping of `.grad` (clip.ts).

import { show } from "../ir/build.ts";
import { makeArray } from "../ir/dtype.ts";
import { type Shape, sizeOf } from "../ir/node.ts";
import { gradients, gradOf, setGrad } from "../tensor/autograd.ts";
import { assignAll, nodeOf, noGrad } from "../tensor/core.ts";
import { needOptions, needTensor } from "../tensor/ops/common.ts";
import { refuseInTrace, setState, snapshot, stateTensor } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, LoadError, ShapeError, StateError } from "../util/errors.ts";
import { clipFactor } from "./clip.ts";
import {
  type BaseOptions,
  checkNames,
  type Full,
  type Hyper,
  makeGroups,
  notNumber,
  type Parameters,
  type ParamGroup,
} from "./group.ts";

export interface StepOptions {
  /** Scales all gradients down where their common 2-norm is larger than this. */
  clipNorm?: number | undefined;
}

/** The tensors that belong to one parameter: moments and the like. */
export type Moments = Record<string, Tensor>;

/** What an update works on. All values are those from before the step, but for the clock's. */
export interface Update<O> {
  readonly value: Tensor;
  readonly grad: Tensor;
  /** The parameter's tensors, as `moments` named them. */
  readonly state: Readonly<Moments>;
  /** What all parameters share that began together; `step` counts from 1. 0-d. */
  readonly clock: Readonly<Moments>;
  /** The group's numbers, 0-d. */
  readonly hyper: Hyper;
  readonly options: Readonly<Full<O>>;
}

/** What a tensor is filled with at first. */
export type Start = number | { readonly fill: number; readonly shape: Shape };

/** What comes out of an update. */
export interface Updated {
  readonly value: Tensor;
  readonly state?: Moments | undefined;
}

/** What `stateDict` of an optimizer gives: plain JSON, and tensors by name. */
export interface OptimizerState {
  readonly groups: readonly { options: Record<string, unknown>; params: readonly number[] }[];
  /** For each parameter the number of its clock; -1 for one without state. */
  readonly clocks: readonly number[];
  readonly tensors: Readonly<Record<string, Tensor>>;
}

interface Slot {
  readonly clock: Moments;
  readonly moments: Moments;
}

interface Job<O extends BaseOptions> {
  readonly group: ParamGroup<O>;
  readonly param: Tensor;
  readonly grad: Tensor;
}

export abstract class Optimizer<O extends BaseOptions = BaseOptions> {
  readonly groups: readonly ParamGroup<O>[];
  #slots = new Map<Tensor, Slot>();

  /** `options` is what the user gave, whose names must be among those of `defaults`. */
  constructor(params: Parameters<O>, defaults: Full<O>, options: object = {}) {
    checkNames(this.constructor.name, options, defaults);
    this.groups = makeGroups(this.constructor.name, params, defaults, {
      numbers: (options) => this.numbers(options),
    });
  }

  /** The numbers that updates read, computed from the options in double precision. */
  protected abstract numbers(options: Readonly<Full<O>>): Record<string, number>;

  /** The first values of a parameter's tensors, of its shape or of one of their own. */
  protected moments(_options: Readonly<Full<O>>, _shape: Shape): Record<string, Start> {
    return {};
  }

  /** First values of what parameters that begin together share, next to `step`. */
  protected clockStart(): Record<string, number> {
    return {};
  }

  /** The clock's values in this step, from those of the step before; `step` is counted already. */
  protected tick(clock: Readonly<Moments>, _hyper: Hyper): Moments {
    return clock;
  }

  /** The new value and state of one parameter. */
  protected abstract update(now: Update<O>): Updated;

  /** The learning rate: of the first group when read, of all when set. */
  get lr(): number {
    return this.groups[0]!.lr;
  }

  set lr(value: number) {
    for (const group of this.groups) group.lr = value;
  }

  /** Every parameter, in the order of the groups. */
  get params(): Tensor[] {
    return this.groups.flatMap((group) => group.params);
  }

  /**
   * One step. With a loss: its gradient and the update in one program, `.grad` being neither read nor
   * set; without: by the `.grad` that `backward` has left. Parameters without a gradient stay as they
   * are. The loss keeps the value from before the update.
   *
   * @returns a promise where the device answers later, else null. It need not be awaited.
   * @throws StateError if no parameter has a gradient.
   *
   * @example
   * optimizer.step(loss, { clipNorm: 1 });
   */
  step(loss?: Tensor, options: StepOptions = {}): Promise<void> | null {
    if (loss !== undefined) checkLoss(loss);
    needOptions("step", options, "use { clipNorm: 1 }");
    const jobs = this.#jobs(loss);
    const readers = loss ? [loss] : jobs.map(({ grad }) => grad);
    return noGrad(() => {
      const factor =
        options.clipNorm === undefined
          ? null
          : clipFactor(
              "step",
              jobs.map(({ grad }) => grad),
              options.clipNorm,
            ).factor;
      const targets: Tensor[] = [];
      const values: Tensor[] = [];
      const put = (target: Tensor, value: Tensor) => {
        targets.push(target);
        values.push(value.dtype === target.dtype ? value : value.to(target.dtype));
      };
      const clocks = this.#advance(jobs, put);
      for (const { group, param, grad } of jobs) {
        const slot = this.#slots.get(param)!;
        const updated = this.update({
          value: param,
          grad: factor === null ? grad : grad.mul(factor),
          state: slot.moments,
          clock: clocks.get(slot.clock)!,
          hyper: group.hyper,
          options: group.options,
        });
        put(param, updated.value);
        for (const [name, value] of Object.entries(updated.state ?? {})) {
          put(slot.moments[name]!, value);
        }
      }
      return assignAll(targets, values.map(nodeOf), readers);
    });
  }

  /** Forgets the gradients that `backward` has gathered. */
  zeroGrad(): void {
    for (const param of this.params) if (gradOf(param) !== null) setGrad(param, null);
  }

  // Which parameters this step moves, with their gradients.
  #jobs(loss: Tensor | undefined): Job<O>[] {
    const wanted = this.groups.flatMap((group) =>
      group.params.filter((param) => param.requiresGrad).map((param) => ({ group, param })),
    );
    const params = wanted.map(({ param }) => param);
    const grads = loss ? gradients(loss, params) : params.map(gradOf);
    const jobs: Job<O>[] = [];
    wanted.forEach(({ group, param }, i) => {
      const grad = grads[i];
      if (grad) jobs.push({ group, param, grad });
    });
    if (jobs.length > 0) return jobs;
    const why = loss
      ? "the loss depends on none of the optimizer's parameters"
      : "no parameter has a gradient";
    throw new StateError("step", why, {
      hint: loss
        ? "compute the loss from model.forward(x), outside noGrad and not detached"
        : "call loss.backward() before, or optimizer.step(loss)",
    });
  }

  // Makes the state of parameters that are here for the first time, and counts the step.
  #advance(jobs: readonly Job<O>[], put: (target: Tensor, value: Tensor) => void) {
    const fresh = new Map<ParamGroup<O>, Moments>();
    const now = new Map<Moments, Moments>();
    for (const { group, param } of jobs) {
      let slot = this.#slots.get(param);
      if (slot === undefined) {
        const clock = fresh.get(group) ?? this.#makeClock();
        fresh.set(group, clock);
        slot = { clock, moments: this.#makeMoments(param, group) };
        this.#slots.set(param, slot);
      } else {
        this.#complete(slot, param, group);
      }
      if (now.has(slot.clock)) continue;
      const counted = { ...slot.clock, step: slot.clock.step!.add(1) };
      const ticked = this.tick(counted, group.hyper);
      for (const [name, target] of Object.entries(slot.clock)) put(target, ticked[name]!);
      now.set(slot.clock, ticked);
    }
    return now;
  }

  #makeClock(): Moments {
    return Object.fromEntries(
      Object.entries({ step: 0, ...this.clockStart() }).map(([name, value]) => [
        name,
        stateTensor(Float32Array.of(value), []),
      ]),
    );
  }

  #makeMoments(param: Tensor, group: ParamGroup<O>): Moments {
    return Object.fromEntries(
      Object.entries(this.moments(group.options, param.shape)).map(([name, start]) => [
        name,
        filled(param, start),
      ]),
    );
  }

  // A momentum that was 0 and is not any more needs a tensor that was not made then.
  #complete(slot: Slot, param: Tensor, group: ParamGroup<O>): void {
    for (const [name, start] of Object.entries(this.moments(group.options, param.shape))) {
      slot.moments[name] ??= filled(param, start);
    }
  }

  // --- state ----------------------------------------------------------------------------------------

  /** All that a resume needs, as it is now: later steps do not change what this returned. */
  stateDict(): OptimizerState {
    refuseInTrace("stateDict");
    const params = this.params;
    const clocks = [...new Set([...this.#slots.values()].map((slot) => slot.clock))];
    const tensors: Record<string, Tensor> = {};
    clocks.forEach((clock, i) => {
      for (const [name, tensor] of Object.entries(clock)) {
        tensors[`clock.${i}.${name}`] = snapshot(tensor);
      }
    });
    params.forEach((param, i) => {
      for (const [name, tensor] of Object.entries(this.#slots.get(param)?.moments ?? {})) {
        tensors[`${i}.${name}`] = snapshot(tensor);
      }
    });
    return {
      groups: this.groups.map((group) => ({
        options: { ...group.options } as Record<string, unknown>,
        params: group.params.map((param) => params.indexOf(param)),
      })),
      clocks: params.map((param) => {
        const slot = this.#slots.get(param);
        return slot ? clocks.indexOf(slot.clock) : -1;
      }),
      tensors,
    };
  }

  /** Goes back to a saved state. Throws a LoadError, with nothing changed, if it is of other parameters. */
  loadStateDict(saved: OptimizerState): this {
    refuseInTrace("loadStateDict");
    const slots = this.#checked(saved);
    this.groups.forEach((group, i) => {
      group.set(saved.groups[i]!.options as Partial<O>);
    });
    setState(slots.pairs);
    this.#slots = slots.slots;
    return this;
  }

  // New slots for a saved state, with the values that go into them.
  #checked(saved: OptimizerState) {
    const params = this.params;
    const lines: string[] = [];
    const counts = (groups: readonly { params: readonly unknown[] }[]) =>
      show(groups.map((group) => group.params.length));
    if (!Array.isArray(saved?.groups) || !Array.isArray(saved.clocks)) {
      throw new ArgumentError("loadStateDict", "takes what stateDict() of an optimizer gave");
    }
    if (counts(saved.groups) !== counts(this.groups)) {
      lines.push(`groups of ${counts(saved.groups)} parameters, here ${counts(this.groups)}`);
    }
    for (const [i, group] of this.groups.entries()) {
      const fault = notNumber(group.options, saved.groups[i]?.options ?? {});
      if (fault !== null) lines.push(`option      ${fault}`);
    }
    const pairs: [Tensor, Tensor][] = [];
    const take = (name: string, target: Tensor): Tensor => {
      const value = saved.tensors[name];
      if (value === undefined) lines.push(`missing     ${name}`);
      else if (show(value.shape) === show(target.shape)) pairs.push([target, value]);
      else
        lines.push(`shape       ${name}: saved ${show(value.shape)}, here ${show(target.shape)}`);
      return target;
    };
    const named = (prefix: string, tensors: Moments): Moments => {
      for (const [name, tensor] of Object.entries(tensors)) take(`${prefix}.${name}`, tensor);
      return tensors;
    };
    const slots = new Map<Tensor, Slot>();
    const clocks = new Map<number, Moments>();
    for (const [i, at] of saved.clocks.entries()) {
      const group = this.groups.find((g) => g.params.includes(params[i]!));
      if (at < 0 || !group) continue;
      const clock = clocks.get(at) ?? named(`clock.${at}`, this.#makeClock());
      clocks.set(at, clock);
      slots.set(params[i]!, {
        clock,
        moments: named(`${i}`, this.#makeMoments(params[i]!, group)),
      });
    }
    if (lines.length > 0) {
      const what = `does not fit this ${this.constructor.name}`;
      throw new LoadError("the optimizer's state", what, { lines });
    }
    return { slots, pairs };
  }
}

function checkLoss(loss: Tensor): void {
  needTensor("step", loss, "the loss");
  if (sizeOf(loss.shape) === 1) return;
  throw new ShapeError("step", `the loss must be one number, got ${show(loss.shape)}`, {
    hint: "use loss.mean()",
  });
}

function filled(param: Tensor, start: Start): Tensor {
  const { fill, shape } = typeof start === "number" ? { fill: start, shape: param.shape } : start;
  const host = makeArray(param.dtype, sizeOf(shape));
  return stateTensor(fill === 0 ? host : host.fill(fill), shape, param.dtype);
}
