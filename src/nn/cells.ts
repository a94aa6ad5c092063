// One step of a recurrent network: the plain, long short-term memory and gated recurrent cells, as
// functions of an input that is projected already, and as modules under PyTorch's names. What depends on
// the input alone stands before what needs the state, so that a loop over time does the former for all
// steps at once. Not here: the loop, layers and directions (rnn.ts).

import { show } from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { currentScope } from "../ir/node.ts";
import { zeros } from "../tensor/create.ts";
import { needTensor } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, DtypeError, ShapeError } from "../util/errors.ts";
import * as init from "./init.ts";
import { type BiasOption, checkCount, checkOptions } from "./linear.ts";
import { inScope, Module } from "./module.ts";

/** The parameters of one layer in one direction. G is the number of gates, H the hidden size. */
export interface CellWeights {
  readonly ih: Tensor; // (G·H, I)
  readonly hh: Tensor; // (G·H, R), R = P with a projection, else H
  readonly biasIh: Tensor | null; // (G·H)
  readonly biasHh: Tensor | null; // (G·H)
  /** The projection of the output. */
  readonly hr?: Tensor | undefined; // (P, H)
}

/** A kind of recurrence: how many gates and states it has and what one step does. */
export interface Recurrence {
  /** Blocks of H rows in the weights. */
  readonly gates: number;
  /** 2 where there is a cell state beside the output. */
  readonly states: 1 | 2;
  /** The input's part of the gates. x (…, I) → (…, G·H). */
  readonly project: (x: Tensor, w: CellWeights) => Tensor;
  /** One step. input (B, G·H) from `project`, state [h (B, R), …] → the next state. */
  readonly step: (input: Tensor, state: readonly Tensor[], w: CellWeights) => Tensor[];
}

export type RnnNonlinearity = "tanh" | "relu";

/** x · wᵀ + b, where there is a bias. */
function affine(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const product = x.matmul(weight.T);
  return bias === null ? product : product.add(bias);
}

/** The input's part with both biases, where the state's is added to the whole sum. */
function projectBoth(x: Tensor, w: CellWeights): Tensor {
  const input = affine(x, w.ih, w.biasIh); // (…, G·H)
  return w.biasHh === null ? input : input.add(w.biasHh);
}

/** The blocks of H columns. */
function gatesOf(x: Tensor, count: number): Tensor[] {
  return x.chunk(count, -1);
}

/** h' = tanh(W x + b + U h + c), or relu of it (Elman 1990). */
const plain = (nonlinearity: RnnNonlinearity): Recurrence => ({
  gates: 1,
  states: 1,
  project: projectBoth,
  step(input, [h], w) {
    const sum = input.add(h!.matmul(w.hh.T)); // (B, H)
    return [nonlinearity === "tanh" ? sum.tanh() : sum.relu()];
  },
});

/**
 * c' = f · c + i · g and h' = o · tanh c', with i, f, o = σ(…) and g = tanh(…) of W x + b + U h + c in
 * the order i, f, g, o (Hochreiter and Schmidhuber 1997; Gers et al. 2000). With a projection the output
 * is h' · hrᵀ (Sak et al. 2014).
 */
const longShortTermMemory: Recurrence = {
  gates: 4,
  states: 2,
  project: projectBoth,
  step(input, [h, c], w) {
    const [i, f, g, o] = gatesOf(input.add(h!.matmul(w.hh.T)), 4); // (B, H) each
    const cell = f!.sigmoid().mul(c!).add(i!.sigmoid().mul(g!.tanh())); // (B, H)
    const out = o!.sigmoid().mul(cell.tanh()); // (B, H)
    return [w.hr === undefined ? out : out.matmul(w.hr.T), cell];
  },
};

/**
 * h' = n + z · (h - n), with r, z = σ(…) of the sum of both parts and n = tanh(W x + b + r · (U h + c)),
 * in the order r, z, n: the reset gate acts after the product, as in PyTorch (Cho et al. 2014).
 */
