// Recurrent networks over whole sequences: RNN, LSTM and GRU with layers, directions, projections and
// lengths, under PyTorch's names. The input's part of all steps is one product before the loop.
// Not here: what one step does (cells.ts), the loop itself (../tensor/scan.ts).

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { zeros } from "../tensor/create.ts";
import { cat, stack } from "../tensor/ops/join.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import {
  type CellWeights,
  checkFloat,
  checkStates,
  type ForgetOption,
  plainRecurrence,
  type Recurrence,
  type RnnNonlinearity,
  recurrences,
  recurrentUniform,
  setForgetBias,
} from "./cells.ts";
import { checkProbability, dropout } from "./dropout.ts";
import * as init from "./init.ts";
import { checkedLengths, type Lengths } from "./lengths.ts";
import { type BiasOption, checkCount, checkOptions } from "./linear.ts";
import { inScope, Module } from "./module.ts";

export interface RecurrentOptions extends BiasOption {
  numLayers?: number | undefined;
  /** Input and output are (B, T, …) instead of (T, B, …). States never are. */
  batchFirst?: boolean | undefined;
  /** Zeros elements of every layer's output but the last's while training. */
  dropout?: number | undefined;
  /** A second direction from each sample's end; its outputs stand behind the first's. */
  bidirectional?: boolean | undefined;
  /** "orthogonal" starts each gate's recurrent weights so (Saxe et al. 2013). */
  recurrentInit?: "uniform" | "orthogonal" | undefined;
}

export interface RNNOptions extends RecurrentOptions {
  nonlinearity?: RnnNonlinearity | undefined;
}

export interface LSTMOptions extends RecurrentOptions, ForgetOption {
  /** Projects the output to so many features; 0 leaves it as it is. */
  projSize?: number | undefined;
}

export interface SequenceOptions {
  /** Steps of each sample (B): behind its end outputs are 0, its final state is the one at its end, and
   *  the backward direction begins there. */
  lengths?: Lengths | undefined;
  /** Keeps only every k-th state for the gradient (true: √T) and computes the others again. */
  checkpoint?: boolean | number | undefined;
}

/** What `inputSize`, `hiddenSize` and the options give. */
interface Sizes {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly projSize: number;
}

/** One layer in one direction: the end of its parameters' names, and where its state lies. */
interface Pass {
  readonly suffix: string;
  readonly reverse: boolean;
  readonly index: number;
}

// What the three networks share: parameters by name, the layers, the directions.
abstract class Recurrent extends Module {
  declare weight_ih_l0: Tensor; // (G·H, I)
  declare weight_hh_l0: Tensor; // (G·H, R)
  [name: `weight_${string}`]: Tensor;
  [name: `bias_${string}`]: Tensor | undefined;
  readonly inputSize: number;
  readonly hiddenSize: number;
  /** 0 without a projection. */
  readonly projSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  #recurrence: Recurrence;

