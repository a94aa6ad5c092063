// L-BFGS (Liu and Nocedal 1989), as torch.optim.LBFGS: full-batch minimisation that decides by values,
// so its vectors lie on the host and each evaluation is awaited. For small problems and fine-tuning of
// a few parameters. Not here: the line search (wolfe.ts).

import { gradients } from "../tensor/autograd.ts";
import { setState } from "../tensor/state.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, StateError } from "../util/errors.ts";
import { checkNames, checkNumbers, checkParams } from "./group.ts";
import { type Point, strongWolfe } from "./wolfe.ts";

export interface LBFGSOptions {
  lr?: number | undefined;
  /** Directions in one step. */
  maxIter?: number | undefined;
  /** Evaluations in one step. */
  maxEval?: number | undefined;
  toleranceGrad?: number | undefined;
  toleranceChange?: number | undefined;
  /** How many earlier steps shape the direction. */
  historySize?: number | undefined;
  /** Without a search every direction is followed for a length of lr. */
  lineSearchFn?: "strong_wolfe" | null | undefined;
}

interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/**
 * Minimises a function of the parameters; `step` evaluates it several times.
 *
 * @example
 * const optimizer = new optim.LBFGS([w], { lineSearchFn: "strong_wolfe" });
 * const loss = await optimizer.step(() => lossOf(w)); // the loss from before the step
 */
export class LBFGS {
  readonly params: readonly Tensor[];
  readonly options: { [K in keyof LBFGSOptions]-?: Exclude<LBFGSOptions[K], undefined> };
  #pairs: Pair[] = [];
  #scale = 1;
  #direction: Float64Array | null = null;
  #before: Float64Array | null = null;
  #t = 0;
  #iterations = 0;

  constructor(params: Iterable<Tensor>, options: LBFGSOptions = {}) {
    const { lr = 1, maxIter = 20, toleranceGrad = 1e-7, toleranceChange = 1e-9 } = options;
    const {
      maxEval = Math.floor(maxIter * 1.25),
      historySize = 100,
      lineSearchFn = null,
    } = options;
    checkNumbers("LBFGS", { lr, maxIter, maxEval, historySize });
    this.params = checkParams("LBFGS", params, new Set());
    if (this.params.length === 0) throw new ArgumentError("LBFGS", "has no parameters to train");
    const tolerances = { toleranceGrad, toleranceChange };
    this.options = { lr, maxIter, maxEval, ...tolerances, historySize, lineSearchFn };
    checkNames("LBFGS", options, this.options);
  }

  /** Follows up to maxIter directions. `closure` computes the loss; it is called at each place. Gives
   *  the loss from before. */
  async step(closure: () => Tensor): Promise<number> {
    const { maxIter, maxEval, toleranceGrad, toleranceChange } = this.options;
    let place = await this.#place();
    let { loss, grad } = await this.#evaluate(closure);
    const first = loss;
    let evaluations = 1;
    if (largest(grad) <= toleranceGrad) return first;
    for (let i = 0; i < maxIter; i++) {
      const direction = this.#turn(grad);
      const slope = dot(grad, direction);
      if (slope > -toleranceChange) break;
      const start: Point = { t: 0, loss, grad, slope };
      const end = await this.#walk(closure, place, start, direction);
      evaluations += end.evaluations;
      const move = direction.map((d) => d * end.point.t);
      place = place.map((x, k) => x + move[k]!);
      const change = Math.abs(end.point.loss - loss);
      ({ loss, grad } = end.point);
      if (evaluations >= maxEval || largest(grad) <= toleranceGrad) break;
      if (largest(move) <= toleranceChange || change < toleranceChange) break;
    }
    return first;
  }

  // The next direction, after taking the last step into the history.
  #turn(grad: Float64Array): Float64Array {
    const { lr, historySize } = this.options;
    this.#iterations++;
    if (this.#direction !== null && this.#before !== null) {
      const y = grad.map((g, k) => g - this.#before![k]!);
      const s = this.#direction.map((d) => d * this.#t);
      const ys = dot(y, s);
      if (ys > 1e-10) {
        if (this.#pairs.length === historySize) this.#pairs.shift();
        this.#pairs.push({ s, y, rho: 1 / ys });
        this.#scale = ys / dot(y, y);
      }
    }
    const direction = twoLoops(grad, this.#pairs, this.#scale);
    this.#direction = direction;
    this.#before = grad;
    this.#t = this.#iterations === 1 ? Math.min(1, 1 / sumAbs(grad)) * lr : lr;
    return direction;
  }

  async #walk(
    closure: () => Tensor,
    place: Float64Array,
    start: Point,
    direction: Float64Array,
  ): Promise<{ point: Point; evaluations: number }> {
    const at = async (t: number): Promise<Point> => {
      this.#move(place.map((x, k) => x + t * direction[k]!));
      const { loss, grad } = await this.#evaluate(closure);
      return { t, loss, grad, slope: dot(grad, direction) };
    };
    if (this.options.lineSearchFn === null) return { point: await at(this.#t), evaluations: 1 };
    const { toleranceChange } = this.options;
    const found = await strongWolfe(start, this.#t, at, largest(direction), toleranceChange);
    this.#t = found.point.t;
    this.#move(place.map((x, k) => x + found.point.t * direction[k]!));
    return found;
  }

  // --- between the parameters and one long vector ----------------------------------------------------

  async #place(): Promise<Float64Array> {
    return concatenated(await Promise.all(this.params.map((param) => param.data())));
  }

  #move(place: Float64Array): void {
    let start = 0;
    const pairs = this.params.map((param) => {
      const part = place.slice(start, (start += param.numel));
      return [param, part] as const;
    });
    setState(pairs);
  }

  async #evaluate(closure: () => Tensor): Promise<{ loss: number; grad: Float64Array }> {
    const loss = closure();
    const grads = gradients(loss, this.params);
    if (grads.every((g) => g === null)) {
      throw new StateError("step", "the loss depends on none of the optimizer's parameters");
    }
    const parts = grads.map((g, i) => g?.data() ?? new Float64Array(this.params[i]!.numel));
    return { loss: await loss.item(), grad: concatenated(await Promise.all(parts)) };
  }
}

/** -H·g, H being the inverse Hessian that the pairs of steps and gradient changes tell of. */
function twoLoops(grad: Float64Array, pairs: readonly Pair[], scale: number): Float64Array {
  const q = grad.map((g) => -g);
  const alphas = new Float64Array(pairs.length);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { s, y, rho } = pairs[i]!;
    alphas[i] = rho * dot(s, q);
    for (let k = 0; k < q.length; k++) q[k]! -= alphas[i]! * y[k]!;
  }
  for (let k = 0; k < q.length; k++) q[k]! *= scale;
  pairs.forEach(({ s, y, rho }, i) => {
    const beta = rho * dot(y, q);
    for (let k = 0; k < q.length; k++) q[k]! += (alphas[i]! - beta) * s[k]!;
  });
  return q;
}

function concatenated(parts: readonly ArrayLike<number>[]): Float64Array {
  const out = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function sumAbs(a: Float64Array): number {
  return a.reduce((sum, v) => sum + Math.abs(v), 0);
}

function largest(a: Float64Array): number {
  return a.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
}