const gatedRecurrentUnit: Recurrence = {
  gates: 3,
  states: 1,
  project: (x, w) => affine(x, w.ih, w.biasIh),
  step(input, [h], w) {
    const [xr, xz, xn] = gatesOf(input, 3); // (B, H) each
    const [hr, hz, hn] = gatesOf(affine(h!, w.hh, w.biasHh), 3); // (B, H) each
    const candidate = xn!.add(xr!.add(hr!).sigmoid().mul(hn!)).tanh(); // (B, H)
    return [candidate.add(xz!.add(hz!).sigmoid().mul(h!.sub(candidate)))];
  },
};

export const recurrences = {
  tanh: plain("tanh"),
  relu: plain("relu"),
  lstm: longShortTermMemory,
  gru: gatedRecurrentUnit,
};

/** The recurrence of a plain network, or an error that names the two there are. */
export function plainRecurrence(op: string, nonlinearity: RnnNonlinearity): Recurrence {
  if (nonlinearity === "tanh" || nonlinearity === "relu") return recurrences[nonlinearity];
  throw new ArgumentError(op, `no nonlinearity "${String(nonlinearity)}"`, {
    hint: 'use "tanh" or "relu"',
  });
}

/** Starts the sum of both biases of the forget gate, the second of four blocks, with a value. */
export function setForgetBias(biasIh: Tensor, biasHh: Tensor, value: number): void {
  for (const [bias, start] of [
    [biasIh, value],
    [biasHh, 0],
  ] as const) {
    init.inBlocks(bias, 4, (gate, i) => void (i === 1 && init.constant(gate, start)));
  }
}

/** PyTorch's initial values of everything recurrent: uniform within 1/√H. */
export function recurrentUniform(shape: readonly number[], hiddenSize: number): Tensor {
  const bound = 1 / Math.sqrt(hiddenSize);
  return init.uniform(init.emptyParameter(shape), -bound, bound);
}

// --- modules ------------------------------------------------------------------------------------------

export interface ForgetOption {
  /** What the forget gate's bias starts with, instead of chance. 1 helps to remember from the start
   *  (Jozefowicz et al. 2015). */
  forgetBias?: number | undefined;
}

export interface RNNCellOptions extends BiasOption {
  nonlinearity?: RnnNonlinearity | undefined;
}

// What the three cells share: their weights and the checks of what they are given.
abstract class Cell extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  // The names are PyTorch's, so that state dicts fit.
  weight_ih: Tensor; // (G·H, I)
  weight_hh: Tensor; // (G·H, H)
  bias_ih: Tensor | null; // (G·H)
  bias_hh: Tensor | null; // (G·H)
  #recurrence: Recurrence;

  constructor(kind: Recurrence, inputSize: number, hiddenSize: number, options: BiasOption) {
    super();
    const op = this.constructor.name;
    this.#recurrence = kind;
    this.inputSize = checkCount(op, "inputSize", inputSize);
    this.hiddenSize = checkCount(op, "hiddenSize", hiddenSize);
    checkOptions(this, options);
    const { bias = true } = options;
    const rows = kind.gates * hiddenSize;
    this.weight_ih = recurrentUniform([rows, inputSize], hiddenSize);
    this.weight_hh = recurrentUniform([rows, hiddenSize], hiddenSize);
    this.bias_ih = bias ? recurrentUniform([rows], hiddenSize) : null;
    this.bias_hh = bias ? recurrentUniform([rows], hiddenSize) : null;
  }

  /** One step; a missing state is zeros. x (B, I) or (I), states (B, H) or (H). */
  protected step(x: Tensor, state: readonly Tensor[] | null): Tensor[] {
    checkFloat(this.constructor.name, x);
    const { weight_ih: ih, weight_hh: hh, bias_ih: biasIh, bias_hh: biasHh } = this;
    const w = { ih, hh, biasIh, biasHh };
    const given = this.#checked(x, state);
    const single = x.shape.length === 1;
    const batched = single ? given.map((h) => h.unsqueeze(0)) : given;
    const input = this.#recurrence.project(single ? x.unsqueeze(0) : x, w); // (B, G·H)
    const next = this.#recurrence.step(input, batched, w); // (B, H) each
    return single ? next.map((h) => h.squeeze(0)) : next;
  }

  #checked(x: Tensor, state: readonly Tensor[] | null): readonly Tensor[] {
    const op = this.constructor.name;
    if (x.shape.length < 1 || x.shape.length > 2 || x.shape.at(-1) !== this.inputSize) {
      const wanted = `(B, ${this.inputSize}) or (${this.inputSize})`;
      const detail = `the input must be ${wanted}, got ${show(x.shape)}`;
      throw new ShapeError(op, detail, { in: currentScope() });
    }
    const wanted = [...x.shape.slice(0, -1), this.hiddenSize];
    const count = this.#recurrence.states;
    if (state === null) {
      return Array.from({ length: count }, () => zeros(wanted, { dtype: x.dtype }));
    }
    checkStates(op, state, Array(count).fill(wanted));
    return state;
  }

  override describe(): string {
    const bias = this.bias_ih === null ? ", no bias" : "";
    return `${this.inputSize} -> ${this.hiddenSize}${bias}`;
  }
}

