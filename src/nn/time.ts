// Layers about time: one layer at every step, both directions, steps that do not count, convolutions
// with a memory. Not here: recurrent networks (rnn.ts), attention.

import { show } from "../ir/build.ts";
import { currentScope } from "../ir/node.ts";
import { zeros } from "../tensor/create.ts";
import { cat } from "../tensor/ops/join.ts";
import { scan } from "../tensor/scan.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError, ShapeError } from "../util/errors.ts";
import { Conv2d } from "./conv.ts";
import { checkCount } from "./linear.ts";
import { inScope, type Layer, Module } from "./module.ts";

function needTime(op: string, x: Tensor, rank: number, names: string): void {
  if (x.shape.length >= rank) return;
  const detail = `the input must be ${names}, got ${show(x.shape)}`;
  throw new ShapeError(op, detail, { in: currentScope() });
}

/** A layer at every step by itself: x (B, T, …) → (B, T, …), as Keras's TimeDistributed. */
export class TimeDistributed extends Module {
  layer: Layer;

  constructor(layer: Layer) {
    super();
    this.layer = layer;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      needTime("TimeDistributed", x, 3, "(B, T, …)");
      const [B, T] = x.shape as [number, number];
      return this.layer.forward(x.flatten(0, 1)).unflatten(0, [B, T]);
    });
  }
}

/** The same vector at every step: x (B, C) → (B, count, C). */
export class RepeatVector extends Module {
  readonly count: number;

  constructor(count: number) {
    super();
    this.count = checkCount("RepeatVector", "count", count);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      if (x.shape.length !== 2) {
        const detail = `the input must be (B, C), got ${show(x.shape)}`;
        throw new ShapeError("RepeatVector", detail, { in: currentScope() });
      }
      return x.unsqueeze(1).expand(x.shape[0]!, this.count, x.shape[1]!);
    });
  }

  override describe(): string {
    return `${this.count} times`;
  }
}

/** Steps all of whose features are `value` do not count: {@link mask} tells which do, and `forward` sets
 *  the others to 0. x (B, T, C). */
export class Masking extends Module {
  readonly value: number;

  constructor(value = 0) {
    super();
    this.value = value;
  }

  /** True where a step counts: (B, T). */
  mask(x: Tensor): Tensor {
    needTime("Masking", x, 3, "(B, T, C)");
    return x.ne(this.value).any(-1);
  }

  /** How many steps up to the last one that counts: (B) int32, as recurrent networks' `lengths`. */
  lengths(x: Tensor): Tensor {
    const counts = this.mask(x).int(); // (B, T)
    return counts.flip(1).cumsum(1).gt(0).int().sum(1);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => x.mul(this.mask(x).unsqueeze(-1).to(x.dtype)));
  }
}

const merges = {
  concat: (a: Tensor, b: Tensor) => cat([a, b], -1),
  sum: (a: Tensor, b: Tensor) => a.add(b),
  mul: (a: Tensor, b: Tensor) => a.mul(b),
  ave: (a: Tensor, b: Tensor) => a.add(b).mul(0.5),
};

/** A module from sequences to sequences; what it gives beside them is left out. */
interface Sequential extends Module {
  forward(x: Tensor): Tensor | readonly [Tensor, ...unknown[]];
}

export interface BidirectionalOptions {
  /** How the two results become one: side by side ("concat"), "sum", "mul" or their mean "ave". */
  merge?: keyof typeof merges | undefined;
  /** The axis of the steps: 0 (PyTorch's), or 1 for layers with `batchFirst`. */
  axis?: number | undefined;
}

/**
 * Two networks over a sequence, one of which reads it backwards, as Keras's Bidirectional. `nn.LSTM` and its
 * kin do it by themselves with `bidirectional: true`; this takes any two.
 *
 * @example
 * new nn.Bidirectional(new nn.GRU(8, 16), new nn.GRU(8, 16)).forward(x); // (T, B, 8) → (T, B, 32)
 */
export class Bidirectional extends Module {
  readonly options: BidirectionalOptions;
  forwards: Sequential;
  backwards: Sequential;