  constructor(kind: Recurrence, sizes: Sizes, options: RecurrentOptions) {
    super();
    const op = this.constructor.name;
    checkOptions(this, options, "use { numLayers: 2 }");
    this.#recurrence = kind;
    this.inputSize = checkCount(op, "inputSize", sizes.inputSize);
    this.hiddenSize = checkCount(op, "hiddenSize", sizes.hiddenSize);
    this.projSize = checkCount(op, "projSize", sizes.projSize, 0);
    if (this.projSize >= this.hiddenSize) {
      const detail = `projSize must be below hiddenSize ${this.hiddenSize}, got ${this.projSize}`;
      throw new ArgumentError(op, detail);
    }
    this.numLayers = checkCount(op, "numLayers", options.numLayers ?? 1);
    this.bias = options.bias ?? true;
    this.batchFirst = options.batchFirst ?? false;
    this.dropout = checkProbability(op, options.dropout ?? 0);
    this.bidirectional = options.bidirectional ?? false;
    const { recurrentInit = "uniform" } = options;
    if (recurrentInit !== "uniform" && recurrentInit !== "orthogonal") {
      throw new ArgumentError(op, `no recurrentInit "${String(recurrentInit)}"`, {
        hint: 'use "uniform" or "orthogonal"',
      });
    }
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (const { suffix } of this.passes(layer)) this.#fill(layer, suffix, options);
    }
  }

  /** Features of the output in one direction. */
  get #outSize(): number {
    return this.projSize || this.hiddenSize;
  }

  /** The directions of a layer. */
  protected passes(layer: number): Pass[] {
    const suffix = `l${layer}`;
    if (!this.bidirectional) return [{ suffix, reverse: false, index: layer }];
    return [
      { suffix, reverse: false, index: 2 * layer },
      { suffix: `${suffix}_reverse`, reverse: true, index: 2 * layer + 1 },
    ];
  }

  /** The parameters of one layer in one direction, in PyTorch's order. */
  #fill(layer: number, suffix: string, { recurrentInit }: RecurrentOptions): void {
    const { hiddenSize: H } = this;
    const rows = this.#recurrence.gates * H;
    const directions = this.bidirectional ? 2 : 1;
    const inner = layer === 0 ? this.inputSize : directions * this.#outSize;
    this[`weight_ih_${suffix}`] = recurrentUniform([rows, inner], H);
    const hidden = recurrentUniform([rows, this.#outSize], H);
    this[`weight_hh_${suffix}`] = hidden;
    if (recurrentInit === "orthogonal") {
      init.inBlocks(hidden, this.#recurrence.gates, (gate) => init.orthogonal(gate));
    }
    if (this.bias) {
      this[`bias_ih_${suffix}`] = recurrentUniform([rows], H);
      this[`bias_hh_${suffix}`] = recurrentUniform([rows], H);
    }
    if (this.projSize > 0) this[`weight_hr_${suffix}`] = recurrentUniform([this.projSize, H], H);
  }

  #weights(suffix: string): CellWeights {
    return {
      ih: this[`weight_ih_${suffix}`]!,
      hh: this[`weight_hh_${suffix}`]!,
      biasIh: this[`bias_ih_${suffix}`] ?? null,
      biasHh: this[`bias_hh_${suffix}`] ?? null,
      hr: this.projSize > 0 ? this[`weight_hr_${suffix}`] : undefined,
    };
  }

  /** x (T, B, I), or (B, T, I) with batchFirst, or (T, I) for one sample; states (L·D, B, R), (L·D, B, H).
   *  Gives the outputs of the last layer and the final states, in the same forms. */
  protected run(
    x: Tensor,
    states: readonly Tensor[] | null,
    options: SequenceOptions,
  ): [Tensor, Tensor[]] {
    const op = this.constructor.name;
    checkOptions(this, options, "use { lengths: [5, 3] }");
    this.#checkInput(x);
    const single = x.shape.length === 2;
    const steps = single ? x.unsqueeze(1) : this.batchFirst ? x.transpose(0, 1) : x; // (T, B, I)
    const [T, B] = steps.shape as [number, number];
    if (T === 0) {
      const detail = `a sequence needs at least one step, got ${show(x.shape)}`;
      throw new ShapeError(op, detail, { in: currentScope() });
    }
    const initial = this.#initial(steps, states, single);
    const lengths = options.lengths && checkedLengths(op, options.lengths, { batch: B, most: T });
    const [out, last] = this.#layers(steps, initial, { ...options, lengths });
    if (single) return [out.squeeze(1), last.map((s) => s.squeeze(1))];
    return [this.batchFirst ? out.transpose(0, 1) : out, last];
  }

  #checkInput(x: Tensor): void {
    const op = this.constructor.name;
    checkFloat(op, x);
    const rank = x.shape.length;
    if ((rank === 2 || rank === 3) && x.shape.at(-1) === this.inputSize) return;
    const batched = this.batchFirst ? "B, T" : "T, B";
    const wanted = `(${batched}, ${this.inputSize}) or (T, ${this.inputSize})`;
    const detail = `the input must be ${wanted}, got ${show(x.shape)}`;
    throw new ShapeError(op, detail, { in: currentScope() });
  }

  /** States for each layer and direction; zeros where none are given. */
  #initial(x: Tensor, states: readonly Tensor[] | null, single: boolean): readonly Tensor[] {
    const passes = this.numLayers * (this.bidirectional ? 2 : 1);
    const batch = single ? [] : [x.shape[1]!];
    const sizes = [this.#outSize, this.hiddenSize].slice(0, this.#recurrence.states);
    const wanted = sizes.map((size) => [passes, ...batch, size]);
    if (states === null) {
      return sizes.map((size) => zeros([passes, x.shape[1]!, size], { dtype: x.dtype }));
    }
    checkStates(this.constructor.name, states, wanted);
    return single ? states.map((s) => s.unsqueeze(1)) : states;
  }

  #layers(
    x: Tensor,
    initial: readonly Tensor[],
    options: SequenceOptions & { lengths?: Tensor | undefined },
  ): [Tensor, Tensor[]] {
    const finals: Tensor[][] = [];
    let out = x; // (T, B, I)
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0) out = dropout(out, this.dropout, this.training);
      const directions = this.passes(layer).map((pass) => {
        const state = initial.map((s) => s.select(0, pass.index)); // (B, R), (B, H)
        const [last, ys] = this.#pass(out, state, pass, options);
        finals.push(last);
        return ys; // (T, B, R)
      });
      out = directions.length === 1 ? directions[0]! : cat(directions, 2); // (T, B, D·R)
    }
    return [out, initial.map((_, i) => stack(finals.map((state) => state[i]!)))];
  }

  /** One layer in one direction. */
  #pass(
    x: Tensor,
    state: Tensor[],
    { suffix, reverse }: Pass,
    { lengths, checkpoint }: SequenceOptions & { lengths?: Tensor | undefined },
  ): [Tensor[], Tensor] {
    const w = this.#weights(suffix);
    const { project, step } = this.#recurrence;
    const body = (h: Tensor[], input: Tensor): [Tensor[], Tensor] => {
      const next = step(input, h, w);
      return [next, next[0]!];
    };
    return scan(body, state, project(x, w), { reverse, lengths, checkpoint });
  }

  override describe(): string {
    const parts = [`${this.inputSize} -> ${this.hiddenSize}`];
    if (this.projSize > 0) parts.push(`projected to ${this.projSize}`);
    if (this.numLayers > 1) parts.push(`${this.numLayers} layers`);
    if (this.bidirectional) parts.push("bidirectional");
    if (!this.bias) parts.push("no bias");
    return parts.join(", ");
  }
}