/** Refuses an input that is no float tensor: PyTorch's tokens (B, T) would pass for one sample (T, I). */
export function checkFloat(op: string, x: Tensor): void {
  needTensor(op, x, "the input");
  if (isFloat(x.dtype)) return;
  throw new DtypeError(op, `the input must be float, got ${x.dtype}`, {
    hint: "tokens go through an nn.Embedding first",
    in: currentScope(),
  });
}

/** Refuses states that are not as many, or not of the shapes, that are wanted. */
export function checkStates(
  op: string,
  states: readonly unknown[],
  wanted: readonly (readonly number[])[],
): asserts states is readonly Tensor[] {
  if (!Array.isArray(states) || states.length !== wanted.length) {
    const what = wanted.length === 1 ? "one tensor" : "[h, c]";
    throw new ArgumentError(op, `the state must be ${what}`, { in: currentScope() });
  }
  states.forEach((state, i) => {
    needTensor(op, state, "the state");
    if (show(state.shape) === show(wanted[i]!)) return;
    const name = wanted.length === 1 ? "the state" : `state ${"hc"[i]}`;
    const detail = `${name} must be ${show(wanted[i]!)}, got ${show(state.shape)}`;
    throw new ShapeError(op, detail, { in: currentScope() });
  });
}

/** A step of a plain recurrent network, as torch.nn.RNNCell. */
export class RNNCell extends Cell {
  readonly nonlinearity: RnnNonlinearity;

  constructor(inputSize: number, hiddenSize: number, options: RNNCellOptions = {}) {
    const nonlinearity = options?.nonlinearity ?? "tanh";
    super(plainRecurrence("RNNCell", nonlinearity), inputSize, hiddenSize, options);
    this.nonlinearity = nonlinearity;
  }

  /** x (B, I), h (B, H), by default zeros → h' (B, H). All without B for one sample. */
  forward(x: Tensor, h: Tensor | null = null): Tensor {
    return inScope(this, () => this.step(x, h && [h])[0]!);
  }
}

/**
 * A step of a long short-term memory, as torch.nn.LSTMCell.
 *
 * @example
 * const cell = new nn.LSTMCell(10, 20);
 * const [h, c] = cell.forward(x); // (B, 10) → (B, 20) twice
 * const next = cell.forward(x, [h, c]);
 */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: BiasOption & ForgetOption = {}) {
    super(recurrences.lstm, inputSize, hiddenSize, options);
    const { forgetBias } = options;
    if (forgetBias !== undefined && this.bias_ih && this.bias_hh) {
      setForgetBias(this.bias_ih, this.bias_hh, forgetBias);
    }
  }

  /** x (B, I), [h, c] (B, H) each, by default zeros → [h', c']. All without B for one sample. */
  forward(x: Tensor, state: readonly [Tensor, Tensor] | null = null): [Tensor, Tensor] {
    return inScope(this, () => this.step(x, state) as [Tensor, Tensor]);
  }
}

/** A step of a gated recurrent unit, as torch.nn.GRUCell. */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: BiasOption = {}) {
    super(recurrences.gru, inputSize, hiddenSize, options);
  }

  /** x (B, I), h (B, H), by default zeros → h' (B, H). All without B for one sample. */
  forward(x: Tensor, h: Tensor | null = null): Tensor {
    return inScope(this, () => this.step(x, h && [h])[0]!);
  }
}