  constructor(forwards: Sequential, backwards: Sequential, options: BidirectionalOptions = {}) {
    super();
    const { merge = "concat" } = options;
    if (!(merge in merges)) {
      const hint = `use one of ${Object.keys(merges).join(", ")}`;
      throw new ArgumentError("Bidirectional", `no merge "${merge}"`, { hint });
    }
    if (forwards === backwards) {
      throw new ArgumentError("Bidirectional", "the two directions are one module");
    }
    this.options = options;
    this.forwards = forwards;
    this.backwards = backwards;
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const { merge = "concat", axis = 0 } = this.options;
      const [one, other] = [this.forwards.forward(x), this.backwards.forward(x.flip(axis))];
      return merges[merge](sequence(one), sequence(other).flip(axis));
    });
  }
}

function sequence(result: Tensor | readonly [Tensor, ...unknown[]]): Tensor {
  return Array.isArray(result) ? result[0] : (result as Tensor);
}

// --- convolutions with a memory -----------------------------------------------------------------------

/** Hidden state and cell, (B, H, rows, columns) each. */
export type ConvState = readonly [h: Tensor, c: Tensor];

/** One step of {@link ConvLSTM2d}. */
export class ConvLSTM2dCell extends Module {
  readonly inChannels: number;
  readonly hiddenChannels: number;
  conv: Conv2d; // I + H → 4H: input, forget, cell and output gates

  constructor(
    inChannels: number,
    hiddenChannels: number,
    kernelSize: number,
    options: { bias?: boolean | undefined } = {},
  ) {
    super();
    this.inChannels = checkCount("ConvLSTM2dCell", "inChannels", inChannels);
    this.hiddenChannels = checkCount("ConvLSTM2dCell", "hiddenChannels", hiddenChannels);
    const both = inChannels + hiddenChannels;
    const { bias = true } = options;
    this.conv = new Conv2d(both, 4 * hiddenChannels, kernelSize, { padding: "same", bias });
  }

  /** x (B, I, rows, columns) → the next state. */
  forward(x: Tensor, [h, c]: ConvState): ConvState {
    return inScope(this, () => {
      const gates = this.conv.forward(cat([x, h], 1)).chunk(4, 1) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const [i, f, o] = [gates[0].sigmoid(), gates[1].sigmoid(), gates[3].sigmoid()];
      const cell = f.mul(c).add(i.mul(gates[2].tanh()));
      return [o.mul(cell.tanh()), cell];
    });
  }

  /** A state of zeros for x (B, I, rows, columns). */
  start(x: Tensor): ConvState {
    const shape = [x.shape[0]!, this.hiddenChannels, ...x.shape.slice(-2)];
    const empty = () => zeros(shape, { dtype: x.dtype });
    return [empty(), empty()];
  }

  override describe(): string {
    return `${this.inChannels} -> ${this.hiddenChannels}`;
  }
}

/**
 * An LSTM whose products are convolutions, for sequences of images (Shi et al. 2015, without peepholes).
 * x (T, B, I, rows, columns) → the hidden states (T, B, H, rows, columns) and the last state.
 */
export class ConvLSTM2d extends Module {
  cell: ConvLSTM2dCell;

  constructor(
    inChannels: number,
    hiddenChannels: number,
    kernelSize: number,
    options: { bias?: boolean | undefined } = {},
  ) {
    super();
    this.cell = new ConvLSTM2dCell(inChannels, hiddenChannels, kernelSize, options);
  }

  forward(x: Tensor, state: ConvState | null = null): [Tensor, ConvState] {
    return inScope(this, () => {
      needTime("ConvLSTM2d", x, 5, "(T, B, C, H, W)");
      const start = state ?? this.cell.start(x.select(0, 0));
      const step = (carry: ConvState, frame: Tensor) => {
        const next = this.cell.forward(frame, carry);
        return [next, next[0]] as const;
      };
      const [last, hidden] = scan(step, start, x);
      return [hidden, last];
    });
  }
}
