// Gated linear units beyond the sigmoid's (Shazeer 2020), and the feed-forward part that language models
// make of them. Not here: GLU itself (activations.ts).

import { gelu, relu, silu } from "../tensor/ops/activations.ts";
import { axisOf, shapeError } from "../tensor/ops/common.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { GLU } from "./activations.ts";
import { type BiasOption, checkCount, checkOptions, Linear } from "./linear.ts";
import { inScope, Module } from "./module.ts";

const gates = { silu, gelu, relu };

/** The activation of a gate. */
export type Gate = keyof typeof gates;

function gated(op: string, x: Tensor, axis: number, gate: Gate): Tensor {
  const at = axisOf(op, axis, x.shape);
  if (x.shape[at]! % 2 !== 0) {
    throw shapeError(op, `axis ${axis} of [${x.shape}] does not halve`);
  }
  const [open, value] = x.chunk(2, at) as [Tensor, Tensor];
  return gates[gate](open).mul(value);
}

/** silu of the first half of an axis times the second half. */
export const swiglu = (x: Tensor, axis = -1): Tensor => gated("swiglu", x, axis, "silu");

/** gelu of the first half of an axis times the second half. */
export const geglu = (x: Tensor, axis = -1): Tensor => gated("geglu", x, axis, "gelu");

/** relu of the first half of an axis times the second half. */
export const reglu = (x: Tensor, axis = -1): Tensor => gated("reglu", x, axis, "relu");

/** {@link swiglu} as a module. (…, 2C) → (…, C). */
export class SwiGLU extends GLU {
  protected override compute(x: Tensor): Tensor {
    return swiglu(x, this.axis);
  }
}

/** {@link geglu} as a module. (…, 2C) → (…, C). */
export class GEGLU extends GLU {
  protected override compute(x: Tensor): Tensor {
    return geglu(x, this.axis);
  }
}

/** {@link reglu} as a module. (…, 2C) → (…, C). */
export class ReGLU extends GLU {
  protected override compute(x: Tensor): Tensor {
    return reglu(x, this.axis);
  }
}

export interface GatedFeedForwardOptions extends BiasOption {
  /** "silu" by default. */
  activation?: Gate | undefined;
}

/**
 * down(act(gate x) · up x), the feed-forward part of Llama and its kin, under their names. Without bias
 * unless asked for.
 *
 * @example
 * new nn.GatedFeedForward(512, 1376).forward(x); // (B, T, 512) → (B, T, 512)
 */
export class GatedFeedForward extends Module {
  readonly activation: Gate;
  gate_proj: Linear; // C → H
  up_proj: Linear; // C → H
  down_proj: Linear; // H → C

  constructor(size: number, hidden: number, options: GatedFeedForwardOptions = {}) {
    super();
    checkOptions(this, options, 'use { activation: "gelu" }');
    const { activation = "silu", bias = false } = options;
    if (!(activation in gates)) {
      const hint = `use one of ${Object.keys(gates).join(", ")}`;
      throw new ArgumentError("GatedFeedForward", `no activation "${activation}"`, { hint });
    }
    checkCount("GatedFeedForward", "size", size);
    checkCount("GatedFeedForward", "hidden", hidden);
    this.activation = activation;
    this.gate_proj = new Linear(size, hidden, { bias });
    this.up_proj = new Linear(size, hidden, { bias });
    this.down_proj = new Linear(hidden, size, { bias });
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const open = gates[this.activation](this.gate_proj.forward(x)); // (…, H)
      return this.down_proj.forward(open.mul(this.up_proj.forward(x))); // (…, C)
    });
  }
}