/** A plain recurrent network over sequences, as torch.nn.RNN. */
export class RNN extends Recurrent {
  readonly nonlinearity: RnnNonlinearity;

  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    const nonlinearity = options?.nonlinearity ?? "tanh";
    const kind = plainRecurrence("RNN", nonlinearity);
    super(kind, { inputSize, hiddenSize, projSize: 0 }, options);
    this.nonlinearity = nonlinearity;
  }

  /** x (T, B, I), h0 (L·D, B, H), by default zeros → [output (T, B, D·H), hN (L·D, B, H)]; x and output
   *  are (B, T, …) with `batchFirst`; all without B for one sample. */
  forward(x: Tensor, h0: Tensor | null = null, options: SequenceOptions = {}): [Tensor, Tensor] {
    return inScope(this, () => {
      const [out, [last]] = this.run(x, h0 && [h0], options);
      return [out, last!];
    });
  }
}

/**
 * A long short-term memory over sequences, as torch.nn.LSTM.
 *
 * @example
 * const lstm = new nn.LSTM(10, 20, { numLayers: 2, batchFirst: true });
 * const [out, [hN, cN]] = lstm.forward(x, null, { lengths: [7, 5] }); // (2, 7, 10) → (2, 7, 20)
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: LSTMOptions = {}) {
    super(recurrences.lstm, { inputSize, hiddenSize, projSize: options?.projSize ?? 0 }, options);
    if (options.forgetBias === undefined || !this.bias) return;
    for (let layer = 0; layer < this.numLayers; layer++) {
      for (const { suffix } of this.passes(layer)) {
        const [a, b] = [this[`bias_ih_${suffix}`]!, this[`bias_hh_${suffix}`]!];
        setForgetBias(a, b, options.forgetBias);
      }
    }
  }

  /** x (T, B, I), [h0 (L·D, B, R), c0 (L·D, B, H)], by default zeros, R being the projection's size or H
   *  → [output (T, B, D·R), [hN, cN]]; forms as in {@link RNN}. */
  forward(
    x: Tensor,
    state: readonly [Tensor, Tensor] | null = null,
    options: SequenceOptions = {},
  ): [Tensor, [Tensor, Tensor]] {
    return inScope(this, () => this.run(x, state, options) as [Tensor, [Tensor, Tensor]]);
  }
}

/** A gated recurrent unit over sequences, as torch.nn.GRU. */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(recurrences.gru, { inputSize, hiddenSize, projSize: 0 }, options);
  }

  /** x (T, B, I), h0 (L·D, B, H), by default zeros → [output (T, B, D·H), hN (L·D, B, H)]; forms as in
   *  {@link RNN}. */
  forward(x: Tensor, h0: Tensor | null = null, options: SequenceOptions = {}): [Tensor, Tensor] {
    return inScope(this, () => {
      const [out, [last]] = this.run(x, h0 && [h0], options);
      return [out, last!];
    });
  }
}
