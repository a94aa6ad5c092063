// LoRA: a frozen linear layer with a trained product of low rank beside it (Hu et al. 2021).
// Not here: finding the layers of a model that should have one; replace its fields.

import type { Tensor } from "../tensor/tensor.ts";
import { ArgumentError } from "../util/errors.ts";
import { dropout } from "./dropout.ts";
import * as init from "./init.ts";
import { checkCount, Linear, linear } from "./linear.ts";
import { inScope, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface LoRAOptions {
  /** The rank of the product (8). */
  rank?: number | undefined;
  /** The product counts alpha / rank times (alpha 16). */
  alpha?: number | undefined;
  /** The probability with which its inputs are dropped while training. */
  dropout?: number | undefined;
}

/**
 * A linear layer that stays as it is, plus x · Aᵀ · Bᵀ · alpha/rank, which is trained and starts at 0. The
 * names are those of the authors' library: weight, bias, lora_A, lora_B.
 *
 * @example
 * block.q = new nn.LoRALinear(block.q, { rank: 4 });
 */
export class LoRALinear extends Module {
  readonly rank: number;
  readonly scale: number;
  readonly dropout: number;
  weight: Tensor; // (O, I)
  bias: Tensor | null; // (O)
  lora_A: Tensor; // (R, I)
  lora_B: Tensor; // (O, R)

  constructor(layer: Linear, options: LoRAOptions = {}) {
    super();
    if (!(layer instanceof Linear)) {
      throw new ArgumentError("LoRALinear", "takes an nn.Linear, whose values it keeps");
    }
    const { rank = 8, alpha = 16, dropout: p = 0 } = options;
    this.rank = checkCount("LoRALinear", "rank", rank);
    this.scale = alpha / rank;
    this.dropout = p;
    this.weight = layer.weight;
    this.bias = layer.bias;
    for (const kept of [this.weight, this.bias]) if (kept) kept.requiresGrad = false;
    const [O, I] = layer.weight.shape as [number, number];
    this.lora_A = init.kaimingUniform(init.emptyParameter([rank, I]), { a: Math.sqrt(5) });
    this.lora_B = init.emptyParameter([O, rank]);
  }

  forward(x: Tensor): Tensor {
    return inScope(this, () => {
      const low = linear(dropout(x, this.dropout, this.training), this.lora_A); // (…, R)
      return linear(x, this.weight, this.bias).add(linear(low, this.lora_B).mul(this.scale));
    });
  }

  /** One linear layer that computes the same. */
  merged(): Linear {
    const [O, I] = this.weight.shape as [number, number];
    const layer = new Linear(I, O, { bias: this.bias !== null });
    const product = this.lora_B.matmul(this.lora_A).mul(this.scale);
    layer.weight = new Parameter(this.weight.add(product).detach());
    if (this.bias) layer.bias = new Parameter(this.bias.detach());
    return layer;
  }

  override describe(): string {
    return `${this.weight.shape[1]} -> ${this.weight.shape[0]}, rank ${this.rank}`;
  }
}
